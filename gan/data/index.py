"""Examples, as a format gives them, to decoded rows on the disk and lists of what belongs to them."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import torch
from PIL import Image

from encoder.common.arguments import is_unicode
from encoder.common.progress import Progress
from encoder.text import MAX_TEXT
from gan.data.decoding import IMAGE_SIZE, Decoded, decode
from gan.data.duplicates import copy_groups
from gan.data.formats import read_tree
from gan.data.formats.reading import Example
from gan.data.store import Images, Rows
from gan.data.summary import (
    CUT_OFF,
    DAMAGED,
    EMPTY,
    NOT_TEXT,
    POINTER,
    REPEATED,
    SHORTENED,
    TOO_LARGE,
    Ledger,
    printable,
)
from gan.data.tables import Columns
from gan.data.tree import Tree, is_pointer

SHAPE = (3, IMAGE_SIZE, IMAGE_SIZE)

_MISSING = frozenset({"nan", "none", "null", "n/a", "<na>"})  # as programs write a cell without a value
_CHUNK = 64  # images a thread decodes at a time
_WAITING = 12  # chunks that are decoded ahead


@dataclass
class Index:
    """All there is to the images of one path but their pixels; lists of N.

    Attributes:
        format: As in ``ImageDataset.formats``.
        source: What the format calls the source, if it does.
        column: The sources that the data name, in the order in which they first appear.
        keys: What the data call each image; with its source, no two the same.
        captions: All captions of each image.
        sources: The position in ``column`` of each image's source; -1 is none.
        groups: Its class, or ``None``.
        copies: A number for each; those with the same one are copies of each other within their source.
        ledger: What could not be used.
        digest: Of pixels, captions, sources and keys.
    """

    format: str = ""
    source: str | None = None
    column: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    captions: list[list[str]] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)
    groups: list[str | None] = field(default_factory=list)
    copies: list[int] = field(default_factory=list)
    ledger: Ledger = field(default_factory=Ledger)
    digest: str = ""

    def to_json(self) -> str:
        """The index as one text."""
        return json.dumps({**vars(self), "ledger": self.ledger.to_json()})

    @classmethod
    def from_json(cls, text: str | bytes) -> Index:
        """The inverse of ``to_json``; a text that is none is a ValueError, a KeyError or a TypeError."""
        values: dict[str, Any] = json.loads(text)
        return cls(**{**values, "ledger": Ledger.from_json(values["ledger"])})


def read_examples(tree: Tree, columns: Columns, rows: Rows, progress: bool) -> Index:
    """Decode the captioned images of a tree into ``rows``, and gather what belongs to them, in their order.

    Copies are not looked for yet.
    """
    index = Index()
    ledger = index.ledger
    reading, found = read_tree(tree, ledger, columns)
    pixels, texts = hashlib.sha256(), hashlib.sha256()
    taken: set[tuple[str | None, str]] = set()
    column: dict[str, int] = {}
    with Progress("reading", None, "image", shown=progress) as bar:
        for examples, images in _decoded(_usable(found, ledger)):
            whole = [image.pixels for image in images if isinstance(image, Decoded)]
            if whole:
                block = np.stack(whole)  # contiguous, as each of them
                rows.append(block)
                pixels.update(block.data)
            for example, image in zip(examples, images, strict=True):
                if isinstance(image, str):
                    ledger.leave_out(image, example.name, example.source)
                    continue
                if image.cut_off:
                    ledger.leave_out(CUT_OFF, example.name, example.source)
                ledger.of(example.source).sizes[f"{image.size[0]}x{image.size[1]}"] += 1
                key = _own_key(example, taken)
                index.keys.append(key)
                index.captions.append(list(example.captions))
                index.groups.append(None if example.group is None else printable(example.group, 200))
                source = -1 if example.source is None else column.setdefault(example.source, len(column))
                index.sources.append(source)
                texts.update(json.dumps([key, example.source, example.captions]).encode())
            bar.update(len(examples))
    index.format, index.source = (reading.forms or [""])[0], reading.source
    index.column = list(column)
    index.digest = hashlib.sha256(pixels.digest() + texts.digest()).hexdigest()
    return index


def _own_key(example: Example, taken: set[tuple[str | None, str]]) -> str:
    """The example's key; a number is added where another image of its source has it."""
    key, number = example.key.encode("utf-8", "backslashreplace").decode(), 2
    own = key
    while (example.source, own) in taken:
        own, number = f"{key}#{number}", number + 1
    taken.add((example.source, own))
    return own


def _usable(examples: Iterator[Example], ledger: Ledger) -> Iterator[Example]:
    """The examples with the captions that can be used, those without any left out; both are counted."""
    for example in examples:
        captions: dict[str, None] = {}
        for text in example.captions:
            caption = text.strip()
            if len(caption) > MAX_TEXT:
                ledger.leave_out(SHORTENED, example.name, example.source)
                caption = caption[:MAX_TEXT].rstrip()
            reason = _fault(caption) or (REPEATED if caption in captions else None)
            if reason is None:
                captions[caption] = None
            else:
                ledger.leave_out(reason, example.name, example.source)
        if captions:
            source = None if example.source is None else printable(example.source, 200)
            yield Example(example.key, example.load, list(captions), example.name, source, example.group)


def _fault(caption: str) -> str | None:
    if not caption or caption.lower() in _MISSING:
        return EMPTY
    return None if is_unicode(caption) and "\0" not in caption else NOT_TEXT


def _decoded(examples: Iterator[Example]) -> Iterator[tuple[list[Example], list[Decoded | str]]]:
    """Chunks of examples with their pixels, or why they have none, in order; a few are ahead."""
    waiting: deque[tuple[list[Example], Future[list[Decoded | str]]]] = deque()
    with ThreadPoolExecutor(_WAITING // 2) as pool:
        try:
            while chunk := list(islice(examples, _CHUNK)):
                waiting.append((chunk, pool.submit(_decode, chunk)))
                if len(waiting) == _WAITING:
                    done, future = waiting.popleft()
                    yield done, future.result()
            for done, future in waiting:
                yield done, future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _decode(examples: Sequence[Example]) -> list[Decoded | str]:
    images: list[Decoded | str] = []
    for example in examples:
        data = b""
        try:
            image = decode(data := example.load())
            images.append(image._replace(pixels=np.ascontiguousarray(image.pixels)))
        except Image.DecompressionBombError:
            images.append(TOO_LARGE)
        except Exception:  # a damaged file makes a decoder raise almost anything
            images.append(POINTER if is_pointer(data) else DAMAGED)
    return images


def find_copies(rows: Rows, sources: Sequence[int], progress: bool = False) -> list[int]:
    """The copy groups of all images: looked for within a source, so that no other one changes its split."""
    own, groups = torch.tensor(sources), torch.empty(len(sources), dtype=torch.int64)
    for source in own.unique():
        positions = (own == source).nonzero().squeeze(1)
        groups[positions] = positions[copy_groups(Images((rows,), positions), progress=progress)]
    return groups.tolist()
