"""Faces that come twice: as they are or mirrored, perhaps encoded anew.

The Extra Data need this: 95 % of its faces have a mirrored copy under another id, so that a split by id puts one of
the two on each side.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from gan.dataset import FaceDataset

COPY_BELOW = 0.05
"""Root mean square difference of thumbnails: of a face encoded anew about 0.001, of different faces 0.1 or more."""


def thumbnails(images: Tensor, size: int = 16) -> Tensor:
    """Uint8 images (N, 3, H, W) averaged down to ``size`` pixels a side: float32 (N, 3 * size**2) in [-1, 1]."""
    small = [F.adaptive_avg_pool2d(batch.float(), size).flatten(1) for batch in images.split(1024)]
    return torch.cat(small) / 127.5 - 1


def without_copies(faces: FaceDataset, others: FaceDataset) -> FaceDataset:
    """The faces that are not copies of any of the others, nor of any of the others mirrored."""
    pixels = thumbnails(faces.images)
    views = thumbnails(torch.cat([others.images, others.images.flip(3)]))
    nearest = torch.cat([torch.cdist(chunk, views).amin(1) for chunk in pixels.split(1024)])
    return faces[nearest / pixels.shape[1] ** 0.5 >= COPY_BELOW]
