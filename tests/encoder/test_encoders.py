from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save as safetensors_save
from tiny_bert import WIDTH, edit_json, make_tiny_bert

from encoder import loading as package
from encoder.attributes.vocabulary import EYE_COLOURS, HAIR_COLOURS, Attributes, canonical_captions
from encoder.common.errors import InputError
from encoder.loading import KINDS, Dtype, cache_name, load_encoder, load_source
from encoder.minilm import MiniLM
from encoder.paths import ENCODER_DIR, ROOT
from encoder.pooled import STATISTICS_FILE, load_statistics, statistics_of
from encoder.tuned import Tuned, save

TEXTS = ["pink hair green eyes", "a girl whose locks are the colour of the sky", "  RED hair ", "red hair", "x"]


@pytest.fixture(autouse=True)
def user_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test has a user cache of its own."""
    monkeypatch.setenv("TEXT2FACE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a socket was opened")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(f"socket.{name}", refuse)


def own_folder(tmp_path: Path) -> Path:
    """A model that the light runner does not run: it pools by the first token."""
    folder = make_tiny_bert(tmp_path / "own")
    edit_json(folder / "1_Pooling" / "config.json", pooling_mode_mean_tokens=False, pooling_mode_cls_token=True)
    return folder


@pytest.fixture(scope="module")
def aligned_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fitted encoder on the bundled one: its last layer as published, and a random map."""
    base = MiniLM.load(ENCODER_DIR)
    layers = {name: tensor.half() for name, tensor in base.layer_tensors(base.layers - 1).items()}
    generator = torch.Generator().manual_seed(0)
    tuned = Tuned(layers, torch.randn(8, base.dim, generator=generator), torch.zeros(8))
    save(tuned, folder := tmp_path_factory.mktemp("aligned") / "aligned", unit_norm=True)
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_keeps_the_protocol(kind: str, no_network: None, aligned_folder: Path) -> None:
    path = aligned_folder if kind == "aligned" else None
    statistics = torch.ones(2, 8, dtype=torch.float64) if path else None  # or all canonical captions are encoded
    encoder = load_encoder(kind, path, statistics=statistics)
    texts = ["pink hair green eyes", "blue hair", "PINK hair  green eyes"]
    c = encoder.encode(texts)
    assert (encoder.space.kind, c.shape, c.dtype) == (kind, (3, encoder.dim), torch.float32)
    assert torch.equal(c[0], c[2]) and torch.equal(c[0], c[1]) == (kind == "none")
    int(encoder.fingerprint, 16)
    assert encoder.encode([]).shape == (0, encoder.dim)
    null = encoder.space.null(c)
    assert null.shape == c.shape
    torch.testing.assert_close(encoder.space.null(null), null)
    labels = encoder.space.labels(c)
    assert (labels is None) == (encoder.space.class_sizes == ())
    if labels is not None:
        pink_green, blue = Attributes("pink", "green").indices, Attributes("blue").indices
        assert labels.tolist() == [[*pink_green], [*(blue if kind == "head" else (0, 0, 0))], [*pink_green]]
    assert encoder.space.warnings_for(texts[:2], encoder.space.read(c[:2])) == []
    again = load_encoder(kind, path, statistics=statistics)
    assert (again.fingerprint, again.space) == (encoder.fingerprint, encoder.space)


@pytest.mark.parametrize("kind", ["head", "pooled"])
def test_live_is_cached_bit_for_bit(kind: str, user_cache: Path, no_network: None) -> None:
    live = load_encoder(kind, cached=False).encode(TEXTS)
    assert not user_cache.exists()
    first = load_encoder(kind).encode(TEXTS)  # fills the cache
    assert (user_cache / cache_name(kind)).is_file()
    found = torch.cat([load_encoder(kind).encode([text]) for text in TEXTS])  # reads it
    assert torch.equal(live, first) and torch.equal(live, found)


@pytest.mark.parametrize("make", [make_tiny_bert, None], ids=["run lightly", "run by the library"])
def test_encoder_path_takes_other_models(make, tmp_path: Path, no_network: None) -> None:
    folder = own_folder(tmp_path) if make is None else make(tmp_path / "own")
    live = load_encoder("pooled", path=folder, cached=False).encode(TEXTS)
    encoder = load_encoder("pooled", path=folder)
    assert torch.equal(encoder.encode(TEXTS), live)
    assert torch.equal(load_encoder("pooled", path=folder).encode(TEXTS[::-1]), live.flip(0))
    assert encoder.dim == WIDTH
    assert encoder.space != load_encoder("pooled").space


def test_pooled_is_standard_over_the_canonical_captions(no_network: None) -> None:
    c = load_encoder("pooled").encode(list(canonical_captions()))
    assert c.shape == (468, 384)
    torch.testing.assert_close(c.mean(0), torch.zeros(384), rtol=0, atol=1e-5)
    dead = torch.zeros(384, dtype=torch.bool)
    dead[[127, 223, 319]] = True  # numbers that are 0 in every embedding of this model, and must not be blown up
    torch.testing.assert_close(c.std(0, correction=0), (~dead).float(), rtol=0, atol=2e-3)


def test_onehot_is_one_of_132_pairs() -> None:
    encoder = load_encoder("onehot")
    pairs = [f"{hair} hair {eyes} eyes" for hair in HAIR_COLOURS for eyes in EYE_COLOURS]
    assert torch.equal(encoder.encode(pairs), torch.eye(132))
    assert torch.equal(encoder.encode(["long pink hair green eyes"]), encoder.encode(["pink hair green eyes"]))
    assert encoder.encode(["pink hair", "green eyes", "a face"]).count_nonzero() == 0
    with pytest.raises(InputError, match="a girl with pink hair"):
        encoder.encode(["pink hair green eyes", "a girl with pink hair"])


def test_cache_dir_comes_before_the_environment(tmp_path: Path, user_cache: Path) -> None:
    load_encoder("pooled", cache_dir=tmp_path / "given").encode(["something new"])
    assert (tmp_path / "given" / "pooled.sqlite3").is_file()
    assert not user_cache.exists()


def test_cached_texts_do_not_touch_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    load_encoder("pooled").encode(["something new"])

    def refuse(*args: object) -> None:
        raise AssertionError("the model was run")

    monkeypatch.setattr("encoder.minilm.MiniLM._states", refuse)
    load_encoder("pooled").encode(["something new", *canonical_captions()])
    with pytest.raises(AssertionError, match="the model was run"):
        load_encoder("pooled").encode(["something else"])


def test_unwritable_cache_gives_the_vectors_and_one_warning(tmp_path: Path, monkeypatch, caplog) -> None:
    expected = load_encoder("pooled").encode(TEXTS)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TEXT2FACE_CACHE", str(tmp_path / "file" / "cache"))
    encoder = load_encoder("pooled")
    assert torch.equal(encoder.encode(TEXTS), expected)
    assert torch.equal(encoder.encode(TEXTS), expected)
    assert len(caplog.records) == 1


def test_damaged_shipped_cache_gives_the_same_vectors(tmp_path: Path, monkeypatch, caplog) -> None:
    expected = load_encoder("head").encode(TEXTS)
    shipped = tmp_path / "shipped"
    shutil.copytree(package.SHIPPED_CACHE_DIR, shipped)
    data = (shipped / "head.sqlite3").read_bytes()
    (shipped / "head.sqlite3").write_bytes(data[: len(data) // 3])
    monkeypatch.setattr(package, "SHIPPED_CACHE_DIR", shipped)
    assert torch.equal(load_encoder("head", cache_dir=tmp_path / "empty").encode(TEXTS), expected)
    assert len(caplog.records) == 1 and "shipped" in caplog.text


def test_statistics_of_the_data_standardise_and_make_another_space(tmp_path: Path) -> None:
    texts = ["a cat", "a dog", "two birds"]
    raw = load_source("pooled").encode(texts)
    statistics = statistics_of(raw)
    encoder = load_encoder("pooled", statistics=statistics)
    c = encoder.encode(texts)
    alive = raw.std(0, correction=0) > 1e-6
    torch.testing.assert_close(c.mean(0), torch.zeros(384), atol=1e-5, rtol=0)
    torch.testing.assert_close(c.std(0, correction=0)[alive], torch.ones(int(alive.sum())), atol=1e-4, rtol=0)
    assert encoder.space != load_encoder("pooled").space
    encoder.save(tmp_path)
    again = load_encoder("pooled", statistics=load_statistics(tmp_path / STATISTICS_FILE))
    assert again.space == encoder.space
    assert torch.equal(again.encode(texts), c)
    assert encoder.space.labels(c) is None and torch.equal(encoder.space.null(c), torch.zeros(3, 384))


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("bfloat16", 0.05)])
@pytest.mark.parametrize("kind", ["head", "pooled", "aligned"])
def test_fast_vectors_are_nearly_the_exact_ones_and_are_kept_apart(
    kind: str, dtype: Dtype, tolerance: float, user_cache, aligned_folder: Path
) -> None:
    path = aligned_folder if kind == "aligned" else None
    texts = ["a cat on a mat", "two birds"]
    vectors = load_source(kind, path, cached=True, dtype=dtype).encode(texts)
    assert [path.name for path in user_cache.iterdir()] == [f"{kind}-{dtype}.sqlite3"]
    assert torch.equal(load_source(kind, path, cached=True, dtype=dtype).encode(texts), vectors)
    exact = load_source(kind, path).encode(texts)
    assert vectors.dtype == torch.float32
    assert 0 < (vectors - exact).norm() < tolerance * exact.norm()


@pytest.mark.parametrize("kind", ["head", "pooled", "onehot"])
def test_the_default_dtype_of_the_process_changes_no_vector(kind: str) -> None:
    texts = ["blue hair red eyes"]
    texts += [] if kind == "onehot" else ["#12806a hair, dusty rose eyes", "green hair, no blue eyes, #aa3060 bow"]
    encoder = load_encoder(kind)
    expected = encoder.encode(texts)
    statistics = encoder.statistics if kind == "pooled" else None  # or all canonical captions are encoded
    assert expected.dtype == torch.float32
    before = torch.get_default_dtype()
    try:
        for default in (torch.float64, torch.float16):
            torch.set_default_dtype(default)
            assert torch.equal(load_encoder(kind, cached=False, statistics=statistics).encode(texts), expected)
            assert torch.equal(load_encoder(kind).encode(texts), expected)
            assert load_encoder(kind).encode([]).dtype == torch.float32
    finally:
        torch.set_default_dtype(before)


def test_a_run_keeps_its_vectors_though_the_other_caches_go(user_cache: Path, tmp_path: Path) -> None:
    own = tmp_path / "run" / "captions.sqlite3"
    texts = ["a cat on a mat", "two birds", "pink hair green eyes"]
    load_source("pooled", cached=True, dtype="bfloat16").encode(texts[:1])  # an earlier run has cached it
    vectors = load_source("pooled", cached=True, dtype="bfloat16", own_cache=own).encode(texts)
    shutil.rmtree(user_cache)
    again = load_source("pooled", cached=True, dtype="float32", own_cache=own)  # another CPU
    assert torch.equal(again.encode(texts), vectors)
    assert not user_cache.exists()


def test_a_text_in_another_script_is_remarked_on() -> None:
    space = load_encoder("pooled").space
    texts = ["a cat", "猫の顔", "un été à Paris"]
    (remark,) = space.warnings_for(texts, space.read(torch.zeros(3, 384)))
    assert remark.startswith("'猫の顔': the text encoder was trained on English")


@pytest.mark.parametrize("content", [b"", b"junk", "other", "nan", "zero"])
def test_broken_statistics_are_refused(tmp_path: Path, content) -> None:
    path = tmp_path / STATISTICS_FILE
    good = torch.ones(2, 4, dtype=torch.float64)
    tensors = {"other": {"x": good}, "nan": {"statistics": good * float("nan")}, "zero": {"statistics": good * 0}}
    path.write_bytes(content if isinstance(content, bytes) else safetensors_save(tensors[content]))
    with pytest.raises(InputError, match=r"statistics\.safetensors: (not the|the weights cannot|.* not finite)"):
        load_statistics(path)


def test_bad_requests(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="head, pooled, aligned, onehot"):
        load_encoder("bag of words")
    with pytest.raises(InputError, match="absent"):
        load_encoder("pooled", path=tmp_path / "absent")
    with pytest.raises(InputError, match="leave it out"):
        load_encoder("onehot", path=ENCODER_DIR)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"modules\.json"):
        load_encoder("pooled", path=tmp_path / "empty")


def test_model_that_the_library_cannot_load_is_an_input_error(tmp_path: Path, no_network: None) -> None:
    folder = own_folder(tmp_path)
    (folder / "config.json").write_text('{"model_type": "no such model"}')
    with pytest.raises(InputError, match="own: sentence-transformers cannot load it") as caught:
        load_encoder("pooled", path=folder).encode(["pink hair"])
    assert "\n" not in str(caught.value)


def test_importing_is_light() -> None:
    """The path of a cached text imports torch and little else; the package itself not even torch."""
    code = """
import sys
import encoder.loading, encoder.attributes.vocabulary, encoder.files, encoder.common.errors
assert "torch" not in sys.modules
encoder.loading.load_encoder("pooled").encode(["pink hair green eyes"])
heavy = {"transformers", "sentence_transformers", "tokenizers", "huggingface_hub", "pandas", "scipy", "sklearn"}
assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()
encoder.loading.load_encoder("pooled").encode(["a text that is in no cache"])
heavy.remove("tokenizers")
heavy.discard("huggingface_hub")  # tokenizers imports it
assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=os.environ, check=True)
