"""The assignment's baseline (NTU MLDS 2018, HW3-2), layer for layer, for any size of condition.

It is the network of GAN-CLS (arXiv 1605.05396). Keras's ``momentum=.9`` of the moving statistics is PyTorch's ``.1``.
The slide gives the 1x1 convolution that joins image and text no activation; without one the score would be a sum
``a(image) + b(text)``, in which the text cannot depend on the image, so the paper's rectifier is kept there.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gan.networks import ImageTextDiscriminator, TextToImageGenerator

TEXT_DIM = 256
LEAK = 0.2


def batch_norm(channels: int) -> nn.BatchNorm2d:
    """Batch normalisation with the constants of Keras."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.1)


def initialise(module: nn.Module) -> None:
    """DCGAN's initialisation (arXiv 1511.06434): weights N(0, 0.02), normalisation scales N(1, 0.02), biases 0."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


class Generator(TextToImageGenerator):
    """Text -> Dense(256, relu), joined with the noise -> 4x4x512 -> four transposed convolutions, kernel 5 -> tanh.

    Args:
        z_dim: size of the noise ``z``, standard normal; 100 in the assignment.
        c_dim: size of the condition ``c``; 119 in the assignment.
    """

    def __init__(self, z_dim: int, c_dim: int) -> None:
        super().__init__()
        self.z_dim, self.c_dim = z_dim, c_dim
        self.embed = nn.Linear(c_dim, TEXT_DIM)
        self.start = nn.Linear(z_dim + TEXT_DIM, 4 * 4 * 512)
        self.start_norm = batch_norm(512)
        layers: list[nn.Module] = []
        for a, b in ((512, 256), (256, 128), (128, 64)):
            up = nn.ConvTranspose2d(a, b, 5, stride=2, padding=2, output_padding=1)
            layers += [up, batch_norm(b), nn.ReLU()]
        self.blocks = nn.Sequential(*layers)
        self.to_rgb = nn.ConvTranspose2d(64, 3, 5, stride=2, padding=2, output_padding=1)
        self.apply(initialise)

    def forward(self, z: Tensor, c: Tensor) -> Tensor:
        """``z (N, z_dim)``, ``c (N, c_dim)`` -> images ``(N, 3, 64, 64)`` in [-1, 1]."""
        text = F.relu(self.embed(c))
        x = self.start(torch.cat([z, text], dim=1)).view(-1, 4, 4, 512).permute(0, 3, 1, 2)  # -> (N, 512, 4, 4)
        x = self.blocks(F.relu(self.start_norm(x)))
        return torch.tanh(self.to_rgb(x))


class Discriminator(ImageTextDiscriminator):
    """Four convolutions, kernel 5, stride 2; the text joins at 4x4 -> Conv 512 k1 -> Dense(1).

    Args:
        c_dim: size of the condition ``c``.
        norm: batch normalisation, as in the assignment; objectives with a gradient penalty need a network without.
        widths: channels of the convolutions, each of which halves the picture on its way to 4x4.
    """

    def __init__(self, c_dim: int, norm: bool = True, widths: Sequence[int] = (64, 128, 256, 512)) -> None:
        super().__init__()
        self.resolution, self.feature_dim = 4 * 2 ** len(widths), widths[-1] * 4 * 4
        layers: list[nn.Module] = [nn.Conv2d(3, widths[0], 5, stride=2, padding=2), nn.LeakyReLU(LEAK)]
        for a, b in itertools.pairwise(widths):
            layers += [nn.Conv2d(a, b, 5, stride=2, padding=2), *([batch_norm(b)] if norm else []), nn.LeakyReLU(LEAK)]
        self.convolutions = nn.Sequential(*layers)
        self.embed = nn.Linear(c_dim, TEXT_DIM)
        self.join = nn.Conv2d(widths[-1] + TEXT_DIM, widths[-1], 1)
        self.score_layer = nn.Linear(self.feature_dim, 1)
        self.apply(initialise)

    def features(self, img: Tensor) -> Tensor:
        """Images ``(N, 3, resolution, resolution)`` in [-1, 1] -> ``(N, 512, 4, 4)``, before any text."""
        features: Tensor = self.convolutions(img)
        return features

    def score(self, features: Tensor, c: Tensor) -> Tensor:
        """The logit ``(N,)`` that the image is real and fits ``c (N, c_dim)``; its sigmoid is the assignment's."""
        text = F.relu(self.embed(c))[:, :, None, None].expand(-1, -1, 4, 4)  # tiled over the 4x4 places
        joined = F.leaky_relu(self.join(torch.cat([features, text.to(features.dtype)], dim=1)), LEAK)
        logit: Tensor = self.score_layer(joined.flatten(1)).squeeze(1)
        return logit.float() if logit.dtype == torch.bfloat16 else logit
