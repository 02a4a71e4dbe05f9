"""The colours that training images have: a few dozen of hair and of eyes stand for all, and a release carries them.

They tell which colours a generator cannot have learnt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from encoder.attributes.colour import WEIGHTS, distance, from_hex, to_hex
from encoder.attributes.vocabulary import COLOUR_SLOTS, noun
from encoder.attributes.warnings import term
from encoder.base import Reading

if TYPE_CHECKING:
    from torch import Tensor

CELL = 0.04
"""The edge of the cubes, in OKLab with the lightness counted by 0.6, whose mean colours stand for what is in them."""
RARE = 1 / 4000
"""A cube with a smaller share of the faces counts for a mistake of the measurement."""
MOST = 96
"""Colours of a slot, at most: of 40,000 faces' hair, none of the cubes is farther than 0.05 from one of so many."""
FAR = 0.1
"""A colour that far from all of the palette is told to its writer."""


def palette(lab: Tensor, sure: Tensor) -> dict[str, str]:
    """The measured colours of hair and of eyes, each slot as "#rrggbb #rrggbb ..."; no slot where none is sure.

    Args:
        lab: Of N images, in OKLab, (N, 2, 3).
        sure: Which of them are sure, bool (N, 2).
    """
    measured = {slot: lab[sure[:, i], i] for i, slot in enumerate(COLOUR_SLOTS)}
    return {slot: " ".join(map(to_hex, _spread(colours.numpy()))) for slot, colours in measured.items() if len(colours)}


def _spread(lab: np.ndarray) -> np.ndarray:
    """At most ``MOST`` of the colours (N, 3), as far apart as can be, the most usual one first: (M, 3).

    The farthest point is added each time (Gonzalez 1985), which leaves no colour farther from the nearest of those
    chosen than twice the least distance possible. The same colours give the same choice.
    """
    points = lab.astype(np.float64) * WEIGHTS
    _, cell, counts = np.unique(np.floor(points / CELL), axis=0, return_inverse=True, return_counts=True)
    means = np.stack([np.bincount(cell.ravel(), column) for column in points.T], 1) / counts[:, None]
    usual = counts >= min(len(lab) * RARE, counts.max())
    means, counts = means[usual], counts[usual]
    chosen = [int(counts.argmax())]
    left = np.linalg.norm(means - means[chosen[0]], axis=1)
    while len(chosen) < min(MOST, len(means)):
        chosen.append(int(left.argmax()))
        left = np.minimum(left, np.linalg.norm(means - means[chosen[-1]], axis=1))
    return means[chosen] / WEIGHTS


def nearest(colours: str, lab: Sequence[float] | np.ndarray) -> float:
    """How far an OKLab colour (3,) is from the nearest of a slot's palette."""
    return float(distance(np.array([from_hex(colour) for colour in colours.split()]), np.asarray(lab)).min())


def warnings_for(texts: Iterable[str], readings: Iterable[Sequence[Reading]], colours: Mapping[str, str]) -> list[str]:
    """A line for each colour that texts ask for and the training images lack by more than ``FAR``.

    Args:
        texts: N texts.
        readings: Of their conditions.
        colours: The palette, by slot.
    """
    lines = []
    for text, row in zip(texts, readings, strict=True):
        for reading in row:
            if reading.exact_colour is None or reading.slot not in colours:
                continue
            away = nearest(colours[reading.slot], reading.exact_colour)
            if away > FAR:
                lines.append(
                    f"the {noun(reading.slot)} colour {_named(text, reading.exact_colour)} is {away:.2f} from the "
                    "nearest colour that the training images have; it is drawn as near as they come"
                )
    return list(dict.fromkeys(lines))


def _named(text: str, look: tuple[float, float, float]) -> str:
    """A colour as the text has it, and in figures."""
    shown, written = to_hex(np.array(look)), term(text, look)
    return shown if written in (None, shown) else f"{written!r} ({shown})"
