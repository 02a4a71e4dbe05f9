"""Files written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from encoder.common.errors import InputError


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
        os.replace(temporary, path)
        if durable:
            _sync(path.parent)
    except (OSError, RuntimeError) as error:  # torch.save reports a full disk as a RuntimeError
        reason = getattr(error, "strerror", None) or (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: cannot be written ({reason}); free some space or choose another place") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Wait until what a file or a folder holds is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
