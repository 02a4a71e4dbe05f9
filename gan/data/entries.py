"""The decoded images of each path, kept on disk until what lies there changes.

An entry is a folder, named by the path, with ``images.bin`` and ``index.json``. One process makes it, and others wait.
What is read stays open to its readers, though it is replaced.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from encoder.common.atomic import remove_orphans, transaction, write_atomically
from encoder.common.errors import InputError, reason_of
from encoder.common.folders import locked
from encoder.paths import cache_dir
from gan.data.index import SHAPE, Index
from gan.data.store import NoRoomError, Rows

logger = logging.getLogger(__name__)

VERSION = 5
"""Of what is kept and of how images are decoded: another one makes every entry anew."""

_IMAGES, _INDEX = "images.bin", "index.json"

Build = Callable[[Rows], Index]


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
    if kept := _read(entries_dir() / name, stamp):
        return kept
    try:
        return _make(entries_dir() / name, stamp, build)
    except NoRoomError as error:
        logger.warning(
            "warning: %s: decoded images cannot be kept there (%s), and are made anew each time", entries_dir(), error
        )
    with tempfile.TemporaryDirectory(prefix="text2face-", ignore_cleanup_errors=True) as temporary:
        try:
            return _make(Path(temporary) / name, stamp, build)  # the rows stay open, though their file goes
        except NoRoomError as error:
            raise InputError(
                f"{temporary}: no room for the decoded images ({error}); "
                "set TEXT2FACE_CACHE to a folder on a large disk"
            ) from error


def _read(entry: Path, stamp: str) -> tuple[Rows, Index] | None:
    """A kept entry; ``None`` where there is none, where it is of something else, or damaged, which is logged."""
    try:
        with os.fdopen(os.open(entry / _INDEX, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:  # no FIFO is waited for
            about = json.loads(file.readline())
            text = file.read() if about["stamp"] == stamp else b""
        if about["stamp"] != stamp:
            return None
        if about["checksum"] != hashlib.sha256(text).hexdigest():
            raise ValueError(f"{entry / _INDEX}: the checksum is another")
        rows = Rows.open(entry / _IMAGES, SHAPE)
        if about["images"] != rows.checksum:
            raise ValueError(f"{entry / _IMAGES}: holds other images than the index says")
        return rows, Index.from_json(text)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        logger.warning("warning: decoded images are damaged, and are made anew (%s)", error)
        return None


class _BuildError(Exception):
    """What ``build`` raised, on its way through what writes files."""


def _make(entry: Path, stamp: str, build: Build) -> tuple[Rows, Index]:
    """Make an entry, or read what another process has made meanwhile; ``NoRoomError`` where it cannot be written."""
    index = Index()
    checksum = 0

    def write_images(path: Path) -> None:
        nonlocal index, checksum
        rows = Rows.create(path, SHAPE)
        try:
            index = build(rows)
        except NoRoomError:
            raise
        except Exception as error:
            raise _BuildError from error
        rows.finish()
        checksum = rows.checksum

    def write_index(path: Path) -> None:
        text = index.to_json().encode()
        about = {"stamp": stamp, "checksum": hashlib.sha256(text).hexdigest(), "images": checksum}
        path.write_bytes(json.dumps(about).encode() + b"\n" + text)

    try:
        with locked(entry, wait=True):
            if kept := _read(entry, stamp):
                return kept
            for other in entry.parent.iterdir():  # killed processes may have left much
                remove_orphans(other / _IMAGES)
            for file in (entry / _IMAGES, entry / _INDEX):
                if file.is_dir():
                    shutil.rmtree(file)
            with transaction():
                write_atomically(entry / _IMAGES, write_images)
                write_atomically(entry / _INDEX, write_index)
            return Rows.open(entry / _IMAGES, SHAPE), index
    except _BuildError as failed:
        assert failed.__cause__
        raise failed.__cause__ from None
    except (InputError, OSError, ValueError) as error:
        raise NoRoomError(reason_of(error.__cause__ or error)) from error
    finally:
        with suppress(OSError):  # it holds something, as it should
            entry.rmdir()
