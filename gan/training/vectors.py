"""Text vectors of a data set: in memory where they are few, else in a file that is read row by row."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor

from encoder import cache_dir
from encoder.base import TextEncoder, digest
from encoder.common.errors import InputError
from encoder.pooled import StandardisedEncoder
from gan.data.store import Rows

FEW = 65_536
"""Texts whose vectors are held in memory (100 MB of 384 numbers)."""
CHUNK = 4096  # texts encoded, and vectors read, at a time


def raw_vectors(texts: Sequence[str], encoder: TextEncoder, *, progress: bool = False) -> Tensor | Rows:
    """The vectors of N different texts, float32 (N, dim): a tensor, or where they are many a file of them.

    The file is kept beside the other caches, under a name that is of the encoder and the texts, and found there again;
    one that is cut off is made anew.

    Raises:
        InputError: The file cannot be written.
    """
    if len(texts) <= FEW:
        return encoder.encode(texts, progress=progress)
    folder = cache_dir("vectors")
    path = folder / f"{digest(encoder.fingerprint, *texts)}.rows"
    with suppress(OSError, ValueError):  # there is none, or it is cut off
        rows = Rows.open(path, (encoder.dim,), torch.float32)
        if len(rows) == len(texts):
            return rows
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(temporary, texts, encoder, progress)
        temporary.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{path}: cannot be written ({reason}); set TEXT2FACE_CACHE to a folder with room") from error
    finally:
        temporary.unlink(missing_ok=True)
    return Rows.open(path, (encoder.dim,), torch.float32)


def _write(path: Path, texts: Sequence[str], encoder: TextEncoder, progress: bool) -> None:
    from tqdm import tqdm

    rows = Rows.create(path, (encoder.dim,), torch.float32)
    starts = range(0, len(texts), CHUNK)
    for start in tqdm(starts, desc=f"texts, {CHUNK:,} at a time", disable=None if progress else True):
        rows.append(encoder.encode(texts[start : start + CHUNK]))
    rows.seal()


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
