"""Captioned images as one data set, whatever form they came in, and the account of what was read."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import torch
from torch import Tensor

from encoder.common.errors import InputError
from gan.data.decoding import IMAGE_SIZE as IMAGE_SIZE
from gan.data.splits import Split as Split
from gan.data.store import Images, as_positions


@dataclass(frozen=True)
class Origin:
    """Where the images of a set come from.

    Attributes:
        digest: Of all images of the data as they were read.
        positions: int64 (N,), which of those the set holds.
        total: How many those were.
    """

    digest: str
    positions: Tensor
    total: int


@dataclass(frozen=True, eq=False, kw_only=True)
class ImageDataset:
    """N captioned images.

    Attributes:
        images: uint8 (N, 3, 64, 64), RGB: ``Images``, which stay on the disk until they are indexed, or a tensor.
        captions: All captions of each image, one at least, none of them twice.
        sources: int64 (N,), the position in ``source_names`` of each image's source.
        source_names: The sources, in the order in which they were given, or in which they first appear.
        formats: The form in which each source came: ``"anime"``, ``"extra"`` or a file of ``gan.data.formats``.
        ids: ``"source/key"`` of each image, no two the same.
        splits: ``"train"``, ``"heldout"`` or ``"copy"`` (of a held-out image, so in neither split) of each image.
        groups: The class of each image where the data name one, else ``None``.
        origin: What the digest comes from; without it, from the contents.
    """

    images: Images | Tensor
    captions: tuple[tuple[str, ...], ...]
    sources: Tensor
    source_names: tuple[str, ...]
    formats: tuple[str, ...]
    ids: tuple[str, ...]
    splits: tuple[str, ...]
    groups: tuple[str | None, ...]
    origin: Origin | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: slice | Tensor) -> Self:
        """The images in a slice, at int64 positions (M,) or under a bool mask (N,); the sources keep their numbers."""
        return dataclasses.replace(self, **self._part(as_positions(index, len(self))))

    def _part(self, positions: Tensor) -> dict[str, Any]:
        """The fields of some of the images."""
        rows = positions.tolist()
        origin = self.origin and dataclasses.replace(self.origin, positions=self.origin.positions[positions])
        images = self.images
        return {
            "images": images[positions] if isinstance(images, Tensor) else images.select(positions),
            "sources": self.sources[positions],
            "origin": origin,
            **{
                name: tuple(values[row] for row in rows)
                for name in ("captions", "ids", "splits", "groups")
                if (values := getattr(self, name)) is not None
            },
        }

    def by_source(self) -> Iterator[tuple[str, Tensor]]:
        """Each source's name, with a mask (N,) of its images."""
        for i, name in enumerate(self.source_names):
            yield name, self.sources == i

    def of(self, split: Split) -> Self:
        """The images of a split; ``InputError`` where there is none."""
        if split == "all":
            return self
        chosen = torch.tensor([own == split for own in self.splits], dtype=torch.bool)
        if not chosen.any():
            few = "the set is small; " if len(self) < 32 else ""
            names = ", ".join(self.source_names)
            raise InputError(f"{names}: no image in the split {split!r} ({few}one in 16 is held out); give more images")
        return self[chosen]

    @cached_property
    def digest(self) -> str:
        """What is here, in hexadecimal: pixels, captions, sources and ids, in order; the same wherever the data lie."""
        origin = self.origin
        if origin is None:
            return contents_digest(self)
        if torch.equal(origin.positions, torch.arange(origin.total)):
            return origin.digest
        positions = origin.positions.numpy().astype("<i8").tobytes()
        return hashlib.sha256(origin.digest.encode() + positions).hexdigest()


def contents_digest(data: ImageDataset) -> str:
    """The digest of a set that was not read from files."""
    digest = hashlib.sha256()
    for start in range(0, len(data), 256):
        digest.update(data.images[start : start + 256].contiguous().numpy().data)
    digest.update(json.dumps([data.ids, data.captions, data.sources.tolist()]).encode())
    return digest.hexdigest()


@dataclass
class SourceSummary:
    """What became of the rows and the images of one source.

    Attributes:
        name: The source's name.
        rows: Captions read.
        images: Images by split, as in ``ImageDataset.splits``.
        reasons: How many rows or images were left out, by reason.
        examples: The first few of them.
        notes: Lines that say how the data were understood.
        sizes: How many images have which size in pixels, ``"96x96"``.
        copies: How many images are copies of an earlier one of the source.
    """

    name: str
    rows: int = 0
    images: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    sizes: Counter[str] = field(default_factory=Counter)
    copies: int = 0

    noun = "images"

    @property
    def left_out(self) -> str:
        """What could not be used, in one line; empty where nothing was left out."""
        parts = [_counted(count, reason, self.examples.get(reason, ())) for reason, count in self.reasons.items()]
        if self.images["copy"]:
            parts.append(f"{self.images['copy']:,} copies of held-out {self.noun}")
        return ", ".join(parts)

    def lines(self) -> list[str]:
        """What is printed, but for what was left out."""
        of = self.images
        return [f"{self.name}: {self.rows:,} rows, {of['train']:,} training + {of['heldout']:,} held-out {self.noun}"]

    def __str__(self) -> str:
        notes = [f"  {note}" for note in self.notes]
        return "\n".join([*self.lines(), *notes, *([f"  left out: {self.left_out}"] if self.left_out else [])])


@dataclass
class Summary:
    """What was read, source by source, and how many images of ``split`` were loaded."""

    split: Split
    sources: Sequence[SourceSummary] = field(default_factory=list)
    loaded: int = 0

    def __str__(self) -> str:
        noun = self.sources[0].noun if self.sources else "images"
        return "\n".join([*map(str, self.sources), f"loaded: {self.loaded:,} {noun} ({self.split})"])


def _counted(count: int, reason: str, examples: Sequence[str]) -> str:
    named = ", ".join(examples) + (", ..." if count > len(examples) else "")
    return f"{count:,} {reason} ({named})" if examples else f"{count:,} {reason}"
