"""The light runner is the same model as the library runs, and says what is wrong with a folder that it cannot run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_bert import HEADS, MAX_LENGTH, WIDTH, edit_json, make_tiny_bert, write_json

from encoder import minilm
from encoder.common.errors import InputError
from encoder.minilm import MiniLM, UnsupportedModelError
from encoder.paths import ENCODER_DIR, ENCODER_FINGERPRINT

TEXTS = [
    "long pink hair green eyes",
    "A girl with flowing BLUE hair and very red eyes, standing in front of a green house!",
    "",
    "émigré 東京 ½ unbelievableness 🌸",
    "x",
    "word " * 400,
    "brown hair\tblack eyes",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_tiny_bert(tmp_path / "tiny")


def library_embeddings(folder: Path, texts: list[str]) -> torch.Tensor:
    os.environ["HF_HUB_OFFLINE"] = "1"
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    return model.encode(texts, convert_to_tensor=True, show_progress_bar=False)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bundled_model_equals_the_library(dtype: torch.dtype) -> None:
    embeddings = MiniLM.load(ENCODER_DIR, dtype).pooled(TEXTS)
    torch.testing.assert_close(embeddings.float(), library_embeddings(ENCODER_DIR, TEXTS), rtol=0, atol=1e-5)


def test_any_bert_equals_the_library_and_so_does_its_resaved_folder(folder: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    expected = library_embeddings(folder, TEXTS)
    torch.testing.assert_close(MiniLM.load(folder).pooled(TEXTS), expected, rtol=0, atol=1e-5)
    resaved = tmp_path / "resaved"  # the library writes its newer format
    SentenceTransformer(str(folder), device="cpu", local_files_only=True).save(str(resaved))
    torch.testing.assert_close(MiniLM.load(resaved).pooled(TEXTS), expected, rtol=0, atol=1e-5)


def test_library_loads_a_fresh_clone_of_the_bundled_folder(tmp_path: Path) -> None:
    # Git keeps no empty folder, so a clone lacks the 2_Normalize that modules.json names.
    clone = tmp_path / "clone"
    shutil.copytree(ENCODER_DIR, clone, ignore=shutil.ignore_patterns("2_Normalize"))
    norms = library_embeddings(clone, TEXTS[:2]).norm(dim=1)
    torch.testing.assert_close(norms, torch.ones(2))


def test_tokens_have_one_state_a_token_and_padding_is_masked(folder: Path) -> None:
    states, mask = MiniLM.load(folder).tokens(["pink hair", "long pink hair green eyes"])
    assert states.shape == (2, 7, WIDTH) and states.dtype == torch.float32
    assert mask.tolist() == [[True] * 4 + [False] * 3, [True] * 7]


def test_attention_has_the_heads_of_the_configuration(folder: Path) -> None:
    before = MiniLM.load(folder).pooled(["pink hair"])
    edit_json(folder / "config.json", num_attention_heads=HEADS // 2)
    assert not torch.allclose(MiniLM.load(folder).pooled(["pink hair"]), before, atol=1e-3)


def test_float64_embeddings_do_not_depend_on_the_batch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "_BATCH_TOKENS", 60)
    for path in (folder, ENCODER_DIR):
        model = MiniLM.load(path, torch.float64)
        together = model.pooled(TEXTS).float()
        assert torch.equal(together, torch.cat([model.pooled([text]) for text in TEXTS]).float())
        assert torch.equal(together.flip(0), model.pooled(TEXTS[::-1]).float())


def test_float64_embeddings_do_not_depend_on_the_threads() -> None:
    model = MiniLM.load(ENCODER_DIR, torch.float64)
    threads = torch.get_num_threads()
    try:
        results = []
        for count in (1, 2):
            torch.set_num_threads(count)
            results.append(model.pooled(TEXTS).float())
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(*results)


def test_every_text_is_read_once_in_its_place_and_batches_stay_small(folder: Path) -> None:
    model = MiniLM.load(folder)
    texts = ["pink hair", "word " * 50] * 200
    shapes = []

    def count_tokens(_states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        shapes.append(mask.shape)
        return mask.sum(1, keepdim=True)

    lengths = model.read(texts, count_tokens)
    assert lengths.squeeze(1).tolist() == [len(ids) for ids in model.token_ids(texts)]
    assert max(shape.numel() for shape in shapes) <= 2048  # rows times tokens: what bounds the memory
    assert max(tokens for _, tokens in shapes) == MAX_LENGTH


def test_long_text_is_cut_and_no_text_is_no_rows(folder: Path) -> None:
    model = MiniLM.load(folder)
    cut, longer = model.pooled(["pink " * (MAX_LENGTH - 2), "pink " * 20_000])
    assert torch.equal(cut, longer)
    assert model.pooled([]).shape == (0, WIDTH)


def test_half_precision_weights_are_read(tmp_path: Path) -> None:
    half = MiniLM.load(make_tiny_bert(tmp_path / "half", dtype=torch.float16)).pooled(["pink hair"])
    full = MiniLM.load(make_tiny_bert(tmp_path / "full")).pooled(["pink hair"])
    torch.testing.assert_close(half, full, rtol=0, atol=1e-2)


def test_fingerprint_follows_the_contents_and_not_the_place(folder: Path, tmp_path: Path) -> None:
    fingerprint = MiniLM.load(folder).fingerprint
    moved = shutil.copytree(folder, tmp_path / "moved")
    assert MiniLM.load(moved).fingerprint == fingerprint
    assert MiniLM.load(make_tiny_bert(tmp_path / "other", seed=1)).fingerprint != fingerprint
    edit_json(moved / "sentence_bert_config.json", max_seq_length=8)
    assert MiniLM.load(moved).fingerprint != fingerprint


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json", "modules.json"])
@pytest.mark.parametrize("damage", ["missing", "truncated", "empty"])
def test_missing_or_damaged_file_is_named(folder: Path, name: str, damage: str) -> None:
    path = folder / name
    data = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(data[: len(data) // 2] if damage == "truncated" else b"")
    with pytest.raises(InputError) as caught:
        MiniLM.load(folder).pooled(["pink hair"])
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_config_of_the_wrong_type_is_an_input_error(folder: Path) -> None:
    edit_json(folder / "config.json", num_hidden_layers="many")
    with pytest.raises(InputError, match=r"config\.json"):
        MiniLM.load(folder)
    write_json(folder / "config.json", ["a", "list"])
    with pytest.raises(InputError, match=r"config\.json"):
        MiniLM.load(folder)


def test_shape_that_contradicts_the_weights_is_an_input_error(folder: Path) -> None:
    edit_json(folder / "config.json", hidden_size=2 * WIDTH)
    with pytest.raises(InputError, match=r"model\.safetensors"):
        MiniLM.load(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"config.json": {"model_type": "mpnet"}},
        {"config.json": {"hidden_act": "relu"}},
        {"config.json": {"num_hidden_layers": 3}},
        {"1_Pooling/config.json": {"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}},
        {"config_sentence_transformers.json": {"default_prompt_name": "query"}},
    ],
)
def test_model_of_another_kind_is_refused(folder: Path, changes: dict[str, dict[str, object]]) -> None:
    (folder / "config_sentence_transformers.json").write_text("{}", encoding="utf-8")
    for name, change in changes.items():
        edit_json(folder / name, **change)
    with pytest.raises(UnsupportedModelError):
        MiniLM.load(folder)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("config.json", {"num_hidden_layers": -1}, "num_hidden_layers is -1; it must be an integer from 1"),
        ("config.json", {"num_hidden_layers": 0}, "num_hidden_layers is 0"),
        ("config.json", {"num_hidden_layers": 1}, "not of the sizes that config.json gives"),
        ("config.json", {"num_attention_heads": 0}, "num_attention_heads is 0; it must be"),
        ("config.json", {"num_attention_heads": 5}, "num_attention_heads is 5; it must divide hidden_size, 32"),
        ("config.json", {"max_position_embeddings": 2}, "max_position_embeddings is 2; it must be"),
        ("config.json", {"layer_norm_eps": 0}, "layer_norm_eps is 0; it must be a number"),
        ("sentence_bert_config.json", {"max_seq_length": 1}, "max_seq_length is 1; it must be an integer of 3 or more"),
        ("sentence_bert_config.json", {"max_seq_length": "16"}, "max_seq_length is '16'"),
        ("tokenizer_config.json", {"model_max_length": -5}, "model_max_length is -5"),
    ],
)
def test_settings_out_of_range_are_named(folder: Path, name: str, changes: dict, message: str) -> None:
    edit_json(folder / name, **changes)
    with pytest.raises(InputError) as caught:
        MiniLM.load(folder)
    assert message in str(caught.value)


def test_a_limit_of_the_tokenizer_may_be_huge(folder: Path) -> None:
    edit_json(folder / "sentence_bert_config.json", max_seq_length=None)
    edit_json(folder / "tokenizer_config.json", model_max_length=10**30)
    assert MiniLM.load(folder).max_length == 24


def test_weights_that_are_not_finite_are_refused(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["embeddings.word_embeddings.weight"][3, 4] = float("nan")
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(InputError, match=r"model\.safetensors: embeddings\.word_\S+ holds numbers that are not finite"):
        MiniLM.load(folder).pooled(["pink hair"])


def test_the_bundled_folder_is_as_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MiniLM.load(ENCODER_DIR).fingerprint == ENCODER_FINGERPRINT
    damaged = shutil.copytree(ENCODER_DIR, tmp_path / "encoder")
    with open(damaged / "model.safetensors", "r+b") as file:
        file.seek(50_000_000)
        file.write(b"\0")
    monkeypatch.setattr(minilm, "ENCODER_DIR", damaged)
    model = MiniLM.load(damaged)
    for use in (lambda: model.fingerprint, lambda: model.pooled(["pink hair"])):
        with pytest.raises(InputError, match="a file of it is damaged or not the published one"):
            use()
