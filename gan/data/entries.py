"""The decoded images of each path, kept on disk until what lies there changes.

An entry is a folder, named by the path, with ``images.bin`` and ``index.json``. It is made beside its place and then
renamed, so that it is whole or not there; of two processes that make the same one the last wins, and what the other
reads stays open to it.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from encoder.common.atomic import lock
from encoder.common.errors import InputError, reason_of
from encoder.paths import cache_dir
from gan.data.reading import SHAPE, Index
from gan.data.store import Rows

logger = logging.getLogger(__name__)

VERSION = 3
"""Of what is kept and of how images are decoded: another one makes every entry anew."""

_IMAGES, _INDEX, _LOCK = "images.bin", "index.json", "lock"
_YOUNG = 60  # seconds in which a folder may not be locked yet

Build = Callable[[Rows], Index]


class NoRoomError(Exception):
    """The decoded images cannot be written."""


def entries_dir() -> Path:
    """The folder of all entries: ``.cache/data`` beside the code, or ``data`` in ``TEXT2FACE_CACHE``."""
    return cache_dir("data")


def load_entry(path: Path, fingerprint: str, build: Build) -> tuple[Rows, Index]:
    """The decoded images of a path and their index, as kept or made now.

    Args:
        path: Resolved; names the entry.
        fingerprint: Of what lies there: another one makes the entry anew.
        build: Appends the images to the rows that it is given, and gives their index. What it raises passes through.
    """
    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:32]
    stamp = f"{VERSION} {fingerprint}"
    kept = _read(entries_dir() / name, stamp)
    if kept is not None:
        return kept
    try:
        return _make(entries_dir(), name, stamp, build)
    except NoRoomError as error:
        logger.warning(
            "warning: %s: decoded images cannot be kept there (%s), and are made anew each time", entries_dir(), error
        )
    temporary = Path(tempfile.mkdtemp(prefix="text2face-"))
    try:
        return _make(temporary, name, stamp, build)  # the rows stay open, though their file goes
    except NoRoomError as error:
        message = (
            f"{temporary}: no room for the decoded images ({error}); set TEXT2FACE_CACHE to a folder on a large disk"
        )
        raise InputError(message) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _read(entry: Path, stamp: str) -> tuple[Rows, Index] | None:
    """A kept entry; ``None`` where there is none, where it is of something else, or damaged, which is logged."""
    try:
        folder = os.open(entry, os.O_RDONLY | os.O_DIRECTORY)  # both files of one folder, though it be replaced now
    except OSError:
        return None
    try:
        flags = os.O_RDONLY | os.O_NONBLOCK  # what is a FIFO is not waited for
        with os.fdopen(os.open(_INDEX, flags, dir_fd=folder), "rb") as file:
            first = file.readline()
            about = json.loads(first)
            if about["stamp"] != stamp:
                return None
            text = file.read()
        if about["checksum"] != hashlib.sha256(text).hexdigest():
            raise ValueError(f"{entry / _INDEX}: the checksum is another")
        rows = Rows.open(_IMAGES, SHAPE, dir_fd=folder, name=entry / _IMAGES)
        index = Index.from_json(text)
        if len(rows) != len(index.keys):
            raise ValueError(f"{entry / _IMAGES}: holds {len(rows)} images of {len(index.keys)}")
        return rows, index
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        logger.warning("warning: decoded images are damaged, and are made anew (%s)", error)
        return None
    finally:
        os.close(folder)


def _make(root: Path, name: str, stamp: str, build: Build) -> tuple[Rows, Index]:
    """Make an entry; ``NoRoomError`` where it cannot be written."""
    temporary: Path | None = None
    handle: int | None = None
    try:
        try:
            root.mkdir(parents=True, exist_ok=True)
            _sweep(root)
            temporary = Path(tempfile.mkdtemp(dir=root, prefix=f".{name}.", suffix=".tmp"))
            handle = os.open(temporary / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
            lock(handle, wait=True)
            rows = _WatchedRows.create(temporary / _IMAGES, SHAPE)
        except OSError as error:
            raise NoRoomError(reason_of(error)) from error
        index = build(rows)
        try:
            text = index.to_json().encode()
            first = json.dumps({"stamp": stamp, "checksum": hashlib.sha256(text).hexdigest()}).encode()
            rows.finish()
            with open(temporary / _INDEX, "wb") as file:
                file.write(first + b"\n" + text)
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(0o755)
            _replace(temporary, root / name)
        except OSError as error:
            raise NoRoomError(reason_of(error)) from error
        return rows, index
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
        if handle is not None:
            os.close(handle)


class _WatchedRows(Rows):
    """Rows whose failure to be written is told from other errors."""

    def append(self, values: object) -> None:
        try:
            super().append(values)  # type: ignore[arg-type]
        except OSError as error:
            raise NoRoomError(reason_of(error)) from error


def _replace(temporary: Path, entry: Path) -> None:
    """Put a finished folder in the place of an older one."""
    (temporary / _LOCK).unlink()
    for _ in range(100):  # others may do the same
        try:
            os.rename(temporary, entry)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise
        old = tempfile.mkdtemp(dir=entry.parent, prefix=".old.", suffix=".tmp")
        try:
            os.rename(entry, Path(old) / "entry")
        except FileNotFoundError:
            pass
        finally:
            shutil.rmtree(old, ignore_errors=True)
    raise OSError(errno.EBUSY, "it is replaced by others all the time")


def _sweep(root: Path) -> None:
    """Remove what killed processes have left: folders whose lock nobody holds."""
    for folder in root.glob(".*.tmp"):
        try:
            if abs(time.time() - folder.stat().st_mtime) < _YOUNG:  # one of the future is of a clock that was set back
                continue
            handle = os.open(folder / _LOCK, os.O_RDWR)
        except OSError:
            continue
        try:
            if lock(handle):
                shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:  # its writer lives
            pass
        finally:
            os.close(handle)
