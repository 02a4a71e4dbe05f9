"""Folders that commands write: each belongs to one command, and one process at a time works in it.

A hidden file names the command that a folder belongs to. Nothing else is ever removed from a folder, except what a
killed process left half written; outputs are replaced file by file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from encoder.common.atomic import TEMPORARY, lock, write_contents
from encoder.common.errors import InputError, reason_of

LOCK_FILE, MARK_FILE = ".lock", ".made-by"
_SYSTEM = (".DS_Store", "Thumbs.db", "desktop.ini")  # what file managers leave wherever they look


@contextmanager
def locked(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold a folder, which is made where it is missing, for as long as the context lasts or the process lives.

    What killed processes have left half written there is removed. On a system without locks nothing is held.

    Args:
        wait: Until no other process holds it.

    Raises:
        InputError: Another process holds it and is not waited for, or it cannot be written.
    """
    path = folder / LOCK_FILE
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except FileNotFoundError:  # another process has just removed the folder, which was empty
            continue
        except OSError as error:
            raise InputError(f"{folder}: cannot be written ({reason_of(error)}); choose another folder") from error
        try:
            try:
                has_locks = lock(handle, wait=wait)
            except BlockingIOError as error:
                holder = os.pread(handle, 64, 0).decode(errors="replace").strip()
                raise InputError(
                    f"{folder}: process {holder or '?'} is at work there; wait until it ends, or choose another folder"
                ) from error
            if has_locks and not _is_at(handle, path):  # the process before has removed the file that was waited for
                continue
            if has_locks:
                with suppress(OSError):  # a full disk: the lock holds, though it does not say whose it is
                    os.ftruncate(handle, 0)
                    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
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


@dataclass(frozen=True)
class OutputFolder:
    """What a command writes into a folder of its own.

    Attributes:
        names: Of the files and folders that may be there; patterns as of ``fnmatch``.
    """

    command: str
    names: tuple[str, ...]

    def check(self, folder: Path) -> None:
        """Raise InputError unless ``folder`` is missing or empty, or holds an earlier output and nothing else."""
        try:
            names = sorted(os.listdir(folder))
        except FileNotFoundError:
            return
        except NotADirectoryError as error:
            raise InputError(f"{folder}: not a folder; choose another one") from error
        except (OSError, ValueError) as error:
            raise InputError(
                f"{str(folder)[:200]}: cannot be read ({reason_of(error)}); choose another folder"
            ) from error
        names = [name for name in names if name not in (*_SYSTEM, LOCK_FILE) and not re.fullmatch(TEMPORARY, name)]
        owner = _owner(folder)
        if owner not in (None, self.command):
            raise InputError(f"{folder}: holds an output of {owner}, not of {self.command}; choose another folder")
        foreign = [name for name in names if name != MARK_FILE and not self._may_hold(name)] if owner else names
        if foreign:
            raise InputError(
                f"{folder}: holds {foreign[0][:100]}, which is no output of {self.command}; choose another folder"
            )

    @contextmanager
    def held(self, folder: Path, *, known: bool = False) -> Iterator[None]:
        """Hold a folder for an output, from before the work until all is written.

        Args:
            folder: Made where it is missing; removed again where nothing was written.
            known: It is the command's, whatever it holds; not checked.

        Raises:
            InputError: As of ``check``, or another process holds it, or it cannot be written.
        """
        if not known:
            self.check(folder)  # before anything is made
        made = not folder.exists()
        try:
            with locked(folder):
                if not known:
                    self.check(folder)
                if _owner(folder) is None:
                    write_contents(folder / MARK_FILE, f"{self.command}\n")
                try:
                    yield
                finally:
                    if {*os.listdir(folder)} <= {MARK_FILE, LOCK_FILE}:
                        (folder / MARK_FILE).unlink(missing_ok=True)
        finally:
            if made:
                with suppress(OSError):  # it holds something, as it should
                    folder.rmdir()

    def owns(self, folder: Path) -> bool:
        """Whether an output of the command was begun in ``folder``."""
        return _owner(folder) == self.command

    def _may_hold(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in self.names)


def _owner(folder: Path) -> str | None:
    """The command that a folder belongs to, as far as it says."""
    try:
        return (folder / MARK_FILE).read_text("utf-8", errors="replace").strip()[:100] or None
    except OSError:
        return None
