"""Captioned images from folders, archives, shards and the Hub, as one ``ImageDataset``."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from encoder.common.arguments import kind_of
from encoder.common.errors import InputError, reason_of
from gan.data.dataset import ImageDataset, Origin
from gan.data.entries import load_entry
from gan.data.index import Index, find_copies, read_examples
from gan.data.splits import Split as Split
from gan.data.splits import split_all, with_both
from gan.data.store import Images, Rows
from gan.data.summary import SourceSummary
from gan.data.summary import Summary as Summary
from gan.data.tables import Columns
from gan.data.tree import fingerprint, open_tree

_HUB = "hub:"
_WEB = re.compile(
    r"(?:hf:/|(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co))/datasets/([^/?#]+/[^/?#]+)(?:/tree/([^?#]+))?.*"
)
_OWNED = re.compile(r"\w[\w.-]*/\w[\w.-]*(@\w[\w./-]*)?")
_IDENTITY_WITH_SOURCE = ("anime", "extra")  # formats whose images were always held out by "source/key"


@dataclass(frozen=True)
class _Path:
    """One path as read: its images, and the name of each of its sources."""

    rows: Rows
    index: Index
    names: list[str]
    numbers: list[int]  # the position in names of each image's source

    @property
    def ids(self) -> list[str]:
        return [f"{self.names[number]}/{key}" for number, key in zip(self.numbers, self.index.keys, strict=True)]

    def splits(self) -> tuple[list[str], list[str]]:
        """The split of each image, and the identity that it is held out by, which no renaming of a folder changes."""
        index = self.index
        if index.format in _IDENTITY_WITH_SOURCE:
            identities = self.ids
        else:
            column = [f"{name}/" for name in index.column]
            prefixes = [*column, ""]  # -1: no source is named
            identities = [prefixes[own] + key for own, key in zip(index.sources, index.keys, strict=True)]
        return split_all(identities, index.copies), identities


def load_images(
    paths: Sequence[str | Path],
    *,
    split: Split = "train",
    progress: bool = True,
    caption_column: str = "",
    image_column: str = "",
) -> tuple[ImageDataset, Summary]:
    """Load the captioned images of one path or several.

    Args:
        paths: Folders, zips, tars, parquet files, folders of shards, and ``"hub:OWNER/NAME"``. A source is called as
            the data say (a column ``source``, or the assignment's ``anime`` and ``extra``), else like its path;
            ``"NAME=PATH"`` calls it otherwise. What is decoded is kept (``gan.data.entries``).
        split: The images to return; all are read. No training image is a copy of a held-out one of its source, mirrored
            or not, nor is any held-out image of another (``gan.data.duplicates``).
        progress: Show how far reading is.
        caption_column: The columns of lists that hold captions, by name, separated by commas; by default, those whose
            values are texts.
        image_column: The column of lists that names images; by default, the one whose values name some that are there.

    Returns:
        The images, in the order of ``paths`` and of their rows, and the account of all that was found. Images are
        prepared as in ``decode_image`` and stay on the disk.

    Raises:
        InputError: A path is missing, cut off or holds no captioned image, two sources have one name, the split is
            empty, or the system is Windows.
    """
    if not all(map(str, paths)) or not paths:
        raise InputError("no data: give a folder, an archive or hub:OWNER/NAME")
    if not hasattr(os, "preadv"):
        raise InputError("images are read on Linux and macOS alone; on Windows, use the Windows Subsystem for Linux")
    columns = Columns(caption_column, image_column)
    read = [_read_path(path, columns, progress) for path in paths]
    summary = Summary(split)
    sources: list[SourceSummary] = []
    for path, of_path in zip(paths, read, strict=True):
        for name in of_path.names:
            if any(other.name == name for other in sources):
                raise InputError(f"{path}: a second source called {name!r}; name it, as in NAME={split_name(path)[1]}")
        sources += _summaries(of_path)
    summary.sources = sources

    splits: list[str] = []
    identities: list[str] = []
    copies: list[int] = []
    for of_path in read:
        own, by = of_path.splits()
        copies += [len(splits) + group for group in of_path.index.copies]
        splits += own
        identities += by
    splits = with_both(splits, identities, copies)
    everything = _joined(read, splits)
    for number, own_split in zip(everything.sources.tolist(), splits, strict=True):
        sources[number].images[own_split] += 1
    dataset = everything.of(split)
    summary.loaded = len(dataset)
    return dataset, summary


def _joined(read: Sequence[_Path], splits: list[str]) -> ImageDataset:
    """All images of all paths."""
    starts = [sum(len(path.names) for path in read[:i]) for i in range(len(read))]
    total = len(splits)
    digests = "".join(path.index.digest for path in read)
    digest = digests if len(read) == 1 else hashlib.sha256(digests.encode()).hexdigest()
    return ImageDataset(
        images=Images(tuple(path.rows for path in read)),
        captions=tuple(tuple(texts) for path in read for texts in path.index.captions),
        sources=torch.tensor(
            [start + own for start, path in zip(starts, read, strict=True) for own in path.numbers], dtype=torch.int64
        ),
        source_names=tuple(name for path in read for name in path.names),
        formats=tuple(path.index.format for path in read for _ in path.names),
        ids=tuple(id for path in read for id in path.ids),
        splits=tuple(splits),
        groups=tuple(group for path in read for group in path.index.groups),
        origin=Origin(digest, torch.arange(total), total),
    )


def _read_path(path: str | Path, columns: Columns, progress: bool) -> _Path:
    given, where = split_name(path)
    if address := _hub_address(where):
        own, location = _fetch(address)
    else:
        location = Path(where)
        if kind_of(location) is None:
            open_tree(where, location)  # says so
        own = _stem(location)

    def build(rows: Rows) -> Index:
        index = read_examples(open_tree(where, location), columns, rows, progress)
        if not index.keys:
            total = SourceSummary(None).add(index.ledger.sources.values())
            why = "; ".join(filter(None, [total.left_out or "it holds no rows", *total.notes]))
            raise InputError(f"{where}: no usable image ({why})")
        # The names of all files are gone from the memory by now.
        index.copies = find_copies(rows, index.sources, progress)
        return index

    try:
        resolved = location.resolve()
        stamp = fingerprint(resolved) + "".join(f" {name}" for name in (columns.caption, columns.image) if name)
        rows, index = load_entry(resolved, stamp, build)
    except OSError as error:
        raise InputError(f"{where}: cannot be read ({reason_of(error)})") from error
    names, numbers = _sources(index, given, own)
    return _Path(rows, index, names, numbers)


def _stem(location: Path) -> str:
    """What a source is called after its path: the folder's name, or the file's without its ending."""
    resolved = location.resolve()
    return (resolved.stem if resolved.is_file() else resolved.name) or "images"


def split_name(path: str | Path) -> tuple[str | None, str]:
    """``"NAME=PATH"``, or a path alone, which may hold an ``=`` of its own; ``~`` is the home folder."""
    text = os.path.expanduser(path)
    match = re.fullmatch(r"([\w.-]+)=(.+)", text, re.DOTALL)
    if match is None or kind_of(Path(text)):
        return None, text
    return match[1], os.path.expanduser(match[2])  # which no shell expands


def _sources(index: Index, given: str | None, own: str) -> tuple[list[str], list[int]]:
    """The names of a path's sources, and the position among them of each image's."""
    unnamed = given or index.source or own
    if not index.column:
        return [unnamed], [0] * len(index.keys)
    column = index.column
    if given is not None:  # a name for the whole path
        column = [given] if len(column) == 1 and -1 not in index.sources else [f"{given}-{name}" for name in column]
    if -1 not in index.sources:
        return column, index.sources
    while unnamed in column:
        unnamed += "-"
    return [*column, unnamed], [len(column) if number == -1 else number for number in index.sources]


def _summaries(path: _Path) -> list[SourceSummary]:
    """What became of each source of a path; what belongs to none of them stands with the first, or with the unnamed."""
    result = [SourceSummary(name) for name in path.names]
    numbers: dict[str | None, int] = {name: number for number, name in enumerate(path.index.column)}
    numbers[None] = len(result) - 1 if -1 in path.index.sources else 0
    for source in path.index.ledger.sources.values():
        result[numbers.get(source.name, 0)].add([source])
    for position, first in enumerate(path.index.copies):
        result[path.numbers[position]].copies += position != first
    return result


# -- the Hub ---------------------------------------------------------------------------------------------------------


def _hub_address(where: str) -> str | None:
    """What ``_fetch`` takes, of a text that means a data set of the hub; ``None`` of a path.

    ``OWNER/NAME`` means one if neither that folder nor its parent is there: else it is a path with a spelling mistake.
    """
    if where.startswith(_HUB):
        return where
    if web := _WEB.fullmatch(where):
        return f"{_HUB}{web[1]}{(web[2] and '@' + web[2].strip('/')) or ''}"
    path = Path(where)
    return _HUB + where if _OWNED.fullmatch(where) and not path.exists() and not path.parent.exists() else None


def _fetch(address: str) -> tuple[str, Path]:
    """The name of a data set and the folder that it was fetched into, in the cache of ``huggingface_hub``.

    Raises:
        InputError: The address is none, there is no such data set, or neither a network nor an earlier copy of it.
    """
    match = re.fullmatch(rf"{_HUB}(?P<repo>(?:\w[\w.-]*/)?\w[\w.-]*)(?:@(?P<revision>\w[\w./-]*))?", address)
    if match is None:
        raise InputError(f"{address}: not an address of a data set; write hub:OWNER/NAME or hub:OWNER/NAME@REVISION")
    import huggingface_hub

    try:
        folder = huggingface_hub.snapshot_download(match["repo"], repo_type="dataset", revision=match["revision"])
    except Exception as error:  # what the network, the Hub and its client raise is of many kinds
        reason = reason_of(error).rstrip(".")
        message = f"{address}: cannot be fetched ({reason[:200]}); check the name and the network, or give a folder"
        raise InputError(message) from error
    return match["repo"].rpartition("/")[2], Path(folder)
