"""The default architecture: residual blocks without normalisation, a style per block, a projection discriminator.

Sources: the normalisation-free residual GAN of R3GAN (arXiv 2501.05441), the style modulation of StyleGAN
(arXiv 1812.04948, here a plain scale and shift as in FiLM, arXiv 1709.07871), zero-initialised residual branches
as in Fixup (arXiv 1901.09321) and the projection discriminator (arXiv 1802.05637).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gan.networks import ImageTextDiscriminator, TextToImageGenerator

LEAK = 0.2
LINEAR_GAIN = math.sqrt((1 + LEAK**2) / 2)  # takes He initialisation back to unit gain where no activation follows


def activate(x: Tensor) -> Tensor:
    """LeakyReLU with slope 0.2."""
    return F.leaky_relu(x, LEAK)


def initialise(layer: nn.Conv2d | nn.Linear, *, gain: float | None = None) -> None:
    """He initialisation for LeakyReLU (arXiv 1502.01852) times ``gain``; the bias starts at zero."""
    nn.init.kaiming_normal_(layer.weight, a=LEAK)
    if gain is not None:
        with torch.no_grad():
            layer.weight.mul_(gain)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def conv(
    in_channels: int, out_channels: int, kernel: int, *, gain: float | None = None, bias: bool = True
) -> nn.Conv2d:
    """A same-size convolution with this file's initialisation."""
    layer = nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, bias=bias)
    initialise(layer, gain=gain)
    return layer


def normalise(x: Tensor) -> Tensor:
    """Rows ``(N, dim)`` scaled to unit mean square, so that conditions of any kind start with a say; 0 stays 0."""
    return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 0.01)


def linear(in_features: int, out_features: int, *, gain: float | None = None) -> nn.Linear:
    """A dense layer with this file's initialisation."""
    layer = nn.Linear(in_features, out_features)
    initialise(layer, gain=gain)
    return layer


class Modulation(nn.Module):
    """A scale and a shift of every channel, read from the style; the identity at the start of training."""

    def __init__(self, style_dim: int, channels: int) -> None:
        super().__init__()
        self.affine = nn.Linear(style_dim, 2 * channels)
        nn.init.zeros_(self.affine.weight)
        nn.init.zeros_(self.affine.bias)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """``x (N, C, H, W)`` and the style ``w (N, style_dim)`` -> ``(N, C, H, W)``."""
        scale, shift = self.affine(w)[:, :, None, None].chunk(2, dim=1)
        return x * (1 + scale) + shift


class GeneratorBlock(nn.Module):
    """Two modulated convolutions around a 1x1 shortcut; with ``up`` the second works at twice the resolution.

    Modulation and activation stay at the lower resolution, where they cost a quarter.
    """

    def __init__(self, in_channels: int, out_channels: int, style_dim: int, *, up: bool) -> None:
        super().__init__()
        self.up = up
        self.modulate1 = Modulation(style_dim, in_channels)
        self.conv1 = conv(in_channels, out_channels, 3)
        self.modulate2 = Modulation(style_dim, out_channels)
        self.conv2 = conv(out_channels, out_channels, 3, gain=0.25)
        self.shortcut = conv(in_channels, out_channels, 1, gain=LINEAR_GAIN, bias=False)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """``x (N, C_in, H, W)``, ``w (N, style_dim)`` -> ``(N, C_out, H', W')``: ``2H`` with ``up``, else ``H``."""
        h = self.conv1(activate(self.modulate1(x, w)))
        h = activate(self.modulate2(h, w))
        skip = self.shortcut(x)
        if self.up:
            h, skip = upsample(h), upsample(skip)
        return skip + self.conv2(h)


def upsample(x: Tensor) -> Tensor:
    """Bilinear, twice the size: unlike nearest it leaves no 2x2 blocks for the convolutions to undo."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class StyledGenerator(TextToImageGenerator):
    """How noise and condition enter: the noise lays out a 4x4 start, both together make the style ``w``.

    Faces have one shape, and the text speaks through the style alone: laid out by it too, every face of a prompt would
    have one pose. Where texts name shapes, as of emoji, ``text_layout`` lets them lay out the start too.

    Args:
        z_dim: size of the noise ``z``, standard normal.
        c_dim: size of the condition ``c``.
        width: channels of the start.
        style_dim: size of the style ``w``.
        text_layout: whether the condition has a say in the start.
    """

    separate_layout = True

    def __init__(self, z_dim: int, c_dim: int, width: int, style_dim: int, text_layout: bool = False) -> None:
        super().__init__()
        self.z_dim, self.c_dim, self.text_layout = z_dim, c_dim, text_layout
        self.width, self.style_dim = width, style_dim
        self.embed = nn.Sequential(linear(c_dim, 256), nn.LeakyReLU(LEAK), linear(256, z_dim))
        self.mapping = nn.Sequential(linear(2 * z_dim, style_dim), nn.LeakyReLU(LEAK), linear(style_dim, style_dim))
        self.start = linear((2 if text_layout else 1) * z_dim, width * 4 * 4)

    def layout_and_style(self, z: Tensor, c: Tensor, layout_z: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """``z (N, z_dim)`` and ``c (N, c_dim)`` -> start ``(N, width, 4, 4)`` and style ``w (N, style_dim)``.

        With ``layout_z`` (N, z_dim) that noise gives the start, and ``z`` the style alone.
        """
        c = normalise(self.embed(c))
        layout_z = z if layout_z is None else layout_z
        both = torch.cat([z, c], dim=1)
        start = self.start(torch.cat([layout_z, c], dim=1) if self.text_layout else layout_z)
        layout = start.unflatten(1, (4, 4, -1)).permute(0, 3, 1, 2)  # (N, 4*4*C) -> channels_last (N, C, 4, 4)
        return layout, activate(self.mapping(both))

    def layout_direction(self, number: int) -> Tensor:
        """The ``number``-th direction (z_dim,), from 1, of those in which noise moves the start most; float64, CPU.

        These are the unit eigenvectors of ``A^T A`` for the start's weights ``A`` (SeFa, arXiv 2007.06600, equation 6).
        The largest number of each is positive.
        """
        weight = self.start.weight.detach()[:, : self.z_dim].double().cpu()
        direction = torch.linalg.eigh(weight.mT @ weight).eigenvectors[:, -number]
        return direction * direction[direction.abs().argmax()].sign()


class Generator(StyledGenerator):
    """Noise -> 4x4 -> blocks up to 32x32, styled by noise and condition -> few, unmodulated channels at 64x64.

    A CPU's time at 64x64 goes into moving memory rather than into arithmetic, so most of the network works below that.

    Args:
        z_dim: size of the noise ``z``, standard normal.
        c_dim: size of the condition ``c``.
        widths: channels at 4x4, 8x8, 16x16 and 32x32.
        detail_width: channels that are interpolated to 64x64, halved there.
        style_dim: size of the style ``w`` that modulates every block.
        text_layout: whether the condition has a say in the start.
        bounded: whether a hyperbolic tangent holds the pixels within [-1, 1]. Faces are learnt sooner with it; but
            where most of an image is plain white or black, it saturates at once and lets no gradient through, at worst
            for good: leave it out.
    """

    for_captions: ClassVar[dict[str, Any]] = {"text_layout": True, "bounded": False}
    widens: ClassVar[frozenset[str]] = frozenset({"detail_width"})

    def __init__(
        self,
        z_dim: int,
        c_dim: int,
        widths: Sequence[int] = (256, 192, 128, 64),
        detail_width: int = 32,
        style_dim: int = 256,
        text_layout: bool = False,
        bounded: bool = True,
    ) -> None:
        super().__init__(z_dim, c_dim, widths[0], style_dim, text_layout)
        if detail_width < 2:
            raise ValueError(f"detail_width is {detail_width}; it must be at least 2, for it is halved")
        self.bounded = bounded
        self.blocks = nn.ModuleList(
            [GeneratorBlock(a, b, style_dim, up=True) for a, b in itertools.pairwise(widths)]
            + [GeneratorBlock(widths[-1], widths[-1], style_dim, up=False)]
        )
        self.modulate = Modulation(style_dim, widths[-1])
        self.to_detail = conv(widths[-1], detail_width, 3)
        self.detail = conv(detail_width, detail_width // 2, 3)
        self.shortcut = conv(widths[-1], detail_width // 2, 1, gain=0, bias=False)
        self.to_rgb = conv(detail_width // 2, 3, 3, gain=0.5)

    def forward(self, z: Tensor, c: Tensor, layout_z: Tensor | None = None) -> Tensor:
        """``z (N, z_dim)``, ``c (N, c_dim)`` -> images ``(N, 3, 64, 64)`` in [-1, 1], or about it."""
        layout, w = self.layout_and_style(z, c, layout_z)
        return self.synthesise(layout, [w] * self.style_places)

    @property
    def style_places(self) -> int:
        """The places that a style modulates: each block, and the features before the detail."""
        return len(self.blocks) + 1

    def synthesise(self, layout: Tensor, styles: Sequence[Tensor]) -> Tensor:
        """A start ``(N, width, 4, 4)`` and a style ``(N, style_dim)`` for each of ``style_places`` -> images."""
        x = layout
        for block, w in zip(self.blocks, styles[:-1], strict=True):
            x = block(x, w)
        x = activate(self.modulate(x, styles[-1]))
        detail = self.detail(upsample(activate(self.to_detail(x))))
        img: Tensor = self.to_rgb(activate(detail + upsample(self.shortcut(x))))
        return img.tanh() if self.bounded else img


class DiscriminatorBlock(nn.Module):
    """A residual block; with ``pool`` it halves the resolution between its two convolutions."""

    def __init__(self, in_channels: int, out_channels: int, *, pool: bool) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(2) if pool else nn.Identity()
        self.conv1 = conv(in_channels, out_channels, 3)
        self.conv2 = conv(out_channels, out_channels, 3, gain=0.25)
        self.shortcut = conv(in_channels, out_channels, 1, gain=LINEAR_GAIN, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C_in, H, W)`` -> ``(N, C_out, H', W')`` with ``H' = H / 2`` where the block pools, else ``H``."""
        h = self.pool(self.conv1(activate(x)))
        return self.shortcut(self.pool(x)) + self.conv2(activate(h))


class ProjectionDiscriminator(ImageTextDiscriminator):
    """How a score is made: ``linear(f) + <embed(c), f> / sqrt(feature_dim)`` (arXiv 1802.05637).

    Args:
        c_dim: size of the condition ``c``.
        width: channels of the image at 4x4.
        feature_dim: size of the image features ``f``.
    """

    def __init__(self, c_dim: int, width: int, feature_dim: int) -> None:
        super().__init__()
        self.feature_dim = feature_dim
        self.dense = linear(width * 4 * 4, feature_dim)
        self.embed = nn.Sequential(linear(c_dim, 256), nn.LeakyReLU(LEAK), linear(256, feature_dim))
        self.score_layer = linear(feature_dim, 1)

    def flat_features(self, x: Tensor) -> Tensor:
        """``(N, width, 4, 4)`` -> ``f (N, feature_dim)``."""
        return activate(self.dense(activate(x).flatten(1)))

    def score(self, features: Tensor, c: Tensor) -> Tensor:
        """How real the image is and how well it fits ``c (N, c_dim)``: ``(N,)``, unbounded, higher is better."""
        # Relativistic losses take differences of scores, which bfloat16's 8 bits are too few for.
        with torch.autocast(features.device.type, enabled=False):
            features = features.float()
            match = (normalise(self.embed(c.float())) * features).sum(dim=1) / math.sqrt(self.feature_dim)
            return self.score_layer(features).squeeze(1) + match


class Discriminator(ProjectionDiscriminator):
    """A stem at 32x32, residual blocks down to 4x4, and the projection.

    Beside the stem, which takes the image in linearly, a few channels look at its fine lines at 64x64.

    Args:
        c_dim: size of the condition ``c``.
        widths: channels of the 32x32 stem and of the four residual blocks (which end at 4x4).
        feature_dim: size of the image features ``f``.
        fine_width: channels at 64x64.
    """

    widens: ClassVar[frozenset[str]] = frozenset({"fine_width"})

    def __init__(
        self, c_dim: int, widths: Sequence[int] = (32, 48, 96, 192, 256), feature_dim: int = 256, fine_width: int = 16
    ) -> None:
        super().__init__(c_dim, widths[-1], feature_dim)
        self.stem = nn.Conv2d(3, widths[0], 4, stride=2, padding=1)
        initialise(self.stem)
        last = len(widths) - 2
        self.blocks = nn.ModuleList(
            DiscriminatorBlock(a, b, pool=i < last) for i, (a, b) in enumerate(itertools.pairwise(widths))
        )
        down = nn.Conv2d(fine_width, widths[0], 4, stride=2, padding=1, bias=False)
        initialise(down, gain=0.25)
        self.fine = nn.Sequential(conv(3, fine_width, 3), nn.LeakyReLU(LEAK), down)

    def features(self, img: Tensor) -> Tensor:
        """Images ``(N, 3, 64, 64)`` in [-1, 1] -> ``(N, feature_dim)``."""
        x = self.stem(img) + self.fine(img)
        for block in self.blocks:
            x = block(x)
        return self.flat_features(x)
