"""The averaged generator that is shown and released."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def ema_decay(batch_size: int, cur_nimg: int, half_life: float, rampup: float) -> float:
    """The decay of one step whose half-life is ``min(half_life, rampup * cur_nimg)`` images (arXiv 2006.06676)."""
    if rampup > 0:
        half_life = min(half_life, rampup * cur_nimg)
    return float(0.5 ** (batch_size / max(half_life, 1e-8)))


@torch.no_grad()
def update_ema(G_ema: nn.Module, G: nn.Module, decay: float) -> None:
    """``G_ema <- decay * G_ema + (1 - decay) * G`` over the weights; buffers stay as they are."""
    averaged: list[Tensor] = list(G_ema.parameters())
    live: list[Tensor] = list(G.parameters())
    torch._foreach_lerp_(averaged, live, 1 - decay)


@torch.no_grad()
def refresh_statistics(G_ema: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
    """Gives batch normalisation the statistics of the averaged weights: the plain mean over ``(z, c)`` batches.

    An average of weights fits neither its parents' moving statistics nor their average (arXiv 1803.05407, section 3.2).
    Networks without batch normalisation are left untouched, and so are parts that ``train`` leaves in evaluation mode.
    """
    G_ema.train()
    norms = [module for module in G_ema.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    norms = [norm for norm in norms if norm.training]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a cumulative average
    for z, c in batches if norms else ():
        G_ema(z, c)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    G_ema.eval()
