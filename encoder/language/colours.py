"""What any colour is drawn as: named colours, in sRGB, to the nearest of the hair and the eye colours.

``colours.txt`` lists the names, "teal #029386"; ``lexicon.py`` says what it says by hand, and takes the rest from
here. ``names.txt`` has rarer ones, for their looks. Distances are Euclidean in OKLab
(https://bottosson.github.io/posts/oklab), in which lightness counts for less, since people name a colour by its hue
first.
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np

from encoder.attributes.colour import WEIGHTS, from_hex
from encoder.attributes.vocabulary import COLOUR_SLOTS, SLOTS, SPELLINGS

NAMES = Path(__file__).with_name("colours.txt")
MORE_NAMES = NAMES.with_name("names.txt")

_PROTOTYPES = {
    "red": "#ff0000 #d01020 #b22222 #8b0000 #dc143c #6d0a1a #e8403c #9e1b32 #c0392b #802030 #b02848",
    "orange": "#ff7f00 #ff5f1f #ffa040 #f28500 #c85a17 #ff8c55 #fdaa48 #e06a20 #a8481c #c07030 #e87848",
    "aqua": "#00ffff #40e0d0 #20b2aa #008b8b #7fffd4 #5fc9c9 #00a8b0 #a0e8e4 #13eac9 #2a7f82 #014d4e",
    "gray": "#808080 #a9a9a9 #c0c0c0 #606468 #d0d0d4 #8f8a86 #9aa3ab #787c84 #b2aca6 #50545a #6b6660 #70808f #404346",
    "green": """#00a000 #32cd32 #7cfc00 #228b22 #6b8e23 #556b2f #98fb98 #013220 #2e8b57 #8fbc8f #00ff7f #a8c060
        #90b040 #3c5a34 #a0c8a0 #bfff00 #708238 #5a8f6a #b8d890 #006040 #cfe8b0 #50c878 #3cb371 #1c4c3c""",
    "purple": """#800080 #8a2be2 #9370db #b890d8 #4b0082 #b57edc #5b3060 #8050a0 #c060d0 #d0b0e8 #9a7090 #6a4a7c
        #bf77f6 #702050 #a08cb0 #dda0f0 #341040""",
    "pink": """#ffc0cb #ff69b4 #ff1493 #f7a1b5 #fa8072 #e75480 #de5d83 #ffb0d8 #f4c2c2 #e0709a #d8a0a8 #ff7090 #c84a7a
        #cb0162 #fcd8e0""",
    "blue": """#0000ff #1e50c8 #000080 #4169e1 #6495ed #7ab8e8 #1c3f6e #5b84b1 #1f75fe #90c0f8 #4682b4 #87aacc #2a52be
        #b0d0f0 #3a5a80 #191970 #01153e #1a5f8f #d0e8ff #4aa8f8""",
    "black": "#000000 #101010 #1c1a1c #10141c #2a2624 #202024 #1a1410 #28282c",
    "brown": """#8b4513 #5c3317 #a0622d #7b3f00 #4b2e20 #b5835a #6f4e37 #987654 #c19a6b #3d1f10 #80604a #b06840 #6b4423
        #964b2a #a57c50 #7a3a20 #341c02""",
    "white": "#ffffff #f5f5f5 #fffaf0 #f4f4f8 #f8f4e8",
    "blonde": """#f5e08a #e6c35c #ffd700 #d9b978 #f0e2b6 #faf0be #e8d49a #dcc088 #f0d060 #d4a830 #f8e080 #f8e8a8""",
    "yellow": "#ffff00 #ffd700 #e8c820 #fff44f #ffff66 #d4a017 #ffef80 #c8b020 #ffc820 #fff8a0 #cfe000",
}
"""What each colour looks like, in the tones that people call by its name."""

_NEAREST = {"hair": {"yellow": "blonde"}, "eyes": {"white": "gray", "blonde": "yellow"}}
"""For the colours that a slot lacks, the one that is drawn."""

_COLOURLESS = {"white", "gray", "black"}
_PLAIN = SPELLINGS | {hue: hue for hue in _PROTOTYPES}
_PURE = 0.8  # a share that is taken for the whole
_CLOSE = 1.15  # a third colour within this ratio of the nearest one leaves the colour without a name


def _oklab(colours: list[str]) -> np.ndarray:
    """The OKLab coordinates of N colours, "#rrggbb": (N, 3)."""
    return np.array([from_hex(colour) for colour in colours])


def hues(slot: str) -> np.ndarray:
    """The direction of each value of a slot in OKLab's plane of chroma: unit vectors (V, 2); 0 for white to black."""
    directions = np.zeros((len(SLOTS[slot]), 2))
    for hue, tones in _PROTOTYPES.items():
        if hue not in _COLOURLESS and _value(slot, hue) == hue:
            chroma = _oklab(tones.split())[:, 1:]
            mean = (chroma / np.linalg.norm(chroma, axis=1, keepdims=True)).mean(0)
            directions[SLOTS[slot].index(hue)] = mean / np.linalg.norm(mean)
    return directions


def _value(slot: str, hue: str) -> str:
    return _NEAREST[slot].get(hue, hue)


def mixtures(slot: str, colours: list[str], *, doubtful: bool = False) -> list[dict[str, float]]:
    """What each of N colours, "#rrggbb", is drawn as: values of a slot and their shares.

    The shares of the two nearest values fall with the square of the distance to the nearest of their tones. Of a colour
    that a third value is as near to there are none, unless ``doubtful`` ones are asked for too.
    """
    tones = [(_value(slot, hue), tone) for hue, tones in _PROTOTYPES.items() for tone in tones.split()]
    values = SLOTS[slot]
    lab, tone_lab = (_oklab(each) * WEIGHTS for each in (colours, [tone for _, tone in tones]))
    distances = np.linalg.norm(lab[:, None] - tone_lab, axis=2)  # (N, tones)
    owner = np.array([values.index(value) for value, _ in tones])
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
    """The names of ``colours.txt`` with their sRGB colours, "#rrggbb"."""
    return _entries(NAMES)


@functools.cache
def more() -> dict[str, str]:
    """The names of ``names.txt``, likewise."""
    return _entries(MORE_NAMES)


def _entries(file: Path) -> dict[str, str]:
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("# ")]
    return {name: colour for name, colour in (line.rsplit(" ", 1) for line in lines)}


def named(slot: str, colours: dict[str, str]) -> dict[str, dict[str, float]]:
    """Names with their sRGB colours, and what they are drawn as in a slot.

    A name that ends in a plain colour is that colour, however it looks ("dusty blue"); where another one stands before
    it, both have a share ("greenish brown").
    """
    table = dict(zip(colours, mixtures(slot, list(colours.values())), strict=True))
    for name in colours:
        *before, last = name.split()
        if last in _PLAIN:
            value = _value(slot, _PLAIN[last])
            others = [_value(slot, hue) for word in before if (hue := _hue(word)) and _value(slot, hue) != value]
            if {value, *others} != {"blue", "green"}:  # which make a colour of their own
                table[name] = {value: 0.7, others[-1]: 0.3} if others else {value: 1.0}
    return {name: mixture for name, mixture in table.items() if mixture}


def _hue(word: str) -> str | None:
    """The plain colour in "green", "greenish" or "greeny"."""
    stem = word.removesuffix("ish").removesuffix("y") if len(word) > 4 else word
    return _PLAIN.get(stem) or _PLAIN.get(stem + "e") or _PLAIN.get(stem[:-1])


PLAIN = {value for slot in COLOUR_SLOTS for value in SLOTS[slot]} | set(SPELLINGS) | {"yellow", "dark", "light", "fair"}
"""Words that state a value of a slot, as varied as that value is, and no particular colour."""

_LOOKS = {"gray": "grey", "blonde": "#e3c478", "blond": "#e3c478"}  # of plain words that are not listed

MODIFIERS = {
    "dark": (0.85, -0.07, 0.78),
    "deep": (0.84, -0.07, 0.81),
    "light": (0.66, 0.38, 0.85),
    "pale": (0.42, 0.58, 0.63),
    "pastel": (0.42, 0.58, 0.63),
    "bright": (0.63, 0.32, 1.25),
    "vivid": (0.63, 0.32, 1.25),
    "dull": (0.6, 0.27, 0.55),
    "muted": (0.6, 0.27, 0.55),
    "faded": (0.72, 0.25, 0.56),
    "dusty": (0.86, 0.11, 0.52),
    "dusky": (0.89, 0.07, 0.47),
    "soft": (0.86, 0.18, 0.64),
    "stormy": (0.78, 0.14, 0.38),
    "burnt": (0.83, 0.0, 0.8),
    "electric": (0.83, 0.19, 1.27),
    "vibrant": (0.84, 0.14, 1.14),
    "baby": (0.96, 0.23, 0.53),
    "darkish": (0.89, -0.04, 0.74),
    "lightish": (1.03, 0.11, 0.96),
}
"""What a word before a colour makes of it, (s, t, k): its lightness L becomes s L + t, its chroma is multiplied by k.

Least squares over the listed names that begin so ("dark coral") and have the rest beside them ("coral").
"""

_ISH = (0.7, 0.18, 0.75)  # "greenish" alone, in the same form
_TINGE = 0.35  # of "reddish" in "reddish brown", likewise by those that are listed
_OF_FIRST = 0.6  # of "coral" in "coral pink", where the pair is not listed; likewise
_EMPTY = {"all", "completely", "lovely", "beautiful", "fine", "really", "super", "very", "mostly", "somewhat", "medium"}
_COLOURED = re.compile(r"[\s-]?colou?red$")


@functools.cache
def look(word: str) -> tuple[float, float, float] | None:
    """How a particular colour looks, in OKLab; None of a plain colour word, and of a word that is no colour's name.

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
    if first in MODIFIERS:
        return _changed(base, MODIFIERS[first])
    tinged = first.endswith(("ish", "y")) or f"{first}-" in word
    if tinged and (hue := _hue(first)) and (tinge := _plain(hue)) is not None:
        return _TINGE * tinge + (1 - _TINGE) * base
    tinge = None if first in PLAIN else _listed(first)  # "red brown" may be two things side by side
    return None if tinge is None else _OF_FIRST * tinge + (1 - _OF_FIRST) * base


def _listed(word: str) -> np.ndarray | None:
    """The OKLab coordinates of a listed name in either spelling, with spaces or hyphens."""
    name = word.replace("-", " ")
    for spelling in (name, name.replace("gray", "grey"), name.replace("grey", "gray")):
        for names in (listed(), more()):
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
    """What a plain colour word is known for, in OKLab."""
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
    """The particular colours that a text names, in its order: (start, end, OKLab); of several the longest name.

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
