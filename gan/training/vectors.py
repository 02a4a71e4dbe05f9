"""Text vectors of a data set: in memory where they are few, else in a file that is read row by row."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from encoder.base import Encoder, digest
from encoder.common.arguments import kind_of
from encoder.common.atomic import write_atomically
from encoder.common.errors import InputError
from encoder.common.folders import locked
from encoder.common.progress import Progress
from encoder.paths import cache_dir
from encoder.pooled import StandardisedEncoder
from gan.data.store import Rows

logger = logging.getLogger(__name__)

FEW = 65_536
"""Texts whose vectors are held in memory (100 MB of 384 numbers)."""
CHUNK = 4096  # texts encoded, and vectors read, at a time


def raw_vectors(texts: Sequence[str], encoder: Encoder, *, progress: bool = False) -> Tensor | Rows:
    """The vectors of N different texts, float32 (N, dim): a tensor, or where they are many a file of them.

    The file is kept beside the other caches, under a name that is of the encoder and the texts, and found there again;
    a damaged one is made anew. Of several processes one makes it, and the others wait.

    Raises:
        InputError: The file cannot be written or read.
    """
    if len(texts) <= FEW:
        return encoder.encode(texts, progress=progress)
    folder = cache_dir("vectors")
    path = folder / f"{digest(encoder.fingerprint, *texts)}.f32"
    if (kept := _kept(path, encoder.dim, len(texts))) is not None:
        return kept
    try:
        with locked(folder, wait=True):
            if (kept := _kept(path, encoder.dim, len(texts))) is not None:  # another process has made it meanwhile
                return kept
            write_atomically(path, lambda temporary: _write(temporary, texts, encoder, progress))
    except InputError as error:
        raise InputError(f"{error}; TEXT2FACE_CACHE names another place") from error
    return Rows.open(path, (encoder.dim,), torch.float32)


def _kept(path: Path, dim: int, count: int) -> Rows | None:
    """The vectors in a file; ``None`` where there is none or it is damaged, which is logged."""
    if not kind_of(path):
        return None
    try:
        rows = Rows.open(path, (dim,), torch.float32)
        return rows if len(rows) == count else None
    except (OSError, ValueError) as error:
        logger.warning("warning: text vectors are damaged, and are made anew (%s)", error)
        return None


def _write(path: Path, texts: Sequence[str], encoder: Encoder, progress: bool) -> None:
    rows = Rows.create(path, (encoder.dim,), torch.float32)
    with Progress("encoding", len(texts), "text", shown=progress) as bar:
        for start in range(0, len(texts), CHUNK):
            rows.append(encoder.encode(texts[start : start + CHUNK]))
            bar.update(min(CHUNK, len(texts) - start))
    rows.finish()


def statistics_over(vectors: Tensor | Rows) -> Tensor:
    """Mean and standard deviation of vectors (N, dim): float64 (2, dim)."""
    count, parts = len(vectors), [slice(start, start + CHUNK) for start in range(0, len(vectors), CHUNK)]
    mean = torch.stack([vectors[part].double().sum(0) for part in parts]).sum(0) / count
    squares = torch.stack([(vectors[part].double() - mean).square().sum(0) for part in parts]).sum(0)
    # A few numbers of a model can be dead (three of the bundled one's): the floor leaves those at zero.
    return torch.stack([mean, (squares / count).sqrt().clamp_min(1e-6)])


class Standardised:
    """Conditions by the number of their text, from vectors as they were encoded.

    Args:
        vectors: As ``raw_vectors`` gives them.
        encoder: Standardises them.
    """

    def __init__(self, vectors: Tensor | Rows, encoder: StandardisedEncoder) -> None:
        self.vectors, self.encoder = vectors, encoder

    def __getitem__(self, numbers: Tensor) -> Tensor:
        """The conditions float32 (n, dim) of texts, int64 (n,)."""
        return self.encoder.standardise(self.vectors[numbers])
