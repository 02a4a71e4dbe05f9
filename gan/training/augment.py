"""Augmentation of what the discriminator sees, real and fake alike (DiffAugment, arXiv 2006.10738).

Faces are moved and have a square cut out. Nothing shifts a hue, a brightness or a contrast: colours are the labels.
"""

from __future__ import annotations

import torch
from torch import Tensor

TRANSLATE = 1 / 8
"""The farthest move, of the side."""
CUTOUT = 1 / 4
"""The side of the square that is cut out, of the image's."""
DRAWS = 6
"""Random numbers that an image needs."""


def augment(img: Tensor, chance: float, draws: Tensor) -> Tensor:
    """Move each image with ``chance``, and cut a square out with ``chance``; differentiable.

    Args:
        img: ``(N, C, H, W)``.
        chance: In [0, 1].
        draws: float32 ``(N, DRAWS)``, uniform in [0, 1): moved or not, how far, cut or not, and where.

    Returns:
        ``(N, C, H, W)``.
    """
    draws = draws.to(img.device)
    moved, far, cut, centre = draws.split([1, 2, 1, 2], dim=1)
    img = translate(img, torch.where(moved < chance, 2 * far - 1, 0.0))
    return img * keep(img, centre, cut < chance)


def translate(img: Tensor, by: Tensor) -> Tensor:
    """Move images ``(N, C, H, W)`` by whole pixels; ``by (N, 2)`` in [-1, 1] is down and right, 1 being ``TRANSLATE``.

    What comes in from outside repeats the image's edge.
    """
    n, channels, height, width = img.shape
    far = torch.stack([by[:, 0] * height, by[:, 1] * width], dim=1).mul(TRANSLATE).round().long()  # (N, 2) pixels
    rows = (torch.arange(height, device=img.device) - far[:, :1]).clamp(0, height - 1)  # (N, H), where each comes from
    columns = (torch.arange(width, device=img.device) - far[:, 1:]).clamp(0, width - 1)  # (N, W)
    img = img.gather(2, rows[:, None, :, None].expand(n, channels, height, width))
    return img.gather(3, columns[:, None, None, :].expand(n, channels, height, width))


def keep(img: Tensor, centre: Tensor, cut: Tensor) -> Tensor:
    """A mask ``(N, 1, H, W)``: 0 in a square around ``centre (N, 2)``, in [0, 1), of the images to ``cut (N, 1)``."""
    sizes = img.shape[2:]
    inside_y, inside_x = (
        (torch.arange(size, device=img.device) + 0.5 - centre[:, axis, None] * size).abs() < size * CUTOUT / 2
        for axis, size in enumerate(sizes)
    )  # (N, H), (N, W)
    square = inside_y[:, :, None] & inside_x[:, None, :] & cut[:, :, None]
    return (~square)[:, None].to(img.dtype)
