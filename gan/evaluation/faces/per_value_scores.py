"""Hair and eye values one by one: which of them is drawn worst, and in what way."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from encoder.attributes.vocabulary import COLOUR_SLOTS, SLOTS
from gan.evaluation.judge import Judged
from gan.evaluation.metrics import Estimate, half_sample_interval, share
from gan.evaluation.registry import Metric, Row, register
from gan.faces.classifier import Reading
from gan.faces.dataset import FaceDataset
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

Values: TypeAlias = dict[str, dict[str, Row]]
"""Estimates by slot, value and metric."""


def judge_values(
    judged: Judged[Reading],
    each: dict[str, dict[str, Estimate]],
    heldout: Tensor,
    training: FaceDataset,
    localiser: Localiser,
    seed: int = 0,
) -> Values:
    """The scores of every value that is asked for.

    Args:
        judged: M faces, of which the first N are compared with N real ones.
        each: The shares of them that are read, by slot and value.
        heldout: int64 (N, 3), what is known of those.
        training: Real faces, whose irises are measured.
        localiser: Measures irises.
        seed: Of all intervals.

    Returns:
        ``as_asked``, from ``each``; ``ceiling``: the share of held-out real faces of the value that are read as it;
        ``opening``: the mean area of the irises, 0 of an eye that is shut, over that in real faces of the value, of
        eyes alone; ``varied``: the mean distance of two faces of the value over that of two real ones, in the
        last feature space.
    """
    evaluator, asked = judged.evaluator, judged.asked.attributes
    assert evaluator is not None and judged.features is not None and judged.real is not None
    n, generator = len(heldout), torch.Generator().manual_seed(seed)
    space = list(judged.features)[-1]
    found: Values = {}
    for i, slot in enumerate(COLOUR_SLOTS):
        found[slot] = {}
        for value, as_asked in each[slot].items():
            number = SLOTS[slot].index(value) + 1
            kept = heldout[:, i] == number
            read = getattr(judged.real, slot)[kept] == number
            row: Row = {"as_asked": as_asked, "ceiling": share(read) if len(read) else None}
            if i == EYES:
                drawn_open = _openings(localiser, judged.images, asked[:, i] == number)
                real_open = _openings(localiser, training.images, training.attributes[:, i] == number)
                row["opening"] = _over(torch.mean, drawn_open, real_open, generator)
            drawn = judged.features[space][asked[:n, i] == number]
            own = evaluator.references[space].features[kept]
            row["varied"] = _over(_spread, drawn.double(), own.double(), generator)
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
