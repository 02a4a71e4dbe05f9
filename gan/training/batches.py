"""From images and texts to batches: the order of the images, their texts and noise, and what D sees of an image."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from encoder.common.errors import InputError
from gan.data import ImageDataset
from gan.sources import join_source
from gan.training.augment import DRAWS, augment
from gan.training.conditions import Conditioner
from gan.training.config import TrainingConfig
from gan.training.distributed import World
from gan.training.objectives import Batch


class Order:
    """Endless row numbers: every epoch a new order, none left out between epochs. Resumable by ``rest``.

    With ``weights (size,)``, a row comes so many times in an epoch, in the mean.
    """

    def __init__(self, size: int, batch_size: int, generator: torch.Generator, weights: Tensor | None = None) -> None:
        self.size, self.batch_size, self.generator, self.weights = size, batch_size, generator, weights
        self.rest = torch.empty(0, dtype=torch.int64)

    def checked(self, rest: Tensor, path: Path) -> Tensor:
        """What may become ``rest``; ``InputError`` names the file ``path`` where it is no row numbers."""
        fits = rest.dtype == torch.int64 and rest.dim() == 1
        if not fits or not bool(((rest >= 0) & (rest < self.size)).all()):
            raise InputError(f"{path}: order is not the numbers of {self.size} images; start the run anew")
        return rest

    def next(self) -> Tensor:
        """int64 (batch_size,)."""
        while len(self.rest) < self.batch_size:
            self.rest = torch.cat([self.rest, self.epoch()])
        rows, self.rest = self.rest[: self.batch_size], self.rest[self.batch_size :]
        return rows

    def epoch(self) -> Tensor:
        """A new order of all rows."""
        if self.weights is None:
            return torch.randperm(self.size, generator=self.generator)
        times = (self.weights + torch.rand(self.size, generator=self.generator)).floor().long()
        rows = torch.arange(self.size).repeat_interleave(times)
        return rows[torch.randperm(len(rows), generator=self.generator)]


class Batches:
    """Batches of a run, all that is random in them drawn from one generator.

    Args:
        conditioner: Gives their texts.
        generator: Of the order, the texts, the noise and the augmentation.
        device: Where batches go; on a GPU the images lie there throughout.
        world: Every process draws the same whole batch and takes its own rows.
    """

    def __init__(
        self,
        config: TrainingConfig,
        data: ImageDataset,
        conditioner: Conditioner,
        generator: torch.Generator,
        device: torch.device,
        world: World,
    ) -> None:
        self.config, self.conditioner, self.generator, self.world = config, conditioner, generator, world
        self.device, self.data = device, data
        self.images = data.images[:].to(device) if device.type == "cuda" else data.images
        self.order = Order(len(data), config.batch_size, generator, conditioner.weights)

    def next(self, resolution: int, cur_nimg: int) -> tuple[Batch, Tensor]:
        """This process's share of the batch after ``cur_nimg`` images: real ones with texts, and noise z (N, z_dim)."""
        config, rows = self.config, self.order.next()
        c, c_wrong, labels = self.conditioner.draw(rows, self.generator, cur_nimg)
        c, c_wrong = (self.with_source(each, rows) for each in (c, c_wrong))
        z = torch.randn(len(rows), config.z_dim, generator=self.generator)
        mirrored = torch.rand(len(rows), 1, 1, 1, generator=self.generator) < config.mirror
        rows = self.world.rows(rows)
        real_images = self.images[rows.to(self.images.device)] if self.device.type == "cuda" else self.images[rows]
        mirrored, z, c, c_wrong, labels = (self.share(each) for each in (mirrored, z, c, c_wrong, labels))
        real_images = real_images.float().div_(127.5).sub_(1)
        real_images = torch.where(mirrored, real_images.flip(3), real_images)
        real_images = F.adaptive_avg_pool2d(real_images, resolution)
        real_images = real_images.contiguous(memory_format=torch.channels_last)
        return Batch(real_images, c, c_wrong, labels), z

    def augment(self, img: Tensor, chance: float) -> Tensor:
        """Images (N, 3, H, W) as the discriminator sees them, each moved and cut with ``chance``."""
        if chance == 0:
            return img
        draws = torch.rand(self.config.batch_size, DRAWS, generator=self.generator)
        return augment(img, chance, self.world.rows(draws)[: len(img)])

    def inputs(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Noise and conditions ``(z, c)`` of random training images, drawn from another ``generator``."""
        ready = self.conditioner.shown_first
        rows = torch.randint(
            len(self.data) if ready is None else len(ready), (self.config.batch_size,), generator=generator
        )
        rows = rows if ready is None else ready[rows]
        c = self.with_source(self.conditioner.draw(rows, generator).c, rows)
        z = torch.randn(len(rows), self.config.z_dim, generator=generator)
        return z.to(self.device), c.to(self.device)

    def with_source(self, c: Tensor, rows: Tensor) -> Tensor:
        """The networks' conditions of the images ``rows``: their texts' and their sources'."""
        return join_source(c, self.data.sources[rows], self.data.source_names)

    def share(self, value: Tensor) -> Tensor:
        """This process's rows of a whole batch, on the device."""
        return self.to_device(self.world.rows(value))

    def to_device(self, value: Tensor) -> Tensor:
        """A small tensor on the device, without waiting for what the device is still busy with."""
        return value.pin_memory().to(self.device, non_blocking=True) if self.device.type == "cuda" else value
