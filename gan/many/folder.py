"""The folder of a batch job: shards in the form of WebDataset, or a file an image, and an index that proves them.

The index has a line of JSON for each piece that is written, after one that says how the images are made; of two lines
of one piece the later counts. A killed process can leave a piece without its line, or half a line: that piece is drawn
again. Lines are no proof: what is written is read again and must have the checksum. One process alone writes here.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tarfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from encoder.common.atomic import ADVICE, write_contents
from encoder.common.errors import InputError
from gan.engine import Item
from gan.many.plan import Piece, Shard, differences

INDEX_FILE = ".index.jsonl"
END = bytes(2 * tarfile.BLOCKSIZE)
"""What ends a tar."""


class Encoded(NamedTuple):
    """What became of an item, as plain values: its PNG, the seed that drew it, what was read, or why it failed."""

    png: bytes | None
    seed: int
    read: dict[str, str | None]
    error: str | None


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

    def __init__(self, folder: Path, recipe: dict[str, Any]) -> None:
        self.path = folder / INDEX_FILE
        self._entries: dict[tuple[int, int], Entry] = {}
        head, end = self._read()
        if head is not None and (changed := differences(recipe, head)):
            raise InputError(
                f"{folder}: holds images that were drawn with other settings ({'; '.join(changed)}); "
                "draw with the same options, or choose another folder"
            )
        try:
            self._handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            os.ftruncate(self._handle, end if head is not None else 0)
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written ({error.strerror}); {ADVICE}") from error
        if head is None:
            self._append({"recipe": recipe})

    def of(self, shard: Shard) -> dict[int, Entry]:
        """The entries of a shard's pieces that are made from what is asked for now, by piece."""
        return {
            piece.number: entry
            for piece in shard.pieces
            if (entry := self._entries.get((shard.number, piece.number))) and entry.made_from == piece.made_from
        }

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
                        self._entries[int(value["shard"]), int(value["piece"])] = entry
                    if head is None:
                        self._entries.clear()
                        break
        except FileNotFoundError:
            pass
        except OSError as error:
            raise InputError(f"{self.path}: cannot be read ({error.strerror}); choose another folder") from error
        return head, end

    def _append(self, value: dict[str, Any]) -> None:
        data = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
        try:
            if os.write(self._handle, data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written ({error.strerror}); {ADVICE}, then go on") from error


def seed_of(folder: Path) -> int | None:
    """The seed that the images of a folder count up from; ``None`` where its index says none."""
    try:
        with (folder / INDEX_FILE).open("rb") as file:
            return int(json.loads(file.readline())["recipe"]["seed"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


class ShardSink(Protocol):
    """Where the images of a shard go. What is there, as the index says, is kept.

    Raises:
        InputError: By any method: it cannot be written.
    """

    missing: list[Piece]
    """The pieces to be written, in order."""

    def write(self, piece: Piece, images: Sequence[Encoded]) -> tuple[str, int]:
        """Write the next of ``missing``; returns the checksum of its bytes, and their number."""

    def finish(self) -> None:
        """All pieces are there: put the whole in its place."""


class FilesSink:
    """A file an image."""

    def __init__(self, folder: Path, shard: Shard, entries: dict[int, Entry]) -> None:
        self._folder = folder
        self.missing = [piece for piece in shard.pieces if not self._is_there(piece, entries.get(piece.number))]

    def write(self, piece: Piece, images: Sequence[Encoded]) -> tuple[str, int]:
        state, size = hashlib.sha256(), 0
        for item, image in zip(piece.items, images, strict=True):
            if image.png is not None:
                write_contents(self._path(item), image.png, durable=False)
                state.update(image.png)
                size += len(image.png)
        return state.hexdigest(), size

    def finish(self) -> None:
        pass

    def _path(self, item: Item) -> Path:
        return self._folder / f"{item.name}.png"

    def _is_there(self, piece: Piece, entry: Entry | None) -> bool:
        if not entry:
            return False
        state = hashlib.sha256()
        try:
            for item in piece.items:
                if item.place not in entry.failed:
                    state.update(self._path(item).read_bytes())
        except OSError:
            return False
        return state.hexdigest() == entry.sha256


class TarSink:
    """A tar that is written under another name until it is whole, so that readers never meet a part of one."""

    def __init__(self, folder: Path, shard: Shard, entries: dict[int, Entry]) -> None:
        self._path = folder / f"{shard.number:06d}.tar"
        self._part = self._path.with_name(f".{self._path.name}.part")
        self._whole = False
        try:
            if self._path.exists():
                there, self._size = _good_prefix(self._path, shard, entries)
                if there == len(shard.pieces) and _bytes_from(self._path, self._size) == END:
                    self.missing, self._whole = [], True
                    return
                os.replace(self._path, self._part)
            there, self._size = _good_prefix(self._part, shard, entries) if self._part.exists() else (0, 0)
        except OSError as error:
            raise self._unwritten(error) from error
        self.missing = shard.pieces[there:]

    def write(self, piece: Piece, images: Sequence[Encoded]) -> tuple[str, int]:
        data = b"".join(_sample(*each) for each in zip(piece.items, images, strict=True) if each[1].png is not None)
        self._append(data)
        return hashlib.sha256(data).hexdigest(), len(data)

    def finish(self) -> None:
        if not self._whole:
            self._append(END, whole=True)

    def _append(self, data: bytes, whole: bool = False) -> None:
        try:
            with self._part.open("ab") as file:
                file.truncate(self._size)  # a killed process may have left more
                file.write(data)
                file.flush()
                if whole:
                    os.fsync(file.fileno())
            if whole:
                os.replace(self._part, self._path)
        except OSError as error:
            raise self._unwritten(error) from error
        self._size += len(data)

    def _unwritten(self, error: OSError) -> InputError:
        return InputError(f"{self._path}: cannot be written ({error.strerror}); {ADVICE}, then go on")


def _good_prefix(path: Path, shard: Shard, entries: dict[int, Entry]) -> tuple[int, int]:
    """How many of the first pieces a tar holds as the index says, and where the last of them ends."""
    end = 0
    with path.open("rb") as file:
        for there, piece in enumerate(shard.pieces):
            entry = entries.get(piece.number)
            data = file.read(entry.size) if entry else b""
            if not entry or len(data) < entry.size or hashlib.sha256(data).hexdigest() != entry.sha256:
                return there, end
            end += entry.size
    return len(shard.pieces), end


def _bytes_from(path: Path, start: int) -> bytes:
    """At most one more byte than ``END`` from a place in a file on."""
    with path.open("rb") as file:
        file.seek(start)
        return file.read(len(END) + 1)


def _sample(item: Item, image: Encoded) -> bytes:
    """``KEY.png``, ``KEY.txt`` and ``KEY.json`` as members of a tar."""
    about = {"id": item.id, "line": item.line, "text": item.text, "seed": image.seed, "read": image.read}
    caption = " ".join(item.text.split())  # a line of such a file is a caption
    members = {
        "png": image.png or b"",
        "txt": f"{caption}\n".encode(),
        "json": (json.dumps(about, ensure_ascii=False) + "\n").encode(),
    }
    return b"".join(_member(f"{item.name}.{ending}", data) for ending, data in members.items())


def _member(name: str, data: bytes) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    return info.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % tarfile.BLOCKSIZE)
