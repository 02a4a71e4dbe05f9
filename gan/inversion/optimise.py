"""Latents that draw a picture faithfully: found by gradient descent, in float32, so not the same to the last bit
everywhere.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from gan.inversion.latents import Latents, Scales
from gan.networks.residual import Generator

GUESSES = 24
"""Random noises, of which the one that draws the nearest picture is the start where no inverter gives one."""
NOISE_STEPS, STEPS = 90, 90
"""Steps on the noise where an inverter gave none, and on noise, layout and styles."""
RATE = 0.05
NEAR, NATURAL = 0.001, 0.002
"""How much count: what is added to the noise's own layout and styles, and noise that is larger than usual."""
BETAS = (0.9, 0.99)
POOL = 4
"""Pixels of the edge of the squares whose means are compared beside the pixels themselves."""


def pixel_loss(drawn: Tensor, images: Tensor) -> Tensor:
    """The mean squared error of pixels and of squares of pixels, of each picture: (N,)."""
    fine = (drawn - images).square().mean((1, 2, 3))
    return fine + (F.avg_pool2d(drawn, POOL) - F.avg_pool2d(images, POOL)).square().mean((1, 2, 3))


@torch.no_grad()
def best_noise(G: Generator, images: Tensor, c: Tensor) -> Latents:
    """The noise, of ``GUESSES``, that draws each picture (N, 3, 64, 64) best."""
    guesses = torch.randn(GUESSES, G.z_dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(images)
    best = []
    for image, row in zip(images, c, strict=True):
        drawn = G(guesses, row.expand(GUESSES, -1))
        best.append(guesses[pixel_loss(drawn, image.expand_as(drawn)).argmin()])
    return Latents.of_noise(G, torch.stack(best))


def refine(G: Generator, images: Tensor, c: Tensor, start: Latents | None = None) -> Latents:
    """Latents that draw pictures as nearly as gradient descent gets.

    Args:
        G: In float32, frozen.
        images: (N, 3, 64, 64), in [-1, 1].
        c: The conditions of what they show, (N, c_dim).
        start: Where to begin; by default at the best of some random noises, which is improved first.
    """
    scales = Scales.of(G)
    if start is None:
        start = best_noise(G, images, c)
        z = _descend(G, images, c, start, NOISE_STEPS, scales, noise_alone=True).z
        start = Latents.of_noise(G, z)
    return _descend(G, images, c, start, STEPS, scales, noise_alone=False)


def _descend(
    G: Generator,
    images: Tensor,
    c: Tensor,
    start: Latents,
    steps: int,
    scales: Scales,
    *,
    noise_alone: bool,
) -> Latents:
    latents = Latents(*(part.detach().clone().requires_grad_() for part in start))
    rates = {"z": RATE, "layout": RATE * scales.layout, "styles": RATE * scales.style}
    chosen = ["z"] if noise_alone else list(rates)
    groups = [{"params": [getattr(latents, name)], "lr": rates[name]} for name in chosen]
    optimizer = torch.optim.Adam(groups, betas=BETAS)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps + 1)
    for _ in range(steps):
        optimizer.zero_grad(set_to_none=True)
        unusual = NEAR * latents.added(scales) + NATURAL * latents.excess_noise()
        (pixel_loss(latents.draw(G, c), images) + unusual).sum().backward()
        optimizer.step()
        schedule.step()
    return Latents(*(part.detach() for part in latents))
