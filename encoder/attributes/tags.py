"""What a list of tags leaves open: "1girl, blue eyes, red hair bow" says nothing of the hair's colour."""

from __future__ import annotations

import difflib
import functools
import re
from typing import Any

from encoder.attributes.vocabulary import COLOUR_SLOTS
from encoder.attributes.wording import plain_colours
from encoder.attributes.words import slot_words

_FEWEST = 3
"""Tags of a list: of fewer parts is many a sentence, too."""
_BETWEEN = re.compile(r"\s*[,;|+*&]+\s*")
_BARE = re.compile(r"[\s()\[\]{}]+")
_SENTENCE = re.compile(
    r"\b(?:an?|and|are|but|has|have|having|he|her|his|i|is|it|its|my|no|nor|not|or|she|that|their|they|this|was|who"
    r"|whose|with|without|you|your)\b|'s\b"
)
"""Words that no tag holds: a text with one of them is no list of tags."""
_THINGS = re.compile(
    r"\bhair ?(?:accessor(?:y|ies)|bands?|beads?|between eyes|bobbles?|bows?|clips?|combs?|down|flowers?|intakes?|nets?"
    r"|ornaments?|over \w+(?: \w+)?|pins?|pull|ribbons?|rings?|scrunchies?|slides?|sticks?|strings?|ties?|tubes?|up)\b"
    r"|\beye ?(?:brows?|contacts?|glass(?:es)?|lash(?:es)?|liner|make-?up|mask|patch|shadow|trail|wear)\b"
    r"|\b(?:closed|covered|crossed|empty|half-closed|one|over|rolling|visible|winking) eyes?\b"
    r"|\beyes? (?:closed|covered|visible)\b|\b(?:mole under|on) (?:one |own )?(?:eye|head)\b"
)
"""Things that are named after hair and eyes and have a colour of their own, or none."""
_STYLE = re.compile(
    r"(?:side|low|high|single|double|twin|short|long|blunt|swept) (?:bangs|braids?|buns?|pony ?tail|twin ?tails|hair)"
)
"""A tag of hair that says nothing of its colour."""
_LETTERS = re.compile(r"[^\W\d_]+")
_LIKE_PLAIN, _LIKE_OTHERS = 0.6, 0.81
"""How near a misspelt word must come to a noun (``difflib``'s ratio): the plain ones, and all others."""


def left_open(text: str) -> list[str]:
    """The colour slots that a list of tags does not speak of; none where a text is no list.

    A tag speaks of the hair where it holds one of its nouns, misspelt at times, which "hair ribbon", "hair over eyes"
    and the like do not; one that is nothing but a colour may speak of either.

    Args:
        text: As ``encoder.attributes.wording.plain`` gives it.
    """
    text = text.lower()
    tags = [_BARE.sub(" ", tag).strip() for tag in _BETWEEN.split(text)]
    tags = [tag for tag in tags if tag]
    if len(tags) < _FEWEST or _SENTENCE.search(text):
        return []
    spoken = {slot for tag in tags for slot in _spoken_of(tag)}
    return [slot for slot in COLOUR_SLOTS if slot not in spoken]


def _spoken_of(tag: str) -> set[str]:
    """The slots that a tag may be about."""
    if _is_colour(tag):
        return set(COLOUR_SLOTS)
    if _STYLE.fullmatch(tag):
        return set()
    rest = _THINGS.sub(" ", tag)
    found = {slot for slot, noun in _nouns().items() if noun.search(rest)}
    return found.union(*map(_resembling, _LETTERS.findall(rest)))


@functools.lru_cache(10_000)
def _resembling(word: str) -> frozenset[str]:
    """The slots one of whose nouns a word may be meant for: "heir", "haired", "eyez"."""
    return frozenset(
        slot
        for slot in COLOUR_SLOTS
        if difflib.get_close_matches(word, [slot], 1, _LIKE_PLAIN)
        or difflib.get_close_matches(word, _single_nouns()[slot], 1, _LIKE_OTHERS)
    )


@functools.cache
def _single_nouns() -> dict[str, list[str]]:
    """The nouns of a single word, and what "-haired" and "-eyed" end in."""
    ends = dict(zip(COLOUR_SLOTS, ("haired", "eyed"), strict=True))
    return {slot: sorted({*filter(str.isalpha, slot_words(slot).nouns), ends[slot]}) for slot in COLOUR_SLOTS}


@functools.cache
def _nouns() -> dict[str, re.Pattern[str]]:
    """The nouns of hair and of eyes."""
    return {slot: re.compile(rf"\b(?:{'|'.join(sorted(set(slot_words(slot).nouns)))})\b") for slot in COLOUR_SLOTS}


@functools.cache
def _colours() -> frozenset[str]:
    """The words that stand for a colour by themselves, "brunette" among them."""
    return frozenset().union(*(slot_words(slot).colours for slot in COLOUR_SLOTS))


def _is_colour(text: str) -> bool:
    """Whether a text is the name of a colour, or ends in one after a word or two: "blonde", "very dark blue"."""
    words = text.split()
    alone = len(words) == 1 and any(colour in text for colour in plain_colours())  # "pinkette", "reddish"
    return alone or any(" ".join(words[i:]) in _colours() for i in range(min(3, len(words))))


def rules() -> dict[str, Any]:
    """The tables with which ``gan.page`` does the same, by name."""
    return {
        "fewest": _FEWEST,
        "between": _BETWEEN.pattern,
        "bare": _BARE.pattern,
        "sentence": _SENTENCE.pattern,
        "things": _THINGS.pattern,
        "style": _STYLE.pattern,
        "letters": _LETTERS.pattern,
        "nouns": {slot: noun.pattern for slot, noun in _nouns().items()},
        "single_nouns": _single_nouns(),
        "like_plain": _LIKE_PLAIN,
        "like_others": _LIKE_OTHERS,
        "colours": sorted(_colours()),
    }
