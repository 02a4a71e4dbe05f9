"""The two forms of the assignment: ``ID,tag:count<TAB>tag:count`` (anime) and ``ID,COLOUR hair COLOUR eyes`` (extra).

Most lines of the Anime Dataset's form make a file of that form; every line of the Extra Data's makes one of that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from encoder.attributes.vocabulary import EYE_COLOURS, HAIR_COLOURS
from encoder.files import Record
from encoder.text import MAX_TEXT, normalise
from gan.data.examples import MALFORMED, Found, Ledger
from gan.data.formats.tags import Table, read_table
from gan.data.tree import Tree

RANK = 0
ACCEPTS = "the assignment's tags.csv with faces/ or images/"

_COUNTED = re.compile(r"(?P<tag>.+):\d+")
_EXTRA = re.compile(rf"(?:{'|'.join(HAIR_COLOURS)}) hair (?:{'|'.join(EYE_COLOURS)}) eyes")


def find(tree: Tree) -> Found | None:
    """See ``gan.data.formats``."""
    table = read_table(tree)
    if table is None or not table.records:
        return None
    texts = [record.text for record in table.records]
    if 2 * sum(bool(text is not None and counted_tags(text)) for text in texts) > len(texts):
        return Found("anime", lambda ledger: table.examples(_anime(table, ledger), ledger), "anime")
    if all(text is not None and _EXTRA.fullmatch(normalise(text)) for text in texts):
        return Found("extra", lambda ledger: table.examples(table.records, ledger), "extra")
    return None


def counted_tags(text: str) -> list[str] | None:
    """The tags of ``tag:count<TAB>tag:count``, normalised; ``None`` where the text is not of this form."""
    matches = [_COUNTED.fullmatch(part.strip()) for part in text.split("\t") if part.strip()]
    tags = [normalise(match["tag"]) for match in matches if match]
    return tags if len(tags) == len(matches) else None


def _anime(table: Table, ledger: Ledger) -> Iterator[Record]:
    """The rows, their tags as a list; a list too long for a caption ends after its last whole tag."""
    for record in table.records:
        tags = counted_tags(record.text or "")
        if tags is None:
            ledger.rows[None] += 1
            ledger.leave_out(MALFORMED, f"line {record.line}")
            continue
        text = ", ".join(dict.fromkeys(tags))
        if len(text) > MAX_TEXT:
            text = text[: MAX_TEXT + 1].rpartition(", ")[0]
        yield Record(record.line, record.id, text)
