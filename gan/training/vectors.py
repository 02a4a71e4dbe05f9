"""Text vectors of a data set, encoded when training first asks for them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from encoder.base import Encoder
from encoder.common.errors import InputError
from encoder.common.folders import locked
from encoder.common.progress import Progress

FEW = 65_536
"""Texts whose vectors are held in memory (100 MB of 384 numbers)."""
BLOCK = 256
"""Texts encoded at a time, some seconds' work."""


class TextVectors:
    """The vectors of N different texts by their numbers. Texts that stand together in a queue are encoded together.

    So a vector never depends on which texts were asked for before, though float32 differs a little from batch to batch.

    Args:
        texts: All of them.
        encoder: Is asked once for each text.
        queue: int64 (N,), the texts in the order in which they will be asked for; without it all are one block.
        folder: Is locked while texts are encoded, so that one of several processes encodes, and the others find the
            vectors in its cache. The vectors of many texts lie there while the run lasts.
    """

    def __init__(
        self, texts: Sequence[str], encoder: Encoder, *, queue: Tensor | None = None, folder: Path | None = None
    ) -> None:
        self.texts, self.encoder, self.folder = texts, encoder, folder
        self.queue = torch.arange(len(texts)) if queue is None else queue
        self.size = BLOCK if queue is not None else len(texts)
        self.block = torch.empty_like(self.queue)
        self.block[self.queue] = torch.arange(len(texts)) // self.size
        self.known = torch.zeros(len(texts), dtype=torch.bool)
        self.vectors: Tensor | None = None

    def __getitem__(self, numbers: Tensor) -> Tensor:
        """Vectors float32 (n, dim) of texts, int64 (n,)."""
        self.encode(numbers)
        assert self.vectors is not None
        return self.vectors[numbers]

    def encode(self, numbers: Tensor, *, progress: bool = False) -> None:
        """Encode what is needed for these texts, and not known yet."""
        blocks = self.block[numbers[~self.known[numbers]]].unique().tolist()
        if not blocks:
            return
        parts = [self.queue[block * self.size : (block + 1) * self.size] for block in blocks]
        with (
            locked(self.folder, wait=True) if self.folder else nullcontext(),
            Progress("encoding", sum(map(len, parts)), "text", shown=progress and len(parts) > 1) as bar,
        ):
            for part in parts:
                texts = [self.texts[number] for number in part.tolist()]
                made = self.encoder.encode(texts, progress=progress and len(parts) == 1)
                if self.vectors is None:
                    self.vectors = self._empty(made.shape[1])
                self.vectors[part] = made
                self.known[part] = True
                bar.update(len(part))

    def _empty(self, dim: int) -> Tensor:
        """Room for all vectors: in memory, or where they are many in a file without a name."""
        shape = len(self.texts), dim
        if len(self.texts) <= FEW:
            return torch.empty(shape)
        try:
            with tempfile.TemporaryFile(dir=self.folder) as file:
                for _ in range(len(self.texts)):  # a hole in the file would be a crash when the disk is full
                    file.write(bytes(4 * dim))
                file.flush()
                return torch.from_numpy(np.memmap(file, np.float32, "r+", shape=shape))
        except OSError as error:
            raise InputError(f"{self.folder}: no room for the vectors of the captions ({error.strerror})") from error
