"""Warnings for the writer of a text: how it was read."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from encoder.attributes.colour import codes, distance, to_hex
from encoder.attributes.colour_names import colour_words, find, mixtures
from encoder.attributes.languages import load
from encoder.attributes.vocabulary import COLOUR_SLOTS, SLOTS, SPELLINGS, noun
from encoder.attributes.wording import denied, plain
from encoder.attributes.words import any_of, slot_words
from encoder.base import Reading

UNSURE_BELOW = 0.6
"""A colour read with less than this probability is reported as unsure."""

_SAME = 2e-3
"""Two colours so near in OKLab are one: a condition holds float32."""

_JOINED = r"\s*(?:and|&|/|\+|,|n|with matching)\s*(?:her |his |their |the )?"
_TOGETHER = re.compile(
    rf"hair{_JOINED}eyes\b(?!\W+(?:are |is )?(?:closed|shut|open|hidden|covered|half|wide))|eyes{_JOINED}hair\b"
    r"|hair.*\b(?:match(?:ing|es)?|same)\b.*eyes|eyes.*\b(?:match(?:ing|es)?|same)\b.*hair"
    r"|\bhair\b.*\beyes\b.*\b(?:both|match|same)\b"
)
"""A text that seems to give hair and eyes one colour."""

_BESIDE = 8
"""A colour word that means another value than the one read is blamed only within so many letters of the noun."""


def warnings_for(text: str, readings: Sequence[Reading]) -> list[str]:
    """One line for each thing about ``text`` that its writer should know; none for a text that is plainly understood.

    The lines name a text in which nothing is recognised; a colour word outside the vocabulary, and the colour that is
    drawn for it; a colour that was read with little certainty; one colour that hair and eyes seem to share; colour
    words that were taken for neither; and things that these faces cannot show. A colour that a text denies is
    understood.
    """
    avoided = [reading.slot for reading in readings if reading.denied]
    if all(reading.value is None and reading.exact_colour is None for reading in readings) and not any(
        noun(slot) in text.lower() for slot in avoided
    ):
        return [f"nothing recognised in {_short(text)!r}: hair and eyes are left to chance"]
    colours = [
        reading for reading in readings if reading.slot in COLOUR_SLOTS and (reading.value or reading.exact_colour)
    ]
    lines = [line for reading in colours if (line := _colour_warning(text, reading, colours))]
    if len(colours) == 1 and not avoided and _TOGETHER.search(text.lower()):
        lines.append(_shared_warning(text, colours[0]))
    if untaken := [word for word in _untaken(text, colours) if not any(repr(word) in line for line in lines)]:
        them = ", ".join(map(repr, untaken))
        lines.append(f"{them} in {_short(text)!r}: taken for the colour of neither hair nor eyes, and not drawn")
    if things := list(dict.fromkeys(match[0] for match in _things().finditer(text.lower()))):
        lines.append(load("en").messages["things"].format(text=_short(text), words=", ".join(things)))
    return lines


@functools.cache
def _things() -> re.Pattern[str]:
    """Things that people ask of faces in English, and that these faces cannot show."""
    return any_of(word for word, kinds in load("en").words.items() if kinds[0][0] == "thing")


@dataclass(frozen=True)
class _Place:
    """A colour in a text: a word or a code, where it stands, and the values that it means."""

    word: str
    start: int
    end: int
    values: Collection[str]


def _colour_warning(text: str, reading: Reading, colours: Sequence[Reading]) -> str | None:
    value, name = reading.value, noun(reading.slot)
    if reading.exact_colour:
        if term(text, reading.exact_colour):
            return None
        drawn = to_hex(np.array(reading.exact_colour))
        return f"no list has the {name} colour in {_short(text)!r}; drawing {drawn}, a guess"
    written = list(_WRITTEN[str(value)].finditer(text.lower()))
    if written and sum(other.value == value for other in colours) == 1:
        return None
    nouns = list(slot_words(reading.slot).noun.finditer(text.lower()))

    def gap(start: int, end: int) -> int:
        """Letters between what stands at ``text[start:end]`` and the nearest noun of the slot."""
        return min((max(other.start() - end, start - other.end()) for other in nouns), default=0)

    found = [place for place in _places(text, reading.slot) if not _WRITTEN[str(value)].search(place.word)]
    foreign = [place for place in found if value in place.values] or [
        place for place in found if place.word not in SLOTS[reading.slot] and gap(place.start, place.end) <= _BESIDE
    ]
    nearest = min(foreign, key=lambda place: gap(place.start, place.end), default=None)
    if written and (nearest is None or min(gap(*word.span()) for word in written) <= gap(nearest.start, nearest.end)):
        return None
    if nearest:
        return f"{nearest.word!r} is not one of the {len(SLOTS[reading.slot])} {name} colours; drawing {value}"
    if reading.probability < UNSURE_BELOW:
        percent = round(100 * reading.probability)
        return f"unsure of the {name} colour in {_short(text)!r}; drawing {value} ({percent} %)"
    return f"no {name} colour of the vocabulary in {_short(text)!r}; drawing {value}"


def _places(text: str, slot: str) -> list[_Place]:
    """The colours of a slot that a text names or gives in figures."""
    known = slot_words(slot)
    places = [_Place(word[0], *word.span(), known.colours[word[0]]) for word in known.colour.finditer(text.lower())]
    for code in codes(text):
        (mixture,) = mixtures(slot, [to_hex(code.lab)], doubtful=True)
        places.append(_Place(text[code.start : code.end], code.start, code.end, mixture))
    return places


def term(text: str, look: tuple[float, float, float]) -> str | None:
    """How a text names a colour of that look, or gives it in figures; None where it does not."""
    bare = plain(text.lower())
    known = [(text[code.start : code.end], code.lab) for code in codes(text)]
    known += [(bare[start:end], lab) for start, end, lab in find(bare)]
    return next((name for name, lab in known if distance(lab, np.array(look)) < _SAME), None)


def _shared_warning(text: str, stated: Reading) -> str:
    (other,) = (noun(slot) for slot in COLOUR_SLOTS if slot != stated.slot)
    value = _written(text, stated) or stated.value
    return f"the {other} colour in {_short(text)!r} is left open; if both are {value}, say '{value} hair, {value} eyes'"


def _written(text: str, reading: Reading) -> str | None:
    """How a text names the exact colour that was read; None where none was, or it names none such."""
    return term(text, reading.exact_colour) if reading.exact_colour else None


def _untaken(text: str, colours: Sequence[Reading]) -> list[str]:
    """The words for colours, and the codes, that mean neither a slot's value, nor its exact colour, nor what the
    text denies of it."""
    taken = {reading.slot: (reading.value, _written(text, reading) or "") for reading in colours}
    forbidden = denied(plain(text))
    sure: dict[tuple[int, int], bool] = {}
    meant = []
    for slot in COLOUR_SLOTS:
        value, written = taken.get(slot, (None, ""))
        understood = {value, *forbidden.get(slot, ())}
        for place in _places(text, slot):
            sure[place.start, place.end] = place.word in colour_words() or not place.word[0].isalpha()
            if not understood.isdisjoint(place.values) or place.word in written:
                meant.append(place)
    left = [
        text[start:end]
        for (start, end), known in sure.items()
        if known and not any(place.start <= start and end <= place.end for place in meant)
    ]
    return list(dict.fromkeys(left))


def _short(text: str, length: int = 60) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


_WRITTEN = {
    value: any_of([value, *(word for word, meant in SPELLINGS.items() if meant == value)], end="")
    for slot in COLOUR_SLOTS
    for value in SLOTS[slot]
}
"""A value as a word, or at the head of one: "reddish", "pinkhair"."""
