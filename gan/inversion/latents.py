"""What a residual generator needs to draw a given picture: noise, and what its layout and styles have beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor
from torch.nn import functional as F

from encoder.common.errors import InputError
from gan.networks.residual import Generator


class Latents(NamedTuple):
    """What N pictures are drawn from, beside their conditions.

    The noise gives a layout and a style as in drawing. The rest is added to these, so a new condition moves the style
    as it moves that of a drawn face: ``w(z, c_new) - w(z, c_old)`` is added to each style.

    Attributes:
        z: Noise, (N, z_dim).
        layout: Added to the start, (N, C, 4, 4).
        styles: Added to the style of each place, (N, ``style_places``, style_dim).
    """

    z: Tensor
    layout: Tensor
    styles: Tensor

    @classmethod
    def of_noise(cls, G: Generator, z: Tensor) -> Self:
        """Noise (N, z_dim) with nothing added."""
        return cls(z, z.new_zeros(len(z), G.width, 4, 4), z.new_zeros(len(z), G.style_places, G.style_dim))

    def draw(self, G: Generator, c: Tensor) -> Tensor:
        """The pictures (N, 3, 64, 64), in [-1, 1] or about it, under conditions ``c`` (N, c_dim)."""
        layout, w = G.layout_and_style(self.z, c)
        return G.synthesise(layout + self.layout, (w[:, None] + self.styles).unbind(1))

    def added(self, scales: Scales) -> Tensor:
        """How much is added to the noise's own layout and styles: mean squares, in their deviations; (N,)."""
        layout, styles = self.layout / scales.layout, self.styles / scales.style
        return layout.square().mean((1, 2, 3)) + styles.square().mean((1, 2))

    def excess_noise(self) -> Tensor:
        """By how much the noise's mean square is above 1, that of normal noise; (N,)."""
        return F.relu(self.z.square().mean(1) - 1)

    def plus(self, other: Latents) -> Self:
        return type(self)(*(a + b for a, b in zip(self, other, strict=True)))

    def lerp(self, other: Latents, weight: Tensor) -> Self:
        """Between these (of one picture, N = 1) and others, at weights (M,): those of M pictures."""
        return type(self)(
            *(torch.lerp(a, b, weight.view(-1, *[1] * (a.ndim - 1))) for a, b in zip(self, other, strict=True))
        )

    def rows(self, index: Any) -> Self:
        """Those of some of the pictures."""
        return type(self)(*(part[index] for part in self))

    @classmethod
    def cat(cls, parts: Sequence[Latents]) -> Self:
        return cls(*(torch.cat(values) for values in zip(*parts, strict=True)))


class Scales(NamedTuple):
    """How much layouts and styles vary from face to face: their standard deviations."""

    layout: float
    style: float

    @classmethod
    def of(cls, G: Generator) -> Self:
        """Those of a generator, measured on 256 faces of random noise under no condition."""
        reference = next(G.parameters())
        z = torch.randn(256, G.z_dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(reference)
        with torch.inference_mode():
            layout, w = G.layout_and_style(z, z.new_zeros(256, G.c_dim))
        return cls(*(part.var(0).mean().sqrt().item() for part in (layout, w)))


def check_generator(G: Any, name: str) -> Generator:
    """``G``; ``InputError`` unless it is of the architecture whose layout and styles can be given."""
    if not isinstance(G, Generator):
        raise InputError(f"{name}: pictures can be given to models of the residual architecture only; choose another")
    return G
