"""Lists of captions: any table or JSON in which one column names images that are there, and others hold texts.

A ``tags.csv``, a ``metadata.csv`` (``.jsonl``, ``.parquet``) and their like are asked first, other lists last: only for
images that no other form has captions for.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from encoder.common.errors import InputError
from gan.data.formats.reading import Example, Reading
from gan.data.names import base_name, cleaned, common_folder, folder_of, without_suffix
from gan.data.summary import MALFORMED, UNREAD_KIND, printable
from gan.data.tables import NAMED_TEXT, Chosen, choose, read_tables
from gan.data.tree import READ_ERRORS, Tree

TAGS = "tags.csv"

_NAMED = re.compile(r"metadata\.(csv|jsonl|parquet)")
_NO_LISTS = re.compile(  # the project's own testing file; captions that were reduced to the stems of their words; kinds
    r"testing_.*|.*lemma.*|.*\.(md|rst|html?|xml|toml|ini|py|ipynb|sh|log|npy|npz|pt|pth|ckpt|bin|safetensors|pkl"
    r"|h5|hdf5|mat|tar|zip|gz|7z|rar|mp4|webm|mp3|wav|pdf|db|sqlite|lock|arrow)"
)
_COLUMNS_OF_JSON = re.compile(rb'"[\w ]*(caption|text|raw|sentence|prompt|tags|description)', re.IGNORECASE)
_LARGE = 32 << 20  # bytes of JSON that is not read unless it seems to hold captions


def tags_file(tree: Tree) -> str | None:
    """The one ``tags.csv`` of a tree that is nearest to its top; ``InputError`` where there are several as near."""
    folders = [folder_of(name) for name in tree.sizes if base_name(name) == TAGS]
    if not folders:
        return None
    depth = min(folder.count("/") for folder in folders)
    nearest = sorted(folder for folder in folders if folder.count("/") == depth)
    if len(nearest) > 1:
        names = ", ".join(folder.rstrip("/") for folder in nearest[:5])
        raise InputError(f"{tree.where}: holds several folders with a tags.csv ({names}); give each of them")
    return nearest[0] + TAGS


def read_named(reading: Reading) -> Iterator[Example]:
    """The images of ``tags.csv``, or of each ``metadata.csv`` and its like."""
    tags = tags_file(reading.tree)
    if tags is not None:
        yield from _read(reading, [tags], "tags")
    tables = [name for name in reading.tree.sizes if _NAMED.fullmatch(base_name(name).lower())]
    yield from _read(reading, tables, "imagefolder")


def read_others(reading: Reading) -> Iterator[Example]:
    """The images of every other list, of which one is known by what it holds."""
    if not reading.forms or any(map(reading.is_read, reading.uncaptioned())):
        tables = [
            name
            for name in reading.tree.sizes
            if name not in reading.used
            and not reading.tree.is_image(name)
            and not _NO_LISTS.fullmatch(base_name(name).lower())
        ]
        yield from _read(reading, [name for name in tables if _may_be_list(reading.tree, name)], "list")


def _may_be_list(tree: Tree, name: str) -> bool:
    """Whether a file holds text of some columns, by its beginning."""
    try:
        with tree.open(name) as file:
            start = file.read(1 << 16)
            large = tree.sizes[name] > _LARGE and start.lstrip()[:1] in (b"{", b"[")
            if large and not any(map(_COLUMNS_OF_JSON.search, iter(lambda: file.read(1 << 24), b""))):
                return False
    except READ_ERRORS:
        return False
    if start.startswith((b"PAR1", b"\xff\xfe", b"\xfe\xff")):
        return True
    if b"\0" in start:
        return False
    first = start.lstrip().partition(b"\n")[0].decode("utf-8", "replace").rstrip()
    return bool(re.search(rb"[,\t;|:]", start) or first.isdecimal() or NAMED_TEXT.fullmatch(first))


def folders_of(table: str) -> list[str]:
    """Where the images of a list may lie."""
    own = folder_of(table)
    return [f"{own}faces/", f"{own}images/", own, *([""] if own else []), f"{without_suffix(table)}/"]


@dataclass
class Matched:
    """The images that rows name, in the order of the rows, with the captions of all their rows.

    Attributes:
        reading: Gets the counts.
        table: The list that is read.
        images: By name.
        names: What rows call an image, with its name in the tree.
    """

    reading: Reading
    table: str
    images: dict[str, Example] = field(default_factory=dict)
    names: dict[str, str | None] = field(default_factory=dict)

    def look_up(self, references: Iterable[str]) -> None:
        """Find the images of rows. Names that are not quite those of files have to mean an image of their own each."""
        images, folders = self.reading.images, folders_of(self.table)
        self.names = {reference: images.find(reference, folders) for reference in references if reference}
        exact = set(self.names.values())
        loose = {own: end for own, name in self.names.items() if not name and (end := images.find_end(own))}
        times = Counter(dict(zip(map(cleaned, loose), loose.values(), strict=True)).values())
        self.names |= {own: name for own, name in loose.items() if times[name] == 1 and name not in exact}

    def add(self, reference: str, captions: Sequence[str], source: str | None = None, group: str | None = None) -> None:
        """Add a row."""
        reading = self.reading
        name = self.names.get(reference)
        if name is None:
            reading.ledger.of(source).rows += len(captions)
            reading.images.count_missing(reference, reading.ledger, base_name(self.table), source)
        elif name in self.images or name not in reading.captioned:
            reading.ledger.of(source).rows += len(captions)
            if not reading.is_read(name):
                reading.ledger.leave_out(UNREAD_KIND, base_name(name), source)
                reading.captioned.add(name)
                return
            if name not in self.images:
                self.images[name] = reading.example(name, reference, [], source, group)
            self.images[name].captions.extend(captions)


def _chosen(reading: Reading, names: Sequence[str], by_name: bool) -> Iterator[tuple[str, Chosen]]:
    """How each of some files is a list; those of labels come last, if there are images that are in no other."""
    labels = []
    for name in names:
        chosen = _best(reading, name, by_name=by_name)
        if not isinstance(chosen, str) or by_name:
            reading.used.add(name)
        if isinstance(chosen, str):
            reading.problems.append(chosen)
            reading.refused |= by_name
        elif chosen.labels and not by_name:
            labels.append((name, chosen))
        else:
            yield name, chosen
    if any(map(reading.is_read, reading.uncaptioned())):
        yield from labels


def _read(reading: Reading, names: Sequence[str], form: str) -> Iterator[Example]:
    """The images of some lists; those of one image in several lists are all its own."""
    images: dict[str, Example] = {}
    labelled: dict[str, Example] = {}
    for name, chosen in _chosen(reading, names, form != "list"):
        reading.found(form, chosen.note)
        if form == "list":
            used = [printable(chosen.table.columns[i].strip()) for i in chosen.texts if chosen.table.columns]
            reading.found(form, f"captions are those of {printable(name)}{(used and ': ' + ', '.join(used)) or ''}")
        _read_table(Matched(reading, name, labelled if chosen.labels and form == "list" else images), chosen)
    images |= labelled
    top = common_folder(images if form == "list" else names)
    for name, image in images.items():  # by its name below the top, or as tags.csv calls it
        yield image if form == "tags" else replace(image, key=name.removeprefix(top))


def _best(reading: Reading, name: str, *, by_name: bool) -> Chosen | str:
    """How a file is a list of captions, or why it is none."""
    try:
        tables = read_tables(reading.tree, name)
    except InputError as error:
        if by_name:
            raise
        reading.refused = True
        return str(error)
    folders = folders_of(name)

    def exactly(reference: str) -> bool:
        return reading.images.find(reference, folders) is not None

    def loosely(reference: str) -> bool:
        return exactly(reference) or reading.images.find_end(reference) is not None

    found: list[Chosen | str] = []
    for is_there in (exactly, loosely):
        found = [
            choose(table, is_there, reading.columns, by_name=by_name, header=base_name(name) != TAGS)
            for table in tables
        ]
        lists = [chosen for chosen in found if isinstance(chosen, Chosen)]
        best = max(lists, key=lambda chosen: (chosen.hits, -len(chosen.table.rows)), default=None)
        if best and 2 * best.hits >= len(best.table.cells(best.file)):
            return best
    for table in tables:
        if isinstance(choose(table, reading.images.is_shared, reading.columns, by_name=False, header=False), Chosen):
            return f"{name}: names images by names that several of them have; write their folders too"
    why = next((each for each in found if isinstance(each, str)), f"{name}: holds no rows")
    return best or why


def _read_table(matched: Matched, chosen: Chosen) -> None:
    """Add the rows of a list."""
    ledger, name = matched.reading.ledger, base_name(matched.table)
    matched.look_up(reference for _, reference in chosen.references())
    for row, reference in chosen.references():
        captions = chosen.captions(row)
        if captions is None or not reference:
            ledger.of(None).rows += 1
            ledger.leave_out(MALFORMED, f"{name}, line {row.line}")
        else:
            matched.add(reference, captions, chosen.word(row, chosen.source), chosen.word(row, chosen.group))
    for line in chosen.table.malformed:
        ledger.of(None).rows += 1
        ledger.leave_out(MALFORMED, f"{name}, line {line}")
