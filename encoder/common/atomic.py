"""Files written whole or not at all, one by one or all at once."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

from encoder.common.errors import InputError

TEMPORARY = r"\..+\.[a-z0-9_]{8}\.tmp(-journal)?"
"""The names of the files that are written before they take their places; only a killed process leaves any."""


@dataclass
class _Waiting:
    """Files that are written and wait for the others.

    Attributes:
        files: Each with the place that it is to take.
        keys: The last place of each ``at_once``.
    """

    files: list[tuple[Path, Path]] = field(default_factory=list)
    keys: list[Path] = field(default_factory=list)


_waiting: ContextVar[_Waiting | None] = ContextVar("waiting", default=None)


def write_atomically(path: Path, write: Callable[[Path], object], *, durable: bool = True) -> None:
    """Call ``write`` with a temporary path beside ``path``, then put that file in its place.

    The temporary file exists already, empty. The folder is made where it is missing.

    Args:
        path: The file.
        write: Writes it.
        durable: Wait until the file is on the disk, so that it outlives a power cut too.

    Raises:
        InputError: The file cannot be written; what stood there before is kept, and nothing else is left behind.
    """
    waiting = _waiting.get()
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.", suffix=".tmp")
        os.close(handle)
        temporary = Path(name)
        write(temporary)
        temporary.chmod(0o644)  # mkstemp's is for its owner alone
        if durable:
            _sync(temporary)
        if waiting is not None:
            waiting.files.append((temporary, path))
            temporary = None
            return
        os.replace(temporary, path)
        if durable:
            _sync(path.parent)
    except (OSError, RuntimeError) as error:  # torch.save reports a full disk as a RuntimeError
        raise _not_written(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextmanager
def at_once() -> Iterator[None]:
    """What ``write_atomically`` writes within takes its place at the end: all of it, or after an error nothing.

    The file that is written last is the key to the others: readers refuse the folder without it. It is taken away
    before the first of them is replaced, so that no kill at any moment leaves files of two sets that are read as one.
    Within another ``at_once``, the end is that one's.

    Raises:
        InputError: A file cannot take its place.
    """
    outer = _waiting.get()
    waiting = outer or _Waiting()
    token = _waiting.set(waiting)
    try:
        yield
        if waiting.files:
            waiting.keys.append(waiting.files[-1][1])
        if outer is None:
            _put(waiting)
    finally:
        _waiting.reset(token)
        if outer is None:
            for temporary, _ in waiting.files:
                temporary.unlink(missing_ok=True)


def _put(waiting: _Waiting) -> None:
    """Put all files in their places; those that readers ask for first come last."""
    path = Path()
    try:
        for path in waiting.keys:
            path.unlink(missing_ok=True)
        for temporary, path in sorted(waiting.files, key=lambda each: each[1] in waiting.keys):
            os.replace(temporary, path)
        for path in {path.parent for _, path in waiting.files}:
            _sync(path)
    except OSError as error:
        raise _not_written(path, error) from error


def _not_written(path: Path, error: Exception) -> InputError:
    reason = getattr(error, "strerror", None) or (str(error).splitlines() or [type(error).__name__])[0]
    return InputError(f"{path}: cannot be written ({reason}); free some space or choose another place")


def _sync(path: Path) -> None:
    """Wait until what a file or a folder holds is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
