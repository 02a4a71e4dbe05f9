"""Images that come twice: as they are or mirrored, perhaps encoded anew.

The Extra Data need this: 95 % of its faces have a mirrored copy under another id, so that a split by id alone would put
one of the two on each side.

The memory holds a few numbers an image: means over large blocks, of which most images differ; only where they do not
are pixels looked at.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from encoder.common.progress import Progress
from gan.data.store import Images
from gan.images import thumbnails as averaged

SIZE = 16  # pixels a side of a thumbnail
COPY_BELOW = 0.05
"""Root mean square difference of thumbnails in [-1, 1]: copies in the Extra Data differ by less than 0.002 and other
faces by 0.12 or more; in the Anime Dataset, faces nearer than this are the same drawing."""

_LIMIT = COPY_BELOW + 1e-3  # more than the rounding of the sums
_BATCH = 256
_BLOCK = 2048  # images of which all pairs are compared at a time
_PAIRS = 4096  # pairs whose thumbnails are compared at a time


def thumbnails(images: Tensor) -> Tensor:
    """Uint8 images (N, 3, 64, 64) averaged down to 16x16: float32 (N, 768) in [-1, 1]."""
    return averaged(images, SIZE)


def mirrored(pixels: Tensor) -> Tensor:
    """The thumbnails (N, 768) of the mirrored images."""
    return pixels.view(-1, 3, SIZE, SIZE).flip(3).flatten(1)


def copy_groups(images: Images | Tensor, *, progress: bool = False) -> Tensor:
    """Which of N images are copies of each other, mirrored ones and copies of copies included.

    Args:
        images: uint8 (N, 3, 64, 64); rows on the disk are read in pieces.
        progress: Show how far it is.

    Returns:
        int64 (N,), one number for each group: the position of its first image.
    """
    if not len(images):
        return torch.empty(0, dtype=torch.int64)
    first, coarse, fine = _bounds(images, progress)
    # The very same image is compared once, however often it comes.
    rows = torch.unique(first)
    copies = [torch.stack([torch.arange(len(images)), first])]
    for pairs in _near(coarse[rows], fine[rows], progress):
        for a, b in (rows[part].unbind(1) for part in pairs.split(_PAIRS)):
            copies.append(torch.stack([a, b])[:, _are_copies(images, a, b)])
    return _components(len(images), *torch.cat(copies, 1))


def _bounds(images: Images | Tensor, progress: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Cheap bounds of N images: where means over blocks of picture + mirrored picture differ, so do the pictures.

    Returns:
        int64 (N,), the first image with the very same pixels; the means over 4x4 blocks, float32 (N, 24), and over 8x8,
        float16 (N, 96).
    """
    first: list[int] = []
    seen: dict[bytes, int] = {}
    coarse, fine = torch.empty(len(images), 24), torch.empty(len(images), 96, dtype=torch.float16)
    bar = Progress("looking for copies", len(images), "image", shown=progress)
    for start in range(0, len(images), _BATCH):
        batch = images[start : start + _BATCH]
        for i, pixels in enumerate(batch.contiguous().numpy(), start=start):
            first.append(seen.setdefault(hashlib.blake2b(pixels.data, digest_size=16).digest(), i))
        small = thumbnails(batch)
        both = ((small + mirrored(small)) / 2).view(-1, 3, SIZE, SIZE)
        coarse[start : start + _BATCH] = F.avg_pool2d(both, 4)[..., : SIZE // 8].flatten(1)
        fine[start : start + _BATCH] = F.avg_pool2d(both, 2)[..., : SIZE // 4].flatten(1)
        bar.update(len(batch))
    bar.close()
    return torch.tensor(first), coarse, fine


def _near(coarse: Tensor, fine: Tensor, progress: bool) -> Iterator[Tensor]:
    """Pairs (P, 2) of the images that the bounds do not tell apart, a piece at a time."""
    # Turned so that the axes are those along which images differ most; distances stay as they are.
    _, axes = torch.linalg.eigh(torch.cov(coarse.T.double(), correction=0))
    points = coarse @ axes.float()
    bar = Progress("comparing what is alike", None, "pair", shown=progress)
    for pairs in _within(points, torch.arange(len(points))):
        bar.update(len(pairs))
        a, b = pairs.unbind(1)
        closer = (fine[a].float() - fine[b].float()).square().mean(1) < (_LIMIT + 2e-3) ** 2  # 2e-3: float16
        if closer.any():
            yield pairs[closer]
    bar.close()


def _within(points: Tensor, rows: Tensor) -> Iterator[Tensor]:
    """The near pairs among some points (N, 24): halves of them, then from one half to the other."""
    if len(rows) <= _BLOCK:
        near = _closer(points, rows, rows).triu(1)
        yield from rows[near.nonzero()].split(1 << 16)
        return
    left, right = _halves(points, rows)
    yield from _within(points, left)
    yield from _within(points, right)
    yield from _between(points, left, right)


def _between(points: Tensor, a: Tensor, b: Tensor) -> Iterator[Tensor]:
    """The near pairs of one point of ``a`` and one of ``b``."""
    a = a[_beside(points[a], points[b])]
    if not len(a):
        return
    b = b[_beside(points[b], points[a])]
    if not len(b):
        return
    if len(a) * len(b) <= _BLOCK**2:
        i, j = _closer(points, a, b).nonzero().unbind(1)
        yield from torch.stack([a[i], b[j]], 1).split(1 << 16)
        return
    larger, other = (a, b) if len(a) > len(b) else (b, a)
    for half in _halves(points, larger):
        yield from _between(points, half, other)


def _halves(points: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """The rows in two, along the axis in which they reach farthest."""
    low, high = points[rows].aminmax(dim=0)
    order = points[rows, (high - low).argmax()].argsort(stable=True)
    return rows[order[: len(rows) // 2]], rows[order[len(rows) // 2 :]]


def _beside(points: Tensor, others: Tensor) -> Tensor:
    """Which points are in the box around the others, or near it: bool (N,)."""
    low, high = others.aminmax(dim=0)
    reach = _LIMIT * points.shape[1] ** 0.5
    return ((points > low - reach) & (points < high + reach)).all(1)


def _closer(points: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return torch.cdist(points[a], points[b]) < _LIMIT * points.shape[1] ** 0.5


def _are_copies(images: Images | Tensor, a: Tensor, b: Tensor) -> Tensor:
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
