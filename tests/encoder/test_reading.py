from __future__ import annotations

import pytest
import torch

from encoder.attributes.reading import attributes, read, warnings_for
from encoder.attributes.vocabulary import SLOTS, Attributes

CRIMSON_HAIR = "'crimson' is not one of the 12 hair colours; drawing red"
SEA_GREEN = "'sea green' is not one of the 12 hair colours; drawing aqua"
VERMILION = "'vermilion' is not one of the 12 hair colours; drawing purple"
NO_EYES = "no eye colour of the vocabulary in 'a forest and gren eyes'; drawing blue"
CRIMSON_EYES = "'crimson' is not one of the 11 eye colours; drawing red"


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


def test_an_unsure_reading_is_told():
    (line,) = warnings_for("blorange hair", read(condition(hair={"orange": 0.41, "blonde": 0.2})))
    assert line == "unsure of the hair colour in 'blorange hair'; drawing orange (41 %)"
