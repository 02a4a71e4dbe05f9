"""What a format gives: examples one by one, and an account of what it could not use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

NAMED = 5  # examples that a summary names

NO_IMAGE = "without image"
NO_CAPTION = "without caption"
EMPTY = "with an empty caption"
LONG = "with too long a caption"
NOT_TEXT = "with a caption that is not valid Unicode"
REPEATED = "repeated"
DAMAGED = "damaged"
UNREAD_KIND = "of a kind that is not read"
MALFORMED = "malformed"


@dataclass(frozen=True)
class Example:
    """One image with its captions.

    Attributes:
        key: What the data call it; the same wherever the data lie.
        load: The bytes of its file; may be called in another thread, and may raise anything.
        captions: As they stand in the data, perhaps unusable.
        name: What messages call its file.
        source: Where the data name one.
        group: Its class, where the data name one.
    """

    key: str
    load: Callable[[], bytes]
    captions: Sequence[str]
    name: str
    source: str | None = None
    group: str | None = None


@dataclass
class Ledger:
    """What became of the rows of one path, by source where the data name sources.

    Attributes:
        rows: Captions read.
        counts: What was left out, by (source, reason).
        examples: The first few of them.
    """

    rows: Counter[str | None] = field(default_factory=Counter)
    counts: Counter[tuple[str | None, str]] = field(default_factory=Counter)
    examples: dict[tuple[str | None, str], list[str]] = field(default_factory=dict)

    def leave_out(self, reason: str, example: str, source: str | None = None) -> None:
        """Count something that cannot be used."""
        self.counts[source, reason] += 1
        named = self.examples.setdefault((source, reason), [])
        if len(named) < NAMED:
            named.append(printable(example))


@dataclass(frozen=True)
class Found:
    """What a format has found in a tree.

    Attributes:
        format: Its name, as in ``ImageDataset.formats``.
        read: Gives the examples, and counts what it cannot use.
        source: What the source is called, where the format says so.
    """

    format: str
    read: Callable[[Ledger], Iterator[Example]]
    source: str | None = None


def printable(text: str, most: int = 80) -> str:
    """A name of the data's for a message: in one line, without what a terminal cannot show, not endless."""
    text = text.encode("utf-8", "backslashreplace").decode()
    text = "".join(character if character.isprintable() else "?" for character in text)
    return text if len(text) <= most else f"{text[: most - 3]}..."
