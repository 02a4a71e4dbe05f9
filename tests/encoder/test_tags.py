from __future__ import annotations

import pytest
import torch
from tiny import HashEncoder

from encoder.attributes.reader import AttributeEncoder
from encoder.attributes.tags import left_open
from encoder.attributes.wording import plain


@pytest.mark.parametrize(
    ("text", "slots"),
    [
        ("1girl, red hair ribbon, blue eyes, smile", ["hair"]),
        ("1girl, pink_hair, red_eye_makeup, hat", ["eyes"]),
        ("(red scarf:1.2), [[blue lantern]], smile, beach", ["hair", "eyes"]),
        ("green hairband | hair over eyes | closed eyes | black dress", ["hair", "eyes"]),
        ("purple eyes * side ponytail * white barrette", ["hair"]),
        ("red_bow blue_dress teal_umbrella", ["hair", "eyes"]),
    ],
)
def test_what_no_tag_speaks_of_is_left_open(text: str, slots: list[str]) -> None:
    assert left_open(plain(text)) == slots


@pytest.mark.parametrize(
    "text",
    [
        "1girl, solo, pink hair, blue eyes",
        "solo, hair: pink, eyes: green",
        "gray-haired elf, blue-eyed, hat",
        "blonde, blue eyes, smile",
        "brunette, dark teal, hat",
        "salmon tresses, jade irises, hat",
        "blue hair girl, eyes closed, red eyes",
        "pink heir, grene eyez, hat",  # misspelt
    ],
)
def test_what_a_tag_may_be_about_is_the_heads_to_read(text: str) -> None:
    assert left_open(plain(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "pink hair green eyes",
        "she has a red bow, a blue dress, and a smile",  # a sentence
        "red bow, blue dress",  # too few to be sure
        "",
    ],
)
def test_of_a_text_that_is_no_list_nothing_is_known(text: str) -> None:
    assert left_open(plain(text)) == []


class Sure(HashEncoder):
    """States red hair and blue eyes, and an exact colour of both, whatever it reads."""

    dim = 33
    space = "attributes with colours"

    def encode(self, texts, *, progress=False) -> torch.Tensor:
        c = torch.zeros(len(texts), 33)
        c[:, 5] = c[:, 12 + 10] = 1
        c[:, 25:] = 0.3
        c[:, [25, 29]] = 1
        return c


def test_a_slot_that_is_left_open_has_neither_value_nor_colour() -> None:
    c = AttributeEncoder(Sure()).encode(["1girl, red hair ribbon, blue eyes, smile", "1girl, red hair, blue eyes, hat"])
    open_hair, both = c
    assert not open_hair[:12].any() and not open_hair[25:29].any()
    assert torch.equal(open_hair[12:25], both[12:25]) and torch.equal(open_hair[29:], both[29:])
    assert both[5] == 1 and both[25] == 1
