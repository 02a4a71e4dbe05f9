"""Stage-II of StackGAN (arXiv 1612.03242, section 3.4): refines Stage-I's 32x32 picture to 64x64, by the text again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gan.networks import TextToImageGenerator, baseline
from gan.networks.stackgan1 import ConditioningAugmentation, conv_block, up_block
from gan.networks.stackgan1 import Generator as FirstStage

__all__ = ["Discriminator", "Generator"]

Discriminator = baseline.Discriminator
"""The paper's is the baseline's but for its sizes: matching-aware, the text joining at 4x4."""


class ResidualBlock(nn.Module):
    """Conv 3x3 -> BN -> ReLU -> Conv 3x3 -> BN, around which the input is added."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        last = nn.Conv2d(channels, channels, 3, padding=1)
        self.layers = nn.Sequential(conv_block(channels, channels), last, baseline.batch_norm(channels))

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W)`` -> ``(N, C, H, W)``."""
        return F.relu(x + self.layers(x))


class Generator(TextToImageGenerator):
    """Stage-I's picture -> 16x16, joined with the augmented text -> two residual blocks -> two up-sampling blocks.

    Stage-I is part of the network, so that a release is whole, and frozen: it neither learns nor leaves its evaluation
    mode. Both stages read ``z`` alike; Stage-II has an augmentation of its own and takes no other noise.

    Args:
        z_dim: size of ``z``, that of Stage-I.
        c_dim: size of the condition ``c``.
        stage1: arguments of Stage-I's generator.
        width: channels at 16x16, halved at each doubling of the size.
        kl_weight: as in Stage-I.
    """

    first_stage = "stackgan1"
    regulariser = "kl"

    def __init__(
        self, z_dim: int, c_dim: int, stage1: Mapping[str, Any] | None = None, width: int = 128, kl_weight: float = 2.0
    ) -> None:
        super().__init__()
        if width < 4:
            raise ValueError(f"width is {width}; it must be at least 4, for it is halved twice")
        self.kl_weight = kl_weight
        self.encode = nn.Sequential(
            nn.Conv2d(3, width // 2, 3, padding=1), nn.ReLU(), conv_block(width // 2, width, kernel=4, stride=2)
        )
        self.join = conv_block(width + z_dim // 2, width)
        self.residual = nn.Sequential(ResidualBlock(width), ResidualBlock(width))
        self.blocks = nn.Sequential(up_block(width, width // 2), up_block(width // 2, width // 4))
        self.to_rgb = nn.Conv2d(width // 4, 3, 3, padding=1)
        self.apply(baseline.initialise)
        self.text = ConditioningAugmentation(c_dim, z_dim // 2)
        self.stage1: nn.Module = FirstStage(z_dim, c_dim, **(stage1 or {})).eval().requires_grad_(False)

    def train(self, mode: bool = True) -> Generator:
        """Stage-I stays in evaluation mode."""
        super().train(mode)
        self.stage1.eval()
        return self

    def forward(self, z: Tensor, c: Tensor) -> Tensor:
        """``z (N, z_dim)``, ``c (N, c_dim)`` -> images ``(N, 3, 64, 64)`` in [-1, 1]."""
        x = self.encode(self.stage1(z, c))
        text = self.text(c, z.chunk(2, dim=1)[1])[:, :, None, None].expand(-1, -1, *x.shape[2:])  # tiled over 16x16
        x = self.join(torch.cat([x, text.to(x.dtype)], dim=1))
        return torch.tanh(self.to_rgb(self.blocks(self.residual(x))))

    def regularisation(self, c: Tensor) -> Tensor:
        """As Stage-I's, of this stage's own augmentation."""
        return self.kl_weight * self.text.kl(c)

    def fit_to_conditions(self, batches: Iterable[Tensor]) -> None:
        self.text.fit_to(torch.cat(list(batches)))
