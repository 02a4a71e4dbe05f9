"""What a conditioning vector says in words, and what a person should be told about it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from encoder import lexicon
from encoder.captions import SLOTS, Attributes

if TYPE_CHECKING:
    import torch

UNSURE_BELOW = 0.6
"""A colour read with less than this probability is reported as unsure."""

_SPELLINGS = {"grey": "gray", "blond": "blonde"}
"""Other spellings of vocabulary colours, which are no reason for a warning."""


@dataclass(frozen=True)
class Reading:
    """What a text states about one attribute.

    Attributes:
        slot: ``"hair"``, ``"eyes"`` or ``"length"``.
        value: The most probable value, or None where the attribute is more likely unstated than stated.
        probability: Of ``value``; of "unstated" where it is None.
    """

    slot: str
    value: str | None
    probability: float


def read(c: torch.Tensor) -> list[Reading]:
    """The readings of one conditioning vector (25,), in the order of ``SLOTS``."""
    numbers, readings, start = c.tolist(), [], 0
    for slot, values in SLOTS.items():
        shares = numbers[start : start + len(values)]
        start += len(values)
        best = max(range(len(values)), key=shares.__getitem__)
        unstated = max(0.0, 1.0 - sum(shares))
        value, probability = (values[best], shares[best]) if unstated < 0.5 else (None, unstated)
        readings.append(Reading(slot, value, probability))
    return readings


def attributes(c: torch.Tensor) -> Attributes:
    """The attributes that a conditioning vector (25,) states most probably."""
    return Attributes(**{reading.slot: reading.value for reading in read(c)})


def warnings_for(text: str, readings: Sequence[Reading]) -> list[str]:
    """One line for each thing about ``text`` that its writer should know; none for a text that is plainly understood.

    The lines tell of a text in which nothing is recognised, of a colour word outside the vocabulary and the colour that
    is drawn for it, and of a colour that was read with little certainty.
    """
    if all(reading.value is None for reading in readings):
        return [f"nothing recognised in {_short(text)!r}: hair and eyes are left to chance"]
    words = text.lower()
    colours = [reading for reading in readings if reading.slot in _NOUNS and reading.value]
    warnings = []
    for reading in colours:
        word = _foreign_word(words, reading, colours)
        if word:
            count = len(SLOTS[reading.slot])
            warnings.append(f"{word!r} is not one of the {count} {_noun(reading)} colours; drawing {reading.value}")
        elif reading.probability < UNSURE_BELOW:
            percent = round(100 * reading.probability)
            warnings.append(
                f"unsure of the {_noun(reading)} colour in {_short(text)!r}; drawing {reading.value} ({percent} %)"
            )
    return warnings


def _noun(reading: Reading) -> str:
    return "eye" if reading.slot == "eyes" else reading.slot


def _short(text: str, length: int = 60) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _pattern(words: Sequence[str]) -> re.Pattern[str]:
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile(r"(?<![a-z])(?:" + "|".join(map(re.escape, longest_first)) + r")(?![a-z])")


def _colours_of(slot: str) -> dict[str, lexicon.Mixture]:
    plain = {value: {value: 1.0} for value in SLOTS[slot]} | {word: {value: 1.0} for word, value in _SPELLINGS.items()}
    return lexicon.TRAIN.colours[slot] | lexicon.HELD_OUT.colours[slot] | plain


_COLOURS = {slot: _colours_of(slot) for slot in ("hair", "eyes")}
_COLOUR_PATTERNS = {slot: _pattern(list(_COLOURS[slot])) for slot in _COLOURS}
_NOUNS = {
    slot: _pattern([noun for half in (lexicon.TRAIN, lexicon.HELD_OUT) for noun, _ in half.nouns[slot]] + [stem])
    for slot, stem in (("hair", "haired"), ("eyes", "eyed"))
}


def _foreign_word(text: str, reading: Reading, colours: Sequence[Reading]) -> str | None:
    """The colour word of ``text`` that was read as ``reading`` but is no word of the vocabulary, if there is one."""
    vocabulary = {*SLOTS[reading.slot], *_SPELLINGS}
    found = [
        match
        for match in _COLOUR_PATTERNS[reading.slot].finditer(text)
        if reading.value in _COLOURS[reading.slot][match[0]]
    ]
    plain = [match for match in found if vocabulary & set(re.split(r"[\s-]", match[0]))]
    wanted = sum(other.value == reading.value for other in colours)
    foreign = [match for match in found if match not in plain]
    if len(plain) >= wanted or not foreign:
        return None
    nouns = [match.start() for match in _NOUNS[reading.slot].finditer(text)]
    nearest = min(foreign, key=lambda match: min((abs(match.end() - start) for start in nouns), default=0))
    others = [match.start() for other in colours if other is not reading for match in _NOUNS[other.slot].finditer(text)]
    distance = min((abs(nearest.end() - start) for start in nouns), default=0)
    return None if plain and any(abs(nearest.end() - start) < distance for start in others) else nearest[0]
