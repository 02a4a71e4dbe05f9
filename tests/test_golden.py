"""What may never change: pictures, conditions, keys, splits, and that the files of earlier versions can be read.

``python tests/test_golden.py`` makes ``tests/golden/`` anew, which only a change of a file format on purpose calls for.
Weights are compared exactly within one machine alone, for the arithmetic of processors differs in the last digit.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import lzma
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir, closing
from pathlib import Path
from typing import Any

import pytest
import torch

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1])]
from drawing import draw_face, write_source
from tiny_bert import make_tiny_bert

import infer
import train_cgan
from encoder.attributes.vocabulary import canonical_captions
from encoder.loading import load_encoder, load_source
from gan.data import load_images
from gan.pipeline import TextToFace
from gan.release import ReleaseConfig
from gan.training.state import load_state, save_state

ROOT = Path(__file__).parents[1]
GOLDEN = Path(__file__).parent / "golden"
TEXTS = (
    "pink hair green eyes",
    "A girl with golden locks and eyes like emeralds",
    "long #12806a hair, gold eyes",
    "pink hair, no blue eyes",
)

COMMON = ("--data", "faces", "--batch-size", "4", "--z-dim", "2", "--tick-images", "8")
COMMON += ("--precision", "float32", "--threads", "1")
SMALL = ("--generator", '{"widths": [4, 4, 4, 4], "detail_width": 4, "style_dim": 4}')
SMALL += ("--discriminator", '{"widths": [4, 4, 4, 4, 4], "feature_dim": 4}')
STACKED = ("--architecture", "stackgan1", "--objective", "gan-cls", "--generator", '{"widths": [8, 4, 4, 4]}')
STACKED += ("--discriminator", '{"widths": [4, 4, 4]}')
RUNS = {
    "captions": (*COMMON, *SMALL, "--conditioning", "pooled", "--encoder-path", "bert"),
    "attributes": (*COMMON, *STACKED, "--encoder", "onehot", "--init", "start/snapshot"),
}
"""The runs of whose states after 8 images ``tests/golden`` keeps one each; both are written with these options."""


def write_inputs(folder: Path) -> None:
    """The images and the sentence encoder that the runs read."""
    pairs = list(itertools.product(("blue", "green", "red", "pink"), ("blue", "green", "red", "brown", "black")))
    tags = "".join(f"{i},{hair} hair {eyes} eyes\n" for i, (hair, eyes) in enumerate(pairs))
    images = {f"images/{i}.png": draw_face(*pair, seed=i) for i, pair in enumerate(pairs)}
    write_source(folder / "faces", tags, images)
    make_tiny_bert(folder / "bert", width=8)


def train(run: str, images: int, name: str, *more: str) -> int:
    return train_cgan.main([*RUNS[name], "--run-dir", run, "--max-images", str(images), *more])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the inputs, which is the working directory too."""
    place = tmp_path_factory.mktemp("golden")
    write_inputs(place)
    with chdir(place):
        yield place


def expected() -> dict[str, Any]:
    return json.loads((GOLDEN / "expected.json").read_text("utf-8"))


# -- drawing ---------------------------------------------------------------------------------------------------------


def test_the_shipped_picture_is_drawn_again_byte_for_byte(tmp_path) -> None:
    assert infer.main(["--testing-file", str(ROOT / "testing_tags.txt"), "--out", str(tmp_path / "out.png")]) == 0
    assert (tmp_path / "out.png").read_bytes() == (ROOT / "samples" / "cgan_original.png").read_bytes()


def test_a_picture_depends_on_its_text_and_seed_alone() -> None:
    pipe = TextToFace.from_pretrained("residual-r3gan")
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        together = pipe.draw(TEXTS, [5, 6, 7, 8])
        torch.set_num_threads(2)
        assert torch.equal(pipe.draw(TEXTS[2:0:-1], [7, 6]), together[[2, 1]])
        assert torch.equal(pipe.draw(TEXTS[3:], [8]), together[3:])
    finally:
        torch.set_num_threads(threads)


# -- texts -----------------------------------------------------------------------------------------------------------


def conditions(folder: Path) -> dict[str, Any]:
    """What each encoder makes of ``TEXTS``, by which names its vectors go, and their keys in a cache in ``folder``."""
    result = {}
    for kind, texts in {"head": TEXTS, "pooled": TEXTS[1:2], "onehot": TEXTS[:1]}.items():
        encoder = load_encoder(kind, cache_dir=folder)
        c = encoder.encode(texts)[:, :: 8 if kind == "pooled" else 1]
        names = {"dim": encoder.dim, "space": encoder.space.name, "fingerprint": encoder.fingerprint}
        result[kind] = {**names, "c": [[round(x, 7) for x in row] for row in c.tolist()], "keys": []}
        if kind != "onehot":
            with closing(sqlite3.connect(folder / f"{kind}.sqlite3")) as connection:
                rows = connection.execute("SELECT hex(key), length(vector) FROM vectors ORDER BY key").fetchall()
            result[kind]["keys"] = [list(row) for row in rows]
    return result


def test_conditions_their_names_and_their_keys_in_the_cache(tmp_path) -> None:
    found, kept = conditions(tmp_path), expected()["conditions"]
    for kind in kept:
        c, wanted = (torch.tensor(values[kind].pop("c")) for values in (found, kept))
        torch.testing.assert_close(c, wanted, rtol=1e-6, atol=2e-7)
    assert found == kept


@pytest.mark.parametrize("kind", ["head", "pooled"])
def test_the_shipped_cache_holds_the_canonical_captions(kind, tmp_path) -> None:
    load_source(kind, cached=True, cache_dir=tmp_path).encode(list(canonical_captions()))
    assert list(tmp_path.iterdir()) == []  # nothing was encoded


# -- data and releases -----------------------------------------------------------------------------------------------


def split_of(folder: Path) -> dict[str, Any]:
    data, _ = load_images([folder / "faces"], split="all", progress=False)
    pixels = hashlib.sha256(data.images[:].numpy().tobytes())
    return {"digest": data.digest, "splits": list(data.splits), "pixels": pixels.hexdigest()}


def test_images_their_digest_and_their_split(folder) -> None:
    assert split_of(folder) == expected()["data"]


@pytest.mark.parametrize("name", ["residual-r3gan", "avatars", "emoji"])
def test_a_shipped_config_is_read_as_it_is(name) -> None:
    path = ROOT / "pretrained" / name
    kept = json.loads((path / "config.json").read_text("utf-8"))
    read = json.loads(json.dumps(dataclasses.asdict(ReleaseConfig.read(path))))
    assert read == {**read, **{key: value for key, value in kept.items() if key in read}}
    assert kept.keys() - read.keys() == {"training"}


def test_a_config_of_the_first_releases_is_read(tmp_path) -> None:
    network = {"architecture": "residual", "z_dim": 64, "c_dim": 25, "network": {"widths": [8, 8, 8, 8]}}
    conditioning = {"kind": "head", "dim": 25, "space": "attributes-c0ffee00"}
    config = {**network, "conditioning": conditioning, "sources": ["extra"], "training": {"of": "old"}, "note": "x"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "generator.safetensors").touch()
    read = ReleaseConfig.read(tmp_path)
    assert (read.c_dim, read.sources, read.guidance, read.palette, read.images_seen) == (25, ("extra",), 1, {}, 0)


# -- training --------------------------------------------------------------------------------------------------------


def restored(folder: Path, name: str) -> str:
    """A folder with a state of ``tests/golden``."""
    run = folder / f"kept-{name}"
    run.mkdir()
    (run / "state.pt").write_bytes(lzma.decompress((GOLDEN / f"{name}.pt.xz").read_bytes()))
    return run.name


def flat(state: dict[str, Any]) -> torch.Tensor:
    """All weights of a state, one after the other."""
    return torch.cat([tensor.flatten() for name in ("G", "D", "G_ema") for tensor in state[name].values()])


def test_a_run_goes_on_bit_by_bit_and_so_does_one_of_an_earlier_version(folder, capsys) -> None:
    """An unbroken run, one that is stopped and resumed, and one from the state that the repository keeps."""
    assert train("unbroken", 16, "captions") == 0
    assert train("broken", 8, "captions") == 0
    kept = restored(folder, "captions")
    before = flat(load_state(folder / "broken"))
    # The space names the mean of the vectors to the last bit, in which processors differ. Earlier versions encoded in
    # float64, as ``live`` does.
    assert train("exact", 8, "captions", "--encoder", "live") == 0
    save_state(folder / kept, {**load_state(folder / kept), "space": load_state(folder / "exact")["space"]})
    for run in ("broken", kept):
        assert train(run, 16, "captions", "--resume") == 0
    unbroken, broken, earlier = (load_state(folder / run) for run in ("unbroken", "broken", kept))
    assert torch.equal(flat(broken), flat(unbroken))
    assert (flat(earlier) - flat(unbroken)).norm() < 0.3 * (flat(unbroken) - before).norm()
    for state in (broken, earlier):
        assert torch.equal(state["generator"], unbroken["generator"])
        assert torch.equal(state["order"], unbroken["order"])
        assert [state[name] for name in ("cur_nimg", "d_step", "data")] == [
            unbroken[name] for name in ("cur_nimg", "d_step", "data")
        ]
    assert broken["space"] == unbroken["space"]


def test_a_run_of_attributes_that_began_from_a_release_goes_on(folder, capsys) -> None:
    run = restored(folder, "attributes")
    assert train(run, 16, "attributes", "--resume", "--lr", "0.5") == 2
    assert "cannot resume with changed settings (lr: 0.0002 -> 0.5)" in capsys.readouterr().err
    assert train(run, 16, "attributes", "--resume") == 0
    state = load_state(folder / run)
    assert (state["cur_nimg"], state["images_before"]) == (16, 4)
    drawn = hashlib.sha256(state["generator"].numpy().tobytes() + state["order"].numpy().tobytes()).hexdigest()
    assert drawn == expected()["drawn"]
    assert ReleaseConfig.read(folder / run / "snapshot").images_seen == 20


# -- commands --------------------------------------------------------------------------------------------------------


def test_help_and_early_errors_import_no_torch() -> None:
    program = (
        "import sys, runpy\nfor arguments in (['--help'], ['--nonsense'], ['--testing-file', 'nowhere.txt']):\n"
        "    sys.argv = ['infer.py', *arguments]\n"
        "    try: runpy.run_path('infer.py', run_name='__main__')\n"
        "    except SystemExit as stop: print('status', stop.code)\n"
        "print([name for name in ('torch', 'PIL', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("status ")] == ["status 0", "status 2", "status 2"]
    assert lines[-1] == "[]"
    assert "Traceback" not in done.stderr


def test_bad_input_is_one_line_and_status_2(tmp_path, capsys) -> None:
    missing = str(tmp_path / "nothing")
    for main in (infer.main, train_cgan.main):
        option = "--testing-file" if main is infer.main else "--data"
        assert main([option, missing]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def make() -> None:
    """Write ``tests/golden`` anew."""
    os.environ["TEXT2FACE_CACHE"] = tempfile.mkdtemp()
    with tempfile.TemporaryDirectory() as name, chdir(name):
        place = Path(name)
        write_inputs(place)
        start = [option for option in RUNS["attributes"] if option not in ("--init", "start/snapshot")]
        assert train_cgan.main([*start, "--run-dir", "start", "--max-images", "4"]) == 0
        for run in RUNS:
            assert train(run, 8, run) == 0
            (GOLDEN / f"{run}.pt.xz").write_bytes(lzma.compress((place / run / "state.pt").read_bytes()))
        assert train("attributes", 16, "attributes", "--resume") == 0
        state = load_state(place / "attributes")
        drawn = hashlib.sha256(state["generator"].numpy().tobytes() + state["order"].numpy().tobytes()).hexdigest()
        (place / "keys").mkdir()
        values = {"conditions": conditions(place / "keys"), "data": split_of(place), "drawn": drawn}
        (GOLDEN / "expected.json").write_text(json.dumps(values) + "\n")


if __name__ == "__main__":
    make()
