"""A ``tags.csv`` of free captions, ``ID,any caption``, beside the images or above ``images/`` or ``faces/``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

from encoder.common.arguments import is_unicode
from encoder.common.errors import InputError
from encoder.files import Record, decode_lines, read_records
from gan.data.decoding import READ, suffix
from gan.data.examples import MALFORMED, NO_CAPTION, Example, Found, Ledger
from gan.data.names import ImageNames, base_name, find_image, folder_of
from gan.data.tree import Tree

RANK = 1
ACCEPTS = "tags.csv of lines ID,caption with images/ or faces/"

NAME = "tags.csv"


@dataclass(frozen=True)
class Table:
    """A ``tags.csv`` as read.

    Attributes:
        tree: Where it lies.
        folder: In which folder of it: ``""`` or one that ends in ``/``.
        records: Its rows.
    """

    tree: Tree
    folder: str
    records: list[Record]
    _places: list[ImageNames] = field(default_factory=list)

    def places(self) -> list[ImageNames]:
        """The images by name, of the first of ``faces/``, ``images/``, the folder itself and all below that has any.

        A row may also name an image by its path from the folder.
        """
        if not self._places:
            names = [name for name in self.tree.sizes if name.startswith(self.folder)]
            for place in (f"{self.folder}faces/", f"{self.folder}images/", self.folder):
                images = ImageNames((name for name in names if folder_of(name) == place), place)
                if images.names:
                    self._places.append(images)
                    break
            everything = ImageNames(names, self.folder)
            if not self._places or everything.names != self._places[0].names or place != self.folder:
                self._places.append(everything)
        return self._places

    def examples(self, records: Iterable[Record], ledger: Ledger) -> Iterator[Example]:
        """One for each image that a row names, with the captions of all its rows, in the order of the rows."""
        captions: dict[str, list[str]] = {}
        ids: dict[str, str] = {}
        for record in records:
            ledger.rows[None] += 1
            if record.text is None:
                ledger.leave_out(MALFORMED, f"line {record.line}")
                continue
            image = find_image(self.places(), record.id, ledger, NAME)
            if image is not None:
                captions.setdefault(image, []).append(record.text)
                ids.setdefault(image, record.id)
        for image in self.places()[0].names:
            if image not in captions and suffix(image) in READ:
                ledger.leave_out(NO_CAPTION, base_name(image))
        for image, texts in captions.items():
            yield Example(ids[image], partial(self.tree.read_image, image), texts, base_name(image))


def find(tree: Tree) -> Found | None:
    """See ``gan.data.formats``."""
    table = read_table(tree)
    if table is None:
        return None
    if not table.records:
        raise InputError(f"{tree.where}/{table.folder}{NAME}: the file holds no lines; write 'id,text' on each")
    return Found("tags", lambda ledger: table.examples(table.records, ledger))


def read_table(tree: Tree) -> Table | None:
    """The one ``tags.csv`` of a tree; ``None`` where there is none, ``InputError`` where there are several as deep."""
    folders = [folder_of(name) for name in tree.sizes if base_name(name) == NAME]
    if not folders:
        return None
    depth = min(folder.count("/") for folder in folders)
    nearest = sorted(folder for folder in folders if folder.count("/") == depth)
    if len(nearest) > 1:
        names = ", ".join(folder.rstrip("/") for folder in nearest[:5])
        raise InputError(f"{tree.where}: holds several folders with a tags.csv ({names}); give each of them")
    [folder] = nearest
    where = f"{tree.where}/{folder}{NAME}"
    data = tree.read_table(folder + NAME)
    records = read_records(decode_lines(data))
    invalid = [record.line for record in records if not valid(record)]
    if 2 * len(invalid) > len(records):
        raise InputError(f"{where}, line {invalid[0]}: not UTF-8 text; save the file as UTF-8")
    return Table(tree, folder, records)


def valid(record: Record) -> bool:
    """Whether a row is of valid Unicode."""
    return is_unicode(record.text or "")
