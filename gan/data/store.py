"""Fixed-size rows in a file, read a few at a time: decoded images, so that a set larger than the memory can be used.

Rows are read with ``os.preadv`` rather than mapped: pages of a mapping that was touched count as memory of the process.
"""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from encoder.common.errors import InputError

CHECKED = 4096
"""Rows that are checked when a file is opened: all of a small one, some of a large one. All are when they are read."""

_MOST = 1 << 23  # bytes read by one call
_END = b"rows 2 crc32"  # stands at the end of a whole file, behind the checksums of the rows and the one of these


class NoRoomError(OSError):
    """Rows cannot be written."""


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NoRoomError(*error.args) from error


class Rows:
    """N tensors of one shape in a file. Reading is safe in threads and after a fork: no position is shared.

    A CRC-32 of every row stands behind the rows. The file may be renamed or removed while it is open.

    Attributes:
        shape: That of a row.
        dtype: Of the tensors.
    """

    def __init__(self, handle: int, path: Path, shape: tuple[int, ...], dtype: torch.dtype) -> None:
        self._handle, self._path = handle, path
        self._sums: list[np.ndarray] = []  # uint32, those of each block of rows that was added
        self.shape, self.dtype = shape, dtype
        self._numpy = torch.empty(0, dtype=dtype).numpy().dtype
        self.row_bytes = math.prod(shape) * self._numpy.itemsize

    @classmethod
    def create(cls, path: str | Path, shape: tuple[int, ...], dtype: torch.dtype = torch.uint8) -> Rows:
        """A new file without rows; a ``NoRoomError`` where it cannot be made."""
        with _writing():
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
        return cls(handle, Path(path), shape, dtype)

    @classmethod
    def open(cls, path: str | Path, shape: tuple[int, ...], dtype: torch.dtype = torch.uint8) -> Rows:
        """The rows of a finished file.

        Raises:
            ValueError: The file was not finished, or is damaged as far as was looked: see ``CHECKED``.
        """
        rows = cls(os.open(path, os.O_RDONLY | os.O_NONBLOCK), Path(path), shape, dtype)
        ending = len(_END) + 4
        size = os.fstat(rows._handle).st_size - ending
        count, rest = divmod(size, rows.row_bytes + 4)
        if size < 0 or rest:
            raise ValueError(f"{path}: cut off")
        sums = os.pread(rows._handle, 4 * count, count * rows.row_bytes)
        if os.pread(rows._handle, ending, size) != zlib.crc32(sums).to_bytes(4, "little") + _END:
            raise ValueError(f"{path}: the checksums are damaged")
        rows._sums = [np.frombuffer(sums, "<u4")]
        some = np.sort(np.random.default_rng().permutation(count)[:CHECKED])  # others each time
        for start in range(0, len(some), 256):
            rows._array(some[start : start + 256])
        return rows

    def append(self, values: Tensor | np.ndarray) -> None:
        """Add rows (n, *shape) at the end; a ``NoRoomError``, as of a full disk, leaves the file to be thrown away."""
        array = np.ascontiguousarray(values.numpy() if isinstance(values, Tensor) else values, dtype=self._numpy)
        if array.shape[1:] != self.shape:
            raise ValueError(f"rows of {array.shape[1:]}, not of {self.shape}")
        data = memoryview(array.reshape(-1).view(np.uint8).data)
        self._write(data, len(self) * self.row_bytes)
        self._sums.append(self._checksums(array))

    def finish(self) -> None:
        """Write what ``open`` needs, and wait until all is on the disk; no rows can be added any more."""
        sums = memoryview(self._all_sums().astype("<u4").tobytes())
        at = len(self) * self.row_bytes
        self._write(sums, at)
        self._write(memoryview(zlib.crc32(sums).to_bytes(4, "little") + _END), at + len(sums))
        with _writing():
            os.fsync(self._handle)

    @property
    def checksum(self) -> int:
        """A CRC-32 of all rows."""
        return zlib.crc32(self._all_sums().astype("<u4").tobytes())

    def __len__(self) -> int:
        return sum(map(len, self._sums))

    def __getitem__(self, index: Any) -> Tensor:
        """The rows of a slice, at int64 positions (M,) in any order, or under a bool mask (N,): (M, *shape).

        Raises:
            InputError: One of them is damaged; the file is removed, so that it is made anew the next time.
        """
        try:
            return torch.from_numpy(self._array(as_positions(index, len(self)).numpy()))
        except ValueError as error:
            self._path.unlink(missing_ok=True)
            raise InputError(f"{error}; it is made anew when you start again") from error

    def _array(self, positions: np.ndarray) -> np.ndarray:
        """The rows at int64 positions (M,); ValueError where one is damaged."""
        array = np.empty((len(positions), *self.shape), dtype=self._numpy)
        if not len(positions):
            return array
        into = memoryview(array.reshape(-1).view(np.uint8).data)
        starts = np.flatnonzero(np.diff(positions, prepend=-2) != 1).tolist()  # of runs that lie together in the file
        for start, stop in zip(starts, [*starts[1:], len(positions)], strict=True):
            target = into[start * self.row_bytes : stop * self.row_bytes]
            self._read(target, int(positions[start]) * self.row_bytes)
        wrong = self._checksums(array) != self._all_sums()[positions]
        if wrong.any():
            raise ValueError(f"{self._path}: row {positions[wrong.argmax()]} is damaged on the disk")
        return array

    def _checksums(self, array: np.ndarray) -> np.ndarray:
        """Those of rows (n, *shape): uint32 (n,)."""
        data = memoryview(array.reshape(-1).view(np.uint8).data)
        starts = range(0, len(data), self.row_bytes)
        return np.array([zlib.crc32(data[start : start + self.row_bytes]) for start in starts], dtype=np.uint32)

    def _all_sums(self) -> np.ndarray:
        if len(self._sums) != 1:
            self._sums = [np.concatenate([np.empty(0, dtype=np.uint32), *self._sums])]
        return self._sums[0]

    def _write(self, data: memoryview, at: int) -> None:
        with _writing():
            while data:
                written = os.pwrite(self._handle, data[:_MOST], at)
                data, at = data[written:], at + written

    def _read(self, target: memoryview, at: int) -> None:
        while target:
            count = os.preadv(self._handle, [target[:_MOST]], at)
            if not count:
                raise OSError("the decoded images were cut off while they were in use; start again")
            target, at = target[count:], at + count

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

    def select(self, index: Any) -> Images:
        """Some of the images, still on the disk; as ``__getitem__``."""
        return Images(self.parts, self.positions[as_positions(index, len(self))])


def as_positions(index: Any, count: int) -> Tensor:
    """A slice, int64 positions (negative ones count from the end) or a bool mask of ``count`` things: int64 (M,)."""
    if isinstance(index, slice):
        return torch.from_numpy(np.arange(count)[index].copy())
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
