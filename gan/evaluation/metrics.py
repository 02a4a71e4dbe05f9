"""Measures of generated faces: pure functions of features, groups and labels. Nothing here loads a network.

Sets of features are (N, F) tensors. Distances between sets depend on their sizes, so compare only numbers that were
taken with the same number of faces a side.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

SLICES = 1000
"""Directions of a sliced distance: the paper recommends 100 to 1,000."""


@dataclass(frozen=True)
class Estimate:
    """A value and its 95 % confidence interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"


def bootstrap_mean(values: Tensor, generator: torch.Generator, over: Tensor | None = None) -> Estimate:
    """The mean of finite values (N,), N at least 1, with its percentile bootstrap interval (Efron 1979).

    With ``over`` (N,), not all 0, it is the ratio of the two means, values and divisors drawn together.
    """
    values = values.double()
    over = torch.ones_like(values) if over is None else over.double()

    def ratio(rows: Tensor) -> Tensor:
        return values[rows].mean(-1) / over[rows].mean(-1)

    return _percentiles(ratio(torch.arange(len(values))).item(), _resampled(ratio, len(values), generator))


def share(values: Tensor) -> Estimate:
    """The share of true ones of bool values (N,), N at least 1, with its interval after Wilson (1927).

    Unlike the bootstrap's, it has a width where all values are alike, as in 8 of 8.
    """
    z, n, p = 1.959964, len(values), values.double().mean().item()
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = ((middle + sign * half) / (1 + z * z / n) for sign in (-1, 1))
    return Estimate(p, max(low, 0.0), min(high, 1.0))


def bootstrap(statistic: Callable[[Tensor], Tensor], n: int, generator: torch.Generator) -> Estimate | None:
    """A statistic of ``n`` things with its percentile bootstrap interval, for things that are not single numbers.

    Args:
        statistic: Of choices of them, int64 positions (R, ``n``): (R,).
        n: Things, at least 1.
        generator: The source of randomness.

    Returns:
        ``None`` where it is not finite: nothing could be measured.
    """
    value, found = statistic(torch.arange(n)[None]).item(), _resampled(statistic, n, generator)
    found = found[found.isfinite()]
    return _percentiles(value, found) if math.isfinite(value) and len(found) else None


def _resampled(statistic: Callable[[Tensor], Tensor], n: int, generator: torch.Generator) -> Tensor:
    """A statistic of 1,000 choices of ``n`` things with replacement, float64 (1000,)."""
    at_once = 1 + 1_000_000 // n  # choices, to bound the memory
    sizes = [min(at_once, 1000 - start) for start in range(0, 1000, at_once)]
    return torch.cat([statistic(torch.randint(n, (size, n), generator=generator)) for size in sizes]).double()


def _percentiles(value: float, found: Tensor) -> Estimate:
    low, high = found.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return Estimate(value, low, high)


def half_sample_interval(
    distance: Callable[[Tensor, Tensor], float], n: int, m: int, generator: torch.Generator, rounds: int = 20
) -> Estimate:
    """The distance between two sets, with a normal interval from its spread over random halves of both.

    The bootstrap without replacement (Politis and Romano 1994): at one half, the spread is the standard error of the
    whole. A resample with replacement would not do, for its duplicates raise every distance between sets.

    Args:
        distance: Of parts of both sets, int64 positions in each.
        n: Size of the first set.
        m: Size of the second set.
        generator: The source of randomness.
        rounds: Pairs of halves.
    """

    def half(size: int) -> Tensor:
        return torch.randperm(size, generator=generator)[: size // 2]

    value = distance(torch.arange(n), torch.arange(m))
    spread = torch.tensor([distance(half(n), half(m)) for _ in range(rounds)], dtype=torch.float64).std().item()
    return Estimate(value, value - 1.96 * spread, value + 1.96 * spread)


def frechet_distance(x: Tensor, y: Tensor) -> float:
    """Frechet distance (squared) between the Gaussians fitted to two sets, as in Heusel et al. 2017.

    ``|m_x - m_y|^2 + tr(C_x + C_y - 2 (C_x C_y)^(1/2))``; the last trace is the sum of the singular values of
    ``C_x^(1/2) C_y^(1/2)``, hence of ``R_x R_y^T`` for any square roots ``C = R^T R``, which needs no matrix root.
    """
    x, y = x.double(), y.double()
    mean_x, mean_y = x.mean(0), y.mean(0)
    root_x, root_y = (
        torch.linalg.qr((features - mean) / (len(features) - 1) ** 0.5).R
        for features, mean in ((x, mean_x), (y, mean_y))
    )
    cross = torch.linalg.svdvals(root_x @ root_y.T).sum()
    distance = (mean_x - mean_y).square().sum() + root_x.square().sum() + root_y.square().sum() - 2 * cross
    return max(distance.item(), 0.0)


def kernel_distance(x: Tensor, y: Tensor) -> Callable[[Tensor, Tensor], float]:
    """Squared maximum mean discrepancy, unbiased, with the kernel ``(a.b / F + 1)^3``: Binkowski et al. 2018.

    Args:
        x: (N, F).
        y: (M, F).

    Returns:
        The distance between parts of both sets, by their int64 positions, each once: what ``half_sample_interval`` asks
        for. The kernels are worked out here, once, so that a part costs a product of a matrix and a vector.
    """

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        k = (a @ b.T).double() / a.shape[1] + 1
        return k * k * k

    def mean_of_pairs(k: Tensor, inside: Tensor) -> Tensor:
        n = inside.sum()
        return (inside @ k @ inside - inside @ k.diagonal()) / (n * (n - 1))

    def distance(i: Tensor, j: Tensor) -> float:
        in_x, in_y = (torch.zeros(len(k)).double().index_fill_(0, rows, 1) for k, rows in ((xx, i), (yy, j)))
        between = in_x @ xy @ in_y / (len(i) * len(j))
        return (mean_of_pairs(xx, in_x) + mean_of_pairs(yy, in_y) - 2 * between).item()

    xx, xy, yy = kernel(x, x), kernel(x, y), kernel(y, y)
    return distance


def sliced_wasserstein(x: Tensor, y: Tensor, generator: torch.Generator) -> Callable[[Tensor, Tensor], float]:
    """Monge inception distance (MIND, arXiv 2605.06797): ``3 F`` times the squared sliced 2-Wasserstein distance.

    The factor brings it to the size of a Frechet distance. In one dimension, transport pairs the sorted projections.

    Args:
        x: (N, F).
        y: (N, F).
        generator: Of the ``SLICES`` directions, which are even over the sphere.

    Returns:
        The distance between parts of both sets, of the same size, by their int64 positions, each once: what
        ``half_sample_interval`` asks for. The projections are sorted here, once.
    """
    directions = torch.randn(x.shape[1], SLICES, generator=generator)
    directions /= directions.norm(dim=0)
    projections = [(features.float() @ directions).T.sort(dim=1) for features in (x, y)]

    def distance(i: Tensor, j: Tensor) -> float:
        parts = []
        for (values, order), rows in zip(projections, (i, j), strict=True):
            is_in = torch.zeros(values.shape[1], dtype=torch.bool).index_fill_(0, rows, True)
            parts.append(values[is_in[order]].view(SLICES, -1))
        return 3 * x.shape[1] * torch.stack(parts).double().diff(dim=0).square().mean().item()

    return distance


def principal_directions(features: Tensor, count: int) -> Tensor:
    """The main directions (F, ``count``) of a set about its mean, the largest variance first."""
    centred = features.double() - features.double().mean(0)
    _, directions = torch.linalg.eigh(centred.T @ centred)  # ascending
    return directions.flip(1)[:, :count]


def radii(real: Tensor, k: int = 5) -> Tensor:
    """The neighbourhood of each real face: float64 (N,), the distance to its ``k``-th nearest other one in (N, F)."""
    return torch.cdist(real.double(), real.double()).kthvalue(k + 1, dim=1).values


def density_and_coverage(distances: Tensor, radius: Tensor, k: int = 5) -> tuple[Tensor, Tensor]:
    """Density and coverage, face by face, after Naeem et al. 2020.

    Args:
        distances: (N, M), from each real face to each fake.
        radius: (N,), the ``radii`` of the real faces with this ``k``.
        k: Real faces in a neighbourhood.

    Returns:
        float64 (M,) of each fake: in how many real neighbourhoods it lies, over ``k``; the mean is the density, 1 where
        fakes lie as densely as real ones. float64 (N,) of each real face: 1 where some fake lies in its neighbourhood,
        else 0; the mean is the coverage.
    """
    inside = distances <= radius[:, None]
    return inside.sum(0).double() / k, inside.any(1).double()


def realism(distances: Tensor, radius: Tensor) -> Tensor:
    """How deep each fake lies in the real neighbourhoods, after Kynkaanniemi et al. 2019, section 5: (M,).

    The largest ratio of a real face's radius to the fake's distance from it, at least 1 inside of some neighbourhood;
    arguments as in ``density_and_coverage``.
    """
    return (radius[:, None] / distances.clamp_min(1e-12)).amax(0)


def diversity(features: Tensor, groups: Tensor) -> dict[int, float]:
    """The mean distance between two members of each group that has two members or more.

    Args:
        features: (N, F).
        groups: int64 (N,).
    """
    return {
        group: torch.pdist(features[groups == group].double()).mean().item()
        for group, count in zip(*(part.tolist() for part in groups.unique(return_counts=True)), strict=True)
        if count > 1
    }


def closeness_to_training(faces: Tensor, training: Tensor, neighbours: int = 50) -> tuple[Tensor, Tensor]:
    """How much closer each face is to its nearest training face than to that one's rivals.

    The distance to the nearest one alone would accuse smooth faces, which are near to everything; over the mean
    distance to the nearest ``neighbours`` it does not (Carlini et al. 2023, section 4).

    Args:
        faces: (N, F).
        training: (M, F), with a mirrored copy of every training face if mirrored copies are to be found.
        neighbours: Number of nearest ones that are averaged.

    Returns:
        (N,) the ratio, 0 for a copy and nearly 1 for a face that is near to none in particular; int64 (N,) the
        nearest training face.
    """
    training, ratios, nearest = training.float(), [], []
    lengths = training.square().sum(1)
    for chunk in faces.float().split(256):
        # |a - b|^2 = |a|^2 + |b|^2 - 2 a.b: torch.cdist would copy the training set for every chunk.
        squared = torch.addmm(lengths, chunk, training.T, alpha=-2).add_(chunk.square().sum(1, keepdim=True))
        closest, found = squared.topk(min(neighbours, len(training)), largest=False)
        distances = closest.clamp_min(0).sqrt()
        ratios.append(distances[:, 0] / distances.mean(1).clamp_min(1e-12))
        nearest.append(found[:, 0])
    return torch.cat(ratios), torch.cat(nearest)


def confusion(asked: Tensor, read: Tensor, classes: int) -> Tensor:
    """How often each colour was read, int64 (``classes``, ``classes``), by the colour asked for; labels from 0."""
    return torch.bincount(asked * classes + read, minlength=classes**2).view(classes, classes)
