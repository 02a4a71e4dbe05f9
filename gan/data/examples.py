"""What a form of captions gives: examples one by one, and the counts of what could not be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

NAMED = 5  # examples that a summary names

NO_IMAGE = "without image"
NO_CAPTION = "without caption"
EMPTY = "with an empty caption"
SHORTENED = "with a caption that is used up to its 2,000th character"
NOT_TEXT = "with a caption that is not valid Unicode"
REPEATED = "repeated"
DAMAGED = "damaged"
CUT_OFF = "cut off, used as far as they go"
POINTER = "Git LFS pointers, not images (git lfs pull fetches them)"
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
        counts: What was left out or changed, by (source, reason).
        examples: The first few of them.
        notes: Lines that say how the data were understood.
        sizes: How many images have which size in pixels, ``"96x96"``.
    """

    rows: Counter[str | None] = field(default_factory=Counter)
    counts: Counter[tuple[str | None, str]] = field(default_factory=Counter)
    examples: dict[tuple[str | None, str], list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    sizes: Counter[str] = field(default_factory=Counter)

    def leave_out(self, reason: str, example: str, source: str | None = None) -> None:
        """Count something that cannot be used, or not as it is."""
        self.counts[source, reason] += 1
        named = self.examples.setdefault((source, reason), [])
        if len(named) < NAMED:
            named.append(printable(example))


@dataclass(frozen=True)
class Columns:
    """The columns of lists that hold captions and name images, by name; empty: their values tell."""

    caption: str = ""
    image: str = ""


def printable(text: str, most: int = 80) -> str:
    """A name of the data's for a message: in one line, without what a terminal cannot show, not endless."""
    text = text.encode("utf-8", "backslashreplace").decode()
    text = "".join(character if character.isprintable() else "?" for character in text)
    return text if len(text) <= most else f"{text[: most - 3]}..."
