"""Hair and eye values one by one: which of them is drawn worst, and in what way."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from encoder.attributes.vocabulary import COLOUR_SLOTS, SLOTS
from gan.evaluation.metrics import Estimate, bootstrap_mean, half_sample_interval
from gan.evaluation.registry import Metric, register
from gan.faces.dataset import FaceDataset
from gan.faces.judging import FaceEvaluator, View
from gan.faces.localiser import Localiser

EYES = COLOUR_SLOTS.index("eyes")
OPENED = 200
"""Faces of an eye value, drawn ones and real ones each, at most, whose irises are measured."""
LEAST = 4
"""Faces of a value, drawn ones and real ones each, that a number of both needs at least."""

register(
    Metric("as_asked", "as asked", "more is better", percent=True),
    Metric("ceiling", "real faces read as captioned", "", percent=True),
    Metric("opening", "open eyes, real ones 1", "1 is best"),
    Metric("varied", "diversity, real faces 1", "1 is best"),
)

Values: TypeAlias = dict[str, dict[str, dict[str, Estimate | None]]]
"""By slot and value: estimates by metric; ``None`` where nothing could be measured."""


def judge_values(
    images: Tensor,
    asked: Tensor,
    each: dict[str, dict[str, Estimate]],
    view: View,
    evaluator: FaceEvaluator,
    training: FaceDataset,
    localiser: Localiser,
) -> Values:
    """What becomes of every value that is asked for.

    Args:
        images: uint8 (M, 3, 64, 64), the faces drawn.
        asked: int64 (M, 2), the values asked for.
        each: The shares of them that are read, by slot and value.
        view: Of the first N faces.
        evaluator: Has N real faces, held out.
        training: Real faces, whose irises are measured.
        localiser: Measures irises.

    Returns:
        ``as_asked``, from ``each``; ``ceiling``: the share of held-out real faces of the value that are read as it;
        ``opening``: the mean area of the irises, 0 of an eye that is shut, over that in real faces of the value, of
        eyes alone; ``varied``: the mean distance of two faces of the value over that of two real ones, in the
        evaluator's last feature space.
    """
    seed, n = evaluator.seed, len(evaluator.asked)
    generator = torch.Generator().manual_seed(seed)
    real = evaluator.heldout.attributes[:, : len(COLOUR_SLOTS)]
    space = list(view.features)[-1]
    found: Values = {}
    for i, slot in enumerate(COLOUR_SLOTS):
        found[slot] = {}
        for value, as_asked in each[slot].items():
            number = SLOTS[slot].index(value) + 1
            kept = real[:, i] == number
            read = getattr(evaluator.real.reading, slot)[kept] == number
            row: dict[str, Estimate | None] = {
                "as_asked": as_asked,
                "ceiling": bootstrap_mean(read, generator) if len(read) else None,
            }
            if i == EYES:
                drawn_open = _openings(localiser, images, asked[:, i] == number)
                real_open = _openings(localiser, training.images, training.attributes[:, i] == number)
                row["opening"] = _over(torch.mean, drawn_open, real_open, generator)
            drawn = view.features[space][asked[:n, i] == number]
            row["varied"] = _over(_spread, drawn.double(), evaluator.real.features[space][kept].double(), generator)
            found[slot][value] = row
    return found


def _spread(features: Tensor) -> Tensor:
    """The mean distance of two members of a set (N, F)."""
    return torch.pdist(features).mean()


def _openings(localiser: Localiser, images: Tensor, wanted: Tensor) -> Tensor:
    """The area of the irises of the first ``OPENED`` faces that are wanted, bool (N,), 0 where shut: float64 (n,)."""
    chosen = images[wanted.nonzero().squeeze(1)[:OPENED]]
    if not len(chosen):
        return torch.zeros(0, dtype=torch.float64)
    measured = localiser.measure(chosen)
    return (measured.area * measured.sure)[:, EYES].double()


def _over(of: Callable[[Tensor], Tensor], drawn: Tensor, real: Tensor, generator: torch.Generator) -> Estimate | None:
    """A number of a set (n, ...), as ``of`` has it, over that of another set (m, ...)."""
    if min(len(drawn), len(real)) < LEAST or not of(real) > 0:
        return None
    return half_sample_interval(
        lambda i, j: (of(drawn[i]) / of(real[j]).clamp_min(1e-9)).item(), len(drawn), len(real), generator
    )


def worst(values: Values, count: int = 3) -> dict[str, list[tuple[str, float]]]:
    """The values that come out worst, the worst first, with the number that says so.

    Returns:
        ``ceiling``: the share as asked over the ceiling; ``opening`` and ``varied`` as of ``judge_values``.
    """
    found: dict[str, list[tuple[str, float]]] = {"ceiling": [], "opening": [], "varied": []}
    for slot, rows in values.items():
        for value, row in rows.items():
            name, as_asked, ceiling = f"{value} {slot}", row["as_asked"], row["ceiling"]
            if as_asked and ceiling and ceiling.value:
                found["ceiling"].append((name, as_asked.value / ceiling.value))
            for metric in ("opening", "varied"):
                if estimate := row.get(metric):
                    found[metric].append((name, estimate.value))
    return {metric: sorted(rows, key=lambda row: row[1])[:count] for metric, rows in found.items()}
