"""No texts: every image has the same condition."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from encoder.base import NO_TEXTS
from encoder.loading import load_encoder
from gan.training.conditions import Texts

COLUMNS = 10
"""Of a sample grid."""


class NoConditions:
    """A ``Conditioner`` whose right and wrong texts are the same, so that an objective learns nothing from them."""

    encoder = load_encoder(NO_TEXTS)
    class_sizes: tuple[int, ...] = ()
    prompts = ("",) * COLUMNS
    weights = None
    palette: Mapping[str, str] = MappingProxyType({})
    ahead, shown_first = 0, None

    def draw(self, rows: Tensor, generator: torch.Generator, images: int = 0) -> Texts:
        c = self.encoder.encode([""] * len(rows))
        return Texts(c, c, torch.zeros(len(rows), 0, dtype=torch.int64))
