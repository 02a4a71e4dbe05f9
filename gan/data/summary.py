"""What became of the rows and images of a data set: what was used, what was left out, why, and the first examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from gan.data.splits import Split

NAMED = 5  # examples that a summary names

NO_IMAGE = "without image"
NO_CAPTION = "without caption"
EMPTY = "with an empty caption"
SHORTENED = "with a caption that is used up to its 2,000th character"
NOT_TEXT = "with a caption that is not valid Unicode"
REPEATED = "repeated"
DAMAGED = "damaged"
CUT_OFF = "cut off, used as far as they go"
TOO_LARGE = "larger than 178 million pixels"
POINTER = "Git LFS pointers, not images (git lfs pull fetches them)"
UNREAD_KIND = "of a kind that is not read"
MALFORMED = "malformed"


@dataclass
class SourceSummary:
    """What became of the rows and the images of one source.

    Attributes:
        name: The source's name; ``None`` while the data are read, where they name none.
        rows: Captions read.
        images: Images by split, as in ``ImageDataset.splits``.
        reasons: How many rows or images were left out, or not used as they are, by reason.
        examples: The first few of them.
        notes: Lines that say how the data were understood.
        sizes: How many images have which size in pixels, ``"96x96"``.
        copies: How many images are copies of an earlier one of the source.
    """

    name: str | None
    rows: int = 0
    images: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    sizes: Counter[str] = field(default_factory=Counter)
    copies: int = 0

    def add(self, others: Iterable[SourceSummary]) -> Self:
        """Count what became of other sources as of this one."""
        for other in others:
            self.rows += other.rows
            self.copies += other.copies
            self.images += other.images
            self.reasons += other.reasons
            self.sizes += other.sizes
            self.notes += other.notes
            for reason, names in other.examples.items():
                self.examples[reason] = [*self.examples.get(reason, ()), *names][:NAMED]
        return self

    @property
    def left_out(self) -> str:
        """What could not be used, in one line; empty where nothing was left out."""
        parts = [_counted(count, reason, self.examples.get(reason, ())) for reason, count in self.reasons.items()]
        if self.images["copy"]:
            parts.append(f"{self.images['copy']:,} copies of held-out images")
        return ", ".join(parts)

    def __str__(self) -> str:
        train, heldout = self.images["train"], self.images["heldout"]
        lines = [f"{self.name}: {self.rows:,} rows, {train:,} training + {heldout:,} held-out images"]
        lines += [f"  {note}" for note in self.notes]
        return "\n".join([*lines, *([f"  left out: {self.left_out}"] if self.left_out else [])])


@dataclass
class Summary:
    """What was read, source by source, and how many images of ``split`` were loaded."""

    split: Split
    sources: Sequence[SourceSummary] = field(default_factory=list)
    loaded: int = 0

    def __str__(self) -> str:
        return "\n".join([*map(str, self.sources), f"loaded: {self.loaded:,} images ({self.split})"])


class Ledger:
    """What becomes of the rows of one path while they are read, by source."""

    def __init__(self, sources: Iterable[SourceSummary] = ()) -> None:
        self.sources = {source.name: source for source in sources}

    def of(self, source: str | None) -> SourceSummary:
        """The account of a source; ``None``: of what belongs to none."""
        return self.sources.setdefault(source, SourceSummary(source))

    def leave_out(self, reason: str, example: str, source: str | None = None) -> None:
        """Count something that cannot be used, or not as it is."""
        account = self.of(source)
        account.reasons[reason] += 1
        named = account.examples.setdefault(reason, [])
        if len(named) < NAMED:
            named.append(printable(example))

    def note(self, line: str) -> None:
        """Say how the data were understood, once."""
        if line not in self.of(None).notes:
            self.of(None).notes.append(line)

    def to_json(self) -> list[dict[str, Any]]:
        """The accounts as plain values."""
        return [vars(source) for source in self.sources.values()]

    @classmethod
    def from_json(cls, values: list[dict[str, Any]]) -> Ledger:
        """The inverse of ``to_json``; a TypeError, ValueError or KeyError where the values are others."""
        counted = ("images", "reasons", "sizes")
        return cls(SourceSummary(**{**own, **{name: Counter(own[name]) for name in counted}}) for own in values)


def printable(text: str, most: int = 80) -> str:
    """A name of the data's for a message: in one line, without what a terminal cannot show, not endless."""
    text = text.encode("utf-8", "backslashreplace").decode()
    text = "".join(character if character.isprintable() else "?" for character in text)
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _counted(count: int, reason: str, examples: Sequence[str]) -> str:
    named = ", ".join(examples) + (", ..." if count > len(examples) else "")
    return f"{count:,} {reason} ({named})" if examples else f"{count:,} {reason}"
