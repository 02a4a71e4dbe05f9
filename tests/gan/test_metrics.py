from __future__ import annotations

import math

import pytest
import torch

from gan.evaluation.metrics import (
    bootstrap_mean,
    closeness_to_training,
    confusion,
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


def sample(n: int, mean: list[float], covariance: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """A set whose own mean and covariance are exactly those given."""
    x = torch.randn(n, len(mean), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    x = x - x.mean(0)
    white = torch.linalg.solve_triangular(torch.linalg.cholesky(torch.cov(x.T)), x.T, upper=False).T
    return white @ torch.linalg.cholesky(covariance).T + torch.tensor(mean, dtype=torch.float64)


def covariance(seed: int, size: int = 3) -> torch.Tensor:
    root = torch.randn(size, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return root @ root.T + torch.eye(size)


def root(matrix: torch.Tensor) -> torch.Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    return vectors @ values.clamp_min(0).sqrt().diag() @ vectors.T


def test_frechet_distance_of_axis_aligned_gaussians() -> None:
    x = sample(50, [0.0, 0.0], torch.tensor([4.0, 9.0], dtype=torch.float64).diag())
    y = sample(80, [3.0, 4.0], torch.tensor([1.0, 25.0], dtype=torch.float64).diag(), seed=1)
    # |(3, 4)|^2 + (2 - 1)^2 + (3 - 5)^2
    assert frechet_distance(x, y) == pytest.approx(30)


def test_frechet_distance_of_gaussians_that_lie_askew() -> None:
    a, b = covariance(1), covariance(2)
    expected = (a.trace() + b.trace() - 2 * root(root(a) @ b @ root(a)).trace()).item()
    assert frechet_distance(sample(40, [0.0] * 3, a), sample(60, [0.0] * 3, b, seed=1)) == pytest.approx(expected)


def test_frechet_distance_is_zero_within_a_set_and_needs_fewer_faces_than_features() -> None:
    x = torch.randn(5, 12, generator=torch.Generator().manual_seed(0))
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(x, x + 1) == pytest.approx(12, rel=1e-5)


def whole_kernel_distance(x: torch.Tensor, y: torch.Tensor) -> float:
    return kernel_distance(x, y)(torch.arange(len(x)), torch.arange(len(y)))


def test_kernel_distance_worked_by_hand() -> None:
    x, y = torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0], [2.0]])
    # (ab + 1)^3: within x 1; within y 27; across 1, 1, 8, 27
    assert whole_kernel_distance(x, y) == pytest.approx(1 + 27 - 2 * (1 + 1 + 8 + 27) / 4)


def test_kernel_distance_of_one_distribution_is_zero_on_average() -> None:
    generator = torch.Generator().manual_seed(0)
    draws = torch.randn(40, 2, 50, 4, generator=generator)
    distances = torch.tensor([whole_kernel_distance(x, y) for x, y in draws])
    assert distances.mean().abs() < 3 * distances.std() / math.sqrt(len(distances))
    assert whole_kernel_distance(draws[0, 0], draws[0, 1] + 1) > distances.max()


def test_kernel_distance_of_parts_is_that_of_the_parts_alone() -> None:
    x, y = torch.randn(2, 30, 5, generator=torch.Generator().manual_seed(0)).unbind()
    i, j = torch.tensor([3, 1, 29, 7]), torch.tensor([0, 28, 4])
    assert kernel_distance(x, y)(i, j) == pytest.approx(whole_kernel_distance(x[i], y[j]), rel=1e-5)


def test_sliced_distance_worked_by_hand() -> None:
    both = torch.arange(2), torch.arange(2)
    x, y = torch.tensor([[1.0], [0.0]]), torch.tensor([[1.0], [3.0]])
    assert sliced_wasserstein(x, y, torch.Generator())(*both) == pytest.approx(3 * (1**2 + 2**2) / 2)  # 0 to 1, 1 to 3
    x = torch.randn(2, 50, generator=torch.Generator().manual_seed(0))
    moved = x + torch.tensor([3.0, 4.0] + [0.0] * 48)
    assert sliced_wasserstein(x, moved, torch.Generator().manual_seed(0))(*both) == pytest.approx(3 * 5**2, rel=0.1)


def test_sliced_distance_of_parts_is_that_of_the_parts_alone() -> None:
    x, y = torch.randn(2, 30, 5, generator=torch.Generator().manual_seed(0)).unbind()
    i, j = torch.tensor([4, 7, 1, 29]), torch.tensor([0, 3, 28, 2])
    whole, alone = (sliced_wasserstein(*each, torch.Generator().manual_seed(0)) for each in ((x, y), (x[i], y[j])))
    assert whole(i, j) == pytest.approx(alone(torch.arange(4), torch.arange(4)), rel=1e-5)


def test_principal_directions_find_what_varies_most() -> None:
    x = sample(100, [5.0, 0.0, 1.0], torch.tensor([1.0, 9.0, 4.0], dtype=torch.float64).diag())
    assert torch.allclose(principal_directions(x, 2).abs(), torch.eye(3, dtype=torch.float64)[:, [1, 2]], atol=1e-9)


LINE = torch.tensor([[0.0], [1.0], [2.0], [10.0]])
"""Real faces on a line; to the nearest other real one it is 1, 1, 1 and 8."""


def test_density_and_coverage_worked_by_hand() -> None:
    fake = torch.tensor([[1.5], [100.0], [3.0]])
    # 1.5 is near 1 and 2; 100 near none; 3 near 2 and 10.
    assert radii(LINE, k=1).tolist() == [1, 1, 1, 8]
    density, coverage = density_and_coverage(torch.cdist(LINE, fake), radii(LINE, k=1), k=1)
    assert density.tolist() == [2, 0, 2]
    assert coverage.tolist() == [0, 1, 1, 1]


def test_realism_worked_by_hand() -> None:
    # 100 is 90 from 10, whose radius is 8; 1.5 is 8.5 from it and 0.5 from 1, whose radius is 1.
    distances = torch.cdist(LINE, torch.tensor([[100.0], [1.5]]))
    assert realism(distances, radii(LINE, k=1)).tolist() == pytest.approx([8 / 90, 2])


def test_diversity_is_the_mean_distance_within_a_group() -> None:
    features = torch.tensor([[0.0, 0.0], [3.0, 4.0], [7.0, 7.0], [1.0, 1.0], [1.0, 1.0], [1.0, 2.0]])
    assert diversity(features, torch.tensor([5, 5, 9, 2, 2, 2])) == {5: 5.0, 2: pytest.approx(2 / 3)}


def test_a_copy_is_close_to_training_and_a_smooth_face_is_not() -> None:
    training = torch.randn(200, 30, generator=torch.Generator().manual_seed(0))
    faces = torch.stack([training[17], training.mean(0)])
    ratios, nearest = closeness_to_training(faces, training)
    assert nearest[0] == 17
    assert ratios[0] < 0.01
    assert ratios[1] > 0.7


def test_bootstrap_interval_of_a_share() -> None:
    values = torch.arange(1000) < 300
    estimate = bootstrap_mean(values, torch.Generator().manual_seed(0))
    assert estimate.value == pytest.approx(0.3)
    # 1.96 standard errors of a binomial share each way
    assert estimate.high - estimate.low == pytest.approx(2 * 1.96 * math.sqrt(0.3 * 0.7 / 1000), rel=0.1)
    assert bootstrap_mean(values, torch.Generator().manual_seed(0)) == estimate


def test_bootstrap_of_a_ratio_of_means() -> None:
    values, over = torch.tensor([1.0, 5.0, 0.0]), torch.tensor([2.0, 1.0, 1.0])
    estimate = bootstrap_mean(values, torch.Generator().manual_seed(0), over=over)
    assert estimate.value == pytest.approx(1.5)


def test_half_sample_interval_has_the_width_of_the_standard_error() -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(400, 1, generator=generator), torch.randn(400, 1, generator=generator) + 5
    estimate = half_sample_interval(
        lambda i, j: (y[j].mean() - x[i].mean()).item(), len(x), len(y), generator, rounds=500
    )
    assert estimate.value == pytest.approx((y.mean() - x.mean()).item())
    expected = 1.96 * math.sqrt(x.var().item() / 400 + y.var().item() / 400)
    assert estimate.high - estimate.value == pytest.approx(expected, rel=0.15)


def test_confusion_counts_what_was_read_by_what_was_asked() -> None:
    table = confusion(torch.tensor([0, 0, 1, 2]), torch.tensor([0, 1, 1, 0]), 3)
    assert table.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]


def test_a_share_has_an_interval_after_wilson() -> None:
    found = share(torch.tensor([True] * 8))
    assert (found.value, found.high) == (1, 1)
    assert found.low == pytest.approx(0.6756, abs=1e-4)
    half = share(torch.tensor([True, False] * 50))
    assert (half.low, half.high) == pytest.approx((0.4038, 0.5962), abs=1e-4)
