"""A folder that one process works in at a time."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from encoder.common.atomic import TEMPORARY
from encoder.common.errors import InputError

LOCK_FILE = ".lock"


@contextmanager
def locked(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold a folder, which is made where it is missing, for as long as the context lasts or the process lives.

    What killed processes have left half written there is removed.

    Args:
        folder: To be held, with all below it.
        wait: Until no other process holds it.

    Raises:
        InputError: Another process holds it and is not waited for, or it cannot be written.
    """
    try:
        import fcntl
    except ImportError:  # a system without such locks
        yield
        return
    path = folder / LOCK_FILE
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except FileNotFoundError:  # another process has just removed the folder, which was empty
            continue
        except OSError as error:
            raise InputError(f"{folder}: cannot be written ({error.strerror}); choose another folder") from error
        try:
            try:
                # The system frees it when the process ends.
                fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                holder = os.pread(handle, 64, 0).decode(errors="replace").strip()
                raise InputError(
                    f"{folder}: process {holder or '?'} is at work there; wait until it ends, or choose another folder"
                ) from error
            except OSError:  # a file system without locks
                yield
                return
            if not _is_at(handle, path):  # the one before has removed the file that was waited for
                continue
            try:
                os.ftruncate(handle, 0)
                os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
            except OSError:  # a full disk: the lock holds, though it does not say whose it is
                pass
            _remove_temporaries(folder)
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return
        finally:
            os.close(handle)


def _is_at(handle: int, path: Path) -> bool:
    """Whether the open file is the one that stands at ``path``."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _remove_temporaries(folder: Path) -> None:
    """Remove what ``write_atomically`` of a killed process has left in a folder and below."""
    for path in folder.rglob(".*.tmp*"):
        if re.fullmatch(TEMPORARY, path.name) and path.is_file():
            with suppress(OSError):
                path.unlink()
