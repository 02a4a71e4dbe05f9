"""Files beside each image: ``NAME.jpg`` with ``NAME.txt`` or ``.caption`` (a caption a line) or ``NAME.json``.

They lie in a folder, a zip or a tar (a shard of WebDataset), or in folders of their own that are built alike
(``images/CLASS/NAME.jpg`` and ``text/CLASS/NAME.txt``, as in the Birds and the Flowers).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from encoder.files import decode_lines, plain_name
from gan.data.decoding import READ, UNREAD, suffix
from gan.data.formats.reading import Example, Reading
from gan.data.names import base_name, common_folder, folder_of, path_ends, without_suffix
from gan.data.summary import MALFORMED, NO_CAPTION, NO_IMAGE, UNREAD_KIND
from gan.data.tables import GROUP_COLUMNS, SOURCE_COLUMN, TEXT_COLUMNS, texts_of, word_of
from gan.data.tree import READ_ERRORS, TarTree, Tree, same_name

_TEXTS = (".txt", ".caption", ".captions", ".text")
_MOST = 1 << 20  # bytes of captions of one image


# -- a folder or a zip -----------------------------------------------------------------------------------------------


def read_pairs(reading: Reading) -> Iterator[Example]:
    """Images with files beside them, in the order of their names."""
    tree, ledger = reading.tree, reading.ledger
    if isinstance(tree, TarTree) and "webdataset" in reading.forms:
        return
    pairs = _pairs(reading)
    top = common_folder(pairs)
    groups = _groups(pairs)
    for image, files in pairs.items():
        reading.used.update(files)
        captions, source, group = _captions(tree, files)
        if not captions and not any(suffix(name) in _TEXTS for name in files):
            continue
        reading.found("sidecar")
        ledger.of(source).rows += len(captions)
        if suffix(image) not in READ:
            ledger.leave_out(UNREAD_KIND, base_name(image))
            reading.captioned.add(image)
            continue
        yield reading.example(image, image.removeprefix(top), captions or [""], source, groups.get(image) or group)


def count_unused(reading: Reading) -> None:
    """Count the texts beside which there is no image."""
    if {"sidecar", "webdataset"} & set(reading.forms):
        for name in reading.tree.sizes:
            if suffix(name) in _TEXTS and name not in reading.used:
                reading.ledger.leave_out(NO_IMAGE, base_name(name))


def _pairs(reading: Reading) -> dict[str, list[str]]:
    """The files beside each image that has some and no captions yet."""
    texts: dict[str, list[str]] = {}
    for ending in (*_TEXTS, ".json"):
        for name in reading.tree.sizes:
            if suffix(name) == ending and name not in reading.used:
                texts.setdefault(same_name(without_suffix(name)), []).append(name)
    if not texts:
        return {}
    images, found = reading.uncaptioned(), {}
    for image in images:
        own = same_name(image)
        files = [*texts.get(without_suffix(own), ()), *texts.get(own, ())]  # NAME.txt, or NAME.jpg.txt
        if files:
            found[image] = files
    if 2 * len(found) >= len(images):
        return found
    apart = _apart(images, {stem: own for stem, own in texts.items() if suffix(own[0]) in _TEXTS})
    return apart if len(apart) > len(found) else found


def _apart(images: Iterable[str], texts: dict[str, list[str]]) -> dict[str, list[str]]:
    """The text of each image by the longest end of its path that one text alone has."""
    by_end: dict[str, list[str] | None] = {}
    for stem, own in texts.items():
        for end in list(path_ends(stem))[1:]:
            by_end[end] = None if end in by_end else own
    found = {}
    for image in images:
        for end in list(path_ends(same_name(without_suffix(image))))[1:]:
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
    shards = [name for name in reading.tree.sizes if name.lower().endswith(".tar")]
    tree = reading.tree
    first = tree if isinstance(tree, TarTree) else tree.part(shards[0]) if shards else None
    if first is None:
        return
    if not any(image and files for image, files, _ in _samples(first)):
        for shard in shards:  # images of a list that lies beside them
            tree.mount(shard)
        vars(reading).pop("images", None)
        return
    reading.found("webdataset")
    seen: set[str] = set()
    for shard in shards or [""]:
        tar = tree.part(shard) if shard else tree
        assert tar is not None
        for image, files, unread in _samples(tar):
            key = without_suffix(image or (files or unread)[0])
            # Shards may count from the start each; their names tell the samples apart then.
            own = key if key not in seen else f"{shard}/{key}"
            seen.add(own)
            if not shard:
                reading.captioned.update(filter(None, [image, *unread]))
                reading.used.update(files)
            example = _sample(Reading(tar, reading.ledger, reading.columns), own, image, files, unread)
            if example is not None:
                yield example


def _samples(tar: Tree) -> Iterator[tuple[str | None, list[str], list[str]]]:
    """The image of each sample, the files beside it, and pictures of kinds that are not read, in the tar's order."""
    grouped: dict[str, list[str]] = {}
    for name in tar.order if isinstance(tar, TarTree) else tar.sizes:
        grouped.setdefault(without_suffix(name), []).append(name)
    for names in grouped.values():
        endings = {suffix(name): name for name in names}
        files = [endings[ending] for ending in (*_TEXTS, ".json", ".cls") if ending in endings]
        image = next((name for ending, name in endings.items() if ending in READ), None)
        yield image, files, [name for ending, name in endings.items() if ending in UNREAD]


def _sample(reading: Reading, key: str, image: str | None, files: list[str], unread: list[str]) -> Example | None:
    ledger, texts = reading.ledger, [name for name in files if suffix(name) != ".cls"]
    if image is None:
        if unread or texts:
            ledger.leave_out(UNREAD_KIND if unread else NO_IMAGE, base_name((unread or texts)[0]))
        return None
    if not texts:
        ledger.leave_out(NO_CAPTION, base_name(image))
        return None
    captions, source, group = _captions(reading.tree, files)
    if not captions and suffix(texts[0]) == ".json" and not _read_json(reading.tree, texts[0]):
        ledger.leave_out(MALFORMED, base_name(texts[0]))
        return None
    captions = captions or [""]
    ledger.of(source).rows += len(captions)
    return reading.example(image, key, captions, source, group)


# -- the files -------------------------------------------------------------------------------------------------------


def _captions(tree: Tree, files: Iterable[str]) -> tuple[list[str], str | None, str | None]:
    """What the files beside an image say: its captions, its source and its class. Those of JSON stand for others."""
    captions: list[str] = []
    source = group = None
    for name in files:
        if suffix(name) in _TEXTS:
            captions += read_captions(tree, name)
        elif suffix(name) == ".json":
            about = {plain_name(str(key)): value for key, value in _read_json(tree, name).items()}
            captions = captions or next((texts for own in TEXT_COLUMNS if (texts := texts_of(about.get(own)))), [])
            source = word_of(about.get(SOURCE_COLUMN))
            group = next((word for own in GROUP_COLUMNS if (word := word_of(about.get(own)))), None)
        elif group is None:
            group = next(iter(read_captions(tree, name)), None)
    return captions, source, group


def read_captions(tree: Tree, name: str) -> list[str]:
    """The captions of a text file, one a line, or in JSON; none where it cannot be read or is far too long."""
    if tree.sizes[name] > _MOST:
        return []
    try:
        lines = decode_lines(tree.read(name))
    except READ_ERRORS:
        return []
    if next(filter(str.strip, lines), "").lstrip()[:1] in ("[", "{"):
        try:
            return texts_of(json.loads("\n".join(lines)))
        except (ValueError, RecursionError):
            pass
    return [line.strip() for line in lines if line.strip()]


def _read_json(tree: Tree, name: str) -> dict[str, Any]:
    try:
        value = json.loads(tree.read(name)) if tree.sizes[name] <= _MOST else None
    except (*READ_ERRORS, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
