"""The forms in which people keep captioned images. A folder may hold several: each file is asked for what it gives.

Forms are asked in the order of ``FORMS``. Each is a function of a ``Reading`` that gives examples; an image takes its
captions from the first form that has any for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

from encoder.common.errors import InputError
from gan.data.decoding import suffix
from gan.data.formats import assignment, beside, embedded, lists
from gan.data.formats.reading import Example, Reading
from gan.data.names import common_folder, folder_of, words_of
from gan.data.summary import NAMED, Ledger, printable
from gan.data.tables import Columns
from gan.data.tree import Tree

ACCEPTED = (
    "a table or JSON that names images and holds their captions; a .txt, .caption or .json beside each image; "
    ".tar shards of such pairs; .parquet or .arrow with image bytes and captions; images that are named in words"
)

FORMS: tuple[Callable[[Reading], Iterator[Example]], ...] = (
    assignment.read,
    lists.read_named,
    embedded.read,
    beside.read_shards,
    beside.read_pairs,
    lists.read_others,
    partial(beside.read_pairs, any_field=True),
)


def read_tree(tree: Tree, ledger: Ledger, columns: Columns) -> tuple[Reading, Iterator[Example]]:
    """The captioned images of a tree, with what is known of it once they have been read.

    Raises:
        InputError: While they are read: the tree holds none, or a file of them cannot be read.
    """
    reading = Reading(tree, ledger, columns)
    return reading, _examples(reading)


def _examples(reading: Reading) -> Iterator[Example]:
    for problem in reading.problems:  # of files that are not read
        reading.ledger.note(problem)
    for form in FORMS:
        yield from form(reading)
        if reading.complete:  # as of the assignment's forms, which name no other files
            break
    if not reading.forms:
        yield from _by_names(reading)
    beside.count_rest(reading)


def _by_names(reading: Reading) -> Iterator[Example]:
    """Images whose files or folders are named in words, which are their captions; an ``InputError`` where none is."""
    names = list(filter(reading.is_read, reading.images.names))
    top = common_folder(names)
    captions = {}
    for name in names:
        captions[name] = next(filter(None, map(words_of, reversed(name.split("/")))), "")
    captions = {name: caption for name, caption in captions.items() if caption}
    # One word for all, where a list was not read, is no caption of any.
    refused = reading.refused or (reading.problems and len(set(captions.values())) == 1 < len(captions))
    if refused or 2 * len(captions) < len(names) or not captions:
        raise InputError(f"{reading.tree.where}: {_why_nothing(reading)}")
    for problem in reading.problems:
        reading.ledger.note(problem)
    example, caption = next(iter(captions.items()))
    reading.found("names", f"captions are the names of files and folders: {caption!r} of {printable(example)}")
    for name, caption in captions.items():
        group = folder_of(name.removeprefix(top)).rstrip("/") or None
        yield reading.example(name, name.removeprefix(top), [caption], group=group)


def _why_nothing(reading: Reading) -> str:
    """What a tree without captions holds, and what would be read."""
    if reading.problems:
        return f"holds no captioned images: {'; '.join(reading.problems[:NAMED])}"
    kinds = Counter(suffix(name) or "without ending" for name in reading.tree.sizes)
    seen = ", ".join(f"{count:,} {printable(kind)}" for kind, count in kinds.most_common(NAMED)) or "no files"
    names = ", ".join(printable(name) for name in list(reading.tree.sizes)[:NAMED])
    return f"holds no captioned images: {seen}{names and f' ({names})'}; what is read: {ACCEPTED}"
