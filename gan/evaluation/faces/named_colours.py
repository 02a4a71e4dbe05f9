"""From a name to a picture: how near the colours of drawn faces come to those that their texts ask for.

Names of colours are those of which ``encoder.attributes`` knows how they look; what the conditioning head was trained
on and what was kept from it are the two halves of ``encoder.attributes.words``.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import torch
from torch import Tensor

from encoder.attributes import words
from encoder.attributes.colour_names import is_plain, look
from encoder.attributes.palette import nearest
from encoder.attributes.vocabulary import COLOUR_SLOTS
from gan.evaluation.drawing import draw
from gan.evaluation.metrics import bootstrap
from gan.evaluation.registry import LESS, MORE, Metric, Row, register
from gan.faces.localiser import Localiser, distance
from gan.pipeline import TextToImage

NAMES = 100
"""Names of each slot and of each half of the lexicon, at most."""
FACES = 4
"""Faces of each name, at most."""
FACES_PER_NAME = 25
"""So many faces of an evaluation go with one name; of so many times ``NAMES``, there is one more face of each."""
HALVES: dict[str, words.Half] = {"names seen": "train", "names never seen": "held out"}

register(
    Metric("distance", "distance: median", LESS),
    Metric("within", "90 % within", LESS),
    Metric("shuffled", "names shuffled: median", MORE),
    Metric("shuffled_within", "shuffled: 90 % within", MORE),
    Metric("lightness", "lightness, correlation", MORE),
    Metric("reach", "from the training images: median", LESS),
    Metric("reach_within", "training images: 90 % within", LESS),
    Metric("measured", "measured", MORE, percent=True),
)


def chosen(slot: str, half: words.Half, count: int) -> dict[str, tuple[float, float, float]]:
    """At most ``count`` names of exact colours with their looks, in OKLab.

    They are drawn by their checksums, so that one name more in the lexicon changes one at most.
    """
    looks = {name: lab for name in words.colours(slot, half) if not is_plain(name) and (lab := look(name))}
    names = sorted(looks, key=lambda name: zlib.crc32(name.encode()))[:count]
    return {name: looks[name] for name in names}


def judge_names(
    pipeline: TextToImage, localiser: Localiser, count: int, seed: int = 0, style: str | None = None
) -> dict[str, Row]:
    """Draw faces for names of colours, measure them, and compare.

    Args:
        pipeline: Draws.
        localiser: Measures.
        count: Faces of the whole evaluation, which set how many names and faces are taken.
        seed: Of the first face and of the intervals.
        style: The source whose drawing to follow.

    Returns:
        What ``judge`` says of hair and of eyes, of names that the conditioning head was trained on and of others.
    """
    names = {
        (slot, half): chosen(slot, which, max(2, min(NAMES, count // FACES_PER_NAME)))
        for slot in COLOUR_SLOTS
        for half, which in HALVES.items()
    }
    faces = max(1, min(FACES, count // (FACES_PER_NAME * NAMES)))
    texts = [f"{name} {slot}" for (slot, _), looks in names.items() for name in looks for _ in range(faces)]
    measured = localiser.measure(draw(pipeline, texts, seed, style, "colours by name"))
    rows, start = {}, 0
    for (slot, half), looks in names.items():
        part, i = slice(start, start + len(looks) * faces), COLOUR_SLOTS.index(slot)
        start = part.stop
        drawn = torch.where(measured.sure[part, i, None], measured.lab[part, i], torch.nan).unflatten(0, (-1, faces))
        rows[f"{slot}, {half}"] = judge(torch.tensor(list(looks.values())), drawn, pipeline.config.palette, slot, seed)
    return rows


def judge(asked: Tensor, drawn: Tensor, palette: Mapping[str, str], slot: str, seed: int = 0) -> Row:
    """How far drawn colours are from those asked for, in OKLab with the lightness counted by 0.6.

    Args:
        asked: float32 (N, 3), a colour a name.
        drawn: float32 (N, K, 3), those of K faces each; NaN where a face could not be measured.
        palette: Of the release, which tells how near the training images come.
        slot: Of the colours.
        seed: Of the shuffling and of the intervals, for which names are drawn anew, each with its faces.

    Returns:
        ``distance`` and ``within``: the median and the 90 % quantile; ``shuffled`` and ``shuffled_within``: of the
        same faces, had each been asked for by the name of another; ``lightness``: its correlation; ``reach`` and
        ``reach_within``: of the colours asked for from the nearest in the palette, where there is one;
        ``measured``: the share of the faces that could be.
    """
    generator = torch.Generator().manual_seed(seed)
    n = len(asked)
    order = torch.randperm(n, generator=generator)
    others = asked[order[(order.argsort() + 1) % n]]  # each name's next in a random circle: never itself
    known = drawn.isfinite().all(2)
    row: Row = {}

    def quantiles(values: Tensor, median: str, within: str) -> None:
        row[median] = bootstrap(lambda rows: values[rows].flatten(1).nanquantile(0.5, dim=1), n, generator)
        row[within] = bootstrap(lambda rows: values[rows].flatten(1).nanquantile(0.9, dim=1), n, generator)

    def correlation(rows: Tensor) -> Tensor:
        weight = known[rows].double().flatten(1)
        a, b = (
            torch.where(known, lightness, 0)[rows].flatten(1).double()
            for lightness in (asked[:, None, 0].expand_as(known), drawn[..., 0])
        )
        total = weight.sum(1, keepdim=True)
        a, b = ((x - (x * weight).sum(1, keepdim=True) / total) * weight for x in (a, b))
        return (a * b).sum(1) / (a.square().sum(1) * b.square().sum(1)).sqrt()

    quantiles(distance(drawn, asked[:, None]), "distance", "within")
    quantiles(distance(drawn, others[:, None]), "shuffled", "shuffled_within")
    row["lightness"] = bootstrap(correlation, n, generator)
    if slot in palette:
        away = torch.tensor([nearest(palette[slot], lab) for lab in asked.tolist()])
        quantiles(away[:, None], "reach", "reach_within")
    row["measured"] = bootstrap(lambda rows: known[rows].double().flatten(1).mean(1), n, generator)
    return row
