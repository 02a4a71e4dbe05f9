"""Curves as SVG, for pages and pictures that need no other file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from encoder.common.templates import render

POINTS = 200
"""Points of a curve, at most; neighbours of a longer one are averaged."""
DOTS = 60
"""Points up to which each is marked plainly."""
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 560, 220, 56, 14, 12, 28  # of a chart and of its margins
TEMPLATES = Path(__file__).parent / "templates"

Curves = Mapping[str, Sequence[tuple[float, float]]]
"""Points (x, y) by name, in order, all finite."""


def figure(title: str, curves: Curves, right: float = 0) -> str:
    """Curves over the images seen as an HTML figure, with a legend of their last values; empty where there is no point.

    Args:
        title: What they show.
        curves: Their points.
        right: Where the axis of images ends, at least.
    """
    panel = chart(title, curves, right)
    return render(TEMPLATES / "figure.html", chart=panel) if panel else ""


def chart(title: str, curves: Curves, right: float = 0, unit: str = "images") -> dict[str, Any] | None:
    """What the templates draw of curves, placed within ``WIDTH`` by ``HEIGHT``; ``None`` where there is no point."""
    curves = {name: thinned(points) for name, points in curves.items() if points}
    if not curves:
        return None
    xs = [right, *(x for points in curves.values() for x, _ in points)]
    ys = [y for points in curves.values() for _, y in points]
    right, (low, high) = max(xs) or 1, _range(min(ys), max(ys))

    def across(x: float) -> float:
        return LEFT + x / right * (WIDTH - LEFT - RIGHT)

    def down(y: float) -> float:
        return TOP + (high - y) / (high - low) * (HEIGHT - TOP - BOTTOM)

    return {
        "title": title,
        "size": (WIDTH, HEIGHT),
        "span": (LEFT, WIDTH - RIGHT),
        "rows": [(down(y), f"{y:.6g}") for y in ticks(low, high, 4)],
        "columns": [(across(x), short(x)) for x in ticks(0, right, 5)],
        "curves": [
            {
                "name": name,
                "last": f"{points[-1][1]:.4g}",
                "radius": 3 if len(points) <= DOTS else 1.5,
                "dots": [(across(x), down(y), f"{name} {y:.5g} after {x:,.0f} {unit}") for x, y in points],
            }
            for name, points in curves.items()
        ],
    }


def thinned(points: Sequence[tuple[float, float]], most: int = POINTS) -> list[tuple[float, float]]:
    """At most so many points: of neighbouring ones, the mean."""
    size = -(-len(points) // most)
    parts = [points[start : start + size] for start in range(0, len(points), size)]
    return [(sum(x for x, _ in part) / len(part), sum(y for _, y in part) / len(part)) for part in parts]


def ticks(low: float, high: float, count: int) -> list[float]:
    """Round numbers from ``low`` to ``high``, about ``count`` of them."""
    rough = (high - low) / count
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def short(value: float) -> str:
    """A number as axes have it: ``64k``, ``1.5M``."""
    for size, mark in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.4g}{mark}"
    return f"{value:.4g}"


def _range(low: float, high: float) -> tuple[float, float]:
    """What an axis spans: the values with a little room; zero too, where they come near it."""
    if 0 <= low < 0.5 * high:
        low = 0.0
    room = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    return (low if low == 0 else low - room), high + room
