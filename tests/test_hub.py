"""A release as a whole folder and on the Hugging Face Hub, which is a server of the tests' own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from forked import Forked, run_text
from hub_server import TOKEN, Hub, serving
from safetensors.torch import save_file
from tiny_bert import LAYERS, WIDTH, make_tiny_bert

from encoder import tuned
from encoder.attributes.head import HeadEncoder
from encoder.common.errors import InputError
from encoder.loading import load_encoder
from encoder.minilm import MiniLM
from encoder.paths import ENCODER_DIR, HEAD_DIR
from encoder.pooled import STATISTICS_FILE, load_statistics, save_statistics
from gan.drawing.publish import card
from gan.networks import build_generator
from gan.pipeline import TextToImage
from gan.release import DEFAULT_MODEL, PRETRAINED, ReleaseConfig, encoder_folder, find_release, release_name

ROOT = Path(__file__).parents[1]

DIM = 6
NETWORK = {"widths": [8, 8, 8, 8], "detail_width": 8, "style_dim": 8}
TEXTS = ["pink hair", "green eyes", "a girl whom no cache has met"]
WHOLE = {
    ".made-by", "README.md", "config.json", "generator.safetensors", "encoder/model.safetensors.index.json",
    "encoder/base/model.safetensors", "encoder/base/tokenizer.json", f"encoder/{STATISTICS_FILE}",
}  # fmt: skip


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generator of little weights, with a fitted text encoder that builds on a tiny BERT somewhere else."""
    folder = tmp_path_factory.mktemp("hub") / "shapes"
    base = make_tiny_bert(folder.parent / "elsewhere" / "encoder")
    generator = torch.Generator().manual_seed(0)
    layers = {name: (tensor * 1.1).half() for name, tensor in MiniLM.load(base).layer_tensors(LAYERS - 1).items()}
    fitted = tuned.Tuned(layers, torch.randn(DIM, WIDTH, generator=generator), torch.randn(DIM, generator=generator))
    own = folder / "encoder"
    tuned.save(fitted, own, unit_norm=True, base=base)
    save_statistics(own / STATISTICS_FILE, torch.tensor([[0.0] * DIM, [1.0] * DIM], dtype=torch.float64))
    space = load_encoder("aligned", own, statistics=load_statistics(own / STATISTICS_FILE)).space.name
    config = {
        "architecture": "residual", "z_dim": 4, "c_dim": DIM, "sources": ["shapes"], "network": NETWORK,
        "conditioning": {"kind": "aligned", "dim": DIM, "space": space}, "training": {"data": ["shapes.zip"]},
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        G = build_generator("residual", z_dim=4, c_dim=DIM, **NETWORK)
    save_file(G.state_dict(), folder / "generator.safetensors")
    return folder


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving() as hub:
        yield hub


def python(program: str, *args: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a process that knows the test's hub: the library reads its address once, when imported."""
    clean = dict.fromkeys(name for name in os.environ if name.startswith(("HF_", "TRANSFORMERS_")))
    with contextlib.chdir(ROOT):
        process = Forked(run_text, program, *args, **{**clean, "HF_HUB_DISABLE_PROGRESS_BARS": "1", **environment})
    written = process.wait()
    return subprocess.CompletedProcess(args, process.returncode or 0, *written)


PUSH = """
import sys
from gan.pipeline import TextToImage
print(TextToImage.from_pretrained(sys.argv[1]).push_to_hub(sys.argv[2], token=sys.argv[3]))
"""
DRAW = """
import sys, numpy as np
from gan.pipeline import TextToImage
model, out, revisions, *texts = sys.argv[1:]
for revision in revisions.split(","):
    pipe = TextToImage.from_pretrained(model, revision=revision or None)
    np.save(f"{out}{revision}.npy", pipe.draw(texts, seeds=range(len(texts))).numpy())
    print(pipe.name)
"""
COMMANDS = """
import sys
from gan.draw import main
for model in sys.argv[2:]:
    print(main(["--model", model, "--text", "red hair", "--quiet", "--out", sys.argv[1]]))
"""


def test_what_is_pushed_is_whole_and_draws_the_same_anywhere(release: Path, hub: Hub, tmp_path: Path) -> None:
    here = {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "home"), "TEXT2FACE_CACHE": str(tmp_path / "cache")}
    done = python(PUSH, release, "tester/shapes", TOKEN, **here)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{hub.address}/tester/shapes\n"
    assert set(hub.repos["tester/shapes"][0]) >= WHOLE - {".made-by"}
    assert ".made-by" not in hub.repos["tester/shapes"][0]

    import numpy as np

    expected = TextToImage.from_pretrained(release).draw(TEXTS, seeds=range(3)).numpy()
    moved = release.rename(release.with_name("gone"))  # the copy needs neither the release nor what that builds on
    elsewhere = (release.parent / "elsewhere").rename(release.parent / "gone too")
    try:
        offline = {**here, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "1"}
        for name, revisions, environment in (("online", ",v1", here), ("offline", "", offline)):  # without a token
            done = python(DRAW, "tester/shapes", tmp_path / name, revisions, *TEXTS, **environment)
            assert done.returncode == 0, done.stderr
            for revision in revisions.split(","):
                assert np.array_equal(np.load(tmp_path / f"{name}{revision}.npy"), expected)
            assert done.stdout == "shapes\n" * len(revisions.split(","))
        done = python(COMMANDS, tmp_path / "cli.png", "tester/shapes", **here)
        assert (done.stdout, done.stderr) == ("0\n", "")
        assert (tmp_path / "cli.png").is_file()
    finally:
        moved.rename(release)
        elsewhere.rename(release.parent / "elsewhere")


NOT_DOWNLOADED = "tester/one: no such folder here, and it could not be downloaded from the Hub ("


@pytest.mark.parametrize(
    ("environment", "lines"),
    [
        (
            {},
            {
                "tests/one": "tests/one: no such model folder; give another one",  # "tests" is there: no hub is asked
                "nowhere": "nowhere: no such model folder; give another one",
                "tester/none": "tester/none: no such folder here, and no such model on the hub, or a private one; ",
                "tester/one@v9": "tester/one@v9: the hub's model has no such revision; give another, or none",
                "tester/one": "config.json is missing, so this is not a released model",
            },
        ),
        ({"HF_HUB_OFFLINE": "1"}, {"tester/one": f"{NOT_DOWNLOADED}there"}),
        ({"HF_ENDPOINT": "http://127.0.0.1:9"}, {"tester/one": NOT_DOWNLOADED}),
    ],
)
def test_a_model_that_cannot_be_had_is_one_line(hub: Hub, tmp_path: Path, environment, lines) -> None:
    hub.repos["tester/one"] = [{"README.md": b"no model"}]
    here = {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path), **environment}
    done = python(COMMANDS, tmp_path / "a.png", *lines, **here)
    assert done.stdout == "2\n" * len(lines)
    for line, message in zip(done.stderr.splitlines(), lines.values(), strict=True):
        assert line.startswith("error: ")
        assert message in line
    assert not any("tests/one" in path for path in hub.asked)


def test_pushing_without_a_token_is_one_line(release: Path, hub: Hub, monkeypatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.address)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with pytest.raises(InputError, match=r"^tester/shapes: cannot be pushed to the hub \(.*\); check the name"):
        TextToImage.from_pretrained(release).push_to_hub("tester/shapes", token="wrong")
    assert hub.asked and hub.repos == {}


# -- whole folders -----------------------------------------------------------------------------------------------------


def test_a_saved_folder_is_replaced_and_another_is_left_alone(release: Path, tmp_path: Path) -> None:
    pipe = TextToImage.from_pretrained(release)
    for _ in range(2):
        assert pipe.save_pretrained(tmp_path / "copy") == tmp_path / "copy"
    files = {
        path.relative_to(tmp_path / "copy").as_posix() for path in (tmp_path / "copy").rglob("*") if path.is_file()
    }
    assert files >= WHOLE
    again = TextToImage.from_pretrained(tmp_path / "copy")
    assert again.encoder.fingerprint == pipe.encoder.fingerprint
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match=r"thesis\.txt, which is no output of save_pretrained"):
        pipe.save_pretrained(tmp_path / "mine")
    with pytest.raises(InputError, match="not made by from_pretrained, so there is no release"):
        TextToImage(pipe.G, pipe.config, pipe.encoder).save_pretrained(tmp_path / "none")


def test_the_fitted_encoder_of_a_whole_folder_is_a_sentence_transformer(release: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    pipe = TextToImage.from_pretrained(release)
    own = pipe.save_pretrained(tmp_path / "copy") / "encoder"
    vectors = SentenceTransformer(str(own), device="cpu", local_files_only=True).encode(TEXTS, convert_to_tensor=True)
    torch.testing.assert_close(DIM**0.5 * vectors, pipe.conditions(TEXTS).float(), atol=1e-5, rtol=0)


def test_an_encoder_that_is_damaged_within_a_release_is_named(release: Path, tmp_path: Path) -> None:
    folder = TextToImage.from_pretrained(release).save_pretrained(tmp_path / "copy")
    weights = folder / "encoder" / "base" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-100] ^= 1
    weights.write_bytes(data)
    with pytest.raises(InputError, match=r"encoder/base: a file of it is damaged, or of another encoder; restore it"):
        TextToImage.from_pretrained(folder).draw(["a"], seeds=0)


def test_the_shipped_head_stands_alone_and_what_sentence_transformers_saves_is_read(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    shipped = HeadEncoder.load(HEAD_DIR)
    expected = shipped.encode(TEXTS)
    tuned.copy(HEAD_DIR, tmp_path / "alone", alone=True)
    alone = HeadEncoder.load(tmp_path / "alone")
    assert alone.fingerprint == shipped.fingerprint
    assert torch.equal(alone.encode(TEXTS), expected)
    model = SentenceTransformer(str(tmp_path / "alone"), device="cpu", local_files_only=True)
    model.save_pretrained(str(tmp_path / "theirs"))
    theirs = HeadEncoder.load(tmp_path / "theirs")
    torch.testing.assert_close(theirs.encode(TEXTS), expected, atol=1e-6, rtol=0)
    assert theirs.space == shipped.space
    tuned.copy(tmp_path / "theirs", tmp_path / "copy")
    assert torch.equal(HeadEncoder.load(tmp_path / "copy").encode(TEXTS), theirs.encode(TEXTS))


def test_an_encoder_is_looked_for_within_then_beside_then_among_the_shipped(tmp_path: Path) -> None:
    release = tmp_path / "release"
    assert encoder_folder(release, "head") == HEAD_DIR
    assert encoder_folder(release, "pooled") == ENCODER_DIR
    assert encoder_folder(release, "onehot") is None
    assert encoder_folder(release, "aligned") == release / "encoder"
    for place in (tmp_path / "head", release / "encoder"):
        place.mkdir(parents=True)
        (place / "modules.json").write_text("[]")
        assert encoder_folder(release, "head") == place


def test_shipped_models_have_names(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_release("residual-r3gan") == DEFAULT_MODEL
    assert release_name(DEFAULT_MODEL) == "residual-r3gan"
    assert release_name(tmp_path / "models--owner--name" / "snapshots" / "abc") == "name"
    with pytest.raises(InputError, match="encoder: no such model folder"):
        find_release("encoder")
    with pytest.raises(InputError, match="revision v1 goes with a model of the hub"):
        find_release("emoji", "v1")


@pytest.mark.parametrize("name", ["residual-r3gan", "avatars", "emoji"])
def test_a_shipped_card_says_on_the_hub_what_its_table_says(name: str) -> None:
    from huggingface_hub import ModelCard

    folder = PRETRAINED / name
    data = ModelCard(card(folder, ReleaseConfig.read(folder))).data
    assert (data.license, data.pipeline_tag, data.library_name) == ("mit", "text-to-image", "text-to-face-cgan")
    assert data.base_model == "sentence-transformers/all-MiniLM-L6-v2"
    assert data.datasets
    assert data["widget"][0]["text"]
    rows = {
        cells[1].strip(): cells[2].strip()
        for line in (folder / "README.md").read_text("utf-8").splitlines()
        if len(cells := line.split("|")) > 3
    }
    assert data.eval_results and len(data.eval_results) >= 6
    for result in data.eval_results:
        shown = rows[str(result.metric_name).removesuffix(", %")]
        assert float(shown.split()[0]) == result.metric_value
        assert shown.split()[1].startswith("%") == str(result.metric_name).endswith(", %")


def test_the_card_of_an_own_run_is_made(release: Path, tmp_path: Path) -> None:
    from huggingface_hub import ModelCard

    results = "| | mine | real |\n|---|---|---|\n| own caption found | 64.0 % [59.8, 67.9] | 63.2 % [1, 2] |\n"
    (tmp_path / "results.md").write_text(results)
    made = ModelCard(card(release, ReleaseConfig.read(release), license="cc0-1.0", scores=tmp_path / "results.md"))
    assert made.data.license == "cc0-1.0"
    assert made.data.datasets == ["shapes"]
    (score,) = made.data.eval_results
    assert (score.metric_type, score.metric_value, score.dataset_name) == ("own_caption_found", 64.0, "shapes")
    assert 'TextToImage.from_pretrained("shapes")' in made.text
    assert results in made.text
