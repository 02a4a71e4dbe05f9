"""What the page must know to read texts as ``encoder.attributes`` does, as one JSON object.

The rules themselves are in ``static/js``; the words, names and colours that they work with are Python's own, from here.
"""

from __future__ import annotations

from typing import Any

from encoder.attributes import languages, palette, reader, tags, warnings, wording
from encoder.attributes.vocabulary import COLOUR_SLOTS, SLOTS, SPELLINGS
from encoder.language import colours


def rules() -> dict[str, Any]:
    """The words, names and colours of the rules."""
    return {
        "slots": SLOTS,
        "colour_slots": COLOUR_SLOTS,
        "spellings": SPELLINGS,
        "plain_colours": wording.plain_colours(),
        "stand_ins": reader._STAND_INS,
        "avoided": reader.AVOIDED,
        "tags": _tags(),
        "denial": wording._denials()[0].pattern,
        "denied_colour": wording._denials()[1].pattern,
        "denied_within": wording._WITHIN,
        **wording.denial_rules(),
        "languages": languages.rules(),
        "colour_words": sorted(warnings.COLOUR_WORDS),
        "words": {slot: _words(slot) for slot in COLOUR_SLOTS},
        "swatches": {slot: {value: _swatch(value) for value in SLOTS[slot]} for slot in COLOUR_SLOTS},
        "tones": {slot: _tones(slot) for slot in COLOUR_SLOTS},
        "pure": colours._PURE,
        "plain": sorted(colours.PLAIN),
        "empty": sorted(colours._EMPTY),
        "names": colours.listed(),
        "more_names": colours.more(),
        "looks": colours._LOOKS,
        "hues": colours._PLAIN,
        "modifiers": colours.MODIFIERS,
        "ish": colours._ISH,
        "tinge": colours._TINGE,
        "of_first": colours._OF_FIRST,
        "far": palette.FAR,
    }


def _tags() -> dict[str, Any]:
    """What ``encoder.attributes.tags`` knows."""
    return {
        "fewest": tags._FEWEST,
        "between": tags._BETWEEN.pattern,
        "bare": tags._BARE.pattern,
        "sentence": tags._SENTENCE.pattern,
        "things": tags._THINGS.pattern,
        "style": tags._STYLE.pattern,
        "letters": tags._LETTERS.pattern,
        "nouns": {slot: noun.pattern for slot, noun in tags._nouns().items()},
        "single_nouns": tags._single_nouns(),
        "like_plain": tags._LIKE_PLAIN,
        "like_others": tags._LIKE_OTHERS,
        "colours": sorted(tags._colours()),
    }


def _words(slot: str) -> dict[str, Any]:
    words = warnings.words(slot)
    return {"colours": {word: dict.fromkeys(values, 1) for word, values in words.colours.items()}, "nouns": words.nouns}


def _tones(slot: str) -> list[tuple[str, str]]:
    """The values of a slot, each with every "#rrggbb" that is drawn as it."""
    tones = colours._PROTOTYPES.items()
    return [(colours._value(slot, hue), tone) for hue, listed in tones for tone in listed.split()]


def _swatch(value: str) -> str:
    """What a value is shown as: a tone that many call by its name, and that is none of the extremes."""
    own = {"black": "#202024", "white": "#f5f5f5", "gray": "#8f9298", "brown": "#7b4b2a", "blonde": "#e8d49a"}
    return own.get(value) or colours._PROTOTYPES[value].split()[1]
