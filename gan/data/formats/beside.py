"""Files beside each image: ``NAME.jpg`` with ``NAME.txt`` or ``.caption`` (a caption a line) or ``NAME.json``.

They lie in a folder, a zip or a tar (a shard of WebDataset), or in folders of their own that are built alike
(``images/CLASS/NAME.jpg`` and ``text/CLASS/NAME.txt``, as in the Birds and the Flowers).
"""

from __future__ import annotations

import codecs
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from encoder.common.errors import InputError
from encoder.files import decode_lines, decodes, encoding_of, plain_name
from gan.data.decoding import suffix
from gan.data.formats.reading import Example, Reading
from gan.data.names import base_name, common_folder, folder_of, path_ends, without_suffix
from gan.data.summary import MALFORMED, NO_CAPTION, NO_IMAGE, UNREAD_KIND, Ledger, printable
from gan.data.tables import (
    GROUP_COLUMNS,
    SOURCE_COLUMN,
    TEXT_COLUMNS,
    Table,
    caption_columns,
    captions_of,
    flat,
    holds_texts,
    names_texts,
    read_yaml,
    texts_of,
    word_of,
)
from gan.data.tree import READ_ERRORS, TarTree, Tree, same_name

_TEXTS = (".txt", ".caption", ".captions", ".text")
_RECORDS = (".json", ".yaml", ".yml")
_MOST = 1 << 20  # bytes of captions of one image
_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_OF_FOLDER, _SAMPLE = 3, 200  # files of a folder, and of all, that tell how they are read


# -- a folder or a zip -----------------------------------------------------------------------------------------------


def read_pairs(reading: Reading, form: str = "sidecar", any_field: bool = False) -> Iterator[Example]:
    """Images with files beside them, in the order of the tree.

    Args:
        reading: The tree.
        form: What it is; the keys of ``"webdataset"`` have no endings.
        any_field: Take captions from fields of JSON that no name tells to be captions: they may be a camera's.
    """
    tree, ledger = reading.tree, reading.ledger
    if "webdataset" in reading.forms:
        return
    pairs, sidecars = _pairs(reading, any_field)
    top = common_folder(pairs)
    groups = _groups(pairs)
    for image, files in pairs.items():
        reading.used.update(files)  # no lists
        captions, source, group = sidecars.read(tree, files)
        if not captions and not any(suffix(name) in _TEXTS for name in files):
            reading.undecided.update(files)
            if broken := [name for name in files if suffix(name) in _RECORDS and _read_json(tree, name) is None]:
                reading.broken[image] = broken[0]
            continue
        reading.found(form)
        ledger.of(source).rows += max(1, len(captions))
        if not reading.is_read(image):
            ledger.leave_out(UNREAD_KIND, base_name(image))
            reading.captioned.add(image)
            continue
        key = image.removeprefix(top) if form == "sidecar" else without_suffix(image)
        yield reading.example(image, key, captions or [""], source, group or groups.get(image))


def count_rest(reading: Reading) -> None:
    """Count the images without captions, and the texts beside which there is no image."""
    endings = {"sidecar": _TEXTS, "webdataset": (*_TEXTS, *_RECORDS)}
    folders = set(map(folder_of, reading.used))
    lone = {
        without_suffix(name): name
        for form in reading.forms
        for name in reading.tree.sizes
        if suffix(name) in endings.get(form, ()) and name not in reading.used and folder_of(name) in folders
    }
    for name in lone.values():
        reading.ledger.leave_out(NO_IMAGE, base_name(name))
    for name in reading.uncaptioned():
        reason = MALFORMED if name in reading.broken else NO_CAPTION if reading.is_read(name) else UNREAD_KIND
        reading.ledger.leave_out(reason, base_name(reading.broken.get(name, name)))


def _pairs(reading: Reading, any_field: bool) -> tuple[dict[str, list[str]], Sidecars]:
    """The files beside each image that has some and no captions yet, and how they are read."""
    files: dict[str, list[str]] = {}
    images, found = reading.uncaptioned(), {}
    in_case = (
        same_name if len({image.lower() for image in images}) < len(images) else lambda name: same_name(name).lower()
    )
    for ending in (*_TEXTS, *_RECORDS, ".cls"):
        for name in reading.tree.sizes:
            if suffix(name) == ending and (name not in reading.used or name in reading.undecided):
                files.setdefault(in_case(without_suffix(name)), []).append(name)
    for image in images if files else ():
        own = in_case(image)
        found[image] = [*files.get(without_suffix(own), ()), *files.get(own, ())]  # NAME.txt, or NAME.jpg.txt
    if not any(found.values()):  # KEY.image.jpg and KEY.caption.txt
        keys = {image: _key(in_case(image)) for image in images}
        for stem, names in list(files.items()):
            files.setdefault(_key(stem), names)
        found = {image: files.get(key, []) for image, key in keys.items()}
    texts = [name for own in files.values() for name in own if suffix(name) in _TEXTS]
    records = ([name for own in each.values() for name in own if suffix(name) in _RECORDS] for each in (found, files))
    about = next(filter(None, records), [])
    sidecars = Sidecars(reading.tree, [*texts, *about], reading, any_field)
    found = {
        image: kept for image, own in found.items() if (kept := [name for name in own if name not in sidecars.figures])
    }
    if 2 * len(found) < len(images):
        for part in (sidecars.texts, set(about)):
            words = {stem: kept for stem, own in files.items() if (kept := [name for name in own if name in part])}
            found = max(found, _apart({image: in_case(without_suffix(image)) for image in images}, words), key=len)
    return found, sidecars


def _key(name: str) -> str:
    """A name up to its first dot, as WebDataset has it."""
    return folder_of(name) + base_name(name).partition(".")[0]


def _apart(images: dict[str, str], texts: dict[str, list[str]]) -> dict[str, list[str]]:
    """The text of each image by the longest end of its path, as given, that one text alone has."""
    by_end: dict[str, list[str] | None] = {}
    for stem, own in texts.items():
        for end in list(path_ends(stem))[1:]:
            by_end[end] = None if end in by_end else own
    found = {}
    for image, own_stem in images.items():
        for end in list(path_ends(own_stem))[1:]:
            if end in by_end:
                if text := by_end[end]:
                    found[image] = text
                break
    taken = Counter(own[0] for own in found.values())
    return {image: own for image, own in found.items() if taken[own[0]] == 1}


def _groups(pairs: dict[str, list[str]]) -> dict[str, str]:
    """The class folder of each image: of the images or, where those lie together, of the texts."""
    for names in (list(pairs), [files[0] for files in pairs.values()]):
        if len({folder_of(name) for name in names}) > 1:
            top = common_folder(names)
            groups = (folder_of(name.removeprefix(top)).rstrip("/") for name in names)
            return {image: group for image, group in zip(pairs, groups, strict=True) if group}
    return {}


# -- tars ------------------------------------------------------------------------------------------------------------


def read_shards(reading: Reading) -> Iterator[Example]:
    """The samples of a tar, or of the tars in a folder, in their order there."""
    tree = reading.tree
    shards = [name for name in tree.sizes if name.lower().endswith(".tar")]
    first = tree if isinstance(tree, TarTree) else tree.part(shards[0]) if shards else None
    if first is None:
        return
    pairs, _ = _pairs(Reading(first, Ledger(), reading.columns), True)
    if not any(folder_of(image) == folder_of(files[0]) for image, files in pairs.items()):
        for shard in shards:  # images of a list that lies beside them
            tree.mount(shard)
        vars(reading).pop("images", None)
        return
    seen: set[str] = set()
    for shard in shards or [""]:
        tar = tree.part(shard) if shard else tree
        assert tar is not None
        own = Reading(tar, reading.ledger, reading.columns) if shard else reading
        for example in read_pairs(own, "webdataset", any_field=True):
            # Shards may count from the start each; their names tell the samples apart then.
            yield replace(example, key=f"{shard}/{example.key}") if example.key in seen else example
            seen.add(example.key)
        if shard:
            count_rest(own)
            for form in own.forms:
                reading.found(form)
            reading.problems += own.problems
            reading.refused |= own.refused


# -- the files -------------------------------------------------------------------------------------------------------


class Sidecars:
    """How the files beside images are read, as a sample of them tells.

    Args:
        tree: Holds them.
        names: Those that may hold captions.
        reading: Gets notes, and why files hold none.
        any_field: As of ``read_pairs``.

    Attributes:
        figures: The texts that hold figures alone, as labels of boxes do.
        texts: The others.
    """

    def __init__(self, tree: Tree, names: Iterable[str], reading: Reading, any_field: bool) -> None:
        self._wanted, self._encoding, self._fields = reading.columns.caption, "", list[str]()
        kinds: dict[tuple[str, str], list[str]] = {}
        for name in names:
            kinds.setdefault((folder_of(name), suffix(name)), []).append(name)
        texts = [own for (_, ending), own in kinds.items() if ending in _TEXTS]
        about = [name for (_, ending), own in kinds.items() if ending in _RECORDS for name in own]
        self._set_encoding(tree, [name for own in texts for name in own[:_OF_FOLDER]][:_SAMPLE])
        of_figures = [own for own in texts if self._holds_figures(tree, own[:_OF_FOLDER])]
        self.figures = {name for own in of_figures for name in own}
        self.texts = {name for own in texts for name in own} - self.figures
        reading.used |= self.figures
        reading.problems += [f"{printable(own[0])}: holds figures, not words" for own in of_figures]
        records = [flat(value) for name in about[:_SAMPLE] if isinstance(value := _read_json(tree, name), dict)]
        if records:
            self._set_fields(records, reading, any_field)

    def _set_encoding(self, tree: Tree, names: Iterable[str]) -> None:
        """Find the encoding of all texts that are not UTF-8: one alone may be too short to tell."""
        texts = []
        for name in names:
            with suppress(*READ_ERRORS):
                texts.append(_start(tree, name).strip())
        foreign = [text for text in texts if not text.isascii() and not text.startswith(_MARKS)]
        others = [text for text in foreign if not decodes(text, "utf-8")]
        encoding = encoding_of(b"\n".join(others))
        self._encoding = encoding if others and 2 * len(others) >= len(foreign) and encoding[:3] != "utf" else ""

    def _holds_figures(self, tree: Tree, names: Iterable[str]) -> bool:
        text = "".join(line for name in names for line in self.lines(tree, name))
        return bool(text) and text.isascii() and not any(map(str.isalpha, text))

    def _set_fields(self, records: Sequence[dict[str, Any]], reading: Reading, any_field: bool) -> None:
        """Find the fields of JSON that hold captions, as in a list."""
        table = Table.of("*.json", dict(enumerate(records)))
        try:
            positions, note = caption_columns(table, reading.columns.caption)
        except InputError as error:
            reading.problems.append(str(error))
            reading.refused = True
            return
        chosen = [table.columns[i] for i in positions]
        if not any_field and not reading.columns.caption:
            chosen = [each for each in chosen if names_texts(each) or isinstance(records[0].get(each), (list, dict))]
        self._fields = chosen
        if note and self._fields:
            reading.ledger.note(note)

    def read(self, tree: Tree, files: Iterable[str]) -> tuple[list[str], str | None, str | None]:
        """What the files beside an image say: its captions, its source and its class.

        JSON is asked where no other file holds captions, or first where a person has chosen a field of it.
        """
        captions: list[str] = []
        of_json: list[str] = []
        source = group = None
        for name in files:
            if suffix(name) in _TEXTS:
                captions += self.lines(tree, name)
            elif suffix(name) in _RECORDS:
                value = _read_json(tree, name)
                if isinstance(value, dict):
                    record = flat(value)
                    about = {plain_name(key): each for key, each in record.items()}
                    texts = (text for field in self._fields for text in captions_of(field, record.get(field)))
                    of_json = list(filter(str.strip, texts))
                    if not of_json and not self._wanted:  # fields may differ from file to file
                        named = (captions_of(name, about.get(name)) for name in TEXT_COLUMNS)
                        of_json = next(filter(holds_texts, named), [])
                    source = word_of(about.get(SOURCE_COLUMN))
                    group = next((word for own in GROUP_COLUMNS if (word := word_of(about.get(own)))), None)
                else:
                    of_json = texts_of(value)
            elif group is None:
                group = next(iter(self.lines(tree, name)), None)
        first, other = (of_json, captions) if self._wanted else (captions, of_json)
        return first or other, source, group

    def lines(self, tree: Tree, name: str) -> list[str]:
        """The captions of a text file, one a line, or in JSON; none where it cannot be read."""
        try:
            data = _start(tree, name)
        except READ_ERRORS:
            return []
        if (
            self._encoding
            and not data.startswith(_MARKS)
            and not (self._encoding == "cp1252" and decodes(data, "utf-8"))
        ):
            data = data.decode(self._encoding, "surrogateescape").encode("utf-8", "surrogateescape")
        lines = decode_lines(data)
        if next(filter(str.strip, lines), "").lstrip()[:1] in ("[", "{"):
            with suppress(ValueError, RecursionError):
                return texts_of(json.loads("\n".join(lines)))
        return [line.strip() for line in lines if line.strip()]


def _start(tree: Tree, name: str) -> bytes:
    """All of a file that may be captions of one image."""
    with tree.open(name) as file:
        return file.read(_MOST)


def _read_json(tree: Tree, name: str) -> Any:
    """What a file of JSON or YAML holds; ``None`` where it cannot be read."""
    try:
        data = _start(tree, name)
        return json.loads(data) if suffix(name) == ".json" else read_yaml("\n".join(decode_lines(data)))
    except (*READ_ERRORS, RecursionError):
        return None
