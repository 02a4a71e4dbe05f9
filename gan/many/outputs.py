"""How drawn images are written: as shards in the form of WebDataset, or as a file each; piece by piece."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from encoder.common.atomic import ADVICE, lock, write_atomically
from encoder.common.errors import InputError
from gan.many.index import Entry
from gan.many.plan import Job, Kind, Piece, Shard

END = bytes(2 * tarfile.BLOCKSIZE)
"""What ends a tar."""

Entries = Mapping[int, Entry]
"""What the index says of a shard's pieces, by their numbers."""


class Face(NamedTuple):
    """A drawn image: its PNG, the seed that drew it, and what was read in its text, by attribute."""

    png: bytes
    seed: int
    read: dict[str, str | None]


@dataclass(frozen=True)
class Written:
    """What became of a piece: the checksum of its bytes and their number."""

    sha256: str
    size: int


class Output(Protocol):
    """Where the images of a shard go."""

    missing: list[Piece]
    """The pieces that are not there, or not as the index says, in the order in which they are to be written."""

    def write(self, piece: Piece, faces: Sequence[Face | None]) -> Written:
        """Write the next of ``missing``: an image for each job, ``None`` for one that could not be drawn."""

    def finish(self) -> None:
        """All pieces are there: put the whole in its place, if it is not there yet."""


@contextmanager
def opened(kind: Kind, folder: Path, shard: Shard, entries: Entries) -> Iterator[Output]:
    """The output of a shard, which nobody else writes to meanwhile.

    Raises:
        InputError: It cannot be written; so do its methods.
    """
    known = {
        piece.number: entry
        for piece in shard.pieces
        if (entry := entries.get(piece.number)) and entry.made_from == piece.made_from
    }
    if kind == "separate":
        yield _Files(folder, shard, known)
        return
    path = folder / f"{shard.number:06d}.tar"
    try:
        with _tar(path, shard, known) as output:
            yield output
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); {ADVICE}, then go on") from error


class _Files:
    def __init__(self, folder: Path, shard: Shard, known: Entries) -> None:
        self._folder = folder
        self.missing = [piece for piece in shard.pieces if not self._is_there(piece, known.get(piece.number))]

    def write(self, piece: Piece, faces: Sequence[Face | None]) -> Written:
        state, size = hashlib.sha256(), 0
        for job, face in zip(piece.jobs, faces, strict=True):
            if face:
                data = face.png
                write_atomically(self._path(job), lambda path, data=data: path.write_bytes(data), durable=False)  # type: ignore[misc]
                state.update(data)
                size += len(data)
        return Written(state.hexdigest(), size)

    def finish(self) -> None:
        pass

    def _path(self, job: Job) -> Path:
        return self._folder / f"{job.name}.png"

    def _is_there(self, piece: Piece, entry: Entry | None) -> bool:
        if not entry:
            return False
        state = hashlib.sha256()
        try:
            for job in piece.jobs:
                if job.place not in entry.failed:
                    state.update(self._path(job).read_bytes())
        except OSError:
            return False
        return state.hexdigest() == entry.sha256


class _Whole:
    """A tar that is there, as the index says."""

    missing: list[Piece] = []  # noqa: RUF012  (nobody adds to it)

    def write(self, piece: Piece, faces: Sequence[Face | None]) -> Written:
        raise AssertionError("nothing is missing")

    def finish(self) -> None:
        pass


class _Part:
    """A tar that is written under another name; what is there of it is kept as far as it is as the index says."""

    def __init__(self, file: BinaryIO, part: Path, path: Path, shard: Shard, known: Entries) -> None:
        self._file, self._part, self._path = file, part, path
        there, end = _prefix(file, shard, known)
        self.missing = shard.pieces[there:]
        file.truncate(end)
        file.seek(end)

    def write(self, piece: Piece, faces: Sequence[Face | None]) -> Written:
        data = b"".join(_sample(job, face) for job, face in zip(piece.jobs, faces, strict=True) if face)
        self._file.write(data)
        return Written(hashlib.sha256(data).hexdigest(), len(data))

    def finish(self) -> None:
        self._file.write(END)
        os.fsync(self._file.fileno())
        os.replace(self._part, self._path)


@contextmanager
def _tar(path: Path, shard: Shard, known: Entries) -> Iterator[Output]:
    part = path.with_name(f".{path.name}.part")
    if path.exists():
        with path.open("rb") as file:
            there, end = _prefix(file, shard, known)
            file.seek(end)
            whole = there == len(shard.pieces) and file.read(len(END) + 1) == END
        if whole:
            yield _Whole()
            return
        os.replace(path, part)  # readers are not to take it for a shard
    while True:
        # Unbuffered and locked: a worker whose command was killed may still be at its last piece.
        with open(os.open(part, os.O_RDWR | os.O_CREAT, 0o644), "r+b", buffering=0) as file:
            lock(file.fileno(), wait=True)
            if part.exists() and os.path.samestat(os.fstat(file.fileno()), part.stat()):
                yield _Part(_Checked(file), part, path, shard, known)  # type: ignore[arg-type]
                return


class _Checked:
    """An unbuffered file whose ``write`` writes all or raises."""

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        self.read, self.seek, self.truncate, self.fileno = file.read, file.seek, file.truncate, file.fileno

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]


def _prefix(file: BinaryIO, shard: Shard, known: Entries) -> tuple[int, int]:
    """How many of the first pieces a tar holds as the index says, and where the last of them ends."""
    end = 0
    for there, piece in enumerate(shard.pieces):
        entry = known.get(piece.number)
        data = file.read(entry.size) if entry else b""
        if not entry or len(data) < entry.size or hashlib.sha256(data).hexdigest() != entry.sha256:
            return there, end
        end += entry.size
    return len(shard.pieces), end


def _sample(job: Job, face: Face) -> bytes:
    """``KEY.png``, ``KEY.txt`` and ``KEY.json`` as members of a tar."""
    about = {"id": job.id, "line": job.line, "text": job.text, "seed": face.seed, "read": face.read}
    caption = " ".join(job.text.split())  # a line of such a file is a caption
    members = {
        "png": face.png,
        "txt": f"{caption}\n".encode(),
        "json": (json.dumps(about, ensure_ascii=False) + "\n").encode(),
    }
    return b"".join(_member(f"{job.name}.{ending}", data) for ending, data in members.items())


def _member(name: str, data: bytes) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    return info.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % tarfile.BLOCKSIZE)
