"""Captions: the attribute vocabulary of the task and the canonical caption of each attribute combination."""

from __future__ import annotations

import itertools
import unicodedata
from dataclasses import dataclass
from functools import cache

from encoder.common.errors import InputError

HAIR_COLOURS = (
    "orange", "white", "aqua", "gray", "green", "red", "purple", "pink", "blue", "black", "brown", "blonde",
)  # fmt: skip
EYE_COLOURS = ("gray", "black", "orange", "pink", "yellow", "aqua", "purple", "green", "brown", "red", "blue")
HAIR_LENGTHS = ("long", "short")

SLOTS: dict[str, tuple[str, ...]] = {"hair": HAIR_COLOURS, "eyes": EYE_COLOURS, "length": HAIR_LENGTHS}
"""The attributes a text can state, in the order in which every vector and array of this project holds them."""

COLOUR_SLOTS = ("hair", "eyes")

SPELLINGS = {"grey": "gray", "blond": "blonde"}
"""Other spellings of the colours."""

MAX_TEXT = 2000
"""The longest text that is taken, in characters; the encoder reads about the first 1,000."""


@dataclass(frozen=True)
class Attributes:
    """What a caption states about a face; ``None`` is unstated. An unknown value is a ``ValueError``."""

    hair: str | None = None
    eyes: str | None = None
    length: str | None = None

    def __post_init__(self) -> None:
        for slot, values in SLOTS.items():
            value = getattr(self, slot)
            if value is not None and value not in values:
                raise ValueError(f"{value!r} is not one of the {slot} values: {', '.join(values)}")

    @property
    def indices(self) -> tuple[int, int, int]:
        """One integer a slot, in the order of ``SLOTS``: 0 is unstated, ``i`` is the slot's value ``i - 1``."""
        hair, eyes, length = (
            0 if getattr(self, slot) is None else 1 + values.index(getattr(self, slot))
            for slot, values in SLOTS.items()
        )
        return hair, eyes, length

    @classmethod
    def from_indices(cls, indices: tuple[int, int, int]) -> Attributes:
        """The inverse of ``indices``."""
        return cls(*(None if i == 0 else values[i - 1] for i, values in zip(indices, SLOTS.values(), strict=True)))

    @property
    def caption(self) -> str:
        """The canonical wording: ``"long pink hair green eyes"``; ``"a face"`` where nothing is stated."""
        hair = " ".join(word for word in (self.length, self.hair) if word)
        words = [f"{hair} hair"] if hair else []
        if self.eyes:
            words.append(f"{self.eyes} eyes")
        return " ".join(words) or "a face"

    @classmethod
    def from_caption(cls, text: str) -> Attributes | None:
        """The inverse of ``caption``; ``None`` for any other wording, which only an encoder can read."""
        return canonical_captions().get(normalise(text))


@cache
def canonical_captions() -> dict[str, Attributes]:
    """Every canonical caption with what it states: each value of each slot, or none, with all others (468)."""
    choices = itertools.product(*((None, *values) for values in SLOTS.values()))
    return {attributes.caption: attributes for attributes in (Attributes(*choice) for choice in choices)}


def normalise(text: str) -> str:
    """The form in which a text is encoded and cached: NFKC, single spaces, lower case (the encoder is uncased)."""
    return " ".join(unicodedata.normalize("NFKC", text).split()).lower()


def check_text(text: str, where: str) -> str:
    """A text from outside, without the space around it, if it can be drawn from.

    Args:
        text: What a person wrote.
        where: Where it stands, for the message: ``"testing_tags.txt, line 3"`` or ``"--text"``.

    Raises:
        InputError: It is empty, longer than ``MAX_TEXT`` characters, or not valid Unicode.
    """
    text = text.strip()
    if not text:
        raise InputError(f"{where}: the text is empty; describe the face, as in 'pink hair green eyes'")
    if len(text) > MAX_TEXT:
        raise InputError(f"{where}: the text has {len(text):,} characters; shorten it to {MAX_TEXT:,} or fewer")
    if any("\ud800" <= character <= "\udfff" or character == "\0" for character in text):
        raise InputError(f"{where}: the text is not valid Unicode; give it in UTF-8")
    return text
