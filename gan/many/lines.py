"""Texts to draw, line after line, however many: tables, plain texts, JSON lines and parquet, from a file or stdin."""

from __future__ import annotations

import codecs
import io
import itertools
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal, NamedTuple, TextIO

from encoder.common.arguments import check_existing_file
from encoder.common.errors import InputError
from encoder.files import ID_COLUMNS, TEXT_COLUMNS, stream_records
from encoder.text import check_text

Format = Literal["table", "texts", "jsonl", "parquet"]
STDIN = Path("-")

_BY_SUFFIX: dict[str, Format] = {
    ".csv": "table", ".tsv": "table", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"
}  # fmt: skip
_SAMPLE = 200  # lines that tell a table of ids and texts from plain texts
_LONGEST = 1 << 20  # characters of a line that are read; no text is as long
_ROWS = 1000  # of a parquet file, at a time


class Line(NamedTuple):
    """A text to draw; ``id`` is the number of its line where it has none of its own."""

    number: int
    id: str
    text: str


class Bad(NamedTuple):
    """A line that cannot be drawn."""

    number: int
    reason: str


def read_lines(source: Path, format: Format | None = None) -> Iterator[Line | Bad]:
    """The lines of a file, or of stdin for ``-``, read as they are asked for; blank ones are left out.

    Args:
        source: The file.
        format: ``"table"``: ``id,text`` as of ``encoder.files``; ``"texts"``: a text a line; ``"jsonl"``: objects with
            a text and perhaps an id, or texts; ``"parquet"``: columns of the same names. By default what the name
            says, else what the first lines look like.

    Raises:
        InputError: It cannot be read at all, or holds no lines.
    """
    if source != STDIN:
        check_existing_file(source)
    format = format or _BY_SUFFIX.get(source.suffix.lower())
    read = _read_parquet(source) if format == "parquet" else _read_text(source, format)
    count = 0
    try:
        for count, line in enumerate(read, start=1):  # noqa: B007  (counted)
            yield line
    except OSError as error:
        raise InputError(f"{source}: cannot be read ({error.strerror})") from error
    if not count:
        raise InputError(f"{source}: the file holds no lines; write 'id,text' on each")


def _read_text(source: Path, format: Format | None) -> Iterator[Line | Bad]:
    with ExitStack() as stack:
        binary: Any = sys.stdin.buffer if source == STDIN else stack.enter_context(source.open("rb"))
        if binary.peek(2)[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            raise InputError(f"{source}: UTF-16 text; save the file as UTF-8")
        stream = io.TextIOWrapper(binary, "utf-8-sig", errors="surrogateescape")
        if source == STDIN:
            stack.callback(stream.detach)  # or it would be closed
        lines = _split(stream)
        sample = list(itertools.islice(lines, _SAMPLE))
        lines = itertools.chain(sample, lines)
        format = format or _looks_like(sample)
        if format == "table":
            for record in stream_records(lines):
                if record.text is None:
                    yield Bad(record.line, "no comma; write 'id,text'")
                else:
                    yield _line(record.line, record.id, record.text)
        else:
            read = _of_json if format == "jsonl" else _of_text
            yield from (read(number, line) for number, line in enumerate(lines, start=1) if line.strip())


def _split(stream: TextIO) -> Iterator[str]:
    """Lines without their ends; of one that is too long, the beginning."""
    while line := stream.readline(_LONGEST):
        yield line.removesuffix("\n")
        while len(line) == _LONGEST and not line.endswith("\n"):
            line = stream.readline(_LONGEST)


def _looks_like(sample: Sequence[str]) -> Format:
    """Lines of unknown kind: a table where most begin with an id: a word that comes once and looks like no tag."""
    lines = [line for line in sample if line.strip()]
    if lines and lines[0].lstrip().startswith("{"):
        return "jsonl"
    firsts = [line.replace("\t", ",").replace(";", ",").partition(",") for line in lines]
    ids = [word.strip(' "') for word, comma, text in firsts if comma and _is_id(word.strip(' "'), text)]
    named = bool(firsts) and firsts[0][0].strip(' "').lower() in ID_COLUMNS
    return "table" if (len(set(ids)) == len(ids) or named) and 2 * len(ids) > len(lines) - named else "texts"


def _is_id(word: str, text: str) -> bool:
    """Whether what stands before the first comma is an id rather than a tag: "7, red hair", "a,red hair"."""
    if not word or any(map(str.isspace, word)):
        return False
    return any(map(str.isdecimal, word)) or not text.startswith(" ")


def _of_text(number: int, line: str) -> Line | Bad:
    return _line(number, str(number), line)


def _of_json(number: int, line: str) -> Line | Bad:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return Bad(number, 'not JSON; write {"id": ..., "text": ...}')
    return _of_row(number, value if isinstance(value, dict) else {"text": value})


def _of_row(number: int, row: Mapping[str, Any]) -> Line | Bad:
    names = {str(name).strip().lower(): name for name in row}
    text = next((row[names[name]] for name in TEXT_COLUMNS if name in names), None)
    id = next((row[names[name]] for name in ID_COLUMNS if name in names and row[names[name]] is not None), number)
    if isinstance(text, (list, tuple)) and text:  # several captions: the first
        text = text[0]
    if not isinstance(text, str):
        return Bad(number, "no text; the column is to be called 'text'")
    return _line(number, str(id), text)


def _line(number: int, id: str, text: str) -> Line | Bad:
    try:
        check_text(id or "-", "the id")
        return Line(number, id or str(number), check_text(text, ""))
    except InputError as error:
        return Bad(number, str(error).removeprefix(": "))


def _read_parquet(source: Path) -> Iterator[Line | Bad]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if source == STDIN:
        raise InputError("-: parquet cannot be read from stdin; give the file")
    try:
        with pq.ParquetFile(source) as file:
            known = {*ID_COLUMNS, *TEXT_COLUMNS}
            names = [name for name in file.schema_arrow.names if name.strip().lower() in known]
            rows: Iterable[Mapping[str, Any]] = itertools.chain.from_iterable(
                batch.to_pylist() for batch in file.iter_batches(_ROWS, columns=names)
            )
            for number, row in enumerate(rows, start=1):
                yield _of_row(number, row)
    except pa.ArrowException as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{source}: cannot be read as parquet ({reason}); save it anew") from error
