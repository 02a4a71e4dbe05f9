"""Folders that commands write: each of one command, and of one process at a time.

A hidden file says which command a folder is of. Nothing is ever removed from a folder but that file, when there came
to be nothing else; outputs are replaced file by file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from encoder.common.atomic import TEMPORARY, write_atomically
from encoder.common.errors import InputError
from encoder.common.lock import LOCK_FILE, locked

MARK_FILE = ".made-by"
_SYSTEM = (".DS_Store", "Thumbs.db", "desktop.ini")  # what file managers leave wherever they look


@dataclass(frozen=True)
class Output:
    """What a command writes into a folder of its own.

    Attributes:
        command: Its name.
        names: Of the files and folders that may be there; patterns as of ``fnmatch``.
    """

    command: str
    names: tuple[str, ...]

    def check(self, folder: Path) -> None:
        """Raise InputError unless ``folder`` is missing or empty, or holds an earlier output and nothing else."""
        try:
            held = sorted(os.listdir(folder))
        except FileNotFoundError:
            return
        except NotADirectoryError as error:
            raise InputError(f"{folder}: not a folder; choose another one") from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise InputError(f"{str(folder)[:200]}: cannot be read ({reason}); choose another folder") from error
        held = [name for name in held if name not in (*_SYSTEM, LOCK_FILE) and not re.fullmatch(TEMPORARY, name)]
        owner = _owner(folder)
        if owner not in (None, self.command):
            raise InputError(f"{folder}: holds an output of {owner}, not of {self.command}; choose another folder")
        foreign = [name for name in held if name != MARK_FILE and not self._may_hold(name)] if owner else held
        if foreign:
            raise InputError(
                f"{folder}: holds {foreign[0][:100]}, which is no output of {self.command}; choose another folder"
            )

    @contextmanager
    def held(self, folder: Path, *, known: bool = False) -> Iterator[None]:
        """Hold a folder for an output, from before the work until all is written.

        Args:
            folder: Made where it is missing; taken away again where nothing was written.
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
                    write_atomically(folder / MARK_FILE, lambda path: path.write_text(f"{self.command}\n", "utf-8"))
                try:
                    yield
                finally:
                    if {*os.listdir(folder)} <= {MARK_FILE, LOCK_FILE}:
                        (folder / MARK_FILE).unlink(missing_ok=True)
        finally:
            if made:
                with suppress(OSError):  # it holds something, as it should
                    folder.rmdir()

    def _may_hold(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in self.names)


def _owner(folder: Path) -> str | None:
    """The command that a folder is of, as far as it says."""
    try:
        return (folder / MARK_FILE).read_text("utf-8", errors="replace").strip()[:100] or None
    except OSError:
        return None
