"""Stage-I of StackGAN (arXiv 1612.03242, sections 3.2 and 3.3): the shape and colours of a face, at 32x32.

Train it first, then Stage-II (``stackgan2``) on its snapshot. The paper's sizes are halved with the picture's.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gan.networks import TextToImageGenerator, baseline


class ConditioningAugmentation(nn.Module):
    """A text's condition blurred into a Gaussian: ``mu(c) + sigma(c) * epsilon`` (section 3.2).

    ``mu`` starts as loud as the noise for a text of two attributes, and for any conditions after ``fit_to``.

    Args:
        c_dim: size of the condition ``c``.
        dim: numbers of the Gaussian.
    """

    def __init__(self, c_dim: int, dim: int) -> None:
        super().__init__()
        self.mu, self.log_variance = nn.Linear(c_dim, dim), nn.Linear(c_dim, dim)
        nn.init.normal_(self.mu.weight, 0.0, 0.7)
        for zero in (self.mu.bias, self.log_variance.weight, self.log_variance.bias):
            nn.init.zeros_(zero)

    def forward(self, c: Tensor, epsilon: Tensor) -> Tensor:
        """``c (N, c_dim)`` and standard normal ``epsilon (N, dim)`` -> ``(N, dim)``."""
        return self.mu(c) + (0.5 * self.log_variance(c)).exp() * epsilon

    @torch.no_grad()
    def fit_to(self, c: Tensor) -> None:
        """Scale ``mu`` so that its mean square over conditions ``c (N, c_dim)`` is 1, and the divergence about 1/2."""
        self.mu.weight /= self.mu(c).square().mean().sqrt().clamp_min(1e-6)

    def kl(self, c: Tensor) -> Tensor:
        """``KL(N(mu, sigma^2) || N(0, 1))`` in nats, the mean over texts and numbers (equation 2)."""
        mu, log_variance = self.mu(c).float(), self.log_variance(c).float()
        return 0.5 * (mu.square() + log_variance.exp() - 1 - log_variance).mean()


def up_block(in_channels: int, out_channels: int) -> nn.Sequential:
    """Twice the size by nearest neighbours -> Conv 3x3 -> BN -> ReLU, the paper's up-sampling block."""
    return nn.Sequential(nn.Upsample(scale_factor=2), conv_block(in_channels, out_channels))


def conv_block(in_channels: int, out_channels: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Conv -> BN -> ReLU."""
    conv = nn.Conv2d(in_channels, out_channels, kernel, stride=stride, padding=(kernel - 1) // 2)
    return nn.Sequential(conv, baseline.batch_norm(out_channels), nn.ReLU())


class Generator(TextToImageGenerator):
    """Noise and the augmented text -> Dense -> 4x4 -> three up-sampling blocks -> 32x32.

    So that a picture depends on ``z`` and ``c`` alone, the chance of the augmentation is part of ``z``: its first half
    is the paper's noise, its second half ``epsilon``.

    Args:
        z_dim: size of ``z``, standard normal; even.
        c_dim: size of the condition ``c``.
        widths: channels at 4x4, 8x8, 16x16 and 32x32.
        kl_weight: of the divergence in the generator's loss; 2 in the authors' code.
    """

    resolution = 32
    regulariser = "kl"

    def __init__(
        self, z_dim: int, c_dim: int, widths: Sequence[int] = (512, 256, 128, 64), kl_weight: float = 2.0
    ) -> None:
        super().__init__()
        if z_dim % 2:
            raise ValueError(f"z_dim is {z_dim}, and it must be even: half of it is the text's")
        self.kl_weight = kl_weight
        self.start = nn.Linear(z_dim, widths[0] * 4 * 4)
        self.start_norm = baseline.batch_norm(widths[0])
        self.blocks = nn.Sequential(*(up_block(a, b) for a, b in itertools.pairwise(widths)))
        self.to_rgb = nn.Conv2d(widths[-1], 3, 3, padding=1)
        self.apply(baseline.initialise)
        self.text = ConditioningAugmentation(c_dim, z_dim // 2)

    def forward(self, z: Tensor, c: Tensor) -> Tensor:
        """``z (N, z_dim)``, ``c (N, c_dim)`` -> images ``(N, 3, 32, 32)`` in [-1, 1]."""
        noise, epsilon = z.chunk(2, dim=1)
        x = self.start(torch.cat([noise, self.text(c, epsilon)], dim=1))
        x = x.unflatten(1, (4, 4, -1)).permute(0, 3, 1, 2)  # (N, 4*4*C) -> channels_last (N, C, 4, 4)
        x = self.blocks(F.relu(self.start_norm(x)))
        return torch.tanh(self.to_rgb(x))

    def regularisation(self, c: Tensor) -> Tensor:
        """``kl_weight`` times the divergence of the augmented texts from the standard normal."""
        return self.kl_weight * self.text.kl(c)

    def fit_to_conditions(self, batches: Iterable[Tensor]) -> None:
        self.text.fit_to(torch.cat(list(batches)))


class Discriminator(baseline.Discriminator):
    """The baseline's, one convolution shorter: for 32x32.

    Args:
        c_dim: size of the condition ``c``.
        norm: as in the baseline.
        widths: channels at 16x16, 8x8 and 4x4.
    """

    def __init__(self, c_dim: int, norm: bool = True, widths: Sequence[int] = (128, 256, 512)) -> None:
        super().__init__(c_dim, norm, widths)
