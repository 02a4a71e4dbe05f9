"""The two forms of the assignment: ``ID,tag:count<TAB>tag:count`` (anime) and ``ID,COLOUR hair COLOUR eyes`` (extra).

Most lines of the Anime Dataset's form make a file of that form; every line of the Extra Data's makes one of that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from encoder.attributes.vocabulary import EYE_COLOURS, HAIR_COLOURS
from encoder.files import Record, decode_lines, read_records
from encoder.text import MAX_TEXT, normalise
from gan.data.formats import lists
from gan.data.formats.reading import Example, Reading
from gan.data.summary import MALFORMED

_COUNTED = re.compile(r"(?P<tag>.+):\d+")
_EXTRA = re.compile(rf"(?:{'|'.join(HAIR_COLOURS)}) hair (?:{'|'.join(EYE_COLOURS)}) eyes")


def read(reading: Reading) -> Iterator[Example]:
    """The faces of a ``tags.csv`` in one of the two forms."""
    table = lists.tags_file(reading.tree)
    if table is None:
        return
    records = list(read_records(decode_lines(reading.tree.read_table(table))))
    texts = [record.text for record in records]
    if 2 * sum(bool(text is not None and counted_tags(text)) for text in texts) > len(texts):
        form = "anime"
        rows = [(record, _caption(record)) for record in records]
    elif texts and all(text is not None and _EXTRA.fullmatch(normalise(text)) for text in texts):
        form = "extra"
        rows = [(record, record.text) for record in records]
    else:
        return
    reading.found(form)
    reading.source, reading.complete = form, True
    matched = lists.Matched(reading, table)
    matched.look_up(record.id for record, _ in rows)
    for record, caption in rows:
        if caption is None:
            reading.ledger.of(None).rows += 1
            reading.ledger.leave_out(MALFORMED, f"line {record.line}")
        else:
            matched.add(record.id, [caption])
    yield from matched.images.values()


def _caption(record: Record) -> str | None:
    """The tags of a row as a list; a list that is too long for a caption ends after its last whole tag."""
    tags = counted_tags(record.text or "")
    if tags is None:
        return None
    text = ", ".join(dict.fromkeys(tags))
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT + 1].rpartition(", ")[0]


def counted_tags(text: str) -> list[str] | None:
    """The tags of ``tag:count<TAB>tag:count``, normalised; ``None`` where the text is not of this form."""
    matches = [_COUNTED.fullmatch(part.strip()) for part in text.split("\t") if part.strip()]
    tags = [normalise(match["tag"]) for match in matches if match]
    return tags if len(tags) == len(matches) else None
