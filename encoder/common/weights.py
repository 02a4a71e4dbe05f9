"""Weights on the disk: safetensors files with a checksum that finds any damage.

The checksum is a CRC-32 in the metadata of the header. It covers the tensors and the header without the checksum, and
any reader of safetensors reads the file. In a file without one, all numbers are checked to be finite instead.
Fingerprints are those of the file without its checksum.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from encoder.common.arguments import kind_of
from encoder.common.atomic import write_contents
from encoder.common.errors import InputError, reason_of

if TYPE_CHECKING:
    from torch import Tensor

CHECKSUM = "crc32"
_METADATA = "__metadata__"
_SUM = re.compile("[0-9a-f]{8}")  # metadata that looks like a checksum
_PIECE = 1 << 20  # bytes read at a time


def save(tensors: Mapping[str, Tensor], path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write tensors with a checksum, the file whole or not at all.

    Raises:
        InputError: A number is not finite, or the file cannot be written.
    """
    from safetensors.torch import save as serialise

    check_finite(tensors, path, "it is not written")
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    write_contents(path, checksummed(serialise(contiguous, metadata)))


def load(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, as views of it.

    Raises:
        InputError: The file is missing, cut off or damaged, or holds numbers that are not finite.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if kind_of(path) == "other":  # a FIFO would be waited for
        raise InputError(f"{path}: the weights cannot be read (not a file); restore the file")
    try:
        checked = _is_checked(path)
        tensors = load_file(path)
    except (OSError, SafetensorError, ValueError) as error:
        raise InputError(f"{path}: the weights cannot be read ({reason_of(error)}); restore the file") from error
    if not checked:
        check_finite(tensors, path)
    return tensors


def check_finite(tensors: Mapping[str, Tensor], path: Path, remedy: str = "restore the file") -> None:
    """Raise InputError where a tensor of a file holds a number that is not finite."""
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise InputError(f"{path}: {name} holds numbers that are not finite; {remedy}")


def checksummed(data: bytes) -> bytes:
    """The contents of a safetensors file with its checksum; one that it has already is written anew."""
    head, header = _split(data)
    body, plain = memoryview(data)[len(head) :], _without_checksum(header)
    metadata = {**header.pop(_METADATA, {}), CHECKSUM: _hexadecimal(zlib.crc32(body, zlib.crc32(plain)))}
    return _head({_METADATA: metadata, **header}) + body


def plain_digest(path: Path) -> bytes:
    """SHA-256 of a file as it would be without its checksum."""
    with path.open("rb") as file:
        start = b""
        try:
            start, header = _read_head(file)
            if CHECKSUM in header.get(_METADATA, {}):
                start = _without_checksum(header)
        except ValueError:  # damaged, which its reader tells
            file.seek(0)
        return hashlib.file_digest(file, lambda: hashlib.sha256(start)).digest()


def _is_checked(path: Path) -> bool:
    """Whether a file has a checksum, which is then right; ValueError where it is not."""
    with path.open("rb") as file:
        head, header = _read_head(file)
        metadata = header.get(_METADATA, {})
        if CHECKSUM not in metadata:
            if any(_SUM.fullmatch(value) for value in metadata.values()):
                raise ValueError("its header is damaged")  # in the checksum's name
            return False
        crc = zlib.crc32(_without_checksum(header))
        while piece := file.read(_PIECE):
            crc = zlib.crc32(piece, crc)
    if head != _head(header) or metadata[CHECKSUM] != _hexadecimal(crc):
        raise ValueError("it is damaged: its checksum is another")
    return True


def _read_head(file: BinaryIO) -> tuple[bytes, dict[str, Any]]:
    """The bytes before the tensors, and the header in them."""
    length = file.read(8)
    if length == b"version ":
        raise ValueError("it is a Git LFS pointer; fetch the file itself with 'git lfs pull'")
    size = int.from_bytes(length, "little")
    if size > os.fstat(file.fileno()).st_size:
        raise ValueError("it is cut off, or no safetensors file")
    head = length + file.read(size)
    return head, _header(head)


def _split(data: bytes) -> tuple[bytes, dict[str, Any]]:
    head = data[: 8 + int.from_bytes(data[:8], "little")]
    return head, _header(head)


def _header(head: bytes) -> dict[str, Any]:
    try:
        header = json.loads(head[8:])
    except RecursionError as error:
        raise ValueError("its header is damaged") from error
    if not isinstance(header, dict) or not isinstance(header.get(_METADATA, {}), dict):
        raise ValueError("its header is damaged")
    return header


def _head(header: Mapping[str, Any]) -> bytes:
    """The bytes before the tensors, as the safetensors library writes them."""
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _without_checksum(header: Mapping[str, Any]) -> bytes:
    metadata = {name: value for name, value in header.get(_METADATA, {}).items() if name != CHECKSUM}
    rest = {name: value for name, value in header.items() if name != _METADATA}
    return _head({_METADATA: metadata, **rest} if metadata else rest)


def _hexadecimal(crc: int) -> str:
    return f"{crc:08x}"
