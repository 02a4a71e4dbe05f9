"""Captioned images as one data set, whatever form they came in."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
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
                name: tuple(getattr(self, name)[row] for row in rows)
                for name in ("captions", "ids", "splits", "groups")
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
