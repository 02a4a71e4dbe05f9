import math

import pytest
import torch
from releases import SMALL, SMALL_D
from torch import nn

from encoder.common.errors import InputError
from gan.networks import ARCHITECTURES, ImageTextDiscriminator, build_discriminator, build_generator
from gan.training.objectives import OBJECTIVES, Batch, Objective, class_loss, squared_gradient

LN3 = math.log(3)  # the sigmoid of it is 3/4, of its negative 1/4
RIGHT, WRONG = 0, 1


CLASSES = (12, 11)


class KnownScores(ImageTextDiscriminator):
    """Scores by (image, text), with class heads; an image is filled with its number, 0 real and 1 fake.

    Counts the feature passes.
    """

    feature_dim = 1

    def __init__(self, scores: list[list[float]]) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.tensor(scores))  # [image][text]
        self.seen: list[int] = []
        self.add_class_heads(CLASSES)

    def features(self, img: torch.Tensor) -> torch.Tensor:
        self.seen.append(int(img[0].mean()))
        return img.mean(dim=(1, 2, 3))

    def score(self, features: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        return self.table[features.long(), c[:, 0].long()]


def inputs(n: int = 2) -> tuple[Batch, torch.Tensor]:
    """A batch and fakes for ``KnownScores``."""
    image = torch.ones(n, 3, 64, 64)
    text = torch.ones(n, 1)
    return Batch(0 * image, RIGHT * text, WRONG * text, torch.zeros(n, 2, dtype=torch.int64)), 1 * image


def batch_of(real: torch.Tensor, c: torch.Tensor) -> Batch:
    """A batch whose wrong texts and labels do not matter."""
    return Batch(real, c, c, torch.zeros(len(c), 2, dtype=torch.int64))


SCORES = [[LN3, -LN3], [0.0, -LN3]]  # real: right text, wrong text; fake: right text, wrong text


@pytest.mark.parametrize(
    ("key", "loss_D", "loss_G"),
    [
        # sigmoids: real right 3/4, fake 1/2, real wrong 1/4
        ("cgan", -math.log(3 / 4) - math.log(1 / 2), -math.log(1 / 2)),
        ("gan-cls", -math.log(3 / 4) - (math.log(1 / 2) + math.log(3 / 4)) / 2, -math.log(1 / 2)),
        # e^(fake - real) = 1/3, e^(wrong - right) = 1/9; for G: e^(real - fake) = 3, e^(wrong - right) = 1/3
        ("wgan", (0 - LN3) / 2 - LN3, 0),
        ("wgan-gp", (0 - LN3) / 2 - LN3, 0),
        ("ma-gp", 1 / 2, 0),  # real ones are beyond the margin on either side
        ("r3gan", math.log(4 / 3) + math.log(10 / 9) / 2, math.log(4) + math.log(4 / 3) / 2),
    ],
)
def test_losses_by_hand(key, loss_D, loss_G) -> None:
    D = KnownScores(SCORES)
    assert OBJECTIVES[key]().discriminator_loss(D, *inputs()).item() == pytest.approx(loss_D, rel=1e-6)
    assert OBJECTIVES[key]().generator_loss(D, *inputs()).item() == pytest.approx(loss_G, rel=1e-6)


def test_acgan_adds_the_classes_of_real_and_fake_to_gan_cls() -> None:
    D = KnownScores(SCORES)
    batch, fake = inputs()
    for head in D.class_heads:
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
    D.class_heads[0].weight.data[0] = math.log(11)  # a fake's hair is the first colour, 11 times as likely as another
    batch = batch._replace(labels=torch.tensor([[1, 5], [1, 5]]))
    acgan, plain = OBJECTIVES["acgan"](), OBJECTIVES["gan-cls"]()
    real, drawn = math.log(12) + math.log(11), math.log(2) + math.log(11)
    classes = acgan.discriminator_loss(D, batch, fake) - plain.discriminator_loss(D, batch, fake)
    assert classes.item() == pytest.approx(real + drawn, rel=1e-5)
    classes = acgan.generator_loss(D, batch, fake) - plain.generator_loss(D, batch, fake)
    assert classes.item() == pytest.approx(drawn, rel=1e-5)


def test_acgan_ignores_what_the_text_leaves_open() -> None:
    torch.manual_seed(0)
    D = KnownScores(SCORES)
    features = torch.tensor([1.0, 2.0, 3.0])
    stated = class_loss(D, features, torch.tensor([[3, 0], [0, 0], [7, 2]]))
    hair, eyes = D.classify(features)
    expected = -(hair[0].log_softmax(0)[2] + hair[2].log_softmax(0)[6]) / 2 - eyes[2].log_softmax(0)[1]
    torch.testing.assert_close(stated, expected)
    nothing = class_loss(D, features, torch.zeros(3, 2, dtype=torch.int64))
    assert nothing == 0
    nothing.backward()  # and no gradient that is not a number
    assert not D.class_heads[0].weight.grad.any()


def test_only_a_classifying_objective_builds_class_heads() -> None:
    for key, objective in OBJECTIVES.items():
        D = build_discriminator("residual", c_dim=3)
        objective().prepare(D, CLASSES)
        assert hasattr(D, "class_heads") == (key == "acgan")
    hair, eyes = build_and_classify("baseline")
    assert (hair.shape, eyes.shape) == ((2, 12), (2, 11))


def build_and_classify(architecture: str) -> list[torch.Tensor]:
    D = build_discriminator(architecture, c_dim=3)
    OBJECTIVES["acgan"]().prepare(D, CLASSES)
    return D.classify(D.features(torch.zeros(2, 3, 64, 64)))


def test_acgan_refuses_features_of_an_unknown_size() -> None:
    with pytest.raises(InputError, match=r"acgan puts class heads .* set feature_dim .* or choose another objective"):
        OBJECTIVES["acgan"]().prepare(ImageTextDiscriminator(), CLASSES)


def test_acgan_refuses_captions_that_name_no_classes() -> None:
    with pytest.raises(InputError, match=r"acgan classifies, and these captions name no classes: .* a column 'label'"):
        OBJECTIVES["acgan"]().prepare(build_discriminator("residual", c_dim=3), ())


@pytest.mark.parametrize("key", OBJECTIVES)
def test_features_run_once_an_image_set(key) -> None:
    D = KnownScores(SCORES)
    OBJECTIVES[key]().discriminator_loss(D, *inputs())
    assert sorted(D.seen) in ([0, 1], [0])  # both sets, or the joint one, which begins with the real images
    D.seen.clear()
    OBJECTIVES[key]().generator_loss(D, *inputs())
    assert D.seen.count(1) == 1
    assert D.seen.count(0) <= 1


@pytest.mark.parametrize("key", OBJECTIVES)
def test_each_loss_pulls_the_scores_the_right_way(key) -> None:
    D = KnownScores([[0.5, -0.5], [0.0, -0.5]])  # within the margins of a hinge
    (by_score,) = torch.autograd.grad(OBJECTIVES[key]().discriminator_loss(D, *inputs()), D.table)
    assert by_score[0, RIGHT] < 0  # descent raises the score of the real face under its text
    assert by_score[0, WRONG] == 0 if key == "cgan" else by_score[0, WRONG] > 0
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
        torch.randn(3, 3, 64, 64), torch.zeros(3, 2), torch.tensor([[2.0, 4.0]]).repeat(3, 1), torch.ones(3, 2).long()
    )
    some = batch.halfway(2)
    assert torch.equal(some.real, batch.real[:2])
    assert some.c.tolist() == [[1, 2], [1, 2]]
    assert some.c_wrong.tolist() == [[2, 4], [2, 4]]
    assert some.labels.tolist() == [[0, 0], [0, 0]]


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


def penalty_of(key: str, D: nn.Module, batch: Batch, fake: torch.Tensor, *, gamma: float) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return OBJECTIVES[key]().penalty(D, batch, fake, gamma=gamma, generator=generator)


def test_penalty_of_a_linear_discriminator() -> None:
    D = Linear()
    real, fake = torch.randn(2, 8, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    penalty = penalty_of("r3gan", D, batch_of(real, torch.zeros(8, 1)), fake, gamma=3.0)
    square = 3 * 64 * 64 * 0.01**2
    assert penalty.item() == pytest.approx(3.0 / 2 * (square + square), rel=1e-5)
    penalty.backward()
    torch.testing.assert_close(D.a.grad, 2 * 3.0 * D.a.detach())


def test_penalty_of_a_quadratic_discriminator() -> None:
    real, fake = torch.randn(2, 8, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    c = torch.arange(1.0, 9.0)[:, None]
    penalty = penalty_of("r3gan", Quadratic(), batch_of(real, c), fake, gamma=0.5)
    r1, r2 = ((c[:2, 0] ** 2 * images[:2].square().sum(dim=(1, 2, 3))).mean() for images in (real, fake))
    torch.testing.assert_close(penalty, 0.5 / 2 * (r1 + r2))  # of every fourth image, real and fake under one condition


def test_squared_gradient_is_per_image() -> None:
    img = torch.stack([torch.full((3, 64, 64), value) for value in (0.0, 1.0, 2.0)])
    squared = squared_gradient(Quadratic(), img, torch.ones(3, 1))
    assert squared.tolist() == [0, 3 * 64 * 64, 4 * 3 * 64 * 64]


def test_a_batch_below_four_still_has_a_penalty() -> None:
    images = torch.ones(1, 3, 64, 64)
    assert penalty_of("r3gan", Linear(), batch_of(images, torch.zeros(1, 1)), images, gamma=1.0) > 0


@pytest.mark.parametrize(("size", "penalty"), [(1.0, 0.0), (0.5, 2.5), (2.0, 10.0)])
def test_wgan_gp_wants_a_slope_of_one(size, penalty) -> None:
    D = Linear()
    D.a.data *= size / D.a.data.norm()
    real, fake = torch.randn(2, 8, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    value = penalty_of("wgan-gp", D, batch_of(real, torch.zeros(8, 1)), fake, gamma=10.0)
    assert value.item() == pytest.approx(penalty, rel=1e-3, abs=1e-4)  # 10 (size - 1)^2


def test_wgan_gp_looks_between_the_real_image_and_the_fake_of_its_text() -> None:
    seen = []

    class Watching(Quadratic):
        def forward(self, img: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
            seen.append((img.detach(), c))
            return super().forward(img, c)

    real, fake, c = torch.zeros(64, 3, 64, 64), torch.ones(64, 3, 64, 64), torch.arange(64.0)[:, None]
    penalty = penalty_of("wgan-gp", Watching(), batch_of(real, c), fake, gamma=10.0)
    ((img, text),) = seen
    assert torch.equal(text, c)
    share = img.mean(dim=(1, 2, 3))
    torch.testing.assert_close(img, share[:, None, None, None].expand_as(img))  # one place for a whole image
    assert share.min() < 0.1
    assert share.max() > 0.9
    slope = c[:, 0] * share * math.sqrt(3 * 64 * 64)
    torch.testing.assert_close(penalty, 10 * (slope - 1).square().mean())


def test_ma_gp_looks_at_the_image_and_its_text() -> None:
    real, c = torch.full((4, 3, 64, 64), 0.01), torch.full((4, 2), 0.5)
    batch = batch_of(real, c)._replace(c=c, c_wrong=-c)
    penalty = penalty_of("ma-gp", Quadratic(), batch, torch.ones_like(real), gamma=2.0)
    size = math.sqrt(3 * 64 * 64) * 0.01  # |img|; by the image c |img|, by the text |img|^2 / 2
    assert penalty.item() == pytest.approx(2 * (0.5 * size + size**2 / 2) ** 6, rel=1e-4)


def test_wgan_gp_survives_a_flat_discriminator() -> None:
    D = Linear()
    nn.init.zeros_(D.a)
    images = torch.ones(4, 3, 64, 64)
    penalty = penalty_of("wgan-gp", D, batch_of(images, torch.zeros(4, 1)), images, gamma=10.0)
    penalty.backward()
    assert penalty.item() == pytest.approx(10, rel=1e-4)
    assert D.a.grad.isfinite().all()


def test_wgan_clips_every_weight_after_a_step() -> None:
    D = build_discriminator("residual", c_dim=3)
    with torch.no_grad():
        D.stem.bias[:3] = torch.tensor([-1.0, 0.005, 1.0])
    OBJECTIVES["wgan-gp"]().after_discriminator_step(D)
    assert D.stem.bias.max() == 1  # no other objective clips
    OBJECTIVES["wgan"]().after_discriminator_step(D)
    assert all(parameter.abs().max() <= 0.01 for parameter in D.parameters())
    torch.testing.assert_close(D.stem.bias[:3], torch.tensor([-0.01, 0.005, 0.01]))


@pytest.mark.parametrize("key", ["r3gan", "wgan-gp", "ma-gp"])
def test_gradients_per_image_refuse_batch_normalisation(key) -> None:
    with pytest.raises(InputError, match=rf'^{key} .*batch normalisation; build it without .*"norm": false'):
        OBJECTIVES[key]().prepare(build_discriminator("baseline", c_dim=3))
    OBJECTIVES[key]().prepare(build_discriminator("baseline", c_dim=3, norm=False))
    OBJECTIVES["gan-cls"]().prepare(build_discriminator("baseline", c_dim=3))


# -- every objective with every architecture -------------------------------------------------------------------------


def goes_with(objective: Objective, D: nn.Module) -> bool:
    try:
        objective.prepare(D, CLASSES)
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
    G = build_generator(architecture, z_dim=4, c_dim=3, **SMALL.get(architecture, {}))
    D = build_discriminator(architecture, c_dim=3, **SMALL_D.get(architecture, {}))
    if not goes_with(objective, D):
        D = build_discriminator(architecture, c_dim=3, norm=False)
        objective.prepare(D, CLASSES)
    labels = torch.tensor([[1, 2], [3, 4]])
    batch = Batch(torch.randn(2, 3, D.resolution, D.resolution).tanh(), torch.randn(2, 3), torch.randn(2, 3), labels)
    fake = G(torch.randn(2, 4), batch.c)

    before = [parameter.detach().clone() for parameter in D.parameters()]
    loss_D = objective.discriminator_loss(D, batch, fake.detach())
    if objective.penalty_interval:
        loss_D = loss_D + objective.penalty(
            D, batch, fake.detach(), gamma=1.0, generator=torch.Generator().manual_seed(0)
        )
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
