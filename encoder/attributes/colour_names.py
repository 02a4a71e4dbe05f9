"""Names of colours: how each looks, and as which values of hair and eyes it is drawn.

``colour_names.txt`` lists the names, "teal #029386", and ``rare_names.txt`` rarer ones. ``colours.txt`` has the tones
of the values. Distances are Euclidean in OKLab (https://bottosson.github.io/posts/oklab), in which lightness counts for
less, since people name a colour by its hue first.
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from encoder.attributes import sections
from encoder.attributes.colour import WEIGHTS, from_hex
from encoder.attributes.vocabulary import COLOUR_SLOTS, SLOTS, SPELLINGS
from encoder.common.errors import InputError

NAMES = Path(__file__).with_name("colour_names.txt")
RARE_NAMES = NAMES.with_name("rare_names.txt")
TONES = NAMES.with_name("colours.txt")

HUES = (
    *("red", "orange", "aqua", "gray", "green", "purple", "pink", "blue", "black", "brown", "white", "blonde"),
    "yellow",
)
"""The plain colours: all values of hair and of eyes."""

_NEAREST = {"hair": {"yellow": "blonde"}, "eyes": {"white": "gray", "blonde": "yellow"}}
"""For the colours that a slot lacks, the one that is drawn."""

_COLOURLESS = {"white", "gray", "black"}
_HUE_OF = SPELLINGS | {hue: hue for hue in HUES}
_PURE = 0.8  # a share that is taken for the whole
_CLOSE = 1.15  # a third colour within this ratio of the nearest one leaves the colour without a name


@functools.cache
def _sections() -> dict[str, list[sections.Line]]:
    return sections.read_sections(TONES, [*(f"tones {hue}" for hue in HUES), "modifiers", "words"])


@functools.cache
def tones() -> dict[str, list[str]]:
    """The look of each hue, "#rrggbb", in the tones that people call by its name."""
    return {
        hue: [_checked(tone, line.where) for line in _sections()[f"tones {hue}"] for tone in line.text.split()]
        for hue in HUES
    }


@functools.cache
def modifiers() -> dict[str, tuple[float, float, float]]:
    """The effect of a word before a colour, (s, t, k): lightness L becomes s L + t, chroma k times as much."""
    lines = ((*line.text.partition(" "), line.where) for line in _sections()["modifiers"])
    return {word: tuple(sections.numbers(change, 3, where)) for word, _, change, where in lines}  # type: ignore[misc]


@functools.cache
def colour_words() -> frozenset[str]:
    """Words that hardly mean anything but a colour, by contrast to "rose" or "ice"."""
    return frozenset(sections.words(_sections()["words"]))


def _checked(colour: str, where: str) -> str:
    if not re.fullmatch("#[0-9a-f]{6}", colour):
        raise InputError(f"{where}: {colour!r} is no colour like #12806a; correct it")
    return colour


def _oklab(colours: list[str]) -> np.ndarray:
    """The OKLab coordinates of N colours, "#rrggbb": (N, 3)."""
    return np.array([from_hex(colour) for colour in colours])


def hues(slot: str) -> np.ndarray:
    """The direction of each value of a slot in OKLab's plane of chroma: unit vectors (V, 2); 0 for white to black."""
    directions = np.zeros((len(SLOTS[slot]), 2))
    for hue, listed_tones in tones().items():
        if hue not in _COLOURLESS and _value(slot, hue) == hue:
            chroma = _oklab(listed_tones)[:, 1:]
            mean = (chroma / np.linalg.norm(chroma, axis=1, keepdims=True)).mean(0)
            directions[SLOTS[slot].index(hue)] = mean / np.linalg.norm(mean)
    return directions


def _value(slot: str, hue: str) -> str:
    return _NEAREST[slot].get(hue, hue)


def tones_of(slot: str) -> list[tuple[str, str]]:
    """Each tone, "#rrggbb", behind the value of a slot that it is drawn as."""
    return [(_value(slot, hue), tone) for hue, listed_tones in tones().items() for tone in listed_tones]


def mixtures(slot: str, colours: list[str], *, doubtful: bool = False) -> list[dict[str, float]]:
    """What each of N colours, "#rrggbb", is drawn as: values of a slot and their shares.

    The shares of the two nearest values fall with the square of the distance to the nearest of their tones. Of a colour
    that a third value is as near to there are none, unless ``doubtful`` ones are asked for too.
    """
    pairs = tones_of(slot)
    values = SLOTS[slot]
    lab, tone_lab = (_oklab(each) * WEIGHTS for each in (colours, [tone for _, tone in pairs]))
    distances = np.linalg.norm(lab[:, None] - tone_lab, axis=2)  # (N, tones)
    owner = np.array([values.index(value) for value, _ in pairs])
    by_value = np.stack([distances[:, owner == i].min(1) for i in range(len(values))], 1) + 1e-3  # (N, values)
    found: list[dict[str, float]] = []
    for row in by_value:
        first, second, third = row.argsort()[:3]
        share = float(round(1 / (1 + (row[first] / row[second]) ** 2), 2))
        if row[third] < _CLOSE * row[first] and not doubtful:
            found.append({})
        elif share >= _PURE:
            found.append({values[first]: 1.0})
        else:
            found.append({values[first]: share, values[second]: round(1 - share, 2)})
    return found


@functools.cache
def listed() -> dict[str, str]:
    """The names of ``colour_names.txt`` with their sRGB colours, "#rrggbb"."""
    return _entries(NAMES)


@functools.cache
def rare() -> dict[str, str]:
    """The names of ``rare_names.txt``, likewise."""
    return _entries(RARE_NAMES)


def _entries(file: Path) -> dict[str, str]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read ({error}); restore the file") from error
    entries = {}
    for number, line in enumerate(lines, start=1):
        if not line.startswith("# "):
            name, _, colour = line.rpartition(" ")
            if len(colour) != 7 or colour[0] != "#" or not name:
                raise InputError(
                    f"{file}, line {number}: {line!r} is no name and colour like 'teal #029386'; correct it"
                )
            entries[name] = colour
    return entries


def named(slot: str, colours: dict[str, str]) -> dict[str, dict[str, float]]:
    """Names with their sRGB colours, and what they are drawn as in a slot.

    A name that ends in a plain colour is that colour, however it looks ("dusty blue"); where another one stands before
    it, both have a share ("greenish brown").
    """
    table = dict(zip(colours, mixtures(slot, list(colours.values())), strict=True))
    for name in colours:
        *before, last = name.split()
        if last in _HUE_OF:
            value = _value(slot, _HUE_OF[last])
            others = [_value(slot, hue) for word in before if (hue := _hue(word)) and _value(slot, hue) != value]
            if {value, *others} != {"blue", "green"}:  # which make a colour of their own
                table[name] = {value: 0.7, others[-1]: 0.3} if others else {value: 1.0}
    return {name: mixture for name, mixture in table.items() if mixture}


def _hue(word: str) -> str | None:
    """The plain colour in "green", "greenish" or "greeny"."""
    stem = word.removesuffix("ish").removesuffix("y") if len(word) > 4 else word
    return _HUE_OF.get(stem) or _HUE_OF.get(stem + "e") or _HUE_OF.get(stem[:-1])


PLAIN = {value for slot in COLOUR_SLOTS for value in SLOTS[slot]} | set(SPELLINGS) | {"yellow", "dark", "light", "fair"}
"""Words that state a value of a slot, as varied as that value is, and no exact colour."""

_LOOKS = {"gray": "grey", "blonde": "#e3c478", "blond": "#e3c478"}  # of plain words that are not listed

_ISH = (0.7, 0.18, 0.75)  # "greenish" alone, in the same form
_TINGE = 0.35  # of "reddish" in "reddish brown", likewise by those that are listed
_OF_FIRST = 0.6  # of "coral" in "coral pink", where the pair is not listed; likewise
_EMPTY = {"all", "completely", "lovely", "beautiful", "fine", "really", "super", "very", "mostly", "somewhat", "medium"}
_COLOURED = re.compile(r"[\s-]?colou?red$")


@functools.cache
def look(word: str) -> tuple[float, float, float] | None:
    """How an exact colour looks, in OKLab; None of a plain colour word, and of a word that is no colour's name.

    Listed names, and what is made of them and of plain words: "dark blue", "pale coral", "greenish", "reddish brown",
    "blue-black", "navy-coloured".

    Args:
        word: In lower case.
    """
    lab = None if word in PLAIN else _look(_COLOURED.sub("", word))
    return None if lab is None else (float(lab[0]), float(lab[1]), float(lab[2]))


def is_plain(word: str) -> bool:
    """Whether a word, or a phrase such as "lovely red", states a value as varied as it is."""
    first, _, behind = _COLOURED.sub("", word).partition(" ")
    return is_plain(behind) if first in _EMPTY and behind else f"{first} {behind}".strip() in PLAIN


def ish(word: str) -> str:
    """A plain colour word as one that tinges another: "reddish", "bluish"."""
    return {"red": "reddish", "blue": "bluish", "purple": "purplish", "white": "whitish", "orange": "orangish"}.get(
        word, f"{word}ish"
    )


def _look(word: str) -> np.ndarray | None:
    if word in PLAIN:
        return None
    if (lab := _listed(word)) is not None:
        return lab
    first, *rest = re.split(r"[\s-]+", word)
    if not rest:
        return _changed(_plain(hue), _ISH) if word.endswith("ish") and (hue := _hue(word)) else None
    behind = " ".join(rest)
    if first in _EMPTY:
        return _look(behind)
    base = _plain(behind) if behind in PLAIN else _look(behind)
    if base is None:
        return None
    if first in modifiers():
        return _changed(base, modifiers()[first])
    tinged = first.endswith(("ish", "y")) or f"{first}-" in word
    if tinged and (hue := _hue(first)) and (tinge := _plain(hue)) is not None:
        return _TINGE * tinge + (1 - _TINGE) * base
    tinge = None if first in PLAIN else _listed(first)  # "red brown" may be two things side by side
    return None if tinge is None else _OF_FIRST * tinge + (1 - _OF_FIRST) * base


def _listed(word: str) -> np.ndarray | None:
    """The OKLab coordinates of a listed name in either spelling, with spaces or hyphens."""
    name = word.replace("-", " ")
    for spelling in (name, name.replace("gray", "grey"), name.replace("grey", "gray")):
        for names in (listed(), rare()):
            if spelling in names and spelling not in _unknown:
                return from_hex(names[spelling])
    return None


_unknown: set[str] = set()


@contextlib.contextmanager
def without(names: Collection[str]) -> Iterator[None]:
    """While it lasts no list has these names: to measure what is made of a name that no list has."""
    _unknown.update(names)
    look.cache_clear()
    try:
        yield
    finally:
        _unknown.clear()
        look.cache_clear()


def _plain(word: str) -> np.ndarray | None:
    """The usual look of a plain colour word, in OKLab."""
    colour = _LOOKS.get(word, word)
    colour = listed().get(colour, colour)
    return from_hex(colour) if colour.startswith("#") else None


def _changed(lab: np.ndarray | None, change: tuple[float, float, float]) -> np.ndarray | None:
    if lab is None:
        return None
    s, t, k = change
    return np.array([min(max(s * lab[0] + t, 0.0), 1.0), k * lab[1], k * lab[2]])


_WORD = re.compile(r"[a-zà-ÿ']+")
_LONGEST = 4  # words of a colour's name


def find(text: str) -> list[tuple[int, int, np.ndarray]]:
    """The exact colours that a text names, in its order: (start, end, OKLab); of several the longest name.

    Args:
        text: In lower case.
    """
    words = list(_WORD.finditer(text))
    found: list[tuple[int, int, np.ndarray]] = []
    i = 0
    while i < len(words):
        for count in range(min(_LONGEST, len(words) - i), 0, -1):
            start, end = words[i].start(), words[i + count - 1].end()
            name = text[start:end]
            if re.fullmatch(r"[a-zà-ÿ']+(?:[ -][a-zà-ÿ']+)*", name) and (lab := look(name)):
                found.append((start, end, np.array(lab)))
                i += count - 1
                break
        i += 1
    return found


def rules() -> dict[str, Any]:
    """The tables with which ``gan.page`` does the same, by name."""
    return {
        "tones": {slot: tones_of(slot) for slot in COLOUR_SLOTS},
        "pure": _PURE,
        "plain": sorted(PLAIN),
        "empty": sorted(_EMPTY),
        "names": listed(),
        "more_names": rare(),
        "looks": _LOOKS,
        "hues": _HUE_OF,
        "modifiers": modifiers(),
        "ish": _ISH,
        "tinge": _TINGE,
        "of_first": _OF_FIRST,
    }
