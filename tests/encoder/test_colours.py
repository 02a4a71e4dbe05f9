from __future__ import annotations

import re

import numpy as np
import pytest

from encoder.attributes import colour_names, words
from encoder.attributes.colour import distance, from_hex, oklab, to_hex
from encoder.attributes.vocabulary import COLOUR_SLOTS, SLOTS


@pytest.mark.parametrize("slot", COLOUR_SLOTS)
def test_hues_of_a_slot(slot: str):
    hues = dict(zip(SLOTS[slot], colour_names.hues(slot), strict=True))
    for value, pure in (("red", (1, 0, 0)), ("green", (0, 0.7, 0)), ("blue", (0, 0, 1)), ("aqua", (0, 0.8, 0.8))):
        chroma = oklab(np.array(pure))[1:]
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
        (mixture,) = colour_names.mixtures(slot, [colour])
        assert mixture == {value: 1.0}


def test_a_colour_between_two_values_has_a_share_of_both():
    (mixture,) = colour_names.mixtures("hair", ["#5a3fc0"])  # between blue and purple
    assert mixture.keys() == {"blue", "purple"}


@pytest.mark.parametrize("slot", COLOUR_SLOTS)
def test_names_are_drawn_as_values_of_the_slot(slot: str):
    table = colour_names.named(slot, colour_names.listed())
    assert len(table) > 1000
    for name, mixture in table.items():
        assert set(mixture) <= set(SLOTS[slot]), name
        assert sum(mixture.values()) == pytest.approx(1), name


def test_a_name_that_ends_in_a_plain_colour_is_that_colour():
    table = colour_names.named("hair", colour_names.listed())
    assert table["dusty blue"] == {"blue": 1.0}
    assert table["greenish brown"] == {"brown": 0.7, "green": 0.3}
    assert table["banana yellow"] == {"blonde": 1.0}


def test_looks_agree_with_what_was_said_by_hand():
    """The two sources of the lexicon were made apart, so that each checks the other."""
    for slot in COLOUR_SLOTS:
        looks = colour_names.named(slot, colour_names.listed())
        by_hand = {name: mixture for name, mixture in words.by_hand()[slot].items() if name in looks}
        agree = sum(bool(mixture.keys() & looks[name].keys()) for name, mixture in by_hand.items())
        assert agree / len(by_hand) > 0.9


def test_the_list_is_sound():
    lines = [line for line in colour_names.NAMES.read_text(encoding="utf-8").splitlines() if not line.startswith("# ")]
    names = [line.rsplit(" #", 1)[0] for line in lines]
    assert len(names) == len(set(names))
    assert names == sorted(names)


@pytest.mark.parametrize(
    ("word", "colour"),
    [
        ("navy", "#01153e"),
        ("dark blue", "#00035b"),
        ("light steel-blue", "#b0c4de"),
        ("reddish brown", "#7f2b0a"),
        ("navy-coloured", "#01153e"),
        ("lovely navy", "#01153e"),
    ],
)
def test_a_listed_name_looks_as_listed(word: str, colour: str):
    assert to_hex(np.array(colour_names.look(word))) == colour


@pytest.mark.parametrize(
    "word", ["red", "grey", "blonde", "yellow", "dark", "lovely red", "quux", "red green", "silky"]
)
def test_plain_and_other_words_have_no_exact_look(word: str):
    assert colour_names.look(word) is None


def test_a_word_before_a_colour_changes_it():
    def look(word: str) -> np.ndarray:
        return np.array(colour_names.look(word))

    assert look("dark mulberry")[0] < look("mulberry")[0]
    assert look("pale crimson")[0] > look("crimson")[0]
    assert np.linalg.norm(look("muted scarlet")[1:]) < np.linalg.norm(look("scarlet")[1:])
    assert np.linalg.norm(look("vivid mauve")[1:]) > np.linalg.norm(look("mauve")[1:])
    between, brown, green = look("greenish blonde"), from_hex("#e3c478"), from_hex("#15b01a")
    assert np.linalg.norm(between - brown) < np.linalg.norm(between - green) < np.linalg.norm(brown - green)


def test_made_up_looks_come_near_the_listed_ones():
    """ "dark coral" by the rule is much nearer to the listed "dark coral" than "coral" is."""
    listed = colour_names.listed()
    names = [
        name
        for name in listed
        if name.partition(" ")[0] in colour_names.modifiers() and name.partition(" ")[2] in listed
    ]
    bases = [from_hex(listed[name.partition(" ")[2]]) for name in names]
    made = [
        colour_names._changed(base, colour_names.modifiers()[name.split()[0]])
        for name, base in zip(names, bases, strict=True)
    ]
    true = [from_hex(listed[name]) for name in names]
    assert len(names) > 150
    assert distance(np.array(made), np.array(true)).mean() < 0.6 * distance(np.array(bases), np.array(true)).mean()


def test_a_pair_of_names_lies_between_them():
    coral, pink, pair = (
        colour_names._listed("coral"),
        colour_names._plain("pink"),
        np.array(colour_names.look("coral pink")),
    )
    assert distance(pair, coral) < distance(coral, pink)
    assert distance(pair, pink) < distance(coral, pink)
    assert colour_names.look("red blue") is None  # which may be two things
    assert colour_names.look("quuxish teal") is None


def test_looks_of_pairs_come_near_the_listed_ones():
    """ "ocean blue" made of "ocean" and "blue" is much nearer to the listed "ocean blue" than "blue" is."""
    names = colour_names.listed() | colour_names.rare()
    pairs = [pair for name in names if len(pair := name.split()) == 2 and pair[1] in colour_names.PLAIN]
    pairs = [
        pair for pair in pairs if pair[0] in names and pair[0] not in {*colour_names.PLAIN, *colour_names.modifiers()}
    ]
    true = np.array([from_hex(names[" ".join(pair)]) for pair in pairs])
    bases = [colour_names._plain(last) for _, last in pairs]
    with colour_names.without({" ".join(pair) for pair in pairs}):
        made = [colour_names.look(" ".join(pair)) for pair in pairs]
    rows = [i for i, each in enumerate(made) if each is not None and bases[i] is not None]
    assert len(rows) > 100
    far = distance(np.array([made[i] for i in rows]), true[rows]).mean()
    assert far < 0.7 * distance(np.array([bases[i] for i in rows]), true[rows]).mean()


def test_names_can_be_unknown_for_a_while():
    with colour_names.without({"teal"}):
        assert colour_names.look("teal") is None
        assert [text for *text, _ in colour_names.find("teal and navy hair")] == [[9, 13]]
    assert colour_names.look("teal")


def test_rarer_names_are_listed_too_and_repeat_none():
    assert not colour_names.rare().keys() & colour_names.listed().keys()
    name = next(iter(colour_names.rare()))
    assert to_hex(np.array(colour_names.look(name))) == colour_names.rare()[name]
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in colour_names.rare().values())


def test_colour_names_are_found_in_a_text_the_longest_first():
    text = "navy-haired girl, dark sea green eyes and a coral scarf; blue hat"
    assert [text[start:end] for start, end, _ in colour_names.find(text)] == ["navy", "dark sea green", "coral"]
    (found,) = colour_names.find("reddish-brown hair")
    assert to_hex(found[2]) == "#7f2b0a"
    assert [place[:2] for place in colour_names.find("navy, blue")] == [(0, 4)]
    assert colour_names.find("red hair, blue eyes, black, white") == []


def test_plain_words_are_plain_with_an_empty_adjective_too():
    assert all(map(colour_names.is_plain, ("red", "very red", "lovely light", "grey", "red-colored")))
    assert not any(map(colour_names.is_plain, ("navy", "dark red", "sakura", "very navy")))


def test_doubtful_colours_have_values_where_they_are_asked_for():
    colours = list(colour_names.listed().values())
    pairs = zip(colours, colour_names.mixtures("hair", colours), strict=True)
    doubtful = [colour for colour, mixture in pairs if not mixture]
    assert doubtful
    for mixture in colour_names.mixtures("hair", doubtful, doubtful=True):
        assert sum(mixture.values()) == pytest.approx(1)
