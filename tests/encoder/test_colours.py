from __future__ import annotations

import numpy as np
import pytest

from encoder.attributes.vocabulary import COLOUR_SLOTS, SLOTS
from encoder.language import colours, lexicon


def test_oklab_of_known_colours():
    # https://bottosson.github.io/posts/oklab: white is (1, 0, 0); red's coordinates are those of CSS Color 4.
    lab = colours.oklab(np.array([[1, 1, 1], [0, 0, 0], [1, 0, 0]]))
    np.testing.assert_allclose(lab, [[1, 0, 0], [0, 0, 0], [0.62796, 0.22486, 0.12585]], atol=1e-4)


@pytest.mark.parametrize("slot", COLOUR_SLOTS)
def test_hues_of_a_slot(slot: str):
    hues = dict(zip(SLOTS[slot], colours.hues(slot), strict=True))
    for value, pure in (("red", (1, 0, 0)), ("green", (0, 0.7, 0)), ("blue", (0, 0, 1)), ("aqua", (0, 0.8, 0.8))):
        chroma = colours.oklab(np.array(pure))[1:]
        nearest = max(hues, key=lambda other: hues[other] @ chroma)
        assert nearest == value
        assert np.linalg.norm(hues[value]) == pytest.approx(1)
    for value in {"white", "gray", "black"} & hues.keys():
        assert not hues[value].any()


@pytest.mark.parametrize(
    ("colour", "hair", "eyes"),
    [
        ("#ff0000", "red", "red"),
        ("#0f52ba", "blue", "blue"),
        ("#50c878", "green", "green"),
        ("#f4e090", "blonde", "yellow"),
        ("#fefefe", "white", "gray"),
        ("#7b3f00", "brown", "brown"),
        ("#0a0a0a", "black", "black"),
    ],
)
def test_a_colour_is_drawn_as_the_nearest_value(colour: str, hair: str, eyes: str):
    for slot, value in (("hair", hair), ("eyes", eyes)):
        (mixture,) = colours.mixtures(slot, [colour])
        assert mixture == {value: 1.0}


def test_a_colour_between_two_values_has_a_share_of_both():
    (mixture,) = colours.mixtures("hair", ["#5a3fc0"])  # between blue and purple
    assert mixture.keys() == {"blue", "purple"}


@pytest.mark.parametrize("slot", COLOUR_SLOTS)
def test_names_are_drawn_as_values_of_the_slot(slot: str):
    table = colours.named(slot)
    assert len(table) > 1000
    for name, mixture in table.items():
        assert set(mixture) <= set(SLOTS[slot]), name
        assert sum(mixture.values()) == pytest.approx(1), name


def test_a_name_that_ends_in_a_plain_colour_is_that_colour():
    table = colours.named("hair")
    assert table["dusty blue"] == {"blue": 1.0}
    assert table["greenish brown"] == {"brown": 0.7, "green": 0.3}
    assert table["banana yellow"] == {"blonde": 1.0}


def test_looks_agree_with_what_was_said_by_hand():
    """The two sources of the lexicon were made apart, so that each checks the other."""
    for slot in COLOUR_SLOTS:
        looks = colours.named(slot)
        by_hand = {name: mixture for name, mixture in lexicon.BY_HAND[slot].items() if name in looks}
        agree = sum(bool(mixture.keys() & looks[name].keys()) for name, mixture in by_hand.items())
        assert agree / len(by_hand) > 0.9


def test_the_list_is_sound():
    lines = [line for line in colours.NAMES.read_text(encoding="utf-8").splitlines() if not line.startswith("# ")]
    names = [line.rsplit(" #", 1)[0] for line in lines]
    assert len(names) == len(set(names))
    assert names == sorted(names)
