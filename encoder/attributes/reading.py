"""What a conditioning vector says in words, and what a person should be told about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from encoder.attributes.vocabulary import COLOUR_SLOTS, SLOTS, SPELLINGS, Attributes

if TYPE_CHECKING:
    import torch

UNSURE_BELOW = 0.6
"""A colour read with less than this probability is reported as unsure."""

_BESIDE = 8
"""A colour word that means another value than the one read is blamed only within so many letters of the noun."""


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
    colours = [reading for reading in readings if reading.slot in COLOUR_SLOTS and reading.value]
    return [line for reading in colours if (line := _colour_warning(text, reading, colours))]


def _colour_warning(text: str, reading: Reading, colours: Sequence[Reading]) -> str | None:
    value, noun = reading.value, reading.slot.removesuffix("s")
    written = list(_WRITTEN[str(value)].finditer(text.lower()))
    if written and sum(other.value == value for other in colours) == 1:
        return None
    words = _words(reading.slot)
    nouns = list(words.noun.finditer(text.lower()))

    def gap(word: re.Match[str]) -> int:
        """Letters between a word and the nearest noun of the slot."""
        return min((max(other.start() - word.end(), word.start() - other.end()) for other in nouns), default=0)

    found = [word for word in words.colour.finditer(text.lower()) if not _WRITTEN[str(value)].search(word[0])]
    foreign = [word for word in found if value in words.colours[word[0]]]
    foreign = foreign or [word for word in found if word[0] not in SLOTS[reading.slot] and gap(word) <= _BESIDE]
    nearest = min(foreign, key=gap, default=None)
    if written and (nearest is None or min(map(gap, written)) <= gap(nearest)):
        return None
    if nearest:
        return f"{nearest[0]!r} is not one of the {len(SLOTS[reading.slot])} {noun} colours; drawing {value}"
    if reading.probability < UNSURE_BELOW:
        percent = round(100 * reading.probability)
        return f"unsure of the {noun} colour in {_short(text)!r}; drawing {value} ({percent} %)"
    return f"no {noun} colour of the vocabulary in {_short(text)!r}; drawing {value}"


def _short(text: str, length: int = 60) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _any_of(words: Iterable[str], end: str = r"(?![a-z])") -> re.Pattern[str]:
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile(r"(?<![a-z])(?:" + "|".join(map(re.escape, longest_first)) + ")" + end)


@dataclass(frozen=True)
class _Words:
    """The words of one slot: those for its colours, and its nouns."""

    colours: dict[str, dict[str, float]]
    colour: re.Pattern[str]
    noun: re.Pattern[str]


@cache
def _words(slot: str) -> _Words:
    from encoder.language import (
        lexicon,  # at need: most texts use the colours of the vocabulary, and need no other word
    )

    halves = (lexicon.TRAIN, lexicon.HELD_OUT)
    colours = halves[0].colours[slot] | halves[1].colours[slot] | {value: {value: 1.0} for value in SLOTS[slot]}
    if slot == "hair":
        colours |= lexicon.NOMINALS
    nouns = [noun for half in halves for noun, _ in half.nouns[slot]]
    return _Words(colours, _any_of(colours), _any_of(nouns, end=""))


_WRITTEN = {
    value: _any_of([value, *(word for word, meant in SPELLINGS.items() if meant == value)], end="")
    for slot in COLOUR_SLOTS
    for value in SLOTS[slot]
}
"""A value as a word, or at the head of one: "reddish", "pinkhair"."""
