import pytest
import torch
from torch import nn

from gan.networks import build_generator
from gan.training.ema import ema_decay, refresh_statistics, update_ema


def test_half_life_in_images() -> None:
    decay = ema_decay(10, cur_nimg=10**9, half_life=200, rampup=0.05)
    assert decay**20 == pytest.approx(0.5)  # 20 steps of 10 images


def test_half_life_grows_with_the_images_seen() -> None:
    assert ema_decay(10, cur_nimg=2000, half_life=10_000, rampup=0.05) == pytest.approx(0.5 ** (10 / 100))
    assert ema_decay(10, cur_nimg=2000, half_life=10_000, rampup=0) == pytest.approx(0.5 ** (10 / 10_000))
    assert ema_decay(10, cur_nimg=0, half_life=10_000, rampup=0.05) == 0  # nothing worth keeping yet


class Normed(nn.Module):
    """``z * weight``, then batch normalisation."""

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))
        self.norm = nn.BatchNorm1d(2, momentum=0.1)

    def forward(self, z: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        return self.norm(self.weight * z + c)


def test_update_moves_weights_towards_the_live_ones_and_leaves_buffers() -> None:
    G_ema, G = Normed(1.0), Normed(5.0)
    G.norm.running_mean.fill_(3.0)
    update_ema(G_ema, G, 0.75)
    assert G_ema.weight.item() == pytest.approx(0.75 * 1 + 0.25 * 5)
    assert G_ema.norm.running_mean.tolist() == [0, 0]
    assert G.weight.item() == 5
    for _ in range(3):
        update_ema(G_ema, G, 0.5)
    assert 5 - G_ema.weight.item() == pytest.approx(0.5**3 * (5 - 2))


def test_no_gradient_goes_through_the_average() -> None:
    G_ema, G = Normed(1.0), Normed(5.0)
    update_ema(G_ema, G, 0.5)
    assert G_ema.weight.grad_fn is None


def test_refreshed_statistics_are_the_mean_over_batches() -> None:
    G_ema = Normed(2.0).eval().requires_grad_(False)
    G_ema.norm.running_mean.fill_(99.0)
    batches = [
        (torch.tensor([[0.0, 1.0], [2.0, 5.0]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]])),
        (torch.tensor([[4.0, 0.0], [0.0, 0.0]]), torch.zeros(2, 2)),
    ]
    refresh_statistics(G_ema, batches)
    # The inputs of the normalisation, 2 z + c: columns (1, 5), (2, 10); then (8, 0), (0, 0).
    assert G_ema.norm.running_mean.tolist() == pytest.approx([(3 + 4) / 2, (6 + 0) / 2])
    assert G_ema.norm.running_var.tolist() == pytest.approx([(8 + 32) / 2, (32 + 0) / 2])  # unbiased
    assert G_ema.norm.momentum == 0.1
    assert not G_ema.training
    assert G_ema.weight.item() == 2


def test_a_network_without_batch_normalisation_is_left_untouched() -> None:
    network = nn.Linear(2, 2).eval()
    unused = iter([(torch.zeros(1, 2), torch.zeros(1, 2))])
    refresh_statistics(network, unused)
    assert next(unused, None) is not None
    assert not network.training


def test_a_part_that_stays_in_evaluation_mode_keeps_its_statistics() -> None:
    G_ema = build_generator("stackgan2", z_dim=4, c_dim=3, stage1={"widths": [4, 4, 4, 4]}, width=8).eval()
    statistics = G_ema.stage1.start_norm.running_mean.fill_(0.5)
    refresh_statistics(G_ema, [(torch.randn(2, 4), torch.randn(2, 3))])
    assert statistics.tolist() == [0.5] * 4
    assert G_ema.stage1.start_norm.momentum == 0.1
    assert G_ema.join[1].running_mean.any()
