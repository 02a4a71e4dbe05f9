"""What is measured, and how it stands in tables: a metric is named here once, by whoever measures it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from gan.evaluation.metrics import Estimate

Scores: TypeAlias = dict[str, dict[str, Estimate]]
"""Estimates by group of metrics (``"colours"``, ``"captions"``, a feature space, ``"training set"``) and by metric."""

Row: TypeAlias = dict[str, Estimate | None]
"""Estimates by metric; ``None`` where nothing could be measured."""

MORE, LESS = "more is better", "less is better"


@dataclass(frozen=True)
class Metric:
    """A line of the tables, which stands there only where it was measured.

    Attributes:
        name: Its key in ``results.json``.
        title: Its name for people, with ``{noun}`` for what the images are of and
            ``{common}`` for what the images of a group have in common.
        better: Which way is good, likewise.
        percent: Whether it is a share.
        scale: What numbers are multiplied by in tables.
        signed: Whether it is a difference of shares, in percentage points.
        brief: Whether the short table has it.
        column: What ``gan.compare`` calls it; empty where its table does without.
    """

    name: str
    title: str
    better: str
    percent: bool = False
    scale: float = 1
    signed: bool = False
    brief: bool = True
    column: str = ""

    def format(self, estimate: Estimate | None) -> str:
        """An estimate with its interval, as it stands in tables; a dash where there is none."""
        if estimate is None:
            return "–"
        scale = 100 if self.percent or self.signed else self.scale
        style = "+.1f" if self.signed else ".1f" if self.percent else ".3g"
        value, low, high = (f"{scale * number:{style}}" for number in (estimate.value, estimate.low, estimate.high))
        return f"{value}{' %' if self.percent else ''} [{low}, {high}]"


METRICS: dict[str, Metric] = {}
"""All metrics by name."""


def register(*metrics: Metric) -> None:
    """Add metrics to the tables; a name that is taken is a ``ValueError``."""
    for metric in metrics:
        if metric.name in METRICS:
            raise ValueError(f"two metrics are called {metric.name!r}")
        METRICS[metric.name] = metric


def where(group: str) -> str:
    """What follows a metric's title: the feature space that it is measured in."""
    return "" if group in ("colours", "captions", "training set") else f", {group}"
