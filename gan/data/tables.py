"""Lists of captions: tables and JSON of any shape, whose values tell which column names images and which hold texts."""

from __future__ import annotations

import ast
import io
import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from encoder.common.arguments import is_unicode
from encoder.common.errors import InputError, reason_of
from encoder.files import (
    ID_COLUMNS,
    TEXT_COLUMNS,
    Row,
    decode_lines,
    is_header,
    is_numbered,
    plain_name,
    table_rows,
    unquoted,
)
from gan.data.decoding import is_image, suffix
from gan.data.summary import printable
from gan.data.tree import Tree

GROUP_COLUMNS = ("label", "class", "species", "category", "class_name")
SOURCE_COLUMN = "source"

_KINDS_OF_TEXT = re.compile(r"(^|[_.\W])(texts?|captions?|prompts?|sentences?|descriptions?|tags?|raw)([_.\W\d]|$)")
_NEGATIVE = re.compile(r"(^|_)neg(ative)?(_|$)")
_OTHERS = frozenset({SOURCE_COLUMN, "split", "width", "height", "license", "url", "md5", "sha256", "hash"})
_PLACE = re.compile(r"\w+://\S+|\S*[/\\]\S*|(?=\S*\d)\S{12,}")  # an address, a path, a hash
_CODE = re.compile(r"[a-z]{1,2}\d{2,}", re.IGNORECASE)
_DATE = re.compile(
    r"(?=.*\d)([\d\s:/.,+\-]|[tz](?![a-z])|[ap]m|utc|gmt|(mon|tues?|wed(nes)?|thu(rs)?|fri|sat(ur)?|sun)(day)?"
    r"|jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sep(tember)?|oct(ober)?|(nov|dec)(ember)?)+",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"\s*https?://\S+")
_BASE64 = re.compile(r"(data:image/\w+;base64,)?(/9j/|iVBOR|UklGR|R0lGOD)[\w+/]{60}")  # JPEG, PNG, WEBP, GIF
_LIST = re.compile(r"""\s*\[\s*(?:(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")[\s,]*)+\]\s*""", re.DOTALL)
_WORD = re.compile(r"[^\W\d][\w ]{0,40}")
_ITEM = re.compile(r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\"""", re.DOTALL)
NAMED_TEXT = re.compile(r"\s*([^\s,;|\"]+\.[A-Za-z]{3,4}(?:#\d+)?)(?:\s*[:=]>?\s|\s+-\s| )\s*([^\t,;|][^\t]*)")
"""A line that begins with the name of a file, which a space, a colon or a dash separates from a text."""
_PREAMBLE = re.compile(r"# |sep=.$")  # a comment, or Excel's first line
_TAGS = re.compile(r"(^|[_.])tags?([_.\d]|$)")
_FLAGS = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "-1": False, "false": False}
"""What a column says of an attribute that a picture has or lacks."""
_ESCAPED = re.compile(r"""(?<=[^\s,;|])\\"(?![,;|\t]|$)|(?<= )\\"(?=\w)""")  # a quote that a backslash stands before
_SINGLE = re.compile(r"^'|'$|'[,;|\t]'")  # single quotes around fields
_JSON = re.compile(r"""\s*[\[{]\s*["\[{]""")
_IDS = re.compile(r"(^|[_.])(id|license)$")
_ATTRIBUTE = re.compile(r"[^\W\d_]{3}")  # what is called by a word
_SAMPLE = 1000  # rows that tell what columns hold
_NO_JSON = (ValueError, SyntaxError, TypeError, RecursionError, MemoryError)
_DEEP = 3  # brackets within each other in which lists of captions are looked for


@dataclass(frozen=True)
class Columns:
    """The columns of lists that hold captions and name images, by name; empty: their values tell."""

    caption: str = ""
    image: str = ""


@dataclass
class Table:
    """Rows of cells.

    Attributes:
        name: What messages call it.
        columns: The names of the columns; without a header, none.
        rows: The rows; cells may be of any kind.
        delimiter: What separates fields in its file.
        malformed: The lines that could not be read.
    """

    name: str
    columns: list[str]
    rows: list[Row]
    delimiter: str = ","
    malformed: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, name: str, records: dict[int, dict[str, Any]], malformed: Sequence[int] = ()) -> Table:
        """The table of some records by their numbers."""
        columns = list(dict.fromkeys(key for record in records.values() for key in record))
        rows = [Row(i, [record.get(each) for each in columns]) for i, record in records.items()]  # type: ignore[misc]
        return cls(name, columns, rows, malformed=list(malformed))

    def sample(self) -> list[Row]:
        """Some rows, spread over all."""
        return self.rows[:: 1 + len(self.rows) // _SAMPLE]

    def reference(self, row: Row, file: int, folder: int | None = None) -> str:
        """What a row calls its image, below the folder that another column names; ``""`` where it names none."""
        parts = [reference_of(row.fields[i]) for i in (folder, file) if i is not None and i < len(row.fields)]
        return "/".join(parts) if parts and parts[-1] else ""

    @cached_property
    def names(self) -> list[str]:
        """The names of the columns in the form in which names are compared; without a header, blanks."""
        widths = Counter(len(row.fields) for row in self.rows[:_SAMPLE])
        return [plain_name(name) for name in self.columns] or [""] * widths.most_common(1)[0][0]

    def headed(self) -> Table:
        """The table whose first row names the columns."""
        first, *rows = self.rows
        return Table(self.name, [str(each) for each in first.fields], rows, self.delimiter, self.malformed)

    @cached_property
    def width(self) -> int:
        """The number of columns; 0 where a text without quotes or a header holds separators of its own."""
        widths = {len(row.fields) for row in self.rows}
        if self.columns or len(widths) != 1 or widths == {0}:
            return len(self.columns)
        last = max(widths) - 1
        apart = self.delimiter != "," or all(row.quoted for row in self.rows) or not holds_texts(self.cells(last))
        return last + 1 if apart else 0

    def cells(self, column: int) -> list[Any]:
        """Some cells of a column that are not blank."""
        rows = self.sample()
        return [row.fields[column] for row in rows if column < len(row.fields) and row.fields[column] not in (None, "")]


# -- files to tables -------------------------------------------------------------------------------------------------


def read_tables(tree: Tree, name: str) -> list[Table]:
    """The tables that a file may be read as; ``InputError`` where it cannot be read at all."""
    data = tree.read_table(name)
    where = f"{tree.where}/{name}"
    if suffix(name) == ".parquet":
        import pyarrow.parquet as pq

        try:
            columns = pq.read_table(io.BytesIO(data)).to_pydict()
        except (OSError, ValueError) as error:
            raise InputError(f"{where}: not a whole parquet file ({reason_of(error)}); fetch it again") from error
        rows = [Row(i, list(cells)) for i, cells in enumerate(zip(*columns.values(), strict=True), start=1)]
        return [Table(name, list(columns), rows)]
    lines = decode_lines(data)
    bad = [number for number, line in enumerate(lines, start=1) if not is_unicode(line)]
    if 2 * len(bad) > sum(bool(line.strip()) for line in lines):
        raise InputError(f"{where}, line {bad[0]}: not UTF-8 text; save the file as UTF-8")
    if suffix(name) in (".yaml", ".yml"):
        return list(_tables_of(read_yaml("\n".join(lines)), name))
    if next((line for line in lines if line.strip()), "").lstrip()[:1] in ("[", "{"):
        try:
            return list(_tables_of(json.loads("\n".join(lines)), name))
        except RecursionError:
            return []
        except json.JSONDecodeError as error:
            return _json_lines(lines, name, where, error)
    for i in itertools.takewhile(lambda i: _PREAMBLE.match(lines[i]), range(len(lines))):
        lines[i] = ""
    lines = [_ESCAPED.sub('""', line) for line in lines]
    if sum(bool(_SINGLE.match(line)) for line in lines) > len(lines) // 2:
        lines = [_SINGLE.sub(lambda quotes: quotes[0].replace("'", '"'), line) for line in lines]
    table = _table_of(lines, name)
    pairs = {number: NAMED_TEXT.fullmatch(line) for number, line in enumerate(lines, start=1) if line.strip()}
    named = [Row(number, [pair[1], pair[2]], True) for number, pair in pairs.items() if pair]
    flagged = _flagged(lines, named, name)
    if flagged:
        return [flagged]
    if 2 * len(named) > len(table.rows):  # NAME.jpg a caption, or NAME.jpg: a caption
        return [Table(name, [], named, malformed=[number for number, pair in pairs.items() if not pair])]
    # Commas may be those of texts in the first column, with another separator behind them.
    others = [
        mark for mark in "\t;|" if mark != table.delimiter and 10 * sum(mark in line for line in lines) > 9 * len(pairs)
    ]
    return [table, *(_table_of(lines, name, mark) for mark in others)]


def _table_of(lines: Sequence[str], name: str, delimiter: str = "") -> Table:
    """The table of a text whose fields are separated by ``delimiter``, or by what its lines tell."""
    delimiter, rows_of_text = table_rows(lines, delimiter)
    rows = list(rows_of_text)
    header = is_header(rows)
    return Table(name, rows[0].fields if header else [], rows[header:], delimiter)


def _flagged(lines: Sequence[str], named: Sequence[Row], name: str) -> Table | None:
    """A table of attributes, as CelebA's: their names in a line, then ``NAME.jpg -1 1 ...`` for each image."""
    rows = [Row(row.line, [row.fields[0], *str(row.fields[1]).split()]) for row in named]
    header = lines[rows[0].line - 2].split() if rows and rows[0].line > 1 else []
    if len(header) > 1 and all(len(row.fields) == len(header) + 1 and _holds_flags(row.fields[1:]) for row in rows):
        return Table(name, ["file", *header], rows)
    return None


def _json_lines(lines: Sequence[str], name: str, where: str, error: json.JSONDecodeError) -> list[Table]:
    values, malformed = [], []
    for number, line in enumerate(lines, start=1):
        own = re.sub(r"^\[(?={)|(?<=})]$", "", line.strip().rstrip(","))  # of an array that is not quite JSON
        if own not in ("", "[", "]"):
            try:
                values.append(_json_or_python(own))
            except _NO_JSON:
                malformed.append(number)
                continue
            if not isinstance(values[-1], dict):
                malformed.append(number)
    if not values and _JSON.match("\n".join(lines)):
        raise InputError(f"{where}, line {error.lineno}: not whole JSON ({error.msg}); save it anew")
    tables = list(_tables_of([value for value in values if isinstance(value, dict)], name))
    for table in tables:
        table.malformed = malformed
    return tables


def read_yaml(text: str) -> Any:
    """What YAML holds; ``None`` where it is none, or has references, of which a few lines can unfold without end."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        refers = any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, loader))
        return None if refers else json.loads(json.dumps(yaml.load(text, loader), default=str))  # keys are texts
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):
        return None


def _json_or_python(line: str) -> Any:
    """A line of JSON, or one that Python prints for the same value."""
    try:
        return json.loads(line)
    except ValueError:
        return ast.literal_eval(line)


def _tables_of(value: Any, name: str, depth: int = 0) -> Iterator[Table]:
    """The lists of captions that JSON may be: records, pairs, a mapping, columns, and those within it."""
    if isinstance(value, list):
        records = {i: flat(record) for i, record in enumerate(value, start=1) if isinstance(record, dict)}
        if records:
            yield Table.of(name, records, [i for i in range(1, len(value) + 1) if i not in records])
        pairs = [pair for pair in value if isinstance(pair, list)]
        if pairs:
            yield Table(name, [], [Row(i, pair, True) for i, pair in enumerate(pairs, start=1)])
        return
    if not isinstance(value, dict) or not value:
        return
    yield from _tables_of([value], name, depth)
    inner = list(value.values())
    if all(isinstance(each, dict) for each in inner):
        yield from _tables_of([{"key": key, **each} for key, each in value.items()], name, depth)
        if all(each.keys() == inner[0].keys() for each in inner):  # columns, as pandas writes them
            yield Table(name, list(value), [Row(i, [each[k] for each in inner]) for i, k in enumerate(inner[0])])
    elif all(isinstance(each, list) and len(each) == len(inner[0]) for each in inner) and len(inner) > 1:
        yield Table(name, list(value), [Row(i, list(row)) for i, row in enumerate(zip(*inner, strict=True))])
    yield Table(name, ["key", "captions"], [Row(i, list(item)) for i, item in enumerate(value.items(), start=1)])
    yield from _joined(value, name)
    splits = _splits(value)
    if splits:
        yield from _tables_of(splits, name, _DEEP)
    if depth < _DEEP:
        for each in inner:
            if isinstance(each, (list, dict)):
                yield from _tables_of(each, name, depth + 1)


def _splits(value: dict[str, Any]) -> Any:
    """The lists or mappings of ``{"train": ..., "test": ...}`` as one; ``None`` where they are of several kinds.

    The split stands before a name that several of them have, and in a column of the records.
    """
    lists = {key: each for key, each in value.items() if isinstance(each, list) and each and isinstance(each[0], dict)}
    if len(lists) > 1 and len({frozenset(each[0]) for each in lists.values()}) == 1:
        return [{"split": key, **each} for key, records in lists.items() for each in records if isinstance(each, dict)]
    if len(value) > 1 and all(isinstance(each, dict) for each in value.values()):
        times = Counter(key for each in value.values() for key in each)
        items = [(split, *item) for split, each in value.items() for item in each.items()]
        return {key if times[key] == 1 else f"{split}/{key}": inner for split, key, inner in items}
    return None


def flat(record: dict[str, Any], depth: int = 0) -> dict[str, Any]:
    """A record with the fields of the records within it: ``{"image.file_name": ...}``."""
    result: dict[str, Any] = {}
    for key, value in record.items():
        if isinstance(value, dict) and depth < _DEEP and not _KINDS_OF_TEXT.search(plain_name(str(key))):
            result |= {f"{key}.{inner}": each for inner, each in flat(value, depth + 1).items()}
        else:
            result[str(key)] = value
    return result


def _joined(value: dict[str, Any], name: str) -> Iterator[Table]:
    """A list of records that name the ``id`` of those in other lists, as ``image_id`` and ``category_id`` in COCO."""
    lists = {
        key: records
        for key, records in value.items()
        if isinstance(records, list) and records and all(isinstance(record, dict) for record in records)
    }
    by_id = {key: {str(record.get("id")): record for record in records} for key, records in lists.items()}
    for key, records in lists.items():
        links = {
            link: other
            for link in records[0]
            for other in lists
            if link.endswith("_id") and other != key and _plural(link.removesuffix("_id"), other)
            if str(records[0][link]) in by_id[other]
        }
        if links:
            linked = [dict(record) for record in records]
            for record in linked:
                for link, other in links.items():
                    stem, of_other = link.removesuffix("_id"), by_id[other].get(str(record.get(link)), {})
                    record |= {stem if field == "name" else f"{stem}.{field}": each for field, each in of_other.items()}
            yield from _tables_of(linked, name, _DEEP)


def _plural(one: str, several: str) -> bool:
    return several in (one, f"{one}s", f"{one[:-1]}ies")


# -- columns ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chosen:
    """Which columns of a table hold what, by their positions.

    Attributes:
        note: One line where other columns hold texts too.
        hits: How many of the images that some rows name are there.
        flags: The columns of texts hold none: each says whether an image has what it is called.
        labels: The texts are attributes or classes, which are captions where no other list has any.
    """

    table: Table
    file: int
    folder: int | None
    texts: list[int]
    source: int | None
    group: int | None
    hits: int
    note: str = ""
    flags: bool = False
    labels: bool = False

    def references(self) -> Iterator[tuple[Row, str]]:
        """Each row with what it calls its image."""
        for row in self.table.rows:
            yield row, self.table.reference(row, self.file, self.folder)

    def captions(self, row: Row) -> list[str] | None:
        """The captions of a row, ``""`` if it has none; ``None`` where its fields are not those of the table."""
        fields, width = row.fields, self.table.width or max(self.file, self.texts[-1]) + 1
        if len(fields) <= max(self.file, self.texts[0]):
            return None
        if len(fields) > width:
            if self.texts[-1] != width - 1:
                return None
            rest = [str(each) for each in fields[width - 1 :]]
            # Commas in a text that is not quoted are its own.
            tail = rest if row.quoted else [unquoted(self.table.delimiter.join(rest).strip())]
            fields = [*fields[: width - 1], tail]  # type: ignore[list-item]
        values = [fields[i] for i in self.texts if i < len(fields)]
        if not self.table.columns and isinstance(values[-1], str):
            values[-1] = unquoted(values[-1].strip())
        names = self.table.columns and [self.table.columns[i] for i in self.texts]
        if self.flags:
            return [
                ", ".join(
                    name.replace("_", " ").strip() for name, value in zip(names, values, strict=False) if _flag(value)
                )
            ]
        named = zip(names or [""] * len(values), values, strict=False)
        return [text for name, value in named for text in captions_of(name, value)] or [""]

    def word(self, row: Row, column: int | None) -> str | None:
        """What a row says in the column of sources or of groups."""
        return word_of(row.fields[column]) if column is not None and column < len(row.fields) else None


def choose(
    table: Table, is_there: Callable[[str], bool], columns: Columns, *, by_name: bool, header: bool
) -> Chosen | str:
    """Which columns of a table hold what; a text says why it is no list of captions.

    Args:
        table: The rows.
        is_there: Whether there is an image that a cell names.
        columns: The columns that a person asks for; several names are separated by commas.
        by_name: Take the column that is called like one of images, although none of them is there.
        header: Take the first row for the header, if nothing else is one and the row names no image.
    """
    if not table.rows:
        return f"{table.name}: holds no rows; write 'file,text' on each line"
    wanted = {plain_name(name) for name in f"{columns.caption},{columns.image}".split(",") if name}
    if wanted and not table.columns and wanted <= {*table.headed().names}:
        table = table.headed()
    if len(table.names) < 2:
        return f"{table.name}: has one column; write 'file,text' on each line"
    try:
        asked = _named(table, columns.image)[:1] if columns.image else []
        _named(table, columns.caption) if columns.caption else []
    except InputError as error:
        return str(error)
    if asked:
        file, folder, hits = asked[0], None, sum(map(is_there, map(reference_of, table.cells(asked[0]))))
    else:
        found = _file_column(table, is_there, by_name)
        if found is None:
            return f"{table.name}: {_why_no_image(table)}"
        file, folder, hits = found
    if header and not table.columns and len(table.rows) > 1:
        first = table.reference(table.rows[0], file)
        if _WORD.fullmatch(first) and not is_image(first) and not is_there(first):
            table = table.headed()
    texts, note = caption_columns(table, columns.caption, file)
    named = [i for i, name in enumerate(table.columns) if i != file and _ATTRIBUTE.search(name)]
    names = table.names
    flags = [] if texts else [i for i in named if not _IDS.search(names[i]) and _holds_flags(table.cells(i))]
    texts = texts or (flags if len(flags) > 1 and 2 * len(flags) >= len(named) else [])
    if not texts:
        return note or f"{table.name}: no column holds texts"
    source = names.index(SOURCE_COLUMN) if SOURCE_COLUMN in names else None
    group = next((names.index(name) for name in GROUP_COLUMNS if name in names), None)
    labels = bool(flags) or (group in texts and not columns.caption)
    group = None if group in texts else group
    return Chosen(table, file, folder, texts, source, group, hits, note, bool(flags), labels)


def _why_no_image(table: Table) -> str:
    """What a table without the names of images that are here holds in their place."""
    for i in range(len(table.names)):
        cells = [str(cell) for cell in table.cells(i)]
        name = f" in the column {printable(table.columns[i])}" if table.columns else ""
        if 0 < len(cells) <= 2 * sum(map(bool, map(_BASE64.match, cells))):
            return f"holds images as base64 text{name}; save them as files"
        if 0 < len(cells) <= 2 * sum(map(bool, map(_ADDRESS.match, cells))):
            return f"holds addresses of images{name}, none of which is here; download them (img2dataset does)"
    seen = f"; its columns are {', '.join(map(printable, table.columns[:10]))}" if table.columns else ""
    return f"names no image that is here{seen}"


def caption_columns(table: Table, wanted: str, file: int = -1) -> tuple[list[int], str]:
    """The positions of the columns of captions, and one line where other columns hold texts too.

    Args:
        table: The rows.
        wanted: The columns that a person asks for; empty: what their values tell.
        file: The column of images.
    """
    if wanted:
        return _named(table, wanted), ""
    texts, others = _text_columns(table, file)
    if not others:
        return texts, ""
    used, left = (", ".join(printable(table.columns[i].strip()) for i in each) for each in (texts, others))
    found = f"captions are {used}, not {left}" if texts else f"any of several columns may hold captions ({left})"
    return texts, f"{table.name}: {found}; --caption-column NAME,NAME chooses"


def _named(table: Table, wanted: str) -> list[int]:
    """The positions of columns that were asked for."""
    for name in wanted.split(","):
        if plain_name(name) not in table.names:
            seen = ", ".join(map(printable, table.columns)) or "without names"
            raise InputError(f"{table.name}: no column {name.strip()!r}; its columns are {seen}")
    return [table.names.index(plain_name(name)) for name in wanted.split(",")]


def _file_column(table: Table, is_there: Callable[[str], bool], by_name: bool) -> tuple[int, int | None, int] | None:
    """The column whose values name images that are there, one that names their folders, and how many are there."""
    names = table.names
    best: tuple[Any, ...] = ()
    folders: dict[int, int] = {}
    for i, name in enumerate(names):
        values = [reference for cell in table.cells(i) if (reference := reference_of(cell))]
        if len(table.rows) == 1 and len(values) == 1 and values[0].isdecimal():  # one number may be of anything
            continue
        own = name.rpartition(".")[2]  # of a record within
        files, rank = sum(map(is_image, values)), ID_COLUMNS.index(own) if own in ID_COLUMNS else len(ID_COLUMNS)
        hits = sum(map(is_there, values))
        if not hits and 2 * files >= len(values) > 0:  # of a large list, perhaps a few rows only
            hits = sum(i < len(row.fields) and is_there(reference_of(row.fields[i])) for row in table.rows)
        if hits < len(values) <= 2 * files:  # perhaps another column names their folders
            for j in range(len(names)):
                joined = [table.reference(row, i, j) for row in table.sample()] if j != i else []
                if sum(map(is_there, joined)) > hits:
                    folders[i], hits = j, sum(map(is_there, joined))
        if hits and 2 * max(hits, files) >= len(values):
            best = max(best, (2 * hits >= len(values), 2 * files >= len(values), -rank, hits, -i))
    if best:
        return -best[-1], folders.get(-best[-1]), best[-2]
    known = [i for name in ID_COLUMNS for i in range(len(names)) if names[i] == name]
    if by_name and not table.columns:
        known = [int(is_numbered(table.rows))]
    return (known[0], None, 0) if by_name and known else None


def _text_columns(table: Table, file: int) -> tuple[list[int], list[int]]:
    """The columns of captions, and others that hold texts too."""
    names = table.names
    holding = [i for i in range(len(names)) if i != file and holds_texts(table.cells(i))]
    if not table.columns:  # without a header, a text ends where its line does
        after = [i for i in holding if i > file] or holding
        return after if table.width else after[:1], []
    known = dict.fromkeys((*TEXT_COLUMNS, *GROUP_COLUMNS))
    exact = [i for name in known for i in range(len(names)) if names[i] == name and i != file]
    exact = [i for i in exact if i in holding] or [i for i in exact if not table.cells(i)]
    exact = [i for i in exact if names[i] == names[exact[0]]]
    alike = [i for i in holding if _KINDS_OF_TEXT.search(names[i])]
    full = exact and (not alike or 2 * len(table.cells(exact[0])) >= len(table.sample()))
    if full and names[exact[0]] not in GROUP_COLUMNS:
        return exact, [i for i in alike if i not in exact and names[i] not in ID_COLUMNS]
    # One text for all rows is no caption where others differ, nor is what a picture must not show.
    differ = {i for i in alike if len(table.cells(i)) == 1 or len(set(map(str, table.cells(i)))) > 1}
    chosen = [i for i in alike if (i in differ or not differ) and not _NEGATIVE.search(names[i])]
    if chosen:
        return chosen, [i for i in alike if i not in chosen]
    others = [i for i in holding if names[i] not in {*_OTHERS, *GROUP_COLUMNS, *ID_COLUMNS, ""}]
    others = [i for i in others if len(set(map(str, table.cells(i)))) > 1 or len(table.rows) == 1]
    lengths = {i: _mean_length(table.cells(i)) for i in others if _are_phrases(table.cells(i))}
    spoken = [i for i in lengths if 3 * lengths[i] > max(lengths.values())]  # a name beside sentences is none
    chosen = spoken or exact or (others if len(others) == 1 else [])
    return chosen, [i for i in others if i not in chosen]


def names_texts(name: str) -> bool:
    """Whether a column is called like one of captions."""
    return plain_name(name) in TEXT_COLUMNS or bool(_KINDS_OF_TEXT.search(plain_name(name)))


def holds_texts(cells: Sequence[Any]) -> bool:
    """Whether most cells that are not blank hold words: letters, but no addresses, names of files or true and false."""
    texts = [*filter(None, map(str.strip, _texts_in(cells)))]
    return 0 < len(texts) <= 2 * sum(map(_holds_words, texts))


def _holds_words(text: str) -> bool:
    no_words = _flag(text) is not None or any(known.fullmatch(text) for known in (_PLACE, _DATE, _CODE))
    return any(map(str.isalpha, text)) and not no_words and not is_image(text.partition("#")[0])


def _flag(value: Any) -> bool | None:
    return _FLAGS.get(str(value).strip().lower())


def _holds_flags(cells: Sequence[Any]) -> bool:
    return bool(cells) and None not in map(_flag, cells)


def _texts_in(cells: Sequence[Any]) -> list[str]:
    return [text for cell in cells for text in texts_of(cell)]


def _are_phrases(cells: Sequence[Any]) -> bool:
    texts = _texts_in(cells)
    return 2 * sum(" " in text.strip() or not text.isascii() for text in texts) >= len(texts)


def _mean_length(cells: Sequence[Any]) -> float:
    texts = _texts_in(cells)
    return sum(len(text.encode("utf-8", "replace")) for text in texts) / len(texts)  # bytes: a sign may be a word


# -- cells -----------------------------------------------------------------------------------------------------------


def captions_of(column: str, value: Any) -> list[str]:
    """The captions in a cell of a column: as ``texts_of``, but a list of tags is one caption."""
    texts = texts_of(value)
    return [", ".join(texts)] if len(texts) > 1 and _TAGS.search(plain_name(column)) else texts


def texts_of(value: Any) -> list[str]:
    """The captions in a cell: a text, a list of texts, one that was written as a text, or a record of them."""
    if isinstance(value, str):
        start = value.lstrip()[:1]
        if start == "[" and _LIST.fullmatch(value):
            return [re.sub(r"\\(.)", r"\1", one or other) for one, other in _ITEM.findall(value)]
        if start in ("[", "{"):
            with suppress(*_NO_JSON):
                inner = _json_or_python(value)
                return texts_of(inner) or [value] if isinstance(inner, (list, dict)) else [value]
        return [value]
    if isinstance(value, dict):
        if value.get("from", value.get("role")) in ("human", "user", "system"):  # what was asked of a model
            return []
        names = {plain_name(str(name)): name for name in value}
        own = next((name for name in (*TEXT_COLUMNS, "raw", "value", "content", "name") if name in names), None)
        parts = (
            [value[names[own]]]
            if own
            else [each for each in value.values() if not isinstance(each, str) or _holds_words(each)]
        )
        return [text for part in parts for text in texts_of(part)]
    if isinstance(value, (list, tuple)):
        return [text for part in value for text in texts_of(part)]
    return []


def word_of(value: Any) -> str | None:
    """A cell that names a source or a class; ``None`` where it is blank or an address."""
    if value is None or isinstance(value, (dict, list)) or value != value:  # NaN
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value).strip()
    return text if text and "://" not in text else None


def reference_of(value: Any) -> str:
    """A cell that names an image; ``""`` where it does not."""
    value = texts_of(value) if isinstance(value, str) and _LIST.fullmatch(value) else value
    if isinstance(value, (list, tuple)) and len(value) == 1:
        value = value[0]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip() if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
