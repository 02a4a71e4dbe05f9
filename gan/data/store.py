"""Fixed-size rows in a file, read a few at a time: decoded images, so that a set larger than the memory can be used.

Rows are read with ``os.preadv`` rather than mapped: pages of a mapping that was touched count as memory of the process.
Each row has a checksum, which stands behind all rows and is compared whenever the row is read.
"""

from __future__ import annotations

import math
import os
import stat
import zlib
from array import array
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from encoder.common.errors import InputError

_MOST = 1 << 23  # bytes read by one call
_CHECKSUM = 4  # bytes of a row's CRC-32


class Rows:
    """N tensors of one shape in a file. Reading is safe in threads and after a fork: no position is shared.

    The file may be renamed or removed while it is open.

    Attributes:
        name: What messages call the file.
        shape: That of a row.
        dtype: Of the tensors.
    """

    def __init__(self, handle: int, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> None:
        self._handle, self.name = handle, name
        self._checksums = array("I")
        self.shape, self.dtype = shape, dtype
        self._numpy = torch.empty(0, dtype=dtype).numpy().dtype
        self.row_bytes = math.prod(shape) * self._numpy.itemsize

    @classmethod
    def create(cls, path: str | Path, shape: tuple[int, ...], dtype: torch.dtype = torch.uint8) -> Rows:
        """A new file without rows; an OSError where it cannot be made."""
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC
        return cls(os.open(path, flags, 0o644), str(path), shape, dtype)

    @classmethod
    def open(
        cls,
        path: str | Path,
        shape: tuple[int, ...],
        dtype: torch.dtype = torch.uint8,
        *,
        dir_fd: int | None = None,
        name: str = "",
    ) -> Rows:
        """The rows of a file that ``seal`` has finished; one that does not hold a whole number of them is a ValueError.

        ``dir_fd`` is of the folder that ``path`` counts from; ``name`` is what messages call the file then.
        """
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK, dir_fd=dir_fd)  # what is a FIFO is not waited for
        rows = cls(handle, name or str(path), shape, dtype)
        about = os.fstat(handle)
        count, rest = divmod(about.st_size, rows.row_bytes + _CHECKSUM)
        if rest or not stat.S_ISREG(about.st_mode):
            raise ValueError(f"{rows.name}: cut off within a row")
        rows._checksums.frombytes(os.pread(handle, count * _CHECKSUM, count * rows.row_bytes))
        return rows

    def append(self, values: Tensor | np.ndarray) -> None:
        """Add rows (n, *shape) at the end; an OSError, as of a full disk, leaves the file to be thrown away."""
        block = np.ascontiguousarray(values.numpy() if isinstance(values, Tensor) else values, dtype=self._numpy)
        if block.shape[1:] != self.shape:
            raise ValueError(f"rows of {block.shape[1:]}, not of {self.shape}")
        self._write(block.reshape(-1).view(np.uint8).data, len(self) * self.row_bytes)
        self._checksums.extend(map(zlib.crc32, block))

    def seal(self) -> None:
        """Write the checksums behind the last row, and wait until all is on the disk."""
        self._write(memoryview(self._checksums.tobytes()), len(self) * self.row_bytes)
        os.fsync(self._handle)

    def _write(self, data: memoryview, at: int) -> None:
        while data:
            written = os.pwrite(self._handle, data[:_MOST], at)
            data, at = data[written:], at + written

    def __len__(self) -> int:
        return len(self._checksums)

    def __getitem__(self, index: Any) -> Tensor:
        """The rows of a slice, at int64 positions (M,) in any order, or under a bool mask (N,): (M, *shape).

        A row that is no longer what was written is an ``InputError``.
        """
        positions = as_positions(index, len(self)).numpy()
        block = np.empty((len(positions), *self.shape), dtype=self._numpy)
        if not len(positions):
            return torch.from_numpy(block)
        into = memoryview(block.reshape(-1).view(np.uint8).data)
        starts = np.flatnonzero(np.diff(positions, prepend=-2) != 1).tolist()  # of runs that lie together in the file
        for start, stop in zip(starts, [*starts[1:], len(positions)], strict=True):
            target = into[start * self.row_bytes : stop * self.row_bytes]
            self._read(target, int(positions[start]) * self.row_bytes)
        if any(zlib.crc32(row) != self._checksums[at] for row, at in zip(block, positions.tolist(), strict=True)):
            raise self._damaged()
        return torch.from_numpy(block)

    def tensor(self) -> Tensor:
        """All rows, in memory."""
        return self[:]

    def _read(self, target: memoryview, at: int) -> None:
        while target:
            count = os.preadv(self._handle, [target[:_MOST]], at)
            if not count:
                raise self._damaged()
            target, at = target[count:], at + count

    def _damaged(self) -> InputError:
        return InputError(f"{self.name}: was damaged after it had been written; remove it, and it is made anew")

    def __del__(self) -> None:
        if hasattr(self, "_handle"):
            os.close(self._handle)

    def __reduce__(self) -> Any:
        raise TypeError("rows are an open file, and cannot be pickled; fork, or load the data again")


class Images:
    """N images of one file of rows or several, in any order, not copied: what an ``ImageDataset`` holds.

    Args:
        parts: The files.
        positions: int64 (N,), rows of the files as if they were one; all of them by default.
    """

    def __init__(self, parts: tuple[Rows, ...], positions: Tensor | None = None) -> None:
        self.parts = parts
        self._ends = torch.tensor([len(part) for part in parts]).cumsum(0)
        self.positions = torch.arange(int(self._ends[-1])) if positions is None else positions

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, 3, 64, 64)."""
        return (len(self), *self.parts[0].shape)

    @property
    def dtype(self) -> torch.dtype:
        """uint8."""
        return self.parts[0].dtype

    @property
    def device(self) -> torch.device:
        """Where images are put that are asked for: the CPU's memory."""
        return torch.device("cpu")

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, index: Any) -> Tensor:
        """The images of a slice, at int64 positions (M,) or under a bool mask (N,): uint8 (M, 3, 64, 64)."""
        rows = self.positions[as_positions(index, len(self))]
        if len(self.parts) == 1:
            return self.parts[0][rows]
        images = torch.empty(len(rows), *self.parts[0].shape, dtype=self.dtype)
        of_part = torch.searchsorted(self._ends, rows, right=True)
        for number in of_part.unique().tolist():
            chosen = of_part == number
            images[chosen] = self.parts[number][rows[chosen] - (self._ends[number] - len(self.parts[number]))]
        return images

    def tensor(self) -> Tensor:
        """All images, in memory."""
        return self[:]

    def select(self, index: Any) -> Images:
        """Some of the images, still on the disk; as ``__getitem__``."""
        return Images(self.parts, self.positions[as_positions(index, len(self))])


def as_positions(index: Any, count: int) -> Tensor:
    """A slice, int64 positions (negative ones count from the end) or a bool mask of ``count`` things: int64 (M,)."""
    if isinstance(index, slice):
        return torch.arange(count)[index] if index.step is None or index.step > 0 else _backwards(index, count)
    index = torch.as_tensor(index)
    if index.dtype == torch.bool:
        if index.shape != (count,):
            raise IndexError(f"a mask of {tuple(index.shape)} for {count} rows")
        return index.nonzero().squeeze(1)
    if index.ndim != 1:
        raise IndexError("rows are asked for by a slice, by int64 positions (M,) or by a bool mask (N,)")
    index = torch.where(index < 0, index + count, index).to(torch.int64)
    if len(index) and not (int(index.min()) >= 0 and int(index.max()) < count):
        raise IndexError(f"rows from {int(index.min())} to {int(index.max())}, of {count}")
    return index


def _backwards(index: slice, count: int) -> Tensor:
    return torch.tensor(list(range(count))[index], dtype=torch.int64)
