"""The values that command-line options take: numbers within limits, paths that can be read or written, JSON.

They are ``type``s of argparse, for a ``Parser``. Argparse reports a malformed value, with the usage. A path that cannot
be used is an ``InputError``. Both come before any work.
"""

from __future__ import annotations

import argparse
import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Literal

from encoder.common.errors import InputError, reason_of

MAX_SEED = 2**63 - 1
MAX_COUNT = 10**12
MAX_BATCH = 4096
MAX_THREADS = 256
MAX_SIZE = 2**16
MAX_DEPTH = 10
"""Limits: beyond them a machine runs out of something long before it ends."""

_prog_name: ContextVar[str] = ContextVar("prog_name", default="")
_SHOWN = 60  # characters of a value in a message


class Parser(argparse.ArgumentParser):
    """An ``ArgumentParser`` whose types may raise ``InputError`` (see ``path_type``), which argparse then lets through.

    Within ``prog_name`` its usage begins with that name.

    Attributes:
        checks: Each is called with the parsed options, and raises ``InputError`` for a value out of its range.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.prog = _prog_name.get() or self.prog
        self.checks: list[Callable[[argparse.Namespace], object]] = []

    def parse_known_args(self, *args: Any, **kwargs: Any) -> Any:
        try:
            options, rest = super().parse_known_args(*args, **kwargs)
        except _RefusedError as refused:
            raise refused.error from None
        for check in self.checks:
            check(options)
        return options, rest


@contextmanager
def prog_name(name: str) -> Iterator[None]:
    """Within the context, new parsers call the command by this name: ``"text2face draw"``."""
    token = _prog_name.set(name)
    try:
        yield
    finally:
        _prog_name.reset(token)


class _RefusedError(Exception):
    """An ``InputError`` on its way through argparse, which catches any ValueError."""

    def __init__(self, error: InputError) -> None:
        super().__init__(error)
        self.error = error


# -- numbers ---------------------------------------------------------------------------------------------------------


def integer(text: str) -> int:
    """A whole number of any size."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"invalid int value: {text[:_SHOWN]!r}") from None


def decimal(text: str) -> float:
    """A number, also an infinite one or NaN."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"invalid float value: {text[:_SHOWN]!r}") from None


def between(low: int, high: int = MAX_COUNT) -> Callable[[str], int]:
    """A whole number from ``low`` to ``high``."""

    def number(text: str) -> int:
        value = integer(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text[:_SHOWN]} is not between {low} and {high}")
        return value

    return number


# -- texts -----------------------------------------------------------------------------------------------------------


def is_unicode(text: str) -> bool:
    """Whether a text is valid Unicode: bytes that are not UTF-8 become lone surrogates."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def unicode(text: str) -> str:
    """A text in valid Unicode; bytes of the command line that are not UTF-8 are none."""
    if not is_unicode(text):
        raise argparse.ArgumentTypeError("is not valid Unicode; give it in UTF-8")
    return text


def non_empty(text: str) -> str:
    """A text that is not empty."""
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty")
    return text


def json_value(text: str) -> Any:
    """Any JSON value, nested at most ``MAX_DEPTH`` times."""
    try:
        value = json.loads(text)
        deep = _is_deep(value, MAX_DEPTH)
    except RecursionError:
        deep = True
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"invalid JSON ({str(error)[:_SHOWN]}): {text[:_SHOWN]!r}") from None
    if deep:
        raise argparse.ArgumentTypeError(f"invalid JSON (more than {MAX_DEPTH} brackets within each other)")
    return value


def _is_deep(value: Any, depth: int) -> bool:
    """Whether brackets are nested more than ``depth`` times."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return inner is not None and (depth == 0 or any(_is_deep(one, depth - 1) for one in inner))


# -- paths -----------------------------------------------------------------------------------------------------------


def path_type(*checks: Callable[[Path], object]) -> Callable[[str], Path]:
    """A path that passes all ``checks``; a check raises ``InputError``."""

    def checked(text: str) -> Path:
        path = Path(text)
        for check in checks:
            check(path)
        return path

    return resolved_by(checked)


def resolved_by(find: Callable[[str], Path]) -> Callable[[str], Path]:
    """The path that ``find`` gives for a name; it raises ``InputError`` where there is none."""

    def path_of(text: str) -> Path:
        try:
            return find(os.path.expanduser(non_empty(text)))  # a shell leaves --out=~/x.png as it is
        except InputError as error:
            raise _RefusedError(error) from None

    return path_of


def kind_of(path: Path) -> Literal["file", "folder", "other", None]:
    """What lies at a path, links followed; ``None`` where there is nothing.

    Raises:
        InputError: The path cannot be looked up: permission is denied, or its name is too long.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise InputError(f"{shown(path)}: cannot be reached ({reason_of(error)}); choose another place") from error
    return "folder" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else "other"


def shown(path: str | Path) -> str:
    """A path as messages show it: the first 200 characters."""
    text = str(path)
    return text if len(text) <= 200 else f"{text[:200]}..."


def check_existing_folder(path: Path, what: str = "folder") -> None:
    """Raise ``InputError`` unless there is a folder whose files can be read; messages call it ``what``."""
    kind = kind_of(path)
    if kind is None:
        raise InputError(f"{path}: no such {what}; give another one")
    if kind != "folder":
        raise InputError(f"{path}: is not a folder; give a {what}")
    if not os.access(path, os.R_OK | os.X_OK):
        raise InputError(f"{path}: permission denied; change its permissions or give another {what}")


def check_existing_file(path: Path) -> None:
    """Raise ``InputError`` unless there is a regular file that can be read."""
    kind = kind_of(path)
    if kind is None:
        raise InputError(f"{path}: no such file; give another one")
    if kind != "file":
        raise InputError(f"{path}: is {'a folder' if kind == 'folder' else 'not a regular file'}; give a file")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path}: permission denied; change its permissions or give another file")


def check_folder(folder: Path) -> None:
    """Raise ``InputError`` unless ``folder`` is a folder that can be written, or can be made."""
    kind_of(folder)  # of too long a name, although no folder on the way is there
    existing = _nearest(folder)
    if kind_of(existing) != "folder":
        raise InputError(f"{existing}: is a file, so the folder {shown(folder)} cannot be made; choose another folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(f"{existing}: cannot be written; choose another folder or change its permissions")
    for missing in (folder, *folder.absolute().parents):
        if missing == existing:
            break
        _check_name(existing, missing.name, folder)
        if missing.is_symlink():
            raise InputError(f"{missing}: is a link to nothing; choose another folder or remove it")


def check_file(path: Path) -> None:
    """Raise ``InputError`` unless a file can be written, or replaced, at ``path``."""
    kind = kind_of(path)
    if kind not in (None, "file"):
        raise InputError(f"{path}: is {'a folder' if kind == 'folder' else 'no regular file'}; give the name of a file")
    check_folder(path.parent)
    _check_name(_nearest(path.parent), path.name, path)


def check_new_folder(path: Path) -> None:
    """Raise ``InputError`` unless a new folder can be made at ``path``."""
    if kind_of(path) is not None:
        raise InputError(f"{path}: exists already; give a new folder")
    check_folder(path)


def _nearest(path: Path) -> Path:
    """The path, or the innermost folder above it that exists."""
    return next(here for here in (path, *path.absolute().parents) if kind_of(here) is not None)


def _check_name(folder: Path, name: str, path: Path) -> None:
    """Raise ``InputError`` where a name is too long for the file system of ``folder``."""
    try:
        kind_of(folder / name)
    except InputError as error:
        raise InputError(f"{shown(path)}: the name is too long; choose a shorter one") from error


existing_folder = path_type(check_existing_folder)
existing_file = path_type(check_existing_file)
output_folder = path_type(check_folder)
new_folder = path_type(check_new_folder)
model_folder = path_type(lambda path: check_existing_folder(path, "model folder"))
