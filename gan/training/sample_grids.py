"""What a run shows of itself: sample grids, scores, and the averaged generator in the form of a release."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from gan.images import save_png, tile, to_uint8
from gan.networks import TextToImageGenerator
from gan.sources import join_source
from gan.training.batches import Batches
from gan.training.config import SAMPLES_FOLDER, TrainingConfig
from gan.training.ema import refresh_statistics
from gan.training.networks import Networks
from gan.training.state import save_release

EARLY_GRIDS = 0, 200, 500, 1_000, 2_000, 5_000
"""Images after which a grid is drawn too, as long as these are fewer than those of the first snapshot."""
GRID_ROWS = 10
STATISTICS_BATCHES = 20
REAL_IMAGES = 256

COLLAPSED = 0.1
"""Pictures whose spread is less than this share of real images' are one picture, whatever noise and text say."""

COLLAPSE_CHECK_AFTER = 10_000
"""Images after which a generator that draws one picture still has collapsed; before, it may not have begun."""


class Sample(NamedTuple):
    """A sample grid, uint8 (3, H, W), where it lies, and whether its pictures are nearly the same ones."""

    grid: Tensor
    path: Path
    collapsed: bool


def spread(images: Tensor) -> float:
    """How far images (N, 3, H, W) differ: the standard deviation of a pixel, averaged over the pixels."""
    return images.float().std(dim=0).mean().item()


class Monitor(Protocol):
    """A quick score for a generator in training: an image is drawn for each of its captions and given to ``score``.

    Attributes:
        captions: What to ask for: those of n held-out images.
        sources: int64 (n,), the sources of those images.
    """

    captions: Sequence[str]
    sources: Tensor

    def score(self, images: Tensor) -> dict[str, float]:
        """Judge uint8 images (n, 3, H, W); ``score`` among the results is the one to go by, lower is better."""


class SampleGrids:
    """Draws and keeps the averaged generator of a run.

    Args:
        batches: Of the run, for its conditions and sources.
        run_dir: Where ``samples/``, ``snapshot/`` and ``best/`` go.
    """

    def __init__(self, config: TrainingConfig, batches: Batches, run_dir: Path, monitor: Monitor | None) -> None:
        self.config, self.batches, self.run_dir, self.monitor = config, batches, run_dir, monitor
        self.best_score = math.inf
        self.prompts = batches.conditioner.prompts
        fixed = torch.Generator().manual_seed(config.seed)
        self.grid_z = torch.randn(GRID_ROWS * len(self.prompts), config.z_dim, generator=fixed)

    def grid(self, networks: Networks, cur_nimg: int) -> Sample:
        """Draw the fixed noise for the fixed prompts, a column each."""
        names = self.batches.data.source_names
        c = self.batches.conditioner.encoder.encode(self.prompts).repeat(GRID_ROWS, 1)
        c = join_source(c, torch.arange(len(c)) * len(names) // len(c), names)  # as many rows for each source
        drawn = self.draw(networks.G_ema, self.grid_z, c)
        grid, path = tile(drawn, per_row=len(self.prompts)), self.run_dir / SAMPLES_FOLDER / f"{cur_nimg:08d}.png"
        save_png(path, grid, {})
        return Sample(grid, path, cur_nimg >= COLLAPSE_CHECK_AFTER and spread(drawn) < COLLAPSED * self.real_spread)

    @cached_property
    def real_spread(self) -> float:
        """The spread of the training images, by some of them."""
        images = self.batches.data.images
        return spread(images[torch.arange(0, len(images), max(1, len(images) // REAL_IMAGES))])

    def evaluate(self, networks: Networks, images_seen: int) -> dict[str, float]:
        """The monitor's scores, every time of the same noise; the best generator so far is kept in ``best/``."""
        assert self.monitor is not None
        c = self.batches.conditioner.encoder.encode(self.monitor.captions)
        c = join_source(c, self.monitor.sources, self.batches.data.source_names)
        z = torch.randn(len(c), self.config.z_dim, generator=torch.Generator().manual_seed(self.config.seed))
        scores = self.monitor.score(self.draw(networks.G_ema, z, c))
        if scores["score"] < self.best_score:
            self.best_score = scores["score"]
            self.save("best", networks, images_seen)
        return scores

    @torch.no_grad()
    def draw(self, G_ema: TextToImageGenerator, z: Tensor, c: Tensor) -> Tensor:
        """What the generator draws of noise (N, z_dim) and conditions (N, c_dim): uint8 (N, 3, H, W)."""
        statistics = torch.Generator().manual_seed(self.config.seed)
        refresh_statistics(G_ema, (self.batches.inputs(statistics) for _ in range(STATISTICS_BATCHES)))
        size, device = self.config.batch_size, self.batches.device
        parts = zip(z.split(size), c.split(size), strict=True)
        return torch.cat([to_uint8(G_ema(z.to(device), c.to(device)).float()).cpu() for z, c in parts])

    def save(self, folder: str, networks: Networks, images_seen: int) -> None:
        """Save the averaged generator, the discriminator and the text encoder's part in the form of a release."""
        conditioner, names = self.batches.conditioner, self.batches.data.source_names
        save_release(
            self.run_dir / folder,
            networks.G_ema,
            networks.D,
            self.config,
            conditioner.encoder,
            names,
            images_seen,
            conditioner.palette,
        )
