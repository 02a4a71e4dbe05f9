from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_bert import LAYERS, WIDTH, edit_json, make_tiny_bert

from encoder.aligned import AlignedEncoder
from encoder.base import ConditionSpace
from encoder.common.errors import InputError
from encoder.minilm import MiniLM
from encoder.paths import HEAD_DIR
from encoder.tuned import DENSE_CONFIG, DENSE_WEIGHTS, INDEX, MODULES, QUERIES, TUNED, Tuned, copy, pool, save

TEXTS = ["pink hair green eyes", "black hair", "red hair and blue eyes and orange hair"]
DIM = 6


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bert(tmp_path_factory.mktemp("aligned") / "encoder")


@pytest.fixture(params=["first", "attention"])
def folder(request: pytest.FixtureRequest, base: Path, tmp_path: Path) -> Path:
    """An aligned encoder of either pooling, with random changes to the last layer of the tiny BERT."""
    generator = torch.Generator().manual_seed(0)
    layers = {
        name: (tensor + 0.3 * torch.randn(tensor.shape, generator=generator)).half()
        for name, tensor in MiniLM.load(base).layer_tensors(LAYERS - 1).items()
    }
    queries = torch.randn(3, WIDTH, generator=generator) if request.param == "attention" else None
    width = WIDTH * (1 if queries is None else 3)
    weight, bias = torch.randn(DIM, width, generator=generator), torch.randn(DIM, generator=generator)
    save(Tuned(layers, weight, bias, queries), tmp_path / "aligned", unit_norm=True, base=base)
    return tmp_path / "aligned"


def test_a_condition_is_a_unit_vector_times_the_root_of_its_size(folder: Path):
    encoder = AlignedEncoder.load(folder)
    c = encoder.encode(TEXTS)
    assert c.shape == (3, encoder.dim) == (3, DIM)
    assert c.dtype == torch.float32
    torch.testing.assert_close(c.square().mean(1), torch.ones(3))
    assert encoder.encode([]).shape == (0, DIM)
    assert encoder.space == ConditionSpace("aligned", f"aligned-{encoder.fingerprint[:12]}")


def test_a_condition_depends_neither_on_case_nor_on_its_batch(folder: Path):
    encoder = AlignedEncoder.load(folder)
    c = encoder.encode(TEXTS)
    for text, row in zip(TEXTS, c, strict=True):
        assert torch.equal(encoder.encode([f"  {text.upper()} "])[0], row)


@pytest.mark.parametrize("folder", ["first"], indirect=True)
def test_sentence_transformers_gives_the_unit_vectors(folder: Path):
    from sentence_transformers import SentenceTransformer

    vectors = SentenceTransformer(str(folder), device="cpu", local_files_only=True).encode(
        TEXTS, convert_to_tensor=True
    )
    torch.testing.assert_close(vectors * math.sqrt(DIM), AlignedEncoder.load(folder).encode(TEXTS), atol=1e-5, rtol=0)


def test_the_fingerprint_and_the_space_follow_the_weights(folder: Path):
    encoder = AlignedEncoder.load(folder)
    fingerprint, space = encoder.fingerprint, encoder.space
    for name in (TUNED, DENSE_WEIGHTS):
        tensors = load_file(folder / name)
        save_file({key: tensor + 1 for key, tensor in tensors.items()}, folder / name)
        changed = AlignedEncoder.load(folder)
        assert changed.fingerprint != fingerprint
        assert changed.space != space
        save_file(tensors, folder / name, metadata={"format": "pt"})


def test_a_copy_elsewhere_finds_the_encoder_and_is_the_same(folder: Path, tmp_path: Path):
    (folder / "README.md").write_text("card")
    copy(folder, tmp_path / "further" / "down")
    copied = AlignedEncoder.load(tmp_path / "further" / "down")
    assert copied.fingerprint == AlignedEncoder.load(folder).fingerprint
    assert torch.equal(copied.encode(TEXTS), AlignedEncoder.load(folder).encode(TEXTS))
    assert (tmp_path / "further" / "down" / "README.md").read_text() == "card"


def test_other_files_of_the_folder_stay(folder: Path, base: Path):
    (folder / "notes.txt").write_text("mine")
    save(Tuned({}, torch.randn(4, WIDTH), torch.randn(4)), folder, unit_norm=True, base=base)
    assert (folder / "notes.txt").read_text() == "mine"
    assert AlignedEncoder.load(folder).dim == 4
    assert not list(folder.rglob("*.tmp"))


@pytest.mark.parametrize("name", [INDEX, TUNED, DENSE_WEIGHTS, DENSE_CONFIG, MODULES])
@pytest.mark.parametrize("damage", ["missing", "cut off"])
def test_a_broken_file_is_named(folder: Path, name: str, damage: str):
    file = folder / name
    content = file.read_bytes()
    file.unlink()
    if damage == "cut off":
        file.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=file.name):
        AlignedEncoder.load(folder)


@pytest.mark.parametrize("name", [TUNED, DENSE_WEIGHTS])
def test_numbers_that_are_not_finite_are_refused(folder: Path, name: str):
    tensors = load_file(folder / name)
    next(iter(tensors.values())).view(-1)[0] = math.nan
    save_file(tensors, folder / name, metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"safetensors: .*not finite"):
        AlignedEncoder.load(folder)


def test_layers_of_another_encoder_are_refused(folder: Path):
    save_file({"encoder.layer.1.output.dense.bias": torch.zeros(7)}, folder / TUNED)
    with pytest.raises(InputError, match="not layers of the encoder"):
        AlignedEncoder.load(folder)


def test_attention_is_the_one_worked_by_hand():
    states = torch.tensor([[[1.0, 0.0], [0.0, 2.0], [9.0, 9.0]]])
    mask = torch.tensor([[True, True, False]])
    queries = torch.tensor([[0.0, 0.0], [math.sqrt(2) * math.log(3), 0.0]])
    # The first query weighs both tokens alike; the second the first one three times as much.
    assert pool(states, mask, queries).tolist() == [pytest.approx([0.5, 1.0, 0.75, 0.5])]
    assert pool(states, mask, None).tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize("folder", ["attention"], indirect=True)
@pytest.mark.parametrize("tensors", [{}, {"queries": torch.zeros(3, WIDTH + 1)}, {"queries": torch.zeros(WIDTH)}])
def test_queries_that_do_not_fit_are_refused(folder: Path, tensors: dict[str, torch.Tensor]):
    save_file(tensors, folder / QUERIES)
    with pytest.raises(InputError, match=r"1_Attention.*not the queries of an attention over"):
        AlignedEncoder.load(folder)


def test_a_missing_encoder_is_named(folder: Path, tmp_path: Path):
    moved = tmp_path / "elsewhere" / "further"
    shutil.copytree(folder, moved)
    index = moved / INDEX
    index.write_text(index.read_text().replace("/encoder/", "/gone/"))
    with pytest.raises(InputError, match=r"names .*model.safetensors, which is not there"):
        AlignedEncoder.load(moved)


def test_another_kind_of_model_is_refused(folder: Path):
    with pytest.raises(InputError, match="not of an aligned encoder"):
        AlignedEncoder.load(HEAD_DIR)
    edit_json(folder / DENSE_CONFIG, activation_function="torch.nn.modules.activation.Tanh")
    with pytest.raises(InputError, match="not of an aligned encoder"):
        AlignedEncoder.load(folder)
    with pytest.raises(InputError, match=r"nowhere: not an aligned encoder .there is no such folder"):
        AlignedEncoder.load(folder / "nowhere")
