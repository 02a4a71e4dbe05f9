"""Which text each image is shown with in training: a right one, and one that is truly wrong.

``faces`` makes texts from hair and eyes, ``captions`` takes an image's own captions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor

from encoder.base import Encoder
from encoder.loading import NoTextEncoder


class Texts(NamedTuple):
    """The texts of N images.

    Attributes:
        c: Conditions of the right texts, float32 (N, dim).
        c_wrong: Conditions of wrong ones, float32 (N, dim).
        labels: The class of each image in each class slot, int64 (N, S): 0 is unknown or unstated. S may be 0.
    """

    c: Tensor
    c_wrong: Tensor
    labels: Tensor


class Conditioner:
    """All that the loop asks of texts.

    Attributes:
        encoder: Text to condition; a release names it.
        class_sizes: Number of classes in each class slot, for objectives that classify; none without slots.
        prompts: What sample grids are drawn for.
        weights: How often each image is shown in an epoch, float32 (N,); ``None`` is once.
        palette: The colours that the images have, as ``gan.release.ReleaseConfig`` keeps them; none where none are
            known.
        ahead: Captions that were ready before the first step, on which the texts of a step depend; 0: all were.
        shown_first: The images whose texts were ready before the first step, int64 (n,); ``None``: all.
    """

    encoder: Encoder
    class_sizes: tuple[int, ...] = ()
    prompts: Sequence[str]
    weights: Tensor | None = None
    palette: Mapping[str, str] = MappingProxyType({})
    ahead: int = 0
    shown_first: Tensor | None = None

    def draw(self, rows: Tensor, generator: torch.Generator, images: int = 0) -> Texts:
        """Texts for the images ``rows``, int64 (N,), drawn from ``generator`` alone, after so many ``images``."""
        raise NotImplementedError


class NoConditions(Conditioner):
    """No texts: the right and wrong ones are the same, so that an objective learns nothing from them."""

    encoder = NoTextEncoder()
    prompts = ("",) * 10

    def draw(self, rows: Tensor, generator: torch.Generator, images: int = 0) -> Texts:
        c = self.encoder.encode([""] * len(rows))
        return Texts(c, c, torch.zeros(len(rows), 0, dtype=torch.int64))
