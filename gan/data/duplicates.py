"""Faces that come twice: as they are or mirrored, perhaps encoded anew.

The Extra Data need this: 95 % of its faces have a mirrored copy under another id, so that a split by id alone would put
one of the two on each side.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

SIZE = 16  # pixels a side of a thumbnail
COPY_BELOW = 0.05
"""Root mean square difference of thumbnails in [-1, 1]: copies in the Extra Data differ by less than 0.002 and other
faces by 0.12 or more; in the Anime Dataset, faces nearer than this are the same drawing."""


def thumbnails(images: Tensor) -> Tensor:
    """Uint8 images (N, 3, 64, 64) averaged down to 16x16: float32 (N, 768) in [-1, 1]."""
    small = [F.avg_pool2d(batch.float(), batch.shape[3] // SIZE).flatten(1) for batch in images.split(256)]
    return torch.cat(small) / 127.5 - 1


def mirrored(pixels: Tensor) -> Tensor:
    """The thumbnails (N, 768) of the mirrored images."""
    return pixels.view(-1, 3, SIZE, SIZE).flip(3).flatten(1)


def copy_groups(images: Tensor) -> Tensor:
    """Which of N faces are copies of each other, mirrored ones and copies of copies included.

    Args:
        images: uint8 (N, 3, 64, 64).

    Returns:
        int64 (N,), one number for each group: the position of its first face.
    """
    pixels = thumbnails(images)
    turned = mirrored(pixels)
    # A cheap bound first: where means over larger blocks of picture + mirrored picture differ, so do the pictures.
    both = ((pixels + turned) / 2).view(-1, 3, SIZE, SIZE)
    coarse = F.avg_pool2d(both, 4)[..., : SIZE // 8].flatten(1)  # (N, 24)
    brightness, order = coarse.mean(1).sort(stable=True)
    coarse, limit = coarse[order], COPY_BELOW + 1e-3  # more than the rounding of the sums
    ends = torch.searchsorted(brightness, brightness + limit, right=True).tolist()
    copies = [torch.empty(2, 0, dtype=torch.int64)]
    for start in range(0, len(order), 512):
        stop = min(start + 512, len(order))
        near = torch.cdist(coarse[start:stop], coarse[start : ends[stop - 1]]) < limit * coarse.shape[1] ** 0.5
        for pair in near.triu(1).nonzero().split(4096):
            a, b = order[start + pair].unbind(1)
            views = torch.stack([pixels[b], turned[b]])
            difference = (pixels[a] - views).square().mean(2).amin(0)
            copies.append(torch.stack([a, b])[:, difference < COPY_BELOW**2])
    return _components(len(images), *torch.cat(copies, 1))


def _components(n: int, a: Tensor, b: Tensor) -> Tensor:
    """The smallest of the n numbers that each is joined to by the pairs ``(a, b)``, int64 (n,)."""
    label = torch.arange(n)
    while True:
        smaller = torch.minimum(label[a], label[b])
        joined = label.scatter_reduce(0, a, smaller, "amin").scatter_reduce(0, b, smaller, "amin")
        if torch.equal(joined, label):
            return label
        label = joined
