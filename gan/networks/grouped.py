"""The architecture for a GPU: wide residual blocks whose 3x3 convolutions are grouped, at every resolution.

The blocks are R3GAN's (arXiv 2501.05441): 1x1 to twice the channels, a grouped 3x3, 1x1 back, no normalisation,
the last convolution starting small. Condition and noise enter as in the default architecture.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gan.networks.residual import (
    LINEAR_GAIN,
    Modulation,
    ProjectionDiscriminator,
    StyledGenerator,
    activate,
    conv,
    initialise,
    upsample,
)

EXPANSION = 2


class Bottleneck(nn.Module):
    """A residual branch: 1x1 to twice the channels, a grouped 3x3, 1x1 back."""

    def __init__(self, channels: int, group_size: int) -> None:
        super().__init__()
        inner = EXPANSION * channels
        self.expand = conv(channels, inner, 1)
        self.grouped = nn.Conv2d(inner, inner, 3, padding=1, groups=max(1, inner // group_size))
        initialise(self.grouped)
        self.project = conv(inner, channels, 1, gain=0.25)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` -> ``(N, C, H, W)``."""
        return self.project(activate(self.grouped(activate(self.expand(x)))))


class GeneratorStage(nn.Module):
    """A resolution: upsampled to unless it is the first, then modulated residual blocks."""

    def __init__(
        self, in_channels: int, out_channels: int, style_dim: int, blocks: int, group_size: int, *, up: bool
    ) -> None:
        super().__init__()
        self.up = up
        self.change = conv(in_channels, out_channels, 1, gain=LINEAR_GAIN, bias=False)
        self.modulations = nn.ModuleList(Modulation(style_dim, out_channels) for _ in range(blocks))
        self.branches = nn.ModuleList(Bottleneck(out_channels, group_size) for _ in range(blocks))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """``x (N, C_in, H, W)``, ``w (N, style_dim)`` -> ``(N, C_out, H', W')``: ``2H`` with ``up``, else ``H``."""
        x = self.change(x)
        if self.up:
            x = upsample(x)
        for modulate, branch in zip(self.modulations, self.branches, strict=True):
            x = x + branch(activate(modulate(x, w)))
        return x


class Generator(StyledGenerator):
    """Noise -> 4x4 -> a stage for each resolution up to 64x64, all of them styled by noise and condition.

    Args:
        z_dim: size of the noise ``z``, standard normal.
        c_dim: size of the condition ``c``.
        widths: channels at 4x4, 8x8, 16x16, 32x32 and 64x64.
        blocks: residual blocks of each resolution.
        group_size: channels of a group of the 3x3 convolutions.
        style_dim: size of the style ``w`` that modulates every block.
    """

    def __init__(
        self,
        z_dim: int,
        c_dim: int,
        widths: Sequence[int] = (384, 384, 256, 192, 96),
        blocks: int = 2,
        group_size: int = 16,
        style_dim: int = 512,
    ) -> None:
        super().__init__(z_dim, c_dim, widths[0], style_dim)
        pairs = [(widths[0], widths[0]), *itertools.pairwise(widths)]
        self.stages = nn.ModuleList(
            GeneratorStage(a, b, style_dim, blocks, group_size, up=i > 0) for i, (a, b) in enumerate(pairs)
        )
        self.to_rgb = conv(widths[-1], 3, 1, gain=0.5)

    def forward(self, z: Tensor, c: Tensor, layout_z: Tensor | None = None) -> Tensor:
        """``z (N, z_dim)``, ``c (N, c_dim)`` -> images ``(N, 3, 64, 64)`` in [-1, 1]."""
        x, w = self.layout_and_style(z, c, layout_z)
        for stage in self.stages:
            x = stage(x, w)
        return torch.tanh(self.to_rgb(activate(x)))


class DiscriminatorStage(nn.Module):
    """The residual blocks of a resolution."""

    def __init__(self, channels: int, blocks: int, group_size: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(Bottleneck(channels, group_size) for _ in range(blocks))

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` -> ``(N, C, H, W)``."""
        for branch in self.branches:
            x = x + branch(activate(x))
        return x


class Discriminator(ProjectionDiscriminator):
    """Residual stages from 64x64 to 4x4, then the projection of the default architecture.

    Args:
        c_dim: size of the condition ``c``.
        widths: channels at 64x64, 32x32, 16x16, 8x8 and 4x4.
        blocks: residual blocks of each resolution.
        group_size: channels of a group of the 3x3 convolutions.
        feature_dim: size of the image features ``f``.
    """

    def __init__(
        self,
        c_dim: int,
        widths: Sequence[int] = (96, 192, 256, 384, 384),
        blocks: int = 2,
        group_size: int = 16,
        feature_dim: int = 384,
    ) -> None:
        super().__init__(c_dim, widths[-1], feature_dim)
        self.stem = conv(3, widths[0], 3)
        self.stages = nn.ModuleList(DiscriminatorStage(width, blocks, group_size) for width in widths)
        self.changes = nn.ModuleList(conv(a, b, 1, gain=LINEAR_GAIN, bias=False) for a, b in itertools.pairwise(widths))
        self.pool = nn.AvgPool2d(2)

    def features(self, img: Tensor) -> Tensor:
        """Images ``(N, 3, 64, 64)`` in [-1, 1] -> ``(N, feature_dim)``."""
        x = self.stages[0](self.stem(img))
        for change, stage in zip(self.changes, self.stages[1:], strict=True):
            x = stage(change(self.pool(x)))
        return self.flat_features(x)
