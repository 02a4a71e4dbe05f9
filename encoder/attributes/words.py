"""The words for hair and eyes: their colours, and nouns for them. ``words.txt`` lists them.

The names of colours in ``colour_names.txt`` that ``words.txt`` lacks are drawn as the values that they look like. A
sixth of those names is never trained on, to tell how well a word is read that nobody has listed.
"""

from __future__ import annotations

import functools
import itertools
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from encoder.attributes import colour_names, sections
from encoder.attributes.vocabulary import COLOUR_SLOTS, SLOTS

Mixture = dict[str, float]
"""Values of one slot and their shares, which add up to 1."""
Half = Literal["train", "held out"]
"""The conditioning head is trained on one half of the words and measured on the other."""
HALVES: tuple[Half, ...] = ("train", "held out")

FILE = Path(__file__).with_name("words.txt")

_SHARED = "both"
_NUMBERS = {"singular": "is", "plural": "are"}


@functools.cache
def _sections() -> dict[str, list[sections.Line]]:
    optional = [
        f"{kind} {slot} {value}"
        for kind in ("colour", *(f"likeness {half}" for half in HALVES))
        for slot, values in _values().items()
        for value in values
    ]
    needed = ["mixture hair", "mixture eyes", "nominal"]
    needed += [f"noun {half} {slot} {number}" for half in HALVES for slot in COLOUR_SLOTS for number in _NUMBERS]
    return sections.read_sections(FILE, needed, optional)


def _values() -> dict[str, list[str]]:
    """The values that words of a slot, or of both slots, can mean."""
    hair, eyes = (SLOTS[slot] for slot in COLOUR_SLOTS)
    return {_SHARED: [value for value in hair if value in eyes], "hair": list(hair), "eyes": list(eyes)}


def _pure(kind: str, slot: str) -> dict[str, Mixture]:
    """The words of the sections "KIND both VALUE", then those of "KIND SLOT VALUE", each with its one value."""
    return {
        word: {title.rpartition(" ")[2]: 1.0}
        for which in (_SHARED, slot)
        for title, lines in _sections().items()
        if title.startswith(f"{kind} {which} ")
        for word in sections.words(lines)
    }


@functools.cache
def by_hand() -> dict[str, dict[str, Mixture]]:
    """The colour words of ``words.txt`` by slot, which all train; they win over the names of ``colour_names.txt``."""
    return {
        slot: _pure("colour", slot) | sections.mixtures(_sections()[f"mixture {slot}"], SLOTS[slot])
        for slot in COLOUR_SLOTS
    }


@functools.cache
def nominals() -> dict[str, Mixture]:
    """Nouns for a person that state a hair colour: "a brunette"."""
    return sections.mixtures(_sections()["nominal"], SLOTS["hair"])


@functools.cache
def nouns(slot: str, half: Half) -> tuple[tuple[str, str], ...]:
    """Nouns for the hair or the eyes, singular and plural: (word, "is" or "are")."""
    return tuple(
        (word, verb)
        for number, verb in _NUMBERS.items()
        for word in sections.words(_sections()[f"noun {half} {slot} {number}"])
    )


def likenesses(slot: str, half: Half) -> dict[str, Mixture]:
    """Things that are known for their colour: "hair the colour of coal"."""
    return _pure(f"likeness {half}", slot)


def parts(words: Iterable[str]) -> set[str]:
    """The single words of colour words, in the singular: "cherry blossoms" has "cherry" and "blossom"."""
    return {part.removesuffix("s") for word in words for part in re.split(r"[\s-]", word)}


@functools.cache
def _known() -> frozenset[str]:
    """Single words that are never kept back: of listed colours, and of a value's held-out things, or its others."""
    words = [word for slot in COLOUR_SLOTS for word in (*by_hand()[slot], *SLOTS[slot])]
    things = {
        title.rpartition(" ")[2]: sections.words(lines)
        for half in HALVES
        for title, lines in _sections().items()
        if title.startswith(f"likeness {half} {_SHARED} ")
    }
    return frozenset(parts(itertools.chain(words, *things.values())))


def _kept_back(part: str) -> bool:
    """Whether a single word is one of the sixth that never trains, chosen by its checksum."""
    return part not in _known() and zlib.crc32(part.encode()) % 6 == 0


@functools.cache
def colours(slot: str, half: Half) -> dict[str, Mixture]:
    """The colour words of a slot: those of ``words.txt`` train, and names all of whose words train, or none."""
    named = {
        name: mixture
        for name, mixture in colour_names.named(slot, colour_names.listed()).items()
        if name not in by_hand()[slot] and all(_kept_back(part) == (half == "held out") for part in parts([name]))
    }
    return by_hand()[slot] | named if half == "train" else named


@functools.cache
def rare(*, kept_back: bool = False) -> dict[str, dict[str, Mixture]]:
    """The names of ``rare_names.txt`` by slot: those that train, or those that have a word that was kept back."""
    return {
        slot: {
            name: mixture
            for name, mixture in colour_names.named(slot, colour_names.rare()).items()
            if any(map(_kept_back, parts([name]))) == kept_back
        }
        for slot in COLOUR_SLOTS
    }


@dataclass(frozen=True)
class SlotWords:
    """The words of one slot: those for its colours, and its nouns."""

    colours: dict[str, Mixture]
    colour: re.Pattern[str]
    nouns: list[str]
    noun: re.Pattern[str]


@functools.cache
def slot_words(slot: str) -> SlotWords:
    """All words of one slot, of both halves."""
    words = colours(slot, "train") | colours(slot, "held out") | {value: {value: 1.0} for value in SLOTS[slot]}
    if slot == "hair":
        words |= nominals()
    known = [noun for half in HALVES for noun, _ in nouns(slot, half)]
    return SlotWords(words, any_of(words), known, any_of(known, end=""))


def any_of(words: Iterable[str], end: str = r"(?![a-z])") -> re.Pattern[str]:
    """Any of some words, the longest first, where no letter stands before it."""
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile(r"(?<![a-z])(?:" + "|".join(map(re.escape, longest_first)) + ")" + end)


def rules() -> dict[str, Any]:
    """The tables with which ``gan.page`` does the same, by name."""
    known = {slot: slot_words(slot) for slot in COLOUR_SLOTS}
    return {
        slot: {
            "colours": {word: dict.fromkeys(values, 1) for word, values in words.colours.items()},
            "nouns": words.nouns,
        }
        for slot, words in known.items()
    }
