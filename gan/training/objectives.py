"""Training objectives, side by side. To add one, write a class here and decorate it with its key.

An objective is two losses, both minimised, and at times a penalty. ``D.features`` runs once per image: the right and
the wrong text share it. Images are ``(N, 3, H, W)`` in [-1, 1]; the fake of row ``i`` is drawn for ``c[i]``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from encoder.common.errors import InputError
from gan.networks import ImageTextDiscriminator

OBJECTIVES: dict[str, type[Objective]] = {}
"""Every objective by its key."""


def register(name: str) -> Callable[[type[Objective]], type[Objective]]:
    """Class decorator: adds an objective to ``OBJECTIVES``."""

    def add(objective: type[Objective]) -> type[Objective]:
        objective.name = name
        OBJECTIVES[name] = objective
        return objective

    return add


class Batch(NamedTuple):
    """N real images and the texts they are shown under.

    Attributes:
        real: The images, ``(N, 3, H, W)`` in [-1, 1], of the size that the discriminator takes.
        c: The condition of each, ``(N, c_dim)``.
        c_wrong: The condition of a text that is wrong of it, ``(N, c_dim)``.
        labels: Its class in each class slot, as the right text states it, int64 ``(N, S)``; 0 is unstated.
    """

    real: Tensor
    c: Tensor
    c_wrong: Tensor
    labels: Tensor

    def halfway(self, n: int) -> Batch:
        """The first ``n`` under texts half-way between the right and the wrong one, which state nothing for certain."""
        real, c, c_wrong, labels = (value[:n] for value in self)
        return Batch(real, torch.lerp(c, c_wrong, 0.5), c_wrong, torch.zeros_like(labels))


class Scores(NamedTuple):
    """The three scores ``(N,)`` of a batch: D(x, c), D(G, c) and D(x, c_wrong)."""

    right: Tensor
    drawn: Tensor
    wrong: Tensor


def score_pairs(D: ImageTextDiscriminator, batch: Batch, real_features: Tensor, fake_features: Tensor) -> Scores:
    """Score the real images under their text, the fakes under it, and the real images under a wrong one."""
    right, wrong = D.score(real_features, batch.c), D.score(real_features, batch.c_wrong)
    return Scores(right, D.score(fake_features, batch.c), wrong)


class Objective:
    """What the loop asks of an objective, and what the objective asks of the discriminator.

    Attributes:
        name: its key.
        d_steps: discriminator steps, each on new images, for one generator step.
        penalty_interval: the penalty is taken every so many discriminator steps, times as much; 0 is never.
        image_gradients: it takes gradients per image, so D must have no batch normalisation.
        classifies: it needs class heads on D's image features.
        needs_wrong_texts: without a text that is wrong of an image, its loss contradicts itself.
        d_lr: the discriminator's learning rate over the generator's, which is ``lr`` (arXiv 1706.08500).
        settings: of ``TrainingConfig``, as in its paper: what a run with it gets where nothing else is asked for.
    """

    name: ClassVar[str]
    d_steps: ClassVar[int] = 1
    penalty_interval: ClassVar[int] = 0
    image_gradients: ClassVar[bool] = False
    classifies: ClassVar[bool] = False
    needs_wrong_texts: ClassVar[bool] = False
    d_lr: ClassVar[float] = 1.0
    settings: ClassVar[dict[str, float]] = {}

    def prepare(self, D: ImageTextDiscriminator, class_sizes: Sequence[int] = ()) -> None:
        """Once, before training: gives a new D the class heads if need be; ``InputError`` where it cannot serve."""
        if self.image_gradients:
            refuse_batch_norm(D, self.name)
        if self.classifies:
            if not D.feature_dim:
                raise InputError(
                    f"{self.name} puts class heads on D's image features, and this discriminator does not state their "
                    "number; set feature_dim in it or choose another objective"
                )
            self.check_classes(bool(class_sizes))
            D.add_class_heads(class_sizes)

    @classmethod
    def check_classes(cls, known: bool) -> None:
        """Raise ``InputError`` where it classifies and the data name no classes."""
        if cls.classifies and not known:
            raise InputError(
                f"{cls.name} classifies, and these captions name no classes: give the data a column 'label', or "
                "choose another objective"
            )

    def after_discriminator_step(self, D: ImageTextDiscriminator) -> None:
        """Whatever is done to the weights of D after each of its steps."""

    def discriminator_loss(self, D: ImageTextDiscriminator, batch: Batch, fake: Tensor) -> Tensor:
        """The scalar that the discriminator minimises; ``fake`` carries no gradient."""
        raise NotImplementedError

    def generator_loss(self, D: ImageTextDiscriminator, batch: Batch, fake: Tensor) -> Tensor:
        """The scalar that the generator minimises, of whose gradients D's weights get none."""
        raise NotImplementedError

    def penalty(
        self, D: ImageTextDiscriminator, batch: Batch, fake: Tensor, *, gamma: float, generator: torch.Generator
    ) -> Tensor:
        """A scalar added to the discriminator's loss, in float32; ``gamma`` is its weight, ``generator`` its chance."""
        raise NotImplementedError


@register("cgan")
class CGan(Objective):
    """The conditional GAN (arXiv 1411.1784, equation 2): images under their own text against fakes, and no wrong text.

    The generator's loss is the non-saturating one. The optimizer is DCGAN's (arXiv 1511.06434), Adam(2e-4, 0.5, 0.999).
    """

    settings: ClassVar[dict[str, float]] = {
        "lr": 2e-4, "lr_end": 2e-4, "beta1": 0.5, "beta2": 0.999, "beta2_end": 0.999,
    }  # fmt: skip

    def discriminator_loss(self, D: ImageTextDiscriminator, batch: Batch, fake: Tensor) -> Tensor:
        """``-log s(D(x, c)) - log(1 - s(D(G, c)))``, s the sigmoid."""
        return (F.softplus(-D(batch.real, batch.c)) + F.softplus(D(fake, batch.c))).mean()

    def generator_loss(self, D: ImageTextDiscriminator, batch: Batch, fake: Tensor) -> Tensor:
        """``-log s(D(G, c))``."""
        return F.softplus(-D(fake, batch.c)).mean()


@register("gan-cls")
class GanCls(CGan):
    """The matching-aware GAN of the assignment (arXiv 1605.05396, algorithm 1).

    Targets: (real, right text) 1; (fake, right text) 0; (real, wrong text) 0, the two zeros sharing one weight.
    """

    needs_wrong_texts = True

    def discriminator_loss(self, D: ImageTextDiscriminator, batch: Batch, fake: Tensor) -> Tensor:
        """``-log s(D(x, c)) - (log(1 - s(D(G, c))) + log(1 - s(D(x, c_wrong)))) / 2``, s the sigmoid."""
        return self.source_loss(score_pairs(D, batch, D.features(batch.real), D.features(fake)))

    @staticmethod
    def source_loss(scores: Scores) -> Tensor:
        """The discriminator's loss by its scores."""
        right, drawn, wrong = scores
        return (F.softplus(-right) + 0.5 * (F.softplus(drawn) + F.softplus(wrong))).mean()


@register("acgan")
class AcGan(GanCls):
    """GAN-CLS with the auxiliary classifiers of ACGAN (arXiv 1610.09585, section 3).

    To the losses of source, here matching-aware, come those of class, which both players minimise:
    ``L_C = -log P(class | x) - log P(class | G)``. A class that the text leaves open has no loss.
    """

    classifies = True

    def discriminator_loss(self, D: ImageTextDiscriminator, batch: Batch, fake: Tensor) -> Tensor:
        """GAN-CLS's, and ``-log P(class | x) - log P(class | G)``."""
        real_features, fake_features = D.features(batch.real), D.features(fake)
        source = self.source_loss(score_pairs(D, batch, real_features, fake_features))
        return source + class_loss(D, real_features, batch.labels) + class_loss(D, fake_features, batch.labels)

    def generator_loss(self, D: ImageTextDiscriminator, batch: Batch, fake: Tensor) -> Tensor:
        """``-log s(D(G, c)) - log P(class | G)``."""
        features = D.features(fake)
        return F.softplus(-D.score(features, batch.c)).mean() + class_loss(D, features, batch.labels)


def class_loss(D: ImageTextDiscriminator, features: Tensor, labels: Tensor) -> Tensor:
    """``-log P(class)``, summed over the slots; each the mean over the images whose label, of ``(N, S)``, is stated."""
    loss = features.new_zeros((), dtype=torch.float32)
    for logits, label in zip(D.classify(features), labels.unbind(1), strict=True):
        total = F.cross_entropy(logits, label - 1, ignore_index=-1, reduction="sum")
        loss = loss + total / (label > 0).sum().clamp(min=1)
    return loss


class Wasserstein(Objective):
    """The losses of a critic whose slope is held down (arXiv 1701.07875), with the mismatch term of GAN-CLS.

    The critic scores the real joint distribution of image and text against an equal mixture of fakes under the right
    text and real images under a wrong one.
    """

    d_steps = 5

    def discriminator_loss(self, D: ImageTextDiscriminator, batch: Batch, fake: Tensor) -> Tensor:
        """``(D(G, c) + D(x, c_wrong)) / 2 - D(x, c)``."""
        right, drawn, wrong = score_pairs(D, batch, D.features(batch.real), D.features(fake))
        return (0.5 * (drawn + wrong) - right).mean()

    def generator_loss(self, D: ImageTextDiscriminator, batch: Batch, fake: Tensor) -> Tensor:
        """``-D(G, c)``."""
        return -D(fake, batch.c).mean()


@register("wgan")
class WGan(Wasserstein):
    """Wasserstein GAN (arXiv 1701.07875, algorithm 1): five critic steps, after each all weights clipped to +-0.01.

    The paper's optimizer is RMSProp(5e-5), which Adam with beta1 0 is but for its bias correction.
    """

    settings: ClassVar[dict[str, float]] = {
        "lr": 5e-5, "lr_end": 5e-5, "beta1": 0.0, "beta2": 0.99, "beta2_end": 0.99,
    }  # fmt: skip
    clip: ClassVar[float] = 0.01

    @torch.no_grad()
    def after_discriminator_step(self, D: ImageTextDiscriminator) -> None:
        """``w <- clip(w, -0.01, 0.01)``."""
        torch._foreach_clamp_min_(list(D.parameters()), -self.clip)
        torch._foreach_clamp_max_(list(D.parameters()), self.clip)


@register("wgan-gp")
class WGanGp(Wasserstein):
    """Wasserstein GAN with gradient penalty (arXiv 1704.00028, algorithm 1): five critic steps, each with the penalty.

    The paper's settings are Adam(1e-4, 0, 0.9) and a penalty of 10 (``gamma``).
    """

    settings: ClassVar[dict[str, float]] = {
        "lr": 1e-4, "lr_end": 1e-4, "beta1": 0.0, "beta2": 0.9, "beta2_end": 0.9, "gamma": 10.0, "gamma_end": 10.0,
    }  # fmt: skip
    penalty_interval = 1
    image_gradients = True

    def penalty(
        self, D: ImageTextDiscriminator, batch: Batch, fake: Tensor, *, gamma: float, generator: torch.Generator
    ) -> Tensor:
        """``gamma * E (|grad D(u, c)| - 1)^2``, ``u`` anywhere between an image and the fake of the same text."""
        share = torch.rand((len(fake), 1, 1, 1), generator=generator).to(fake.device)
        slope = (squared_gradient(D, torch.lerp(batch.real, fake, share), batch.c) + 1e-12).sqrt()
        return gamma * (slope - 1).square().mean()


@register("ma-gp")
class MaGp(Objective):
    """Hinge loss with the matching-aware gradient penalty of DF-GAN (arXiv 2008.05865, section 3.3).

    The penalty holds the slope down at real images under their text alone, by the image and by the text, so that
    generators are drawn to them. The paper's settings are Adam(beta1 0, beta2 0.9) with 1e-4 for the generator and
    4e-4 for the discriminator, and a penalty of weight 2 (``gamma``) and power 6.
    """

    settings: ClassVar[dict[str, float]] = {
        "lr": 1e-4, "lr_end": 1e-4, "beta1": 0.0, "beta2": 0.9, "beta2_end": 0.9, "gamma": 2.0, "gamma_end": 2.0,
    }  # fmt: skip
    d_lr = 4.0
    needs_wrong_texts = True
    penalty_interval = 1
    image_gradients = True
    power: ClassVar[int] = 6

    def discriminator_loss(self, D: ImageTextDiscriminator, batch: Batch, fake: Tensor) -> Tensor:
        """``r(1 - D(x, c)) + (r(1 + D(G, c)) + r(1 + D(x, c_wrong))) / 2``, r the rectifier."""
        right, drawn, wrong = score_pairs(D, batch, D.features(batch.real), D.features(fake))
        return (F.relu(1 - right) + 0.5 * (F.relu(1 + drawn) + F.relu(1 + wrong))).mean()

    def generator_loss(self, D: ImageTextDiscriminator, batch: Batch, fake: Tensor) -> Tensor:
        """``-D(G, c)``."""
        return -D(fake, batch.c).mean()

    def penalty(
        self, D: ImageTextDiscriminator, batch: Batch, fake: Tensor, *, gamma: float, generator: torch.Generator
    ) -> Tensor:
        """``gamma * E (|grad_x D(x, c)| + |grad_c D(x, c)|)^6``, both gradients of the same image."""
        img, c = (value.detach().requires_grad_(True) for value in (batch.real, batch.c))
        gradients = torch.autograd.grad(D(img, c).sum(), (img, c), create_graph=True)
        by_img, by_c = ((gradient.flatten(1).square().sum(1) + 1e-12).sqrt() for gradient in gradients)
        return gamma * (by_img + by_c).pow(self.power).mean()


@register("r3gan")
class R3Gan(Objective):
    """Relativistic pairs with zero-centred penalties on real and fake (R3GAN, arXiv 2501.05441).

    Each pair shares its condition. The mismatch term, with weight 1/2, stands in both players: real images under a
    wrong text lose against the right one in D, and fakes should fit their text better than a wrong one in G
    (arXiv 2303.05511 found the term in D alone to hurt).
    """

    penalty_interval = 8
    image_gradients = True
    mismatch_weight: ClassVar[float] = 0.5
    penalty_share: ClassVar[int] = 4  # the penalty sees every fourth image of the batch

    def discriminator_loss(self, D: ImageTextDiscriminator, batch: Batch, fake: Tensor) -> Tensor:
        """``sp(D(G, c) - D(x, c)) + sp(D(x, c_wrong) - D(x, c)) / 2``, sp the softplus."""
        # Without batch normalisation the images do not see each other, and one pass costs less than two.
        real_features, fake_features = D.features(torch.cat([batch.real, fake])).chunk(2)
        right, drawn, wrong = score_pairs(D, batch, real_features, fake_features)
        return (F.softplus(drawn - right) + self.mismatch_weight * F.softplus(wrong - right)).mean()

    def generator_loss(self, D: ImageTextDiscriminator, batch: Batch, fake: Tensor) -> Tensor:
        """``sp(D(x, c) - D(G, c)) + sp(D(G, c_wrong) - D(G, c)) / 2``."""
        with torch.no_grad():
            right = D(batch.real, batch.c)
        fake_features = D.features(fake)
        drawn, wrong = D.score(fake_features, batch.c), D.score(fake_features, batch.c_wrong)
        return (F.softplus(right - drawn) + self.mismatch_weight * F.softplus(wrong - drawn)).mean()

    def penalty(
        self, D: ImageTextDiscriminator, batch: Batch, fake: Tensor, *, gamma: float, generator: torch.Generator
    ) -> Tensor:
        """R1 + R2: ``gamma / 2 * (E |grad D(x, c)|^2 + E |grad D(G, c)|^2)``, the gradient by the image."""
        n = max(1, len(fake) // self.penalty_share)
        images, c = torch.cat([batch.real[:n], fake[:n]]), batch.c[:n].repeat(2, 1)
        squared = squared_gradient(D, images, c)
        return gamma * squared.mean()  # the mean over both halves is half the sum of their means


def squared_gradient(D: ImageTextDiscriminator, img: Tensor, c: Tensor) -> Tensor:
    """``|d D(img, c) / d img|^2`` of each image, ``(N,)``, itself differentiable."""
    img = img.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(D(img, c).sum(), img, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3))


def refuse_batch_norm(D: nn.Module, objective: str) -> None:
    """Raises ``InputError`` where D has batch normalisation, which makes per-image gradients meaningless."""
    if any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in D.modules()):
        raise InputError(
            f"{objective} takes gradients per image and cannot train a discriminator with batch normalisation; "
            "build it without (the baseline's by --discriminator '{\"norm\": false}'), or choose another architecture "
            "or another objective"
        )
