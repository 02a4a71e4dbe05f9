"""Tar shards, one or a folder of them: ``KEY.jpg`` with ``KEY.txt`` (a caption a line) or ``KEY.json``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

from gan.data.decoding import READ, UNREAD
from gan.data.examples import MALFORMED, NO_CAPTION, NO_IMAGE, UNREAD_KIND, Example, Found, Ledger
from gan.data.formats.sidecar import read_captions
from gan.data.names import base_name
from gan.data.tables import GROUP_COLUMNS, SOURCE_COLUMN, TEXT_COLUMNS, texts_of, word_of
from gan.data.tree import READ_ERRORS, TarTree, Tree

RANK = 4
ACCEPTS = ".tar shards of KEY.jpg with KEY.txt or KEY.json"

_TEXTS = (".txt", ".caption", ".json")
_MOST = 1 << 20  # bytes of one text


def find(tree: Tree) -> Found | None:
    """See ``gan.data.formats``."""
    if isinstance(tree, TarTree):
        return Found("webdataset", partial(_read, tree, [""])) if _holds_samples(tree) else None
    shards = [name for name in tree.sizes if name.lower().endswith(".tar")]
    first = tree.part(shards[0]) if shards else None
    return Found("webdataset", partial(_read, tree, shards)) if first is not None and _holds_samples(first) else None


def _holds_samples(tar: Tree) -> bool:
    return any(_image(parts) and any(ending in parts for ending in _TEXTS) for _, parts in samples(tar))


def samples(tar: Tree) -> Iterator[tuple[str, dict[str, str]]]:
    """The key of each sample with its files by ending, in the order of the tar."""
    grouped: dict[str, list[str]] = {}
    for name in tar.order if isinstance(tar, TarTree) else tar.sizes:
        folder, slash, base = name.rpartition("/")
        grouped.setdefault(f"{folder}{slash}{base.partition('.')[0]}", []).append(name)
    for key, names in grouped.items():
        yield key, {name[len(key) :].lower(): name for name in names}


def _read(tree: Tree, shards: list[str], ledger: Ledger) -> Iterator[Example]:
    seen: set[str] = set()
    for shard in shards:
        tar = tree if not shard else tree.part(shard)
        assert tar is not None
        for key, parts in samples(tar):
            # Shards may count from the start each; their names tell the samples apart then.
            own = key if key not in seen else f"{shard}/{key}"
            seen.add(own)
            example = _example(tar, own, parts, ledger)
            if example is not None:
                yield example


def _example(tar: Tree, key: str, parts: dict[str, str], ledger: Ledger) -> Example | None:
    image = _image(parts)
    texts = [parts[ending] for ending in _TEXTS if ending in parts]
    if image is None:
        unread = next((name for ending, name in parts.items() if ending in UNREAD), None)
        if unread or texts:
            ledger.leave_out(UNREAD_KIND if unread else NO_IMAGE, base_name(unread or texts[0]))
        return None
    if not texts:
        ledger.leave_out(NO_CAPTION, base_name(image))
        return None
    about: dict[str, Any] = {}
    if ".json" in parts:
        about = _read_json(tar, parts[".json"])
        if not about and len(texts) == 1:
            ledger.leave_out(MALFORMED, base_name(parts[".json"]))
            return None
    captions = read_captions(tar, texts[0]) if not texts[0].lower().endswith(".json") else _captions(about)
    source = word_of(about.get(SOURCE_COLUMN))
    group = next((word for name in GROUP_COLUMNS if (word := word_of(about.get(name)))), None)
    if group is None and ".cls" in parts:
        group = next(iter(read_captions(tar, parts[".cls"])), None)
    captions = captions or [""]
    ledger.rows[source] += len(captions)
    return Example(key, partial(tar.read_image, image), captions, base_name(image), source, group)


def _captions(about: dict[str, Any]) -> list[str]:
    return next((found for name in TEXT_COLUMNS if (found := texts_of(about.get(name)))), [])


def _image(parts: dict[str, str]) -> str | None:
    return next((name for ending, name in parts.items() if ending in READ), None)


def _read_json(tar: Tree, name: str) -> dict[str, Any]:
    if tar.sizes[name] > _MOST:
        return {}
    try:
        value = json.loads(tar.read(name))
    except (*READ_ERRORS, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
