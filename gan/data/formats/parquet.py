"""Parquet files, one or a folder of them, with the images in a column, as the Hub keeps them.

They are read in small batches, so that the memory holds a few hundred images at a time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from encoder.common.errors import InputError, reason_of
from gan.data.examples import NO_IMAGE, Example, Found, Ledger
from gan.data.names import base_name
from gan.data.tables import GROUP_COLUMNS, SOURCE_COLUMN, TEXT_COLUMNS, column, texts_of, word_of
from gan.data.tree import MAX_IMAGE_FILE, Tree

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

RANK = 3
ACCEPTS = ".parquet with a column image (its bytes) and a column text"

_BATCH = 256
_IMAGE_COLUMNS = ("image", "img", "picture", "jpg", "png", "webp", "image_bytes", "bytes")
_KEY_COLUMNS = ("id", "key", "file_name", "filename", "image_id", "__key__")


@dataclass(frozen=True)
class _Columns:
    """Which column holds what, and the names of the classes where the file counts them."""

    image: str
    text: str
    source: str | None
    group: str | None
    key: str | None
    classes: list[str] = field(default_factory=list)

    @property
    def all(self) -> list[str]:
        return list(dict.fromkeys(filter(None, (self.image, self.text, self.source, self.group, self.key))))


def find(tree: Tree) -> Found | None:
    """See ``gan.data.formats``."""
    shards = [name for name in tree.sizes if name.lower().endswith(".parquet")]
    return Found("parquet", partial(_read, tree, shards)) if shards else None


def _read(tree: Tree, shards: list[str], ledger: Ledger) -> Iterator[Example]:
    first = 0
    for shard in shards:
        with tree.open(shard) as stream:
            file = _open(tree, shard, stream)
            columns = _columns(file.schema_arrow, f"{tree.where}/{shard}")
            row = first
            try:
                for batch in file.iter_batches(_BATCH, columns=columns.all):
                    yield from _examples(tree, batch, columns, row, ledger)
                    row += len(batch)
            except (OSError, ValueError) as error:
                raise InputError(
                    f"{tree.where}/{shard}: cannot be read ({_first_line(error)}); fetch it again"
                ) from error
            first += file.metadata.num_rows


def _open(tree: Tree, shard: str, stream: Any) -> pq.ParquetFile:
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(stream, buffer_size=1 << 20, pre_buffer=False)
    except (OSError, ValueError) as error:
        message = f"{tree.where}/{shard}: not a whole parquet file ({_first_line(error)}); fetch it again"
        raise InputError(message) from error


def _columns(schema: pa.Schema, where: str) -> _Columns:
    import pyarrow as pa

    def holds_bytes(kind: pa.DataType) -> bool:
        return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)

    def holds_image(kind: pa.DataType) -> bool:
        return holds_bytes(kind) or (pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0)

    def holds_text(kind: pa.DataType) -> bool:
        if pa.types.is_list(kind) or pa.types.is_large_list(kind):
            kind = kind.value_type
        return pa.types.is_string(kind) or pa.types.is_large_string(kind)

    images = [name for name in schema.names if holds_image(schema.field(name).type)]
    texts = [name for name in schema.names if holds_text(schema.field(name).type)]
    image = column(images, _IMAGE_COLUMNS) or (images[0] if len(images) == 1 else None)
    group, source, key = (column(schema.names, names) for names in (GROUP_COLUMNS, (SOURCE_COLUMN,), _KEY_COLUMNS))
    others = [name for name in texts if name not in (group, source, key)]
    text = column(texts, TEXT_COLUMNS) or (others[0] if len(others) == 1 else None)
    called = column(schema.names, _IMAGE_COLUMNS)
    if image is None and called is not None:
        kind = schema.field(called).type
        holds = "nothing" if pa.types.is_null(kind) else f"{kind}, not images"
        raise InputError(
            f"{where}: the column {called} holds {holds}; store the bytes of the image files in it, or give the folder "
            "of the files with a metadata.parquet of file_name and text"
        )
    if image is None or text is None:
        lacks = "no column of image bytes" if image is None else "no column of captions"
        seen = ", ".join(map(str, schema.names[:10]))
        raise InputError(f"{where}: {lacks} (it has {seen}); name them image and text")
    return _Columns(image, text, source, group, key, _class_names(schema, group))


def _class_names(schema: pa.Schema, group: str | None) -> list[str]:
    """The names of a column of classes, which the Hub's tools keep in the file's metadata."""
    try:
        about = json.loads((schema.metadata or {})[b"huggingface"])
        names = about["info"]["features"][group]["names"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return []
    return [str(name) for name in names] if isinstance(names, list) else []


def _examples(tree: Tree, batch: Any, columns: _Columns, first: int, ledger: Ledger) -> Iterator[Example]:
    values = {name: batch.column(batch.schema.get_field_index(name)) for name in columns.all}
    for i in range(len(batch)):
        source = word_of(values[columns.source][i].as_py()) if columns.source else None
        captions = texts_of(values[columns.text][i].as_py()) or [""]
        ledger.rows[source] += len(captions)
        cell = values[columns.image][i].as_py()
        path = str(cell.get("path") or "") if isinstance(cell, dict) else ""
        data = cell.get("bytes") if isinstance(cell, dict) else cell
        key = word_of(values[columns.key][i].as_py()) if columns.key else None
        name = key or path or f"row {first + i:,}"
        if data is None and path in tree:
            load = partial(tree.read_image, path)
        elif data is None:
            ledger.leave_out(NO_IMAGE, name, source)
            continue
        else:
            load = partial(_checked, data)
        group = word_of(values[columns.group][i].as_py()) if columns.group else None
        if group is not None and group.isdigit() and int(group) < len(columns.classes):
            group = columns.classes[int(group)]
        yield Example(key or path or f"{first + i:08d}", load, captions, base_name(name), source, group)


def _checked(data: bytes) -> bytes:
    if len(data) > MAX_IMAGE_FILE:
        raise ValueError(f"larger than {MAX_IMAGE_FILE >> 20} MB")
    return data


def _first_line(error: Exception) -> str:
    return reason_of(error)
