"""The words and sentence forms of generated captions, in two halves: one trains the conditioning head, the other
measures it.

Colours and nouns are those of ``encoder.attributes.words``; ``lexicon.txt`` lists all other words. ``forms.txt`` lists
the forms, and says how they are written.
"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from pathlib import Path

from encoder.attributes import sections, words
from encoder.attributes.vocabulary import COLOUR_SLOTS, HAIR_LENGTHS
from encoder.attributes.words import HALVES, Half, Mixture

FILE, FORMS = (Path(__file__).with_name(name) for name in ("lexicon.txt", "forms.txt"))

_KINDS = ("things", "people", "hair textures", "eyes textures", "tags", *HAIR_LENGTHS)
_GENERAL = ("train near things", "shades", "pale shades", "sounds")


@dataclass(frozen=True)
class Lexicon:
    """One half of the words.

    Attributes:
        colours: For ``"hair"`` and ``"eyes"``, colour word -> the mixture of values it stands for.
        nouns: For ``"hair"`` and ``"eyes"``, nouns, singular and plural: (word, "is" or "are").
        lengths: Words for a hair length -> ``"long"`` or ``"short"``.
        likenesses: For ``"hair"`` and ``"eyes"``, things known for their colour -> mixture ("hair the colour of coal").
        things: What may wear a distracting colour: clothes, objects, scenery.
        people: Nouns for the person drawn.
        textures: For ``"hair"`` and ``"eyes"``, adjectives that state no attribute.
        tags: What lists of tags hold besides hair and eyes, in which no attribute is stated.
    """

    colours: dict[str, dict[str, Mixture]]
    nouns: dict[str, tuple[tuple[str, str], ...]]
    lengths: dict[str, str]
    likenesses: dict[str, dict[str, Mixture]]
    things: tuple[str, ...]
    people: tuple[str, ...]
    textures: dict[str, tuple[str, ...]]
    tags: tuple[str, ...]


@functools.cache
def lexicon(half: Half) -> Lexicon:
    """The words of a half; ``InputError`` for a broken file."""
    near = 3 * word_list("train near things") if half == "train" else ()
    return Lexicon(
        colours={slot: words.colours(slot, half) for slot in COLOUR_SLOTS},
        nouns={slot: words.nouns(slot, half) for slot in COLOUR_SLOTS},
        lengths={word: length for length in HAIR_LENGTHS for word in word_list(f"{half} {length}")},
        likenesses={slot: words.likenesses(slot, half) for slot in COLOUR_SLOTS},
        things=word_list(f"{half} things") + near,
        people=word_list(f"{half} people"),
        textures={slot: word_list(f"{half} {slot} textures") for slot in COLOUR_SLOTS},
        tags=word_list(f"{half} tags"),
    )


@functools.cache
def word_list(title: str) -> tuple[str, ...]:
    """The words of a section of ``lexicon.txt``."""
    return sections.words(_sections()[title])


@functools.cache
def _sections() -> dict[str, list[sections.Line]]:
    return sections.read_sections(FILE, [*(f"{half} {kind}" for half in HALVES for kind in _KINDS), *_GENERAL])


@dataclass(frozen=True)
class Forms:
    """Sentence forms by the colours that they state, and what may stand before and behind them."""

    both: tuple[str, ...]
    hair: tuple[str, ...]
    eyes: tuple[str, ...]
    empty: tuple[str, ...]
    prefixes: tuple[str, ...]
    suffixes: tuple[str, ...]
    shared: tuple[str, ...]
    negated: tuple[str, ...]
    separators: tuple[str, ...]
    nominal: tuple[str, ...] = ()
    distracted: tuple[str, ...] = ()


@functools.cache
def forms(half: Half) -> Forms:
    """The forms of a half; ``InputError`` for a broken file."""
    kinds = [field.name for field in dataclasses.fields(Forms)]
    return Forms(**{kind: tuple(line.text for line in _form_sections().get(f"{half} {kind}", ())) for kind in kinds})


@functools.cache
def _form_sections() -> dict[str, list[sections.Line]]:
    fields = dataclasses.fields(Forms)
    needed, optional = (
        [f"{half} {field.name}" for half in HALVES for field in fields if (field.default == ()) == is_optional]
        for is_optional in (False, True)
    )
    return sections.read_sections(FORMS, needed, optional)
