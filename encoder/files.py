"""Files of texts: tables of ids and texts, plain texts, JSON lines and parquet, as editors and programs write them."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import json
import re
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, TextIO

from encoder.common.arguments import check_existing_file
from encoder.common.errors import InputError, reason_of
from encoder.text import check_text

ID = re.compile(r"\w[\w .-]*")
"""An id that can be the name of a file."""
_HEADER_IDS = {"id", "img_id", "image_id", "testing_text_id"}
ID_COLUMNS = (
    "id", "img_id", "image_id", "testing_text_id", "text_id", "caption_id", "file_name", "filename", "image_name",
    "img_name", "image_file", "image_path", "img_path", "file_path", "filepath", "path", "file", "image", "img",
    "images", "picture", "photo", "key", "name", "index", "idx", "number", "no", "nr",
)  # fmt: skip
"""Names of the column of ids or file names, in lower case, the most specific first."""
TEXT_COLUMNS = (
    "text", "caption", "captions", "prompt", "prompts", "texts", "testing_text", "description", "descriptions",
    "sentence", "sentences", "tags", "tag", "label", "labels", "title", "comment",
)  # fmt: skip
"""Names of the column of texts, likewise."""
Format = Literal["table", "texts", "jsonl", "parquet"]
STDIN = Path("-")

_BY_SUFFIX: dict[str, Format] = {
    ".csv": "table", ".tsv": "table", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"
}  # fmt: skip
PICTURE_NAME = re.compile(r"[^\s,]+\.(png|jpe?g|jfif|webp|bmp|gif|tiff?|avif)", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d][\w ]{0,40}")
_BESIDE = {"seed", "negative_prompt", "negative", "style", "model", "steps", "width", "height", "split", "language"}
"""Names of columns that stand beside texts, and are neither ids nor texts."""
_NO_TEXTS = {".yaml", ".yml", ".xlsx", ".xls", ".ods", ".docx", ".odt", ".rtf", ".pdf", ".zip", ".png", ".jpg", ".html"}
_ID_NAME = re.compile(rf"(?:\w+_)?(?:{'|'.join(ID_COLUMNS)})|")
"""The name of a column of ids: one of the known ones, "face_id", or none."""
_BLANK = re.compile(r"\s*(?:#\s.*|#?)$")
"""A line without a text: an empty one, or a comment; "#12806a hair" is none."""
_PEOPLE = re.compile(r"\d+(girl|boy|other)s?")  # booru tags, not ids
_SAMPLE = 200  # lines that tell the format of a file
_LONGEST_ROW = 100  # lines of one row
_LONGEST_LINE = 1 << 20  # characters of a line that are read; no text is as long
_PARQUET_ROWS = 1000  # at a time
_LATIN = frozenset(b"\x80\x85\x91\x92\x93\x94\x96\x97\xa1\xa9\xab\xae\xb0\xbb\xbf") | (
    frozenset(range(0xC0, 0xFF)) - {0xD7, 0xF7}
)
"""Bytes above 127 that stand in texts of cp1252."""


class TextLine(NamedTuple):
    """One text of a testing file; ``id`` is the number of its line where the file gives no ids."""

    number: int
    id: str
    text: str


class RejectedLine(NamedTuple):
    """A line that cannot be used, and why."""

    number: int
    reason: str


class Row(NamedTuple):
    """One row of a table: the number of its first line, its fields, and whether quotes separate several of them."""

    line: int
    fields: list[str]
    quoted: bool = False


class Record(NamedTuple):
    """One row of a table of texts.

    Attributes:
        line: The number of its first line.
        id: As it stands there, without the space around it.
        text: Likewise; ``None`` where the line has only one field.
    """

    line: int
    id: str
    text: str | None


# -- testing files ---------------------------------------------------------------------------------------------------


def read_testing_file(path: str | Path, format: Format | None = None) -> list[TextLine]:
    """Read a testing file whole. ``"-"`` is standard input; ``read_texts`` says what it may hold.

    Raises:
        InputError: The file is missing, unreadable or empty, or a line is malformed; the message gives its number.
    """
    where = "standard input" if str(path) == "-" else path
    lines = []
    for line in read_texts(Path(path), format):
        if isinstance(line, RejectedLine):
            raise InputError(f"{where}, line {line.number}: {line.reason}")
        if not ID.fullmatch(line.id):
            raise InputError(
                f"{where}, line {line.number}: {line.id[:40]!r} is not an id; use letters, digits, '-', '_' and '.'"
            )
        lines.append(line)
    return lines


def read_texts(source: Path, format: Format | None = None) -> Iterator[TextLine | RejectedLine]:
    """The texts of a file, or of standard input for ``-``, read as they are asked for; blank lines are left out.

    Args:
        format: ``"table"``: a line an id and its text, with or without a header, fields separated by commas, tabs,
            semicolons or ``|``; ``"texts"``: a text a line; ``"jsonl"``: objects with a text and perhaps an id, or
            texts, a line each or in one array; ``"parquet"``: columns of the same names. By default the name and the
            first lines tell. A line begins with an id if a header says so, or if most lines begin with what looks like
            one: ``pink hair, green eyes`` is one text.

    Raises:
        InputError: It cannot be read at all, or holds no lines.
    """
    where = "standard input" if source == STDIN else source
    if source != STDIN:
        check_existing_file(source)
    if not format and source.suffix.lower() in _NO_TEXTS:
        raise InputError(f"{source}: no form of texts that is read; save them as CSV, JSON lines or a text a line")
    by_name = _BY_SUFFIX.get(source.suffix.lower())
    read = _read_parquet(source) if (format or by_name) == "parquet" else _read_lines(source, format, by_name)
    count = 0
    try:
        for count, line in enumerate(read, start=1):  # noqa: B007  (counted)
            yield line
    except OSError as error:
        raise InputError(f"{where}: cannot be read ({error.strerror})") from error
    if not count:
        raise InputError(f"{where}: the file holds no lines; write 'id,text' on each")


def _read_lines(source: Path, format: Format | None, by_name: Format | None) -> Iterator[TextLine | RejectedLine]:
    with ExitStack() as stack:
        if source == STDIN:
            binary: Any = sys.stdin.buffer if sys.stdin else io.BytesIO()
        else:
            binary = stack.enter_context(source.open("rb"))
        if not hasattr(binary, "peek"):
            binary = io.BufferedReader(binary)
        start = binary.peek(1 << 16)
        encoding = encoding_of(start[: start.rfind(b"\n") + 1] or start)
        stream = io.TextIOWrapper(binary, encoding, errors="surrogateescape")
        if source == STDIN:
            stack.callback(stream.detach)  # or it would be closed
        lines = _split(stream)
        sample = list(itertools.islice(lines, _SAMPLE))
        lines = itertools.chain(sample, lines)
        array = None
        first = "".join(sample).lstrip()[:1]
        may_be_one_value = first == "[" or (first == "{" and not by_name and len(sample) < _SAMPLE)
        if (format or by_name or "jsonl") == "jsonl" and may_be_one_value:
            lines = iter(whole := list(lines))
            with suppress(ValueError, RecursionError):
                array = _rows_of(json.loads("\n".join(whole)))
        format = format or _format_of(sample, by_name)
        if array is not None:
            yield from (_of_value(number, value) for number, value in enumerate(array, start=1))
        elif format == "table":
            for record in read_records(lines):
                if record.text is None:
                    yield RejectedLine(record.line, "no comma; write 'id,text'")
                else:
                    yield _line(record.line, record.id, record.text)
        else:
            read = _of_json if format == "jsonl" else _of_text
            numbered = ((number, line) for number, line in enumerate(lines, start=1) if not _BLANK.match(line))
            is_column = by_name == "table" and format == "texts"
            if is_column and plain_name(next(filter(str.strip, sample), "")) in TEXT_COLUMNS:
                next(numbered)  # the name of the one column
            yield from (read(number, line) for number, line in numbered)


def _split(stream: TextIO) -> Iterator[str]:
    """Lines without their ends; of one that is too long, the beginning."""
    while line := stream.readline(_LONGEST_LINE):
        yield line.removesuffix("\n")
        while len(line) == _LONGEST_LINE and not line.endswith("\n"):
            line = stream.readline(_LONGEST_LINE)


def _format_of(sample: Sequence[str], by_name: Format | None) -> Format:
    """The format of a file, by its first lines and its name."""
    lines = [line for line in sample if line.strip()]
    if by_name == "jsonl" or (lines and lines[0].lstrip().startswith("{")):
        return "jsonl"
    rows = list(table_rows(sample)[1])
    if is_header(rows):
        return "table"
    ids = sum(
        len(row.fields) > 1 and _is_id(row.fields[0].strip(), by_name == "table" and not row.fields[1].startswith(" "))
        for row in rows
    )
    return "table" if 2 * ids >= len(rows) else "texts"


def _is_id(word: str, any_word: bool) -> bool:
    """Whether the first field of a row looks like an id rather than the first of several tags."""
    if any(map(str.isspace, word)) or _PEOPLE.fullmatch(word):
        return False
    return any_word or not word or any(map(str.isdecimal, word)) or (len(word) == 1 and word.isascii())


def _of_text(number: int, line: str) -> TextLine | RejectedLine:
    return _line(number, str(number), line)


def _of_json(number: int, line: str) -> TextLine | RejectedLine:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return RejectedLine(number, 'not JSON; write {"id": ..., "text": ...}')
    return _of_value(number, value)


def _rows_of(value: Any) -> list[Any]:
    """The rows of a JSON file: an array; a list of texts under a name, or texts by their ids, as one object."""
    if not isinstance(value, dict):
        return list(value)
    (only, *others) = value.values() or (None,)
    if isinstance(only, list) and not others:
        return only
    if set(map(type, value.values())) == {str} and not {*map(plain_name, value)} & {*TEXT_COLUMNS}:
        return [{"id": id, "text": text} for id, text in value.items()]
    return [value]


def _of_value(number: int, value: Any) -> TextLine | RejectedLine:
    return _of_row(number, value if isinstance(value, dict) else {"text": value})


def _of_row(number: int, row: Mapping[str, Any]) -> TextLine | RejectedLine:
    names = {plain_name(str(name)): name for name in row}
    text = next((row[names[name]] for name in TEXT_COLUMNS if name in names), None)
    id = next((row[names[name]] for name in ID_COLUMNS if name in names and row[names[name]] is not None), number)
    if isinstance(text, (list, tuple)) and text:  # several captions: the first
        text = text[0]
    if not isinstance(text, str):
        return RejectedLine(number, "no text; name its column 'text'")
    return _line(number, str(id), text)


def _line(number: int, id: str, text: str) -> TextLine | RejectedLine:
    try:
        check_text(id or "-", "the id")
        return TextLine(number, id or str(number), check_text(text, ""))
    except InputError as error:
        return RejectedLine(number, str(error).removeprefix(": "))


def _read_parquet(source: Path) -> Iterator[TextLine | RejectedLine]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if source == STDIN:
        raise InputError("-: parquet cannot be read from stdin; give the file")
    try:
        with pq.ParquetFile(source) as file:
            known = {*ID_COLUMNS, *TEXT_COLUMNS}
            names = [name for name in file.schema_arrow.names if plain_name(name) in known]
            rows: Iterable[Mapping[str, Any]] = itertools.chain.from_iterable(
                batch.to_pylist() for batch in file.iter_batches(_PARQUET_ROWS, columns=names)
            )
            for number, row in enumerate(rows, start=1):
                yield _of_row(number, row)
    except pa.ArrowException as error:
        reason = reason_of(error)
        raise InputError(f"{source}: cannot be read as parquet ({reason}); save it anew") from error


# -- tables ----------------------------------------------------------------------------------------------------------


def read_records(lines: Iterable[str]) -> Iterator[Record]:
    """The rows of a table of ids and texts, without the header; the first 200 rows tell what the columns are.

    With a header, columns are known by their names. Fields are quoted as in CSV, or not at all: what follows the first
    comma is then the text, commas included. A quoted field may span 100 lines; a quote that none of them closes stands
    for itself.
    """
    delimiter, rows = table_rows(lines)
    sample = list(itertools.islice(rows, _SAMPLE))
    layout = _Layout.of(sample, delimiter)
    for row in itertools.chain(sample[layout.header :], rows):
        yield layout.record(row.line, row.fields)


def table_rows(lines: Iterable[str], delimiter: str = "") -> tuple[str, Iterator[Row]]:
    """The separator of a table's fields, which its lines tell if it is not given, and every row that is not blank."""
    rest = iter(lines)
    sample = list(itertools.islice(rest, _SAMPLE))
    delimiter = delimiter or _delimiter(sample)
    return delimiter, _rows(itertools.chain(sample, rest), delimiter)


@dataclass(frozen=True)
class _Layout:
    """Which fields of a row are the id and the text.

    Attributes:
        header: Rows before the first: 1 or 0.
        columns: How many the header names; 0 without one.
    """

    delimiter: str
    header: int = 0
    columns: int = 0
    id_column: int = 0
    text_column: int = 1

    @classmethod
    def of(cls, rows: Sequence[Row], delimiter: str) -> _Layout:
        """What the rows tell, the first above all."""
        if not rows or not is_header(rows):
            return cls(delimiter, 0, 0, 1, 2) if rows and is_numbered(rows) else cls(delimiter)
        names = [plain_name(field) for field in rows[0].fields]
        id_column, text_column = 0, 1
        if len(names) > 2:
            text_column = next((names.index(name) for name in TEXT_COLUMNS if name in names), len(names) - 1)
            others = [name for name in ID_COLUMNS if name in names and names.index(name) != text_column]
            id_column = names.index(others[0]) if others else int(text_column == 0)
        elif names[0] in TEXT_COLUMNS and (_ID_NAME.fullmatch(names[-1]) or names[-1] in _BESIDE):
            id_column, text_column = 1, 0
        if _BESIDE & set(names) and not any(map(_ID_NAME.fullmatch, names)):
            id_column = -1  # lines are numbered
        return cls(delimiter, 1, len(names), id_column, text_column)

    def record(self, line: int, fields: list[str]) -> Record:
        """A row as a record."""
        if len(fields) <= max(self.id_column, self.text_column):
            return Record(line, fields[0].strip(), None)
        text = fields[self.text_column]
        if self.text_column >= self.columns - 1:  # the last one: commas within a text that is not quoted are its own
            text = self.delimiter.join(fields[self.text_column :])
        id = fields[self.id_column].strip() if self.id_column >= 0 else ""
        return Record(line, id, unquoted(text.strip()))


def unquoted(text: str) -> str:
    """A field without the quotes that spreadsheets put around a text with commas."""
    return text[1:-1].replace('""', '"') if len(text) > 1 and text[0] == text[-1] == '"' else text


def _delimiter(lines: Iterable[str]) -> str:
    """The separator of fields: the one that comes before any comma in nine lines of ten, else a comma."""
    sample = [line.partition(",")[0].strip(" ") for line in lines if line.strip()]
    for delimiter in ("\t", ";", "|"):
        if sample and 10 * sum(delimiter in start for start in sample) >= 9 * len(sample):
            return delimiter
    return ","


def _rows(lines: Iterable[str], delimiter: str) -> Iterator[Row]:
    """Every row that is not blank, a row at a time."""
    quotes = re.compile(rf'"\s*{re.escape(delimiter)}\s*"')
    numbered = enumerate(lines, start=1)
    ahead: deque[tuple[int, str]] = deque()
    while line := (ahead.popleft() if ahead else next(numbered, None)):
        number, first = line
        if not first.strip():
            continue
        block = [first]
        while '"' in first and _is_open(block, delimiter) and len(block) < _LONGEST_ROW:
            if len(ahead) < len(block):
                ahead.extend(itertools.islice(numbered, 1))
            if len(ahead) < len(block):  # the end of the file
                break
            block.append(ahead[len(block) - 1][1])
        fields = _csv(block, delimiter) if len(block) > 1 else None
        for _ in block[1:] if fields else ():
            ahead.popleft()
        fields = fields or ('"' in first and _csv([first], delimiter)) or first.split(delimiter)
        yield Row(number, fields, len(fields) > 2 and '"' in first and bool(quotes.search("\n".join(block))))


def _is_open(block: Sequence[str], delimiter: str) -> bool:
    """Whether lines end within a quoted field."""
    try:
        list(csv.reader((f"{line}\n" for line in block), delimiter=delimiter, strict=True))
    except csv.Error as error:
        return "end of data" in str(error)
    return False


def _csv(block: Sequence[str], delimiter: str) -> list[str] | None:
    """The fields of one row of CSV; ``None`` where its quotes mean something else."""
    try:
        return next(csv.reader((f"{line}\n" for line in block), delimiter=delimiter, strict=True))
    except (csv.Error, StopIteration):
        return None


def is_header(rows: Sequence[Row]) -> bool:
    """Whether the first row names the columns: by words that do, or as the only id that is no number."""
    if not rows or len(rows[0].fields) < 2:
        return False
    fields = rows[0].fields
    names = [plain_name(field) for field in fields]
    if names[0] in _HEADER_IDS or (
        (any(map(_ID_NAME.fullmatch, names)) or _BESIDE & set(names)) and set(names) & set(TEXT_COLUMNS)
    ):
        return names[0] in _HEADER_IDS or all(_WORD.fullmatch(name) or not name for name in names)
    others = [row.fields[0].strip() for row in rows[1:]]
    return len(others) > 1 and all(map(str.isdigit, others)) and all(map(_WORD.fullmatch, map(str.strip, fields)))


def is_numbered(rows: Sequence[Row]) -> bool:
    """Whether rows without a header begin with a number of their own, as pandas writes them: ``0,7.png,a caption``."""
    if not all(len(row.fields) > 2 for row in rows):
        return False
    second = [row.fields[1].strip() for row in rows]
    counted = len(rows) > 1 and [row.fields[0].strip() for row in rows] == [str(i) for i in range(len(rows))]
    return all(map(PICTURE_NAME.fullmatch, second)) or (counted and all(map(str.isdecimal, second)))


def plain_name(field: str) -> str:
    """The name of a column in the form in which names are compared: ``"file_name"`` of ``"File name"``."""
    name = re.sub(r"[\s-]+", "_", field.strip().strip('"').lower())
    return "" if name.startswith("unnamed:") else name


# -- encodings -------------------------------------------------------------------------------------------------------


def encoding_of(data: bytes) -> str:
    """The encoding of a text by its bytes: UTF-8 unless a byte order mark or most of its lines say otherwise.

    Of encodings without a mark, cp1252, cp932, Big5 and GB18030 are recognised; of any other, and of a single bad line,
    the bytes stay what is no UTF-8.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):  # "Unicode text" of spreadsheets
        return "utf-16"
    lines = [line for line in data.split(b"\n") if line.strip()]
    bad = [line for line in lines if not decodes(line, "utf-8")]
    several = len(bad) > 1 or 0 < len(bad) == len(lines)
    if several and 2 * len(bad) >= sum(not line.isascii() for line in lines):
        return _legacy_encoding(b"\n".join(bad)) or "utf-8-sig"
    return "utf-8-sig"


def _legacy_encoding(data: bytes) -> str | None:
    high = [byte for byte in data if byte > 127]
    if all(byte in _LATIN for byte in high) and not re.search(rb"[\x80-\xff]{3}", data):
        return "cp1252"
    if decodes(data, "cp932"):
        letters = [c for c in data.decode("cp932") if not c.isascii()]
        if 5 * sum("\u3041" <= c <= "\u30fe" for c in letters) > len(letters):  # kana
            return "cp932"
    # The first bytes of two, by which each lists its common characters.
    for encoding, first, last in (("cp932", 0x82, 0x97), ("big5", 0xA4, 0xC6), ("gb18030", 0xB0, 0xD7)):
        if decodes(data, encoding):
            leads = [c.encode(encoding)[0] for c in data.decode(encoding) if c.isalpha() and not c.isascii()]
            if leads and sum(first <= lead <= last for lead in leads) >= 0.9 * len(leads):
                return encoding
    return None


def decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def decode_lines(data: bytes) -> list[str]:
    """The lines of a text; bytes that its encoding does not know stand there as what is not valid Unicode."""
    text = data.decode(encoding_of(data), "surrogateescape").removeprefix("\ufeff")
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
