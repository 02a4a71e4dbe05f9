"""Images that come twice: as they are or mirrored, perhaps encoded anew.

The Extra Data need this: 95 % of its faces have a mirrored copy under another id, so that a split by id alone would put
one of the two on each side.

The memory holds a few numbers an image: means over large blocks, of which most images differ; only where they do not
are pixels looked at.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

SIZE = 16  # pixels a side of a thumbnail
COPY_BELOW = 0.05
"""Root mean square difference of thumbnails in [-1, 1]: copies in the Extra Data differ by less than 0.002 and other
faces by 0.12 or more; in the Anime Dataset, faces nearer than this are the same drawing."""

_LIMIT = COPY_BELOW + 1e-3  # more than the rounding of the sums
_BATCH = 256
_ROWS, _COLUMNS = 512, 1 << 14  # of the table of distances that is made at a time
_PAIRS = 4096  # pairs whose thumbnails are compared at a time


class Pixels(Protocol):
    """Uint8 images (N, 3, 64, 64), in memory or on the disk."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: Any, /) -> Tensor: ...


def thumbnails(images: Tensor) -> Tensor:
    """Uint8 images (N, 3, 64, 64) averaged down to 16x16: float32 (N, 768) in [-1, 1]."""
    small = [F.avg_pool2d(batch.float(), batch.shape[3] // SIZE).flatten(1) for batch in images.split(_BATCH)]
    return torch.cat(small) / 127.5 - 1


def mirrored(pixels: Tensor) -> Tensor:
    """The thumbnails (N, 768) of the mirrored images."""
    return pixels.view(-1, 3, SIZE, SIZE).flip(3).flatten(1)


def copy_groups(images: Pixels) -> Tensor:
    """Which of N images are copies of each other, mirrored ones and copies of copies included.

    Args:
        images: uint8 (N, 3, 64, 64); rows on the disk are read in pieces.

    Returns:
        int64 (N,), one number for each group: the position of its first image.
    """
    if not len(images):
        return torch.empty(0, dtype=torch.int64)
    first, coarse, fine = _bounds(images)
    # The very same image is compared once, however often it comes.
    rows = torch.unique(first)
    copies = [torch.stack([torch.arange(len(images)), first])]
    for pairs in _near(coarse[rows], fine[rows]):
        for a, b in (rows[part].unbind(1) for part in pairs.split(_PAIRS)):
            copies.append(torch.stack([a, b])[:, _are_copies(images, a, b)])
    return _components(len(images), *torch.cat(copies, 1))


def _bounds(images: Pixels) -> tuple[Tensor, Tensor, Tensor]:
    """Cheap bounds of N images: where means over blocks of picture + mirrored picture differ, so do the pictures.

    Returns:
        int64 (N,), the first image with the very same pixels; the means over 4x4 blocks, float32 (N, 24), and over 8x8,
        float32 (N, 96).
    """
    first: list[int] = []
    seen: dict[bytes, int] = {}
    coarse, fine = torch.empty(len(images), 24), torch.empty(len(images), 96)
    for start in range(0, len(images), _BATCH):
        batch = images[start : start + _BATCH]
        for i, pixels in enumerate(batch.contiguous().numpy(), start=start):
            first.append(seen.setdefault(hashlib.blake2b(pixels.data, digest_size=16).digest(), i))
        small = thumbnails(batch)
        both = ((small + mirrored(small)) / 2).view(-1, 3, SIZE, SIZE)
        coarse[start : start + _BATCH] = F.avg_pool2d(both, 4)[..., : SIZE // 8].flatten(1)
        fine[start : start + _BATCH] = F.avg_pool2d(both, 2)[..., : SIZE // 4].flatten(1)
    return torch.tensor(first), coarse, fine


def _near(coarse: Tensor, fine: Tensor) -> Iterator[Tensor]:
    """Pairs (P, 2) of the images that the bounds do not tell apart, a piece at a time."""
    brightness, order = coarse.mean(1).sort(stable=True)
    coarse, fine = coarse[order], fine[order]
    ends = torch.searchsorted(brightness, brightness + _LIMIT, right=True).tolist()
    for start in range(0, len(order), _ROWS):
        stop = min(start + _ROWS, len(order))
        for left in range(start, ends[stop - 1], _COLUMNS):
            right = min(left + _COLUMNS, ends[stop - 1])
            near = torch.cdist(coarse[start:stop], coarse[left:right]) < _LIMIT * coarse.shape[1] ** 0.5
            pairs = near.triu(1 + start - left).nonzero() + torch.tensor([start, left])
            for some in pairs.split(1 << 16):
                a, b = some.unbind(1)
                closer = (fine[a] - fine[b]).square().mean(1) < _LIMIT**2
                if closer.any():
                    yield order[some[closer]]


def _are_copies(images: Pixels, a: Tensor, b: Tensor) -> Tensor:
    """Whether each of P pairs is the same picture, as it is or mirrored: bool (P,)."""
    rows, places = torch.cat([a, b]).unique(return_inverse=True)  # sorted, as reading likes it
    pixels = thumbnails(images[rows])
    left, right = pixels[places[: len(a)]], pixels[places[len(a) :]]
    views = torch.stack([right, mirrored(right)])
    return (left - views).square().mean(2).amin(0) < COPY_BELOW**2


def _components(n: int, a: Tensor, b: Tensor) -> Tensor:
    """The smallest of the n numbers that each is joined to by the pairs ``(a, b)``, int64 (n,)."""
    label = torch.arange(n)
    while True:
        smaller = torch.minimum(label[a], label[b])
        joined = label.scatter_reduce(0, a, smaller, "amin").scatter_reduce(0, b, smaller, "amin")
        if torch.equal(joined, label):
            return label
        label = joined[joined]
