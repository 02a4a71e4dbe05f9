from __future__ import annotations

import numpy as np
import pytest
import torch

from encoder.attributes.colour import from_hex, scale, to_hex
from encoder.attributes.colour_names import look
from encoder.attributes.space import VALUE_SPACE, stated_values
from encoder.attributes.vocabulary import SLOTS, Attributes
from encoder.attributes.warnings import term, warnings_for
from encoder.base import Reading

CRIMSON_HAIR = "'crimson' is not one of the 12 hair colours; drawing red"
SEA_GREEN = "'sea green' is not one of the 12 hair colours; drawing aqua"
VERMILION = "'vermilion' is not one of the 12 hair colours; drawing purple"
NO_EYES = "no eye colour of the vocabulary in 'a forest and gren eyes'; drawing blue"
CRIMSON_EYES = "'crimson' is not one of the 11 eye colours; drawing red"


def read(c: torch.Tensor) -> list[Reading]:
    """What one condition states."""
    return VALUE_SPACE.read(c[None])[0]


def attributes(c: torch.Tensor) -> Attributes:
    return Attributes(**stated_values(read(c)))


def condition(**stated: dict[str, float]) -> torch.Tensor:
    return torch.tensor([stated.get(slot, {}).get(value, 0.0) for slot, values in SLOTS.items() for value in values])


def warnings(text: str, **stated: str) -> list[str]:
    return warnings_for(text, read(condition(**{slot: {value: 0.99} for slot, value in stated.items()})))


def test_each_slot_is_read_with_its_probability():
    hair, eyes, length = read(condition(hair={"pink": 0.75, "red": 0.25}, length={"long": 1.0}))
    assert (hair.slot, hair.value, hair.probability) == ("hair", "pink", 0.75)
    assert (eyes.slot, eyes.value, eyes.probability) == ("eyes", None, 1.0)
    assert (length.slot, length.value, length.probability) == ("length", "long", 1.0)


def test_an_attribute_is_unstated_where_that_is_the_likelier():
    assert read(condition(hair={"pink": 0.3, "red": 0.1}))[0].value is None
    assert read(condition(hair={"pink": 0.35, "red": 0.25}))[0].value == "pink"


def test_attributes_of_a_condition():
    c = condition(hair={"aqua": 1.0}, eyes={"gray": 0.9})
    assert attributes(c) == Attributes("aqua", "gray")


def test_a_plain_text_is_no_reason_to_warn():
    assert warnings("pink hair green eyes", hair="pink", eyes="green") == []
    assert warnings("long hair", length="long") == []


def test_nothing_recognised_is_one_line():
    (line,) = warnings("a castle on a hill")
    assert line == "nothing recognised in 'a castle on a hill': hair and eyes are left to chance"
    (line,) = warnings("x" * 10_000)
    assert len(line) < 160


@pytest.mark.parametrize(
    ("text", "stated", "expected"),
    [
        ("turquoise hair", {"hair": "aqua"}, ["'turquoise' is not one of the 12 hair colours; drawing aqua"]),
        ("Crimson eyes", {"eyes": "red"}, [CRIMSON_EYES]),
        ("yellow hair", {"hair": "blonde"}, ["'yellow' is not one of the 12 hair colours; drawing blonde"]),
        ("white eyes", {"eyes": "gray"}, ["'white' is not one of the 11 eye colours; drawing gray"]),
        ("jet black hair", {"hair": "black"}, []),
        ("Grey eyes, blond hair", {"eyes": "gray", "hair": "blonde"}, []),
        ("red eyes, crimson hair", {"eyes": "red", "hair": "red"}, [CRIMSON_HAIR]),
        ("crimson eyes, red hair", {"eyes": "red", "hair": "red"}, [CRIMSON_EYES]),
        ("a crimson dress, red hair", {"hair": "red"}, []),
        ("sea green hair, blue eyes", {"hair": "aqua", "eyes": "blue"}, [SEA_GREEN]),
        ("vermilion hair, blue eyes", {"hair": "purple", "eyes": "blue"}, [VERMILION]),
        ("a redhead with reddish eyes", {"hair": "red", "eyes": "red"}, []),
        ("pinkhair, blue-eyed", {"hair": "pink", "eyes": "blue"}, []),
        ("a forest and gren eyes", {"eyes": "blue"}, [NO_EYES]),
        ("gren eyes", {"eyes": "green"}, ["no eye colour of the vocabulary in 'gren eyes'; drawing green"]),
    ],
)  # fmt: skip
def test_a_colour_outside_the_vocabulary_is_named_with_what_is_drawn(text, stated, expected):
    assert warnings(text, **stated) == expected


@pytest.mark.parametrize(
    ("text", "stated", "words"),
    [
        ("a girl in a teal dress with pink hair", {"hair": "pink"}, "'teal'"),
        ("pink hair, green eyes, white shirt, Navy skirt", {"hair": "pink", "eyes": "green"}, "'white', 'Navy'"),
        ("pink hair, #00ff00 eyes", {"hair": "pink"}, "'#00ff00'"),
        ("blue_hair red_eyes green_ribbon", {"hair": "blue", "eyes": "red"}, "'green'"),
    ],
)
def test_colour_words_that_no_slot_took_are_told(text, stated, words):
    (line,) = warnings(text, **stated)
    assert line == f"{words} in {text!r}: taken for the colour of neither hair nor eyes, and not drawn"


def test_what_these_faces_cannot_show_is_named_once():
    (line,) = warnings("A boy with glasses, glasses and red hair, smiling", hair="red")
    assert line.startswith("'boy, glasses, smiling' in ") and "cannot be drawn" in line
    assert not warnings("a manga girl with red hair and a capable look", hair="red")


@pytest.mark.parametrize(
    ("text", "stated", "denied", "expected"),
    [
        ("no blue eyes", {}, {"eyes": ["blue"]}, []),
        ("green eyes, her hair isn't pink", {"eyes": "green"}, {"hair": ["pink"]}, []),
        ("neither red nor Green eyes, orange hair", {"hair": "orange"}, {"eyes": ["green", "red"]}, []),
        ("pink hair and eyes, not pink eyes", {"hair": "pink"}, {"eyes": ["pink"]}, []),
        ("green eyes, not pink, a red hat", {"eyes": "green"}, {"hair": ["pink"]}, ["'red'", "'hat'"]),
        ("hair not red but orange", {"hair": "orange"}, {}, []),
        ("grey-blue eyes", {"eyes": "blue"}, {}, []),
        ("not a red panda", {}, {"hair": ["red"], "eyes": ["red"]}, ["nothing recognised"]),
    ],
)
def test_a_denied_colour_is_understood(text, stated, denied, expected):
    c = condition(**{slot: {value: 0.99} for slot, value in stated.items()})
    c += condition(**{slot: dict.fromkeys(values, -0.5) for slot, values in denied.items()})
    readings = read(c)
    assert {reading.slot: list(reading.denied) for reading in readings if reading.denied} == denied
    lines = warnings_for(text, readings)
    assert [line.split(" in ")[0] for line in lines] == expected


@pytest.mark.parametrize("text", ["pink hair, a rose and ice", "pink hair in a pink dress", "a pinkish-haired girl"])
def test_words_that_are_taken_or_may_be_things_are_not_told(text: str):
    assert not any("neither" in line for line in warnings(text, hair="pink"))


@pytest.mark.parametrize(
    "text",
    [
        "purple hair and eyes",
        "hair and eyes are both purple",
        "purple hair with matching eyes",
        "purple hair & eyes",
        "purple eyes and hair",
    ],
)
def test_a_shared_colour_that_one_slot_alone_took_is_told(text: str):
    line = f"the eye colour in {text!r} is left open; if both are purple, say 'purple hair, purple eyes'"
    assert warnings(text, hair="purple") == [line]
    assert not any("left open" in told for told in warnings(text, hair="purple", eyes="purple"))


@pytest.mark.parametrize("text", ["purple hair and eyes closed", "purple hair, big eyes", "purple hair"])
def test_no_shared_colour_is_no_reason_to_warn(text: str):
    assert warnings(text, hair="purple") == []


def with_look(c: torch.Tensor, slot: int, look: tuple[float, float, float]) -> torch.Tensor:
    """A condition of 25 numbers with the eight more, of which one slot's state a colour."""
    exact = torch.zeros(2, 4)
    exact[slot] = torch.tensor([1.0, *scale(np.array(look))])
    return torch.cat([c, exact.flatten()])


def test_an_exact_colour_is_read():
    c = with_look(condition(hair={"blue": 1.0}, eyes={"red": 1.0}), 0, (0.3, 0.01, -0.1))
    hair, eyes, length = read(c)
    assert (hair.value, eyes.value, length.value) == ("blue", "red", None)
    assert hair.exact_colour == pytest.approx((0.3, 0.01, -0.1), abs=1e-6)
    assert eyes.exact_colour is None
    assert length.exact_colour is None
    assert attributes(c) == Attributes("blue", "red")


def test_an_exact_colour_is_drawn_as_itself_and_no_reason_to_warn():
    for text in ("navy hair", "#01153e hair", "navy-haired"):
        c = with_look(condition(hair={"blue": 1.0}), 0, tuple(from_hex("#01153e")))
        assert warnings_for(text, read(c)) == []


def test_an_exact_colour_without_a_value_is_recognised():
    c = with_look(condition(), 0, tuple(from_hex("#01153e")))
    assert warnings_for("navy hair", read(c)) == []


def test_the_name_of_an_exact_colour_was_taken():
    c = with_look(condition(hair={"blue": 0.4, "black": 0.3}), 0, look("teal"))  # whatever its values
    assert warnings_for("teal hair", read(c)) == []
    assert warnings_for(f"{to_hex(np.array(look('teal')))} hair", read(c)) == []
    (line,) = warnings_for("teal hair, green shirt", read(c))
    assert line == "'green' in 'teal hair, green shirt': taken for the colour of neither hair nor eyes, and not drawn"


def test_a_shared_exact_colour_that_one_slot_alone_took_is_told_by_its_name():
    c = with_look(condition(hair={"blue": 1.0}), 0, tuple(from_hex("#01153e")))
    (line,) = warnings_for("navy hair and eyes", read(c))
    assert line.endswith("is left open; if both are navy, say 'navy hair, navy eyes'")


@pytest.mark.parametrize(
    ("text", "colour", "name"),
    [
        ("Navy-haired girl", "#01153e", "navy"),
        ("her hair is #0A0a5A", "#0a0a5a", "#0A0a5A"),
        ("red hair, rgb(10, 10, 90) eyes", "#0a0a5a", "rgb(10, 10, 90)"),
        ("light_green_hair", "#96f97b", "light green"),
        ("red hair", "#01153e", None),
    ],
)
def test_how_a_text_names_a_colour(text, colour, name):
    assert term(text, tuple(from_hex(colour))) == name


def test_a_colour_that_no_list_has_is_told_with_the_guess():
    c = with_look(condition(hair={"white": 0.9}), 0, tuple(from_hex("#988177")))
    (line,) = warnings_for("sarcoline hair", read(c))
    assert line == "no list has the hair colour in 'sarcoline hair'; drawing #988177, a guess"


def test_a_colour_in_figures_is_drawn_as_the_nearest_value_where_a_condition_cannot_say_it():
    (line,) = warnings_for("#12806a hair", read(condition(hair={"aqua": 0.55, "green": 0.45})))
    assert line == "'#12806a' is not one of the 12 hair colours; drawing aqua"


def test_an_unsure_reading_is_told():
    (line,) = warnings_for("blorange hair", read(condition(hair={"orange": 0.41, "blonde": 0.2})))
    assert line == "unsure of the hair colour in 'blorange hair'; drawing orange (41 %)"
