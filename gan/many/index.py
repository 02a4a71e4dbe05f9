"""The index of a folder: for every piece that is written, what it was made from and the checksum of its bytes.

A line of JSON a piece, after one that says how the images are made; of two lines of one piece the later counts.
A killed process can leave a piece without its line, or half a line: that piece is drawn again. Lines are no proof: what
is written is read again and must have the checksum.
"""

from __future__ import annotations

import errno
import json
import os
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from encoder.common.atomic import ADVICE
from encoder.common.errors import InputError
from gan.many.plan import Recipe

INDEX_FILE = ".index.jsonl"


class Entry(NamedTuple):
    """A piece that was written.

    Attributes:
        made_from: As of ``Piece``.
        sha256: Of its bytes.
        size: How many they are.
        failed: The places of the images that could not be drawn, and why; they are not in it.
    """

    made_from: str
    sha256: str
    size: int
    failed: dict[int, str]


class Index:
    """The index of a folder, which this process holds.

    Raises:
        InputError: It cannot be read or written, or the folder's images are made with another recipe.
    """

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        self.path = folder / INDEX_FILE
        self.entries: dict[tuple[int, int], Entry] = {}
        head, end = self._read()
        if head is not None and (differences := recipe.differences(head)):
            raise InputError(
                f"{folder}: holds images that were drawn otherwise ({'; '.join(differences)}); "
                "draw with the same options, or choose another folder"
            )
        self._open(end if head is not None else 0)
        if head is None:
            self._append({"recipe": asdict(recipe)})

    def add(self, shard: int, piece: int, entry: Entry) -> None:
        """Enter a piece that is written."""
        self._append({"shard": shard, "piece": piece, **entry._asdict()})

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)

    def _read(self) -> tuple[dict[str, Any] | None, int]:
        """The recipe, if there is one, and where the last whole line ends."""
        head, end = None, 0
        try:
            with self.path.open("rb") as file:
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    end += len(line)
                    with suppress(ValueError, KeyError, TypeError, AttributeError):  # a damaged line says nothing
                        value = json.loads(line)
                        if end == len(line):
                            head = dict(value["recipe"])
                            continue
                        failed = {int(place): str(reason) for place, reason in value["failed"].items()}
                        entry = Entry(str(value["made_from"]), str(value["sha256"]), int(value["size"]), failed)
                        self.entries[int(value["shard"]), int(value["piece"])] = entry
                    if head is None:
                        self.entries.clear()
                        break
        except FileNotFoundError:
            pass
        except OSError as error:
            raise InputError(f"{self.path}: cannot be read ({error.strerror}); choose another folder") from error
        return head, end

    def _open(self, end: int) -> None:
        try:
            self._handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            os.ftruncate(self._handle, end)
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written ({error.strerror}); {ADVICE}") from error

    def _append(self, value: dict[str, Any]) -> None:
        data = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
        try:
            if os.write(self._handle, data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written ({error.strerror}); {ADVICE}, then go on") from error
