from __future__ import annotations

import json
import math
import random
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_bert import make_tiny_bert

from encoder import train_head as module
from encoder.align import OUTPUT as ALIGNED
from encoder.attributes.head import HeadEncoder, condition
from encoder.attributes.reader import AttributeEncoder
from encoder.attributes.space import COLOUR_DIM, COLOUR_SPACE, DIM, stated_values
from encoder.attributes.vocabulary import COLOUR_SLOTS, HAIR_COLOURS, SLOTS
from encoder.common.errors import InputError
from encoder.evaluate_head import SUITES, Suite, measure_colours
from encoder.language import grammar
from encoder.paths import ENCODER_DIR, HEAD_DIR
from encoder.train_head import OUTPUT, HeadConfig, _loss, save, train, training_captions
from encoder.tuned import DENSE, INDEX, TUNED

TEXTS = [
    "pink hair green eyes",
    "a face",
    "A girl with crimson hair, emerald eyes and a very long blue scarf over her coat",
]


@pytest.fixture(scope="module")
def head() -> HeadEncoder:
    return HeadEncoder.load(HEAD_DIR)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the shipped head beside the encoder that it builds on."""
    shutil.copytree(HEAD_DIR, tmp_path / "head")
    (tmp_path / "encoder").symlink_to(ENCODER_DIR)
    return tmp_path / "head"


def test_a_condition_holds_the_probability_of_every_value(head: HeadEncoder):
    c = head.encode(TEXTS)
    assert c.shape == (3, COLOUR_DIM) == (3, head.dim)
    assert c.dtype == torch.float32
    assert c[:, :DIM].min() >= 0
    assert c[:, :DIM].max() <= 1
    assert c[:, DIM:].abs().max() <= 3
    assert head.encode([]).shape == (0, head.dim)


@pytest.fixture(scope="module")
def quick_head() -> HeadEncoder:
    """In float32, which is the same in the fifth digit."""
    return HeadEncoder.load(HEAD_DIR, torch.float32)


def test_canonical_captions_are_read_sharply(quick_head: HeadEncoder):
    captions = grammar.canonical()
    c = quick_head.encode([caption.text for caption in captions])[:, :DIM]
    targets = torch.stack([caption.target for caption in captions])
    assert c[targets == 1].min() > 0.97
    assert c[targets == 0].max() < 0.03


def test_swapped_colours_are_told_apart(head: HeadEncoder):
    one, other = head.space.read(head.encode(["green hair and blue eyes", "blue hair and green eyes"]))
    assert list(stated_values(one).values())[:2] == ["green", "blue"]
    assert list(stated_values(other).values())[:2] == ["blue", "green"]


def test_an_unstated_attribute_is_a_slot_of_zeros(head: HeadEncoder):
    (c,) = head.encode(["a girl with green hair in a red dress"])
    hair, eyes = c[: len(HAIR_COLOURS)], c[len(HAIR_COLOURS) : DIM - 2]
    assert hair[HAIR_COLOURS.index("green")] > 0.9
    assert eyes.max() < 0.1


def test_a_condition_depends_neither_on_case_nor_on_its_batch(head: HeadEncoder):
    c = head.encode(TEXTS)
    for text, row in zip(TEXTS, c, strict=True):
        assert torch.equal(head.encode([f"  {text.upper()} "])[0], row)


@pytest.mark.parametrize("suite", [pytest.param(suite, id=name) for name, suite in SUITES.items() if suite.target])
def test_held_out_captions_are_understood(quick_head: HeadEncoder, suite: Suite):
    results = suite.results(AttributeEncoder(quick_head), suite.captions(200, seed=2))
    assert sum(results) / len(results) >= suite.target - 0.05  # of 200 captions: two or three standard errors


def test_understanding_is_counted_by_hair_and_eyes():
    suite = SUITES["single attributes"]
    caption = grammar.Caption("", {"hair": {"red": 0.5, "orange": 0.5}, "eyes": {}, "length": {}})
    c = torch.zeros(25)
    assert not suite.understood(caption, c)
    c[HAIR_COLOURS.index("orange")] = 0.9
    assert suite.understood(caption, c)
    c[12] = 0.9  # gray eyes, which nobody asked for
    assert not suite.understood(caption, c)


def test_suites_are_the_same_every_time():
    suite = SUITES["distractor colours"]
    assert suite.captions(5) == suite.captions(5)
    assert suite.captions(5) != suite.captions(5, seed=2)


def test_sentence_transformers_gives_the_same_vectors(head: HeadEncoder):
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(HEAD_DIR), device="cpu", local_files_only=True)
    c = condition(model.encode(TEXTS, convert_to_tensor=True))
    torch.testing.assert_close(c, head.encode(TEXTS), atol=1e-5, rtol=0)


def test_the_fingerprint_follows_the_weights_and_the_space_does_not(head: HeadEncoder, copy: Path):
    assert HeadEncoder.load(copy).fingerprint == head.fingerprint
    for file in (copy / TUNED, copy / DENSE / "model.safetensors"):
        tensors = load_file(file)
        save_file({name: tensor + 1 for name, tensor in tensors.items()}, file)
        changed = HeadEncoder.load(copy)
        assert changed.fingerprint != head.fingerprint
        assert changed.space == head.space == COLOUR_SPACE
        save_file(tensors, file, metadata={"format": "pt"})


def test_a_missing_file_is_named(copy: Path):
    (copy / INDEX).unlink()
    with pytest.raises(InputError, match=f"not a conditioning head .it has no {INDEX}"):
        HeadEncoder.load(copy)


def test_a_head_for_other_attributes_is_refused(copy: Path):
    file = copy / DENSE / "model.safetensors"
    save_file({"linear.weight": torch.zeros(7, 384), "linear.bias": torch.zeros(7)}, file)
    with pytest.raises(InputError, match="other attributes"):
        HeadEncoder.load(copy)


def test_training_is_deterministic_and_is_saved_as_trained(tmp_path: Path):
    base = make_tiny_bert(tmp_path / "encoder")
    config = HeadConfig(steps=2, batch_size=4, frozen=1)
    first, second = train(config, base), train(config, base)
    assert all(torch.equal(first.layers[name], second.layers[name]) for name in first.layers)
    assert torch.equal(first.weight, second.weight)
    assert {name.split(".")[2] for name in first.layers} == {"1"}

    (tmp_path / "head").mkdir()
    (tmp_path / "head" / "README.md").write_text("card")
    save(first, tmp_path / "head", base)
    loaded = HeadEncoder.load(tmp_path / "head")
    assert loaded.encode(TEXTS).shape == (3, 25)
    assert (tmp_path / "head" / "README.md").read_text() == "card"
    assert not list(tmp_path.glob("*.new"))
    index = json.loads((tmp_path / "head" / INDEX).read_text())["weight_map"]
    assert {name for name, file in index.items() if file == TUNED} == set(first.layers)


@pytest.mark.parametrize("arguments", [["--steps", "0"], ["--steps", "-1"], ["--frozen", "-1"], ["--out", "p"]])
def test_the_command_refuses_before_it_touches_anything(tmp_path: Path, monkeypatch, capsys, arguments: list[str]):
    (tmp_path / "p" / "photos").mkdir(parents=True)
    (tmp_path / "p" / "thesis.txt").write_text("thesis")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "train", lambda *_: pytest.fail("trained"))
    monkeypatch.setattr(module, "save", lambda *_: pytest.fail("saved"))
    monkeypatch.setattr("sys.argv", ["train_head", *arguments])
    try:
        assert module.main() == 2
    except SystemExit as caught:
        assert caught.code == 2
    words = r"--(steps|frozen) is .*; it must be an integer|holds photos, which is no output of encoder\.train_head"
    assert re.search(words, capsys.readouterr().err)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["p", "photos", "thesis.txt"]
    OUTPUT.check(HEAD_DIR)  # the shipped one is an output


def test_a_layer_must_be_left_to_train():
    with pytest.raises(InputError, match=r"frozen is 6; .* has 6 layers"):
        train(HeadConfig(steps=1, frozen=6))


def test_a_head_and_an_aligned_encoder_do_not_replace_each_other(tmp_path: Path):
    with ALIGNED.held(tmp_path):
        (tmp_path / TUNED).write_text("")
    with pytest.raises(InputError, match=r"holds an output of encoder\.align, not of encoder\.train_head"):
        OUTPUT.check(tmp_path)


def test_a_head_of_colours_begins_with_the_shipped_one_and_is_saved_as_trained(tmp_path: Path, head: HeadEncoder):
    config = HeadConfig(steps=1, batch_size=4, colours=True, init=HEAD_DIR, lr=1e-30)
    trained = train(config)
    save(trained, tmp_path)
    loaded = HeadEncoder.load(tmp_path)
    assert (loaded.dim, loaded.space) == (COLOUR_DIM, COLOUR_SPACE)
    assert all(torch.equal(tensor, head.tuned.layers[name]) for name, tensor in trained.layers.items())
    c = loaded.encode(TEXTS)
    assert c.shape == (3, COLOUR_DIM)
    torch.testing.assert_close(
        c[:, :DIM], head.encode(TEXTS)[:, :DIM], atol=0.05, rtol=0
    )  # its linear map took one step

    again = train(replace(config, init=tmp_path))
    assert again.weight.shape == trained.weight.shape
    assert train(replace(config, init=tmp_path, colours=False)).weight.shape == (DIM, head.tuned.weight.shape[1])


def test_a_colour_has_its_whole_range_and_is_zeros_where_it_is_not_stated():
    shares = torch.full((2, COLOUR_DIM), 0.5)
    shares[0, DIM:] = torch.tensor([1, 0, 0.5, 1, 0, 1, 1, 1])
    c = condition(shares)
    assert c[0, DIM:].tolist() == [1, -3, 0, 3, 0, 0, 0, 0]
    assert torch.equal(c[:, :DIM], shares[:, :DIM])
    assert torch.equal(condition(shares[:, :DIM]), shares[:, :DIM])


def test_colours_that_no_list_knows_are_left_out_of_the_loss():
    captions = [
        grammar.Caption("", {slot: {} for slot in SLOTS}, looks)
        for looks in ({"hair": None}, {"hair": (0.6, 0.0, 0.0)}, {})
    ]
    logits = torch.zeros(1, COLOUR_DIM)
    unknown, known, plain = (_loss(logits, [caption]).item() for caption in captions)
    assert known == pytest.approx(plain)  # at zero a head says "perhaps", and the middle of all colours
    assert unknown == pytest.approx(plain - math.log(2))
    logits[0, DIM + 1] = 2.0
    assert _loss(logits, captions[:1]).item() == pytest.approx(unknown)
    assert _loss(logits, captions[1:2]).item() > known + 0.5


def test_colours_are_measured_by_their_distance():
    class Perfect:
        def encode(self, texts: list[str]) -> torch.Tensor:
            suites = [
                Suite(words=dict(words).copy).captions(20, seed=3)
                for words in ({"plain": 0.0, "colours": named}, {"plain": 1.0})
            ]
            captions = {caption.text: caption for suite in suites for caption in suite}
            rows = [torch.cat([captions[text].target, captions[text].exact_colours.nan_to_num()]) for text in texts]
            return torch.stack(rows)

    named = {slot: {"navy": {"blue": 1.0}, "coral": {"pink": 1.0}} for slot in COLOUR_SLOTS}
    result = measure_colours(Perfect(), named, 40)
    assert result.told == 1
    assert result.missed == 0
    assert len(result.distances) > 20
    assert result.distances.max() < 1e-6


def test_training_captions_cover_every_value_and_nothing_stated():
    captions = training_captions(random.Random(0))
    targets = torch.stack([next(captions).target for _ in range(1500)])
    assert (targets.sum(0) > 10).all()
    assert (targets.sum(1) == 0).sum() > 50
