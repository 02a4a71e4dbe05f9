import math

import pytest
import torch
from torch import nn

from encoder.errors import InputError
from gan.networks import ARCHITECTURES, ImageTextDiscriminator, build_discriminator, build_generator
from gan.objectives import OBJECTIVES, Batch, Objective, squared_gradient

LN3 = math.log(3)  # the sigmoid of it is 3/4, of its negative 1/4
RIGHT, WRONG = 0, 1


class KnownScores(ImageTextDiscriminator):
    """Scores by (image, text); an image is filled with its number, 0 real and 1 fake; counts the feature passes."""

    def __init__(self, scores: list[list[float]]) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.tensor(scores))  # [image][text]
        self.seen: list[int] = []

    def features(self, img: torch.Tensor) -> torch.Tensor:
        self.seen.append(int(img[0].mean()))
        return img.mean(dim=(1, 2, 3))

    def score(self, features: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        return self.table[features.long(), c[:, 0].long()]


def inputs(n: int = 2) -> tuple[Batch, torch.Tensor]:
    """A batch and fakes for ``KnownScores``."""
    image = torch.ones(n, 3, 64, 64)
    text = torch.ones(n, 1)
    return Batch(0 * image, RIGHT * text, WRONG * text, torch.zeros(n, 3, dtype=torch.int64)), 1 * image


def batch_of(real: torch.Tensor, c: torch.Tensor) -> Batch:
    """A batch whose wrong texts and labels do not matter."""
    return Batch(real, c, c, torch.zeros(len(c), 3, dtype=torch.int64))


SCORES = [[LN3, -LN3], [0.0, -LN3]]  # real: right text, wrong text; fake: right text, wrong text


@pytest.mark.parametrize(
    ("key", "loss_D", "loss_G"),
    [
        # sigmoids: real right 3/4, fake 1/2, real wrong 1/4
        ("gan-cls", -math.log(3 / 4) - (math.log(1 / 2) + math.log(3 / 4)) / 2, -math.log(1 / 2)),
        # e^(fake - real) = 1/3, e^(wrong - right) = 1/9; for G: e^(real - fake) = 3, e^(wrong - right) = 1/3
        ("r3gan", math.log(4 / 3) + math.log(10 / 9) / 2, math.log(4) + math.log(4 / 3) / 2),
    ],
)
def test_losses_by_hand(key, loss_D, loss_G) -> None:
    D = KnownScores(SCORES)
    assert OBJECTIVES[key]().discriminator_loss(D, *inputs()).item() == pytest.approx(loss_D, rel=1e-6)
    assert OBJECTIVES[key]().generator_loss(D, *inputs()).item() == pytest.approx(loss_G, rel=1e-6)


@pytest.mark.parametrize("key", OBJECTIVES)
def test_features_run_once_an_image_set(key) -> None:
    D = KnownScores(SCORES)
    OBJECTIVES[key]().discriminator_loss(D, *inputs())
    assert sorted(D.seen) == [0, 1]
    D.seen.clear()
    OBJECTIVES[key]().generator_loss(D, *inputs())
    assert D.seen.count(1) == 1
    assert D.seen.count(0) <= 1


@pytest.mark.parametrize("key", OBJECTIVES)
def test_each_loss_pulls_the_scores_the_right_way(key) -> None:
    D = KnownScores(SCORES)
    (by_score,) = torch.autograd.grad(OBJECTIVES[key]().discriminator_loss(D, *inputs()), D.table)
    assert by_score[0, RIGHT] < 0  # descent raises the score of the real face under its text
    assert by_score[0, WRONG] > 0
    assert by_score[1, RIGHT] > 0
    (by_score,) = torch.autograd.grad(OBJECTIVES[key]().generator_loss(D, *inputs()), D.table)
    assert by_score[1, RIGHT] < 0
    assert by_score[0].abs().sum() == 0  # the real faces are not the generator's to change


@pytest.mark.parametrize("key", OBJECTIVES)
def test_losses_stay_finite_at_extreme_scores(key) -> None:
    D = KnownScores([[-1e4, 1e4], [1e4, -1e4]])
    for loss in (OBJECTIVES[key]().discriminator_loss(D, *inputs()), OBJECTIVES[key]().generator_loss(D, *inputs())):
        assert loss.isfinite()
        loss.backward()
        assert D.table.grad.isfinite().all()


def test_halfway_texts_state_nothing() -> None:
    batch = Batch(
        torch.randn(3, 3, 64, 64), torch.zeros(3, 2), torch.tensor([[2.0, 4.0]]).repeat(3, 1), torch.ones(3, 3).long()
    )
    some = batch.halfway(2)
    assert torch.equal(some.real, batch.real[:2])
    assert some.c.tolist() == [[1, 2], [1, 2]]
    assert some.c_wrong.tolist() == [[2, 4], [2, 4]]
    assert some.labels.tolist() == [[0, 0, 0], [0, 0, 0]]


# -- the penalty -----------------------------------------------------------------------------------------------------


class Linear(nn.Module):
    """``<a, img>``: the gradient is ``a`` everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.full((3, 64, 64), 0.01))

    def forward(self, img: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        return (self.a * img).sum(dim=(1, 2, 3))


class Quadratic(nn.Module):
    """``c |img|^2 / 2``: the gradient is ``c img``."""

    def forward(self, img: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        return c[:, 0] * img.square().sum(dim=(1, 2, 3)) / 2


def test_penalty_of_a_linear_discriminator() -> None:
    D = Linear()
    real, fake = torch.randn(2, 8, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    penalty = OBJECTIVES["r3gan"]().penalty(D, batch_of(real, torch.zeros(8, 1)), fake, gamma=3.0)
    square = 3 * 64 * 64 * 0.01**2
    assert penalty.item() == pytest.approx(3.0 / 2 * (square + square), rel=1e-5)
    penalty.backward()
    torch.testing.assert_close(D.a.grad, 2 * 3.0 * D.a.detach())


def test_penalty_of_a_quadratic_discriminator() -> None:
    real, fake = torch.randn(2, 8, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    c = torch.arange(1.0, 9.0)[:, None]
    penalty = OBJECTIVES["r3gan"]().penalty(Quadratic(), batch_of(real, c), fake, gamma=0.5)
    r1, r2 = ((c[:2, 0] ** 2 * images[:2].square().sum(dim=(1, 2, 3))).mean() for images in (real, fake))
    torch.testing.assert_close(penalty, 0.5 / 2 * (r1 + r2))  # of every fourth image, real and fake under one condition


def test_squared_gradient_is_per_image() -> None:
    img = torch.stack([torch.full((3, 64, 64), value) for value in (0.0, 1.0, 2.0)])
    squared = squared_gradient(Quadratic(), img, torch.ones(3, 1))
    assert squared.tolist() == [0, 3 * 64 * 64, 4 * 3 * 64 * 64]


def test_a_batch_below_four_still_has_a_penalty() -> None:
    images = torch.ones(1, 3, 64, 64)
    assert OBJECTIVES["r3gan"]().penalty(Linear(), batch_of(images, torch.zeros(1, 1)), images, gamma=1.0) > 0


def test_r3gan_refuses_batch_normalisation() -> None:
    D = build_discriminator("baseline", c_dim=3)
    with pytest.raises(InputError, match=r"r3gan .*batch normalisation"):
        OBJECTIVES["r3gan"]().check(D)
    OBJECTIVES["gan-cls"]().check(D)


# -- every objective with every architecture -------------------------------------------------------------------------


def goes_with(objective: Objective, D: nn.Module) -> bool:
    try:
        objective.check(D)
    except InputError:
        return False
    return True


def test_every_architecture_has_an_objective_and_the_other_way_round() -> None:
    Ds = [build_discriminator(architecture, c_dim=3) for architecture in ARCHITECTURES]
    pairs = [[goes_with(objective(), D) for D in Ds] for objective in OBJECTIVES.values()]
    assert all(any(row) for row in pairs)
    assert all(any(column) for column in zip(*pairs, strict=True))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("key", OBJECTIVES)
def test_one_step_moves_every_network(key, architecture) -> None:
    torch.manual_seed(0)
    objective = OBJECTIVES[key]()
    G, D = build_generator(architecture, z_dim=4, c_dim=3), build_discriminator(architecture, c_dim=3)
    if not goes_with(objective, D):
        pytest.skip(f"{key} refuses {architecture}")
    labels = torch.tensor([[1, 2, 0], [3, 4, 0]])
    batch = Batch(torch.randn(2, 3, 64, 64).tanh(), torch.randn(2, 3), torch.randn(2, 3), labels)
    fake = G(torch.randn(2, 4), batch.c)

    before = [parameter.detach().clone() for parameter in D.parameters()]
    loss_D = objective.discriminator_loss(D, batch, fake.detach())
    if objective.penalty_interval:
        loss_D = loss_D + objective.penalty(D, batch, fake.detach(), gamma=1.0)
    loss_D.backward()
    torch.optim.SGD(D.parameters(), 0.1).step()
    assert all(parameter.grad is None for parameter in G.parameters())
    assert all(not torch.equal(a, b) for a, b in zip(before, D.parameters(), strict=True) if a.dim() > 1)

    D.zero_grad()
    D.requires_grad_(False)
    before = [parameter.detach().clone() for parameter in G.parameters()]
    loss_G = objective.generator_loss(D, batch, fake)
    loss_G.backward()
    torch.optim.SGD(G.parameters(), 0.1).step()
    assert all(parameter.grad is None for parameter in D.parameters())
    assert any(not torch.equal(a, b) for a, b in zip(before, G.parameters(), strict=True))
    assert loss_D.isfinite()
    assert loss_G.isfinite()
