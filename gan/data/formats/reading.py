"""What the forms of captions share while one tree is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

from gan.data.decoding import READ
from gan.data.names import ImageNames, base_name
from gan.data.summary import Ledger
from gan.data.tables import Columns
from gan.data.tree import Tree


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
    captions: list[str]
    name: str
    source: str | None = None
    group: str | None = None


class Reading:
    """One tree while its captions are read.

    Attributes:
        tree: The files.
        ledger: Gets the counts.
        columns: Of lists, as a person has asked for them.
        forms: Those that were found, the first of which names the whole.
        source: What the source is called, where its form says so.
        complete: No other form is to be asked.
        captioned: The images of the tree that have captions, or were counted otherwise.
        used: The files that captions were read from, or that hold none.
        undecided: Those of them beside images of which only unusual fields may hold captions.
        broken: The images beside which JSON cannot be read, with its name.
        problems: Why files that looked like captions gave none.
        refused: One of them is surely meant to hold captions: the names of files do not stand in for it.
    """

    def __init__(self, tree: Tree, ledger: Ledger, columns: Columns) -> None:
        self.tree, self.ledger, self.columns = tree, ledger, columns
        self.forms: list[str] = []
        self.source: str | None = None
        self.complete = False
        self.captioned: set[str] = set()
        self.used: set[str] = set()
        self.undecided: set[str] = set()
        self.broken: dict[str, str] = {}
        self.problems = tree.problems
        self.refused = False

    @cached_property
    def images(self) -> ImageNames:
        """All images of the tree."""
        return ImageNames(filter(self.tree.is_image, self.tree.order))

    def uncaptioned(self) -> list[str]:
        """The images that have no captions yet."""
        return [name for name in self.images.names if name not in self.captioned]

    def is_read(self, name: str) -> bool:
        """Whether a picture is of a kind that is read."""
        return self.tree.kind(name) in READ

    def found(self, form: str, note: str = "") -> None:
        """Say that a form of captions is here."""
        if form not in self.forms:
            self.forms.append(form)
        if note:
            self.ledger.note(note)

    def example(
        self, name: str, key: str, captions: list[str], source: str | None = None, group: str | None = None
    ) -> Example:
        """An image of the tree with its captions."""
        self.captioned.add(name)
        return Example(key, partial(self.tree.read_image, name), captions, base_name(name), source, group)
