"""Folders with a ``metadata.csv``, ``.jsonl`` or ``.parquet``: the columns ``file_name`` and ``text``, as on the Hub.

Each table names files from its own folder; a column ``source`` makes several sources, ``label`` or ``class`` groups.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from encoder.common.errors import InputError
from gan.data.decoding import READ, suffix
from gan.data.examples import NO_CAPTION, Example, Found, Ledger, printable
from gan.data.names import ImageNames, base_name, common_folder, find_image, folder_of
from gan.data.tables import (
    FILE_COLUMNS,
    GROUP_COLUMNS,
    SOURCE_COLUMN,
    column,
    read_frame,
    text_column,
    texts_of,
    word_of,
)
from gan.data.tree import Tree

RANK = 2
ACCEPTS = "metadata.csv, .jsonl or .parquet with the columns file_name and text"

_NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")


@dataclass
class _Image:
    source: str | None
    group: str | None
    captions: list[str] = field(default_factory=list)


def find(tree: Tree) -> Found | None:
    """See ``gan.data.formats``."""
    tables = [name for name in tree.sizes if base_name(name).lower() in _NAMES]
    return Found("imagefolder", partial(_read, tree, tables)) if tables else None


def _read(tree: Tree, tables: list[str], ledger: Ledger) -> Iterator[Example]:
    top = common_folder(tables)
    images: dict[str, _Image] = {}
    below: set[str] = set()
    for table in tables:
        names = ImageNames(tree.sizes, folder_of(table))
        below.update(names.names)
        _read_table(tree, table, names, images, ledger)
    for name in sorted(below - images.keys()):
        if suffix(name) in READ:
            ledger.leave_out(NO_CAPTION, base_name(name))
    for name, image in images.items():
        load = partial(tree.read_image, name)
        yield Example(name.removeprefix(top), load, image.captions, base_name(name), image.source, image.group)


def _read_table(tree: Tree, table: str, names: ImageNames, images: dict[str, _Image], ledger: Ledger) -> None:
    """Add the rows of one table to ``images``."""
    frame = read_frame(tree, table, ledger)
    columns = [str(name) for name in frame.columns]
    frame.columns = columns
    files = column(columns, FILE_COLUMNS)
    texts = None if files is None else text_column(frame, files)
    if files is None or texts is None:
        seen = ", ".join(map(printable, columns[:10]))
        raise InputError(f"{tree.where}/{table}: has the columns {seen}; name them file_name and text")
    sources, groups = column(columns, (SOURCE_COLUMN,)), column(columns, GROUP_COLUMNS)
    groups = None if groups == texts else groups
    blank = [None] * len(frame)
    rows = zip(
        frame[files],
        frame[texts],
        frame[sources] if sources else blank,
        frame[groups] if groups else blank,
        strict=True,
    )
    for file, cell, source, group in rows:
        captions = texts_of(cell) or [""]
        source = word_of(source)
        ledger.rows[source] += len(captions)
        name = find_image([names], str(file), ledger, base_name(table), source)
        if name is None:
            continue
        image = images.setdefault(name, _Image(source, word_of(group)))
        image.captions += captions
