"""Tables that name image files and their captions: CSV, JSON lines and parquet, as pandas' frames."""

from __future__ import annotations

import codecs
import csv
import io
import json
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from encoder.common.errors import InputError, reason_of
from gan.data.decoding import suffix
from gan.data.examples import MALFORMED, Ledger
from gan.data.tree import Tree

if TYPE_CHECKING:
    import pandas as pd

TEXT_COLUMNS = ("text", "caption", "captions", "prompt", "prompts", "texts", "description", "sentence", "sentences")
FILE_COLUMNS = ("file_name", "filename", "image_file", "image_path", "img_path", "file", "path", "image", "img")
GROUP_COLUMNS = ("label", "class", "species", "category", "class_name")
SOURCE_COLUMN = "source"


def read_frame(tree: Tree, name: str, ledger: Ledger) -> pd.DataFrame:
    """A table of the tree; lines that cannot be read are counted, and one that is none at all is an ``InputError``."""
    data = tree.read_table(name)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InputError(f"{tree.where}/{name}: UTF-16 text; save the file as UTF-8")
    try:
        if suffix(name) == ".parquet":
            import pandas as pd

            return pd.read_parquet(io.BytesIO(data), engine="pyarrow")
        return _read_lines(data, name, ledger) if suffix(name) == ".jsonl" else _read_csv(data)
    except (ValueError, OSError, UnicodeError, csv.Error) as error:
        reason = reason_of(error)
        raise InputError(f"{tree.where}/{name}: cannot be read as a table ({reason}); save it anew") from error


def _read_csv(data: bytes) -> pd.DataFrame:
    import pandas as pd

    first = data.removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0]
    separator = next((mark for mark in ("\t", ";") if mark.encode() in first and b"," not in first), ",")
    settings: dict[str, Any] = {
        "dtype": str, "keep_default_na": False, "na_filter": False, "encoding": "utf-8-sig",
        "encoding_errors": "surrogateescape", "sep": separator, "index_col": False,
    }  # fmt: skip
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(io.BytesIO(data), **settings)
    except (pd.errors.ParserError, pd.errors.ParserWarning):
        # Commas in texts that are not quoted, or a quote that is none.
        return _read_ragged(data, separator)


def _read_ragged(data: bytes, separator: str) -> pd.DataFrame:
    """A CSV whose last column holds what is left of a line."""
    import pandas as pd

    lines = io.StringIO(data.decode("utf-8-sig", "surrogateescape"), newline="")
    rows = [fields for fields in csv.reader(lines, delimiter=separator) if fields]
    width = len(rows[0])
    fitted = [[*fields[: width - 1], separator.join(fields[width - 1 :])] for fields in rows[1:]]
    return pd.DataFrame([fields + [""] * (width - len(fields)) for fields in fitted], columns=rows[0], dtype=object)


def _read_lines(data: bytes, name: str, ledger: Ledger) -> pd.DataFrame:
    import pandas as pd

    rows = []
    text = data.decode("utf-8-sig", "surrogateescape").replace("\r\n", "\n").replace("\r", "\n")
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict):
            rows.append(row)
        else:
            ledger.rows[None] += 1
            ledger.leave_out(MALFORMED, f"{name}, line {number}")
    return pd.DataFrame(rows, dtype=object)


def column(names: Sequence[str], wanted: Sequence[str]) -> str | None:
    """The first column of a kind, whatever its case."""
    plain = {str(name).strip().lower(): name for name in reversed(names)}
    return next((plain[name] for name in wanted if name in plain), None)


def text_column(frame: pd.DataFrame, file_column: str) -> str | None:
    """The column of captions: one that is called so, or the only one of texts that is called like nothing else."""
    names = [str(name) for name in frame.columns]
    found = column(names, TEXT_COLUMNS)
    if found is not None:
        return found
    known = {file_column.lower(), SOURCE_COLUMN, "split", "id", "index", "width", "height", *GROUP_COLUMNS}
    others = [name for name in names if name.strip().lower() not in known and not name.startswith("Unnamed:")]
    others = [name for name in others if frame[name].map(lambda value: texts_of(value) != []).any()]
    return others[0] if len(others) == 1 else None


def texts_of(value: Any) -> list[str]:
    """The captions in a cell: a text, or a list of texts; anything else holds none."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for name in TEXT_COLUMNS if name in value for text in texts_of(value[name])]
    if hasattr(value, "tolist") and not isinstance(value, (bytes, int, float)):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [text for part in value for text in texts_of(part)]
    return []


def word_of(value: Any) -> str | None:
    """A cell that names a source or a class; ``None`` where it is blank."""
    if value is None or isinstance(value, (dict, list)) or value != value:  # NaN
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip() or None
