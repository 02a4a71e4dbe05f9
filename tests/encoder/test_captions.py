from __future__ import annotations

import itertools

import pytest

from encoder.attributes.vocabulary import SLOTS, Attributes, canonical_captions
from encoder.common.errors import InputError
from encoder.text import MAX_TEXT, check_text, normalise


def test_canonical_captions_are_all_combinations_and_are_read_back() -> None:
    captions = canonical_captions()
    assert len(captions) == 13 * 12 * 3
    for choice in itertools.product(*((None, *values) for values in SLOTS.values())):
        attributes = Attributes(*choice)
        assert captions[attributes.caption] == attributes
        assert Attributes.from_indices(attributes.indices) == attributes
        assert normalise(attributes.caption) == attributes.caption


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pink hair green eyes", Attributes("pink", "green")),
        ("  PINK  hair\tgreen eyes ", Attributes("pink", "green")),
        ("long hair", Attributes(length="long")),
        ("a face", Attributes()),
        ("green eyes pink hair", None),
        ("pink green hair eyes", None),
        ("", None),
    ],
)
def test_from_caption(text: str, expected: Attributes | None) -> None:
    assert Attributes.from_caption(text) == expected


def test_unknown_value_is_refused() -> None:
    with pytest.raises(ValueError, match="yellow"):
        Attributes(hair="yellow")


@pytest.mark.parametrize("text", ["Ｐｉｎｋ hair", "pink\u00a0hair\n", " Pink   HAIR", "pink\u3000hair"])
def test_normalise(text: str) -> None:
    assert normalise(text) == "pink hair"


@pytest.mark.parametrize("text", ["ﬁne ½ Ⅻ", "ÀÉ  Î", "İstanbul ẞ", "\t a \r\n b ", "東京　髪"])
def test_normalise_twice_is_normalise_once(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


def test_check_text_takes_what_is_good_and_names_the_place_of_what_is_not() -> None:
    assert check_text("  pink hair\n", "--text") == "pink hair"
    assert check_text("x" * MAX_TEXT, "--text") == "x" * MAX_TEXT
    for text, reason in [("", "empty"), (" \t\n", "empty"), ("x" * 100_000, "100,000"), ("\udc80", "Unicode")]:
        with pytest.raises(InputError, match=f"^--text: .*{reason}"):
            check_text(text, "--text")
