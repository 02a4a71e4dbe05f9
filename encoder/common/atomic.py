"""Files written whole or not at all."""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from encoder.common.errors import InputError

ADVICE = "free some space or choose another place"


def write_atomically(
    path: Path, write: Callable[[Path], object], *, durable: bool = True, advice: str = ADVICE
) -> None:
    """Call ``write`` with a temporary path beside ``path``, then put that file in its place.

    The temporary file exists already, empty, and is locked for as long as it is written. The folder is made where it is
    missing. What a killed writer of ``path`` has left is removed first, where the file is to be durable.

    Args:
        path: The file.
        write: Writes it.
        durable: Wait until the file is on the disk, so that it outlives a power cut too.
        advice: What to do where it cannot be written.

    Raises:
        InputError: The file cannot be written; what stood there before is kept, and nothing else is left behind.
    """
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
        os.replace(temporary, path)
        if durable:
            _sync(path.parent)
    except (OSError, RuntimeError) as error:  # torch.save reports a full disk as a RuntimeError
        reason = getattr(error, "strerror", None) or (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: cannot be written ({reason}); {advice}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        if handle is not None:
            os.close(handle)


def remove_orphans(path: Path) -> None:
    """Remove the temporary files of ``path`` whose writers are dead: those that nobody holds a lock of."""
    for orphan in path.parent.glob(f".{glob.escape(path.name)}.{'[a-z0-9_]' * 8}.tmp"):
        try:
            handle = os.open(orphan, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            continue
        try:
            if _lock(handle):
                orphan.unlink(missing_ok=True)
        except OSError:  # not ours to remove
            pass
        finally:
            os.close(handle)


def _temporary(path: Path) -> tuple[int, Path]:
    """A new file beside ``path``, empty, and the open handle that it is locked by."""
    while True:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        _lock(handle)
        if os.fstat(handle).st_nlink:  # else another writer took it for an orphan, just before it was locked
            return handle, Path(name)
        os.close(handle)


def _lock(handle: int) -> bool:
    """Lock a file; whether it is ours now. Never where there are no such locks."""
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # which the system frees when the process ends
    except (ImportError, OSError):
        return False
    return True


def _sync(path: Path) -> None:
    """Wait until what a file or a folder holds is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
