"""Files written whole or not at all, one by one or all at once."""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

from encoder.common.errors import InputError, reason_of

ADVICE = "free some space or choose another place"

TEMPORARY = r"\..+\.[a-z0-9_]{8}\.tmp(-journal)?"
"""Names of temporary files, which are renamed when they are complete; only a killed process leaves any."""
_NAME = 40  # characters of a file's name in that of its temporary one, so that no name is too long


@dataclass
class _Waiting:
    """Files of a ``transaction``, which are written and wait for the others.

    Attributes:
        files: The temporary path of each, its final path, and the handle that locks it.
        keys: The last path of each ``transaction``.
    """

    files: list[tuple[Path, Path, int]] = field(default_factory=list)
    keys: list[Path] = field(default_factory=list)


_waiting: ContextVar[_Waiting | None] = ContextVar("waiting", default=None)


def write_atomically(path: Path, write: Callable[[Path], object], *, durable: bool = True) -> None:
    """Call ``write`` with a temporary path beside ``path``, then rename that file to ``path``.

    The temporary file exists already, is empty, and is locked while it is written. A missing folder is made. Before a
    durable file is written, temporary files that killed writers of ``path`` left are removed.

    Args:
        durable: Wait until the file is on the disk, so that it outlives a power cut too.

    Raises:
        InputError: The file cannot be written; what stood there before is kept, and nothing else is left behind.
    """
    waiting = _waiting.get()
    temporary: Path | None = None
    handle: int | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if durable:
            remove_orphans(path)
        handle, temporary = _temporary(path)
        write(temporary)
        temporary.chmod(0o644)  # mkstemp's is for its owner alone
        if durable:
            _sync(temporary)
        if waiting is not None:
            waiting.files.append((temporary, path, handle))
            temporary = handle = None
            return
        os.replace(temporary, path)
        if durable:
            _sync(path.parent)
    except (OSError, RuntimeError) as error:  # torch.save reports a full disk as a RuntimeError
        raise _not_written(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        if handle is not None:
            os.close(handle)


def write_contents(path: Path, contents: str | bytes, *, durable: bool = True) -> None:
    """``write_atomically`` of a text, in UTF-8, or of bytes."""
    data = contents.encode() if isinstance(contents, str) else contents
    write_atomically(path, lambda temporary: temporary.write_bytes(data), durable=durable)


@contextmanager
def transaction() -> Iterator[None]:
    """Files that ``write_atomically`` writes within the context are renamed at its end: all, or after an error none.

    The file that is written last is the key to the others: readers refuse the folder without it. It is removed before
    the first of the others is replaced. So a kill at any moment never leaves a mixture of two sets that can be read.
    A ``transaction`` within another one ends with the outer one.

    Raises:
        InputError: A file cannot be renamed.
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
            for temporary, _, handle in waiting.files:
                temporary.unlink(missing_ok=True)
                os.close(handle)


def remove_orphans(path: Path) -> None:
    """Remove the temporary files of ``path`` that no process holds a lock of: their writers were killed."""
    for orphan in path.parent.glob(f".{glob.escape(path.name[:_NAME])}.{'[a-z0-9_]' * 8}.tmp"):
        try:
            handle = os.open(orphan, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            continue
        try:
            if lock(handle):
                orphan.unlink(missing_ok=True)
        except OSError:  # its writer lives, or it is not ours to remove
            pass
        finally:
            os.close(handle)


def _temporary(path: Path) -> tuple[int, Path]:
    """A new empty file beside ``path``, and the open handle that locks it."""
    while True:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:_NAME]}.", suffix=".tmp")
        with suppress(BlockingIOError):  # by another writer, which takes it for an orphan
            lock(handle)
        if os.fstat(handle).st_nlink:  # else it was removed just before it was locked
            return handle, Path(name)
        os.close(handle)


def lock(handle: int, *, wait: bool = False) -> bool:
    """Lock an open file for this process; closing it, or the end of the process, frees it.

    Returns:
        Whether it is locked: a system or a file system may have no locks.

    Raises:
        BlockingIOError: Another process holds it, and it is not waited for.
    """
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except (ImportError, OSError):
        return False
    return True


def _put(waiting: _Waiting) -> None:
    """Rename all files; the keys come last."""
    path = Path()
    try:
        for path in waiting.keys:
            path.unlink(missing_ok=True)
        for temporary, path, _ in sorted(waiting.files, key=lambda each: each[1] in waiting.keys):
            os.replace(temporary, path)
        for path in {final.parent for _, final, _ in waiting.files}:
            _sync(path)
    except OSError as error:
        raise _not_written(path, error) from error


def _not_written(path: Path, error: Exception) -> InputError:
    return InputError(f"{path}: cannot be written ({reason_of(error)}); {ADVICE}")


def _sync(path: Path) -> None:
    """Wait until a file or a folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
