"""Captions: the attribute vocabulary of the task and the canonical caption of each attribute combination."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cache

from encoder.text import normalise

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


def noun(slot: str) -> str:
    """The word for a slot in texts: "hair", "eye" or "length"."""
    return slot.removesuffix("s")


@dataclass(frozen=True)
class Attributes:
    """A face, as a caption states it; ``None`` is unstated. An unknown value is a ``ValueError``."""

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
