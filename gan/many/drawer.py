"""Drawing as a plain function over batches, for any engine that maps over tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from encoder.common.errors import InputError
from encoder.text import check_text
from gan.drawing.settings import RANDOM_SEED, DrawSettings, random_seed
from gan.engine import WINDOW, Engine, Item, batched
from gan.many.folder import Encoded
from gan.many.workers import encode
from gan.release import DEFAULT_MODEL


class Drawer:
    """Draws the texts of a batch: a dict of columns in, a dict of columns out, lists of plain values.

    It pickles without its model, which every process loads once, at its first batch. The same text and seed give the
    same image in any process and any batch (in float64, the default). So it goes into Ray's ``map_batches``, the
    ``map`` of datasets, and Spark's ``mapPartitions`` (by ``rows``).

    Args:
        model: A released folder, on a path that every machine has.
        settings: Fields of ``gan.drawing.settings.DrawSettings``, such as ``dtype`` or ``guidance``; ``threads`` is 1
            by default.

    Example:
        >>> Drawer()({"text": ["pink hair green eyes"], "seed": [0]})["png"][0][:4]
        b'\\x89PNG'
    """

    def __init__(self, model: str | Path = DEFAULT_MODEL, **settings: Any) -> None:
        self._engine = Engine(DrawSettings(model=Path(model), **{"threads": 1, **settings}))

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Draw a batch.

        Args:
            batch: Columns of one length, as lists or arrays: ``text``, ``None`` or NaN where one is missing; ``seed``,
                whole numbers from 0, or -1 for a random one; any others.

        Returns:
            The same columns, with ``seed`` the one drawn (of ``best_of``), and ``png`` (bytes, or ``None``), ``read``
            (JSON: what was read in the text) and ``error`` (``None``, or why a text was not drawn).
        """
        columns = {
            name: values.tolist() if hasattr(values, "tolist") else list(values) for name, values in batch.items()
        }
        seeds = [random_seed() if seed == RANDOM_SEED else seed for seed in columns["seed"]]
        lines = [(_refusal(text), text, seed) for text, seed in zip(columns["text"], seeds, strict=True)]
        items = [Item(0, 0, "", "", text, seed) for refusal, text, seed in lines if not refusal]
        drawn = (encode(self._engine, each) for each in self._engine.draw(items))
        images = [Encoded(None, seed, {}, refusal) if refusal else next(drawn) for refusal, _, seed in lines]
        return {
            **columns,
            "seed": [image.seed for image in images],
            "png": [image.png for image in images],
            "read": [None if image.png is None else json.dumps(image.read) for image in images],
            "error": [image.error for image in images],
        }

    def rows(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """As a call, for rows one after the other, as of a partition of Spark."""
        for some in batched(map(dict, rows), WINDOW):
            drawn = self({name: [row[name] for row in some] for name in some[0]})
            for values in zip(*drawn.values(), strict=True):
                yield dict(zip(drawn, values, strict=True))


def _refusal(text: object) -> str:
    """Why a text cannot be drawn from; nothing where it can be."""
    if not isinstance(text, str):
        return "the text is missing"
    try:
        check_text(text, "")
    except InputError as error:
        return str(error).removeprefix(": ")
    return ""
