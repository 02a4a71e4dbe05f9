"""Captioned images from folders, archives, shards and the Hub, as one ``ImageDataset``."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from encoder.common.errors import InputError, reason_of
from gan.data import hub
from gan.data.dataset import ImageDataset, Origin, SourceSummary, Summary
from gan.data.entries import load_entry
from gan.data.examples import NAMED, Columns, Ledger
from gan.data.reading import Index, find_copies, read_examples
from gan.data.splits import Split as Split
from gan.data.splits import split_all, with_both
from gan.data.store import Images, Rows
from gan.data.tree import exists, fingerprint, open_tree

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
        InputError: A path is missing, cut off or holds no captioned image, two sources have one name, or the split is
            empty.
    """
    if not all(map(str, paths)) or not paths:
        raise InputError("no data: give a folder, an archive or hub:OWNER/NAME")
    columns = Columns(caption_column, image_column)
    read = [_read_path(path, columns, progress) for path in paths]
    summary = Summary(split)
    sources: list[SourceSummary] = []
    for path, of_path in zip(paths, read, strict=True):
        for name in of_path.names:
            if any(other.name == name for other in sources):
                raise InputError(f"{path}: a second source called {name!r}; name it, as in NAME={_plain(path)}")
        sources += _accounts(of_path)
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
    if address := hub.address_of(where):
        own, location = hub.fetch(address)
    else:
        location = Path(where)
        exists(location) or open_tree(where, location)  # says that there is nothing
        own = _stem(location)

    def build(rows: Rows) -> Index:
        index = read_examples(open_tree(where, location), columns, rows, progress)
        if not index.keys:
            raise InputError(f"{where}: no usable image ({_why(index.ledger)})")
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
    """``"NAME=PATH"``, or a path alone, which may hold an ``=`` of its own."""
    text = str(path)
    match = re.fullmatch(r"([\w.-]+)=(.+)", text, re.DOTALL)
    if match is None or exists(Path(text)):
        return None, text
    return match[1], match[2]


def _plain(path: str | Path) -> str:
    return split_name(path)[1]


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


def _accounts(path: _Path) -> list[SourceSummary]:
    """The account of each source of a path; what belongs to none of them stands with the first."""
    accounts = [SourceSummary(name) for name in path.names]
    column = {name: number for number, name in enumerate(path.index.column)}

    def of(source: str | None) -> SourceSummary:
        unnamed = len(accounts) - 1 if -1 in path.index.sources else 0
        return accounts[unnamed if source is None else column.get(source, 0)]

    ledger = path.index.ledger
    accounts[0].notes += ledger.notes
    accounts[0].sizes.update(ledger.sizes)
    for position, first in enumerate(path.index.copies):
        accounts[path.numbers[position]].copies += position != first
    for source, count in ledger.rows.items():
        of(source).rows += count
    for (source, reason), count in ledger.counts.items():
        of(source).reasons[reason] += count
        named = of(source).examples.setdefault(reason, [])
        named += ledger.examples[source, reason][: NAMED - len(named)]
    return accounts


def _why(ledger: Ledger) -> str:
    """What was left out, in one line."""
    summary = SourceSummary("")
    for (source, reason), count in ledger.counts.items():
        summary.reasons[reason] += count
        summary.examples.setdefault(reason, ledger.examples[source, reason])
    return summary.left_out or "it holds no rows"
