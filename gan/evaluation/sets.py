"""Sets of images beside real ones, in feature spaces: how far they are, how much they cover, how much they vary."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import torch
from torch import Tensor

from gan.data.dataset import ImageDataset
from gan.data.duplicates import mirrored, thumbnails
from gan.evaluation.metrics import (
    Estimate,
    bootstrap_mean,
    closeness_to_training,
    density_and_coverage,
    diversity,
    frechet_distance,
    half_sample_interval,
    kernel_distance,
    principal_directions,
    radii,
    realism,
    share,
    sliced_wasserstein,
)
from gan.evaluation.registry import LESS, MORE, Metric, Scores, register

DIRECTIONS = 64
"""Main directions of the real features that the Frechet distance is taken on: few enough for 2,000 images to fill."""
MIN_FACES = 4 * DIRECTIONS
"""The fewest images that are compared as a set."""
NEIGHBOURS = 5
COPY_QUANTILE = 0.01
CHUNK = 4096  # training images looked at a time, for they may lie on the disk

Features: TypeAlias = dict[str, Tensor]
"""Float32 (N, F) of N images, by feature space."""


@dataclass(frozen=True, eq=False)
class Reference:
    """N held-out real images in one feature space.

    Attributes:
        features: (N, F).
        groups: int64 (N,): images of one group may stand for each other.
    """

    features: Tensor
    groups: Tensor

    @cached_property
    def directions(self) -> Tensor:
        """The main directions, (F, ``DIRECTIONS``)."""
        return principal_directions(self.features, DIRECTIONS)

    @cached_property
    def radii(self) -> Tensor:
        """The neighbourhood of each image, (N,)."""
        return radii(self.features, NEIGHBOURS)

    @cached_property
    def diversity(self) -> dict[int, float]:
        """The mean distance within each group."""
        return diversity(self.features, self.groups)


@dataclass(frozen=True, eq=False)
class Comparison:
    """M images beside real ones in one feature space: what a metric of sets is given.

    Attributes:
        real: The real images.
        fake: Features (M, F).
        groups: int64 (M,), what was asked for.
        generator: Of all intervals, one after the other.
    """

    real: Reference
    fake: Tensor
    groups: Tensor
    generator: torch.Generator

    @cached_property
    def distances(self) -> Tensor:
        """From each real image to each other one, float64 (N, M)."""
        return torch.cdist(self.real.features.double(), self.fake.double())

    @cached_property
    def density_and_coverage(self) -> tuple[Tensor, Tensor]:
        return density_and_coverage(self.distances, self.real.radii, NEIGHBOURS)

    @property
    def realism(self) -> Tensor:
        """Float64 (M,), of each image."""
        return realism(self.distances, self.real.radii)


SetMetric: TypeAlias = Callable[[Comparison], Estimate | None]
SET_METRICS: dict[str, SetMetric] = {}
"""The metrics of sets by name, in the order in which they are measured; ``None`` where one cannot be."""


def set_metric(metric: Metric) -> Callable[[SetMetric], SetMetric]:
    """Measure the decorated function in every feature space, and show it as ``metric``."""

    def add(function: SetMetric) -> SetMetric:
        register(metric)
        SET_METRICS[metric.name] = function
        return function

    return add


@set_metric(Metric("frechet", "Fréchet distance", LESS, column="Fréchet distance"))
def _frechet(sets: Comparison) -> Estimate:
    real, fake = (features.double() @ sets.real.directions for features in (sets.real.features, sets.fake))
    return half_sample_interval(lambda i, j: frechet_distance(real[i], fake[j]), len(real), len(fake), sets.generator)


@set_metric(Metric("kernel", "kernel distance × 1000", LESS, scale=1000))
def _kernel(sets: Comparison) -> Estimate:
    real, fake = sets.real.features, sets.fake
    return half_sample_interval(kernel_distance(real, fake), len(real), len(fake), sets.generator)


@set_metric(Metric("mind", "MIND, a sliced Wasserstein distance", LESS))
def _mind(sets: Comparison) -> Estimate:
    real, fake = sets.real.features, sets.fake
    own = torch.Generator().manual_seed(sets.generator.initial_seed())  # leaves the chance of the others as it was
    return half_sample_interval(sliced_wasserstein(real, fake, own), len(real), len(fake), own)


@set_metric(Metric("density", "density", MORE))
def _density(sets: Comparison) -> Estimate:
    return bootstrap_mean(sets.density_and_coverage[0], sets.generator)


@set_metric(Metric("coverage", "coverage", MORE, percent=True))
def _coverage(sets: Comparison) -> Estimate:
    return share(sets.density_and_coverage[1])


@set_metric(Metric("diversity", "diversity within a {common}, real {noun}s 1", "1 is best", column="diversity"))
def _diversity(sets: Comparison) -> Estimate | None:
    spread, real = diversity(sets.fake, sets.groups), sets.real.diversity
    both = sorted(spread.keys() & real.keys())
    if not both:
        return None
    spreads = torch.tensor([[spread[group], real[group]] for group in both])
    return bootstrap_mean(spreads[:, 0], sets.generator, over=spreads[:, 1])


register(
    Metric("closeness", "nearest training {noun} over the 50 nearest", "as real {noun}s"),
    Metric("copies", "nearer to one than 99 % of real {noun}s", "as real {noun}s", percent=True, brief=False),
)


class Evaluator:
    """Compares sets of N images with N held-out real ones.

    What real images get in place of generated ones, the floor of every distance, is what as many training images get.

    Args:
        real: Features of the real images in every space.
        groups: int64 (N,), what every set is asked for, in the order of its images.
        real_groups: int64 (N,), what the real images show.
        heldout: uint8 (N, 3, 64, 64), the real images.
        twins: Likewise, training images that were asked for as every set is.
        training: The images that the generator was trained on.
        seed: Of all intervals.
    """

    def __init__(
        self,
        real: Features,
        groups: Tensor,
        real_groups: Tensor,
        heldout: Tensor,
        twins: Tensor,
        training: ImageDataset,
        seed: int = 0,
    ) -> None:
        self.groups, self.heldout, self.twins, self.training, self.seed = groups, heldout, twins, training, seed
        self.references = {name: Reference(features, real_groups) for name, features in real.items()}
        parts = (training.images[start : start + CHUNK] for start in range(0, len(training), CHUNK))
        pixels = torch.cat([thumbnails(part) for part in parts])
        self.training_pixels = torch.cat([pixels, mirrored(pixels)])
        self.heldout_closeness, _ = self.closeness(heldout)

    def _generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.seed)

    def compare(self, features: Features) -> tuple[Scores, Tensor]:
        """Compare N images with the real ones.

        Args:
            features: Of the N images, by feature space.

        Returns:
            Every metric of sets by feature space, and the realism of each image in the last space, float64 (N,).
        """
        scores: Scores = {}
        for name, fake in features.items():
            sets = Comparison(self.references[name], fake, self.groups, self._generator())
            found = {metric: measure(sets) for metric, measure in SET_METRICS.items()}
            scores[name] = {metric: estimate for metric, estimate in found.items() if estimate is not None}
        return scores, sets.realism

    def closeness(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """How close each of M images is to the training set (``closeness_to_training``), by 16x16 pixels.

        Returns:
            float32 (M,), and the nearest training images as they lie nearest, mirrored or not: uint8 (M, 3, 64, 64).
        """
        ratios, nearest = closeness_to_training(thumbnails(images), self.training_pixels)
        count = len(self.training)
        found = self.training.images[nearest % count]
        return ratios, torch.where((nearest >= count)[:, None, None, None], found.flip(3), found)

    def memorisation(self, closeness: Tensor) -> dict[str, Estimate]:
        """What a set's closeness (M,) comes to: its mean, and the share closer than all but 1 % of held-out images."""
        return {
            "closeness": bootstrap_mean(closeness, self._generator()),
            "copies": share(closeness < self.heldout_closeness.quantile(COPY_QUANTILE)),
        }


def matching(wanted: Sequence[Hashable], groups: Sequence[Hashable], generator: torch.Generator) -> Tensor:
    """Random members of the groups asked for: int64 (N,) positions in ``groups``.

    None comes twice while there are others of its group; where a group has no member, any other image stands in.

    Args:
        wanted: N groups.
        groups: That of each of M images.
        generator: The source of randomness.
    """
    order = torch.randperm(len(groups), generator=generator).tolist()
    pools: dict[Hashable, list[int]] = {}
    for position in order:
        pools.setdefault(groups[position], []).append(position)
    taken: dict[Hashable, int] = {}
    chosen = []
    for group in wanted:
        key, pool = (group, pools[group]) if group in pools else (None, order)
        taken[key] = taken.get(key, -1) + 1
        chosen.append(pool[taken[key] % len(pool)])
    return torch.tensor(chosen)
