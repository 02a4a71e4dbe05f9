"""Exact colours: what a condition says of "navy", "#12806a" or "rgb(18, 128, 106)" beside its 25 values.

Colours are measured in OKLab (https://bottosson.github.io/posts/oklab): lightness in [0, 1], and two coordinates of the
chroma, about [-0.4, 0.4]. For the hair and then for the eyes a condition holds four numbers, ``(stated, L, a, b)``:
whether an exact colour is asked for, in [0, 1], and which, scaled as ``scale`` does; zeros where none is.
"""

from __future__ import annotations

import colorsys
import functools
import re
from dataclasses import dataclass

import numpy as np

from encoder.attributes.vocabulary import COLOUR_SLOTS

NUMBERS = 4
"""Of a slot: (stated, L, a, b)."""
EXACT_DIM = NUMBERS * len(COLOUR_SLOTS)
"""How many numbers of a condition speak of exact colours."""

WEIGHTS = (0.6, 1, 1)
"""Of the lightness and the chroma in a distance: people name a colour by its hue first."""

_CENTRE = np.array([0.6, 0, 0])
_SCALE = np.array([4.0, 8.0, 8.0])

_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def oklab(rgb: np.ndarray) -> np.ndarray:
    """The OKLab coordinates ``(..., 3)`` of sRGB colours ``(..., 3)`` in [0, 1]: lightness, and the chroma's two."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ _TO_LMS.T) @ _TO_LAB.T


def srgb(lab: np.ndarray) -> np.ndarray:
    """The inverse of ``oklab``; a colour that sRGB lacks is cut to [0, 1]."""
    linear = (np.asarray(lab) @ np.linalg.inv(_TO_LAB).T) ** 3 @ np.linalg.inv(_TO_LMS).T
    linear = linear.clip(0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def from_hex(colour: str) -> np.ndarray:
    """The OKLab coordinates (3,) of "#rrggbb"."""
    return oklab(np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255)


def to_hex(lab: np.ndarray) -> str:
    """The nearest "#rrggbb" of OKLab coordinates (3,)."""
    return "#" + "".join(f"{round(255 * part):02x}" for part in srgb(lab))


def scale(lab: np.ndarray) -> np.ndarray:
    """OKLab coordinates ``(..., 3)`` as a condition holds them: 4 (L - 0.6), 8 a, 8 b, each within about [-3, 3]."""
    return (lab - _CENTRE) * _SCALE


def unscale(numbers: np.ndarray) -> np.ndarray:
    """The inverse of ``scale``."""
    return numbers / _SCALE + _CENTRE


def distance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How far apart OKLab colours ``(..., 3)`` look, the lightness counted by 0.6: ``(...)``."""
    return np.linalg.norm((one - other) * WEIGHTS, axis=-1)


@dataclass(frozen=True, eq=False)
class Code:
    """A colour that a text gives in figures, at ``text[start:end]``; ``lab`` is in OKLab, (3,)."""

    start: int
    end: int
    lab: np.ndarray


_NUMBER = r"(\d+(?:\.\d+)?)(%?)"
_BETWEEN = r"[\s,/]+"
_HEX = r"(?<![\w&])(?:#|0x)([0-9a-f]{6}|[0-9a-f]{3})(?![0-9a-z])"
_FUNCTION = (
    rf"\b(rgb|hsl)a?\s*\(\s*{_NUMBER}(?:deg|°)?{_BETWEEN}{_NUMBER}{_BETWEEN}{_NUMBER}(?:{_BETWEEN}[\d.]+%?)?\s*\)"
)


@functools.cache
def _code() -> re.Pattern[str]:
    return re.compile(f"{_HEX}|{_FUNCTION}", re.IGNORECASE)  # at need: most texts are encoded without


def codes(text: str) -> list[Code]:
    """The colours that a text gives as "#12806a", "#186", "rgb(18, 128, 106)" or "hsl(168, 75%, 29%)", in its order.

    Numbers beyond their range are taken as its end, as CSS does.
    """
    return [Code(match.start(), match.end(), oklab(_rgb(match))) for match in _code().finditer(text)]


def _rgb(match: re.Match[str]) -> np.ndarray:
    digits, function, *numbers = match.groups()
    if digits:
        pairs = [digit * 2 for digit in digits] if len(digits) == 3 else [digits[i : i + 2] for i in (0, 2, 4)]
        return np.array([int(pair, 16) for pair in pairs]) / 255
    values = [float(number) for number in numbers[::2]]
    if function.lower() == "rgb":
        whole = [100 if percent else 255 for percent in numbers[1::2]]
        return (np.array(values) / whole).clip(0, 1)
    hue, saturation, lightness = values[0] / 360 % 1, min(values[1] / 100, 1), min(values[2] / 100, 1)
    return np.array(colorsys.hls_to_rgb(hue, lightness, saturation))
