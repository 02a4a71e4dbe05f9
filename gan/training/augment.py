"""Augmentation of what the discriminator sees, real and fake alike (DiffAugment, arXiv 2006.10738).

Images are moved and have a square cut out. Nothing shifts a hue, a brightness or a contrast: colours are the labels.
With ``--ada``, the chance of both follows how far the discriminator overfits (ADA, arXiv 2006.06676, section 3).
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

ADA_STEPS = 4
"""Discriminator steps from one measurement to the next, as in the paper."""
ADA_IMAGES, ADA_IMAGES_FROM_RELEASE = 500_000, 100_000
"""Images in which the chance can rise from 0 to 1: the paper's, and for training that starts from a release."""
ADA_TARGET = 0.5
"""The overfitting at which the chance stays."""
ADA_MOST = 0.8
"""The highest chance. Above it, drawn images come to show what augmentation does (section 2.2 of the paper)."""


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


class AdaptiveChance:
    """A chance of augmentation that rises while the discriminator overfits, and falls while it does not.

    Overfitting is the paper's ``r_v = (E D(train) - E D(held-out)) / (E D(train) - E D(drawn))``: 0 where held-out
    images score as training images do, 1 where they score as drawn ones do. Only differences of scores count, so that
    it serves relativistic objectives too.

    Args:
        images: uint8 ``(M, 3, H, W)``, held out.
        c: Their conditions, ``(M, c_dim)``.
        chance: To begin with.
        images_to_rise: Real images in which the chance can rise from 0 to 1.

    Attributes:
        chance: In [0, ``ADA_MOST``].
    """

    def __init__(self, images: Tensor, c: Tensor, chance: float, images_to_rise: int) -> None:
        self.images, self.c, self.chance, self.images_to_rise = images, c, min(chance, ADA_MOST), images_to_rise

    def pick(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Random held-out images ``(count, 3, H, W)`` in [-1, 1] with their conditions."""
        rows = torch.randint(len(self.images), (count,), generator=generator)
        return self.images[rows].float().div_(127.5).sub_(1), self.c[rows]

    def update(self, train: float, heldout: float, drawn: float, images: int) -> float:
        """Move the chance by what ``images`` images allow; returns the overfitting.

        Args:
            train: The discriminator's mean score of training images; ``heldout`` and ``drawn`` likewise.
            images: Real images since the last call.
        """
        overfitting = (train - heldout) / (train - drawn) if train > drawn else 0.0
        step = images / self.images_to_rise
        self.chance = min(max(self.chance + (step if overfitting > ADA_TARGET else -step), 0.0), ADA_MOST)
        return overfitting
