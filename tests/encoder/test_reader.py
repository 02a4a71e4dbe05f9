from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from encoder.attributes.colour import from_hex, scale, to_hex, unscale
from encoder.attributes.reader import AVOIDED, AttributeEncoder
from encoder.attributes.space import COLOUR_DIM, DIM, VALUE_SPACE, AttributeSpace, stated_values
from encoder.attributes.vocabulary import COLOUR_SLOTS, SLOTS, Attributes, canonical_captions
from encoder.base import Reading
from encoder.loading import load_encoder, load_source
from encoder.paths import HEAD_DIR
from gan.pipeline import guide

GUESS = np.array([0.5, 0.1, 0.1])


class PlainHead:
    """Reads the word before "hair" and "eyes": a plain colour as itself, any other one as an exact "blue"."""

    fingerprint, space = "0f", AttributeSpace("head", "plain")

    def __init__(self, dim: int):
        self.dim = dim
        self.read: list[str] = []

    def encode(self, texts: Sequence[str], *, progress: bool = False) -> torch.Tensor:
        self.read += texts
        c = torch.zeros(len(texts), COLOUR_DIM)
        for row, text in zip(c, texts, strict=True):
            for i, (slot, start) in enumerate(zip(COLOUR_SLOTS, (0, len(SLOTS["hair"])), strict=True)):
                match = re.search(rf"(\w+)-? ?(?:hair and )?{slot}", text)
                if match and match[1] not in SLOTS["length"]:
                    plain = match[1] in SLOTS[slot]
                    row[start + SLOTS[slot].index(match[1] if plain else "blue")] = 1.0
                    stated = 0.01 if plain else 0.9
                    row[DIM + 4 * i : DIM + 4 * i + 4] = stated * torch.tensor([1.0, *scale(GUESS)])
        return c[:, : self.dim]


def read(c: torch.Tensor) -> list[Reading]:
    """What one condition states."""
    return VALUE_SPACE.read(c[None])[0]


def attributes(c: torch.Tensor) -> Attributes:
    return Attributes(**stated_values(read(c)))


def looks(c: torch.Tensor) -> list[str | None]:
    """The colours of hair and eyes that a condition of 33 numbers asks for."""
    return [
        to_hex(unscale(numbers[1:].double().numpy())) if numbers[0] else None
        for numbers in c[DIM:].unflatten(0, (2, 4))
    ]


@pytest.mark.parametrize("dim", [DIM, COLOUR_DIM])
def test_canonical_captions_are_read_by_the_head_alone(dim: int):
    head = PlainHead(dim)
    captions = list(canonical_captions())
    c = AttributeEncoder(head).encode(captions)
    assert head.read == captions
    assert torch.equal(c[:, :DIM], PlainHead(DIM).encode(captions))
    assert not c[:, DIM:].any()


def test_the_shipped_head_gives_a_text_without_marks_and_figures_the_vector_that_it_gave():
    texts = ["pink hair green eyes", "A girl with crimson hair, emerald eyes and a very long blue scarf", "quux"]
    encoder = load_encoder("head", cached=False)
    head = load_source("head")
    assert torch.equal(encoder.encode(texts)[:, :DIM], head.encode(texts)[:, :DIM])
    assert (encoder.dim, encoder.space) == (head.dim, head.space)
    assert encoder.fingerprint != head.fingerprint  # since other texts have other vectors


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1girl blonde_hair blue_eyes hair_ornament solo", Attributes("blonde", "blue")),
        ("(blue_hair:1.3), (red_eyes:0.8), red_ribbon", Attributes("blue", "red")),
        ("#12806a hair, #ff0000 eyes", Attributes("aqua", "red")),
        ("a girl with rgb(250, 250, 250) hair in a #00ff00 dress", Attributes("white")),
        ("hsl(0, 0%, 5%) eyes, pink hair", Attributes("pink", "black")),
    ],
)
def test_the_shipped_head_reads_tags_and_figures(text: str, expected: Attributes):
    assert HEAD_DIR.is_dir()
    (c,) = load_encoder("head", cached=False).encode([text])
    assert attributes(c) == expected


def test_a_colour_in_figures_has_the_values_of_its_look():
    (c,) = AttributeEncoder(PlainHead(DIM)).encode(["#5a3fc0 hair"])
    hair, _, _ = read(c)
    assert set(np.array(SLOTS["hair"])[c[: len(SLOTS["hair"])].numpy() > 0]) == {"blue", "purple"}
    assert hair.probability < 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#12806a hair", ["#12806a", None]),
        ("#12806a hair rgb(1, 2, 3) eyes", ["#12806a", "#010203"]),
        ("#12806a hat, red hair", [None, None]),
        ("navy hair", ["#01153e", None]),
        ("navy hair, crimson eyes, coral hat", ["#01153e", "#c81830"]),
        ("coral hat, navy-hair, red eyes", ["#01153e", None]),
        ("navy hair and eyes", ["#01153e", "#01153e"]),
        ("quuxish hair", [to_hex(GUESS), None]),
        ("navy hair, quuxish eyes, #ffffff hat", ["#01153e", to_hex(GUESS)]),
        ("navy hair, #abcdef eyes", ["#01153e", "#abcdef"]),
        ("pink hair", [None, None]),
        ("a navy hat", [None, None]),
    ],
)
def test_a_look_that_is_known_goes_to_the_slot_that_has_its_word(text: str, expected: list[str | None]):
    (c,) = AttributeEncoder(PlainHead(COLOUR_DIM)).encode([text])
    assert looks(c) == expected


def test_an_exact_colour_is_stated_wholly_or_not_at_all():
    c = AttributeEncoder(PlainHead(COLOUR_DIM)).encode(["a red-hair girl", "quux hair"])
    assert c[:, DIM].tolist() == [0, 1]
    assert not c[0, DIM:].any()
    np.testing.assert_allclose(c[1, DIM + 1 : DIM + 4], scale(GUESS), rtol=1e-5)


def test_a_name_keeps_the_values_that_the_head_reads():
    (c,) = AttributeEncoder(PlainHead(COLOUR_DIM)).encode(["coral hair"])
    assert attributes(c) == Attributes("blue")


def test_more_colours_than_stand_ins_are_no_error():
    text = ", ".join(f"#{i:02d}0000 hat" for i in range(30)) + ", #123456 hair"
    (c,) = AttributeEncoder(PlainHead(COLOUR_DIM)).encode([text])
    assert c.shape == (COLOUR_DIM,)


def test_nothing_is_read_as_nothing():
    encoder = AttributeEncoder(PlainHead(COLOUR_DIM))
    assert encoder.encode([]).shape == (0, COLOUR_DIM)
    c = encoder.encode(["navy hair #123456 eyes"])
    null = encoder.space.null(c)
    assert torch.equal(null[:, DIM:], c[:, DIM:])
    assert (null[:, : len(SLOTS["hair"])] == null[0, 0]).all()


def test_a_look_is_exact():
    (c,) = AttributeEncoder(PlainHead(COLOUR_DIM)).encode(["#12806a hair"])
    np.testing.assert_allclose(unscale(c[DIM + 1 : DIM + 4].double().numpy()), from_hex("#12806a"), atol=1e-6)


def test_the_values_alone_are_read_without_exact_colours():
    texts = ["navy hair", "#12806a eyes", "pink hair, green eyes", "a (red_hair:1.2) girl"]
    whole = AttributeEncoder(PlainHead(COLOUR_DIM))
    values = whole.of_values()
    assert (values.dim, values.space) == (DIM, VALUE_SPACE)
    assert torch.equal(values.encode(texts), whole.encode(texts)[:, :DIM])
    assert torch.equal(values.encode(texts), AttributeEncoder(PlainHead(DIM)).encode(texts))
    assert values.fingerprint != whole.fingerprint
    assert values.of_values() is values
    assert values.space.warnings_for(["navy hair"], values.space.read(values.encode(["navy hair"]))) == [
        "'navy' is not one of the 12 hair colours; drawing blue"
    ]


@pytest.mark.parametrize("dim", [DIM, COLOUR_DIM])
def test_a_denied_value_is_avoided_where_the_attribute_is_left_open(dim: int):
    encoder = AttributeEncoder(PlainHead(dim))
    c = encoder.encode(["pink hair, no blue eyes", "pink hair", "pink hair and red eyes, never blue eyes"])
    blue = len(SLOTS["hair"]) + SLOTS["eyes"].index("blue")
    assert c[0, blue] == AVOIDED
    assert torch.equal(c[0, torch.arange(dim) != blue], c[1, torch.arange(dim) != blue])
    assert attributes(c[0]) == Attributes("pink")
    assert read(c[0])[1].probability == 1
    assert c[2, blue] >= 0
    guided = guide(c[:1], encoder.space.null(c[:1]), 1.5)
    assert guided[0, blue] < AVOIDED


@pytest.mark.parametrize("z_dim", [10, 128])
def test_where_values_are_denied_the_noise_tells_which_of_the_others_is_drawn(z_dim: int):
    encoder = AttributeEncoder(PlainHead(COLOUR_DIM))
    texts = ["pink hair, no blue eyes", "#12806a hair, no blue eyes", "navy hair", "not pink hair, never short hair"]
    c = encoder.encode(texts)
    hair, eyes = len(SLOTS["hair"]), len(SLOTS["eyes"])
    z = torch.randn(600, 1, z_dim, generator=torch.Generator().manual_seed(0)).expand(-1, len(c), -1)
    settled = torch.stack([encoder.space.resolve_negations(c, rows) for rows in z])
    assert torch.equal(settled, torch.stack([encoder.space.resolve_negations(c, rows / 4) for rows in z]))
    assert torch.equal(c, encoder.encode(texts))
    assert torch.equal(settled[:, 2], c[2].expand(600, -1))
    for i in (0, 1):
        drawn = settled[:, i, hair : hair + eyes]
        assert drawn[:, SLOTS["eyes"].index("blue")].eq(AVOIDED).all()
        stated = drawn.clamp(min=0)
        assert stated.amax(1).eq(1).all() and stated.sum(1).eq(1).all()
        assert sorted(stated.sum(0))[1] > 30  # of 60
        rest = torch.ones(COLOUR_DIM, dtype=torch.bool)
        rest[hair : hair + eyes] = False
        assert torch.equal(settled[:, i, rest], c[i, rest].expand(600, -1))
    everything = c[:1].clone()
    everything[:, :hair] = AVOIDED
    assert torch.equal(encoder.space.resolve_negations(everything, z[0, :1])[:, :hair], everything[:, :hair])
