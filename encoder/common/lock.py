"""A folder that one process works in at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from encoder.common.errors import InputError

LOCK_FILE = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder, which is made where it is missing, for as long as the context lasts or the process lives.

    Raises:
        InputError: Another process holds it, or it cannot be written.
    """
    try:
        import fcntl
    except ImportError:  # a system without such locks
        yield
        return
    path = folder / LOCK_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror}); choose another folder") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # which the system frees when the process ends
        except BlockingIOError as error:
            holder = os.pread(handle, 64, 0).decode(errors="replace").strip()
            raise InputError(
                f"{folder}: process {holder or '?'} is at work there; wait until it ends, or choose another folder"
            ) from error
        except OSError:  # a file system without locks
            yield
            return
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)
