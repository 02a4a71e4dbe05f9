"""Tables of texts: a line an id and its text, as editors, spreadsheets and pandas write them; the testing file."""

from __future__ import annotations

import codecs
import csv
import itertools
import re
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from encoder.common.errors import InputError
from encoder.text import check_text

ID = re.compile(r"\w[\w .-]*")
"""An id that can be the name of a file."""
_HEADER_IDS = {"id", "img_id", "image_id", "testing_text_id"}
ID_COLUMNS = (
    "id", "img_id", "image_id", "testing_text_id", "text_id", "caption_id", "file_name", "filename", "image_name",
    "img_name", "image_file", "image_path", "img_path", "file_path", "filepath", "path", "file", "image", "img",
    "images", "picture", "photo", "key", "name", "index", "idx", "number", "no", "nr",
)  # fmt: skip
"""What the column of ids or file names is called, in lower case, most telling first."""
TEXT_COLUMNS = (
    "text", "caption", "captions", "prompt", "prompts", "texts", "testing_text", "description", "descriptions",
    "sentence", "sentences", "tags", "tag", "label", "labels", "title", "comment",
)  # fmt: skip
_FILE = re.compile(r"[^\s,]+\.(png|jpe?g|jfif|webp|bmp|gif|tiff?|avif)", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d][\w ]{0,40}")
_SAMPLE = 200  # lines that tell what separates the fields
_LONGEST = 100  # lines of one row


@dataclass(frozen=True)
class TextLine:
    """One line of a testing file."""

    id: str
    text: str


@dataclass(frozen=True)
class Record:
    """One row of a table of texts.

    Attributes:
        line: The number of its first line.
        id: As it stands there, without the space around it.
        text: Likewise; ``None`` where the line has but one field.
    """

    line: int
    id: str
    text: str | None


def read_testing_file(path: str | Path) -> list[TextLine]:
    """Read a testing file: ``id,text`` on each line, in UTF-8; ids in any order. ``"-"`` is standard input.

    A space after the comma, blank lines, either line ending, a byte order mark, a header line, quoted fields, tabs for
    commas and the index that pandas writes are all taken.

    Raises:
        InputError: The file is missing, unreadable or empty, or a line is malformed; the message gives its number.
    """
    lines = []
    data = read_lines(path)
    path = "standard input" if str(path) == "-" else path
    for record in read_records(data):
        where = f"{path}, line {record.line}"
        if record.text is None:
            raise InputError(f"{where}: no comma; write 'id,text'")
        if not ID.fullmatch(record.id):
            raise InputError(f"{where}: {record.id[:40]!r} is not an id; use letters, digits, '-', '_' and '.'")
        lines.append(TextLine(record.id, check_text(record.text, where)))
    if not lines:
        raise InputError(f"{path}: the file holds no lines; write 'id,text' on each")
    return lines


def read_records(lines: Sequence[str]) -> list[Record]:
    """The rows of a table of ids and texts, the header left out.

    Fields are quoted as in CSV, or not at all: what follows the first comma is then the text, commas included. With a
    header, columns are known by their names.
    """
    rows = list(_rows(lines, delimiter := _delimiter(lines)))
    layout = _Layout.of(rows, delimiter)
    return [layout.record(line, fields) for line, fields in rows[layout.header :]]


def stream_records(lines: Iterable[str]) -> Iterator[Record]:
    """As ``read_records``, of lines that are not held: the first 200 tell what the columns are.

    A quoted field may go on over 100 lines; a quote that none of them closes stands for itself.
    """
    rest = iter(lines)
    sample = list(itertools.islice(rest, _SAMPLE))
    delimiter = _delimiter(sample)
    layout = _Layout.of(list(_rows(sample, delimiter)), delimiter)
    rows = _stream_rows(itertools.chain(sample, rest), delimiter)
    for line, fields in itertools.islice(rows, layout.header, None):
        yield layout.record(line, fields)


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
    def of(cls, rows: Sequence[tuple[int, list[str]]], delimiter: str) -> _Layout:
        """What the rows tell, the first above all."""
        if not rows or not _is_header(rows):
            return cls(delimiter, 0, 0, 1, 2) if rows and _is_numbered(rows) else cls(delimiter)
        names = [_plain(field) for field in rows[0][1]]
        id_column, text_column = 0, 1
        if len(names) > 2:
            text_column = next((names.index(name) for name in TEXT_COLUMNS if name in names), len(names) - 1)
            others = [name for name in ID_COLUMNS if name in names and names.index(name) != text_column]
            id_column = names.index(others[0]) if others else int(text_column == 0)
        elif names[0] in TEXT_COLUMNS and names[-1] in ID_COLUMNS:
            id_column, text_column = 1, 0
        return cls(delimiter, 1, len(names), id_column, text_column)

    def record(self, line: int, fields: list[str]) -> Record:
        """A row as a record."""
        return _record(line, fields, self.id_column, self.text_column, self.columns, self.delimiter)


def read_lines(path: str | Path) -> list[str]:
    """The lines of a UTF-8 text file, without their endings. A file that cannot be read is an ``InputError``.

    ``"-"`` is standard input.
    """
    if str(path) == "-":
        return decode_lines(sys.stdin.buffer.read() if sys.stdin else b"", "standard input")
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    return decode_lines(data, str(path))


def decode_lines(data: bytes, name: str, errors: str = "strict") -> list[str]:
    """The lines of a UTF-8 text, with or without a byte order mark; bytes of another encoding are an ``InputError``.

    With ``errors="surrogateescape"`` such bytes stay in their lines as what is not valid Unicode.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):  # "Unicode text" of spreadsheets
        raise InputError(f"{name}: UTF-16 text; save the file as UTF-8")
    data = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    try:
        text = data.decode("utf-8", errors)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{name}, line {line}: not UTF-8 text; save the file as UTF-8") from error
    return text.split("\n")


def _delimiter(lines: Iterable[str]) -> str:
    """What separates the fields: a tab or a semicolon where it comes before any comma in every line, else a comma."""
    sample = [line for line in lines if line.strip()][:_SAMPLE]
    for delimiter in ("\t", ";"):
        if sample and all(delimiter in line.partition(",")[0].strip(" ") for line in sample):
            return delimiter
    return ","


def _rows(lines: Sequence[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The number and the fields of every row that is not blank."""
    if any('"' in line for line in lines):
        try:
            yield from list(_csv_rows(lines, delimiter))  # to the end before the first is used: a field may hold lines
            return
        except csv.Error:  # quotes of another meaning somewhere: every line for itself
            pass
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield number, _fields(line, delimiter)


def _stream_rows(lines: Iterable[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """As ``_rows``, a row at a time."""
    numbered = enumerate(lines, start=1)
    ahead: deque[tuple[int, str]] = deque()
    while line := (ahead.popleft() if ahead else next(numbered, None)):
        number, first = line
        if not first.strip():
            continue
        block = [first]
        while '"' in first and not _is_closed(block, delimiter) and len(block) < _LONGEST:
            if len(ahead) < len(block):
                ahead.extend(itertools.islice(numbered, 1))
            if len(ahead) < len(block):  # the end of the file
                break
            block.append(ahead[len(block) - 1][1])
        if len(block) > 1 and _is_closed(block, delimiter):
            for _ in block[1:]:
                ahead.popleft()
            yield number, next(csv.reader((f"{line}\n" for line in block), delimiter=delimiter, strict=True))
        else:
            yield number, _fields(first, delimiter)


def _is_closed(block: Sequence[str], delimiter: str) -> bool:
    """Whether lines are whole rows, or no rows of CSV whatever follows."""
    try:
        list(csv.reader((f"{line}\n" for line in block), delimiter=delimiter, strict=True))
    except csv.Error as error:
        return "end of data" not in str(error)
    return True


def _csv_rows(lines: Iterable[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=delimiter, strict=True)
    start = 1
    for fields in reader:
        if len(fields) > 1 or "".join(fields).strip():
            yield start, fields
        start = reader.line_num + 1


def _fields(line: str, delimiter: str) -> list[str]:
    if '"' in line:
        try:
            return next(csv.reader([line], delimiter=delimiter, strict=True))
        except csv.Error:
            pass
    return line.split(delimiter)


def _is_header(rows: Sequence[tuple[int, list[str]]]) -> bool:
    """Whether the first row names the columns: by words that do, or as the one id that is no number."""
    fields = rows[0][1]
    names = [_plain(field) for field in fields]
    if len(fields) < 2:
        return False
    if names[0] in _HEADER_IDS or (set(names) & {*ID_COLUMNS, ""} and set(names) & set(TEXT_COLUMNS)):
        return names[0] in _HEADER_IDS or all(_WORD.fullmatch(name) or not name for name in names)
    others = [other[0].strip() for _, other in rows[1:]]
    return len(others) > 1 and all(map(str.isdigit, others)) and all(map(_WORD.fullmatch, map(str.strip, fields)))


def _is_numbered(rows: Sequence[tuple[int, list[str]]]) -> bool:
    """Whether rows without a header begin with a number of their own, as pandas writes them: ``0,7.png,a caption``."""
    if not all(len(fields) > 2 for _, fields in rows):
        return False
    second = [fields[1].strip() for _, fields in rows]
    counted = len(rows) > 1 and [fields[0].strip() for _, fields in rows] == [str(i) for i in range(len(rows))]
    return all(map(_FILE.fullmatch, second)) or (counted and all(map(str.isdecimal, second)))


def _plain(field: str) -> str:
    """The name of a column, to be compared: ``"file_name"`` of ``"File name"``."""
    name = re.sub(r"[\s-]+", "_", field.strip().strip('"').lower())
    return "" if name.startswith("unnamed:") else name


def _record(line: int, fields: list[str], id_column: int, text_column: int, columns: int, delimiter: str) -> Record:
    if len(fields) <= max(id_column, text_column):
        return Record(line, fields[0].strip(), None)
    text = fields[text_column]
    if text_column >= columns - 1:  # the last one: commas within a text that is not quoted are its own
        text = delimiter.join(fields[text_column:])
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':  # how spreadsheets save a text with commas
        text = text[1:-1].replace('""', '"')
    return Record(line, fields[id_column].strip(), text)
