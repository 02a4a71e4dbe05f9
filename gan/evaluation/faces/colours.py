"""Whether hair and eyes of faces are as asked: shares of what the classifier reads, and of what is measured."""

from __future__ import annotations

import torch
from torch import Tensor

from encoder.attributes.vocabulary import SLOTS
from gan.evaluation.metrics import Estimate, bootstrap_mean, confusion, share
from gan.evaluation.registry import MORE, Metric, Row, register
from gan.faces.classifier import UNKNOWN, Reading, right_colours
from gan.faces.hue import LEAST_CHROMA, chroma_as_stated

register(
    Metric("hair", "hair colour as asked", MORE, percent=True, column="hair"),
    Metric("eyes", "eye colour as asked", MORE, percent=True, column="eyes"),
    Metric("both", "both as asked", MORE, percent=True, column="both"),
    Metric("hue", "hair of the hue asked for, measured", MORE, percent=True),
    Metric("length", "hair length as asked", MORE, percent=True),
    Metric("canonical", "both, canonical wording", MORE, percent=True),
    Metric("difference", "difference, points", MORE, signed=True),
)


def judge_colours(reading: Reading, asked: Tensor) -> dict[str, Estimate]:
    """The shares of ``right_colours``, of those that are asked for."""
    return {name: share(values) for name, values in right_colours(reading, asked).items() if len(values)}


def judge_hue(images: Tensor, asked: Tensor) -> dict[str, Estimate]:
    """The share of N faces whose hair, measured, has the hue that was asked for (``gan.faces.hue``), as ``hue``.

    No classifier is asked, which would have learnt from the data to call olive hair green. White, gray and black have
    no hue and do not count.

    Args:
        images: uint8 (N, 3, 64, 64).
        asked: int64 (N, 2 or more), as of ``right_colours``.
    """
    chroma = chroma_as_stated(images, asked[:, 0])
    coloured = chroma[chroma.isfinite()]
    if not len(coloured):
        return {}
    return {"hue": share(coloured >= LEAST_CHROMA)}


def judge_length(reading: Reading, asked: Tensor) -> dict[str, Estimate]:
    """The share of N faces whose hair is read as long or short as was asked for, as ``length``; nothing of no length.

    Args:
        reading: Of the faces.
        asked: int64 (N,), as in ``Attributes.indices``.
    """
    right = (reading.length == asked)[asked != UNKNOWN]
    return {"length": share(right)} if len(right) else {}


def judge_wording(reading: Reading, canonical: Reading, asked: Tensor, seed: int = 0) -> Row:
    """Shares as of ``judge_colours``, and what the wording changes.

    Args:
        reading: Of N faces drawn from some wordings.
        canonical: Of the faces drawn from the canonical wordings in their place, with the same noise each.
        asked: int64 (N, 2), all known.
        seed: Of the bootstrap.

    Returns:
        ``hair``, ``eyes``, ``both``; ``canonical``: both, of the canonical wordings; ``difference``: ``both`` less
        ``canonical``, its interval from the pairs of faces.
    """
    generator = torch.Generator().manual_seed(seed)
    right, canonical_right = (
        ((faces.hair == asked[:, 0]) & (faces.eyes == asked[:, 1])).double() for faces in (reading, canonical)
    )
    return {
        **judge_colours(reading, asked),
        "canonical": share(canonical_right),
        "difference": bootstrap_mean(right - canonical_right, generator),
    }


def judge_each_colour(reading: Reading, asked: Tensor) -> dict[str, dict[str, Estimate]]:
    """The share read right of every colour asked for, by slot and colour; arguments as of ``right_colours``."""
    return {
        slot: {
            colour: share(read[wanted == i] == i)
            for i, colour in enumerate(SLOTS[slot], start=1)
            if (wanted == i).any()
        }
        for slot, read, wanted in (("hair", reading.hair, asked[:, 0]), ("eyes", reading.eyes, asked[:, 1]))
    }


def confusions(reading: Reading, asked: Tensor) -> dict[str, Tensor]:
    """By slot, how often each colour was read (columns) of those asked for (rows), in the order of ``SLOTS``."""
    tables = {}
    for slot, read, wanted in (("hair", reading.hair, asked[:, 0]), ("eyes", reading.eyes, asked[:, 1])):
        known = wanted != UNKNOWN
        tables[slot] = confusion(wanted[known] - 1, read[known] - 1, len(SLOTS[slot]))
    return tables


def pairs(asked: Tensor) -> Tensor:
    """One number for each pair of a hair and an eye colour, int64 (N, 2 or more): int64 (N,)."""
    return asked[:, 0] * (1 + len(SLOTS["eyes"])) + asked[:, 1]
