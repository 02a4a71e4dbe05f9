"""Parquet and Arrow files with the images in a column, as the Hub and ``save_to_disk`` keep them.

They are read in small batches, so that the memory holds a few hundred images at a time. One without images is a list of
captions, or the index of the shards beside it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from encoder.common.errors import InputError, reason_of
from encoder.files import Row, plain_name
from gan.data.decoding import suffix
from gan.data.formats.reading import Example, Reading
from gan.data.names import base_name
from gan.data.summary import MALFORMED, NO_IMAGE, printable
from gan.data.tables import GROUP_COLUMNS, SOURCE_COLUMN, Table, caption_columns, captions_of, word_of
from gan.data.tree import MAX_IMAGE_FILE

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH = 256
_IMAGE_COLUMNS = ("image", "img", "picture", "jpg", "png", "webp", "image_bytes", "bytes")
_KEY_COLUMNS = ("id", "key", "file_name", "filename", "image_id", "__key__")


@dataclass(frozen=True)
class _Columns:
    """Which column holds what, and the names of the classes where the file counts them."""

    image: str
    texts: list[str]
    source: str | None
    group: str | None
    key: str | None
    classes: list[str] = field(default_factory=list)

    @property
    def all(self) -> list[str]:
        return list(dict.fromkeys(filter(None, (self.image, *self.texts, self.source, self.group, self.key))))


def read(reading: Reading) -> Iterator[Example]:
    """The rows of all files that hold images."""
    tree, first = reading.tree, 0
    shards = [name for name in tree.sizes if suffix(name) in (".parquet", ".arrow") and name not in reading.used]
    for shard in (name for name in shards if not base_name(name).startswith("cache-")):  # of the Hub's tools
        where = f"{tree.where}/{shard}"
        try:
            with tree.open(shard) as stream:
                columns: _Columns | str | None = None
                for batch in _batches(stream, shard):
                    columns = columns or _columns(batch, shard, reading)
                    if isinstance(columns, str):
                        reading.problems.append(columns)
                        break
                    reading.used.add(shard)
                    reading.found("parquet")
                    yield from _examples(reading, batch, columns, first)
                    first += len(batch)
        except (OSError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"{where}: not a whole {suffix(shard)[1:]} file ({reason_of(error)}); fetch it again"
            ) from (error)


def _batches(stream: Any, name: str) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    if suffix(name) == ".parquet":
        import pyarrow.parquet as pq

        yield from pq.ParquetFile(stream, buffer_size=1 << 20, pre_buffer=False).iter_batches(_BATCH)
        return
    try:
        yield from pa.ipc.open_stream(stream)
    except pa.ArrowInvalid:
        stream.seek(0)
        file = pa.ipc.open_file(stream)
        yield from (file.get_batch(i) for i in range(file.num_record_batches))


def _columns(batch: pa.RecordBatch, where: str, reading: Reading) -> _Columns | str:
    """Which columns hold what, by their types and the first rows; a text says what is missing."""
    import pyarrow as pa

    def holds_image(kind: pa.DataType) -> bool:
        if pa.types.is_list(kind) or pa.types.is_large_list(kind):
            kind = kind.value_type
        if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
            return True
        return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))

    schema = batch.schema
    names = list(schema.names)
    images = [name for name in names if holds_image(schema.field(name).type)]
    wanted = (plain_name(reading.columns.image),) if reading.columns.image else _IMAGE_COLUMNS
    image = _called(images, wanted) or (images[0] if len(images) == 1 else None)
    if image is None:
        if len(images) > 1:
            return f"{where}: several columns hold images ({_shown(images)}); --image-column NAME chooses"
        called = _called(names, _IMAGE_COLUMNS)
        if called is None:
            return f"{where}: no column of image bytes (it has {_shown(names)}); name it image"
        kind = schema.field(called).type
        holds = "nothing" if pa.types.is_null(kind) else f"{kind}, not images"
        return (
            f"{where}: the column {called} holds {holds}; store the bytes of the image files in it, or give the folder "
            "of the files with a metadata.parquet of file_name and text"
        )
    group, source, key = (_called(names, known) for known in (GROUP_COLUMNS, (SOURCE_COLUMN,), _KEY_COLUMNS))
    classes = _class_names(schema, group)
    others = [name for name in names if name not in images]
    cells = [batch.column(names.index(name)).to_pylist() for name in others]
    table = Table(base_name(where), others, [Row(i, list(row)) for i, row in enumerate(zip(*cells, strict=True))])
    positions, note = caption_columns(table, reading.columns.caption)
    if note and positions:
        reading.found("parquet", note)
    texts = [others[i] for i in positions] or ([group] if group and classes else [])
    if not texts:
        return f"{where}: no column of captions (it has {_shown(names)}); name it text"
    return _Columns(image, texts, source, None if [group] == texts and not classes else group, key, classes)


def _called(names: list[str], wanted: tuple[str, ...]) -> str | None:
    plain = {plain_name(name): name for name in reversed(names)}
    return next((plain[name] for name in wanted if name in plain), None)


def _shown(names: list[str]) -> str:
    return ", ".join(map(printable, names[:10]))


def _class_names(schema: pa.Schema, group: str | None) -> list[str]:
    """The names of a column of classes, which the Hub's tools keep in the file's metadata."""
    try:
        about = json.loads((schema.metadata or {})[b"huggingface"])
        names = about["info"]["features"][group]["names"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return []
    return [str(name) for name in names] if isinstance(names, list) else []


def _examples(reading: Reading, batch: pa.RecordBatch, columns: _Columns, first: int) -> Iterator[Example]:
    ledger = reading.ledger
    values = {name: batch.column(batch.schema.get_field_index(name)) for name in columns.all}

    def word(name: str | None, i: int) -> str | None:
        found = word_of(values[name][i].as_py()) if name else None
        counted = found is not None and name == columns.group and found.isdigit() and int(found) < len(columns.classes)
        return columns.classes[int(found)] if counted and found else found

    for i in range(len(batch)):
        source = word(columns.source, i)
        if columns.texts == [columns.group]:
            captions = [word(columns.group, i) or ""]
        else:
            captions = [text for name in columns.texts for text in captions_of(name, values[name][i].as_py())] or [""]
        ledger.of(source).rows += len(captions)
        cell = values[columns.image][i].as_py()
        key = word(columns.key, i)
        if isinstance(cell, list):
            if len(cell) > 1:
                ledger.leave_out(MALFORMED, f"{key or f'row {first + i:,}'} has {len(cell)} images", source)
                continue
            cell = cell[0] if cell else None
        path = str(cell.get("path") or "") if isinstance(cell, dict) else ""
        data = cell.get("bytes") if isinstance(cell, dict) else cell
        name = key or path or f"row {first + i:,}"
        if data is not None:
            load = partial(_checked, data)
        elif path and (inside := reading.images.find(path) or reading.images.find_end(path)):
            reading.captioned.add(inside)
            load = partial(reading.tree.read_image, inside)
        else:
            ledger.leave_out(NO_IMAGE, name, source)
            continue
        own = key or path or f"{first + i:08d}"
        yield Example(own, load, captions, base_name(name), source, word(columns.group, i))


def _checked(data: bytes) -> bytes:
    if len(data) > MAX_IMAGE_FILE:
        raise ValueError(f"larger than {MAX_IMAGE_FILE >> 20} MB")
    return data
