"""What the page must know to read texts as ``encoder.attributes`` does, as one JSON object.

The rules themselves are in ``static/js``; the words, names and colours that they work with are Python's own, from here.
"""

from __future__ import annotations

from typing import Any

from encoder.attributes import colour_names, languages, palette, reader, tags, wording, words
from encoder.attributes.vocabulary import COLOUR_SLOTS, SLOTS, SPELLINGS

SWATCHES = {"black": "#202024", "white": "#f5f5f5", "gray": "#8f9298", "brown": "#7b4b2a", "blonde": "#e8d49a"}
"""What a value is shown as, where the second of its tones is one of the extremes."""


def rules() -> dict[str, Any]:
    """The words, names and colours of the rules."""
    tones = colour_names.tones()
    return {
        "slots": SLOTS,
        "colour_slots": COLOUR_SLOTS,
        "spellings": SPELLINGS,
        "stand_ins": reader.STAND_INS,
        "avoided": reader.AVOIDED,
        "tags": tags.rules(),
        "languages": languages.rules(),
        "colour_words": sorted(colour_names.colour_words()),
        "words": words.rules(),
        "swatches": {
            slot: {value: SWATCHES.get(value) or tones[value][1] for value in SLOTS[slot]} for slot in COLOUR_SLOTS
        },
        "far": palette.FAR,
        **wording.rules(),
        **colour_names.rules(),
    }
