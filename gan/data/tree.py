"""One view of a folder, a zip and a tar: the names of the regular files in it, their sizes and their bytes.

Sizes are looked at before anything is read: a zip of 2 MB can hold a text of 2 GB, and a FIFO never ends. Hidden files
and what systems add (``__MACOSX``, ``@eaDir``) are passed over.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import posixpath
import re
import stat
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from encoder.common.arguments import kind_of
from encoder.common.errors import InputError, reason_of
from encoder.files import encoding_of
from gan.data.decoding import is_image, picture_kind, suffix

MAX_TEXT_FILE = 512 << 20
MAX_INNER_ZIP = 2 << 30
MAX_IMAGE_FILE = 64 << 20
READ_ERRORS = (OSError, RuntimeError, EOFError, ValueError, NotImplementedError, zipfile.BadZipFile, zlib.error)
"""What reading a file can raise; the middle ones are of zips that are encrypted or packed oddly."""

_UNREAD = dict.fromkeys(
    (".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar"), "packed; unpack it to a folder or a .tar"
)
_UNREAD |= dict.fromkeys((".xlsx", ".xls", ".ods"), "a spreadsheet; save it as .csv")
_ENDING = re.compile(r"\.[a-z][a-z0-9]{0,11}")
_OF_SYSTEMS = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN"})  # folders of copies and thumbnails


class Tree:
    """Files by name; a name has ``/`` between its parts, whatever the system has.

    Attributes:
        where: The path as it was given, for messages.
        sizes: The size in bytes of each file, in the order of the names.
        problems: Why archives in it could not be read.
    """

    def __init__(self, where: str, sizes: dict[str, int]) -> None:
        self.where = where
        self.sizes = {name: sizes[name] for name in sorted(sizes)}
        self.problems: list[str] = []
        self._inner: dict[str, tuple[Tree, str]] = {}  # files in archives, and their names there
        self._kinds: dict[str, str] = {}

    @property
    def order(self) -> Iterable[str]:
        """The names of the files, as they stand in a tar."""
        return self.sizes

    def open(self, name: str) -> BinaryIO:
        """The file as a stream that can be sought in."""
        tree, own = self._inner.get(name, (self, name))
        return tree._open(own)

    def read(self, name: str) -> bytes:
        """The file's bytes; any of ``READ_ERRORS`` where they cannot be had."""
        tree, own = self._inner.get(name, (self, name))
        return tree._read(own)

    def _open(self, name: str) -> BinaryIO:
        raise NotImplementedError

    def _read(self, name: str) -> bytes:
        with self._open(name) as file:
            return file.read()

    def kind(self, name: str) -> str:
        """The ending of a file's name, or what its first bytes say of a picture whose name has none: ``".jpg"``."""
        if _ENDING.fullmatch(suffix(name)):
            return suffix(name)
        if name not in self._kinds:
            self._kinds[name] = ""
            with contextlib.suppress(*READ_ERRORS), self.open(name) as file:
                self._kinds[name] = picture_kind(file.read(16))
        return self._kinds[name]

    def is_image(self, name: str) -> bool:
        """Whether a file is a picture, of a kind that is read or not."""
        return is_image(name) or is_image(f"_{self.kind(name)}")

    def read_image(self, name: str) -> bytes:
        """As ``read``; one that is larger than ``MAX_IMAGE_FILE`` is a ValueError, before it is read."""
        if self.sizes[name] > MAX_IMAGE_FILE:
            raise ValueError(f"{name}: larger than {MAX_IMAGE_FILE >> 20} MB")
        return self.read(name)

    def read_table(self, name: str) -> bytes:
        """The bytes of a text file; one that is too large or cannot be read is an ``InputError``."""
        if self.sizes[name] > MAX_TEXT_FILE:
            size = f"{self.sizes[name] >> 20:,} MB"
            raise InputError(
                f"{self.where}/{name}: {size} of text; at most {MAX_TEXT_FILE >> 20} MB are read; split it"
            )
        try:
            data = self.read(name)
        except READ_ERRORS as error:
            raise InputError(f"{self.where}/{name}: cannot be read ({error})") from error
        check_no_pointer(data, f"{self.where}/{name}")
        return data

    def part(self, name: str) -> Tree | None:
        """An archive in this tree as a tree of its own; ``None`` where it cannot be read in place."""
        if name.lower().endswith(".tar") or self.sizes[name] > MAX_INNER_ZIP:
            self.problems.append(f"{name}: an archive in an archive; unpack {self.where}")
            return None
        return ZipTree(f"{self.where}/{name}", io.BytesIO(self.read(name)))

    def mount(self, name: str) -> None:
        """Let the files of an archive in this tree be files of its own, below its name."""
        try:
            part = self.part(name)
        except (InputError, *READ_ERRORS) as error:  # it holds nothing for us
            self.problems.append(str(error).removeprefix(f"{self.where}/"))
            return
        if part is not None:
            self._inner |= {f"{name}/{inner}": (part, inner) for inner in part.sizes}
            more = {f"{name}/{inner}": size for inner, size in part.sizes.items()}
            self.sizes = dict(sorted({**self.sizes, **more}.items()))


class FolderTree(Tree):
    """A folder, or some files of it. Links are followed, each folder once."""

    def __init__(self, where: str, root: Path, only: str | None = None) -> None:
        self.root = root
        self.signature = hashlib.sha256()
        found = list(_walk(str(root), only))
        for name, size, mtime in sorted(found):
            self.signature.update(f"{name}\0{size}\0{mtime}\n".encode("utf-8", "surrogateescape"))
        super().__init__(where, {name: size for name, size, _ in found})

    def _open(self, name: str) -> BinaryIO:
        handle = os.open(self.root / name, os.O_RDONLY | os.O_NONBLOCK)  # no FIFO is waited for
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise OSError(f"{name}: not a regular file")
        return os.fdopen(handle, "rb")

    def part(self, name: str) -> Tree | None:
        kind = TarTree if name.lower().endswith(".tar") else ZipTree
        return kind(f"{self.where}/{name}", self.root / name)


class ZipTree(Tree):
    """A zip; ``InputError`` where it is not whole."""

    def __init__(self, where: str, path: Path | BinaryIO) -> None:
        try:
            self.archive = zipfile.ZipFile(path)
        except (*READ_ERRORS, UnicodeError) as error:
            message = f"{where}: not a folder and not a whole zip ({error}); fetch or pack it again"
            raise InputError(message) from error
        self._stored: dict[str, zipfile.ZipInfo] = {}
        entries = self.archive.infolist()
        if any(info.flag_bits & 1 for info in entries):
            raise InputError(f"{where}: a zip with a password; pack it without one")
        for info, name in zip(entries, _zip_names(entries), strict=True):
            kind = stat.S_IFMT(info.external_attr >> 16)
            if name and kind in (0, stat.S_IFREG) and not _hidden(name):
                self._stored[name] = info
        super().__init__(where, {name: info.file_size for name, info in self._stored.items()})

    def _open(self, name: str) -> BinaryIO:
        return self.archive.open(self._stored[name])  # type: ignore[return-value]

    def _read(self, name: str) -> bytes:
        size = self.sizes[name]  # no more than the zip's table states is unpacked
        with self._open(name) as file:
            data = file.read(size)
            if len(data) != size or file.read(1):  # to the end, where the checksum is compared
                raise zipfile.BadZipFile(f"{name}: not of the size that the zip states")
        return data


class TarTree(Tree):
    """An uncompressed tar, read in place; ``InputError`` where it is not whole."""

    def __init__(self, where: str, path: Path) -> None:
        self._places: dict[str, int] = {}
        sizes: dict[str, int] = {}
        try:
            with tarfile.open(path, "r:") as archive:
                while (member := archive.next()) is not None:
                    name = member.name.removeprefix("./").lstrip("/")
                    if member.isreg() and not member.issparse() and not _hidden(name):
                        self._places[name], sizes[name] = member.offset_data, member.size
                    archive.members.clear()  # type: ignore[attr-defined]  # a million of them fill the memory
                end_mark = archive.offset
            self.handle = os.open(path, os.O_RDONLY)
        except (tarfile.TarError, OSError, ValueError, EOFError) as error:
            message = f"{where}: not a whole tar ({error}; {len(sizes):,} files before that); fetch or pack it again"
            raise InputError(message) from error
        end = os.fstat(self.handle).st_size
        # tarfile takes whatever is no header for the end, so that what follows a cut or a damaged one would be missed.
        closed = os.pread(self.handle, tarfile.BLOCKSIZE, end_mark) == bytes(tarfile.BLOCKSIZE)
        if not closed or any(self._places[name] + size > end for name, size in sizes.items()):
            raise InputError(
                f"{where}: the tar is cut off or damaged after {len(sizes):,} files; fetch or pack it again"
            )
        super().__init__(where, sizes)

    @property
    def order(self) -> Iterable[str]:
        return dict.fromkeys([*self._places, *self.sizes])

    def __del__(self) -> None:
        if hasattr(self, "handle"):
            os.close(self.handle)

    def _open(self, name: str) -> BinaryIO:
        return io.BufferedReader(_Window(self, self._places[name], self.sizes[name]))

    def _read(self, name: str) -> bytes:
        # Safe in several threads at once: no position is shared.
        return os.pread(self.handle, self.sizes[name], self._places[name])


class _Window(io.RawIOBase):
    """A part of a tar as a file."""

    def __init__(self, tar: TarTree, offset: int, size: int) -> None:
        self.tar, self.offset, self.size, self.position = tar, offset, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.position = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.size}[whence])
        return self.position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        wanted = max(0, min(len(buffer), self.size - self.position))
        data = os.pread(self.tar.handle, wanted, self.offset + self.position)
        buffer[: len(data)] = data
        self.position += len(data)
        return len(data)


def is_pointer(data: bytes) -> bool:
    """Whether a file is what Git leaves in the place of one that Git LFS keeps."""
    return data.startswith(b"version https://git-lfs.github.com/spec/")


def check_no_pointer(data: bytes, where: str) -> None:
    """Raise ``InputError`` where data are a Git LFS pointer."""
    if is_pointer(data):
        raise InputError(f"{where}: a Git LFS pointer, not the file itself; fetch it with 'git lfs pull'")


def open_tree(where: str, path: Path) -> Tree:
    """The files at ``path``; ``where`` is what messages call it.

    Raises:
        InputError: There is nothing, or it is neither a folder, a zip, a tar nor a parquet file, or not whole.
    """
    if kind_of(path) is None:
        if "://" in where:
            raise InputError(
                f"{where}: is not fetched; download it, and give the folder or archive; hub:OWNER/NAME and "
                "https://huggingface.co/datasets/OWNER/NAME are fetched"
            )
        raise InputError(f"{where}: no such folder or zip")
    try:
        tree = _tree(where, path)
    except OSError as error:
        raise InputError(f"{where}: cannot be read ({reason_of(error)})") from error
    for archive in [name for name in tree.sizes if name.lower().endswith(".zip")]:
        tree.mount(archive)
    kinds = {suffix(name): name for name in tree.sizes}
    tree.problems += [f"{kinds[kind]}: {_UNREAD[kind]}" for kind in kinds if kind in _UNREAD]
    return tree


def _tree(where: str, path: Path) -> Tree:
    name = path.name.lower()
    if path.is_dir():
        return FolderTree(where, path)
    if not path.is_file():
        raise InputError(f"{where}: not a regular file and not a folder")
    if suffix(name) in _UNREAD:
        raise InputError(f"{where}: {_UNREAD[suffix(name)]}")
    with path.open("rb") as file:
        start = file.read(100)
    check_no_pointer(start, where)
    if name.endswith((".parquet", ".arrow")):
        return FolderTree(where, path.parent, only=path.name)
    if name.endswith(".tar"):
        return TarTree(where, path)
    if not name.endswith(".zip") and not start.startswith(b"PK"):
        raise InputError(f"{where}: neither a folder nor an archive; give the folder that holds images and captions")
    return ZipTree(where, path)


def fingerprint(path: Path) -> str:
    """What changes when the files at ``path`` do: of a file its size and time, of a folder those of all files in it."""
    if path.is_dir():
        return FolderTree(str(path), path).signature.hexdigest()
    about = path.stat()
    return f"{about.st_size}-{about.st_mtime_ns}"


def _walk(root: str, only: str | None = None) -> Iterator[tuple[str, int, int]]:
    """(name, size, time) of the regular files under ``root``, links to folders included, or of one in it."""
    about = os.stat(os.path.join(root, only or ""))
    if only:
        yield only, about.st_size, about.st_mtime_ns
        return
    seen = {(about.st_dev, about.st_ino)}
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        try:
            entries = list(os.scandir(os.path.join(root, folder)))
        except OSError:
            if not folder:
                raise
            continue  # a folder within that may not be entered holds nothing for us
        for entry in entries:
            name = f"{folder}/{entry.name}" if folder else entry.name
            if _hidden(entry.name):
                continue
            try:
                about = entry.stat()
            except OSError:  # a link to nothing
                continue
            if stat.S_ISREG(about.st_mode):
                yield name, about.st_size, about.st_mtime_ns
            elif stat.S_ISDIR(about.st_mode) and (about.st_dev, about.st_ino) not in seen:
                seen.add((about.st_dev, about.st_ino))
                waiting.append(name)


def _hidden(name: str) -> bool:
    return any(part.startswith(".") or part in _OF_SYSTEMS for part in name.split("/"))


def _zip_names(entries: list[zipfile.ZipInfo]) -> list[str]:
    """The names of entries, with ``/`` between their parts.

    Those that are not marked as UTF-8 are in the packer's encoding, which zipfile takes for cp437: macOS writes UTF-8,
    Windows that of its country.
    """
    raw = [b"" if info.flag_bits & 0x800 else info.filename.encode("cp437", "replace") for info in entries]
    encoding = encoding_of(b"\n".join(own for own in raw if not own.isascii()))
    names = []
    for info, own in zip(entries, raw, strict=True):
        name = info.filename
        if own and not own.isascii():
            with contextlib.suppress(UnicodeDecodeError):
                name = own.decode(encoding)
        name = name.replace("\\", "/")
        names.append("" if name.endswith("/") else posixpath.normpath(name).lstrip("/"))
    return names


def same_name(name: str) -> str:
    """The form in which names are compared: macOS splits accents from their letters, others do not."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)
