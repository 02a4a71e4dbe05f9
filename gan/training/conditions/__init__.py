"""Which text each image is shown with in training: a right one, and one that is truly wrong.

``faces`` makes texts from hair and eyes, ``captions`` takes an image's own captions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from encoder.base import Encoder


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


class Conditioner(Protocol):
    """All that the loop asks of texts."""

    @property
    def encoder(self) -> Encoder:
        """Text to condition; a release names it."""

    @property
    def class_sizes(self) -> tuple[int, ...]:
        """Number of classes in each class slot, for objectives that classify; none without slots."""

    @property
    def prompts(self) -> Sequence[str]:
        """What sample grids are drawn for."""

    @property
    def weights(self) -> Tensor | None:
        """How often each image is shown in an epoch, float32 (N,); ``None`` is once."""

    @property
    def palette(self) -> Mapping[str, str]:
        """The colours that the images have, as ``gan.release.ReleaseConfig`` keeps them; none where none are known."""

    @property
    def ahead(self) -> int:
        """Captions that were ready before the first step, on which the texts of a step depend; 0: all were."""

    @property
    def shown_first(self) -> Tensor | None:
        """The images whose texts were ready before the first step, int64 (n,); ``None``: all."""

    def draw(self, rows: Tensor, generator: torch.Generator, images: int = 0) -> Texts:
        """Texts for the images ``rows``, int64 (N,), drawn from ``generator`` alone, after so many ``images``."""
