"""Whether images show what captions say: a network of images and one of texts that learn to find each other.

R-precision, after AttnGAN (Xu et al. 2018, arXiv 1711.10485, section 4.1): the share of images that are nearer to their
own caption than to 99 others. The networks are trained here, on the training images alone, by a symmetric InfoNCE loss
as in CLIP (Radford et al. 2021, arXiv 2103.00020). They share neither weights nor shape with any that a generator is
conditioned on, so that a generator cannot please them but by its images. What they learnt is kept on disk.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from encoder.align import contrastive_loss, shared_captions
from encoder.base import digest
from encoder.common import weights
from encoder.common.arguments import check_folder
from encoder.common.errors import InputError
from encoder.common.precision import autocast
from encoder.common.progress import Progress
from encoder.common.threads import parallel_map
from encoder.minilm import MiniLM
from encoder.paths import ENCODER_DIR, cache_dir
from encoder.text import normalise
from gan.data.dataset import ImageDataset
from gan.images import blur, channels_last, to_signed
from gan.networks import load_weights
from gan.supervised import fit

CANDIDATES = 100
"""Captions that the right one is looked for among, itself included."""

VERSION = "1"  # of all that a matcher depends on besides its data and settings
TEXTS_AT_ONCE = 64
LARGEST_SCALE = 100.0  # of the cosines


@dataclass(frozen=True)
class MatcherConfig:
    """Settings of a matcher; with the defaults, 8,000 images take four minutes of one core.

    Attributes:
        dim: Numbers of a vector.
        width: Channels of the image network's first layer.
        queries: What a text is asked, each in 64 numbers.
        epochs: How often each image is seen, at most.
        least_steps: Steps, at least.
        most_steps: Steps, at most.
        batch_size: Images a step, at most; each has the others' captions as negatives.
        images: Training images used, at most.
        captions: Captions used: one of each image, and others while there are fewer.
        tokens: Of a caption, at most.
        learning_rate: At its highest.
        seed: Of everything random.
    """

    dim: int = 96
    width: int = 32
    queries: int = 6
    epochs: int = 24
    least_steps: int = 40
    most_steps: int = 750
    batch_size: int = 128
    images: int = 10_000
    captions: int = 10_000
    tokens: int = 48
    learning_rate: float = 3e-3
    seed: int = 7919


class ImageTower(nn.Module):
    """Images (N, 3, 64, 64) in [-1, 1] to features (N, ``size``): plain strided convolutions, to 4x4.

    The features are the means and the greatest values of the last layer's channels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        widths = (width, 2 * width, 4 * width, 6 * width)
        self.size = 2 * widths[-1]
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise((3, *widths)):  # 32x32, 16x16, 8x8, 4x4
            layers += [nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        x = self.layers(images).float().flatten(2)
        return torch.cat([x.mean(2), x.amax(2)], 1)


class TextTower(nn.Module):
    """The token states (n, T, ``width``) of the sentence encoder, which stay as they are, to unit vectors (n, ``dim``).

    Learned queries look over the tokens, so that what belongs together in a text can be read together: a mean of all
    tokens hardly tells which colour belongs to what.
    """

    def __init__(self, width: int, dim: int, queries: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, queries)
        self.value = nn.Linear(width, 64)
        self.out = nn.Linear(64 * queries + width, dim)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Token states and the mask (n, T), True on the tokens of each text, to unit vectors (n, ``dim``)."""
        x = self.norm(states.float())
        attention = self.query(x).masked_fill(~mask[:, :, None], -1e4).softmax(1)  # (n, T, queries)
        read = (attention.mT @ self.value(x)).flatten(1)
        mean = (x * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True).clamp_min(1)
        return F.normalize(self.out(torch.cat([read, mean], 1)), dim=1)


class Matcher(nn.Module):
    """Tells how well an image and a text fit: the product of their unit vectors.

    Args:
        config: The settings.
        encoder: The sentence encoder, whose token states are read.
    """

    def __init__(self, config: MatcherConfig, encoder: MiniLM) -> None:
        super().__init__()
        self.encoder = encoder
        self.image_tower = channels_last(ImageTower(config.width))
        self.image_out = nn.Linear(self.image_tower.size, config.dim)
        self.text_tower = TextTower(encoder.dim, config.dim, config.queries)
        self.log_scale = nn.Parameter(torch.tensor(10.0).log())

    def features(self, images: Tensor) -> Tensor:
        """Uint8 images (N, 3, 64, 64) to float32 features (N, F): a feature space to compare sets in."""
        return torch.cat(list(parallel_map(self._features, images.split(128))))

    @torch.inference_mode()
    def _features(self, images: Tensor) -> Tensor:
        features: Tensor = self.image_tower(to_signed(images))
        return features

    @torch.inference_mode()
    def project(self, features: Tensor) -> Tensor:
        """Features (N, F) to unit vectors (N, D)."""
        return F.normalize(self.image_out(features), dim=1)

    def read(self, texts: Sequence[str]) -> Tensor:
        """N texts to unit vectors (N, D)."""
        return self.encoder.read([normalise(text) for text in texts], self.text_tower, progress=True)


class CaptionPool:
    """The captions of held-out images, among which an image's own is looked for.

    Args:
        captions: Those of each of M images.
        groups: The class of each image, or ``None``; or none at all.
        read: Texts to unit vectors (N, D), a matcher's.

    Attributes:
        texts: The C different captions, normalised.
        vectors: Their unit vectors, (C, D).
    """

    def __init__(
        self,
        captions: Sequence[Sequence[str]],
        groups: Sequence[str | None],
        read: Callable[[Sequence[str]], Tensor],
    ) -> None:
        numbers: dict[str, int] = {}
        own = [[numbers.setdefault(normalise(text), len(numbers)) for text in texts] for texts in captions]
        self.texts, self._numbers = list(numbers), numbers
        self.vectors = read(self.texts)
        pairs = [(row, number) for row, some in enumerate(own) for number in set(some)]
        positions, shape = torch.tensor(pairs, dtype=torch.int64).T, (len(own), len(numbers))
        has = torch.sparse_coo_tensor(positions, torch.ones(len(pairs)), shape, check_invariants=True)
        self.has = has.coalesce()  # (M, C)
        self.classes = class_numbers(groups, len(own))

    def number(self, caption: str) -> int:
        """The number of a caption among ``texts``."""
        return self._numbers[normalise(caption)]

    def others(self, rows: Tensor) -> Tensor:
        """The captions that are wrong for images ``rows``, int64 (n,): bool (n, C).

        They are those of images that share no caption with it and are not of its group, and of none that does or is.
        """
        own = self.has.index_select(0, rows).to_dense()
        alike = _alike(torch.sparse.mm(self.has, own.T).T, self.classes[rows], self.classes)  # (n, M)
        return torch.sparse.mm(self.has.T, alike.float().T).T == 0

    def ranked_first(self, images: Tensor, rows: Tensor, own: Tensor, seed: int = 0) -> Tensor:
        """Whether each of N images is nearer to its own caption than to 99 wrong ones; ties are lost.

        Args:
            images: Unit vectors (N, D).
            rows: int64 (N,), the held-out image that each stands for.
            own: int64 (N,), the number of the caption of each.
            seed: Of the choice of wrong captions.

        Returns:
            bool (N,).
        """
        generator = torch.Generator().manual_seed(seed)
        parts = zip(images.split(256), rows.split(256), own.split(256), strict=True)
        return torch.cat([first_of(x @ self.vectors.T, o, self.others(r), generator) for x, r, o in parts])

    def chance(self, rows: Tensor) -> float:
        """What ``ranked_first`` is for noise, on average."""
        counts = torch.cat([self.others(some).sum(1).clamp_max(CANDIDATES - 1) for some in rows.split(256)])
        return (1 / (1 + counts.double())).mean().item()


def first_of(scores: Tensor, own: Tensor, others: Tensor, generator: torch.Generator) -> Tensor:
    """Whether the own caption of each of n images scores above up to 99 random ones of the others: bool (n,).

    Args:
        scores: (n, C), of every caption for each image.
        own: int64 (n,).
        others: bool (n, C), the wrong captions.
        generator: The source of randomness.
    """
    keys = torch.rand(scores.shape, generator=generator).masked_fill(~others, 2)
    chosen = keys.topk(min(CANDIDATES - 1, keys.shape[1]), largest=False).indices
    rivals = scores.masked_fill(~others, -torch.inf).gather(1, chosen)
    return (scores.gather(1, own[:, None]) > rivals).all(1)


def class_numbers(groups: Sequence[str | None], count: int) -> Tensor:
    """The class of each of ``count`` images by its number, int64 (``count``,): -1 is unknown."""
    classes = {name: i for i, name in enumerate(sorted({group for group in groups if group}))}
    return torch.tensor([classes[group] if group else -1 for group in groups] or [-1] * count)


def _alike(shared: Tensor, classes_a: Tensor, classes_b: Tensor) -> Tensor:
    """Which of n images share a caption with, or are of the group of, which of m others: bool (n, m).

    Args:
        shared: How many captions they share, or whether they share one, (n, m).
        classes_a: int64 (n,), -1 is unknown.
        classes_b: int64 (m,).
    """
    return (shared > 0) | ((classes_a[:, None] == classes_b) & (classes_a[:, None] >= 0))


# Training.


def matcher_for(training: ImageDataset, config: MatcherConfig | None = None, folder: Path = ENCODER_DIR) -> Matcher:
    """The matcher of training images: from the disk, or trained now and kept there.

    Args:
        training: What a generator is trained on; no held-out image.
        config: The settings.
        folder: Of the sentence encoder.

    Raises:
        InputError: The cache's folder cannot be written.
    """
    config = config or MatcherConfig()
    encoder = MiniLM.load(folder)
    encoder.max_length = min(encoder.max_length, config.tokens)
    path = cache_path(training, config, encoder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        matcher = Matcher(config, encoder)
        if not _load(matcher, path):
            check_folder(path.parent)  # before the minutes that training takes
            train(matcher, training, config)
            try:
                weights.save(matcher.state_dict(), path)
            except InputError as error:
                print(f"warning: {error}; the matcher is trained anew each time", file=sys.stderr)
    return matcher.eval().requires_grad_(False)


def cache_path(training: ImageDataset, config: MatcherConfig, encoder: MiniLM) -> Path:
    """Where the matcher of these images and settings is kept."""
    settings = json.dumps(asdict(config), sort_keys=True)
    groups = json.dumps(training.groups)
    name = digest("matcher", VERSION, training.digest, groups, settings, encoder.fingerprint)
    return cache_dir("matchers") / f"{name}.safetensors"


def _load(matcher: Matcher, path: Path) -> bool:
    """Whether the file holds the weights of ``matcher``, which then has them; a damaged file holds none."""
    if not os.path.exists(path):
        return False
    try:
        load_weights(matcher, path)
    except InputError as error:
        print(f"note: the matcher is trained again ({error})", file=sys.stderr)
        return False
    return True


def train(matcher: Matcher, training: ImageDataset, config: MatcherConfig) -> None:
    """Train a matcher in place.

    Raises:
        InputError: All images have the same captions.
        BreakdownError: The loss is not finite.
    """
    generator, rng = torch.Generator().manual_seed(config.seed), random.Random(config.seed)
    rows = torch.randperm(len(training), generator=generator)[: config.images]
    images = training.images[rows]
    texts, own = _choose_captions([training.captions[row] for row in rows.tolist()], config.captions, rng)
    if len(texts) < 2:
        raise InputError("all images have the same captions, so there is nothing to tell images apart by")
    states = _token_states(matcher.encoder, texts)
    classes = class_numbers(training.groups, len(training))[rows]
    batch_size = min(config.batch_size, len(images))
    steps = max(config.least_steps, min(config.most_steps, round(config.epochs * len(images) / batch_size)))

    def loss_of(batch: Tensor) -> Tensor:
        several = [own[row] for row in batch.tolist()]
        x, mask = _padded([states[rng.choice(numbers)] for numbers in several])
        views = augment(to_signed(images[batch]), generator).contiguous(memory_format=torch.channels_last)
        with autocast():
            features = matcher.image_tower(views)
        seen = F.normalize(matcher.image_out(F.dropout(features, 0.2)), dim=1)
        kept = mask & (torch.rand(mask.shape, generator=generator) >= 0.1)
        kept[:, 0] = True  # the token of the whole text
        read = matcher.text_tower(F.dropout(x.float(), 0.1), kept)
        scale = matcher.log_scale.exp().clamp_max(LARGEST_SCALE)
        alike = _alike(shared_captions(several), classes[batch], classes[batch])
        return contrastive_loss(seen, read, alike, scale)

    fit(
        matcher,
        loss_of,
        len(images),
        name="matcher",
        steps=steps,
        batch_size=batch_size,
        learning_rate=config.learning_rate,
        generator=generator,
        weight_decay=0.1,
        betas=(0.9, 0.98),
    )


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Images (N, 3, H, W) in [-1, 1], moved and stretched a little, half of them blurred, half noisy.

    A generator's images are less crisp than real ones. None is mirrored ("left arrow"), and colours stay.
    """
    n = len(images)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(n, *shape, generator=generator) * (high - low) + low

    def half() -> Tensor:
        return (torch.rand(n, generator=generator) < 0.5).float()

    theta = torch.zeros(n, 2, 3)
    theta[:, :, :2] = torch.diag_embed(uniform(0.85, 1.1, 2))
    theta[:, :, 2] = uniform(-0.15, 0.15, 2)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    images = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    images = blur(images, uniform(0.3, 1.2) * half())
    noise = torch.randn(images.shape, generator=generator)
    return (images + noise * (uniform(0.02, 0.15) * half())[:, None, None, None]).clamp(-1, 1)


def _choose_captions(
    captions: Sequence[Sequence[str]], most: int, rng: random.Random
) -> tuple[list[str], list[list[int]]]:
    """Captions to learn from: a random one of each image, then more of each while there are fewer than ``most``.

    Returns:
        The different texts, normalised, and the numbers of those of each image.
    """
    numbers: dict[str, int] = {}
    own: list[list[int]] = [[] for _ in captions]
    shuffled = [rng.sample(list(texts), len(texts)) for texts in captions]
    for turn in range(max(map(len, shuffled))):
        for texts, chosen in zip(shuffled, own, strict=True):
            if turn < len(texts) and (turn == 0 or len(numbers) < most):
                chosen.append(numbers.setdefault(normalise(texts[turn]), len(numbers)))
    return list(numbers), own


def _token_states(encoder: MiniLM, texts: Sequence[str]) -> list[Tensor]:
    """What the sentence encoder makes of texts, each bfloat16 (its tokens, width)."""
    lengths = [len(ids) for ids in encoder.token_ids(texts)]
    order = sorted(range(len(texts)), key=lambda i: lengths[i])
    batches = [order[start : start + TEXTS_AT_ONCE] for start in range(0, len(order), TEXTS_AT_ONCE)]
    found: dict[int, Tensor] = {}
    with Progress("captions", len(texts), "text") as bar:
        for batch in batches:
            states, _ = encoder.tokens([texts[i] for i in batch])
            found |= {i: x[: lengths[i]].to(torch.bfloat16) for i, x in zip(batch, states, strict=True)}
            bar.update(len(batch))
    return [found[i] for i in range(len(texts))]


def _padded(states: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Token states of n texts, each (tokens, width), as one tensor (n, T, width), and the mask (n, T)."""
    lengths = torch.tensor([len(x) for x in states])
    x = nn.utils.rnn.pad_sequence(list(states), batch_first=True)
    return x, torch.arange(x.shape[1]) < lengths[:, None]
