"""The text files of the task: ``tags.csv`` in its formats, and the testing file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from encoder.attributes.vocabulary import EYE_COLOURS, HAIR_COLOURS, HAIR_LENGTHS, SLOTS, Attributes
from encoder.common.errors import InputError
from encoder.text import check_text, normalise

_ID = re.compile(r"\w[\w .-]*")  # ids become file names
_HEADER_IDS = {"id", "img_id", "image_id", "testing_text_id"}
_TAGS = {
    "hair": {f"{colour} hair": colour for colour in HAIR_COLOURS},
    "eyes": {f"{colour} eyes": colour for colour in EYE_COLOURS},
    "length": {f"{length} hair": length for length in HAIR_LENGTHS},
}
_COUNTED_TAG = re.compile(r"(?P<tag>.+):\d+")


@dataclass(frozen=True)
class TagRow:
    """What one line of a ``tags.csv`` says about one image.

    Attributes:
        id: The image's file name without its ending.
        hair: The hair colours stated: none, one, or several where the label is ambiguous.
        eyes: The eye colours stated, likewise.
        length: The hair lengths stated, likewise.
        text: The caption, where the file holds free captions; its attributes are given only if it is a canonical one.
    """

    id: str
    hair: tuple[str, ...] = ()
    eyes: tuple[str, ...] = ()
    length: tuple[str, ...] = ()
    text: str | None = None


@dataclass(frozen=True)
class Tags:
    """A ``tags.csv`` as read.

    Attributes:
        format: ``"anime"``: ``ID,tag:count<TAB>tag:count``; ``"extra"``: ``ID,COLOUR hair COLOUR eyes``; ``"free"``:
            ``ID,any caption``.
        rows: One for each line, in the order of the file; no id comes twice.
        ignored: The tags that state no attribute of the task, and how often each occurs.
    """

    format: Literal["anime", "extra", "free"]
    rows: list[TagRow]
    ignored: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class TextLine:
    """One line of a testing file."""

    id: str
    text: str


def read_testing_file(path: str | Path) -> list[TextLine]:
    """Read a testing file: ``id,text`` on each line, in UTF-8; ids in any order.

    A space after the comma, blank lines, either line ending, a byte order mark and a header line are all taken.

    Raises:
        InputError: The file is missing, unreadable or empty, or a line is malformed; the message gives its number.
    """
    records = _records(read_lines(path), str(path))
    return [TextLine(id, check_text(text, where)) for where, id, text in records]


def read_tags(lines: Iterable[str], name: str) -> Tags:
    """Read a ``tags.csv`` of any of the three formats, which is told from its lines.

    Most lines of the Anime Dataset's form make a file of that format; every line of the Extra Data's form makes one of
    that; anything else is a file of free captions.

    Args:
        lines: The file's lines, as from ``read_lines`` or ``decode_lines``.
        name: The file's name, for messages.

    Raises:
        InputError: The file is empty, or a line is malformed; the message gives its number.
    """
    records = _records(lines, name)
    seen: dict[str, str] = {}
    for where, id, _ in records:
        if id in seen:
            raise InputError(f"{where}: the id {id} came before, in {seen[id]}; keep one of the lines")
        seen[id] = where

    if 2 * sum(bool(_counted_tags(text)) for _, _, text in records) > len(records):
        return _read_anime(records)
    stated = [Attributes.from_caption(text) for _, _, text in records]
    if all(a is not None and a.hair and a.eyes and not a.length for a in stated):
        return Tags("extra", [_row(id, a) for (_, id, _), a in zip(records, stated, strict=True)])
    rows = [_row(id, a, check_text(text, where)) for (where, id, text), a in zip(records, stated, strict=True)]
    return Tags("free", rows)


def read_lines(path: str | Path) -> list[str]:
    """The lines of a UTF-8 text file, without their endings. A file that cannot be read is an ``InputError``."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    return decode_lines(data, str(path))


def decode_lines(data: bytes, name: str) -> list[str]:
    """The lines of a UTF-8 text, with or without a byte order mark; bytes of another encoding are an ``InputError``."""
    data = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{name}, line {line}: not UTF-8 text; save the file as UTF-8") from error
    return text.split("\n")


def _records(lines: Iterable[str], name: str) -> list[tuple[str, str, str]]:
    """(where, id, text) of every line that is not blank, the header left out."""
    records: list[tuple[str, str, str]] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{name}, line {number}"
        id, comma, text = line.partition(",")
        id, text = id.strip(), text.strip()
        if not comma:
            raise InputError(f"{where}: no comma; write 'id,text'")
        if not records and id.lower() in _HEADER_IDS:
            continue
        if not _ID.fullmatch(id):
            raise InputError(f"{where}: {id[:40]!r} is not an id; use letters, digits, '-', '_' and '.'")
        if len(text) > 1 and text[0] == text[-1] == '"':  # how spreadsheets save a text with commas
            text = text[1:-1].replace('""', '"')
        records.append((where, id, text))
    if not records:
        raise InputError(f"{name}: the file holds no lines; write 'id,text' on each")
    return records


def _counted_tags(text: str) -> list[str] | None:
    """The tags of ``tag:count<TAB>tag:count``, normalised; ``None`` where the text is not of this form."""
    matches = [_COUNTED_TAG.fullmatch(part.strip()) for part in text.split("\t") if part.strip()]
    tags = [normalise(match["tag"]) for match in matches if match]
    return tags if len(tags) == len(matches) else None


def _read_anime(records: list[tuple[str, str, str]]) -> Tags:
    rows, ignored = [], Counter[str]()
    for where, id, text in records:
        tags = _counted_tags(text)
        if tags is None:
            raise InputError(f"{where}: not 'id,tag:count<TAB>tag:count', as the file's other lines are; mend the line")
        tags = list(dict.fromkeys(tags))
        hair, eyes, length = (tuple(_TAGS[slot][tag] for tag in tags if tag in _TAGS[slot]) for slot in SLOTS)
        rows.append(TagRow(id, hair, eyes, length))
        ignored.update(tag for tag in tags if not any(tag in known for known in _TAGS.values()))
    return Tags("anime", rows, ignored)


def _row(id: str, stated: Attributes | None, text: str | None = None) -> TagRow:
    hair, eyes, length = (
        () if stated is None or getattr(stated, slot) is None else (getattr(stated, slot),) for slot in SLOTS
    )
    return TagRow(id, hair, eyes, length, text)
