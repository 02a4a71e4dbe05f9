"""DF-GAN (arXiv 2008.05865, section 3): one stage, into every block of which the text is fused.

The paper draws 256x256 pictures by six doublings from 4x4; four lead to 64x64. It states no widths: both networks go
from 32 channels at full size to 256 at 8x8 and 4x4. Nor does it state first weights: they are PyTorch's, and every
affine transformation starts as the identity.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gan.networks import ImageTextDiscriminator, TextToImageGenerator

LEAK = 0.2
TEXT_DIM = 256
JUDGE_DIM = 64


def conv(in_channels: int, out_channels: int) -> nn.Conv2d:
    """A same-size 3x3 convolution."""
    return nn.Conv2d(in_channels, out_channels, 3, padding=1)


def perceptron(c_dim: int, channels: int, start: float) -> nn.Sequential:
    """A text to a number for each channel, by one hidden layer; ``start`` for any text before training."""
    last = nn.Linear(TEXT_DIM, channels)
    nn.init.zeros_(last.weight)
    nn.init.constant_(last.bias, start)
    return nn.Sequential(nn.Linear(c_dim, TEXT_DIM), nn.ReLU(), last)


class Affine(nn.Module):
    """``gamma(c) x + beta(c)``, channel by channel."""

    def __init__(self, c_dim: int, channels: int) -> None:
        super().__init__()
        self.gamma, self.beta = perceptron(c_dim, channels, 1.0), perceptron(c_dim, channels, 0.0)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        """``x (N, C, H, W)`` and ``c (N, c_dim)`` -> ``(N, C, H, W)``."""
        gamma, beta = (layers(c)[:, :, None, None] for layers in (self.gamma, self.beta))
        return gamma * x + beta


class FusionBlock(nn.Module):
    """DFBlock: two affine transformations by the text, a rectifier after each, and a convolution (section 3.4)."""

    def __init__(self, c_dim: int, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.affines = nn.ModuleList(Affine(c_dim, in_channels) for _ in range(2))
        self.conv = conv(in_channels, out_channels)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        """``x (N, C_in, H, W)`` and ``c (N, c_dim)`` -> ``(N, C_out, H, W)``."""
        for affine in self.affines:
            x = F.relu(affine(x, c))
        out: Tensor = self.conv(x)
        return out


class UpBlock(nn.Module):
    """Twice the size by nearest neighbours, then a residual branch of two fusion blocks."""

    def __init__(self, c_dim: int, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.fuse1 = FusionBlock(c_dim, in_channels, out_channels)
        self.fuse2 = FusionBlock(c_dim, out_channels, out_channels)
        self.shortcut = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        """``x (N, C_in, H, W)`` and ``c (N, c_dim)`` -> ``(N, C_out, 2H, 2W)``."""
        x = F.interpolate(x, scale_factor=2.0)
        skip: Tensor = self.shortcut(x)
        return skip + self.fuse2(self.fuse1(x, c), c)


class Generator(TextToImageGenerator):
    """Noise -> Dense -> 4x4 -> blocks that double the size, each fused with the text -> 64x64.

    Args:
        z_dim: size of the noise ``z``, standard normal; 100 in the paper.
        c_dim: size of the condition ``c``, which stands for the paper's sentence vector.
        widths: channels at 4x4, 8x8, 16x16, 32x32 and 64x64.
    """

    def __init__(self, z_dim: int, c_dim: int, widths: Sequence[int] = (256, 256, 128, 64, 32)) -> None:
        super().__init__()
        self.start = nn.Linear(z_dim, widths[0] * 4 * 4)
        self.blocks = nn.ModuleList(UpBlock(c_dim, a, b) for a, b in itertools.pairwise(widths))
        self.to_rgb = conv(widths[-1], 3)

    def forward(self, z: Tensor, c: Tensor) -> Tensor:
        """``z (N, z_dim)``, ``c (N, c_dim)`` -> images ``(N, 3, 64, 64)`` in [-1, 1]."""
        x = self.start(z).unflatten(1, (4, 4, -1)).permute(0, 3, 1, 2)  # (N, 4*4*C) -> channels_last (N, C, 4, 4)
        for block in self.blocks:
            x = block(x, c)
        return torch.tanh(self.to_rgb(F.relu(x)))


class DownBlock(nn.Module):
    """Half the size: a strided 4x4 and a 3x3 convolution beside a 1x1 shortcut of the averaged input."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 4, stride=2, padding=1)
        self.conv2 = conv(out_channels, out_channels)
        self.shortcut = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C_in, H, W)`` -> ``(N, C_out, H / 2, W / 2)``."""
        branch = F.leaky_relu(self.conv2(F.leaky_relu(self.conv1(x), LEAK)), LEAK)
        skip: Tensor = self.shortcut(F.avg_pool2d(x, 2))
        return skip + branch


class Discriminator(ImageTextDiscriminator):
    """Convolutions down to 4x4, where the text joins; two more give one score of image and text (section 3.3).

    Args:
        c_dim: size of the condition ``c``.
        widths: channels at 64x64, 32x32, 16x16, 8x8 and 4x4.
    """

    def __init__(self, c_dim: int, widths: Sequence[int] = (32, 64, 128, 256, 256)) -> None:
        super().__init__()
        self.feature_dim = widths[-1] * 4 * 4
        self.from_rgb = conv(3, widths[0])
        self.blocks = nn.Sequential(*(DownBlock(a, b) for a, b in itertools.pairwise(widths)))
        self.join = conv(widths[-1] + c_dim, JUDGE_DIM)
        self.score_layer = nn.Conv2d(JUDGE_DIM, 1, 4)

    def features(self, img: Tensor) -> Tensor:
        """Images ``(N, 3, 64, 64)`` in [-1, 1] -> ``(N, C, 4, 4)``, before any text."""
        features: Tensor = self.blocks(self.from_rgb(img))
        return features

    def score(self, features: Tensor, c: Tensor) -> Tensor:
        """How real the image is and how well it fits ``c (N, c_dim)``: ``(N,)``, unbounded, higher is better."""
        text = c[:, :, None, None].expand(-1, -1, 4, 4).to(features.dtype)  # tiled over the 4x4 places
        joined = F.leaky_relu(self.join(torch.cat([features, text], dim=1)), LEAK)
        score: Tensor = self.score_layer(joined).flatten()
        return score.float() if score.dtype == torch.bfloat16 else score
