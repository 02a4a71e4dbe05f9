"""Drawing as a plain function over batches, for this project's workers and for any engine that maps over tables."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encoder.common.errors import InputError
from encoder.text import check_text
from gan.many.outputs import Face
from gan.release import DEFAULT_MODEL

if TYPE_CHECKING:
    from torch import Tensor

    from gan.pipeline import TextToImage
    from gan.selection import Selector

WINDOW = 256
"""Texts that are encoded together, in batches of like length."""


@dataclass
class Drawer:
    """Draws the texts of a batch: a dict of columns in, a dict of columns out, lists of plain values.

    It pickles without its model, which every process loads once, at its first batch. The same text and seed give the
    same image in any process and any batch (in float64, the default). So it goes into Ray's ``map_batches``, the
    ``map`` of datasets, and Spark's ``mapPartitions`` (by ``rows``).

    Attributes:
        model: A released folder, on a path that every machine has.
        encoder_path: Another folder of the text encoder.
        style: The source whose drawing to follow.
        truncation: Scale of the noise.
        guidance: How strongly to ask for what the text states; the model's by default.
        best_of: Candidates of each image.
        dtype: ``"float64"``: texts and images are exact; ``"float32"`` or ``"bfloat16"``: faster, and not.
        device: ``"cpu"`` or ``"cuda"``.
        batch_size: Images drawn together.
        threads: Of PyTorch; its own number where it is ``None``.
        backend: What draws: ``"torch"``, or ``"onnx"``, ONNX Runtime, in float32 on the CPU.

    Example:
        >>> Drawer()({"text": ["pink hair green eyes"], "seed": [0]})["png"][0][:4]
        b'\\x89PNG'
    """

    model: str | Path = DEFAULT_MODEL
    encoder_path: str | Path | None = None
    style: str | None = None
    truncation: float = 1.0
    guidance: float | None = None
    best_of: int = 1
    dtype: str = "float64"
    device: str = "cpu"
    batch_size: int = 32
    threads: int | None = 1
    backend: str = "torch"

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Draw a batch.

        Args:
            batch: Columns of one length, as lists or arrays: ``text``, ``None`` or NaN where one is missing; ``seed``,
                whole numbers from 0; any others.

        Returns:
            The same columns, with ``seed`` the one drawn (of ``best_of``), and ``png`` (bytes, or ``None``), ``read``
            (JSON: what was read in the text) and ``error`` (``None``, or why a text was not drawn).
        """
        columns = {
            name: values.tolist() if hasattr(values, "tolist") else list(values) for name, values in batch.items()
        }
        drawn = list(self.draw(columns["text"], columns["seed"]))
        faces = [face if isinstance(face, Face) else None for face in drawn]
        return {
            **columns,
            "seed": [face.seed if face else seed for face, seed in zip(faces, columns["seed"], strict=True)],
            "png": [face.png if face else None for face in faces],
            "read": [json.dumps(face.read) if face else None for face in faces],
            "error": [None if isinstance(face, Face) else face for face in drawn],
        }

    def rows(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """As a call, for rows one after the other, as of a partition of Spark."""
        rest = iter(rows)
        while some := [dict(row) for row in itertools.islice(rest, WINDOW)]:
            drawn = self({name: [row[name] for row in some] for name in some[0]})
            for values in zip(*drawn.values(), strict=True):
                yield dict(zip(drawn, values, strict=True))

    def draw(self, texts: Sequence[str], seeds: Sequence[int]) -> Iterator[Face | str]:
        """The image of each text and seed, or why there is none, in order; texts are encoded once, all at first."""
        for i in range(0, len(texts), WINDOW):
            yield from self._draw(list(texts[i : i + WINDOW]), list(seeds[i : i + WINDOW]))

    def _draw(self, texts: list[str], seeds: list[int]) -> Iterator[Face | str]:
        refused = {text: _refusal(text) for text in dict.fromkeys(texts)}
        encoded: dict[str, Tensor | str] = {text: reason for text, reason in refused.items() if reason}
        encoded |= self._encode([text for text, reason in refused.items() if not reason])
        for i in range(0, len(texts), self.batch_size):
            some, their = texts[i : i + self.batch_size], seeds[i : i + self.batch_size]
            read = [j for j, text in enumerate(some) if not isinstance(encoded[text], str)]
            faces = iter(
                self._paint([some[j] for j in read], [encoded[some[j]] for j in read], [their[j] for j in read])
            )
            for text in some:
                yield error if isinstance(error := encoded[text], str) else next(faces)

    def _encode(self, texts: list[str]) -> dict[str, Tensor | str]:
        """The condition (c_dim,) of each text, or why it has none."""
        try:
            return dict(zip(texts, self._pipeline.conditions(texts, style=self.style), strict=True))
        except InputError as error:
            if len(texts) == 1:
                return {texts[0]: str(error)}
            return {text: found for one in texts for text, found in self._encode([one]).items()}

    def _paint(self, texts: list[str], rows: list[Any], seeds: list[int]) -> list[Face | str]:
        import torch

        from gan.draw import Item, metadata
        from gan.images import encode_png

        if not texts:
            return []
        c, pipeline = torch.stack(rows), self._pipeline
        try:
            if self.best_of > 1:
                seeds = list(self._selector.best_seeds(texts, c, seeds, self.best_of))
            (images,) = pipeline.draw_many(c, seeds, batch_size=len(seeds))
        except InputError as error:
            if len(texts) == 1:
                return [str(error)]
            return [self._paint([text], [row], [seed])[0] for text, row, seed in zip(texts, rows, seeds, strict=True)]
        notes = [
            metadata(pipeline, [Item("", text, seed)], self.style) for text, seed in zip(texts, seeds, strict=True)
        ]
        pngs = [encode_png(image, note) for image, note in zip(images, notes, strict=True)]
        return [Face(*each) for each in zip(pngs, seeds, self._read(c), strict=True)]

    def _read(self, c: Tensor) -> list[dict[str, str | None]]:
        """What conditions (N, c_dim) state, by attribute."""
        from encoder.attributes.space import stated_values

        encoder = self._pipeline.encoder
        return [stated_values(readings) for readings in encoder.space.read(c[:, : encoder.dim])]

    @cached_property
    def _pipeline(self) -> TextToImage:
        import torch

        from encoder.common.memory import tune_malloc
        from gan.pipeline import TextToImage

        tune_malloc()
        if self.threads:
            torch.set_num_threads(self.threads)
        check_backend(self.backend, self.dtype, self.device)
        pipeline = TextToImage.from_pretrained(
            self.model,
            encoder_path=self.encoder_path,
            dtype=getattr(torch, self.dtype),
            device=self.device,
            truncation=self.truncation,
            guidance=self.guidance,
            exact_texts=self.dtype == "float64",
        )
        if self.backend == "onnx":
            from gan.export import generator_by_graph

            pipeline.G = generator_by_graph(pipeline)
        return pipeline

    @cached_property
    def _selector(self) -> Selector:
        from gan.selection import Selector

        return Selector.from_pretrained(Path(self.model), self._pipeline)


def check_backend(backend: str, dtype: str, device: str) -> None:
    """Raise ``InputError`` where ONNX Runtime is to draw otherwise than it can."""
    if backend == "onnx" and (dtype, device) != ("float32", "cpu"):
        raise InputError("--backend onnx draws in float32 on the CPU; give --dtype float32, and no --device")


def _refusal(text: object) -> str:
    """Why a text cannot be drawn from; nothing where it can be."""
    if not isinstance(text, str):
        return "the text is missing"
    try:
        check_text(text, "")
    except InputError as error:
        return str(error).removeprefix(": ")
    return ""
