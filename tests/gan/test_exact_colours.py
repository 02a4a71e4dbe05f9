from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import HashEncoder

from encoder.attributes.colour import NUMBERS, from_hex, oklab, to_hex
from encoder.attributes.palette import nearest
from encoder.attributes.reader import in_space
from encoder.attributes.space import COLOUR_SPACE, VALUE_SPACE, colour_numbers, value_shares
from encoder.attributes.vocabulary import EYE_COLOURS, HAIR_COLOURS
from encoder.common import weights
from encoder.loading import load_encoder
from encoder.paths import HEAD_DIR
from encoder.train_head import HeadConfig, save, train
from gan.faces.classifier import load_classifier
from gan.faces.localiser import Colours, distance
from gan.pipeline import TextToFace, guide
from gan.training.batches import Order
from gan.training.conditions.faces import AttributeConditions, ExactColours, rare_first
from gan.training.conditions.measurements import measurements
from gan.training.config import TrainingConfig


def lab(*colours: tuple[int, int, int]) -> torch.Tensor:
    return torch.from_numpy(oklab(np.array(colours) / 255)).float()


RED, NAVY, SKY, WHITE = lab((200, 20, 30), (10, 10, 90), (130, 190, 240), (255, 255, 255))


def test_a_colour_is_four_numbers_and_zeros_where_none_is_asked_for() -> None:
    c = colour_numbers(torch.stack([RED, NAVY])[None], torch.tensor([[True, False]]))
    assert c.shape == (1, 8)
    assert c[0, 0] == 1
    assert c[0, 1:4].tolist() == pytest.approx([4 * (RED[0].item() - 0.6), 8 * RED[1].item(), 8 * RED[2].item()])
    assert c[0, 4:].tolist() == [0] * 4


def test_a_colour_has_the_values_that_its_name_is_drawn_as() -> None:
    hair, eyes = value_shares(torch.stack([torch.stack([RED, NAVY])]))
    assert HAIR_COLOURS[hair[0].argmax()] == "red"
    assert EYE_COLOURS[eyes[0].argmax()] == "blue"
    assert hair.sum() == pytest.approx(1)


def test_a_head_of_values_states_no_exact_colour() -> None:
    head = in_space(load_encoder("head"), VALUE_SPACE.name)
    encoder = in_space(head, COLOUR_SPACE.name)
    c = encoder.encode(["pink hair green eyes"])
    assert (encoder.dim, encoder.space) == (33, COLOUR_SPACE)
    assert torch.equal(c[:, :25], head.encode(["pink hair green eyes"]))
    assert not c[:, 25:].any()
    assert encoder.space.labels(c).tolist() == [[8, 8, 0]]
    c[0, 25:29] = torch.tensor([1.0, 0.3, 0.2, -0.5])
    null = encoder.space.null(c)
    assert torch.equal(null[:, 25:], c[:, 25:])  # an exact colour stays what it is
    assert encoder.space.warnings_for(["pink hair green eyes"], encoder.space.read(c)) == []


def test_an_encoder_of_another_space_stays_as_it_is() -> None:
    onehot, tiny = load_encoder("onehot"), HashEncoder()
    for space in (VALUE_SPACE, COLOUR_SPACE):
        assert in_space(onehot, space.name) is onehot
        assert in_space(tiny, space.name) is tiny


@pytest.mark.parametrize("scale", [1.0, 1.5, 3.0])
def test_guidance_asks_for_purer_values_and_for_the_very_same_colour(scale: float) -> None:
    encoder = in_space(in_space(load_encoder("head"), VALUE_SPACE.name), COLOUR_SPACE.name)
    c = encoder.encode(["pink hair green eyes"] * 2)
    c[0, 25:29] = colour_numbers(WHITE[None, None], torch.tensor([[True]]))[0]
    guided = guide(c, encoder.space.null(c), scale)
    torch.testing.assert_close(guided[:, 25:], c[:, 25:])
    assert (guided[:, 7] - c[:, 7] >= (scale - 1) / 2).all()  # pink hair


def exact(count: int = 200, seed: int = 0) -> tuple[torch.Tensor, Colours]:
    generator = torch.Generator().manual_seed(seed)
    attributes = torch.randint(1, 11, (count, 3), generator=generator).clamp(max=torch.tensor([12, 11, 2]))
    lab = torch.rand(count, 2, 3, generator=generator) * torch.tensor([0.8, 0.3, 0.3]) + torch.tensor(
        [0.2, -0.15, -0.15]
    )
    sure = torch.rand(count, 2, generator=generator) < 0.9
    return attributes, Colours(lab, sure, torch.full((count, 2), 100))


def conditions(chance: float, drop: float = 0.0) -> tuple[AttributeConditions, Colours]:
    attributes, colours = exact()
    config = TrainingConfig(wordings=1, drop_attributes=drop, colours=chance)
    return AttributeConditions(attributes, load_encoder("head"), config, colours=colours), colours


def test_the_right_text_states_the_faces_own_colour_and_the_wrong_one_another() -> None:
    drawn, colours = conditions(0.7)
    rows = torch.arange(200)
    texts = drawn.draw(rows, torch.Generator().manual_seed(0))
    assert texts.c.shape == texts.c_wrong.shape == (200, 33)
    own = colour_numbers(colours.lab, colours.sure).unflatten(1, (2, NUMBERS))
    right, wrong = (c[:, 25:].unflatten(1, (2, NUMBERS)) for c in (texts.c, texts.c_wrong))
    stated = right[..., 0] == 1
    assert 0.5 < stated.float().mean() < 0.75
    assert not (stated & ~colours.sure).any()
    assert torch.allclose(right[stated], own[stated])
    assert not right[~stated].any()
    assert torch.equal(wrong[..., 0], right[..., 0])  # what is asked of, not whether
    changed = (wrong != right).any(-1)
    assert 0.3 < changed[stated].float().mean() < 0.8
    away = ((wrong - right)[..., 1:] / torch.tensor([4.0, 8.0, 8.0]))[changed]
    assert (distance(away, torch.zeros(3)) > ExactColours.LEAST - 1e-4).float().mean() > 0.99
    assert (texts.c != texts.c_wrong).any(1).all()


def test_values_of_near_colours_are_alike_and_one_that_no_face_has_is_like_none() -> None:
    wanted = [HAIR_COLOURS.index(name) for name in ("red", "blue", "aqua", "white")]
    hair = torch.stack([RED, NAVY, SKY, WHITE]).repeat(2, 1)
    attributes = torch.tensor([[1 + value, 0, 0] for value in wanted] * 2)
    sure = torch.tensor([[True, False]] * 7 + [[False, False]])  # the last is not sure, and counts for nothing
    hair[7] = RED
    known = Colours(torch.stack([hair, hair], 1), sure, torch.zeros(8, 2))
    table, eyes = ExactColours(known, attributes).likeness()
    red, _, aqua, _ = table[wanted][:, wanted]
    assert aqua[3] > 10 * max(aqua[0], aqua[1])  # sky blue is near white, and far from red and from navy
    assert torch.allclose(table[wanted][:, wanted], table[wanted][:, wanted].T)
    assert red[1].item() == pytest.approx(torch.exp(-distance(RED, NAVY) / 0.05).item(), abs=2e-6)
    others = [value for value in range(12) if value not in wanted]
    assert (table[others] == 1e-6).all() and (eyes == 1e-6).all()


def test_the_palette_is_of_what_was_measured() -> None:
    drawn, colours = conditions(0.5)
    assert set(drawn.palette) == {"hair", "eyes"}
    for i, slot in enumerate(("hair", "eyes")):
        measured = colours.lab[colours.sure[:, i], i]
        within = (from_hex(to_hex(lab.numpy())) for lab in measured[:20])  # some of these colours no screen has
        assert max(nearest(drawn.palette[slot], lab) for lab in within) < 0.1
    assert AttributeConditions(drawn.attributes, load_encoder("head"), TrainingConfig(wordings=1)).palette == {}


def test_a_stated_colour_comes_with_its_value_or_without_or_with_a_mixture() -> None:
    drawn, _ = conditions(0.99)
    texts = drawn.draw(torch.arange(200), torch.Generator().manual_seed(0))
    stated = texts.c[:, 25] == 1
    hair = texts.c[stated][:, :12]
    empty = hair.amax(1) < 0.1
    caption = hair.argmax(1) + 1 == drawn.attributes[stated, 0]
    assert 0.2 < empty.float().mean() < 0.5
    assert 0.25 < (caption & ~empty).float().mean() < 0.6
    assert (hair.sum(1) < 1.2).all()


def test_conditions_come_from_the_generator_alone() -> None:
    drawn, _ = conditions(0.5, drop=0.1)
    a, b, other = (drawn.draw(torch.arange(50), torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(a.c, b.c) and torch.equal(a.c_wrong, b.c_wrong)
    assert not torch.equal(a.c, other.c)


def test_rare_colours_are_shown_more_often_but_not_too_often() -> None:
    attributes = torch.tensor([[1, 1, 0]] * 90 + [[2, 1, 0]] * 90 + [[3, 1, 0]] * 10 + [[4, 1, 0]] + [[5, 1, 0]] * 90)
    weights = rare_first(attributes, 5.0)
    assert weights[:180].tolist() == [1] * 180
    assert weights[180].item() == pytest.approx((90 / 10) ** 0.5)
    assert weights[190].item() == 5
    assert rare_first(torch.tensor([[0, 2, 0], [1, 2, 0]]), 5.0).tolist() == [1, 1]  # an unknown colour is not rare


def test_an_epoch_holds_each_row_as_often_as_it_weighs() -> None:
    weights = torch.tensor([1.0, 2.0, 2.5, 1.0])
    order = Order(4, 1, torch.Generator().manual_seed(0), weights)
    counts = torch.zeros(4)
    for _ in range(200):
        counts += torch.bincount(order.epoch(), minlength=4)
    assert counts[[0, 1, 3]].tolist() == [200, 400, 200]
    assert counts[2].item() / 200 == pytest.approx(2.5, abs=0.1)


def test_what_is_known_of_faces_is_kept_with_the_run(drawn_faces, tmp_path) -> None:
    faces, path = drawn_faces[:20], tmp_path / "faces.safetensors"
    encoder = load_encoder("head")
    found = measurements(faces, encoder, path)
    assert found.colours.lab.shape == (20, 2, 3)

    class Untouched(HashEncoder):
        def encode(self, texts, **_settings):
            raise AssertionError("encoded again")

    kept = measurements(faces, Untouched(), path)
    assert all(map(torch.equal, (*found.colours, found.vectors), (*kept.colours, kept.vectors)))
    path.write_bytes(path.read_bytes()[:-100])
    assert torch.equal(measurements(faces, encoder, path).colours.lab, found.colours.lab)  # damaged: found again
    assert len(measurements(faces[:10], encoder, path).colours.lab) == 10  # of other faces


RELEASE = Path(__file__).parents[2] / "pretrained" / "residual-r3gan"


@pytest.fixture(scope="module")
def head_of_colours(tmp_path_factory) -> Path:
    """A head of 33 numbers that reads values as the shipped one."""
    folder = tmp_path_factory.mktemp("head")
    save(train(HeadConfig(steps=1, batch_size=2, colours=True, init=HEAD_DIR, lr=1e-30)), folder)
    return folder


@pytest.fixture
def release_of_values(tmp_path: Path) -> Path:
    """The released generator without the eight numbers of exact colours."""
    config = json.loads((RELEASE / "config.json").read_text())
    config |= {"c_dim": 27, "conditioning": {"kind": "head", "dim": 25, "space": VALUE_SPACE.name}, "palette": {}}
    tensors = weights.load(RELEASE / "generator.safetensors")
    embed = tensors["embed.0.weight"]
    tensors["embed.0.weight"] = torch.cat([embed[:, :25], embed[:, 33:]], dim=1)
    folder = tmp_path / "release"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    weights.save(tensors, folder / "generator.safetensors")
    return folder


def test_a_release_of_values_draws_with_a_head_that_knows_colours(release_of_values, head_of_colours: Path) -> None:
    pipeline = TextToFace.from_pretrained(release_of_values, encoder_path=head_of_colours, dtype=torch.float32)
    texts = ["navy hair", "pink hair, green eyes"]
    whole = load_encoder("head", head_of_colours)
    assert (whole.dim, pipeline.encoder.dim) == (33, 25)
    torch.testing.assert_close(pipeline.conditions(texts)[:, :25], whole.encode(texts)[:, :25])
    assert pipeline.draw(texts, [0, 1]).shape == (2, 3, 64, 64)
    assert pipeline.read(["navy hair"])[0].warnings


def test_a_colour_that_is_denied_is_not_drawn() -> None:
    pipeline, classifier = TextToFace.from_pretrained(RELEASE, dtype=torch.float32), load_classifier()

    def eyes(text: str) -> list[int]:
        return classifier.read(pipeline.draw([text] * 32, range(32))).eyes.bincount(minlength=12).tolist()

    hair = "blue hair"
    open_eyes = eyes(hair)
    common = open_eyes.index(max(open_eyes))
    assert open_eyes[common] > 8
    denied = eyes(f"{hair}, no {EYE_COLOURS[common - 1]} eyes")
    assert denied[common] == 0
    assert sum(count > 0 for count in denied) >= 8
    assert max(denied) <= 10
    ends = ["white hair, no green eyes", "red hair"]
    way = pipeline.interpolate(pipeline.conditions(ends), seed=3, steps=3)
    assert torch.equal(way, pipeline.interpolate(ends, seed=3, steps=3))
    with pytest.raises(ValueError, match="1 conditions and 3 steps; give two"):
        pipeline.interpolate(ends[0], steps=3)
    assert (way[::2].int() - pipeline.draw(ends, [3, 3]).int()).abs().max() <= 1


def test_the_way_from_a_denied_colour_is_straight() -> None:
    pipeline, seen = TextToFace.from_pretrained(RELEASE, dtype=torch.float32), []
    pipeline.G.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[1]))
    pipeline.interpolate(pipeline.conditions(["white hair, no green eyes", "red hair"]), seed=3, steps=3)
    start, middle, end = seen[0]
    assert start[12:23].max() == 1
    torch.testing.assert_close(middle, (start + end) / 2)
