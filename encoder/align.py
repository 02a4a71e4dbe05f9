"""Fits a text encoder to the images of a data set: ``python -m encoder.align``.

The upper layers of the bundled sentence-transformer, a pooling of its token states and a linear map are trained
against a small image network, so that in a batch each image is nearest to its own caption: a symmetric InfoNCE loss, as
in CLIP (Radford et al. 2021, arXiv 2103.00020) and, for the text encoder of a GAN, in AttnGAN's DAMSM (Xu et al. 2018,
arXiv 1711.10485). The embeddings and the lower layers stay as published, which keeps words that training never saw near
those that it did. The image network is of use here alone and is not kept.

Where captions name many things, each with a colour of its own, the loss is soon content with a few of them. Three
settings help then: ``word_pairs``, ``one_style`` and ``crop``.
"""

from __future__ import annotations

if __name__ == "__main__":  # the command reads images, so it lies in gan/align.py
    import runpy

    runpy.run_module("gan.align", run_name="__main__", alter_sys=True)

import itertools
import logging
import math
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import torch
import torch.nn.functional as F
from torch import nn

from encoder.base import digest
from encoder.common import weights
from encoder.common.arguments import MAX_BATCH, kind_of
from encoder.common.atomic import transaction
from encoder.common.errors import InputError
from encoder.common.folders import OutputFolder
from encoder.common.options import Settings, setting
from encoder.common.precision import autocast
from encoder.common.progress import Progress
from encoder.common.records import Amount, Within, write_json
from encoder.common.templates import render
from encoder.minilm import MiniLM, pad
from encoder.paths import ENCODER_DIR
from encoder.text import normalise
from encoder.tuned import NAMES, Tuned, pool, save

RECORD = "align.json"
"""The file that says which data an encoder was fitted to, and with which settings."""
STATE = "fit.safetensors"
"""Where a fit stands that has not ended."""
OUTPUT = OutputFolder("encoder.align", (*NAMES, RECORD, STATE))
CARD = Path(__file__).parent / "templates" / "align.md"

logger = logging.getLogger(__name__)

CANDIDATES = 100

_TEXTS_AT_ONCE = 32  # of like length, so that little padding is computed
_KEPT_TOKENS = 300_000  # 230 MB in bfloat16, twice that in float32
_WARM_UP = 50  # steps
_MAX_SCALE = 50.0  # of the cosines
_MOST_PAIRS = 4096  # of words
_FEWEST_CAPTIONS = 1 / 600  # share that a pair of words is in
_GRAMMAR = re.compile(r"an?|the|and|with|on|in|of|is|are|wearing|that|who|has|have|from|to|at|by|its?")
_SAVE_EVERY = 1.0  # minutes of a fit


@dataclass(frozen=True)
class AlignConfig(Settings):
    """Settings of the fit; layers, epochs, dropouts and learning rate were chosen by the retrieval of held-out emoji.

    Attributes:
        queries: How many queries the attention has.
        tuned: How many of the upper layers are fine-tuned; with attention it may be none.
        max_minutes: Stop after so long, though there are steps left; the rates then fall sooner.
        max_captions: Fit to a sample of so many where there are more: fewer captions an image, or else fewer images.
        batch_size: Images a step; each has the others' captions as negatives.
        lr_layers: Peak learning rate of the fine-tuned layers.
        lr_new: Peak learning rate of the linear map, the image network and the temperature.
        lr_queries: Peak learning rate of the queries, whose numbers are of the size of 1.
        lr_pairs: Peak learning rate of the linear map that tells pairs of words from a vector.
        dropout: Of the single numbers that enter the fine-tuned layers.
        word_dropout: Share of the tokens that the fine-tuned layers do not see; the first they always do.
        temperature: What cosines are divided by, to begin with; it is learnt.
        width: Channels of the image network's first layer.
    """

    dim: Annotated[int, Within(1, 65_536)] = setting(128, "numbers of a text's vector (default 128)")
    pooling: Literal["first", "attention"] = setting(
        "first", "what the linear map takes: the state of the first token (default), or attention by learned queries"
    )
    queries: Annotated[int, Within(1, 4096)] = 8
    tuned: int = 2
    epochs: Annotated[int, Within(1, 1_000_000)] = setting(40, "how often each image is seen (default 40)")
    minutes: Annotated[float, Within(sys.float_info.min, 1e6)] | None = setting(
        None, "train for so long instead; the weights depend on the machine's speed"
    )
    max_minutes: Annotated[float, Within(sys.float_info.min)] | None = None
    max_captions: Annotated[int, Within(1)] | None = None
    batch_size: Annotated[int, Within(1, MAX_BATCH)] = setting(256, "images a step (default 256)")
    lr_layers: float = 6e-4
    lr_new: float = 2e-3
    lr_queries: float = 1e-2
    lr_pairs: float = 2e-2
    weight_decay: float = 0.05
    dropout: float = 0.1
    word_dropout: float = 0.1
    temperature: float = 0.1
    width: Annotated[int, Within(1)] = 32
    word_pairs: Annotated[float, Within(0, 1000)] = setting(
        0.0, "weight of a second loss: a vector tells which words stand near each other in its text (default 0)"
    )
    one_style: bool = setting(False, "each step shows images of one style, which then tells nothing")
    crop: Annotated[float, Within(0.1, 1.05)] = setting(
        0.75, "smallest side of the part of an image that is shown (default 0.75 of the image)"
    )
    seed: Amount = setting(0, "of everything random (default 0)")


class ImageNetwork(nn.Sequential):
    """Images (N, 3, 64, 64) in [-1, 1] -> unit vectors (N, ``dim``).

    Four strided convolutions, to 4x4, each but the first followed by a residual one, all with batch normalisation; then
    the means of the four quarters and a linear map.
    """

    def __init__(self, dim: int, width: int):
        widths = [width, 2 * width, 4 * width, 8 * width]
        stages: list[nn.Module] = [_convolution(3, width, stride=2)]  # 32x32
        for before, after in itertools.pairwise(widths):  # 16x16, 8x8, 4x4
            stages += [_convolution(before, after, stride=2), _Residual(after)]
        super().__init__(*stages, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(0.2), nn.Linear(32 * width, dim))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return F.normalize(super().forward(images.contiguous(memory_format=torch.channels_last)).float(), dim=1)


class _Residual(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.inner = _convolution(width, width, stride=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.inner(x)


def _convolution(before: int, after: int, *, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.LeakyReLU(0.1, inplace=True),
    )


class CaptionNetwork(nn.Module):
    """Captions, by their numbers, -> unit vectors (n, ``dim``); what ``fit`` trains beside the images."""

    def groups(self) -> list[dict[str, Any]]:
        """The parameters with their peak learning rates, as an optimiser takes them."""
        raise NotImplementedError

    def forward(self, numbers: Sequence[int]) -> torch.Tensor:
        raise NotImplementedError


class TunedCaptions(CaptionNetwork):
    """Frozen layers, fine-tuned ones, a pooling, a linear map.

    Args:
        captions: C captions. What the frozen layers make of one is kept while there is room: it comes again.
        base: Folder of the sentence-transformer.
    """

    def __init__(self, captions: Sequence[str], config: AlignConfig, base: Path = ENCODER_DIR):
        super().__init__()
        published = MiniLM.load(base)
        attentive = config.pooling == "attention"
        if not (0 if attentive else 1) <= config.tuned <= published.layers:
            raise InputError(f"{config.tuned} layers cannot be fine-tuned: {base} has {published.layers}")
        self._frozen = published.layers - config.tuned
        self.layers = {
            name: nn.Parameter(tensor.float().clone()) for name, tensor in published.layer_tensors(self._frozen).items()
        }
        self.queries = nn.Parameter(torch.randn(config.queries, published.dim)) if attentive else None
        self.linear = nn.Linear(published.dim * (config.queries if attentive else 1), config.dim)
        self._model = published.with_tensors(dict(self.layers))
        self._ids = published.token_ids([normalise(caption) for caption in captions])
        self._config = config
        self._kept: dict[int, torch.Tensor] = {}
        self._room = _KEPT_TOKENS

    @property
    def result(self) -> Tuned:
        halves = {name: tensor.detach().half() for name, tensor in self.layers.items()}
        queries = None if self.queries is None else self.queries.detach()
        return Tuned(halves, self.linear.weight.detach(), self.linear.bias.detach(), queries)

    def groups(self) -> list[dict[str, Any]]:
        return [
            {"params": list(self.layers.values()), "lr": self._config.lr_layers},
            {"params": list(self.linear.parameters()), "lr": self._config.lr_new},
            {"params": [] if self.queries is None else [self.queries], "lr": self._config.lr_queries},
        ]

    def forward(self, numbers: Sequence[int]) -> torch.Tensor:
        states = self._frozen_states(numbers)
        order = sorted(range(len(states)), key=lambda i: len(states[i]))
        starts = range(0, len(order), _TEXTS_AT_ONCE)
        parts = [self._vectors([states[i] for i in order[start : start + _TEXTS_AT_ONCE]]) for start in starts]
        return torch.cat(parts)[torch.tensor(order).argsort()]

    def _vectors(self, states: list[torch.Tensor]) -> torch.Tensor:
        """Outputs of the frozen layers for n texts, each (tokens, width) -> (n, ``dim``)."""
        x = nn.utils.rnn.pad_sequence(states, batch_first=True)  # (n, T, width)
        mask = torch.arange(x.shape[1]) < torch.tensor([len(state) for state in states])[:, None]
        if self.training:
            x = F.dropout(x, self._config.dropout)
            seen = torch.rand(mask.shape) >= self._config.word_dropout
            seen[:, 0] = True
            mask = mask & seen
        last = self._model.layers - 1
        for i in range(self._frozen, last + 1):
            x = self._model.layer(i, x, mask, tokens=1 if i == last and self.queries is None else None)
        return F.normalize(self.linear(pool(x, mask, self.queries)).float(), dim=1)

    @torch.no_grad()
    def _frozen_states(self, numbers: Sequence[int]) -> list[torch.Tensor]:
        """Outputs of the frozen layers for captions, each (tokens, width)."""
        new = sorted({number for number in numbers if number not in self._kept}, key=lambda n: (len(self._ids[n]), n))
        made: dict[int, torch.Tensor] = {}
        for start in range(0, len(new), _TEXTS_AT_ONCE):
            some = new[start : start + _TEXTS_AT_ONCE]
            ids, mask = pad([self._ids[number] for number in some])
            x = self._model.embed(ids)
            for i in range(self._frozen):
                x = self._model.layer(i, x, mask)
            made |= {number: state[: len(self._ids[number])].clone() for number, state in zip(some, x, strict=True)}
        states = [made[number] if number in made else self._kept[number] for number in numbers]
        for number, state in made.items():
            if len(state) <= self._room:
                self._kept[number] = state
                self._room -= len(state)
        return states


class PooledCaptions(CaptionNetwork):
    """A linear map of given vectors (C, W) of the captions: what the fit is compared with."""

    def __init__(self, vectors: torch.Tensor, config: AlignConfig):
        super().__init__()
        self.linear = nn.Linear(vectors.shape[1], config.dim)
        self._vectors = vectors
        self._config = config

    def groups(self) -> list[dict[str, Any]]:
        return [{"params": list(self.linear.parameters()), "lr": self._config.lr_new}]

    def forward(self, numbers: Sequence[int]) -> torch.Tensor:
        x = F.dropout(self._vectors[list(numbers)], self._config.dropout, self.training)
        return F.normalize(self.linear(x).float(), dim=1)


def shared_captions(captions: Sequence[Sequence[int]]) -> torch.Tensor:
    """Which of B images have a caption in common, by the numbers of the captions of each: bool (B, B)."""
    columns = {number: column for column, number in enumerate({n for numbers in captions for n in numbers})}
    has = torch.zeros(len(captions), len(columns))
    for row, numbers in enumerate(captions):
        has[row, [columns[number] for number in numbers]] = 1
    return has @ has.T > 0


def contrastive_loss(
    images: torch.Tensor, texts: torch.Tensor, alike: torch.Tensor, scale: torch.Tensor | float
) -> torch.Tensor:
    """The symmetric InfoNCE loss of B pairs: cross-entropy of the right text for an image, and the other way round.

    Args:
        images: Unit vectors (B, D).
        texts: Those of a caption of each, (B, D).
        alike: (B, B), True where two images have a caption in common: neither is a negative of the other.
        scale: What the cosines are multiplied by: one over the temperature.

    Returns:
        The mean of both directions, a scalar.
    """
    pairs = torch.eye(len(alike), dtype=torch.bool)
    logits = (images @ texts.T * scale).masked_fill(alike & ~pairs, -math.inf)  # (B, B)
    right = torch.arange(len(logits))
    return (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2


class WordPairs(nn.Module):
    """Tells from a text's vector which pairs of words stand near each other in the text.

    The contrastive loss needs only what tells the images of a batch apart. This one needs everything that captions say
    often: above all, which colour goes with which thing. CoCa (Yu et al. 2022, arXiv 2205.01917) puts a loss of
    captions beside the contrastive one for the same end.

    Args:
        captions: C captions.
        dim: Numbers of a vector.
    """

    def __init__(self, captions: Sequence[str], dim: int):
        super().__init__()
        near = [near_words(caption) for caption in captions]
        counts = Counter(itertools.chain.from_iterable(map(sorted, near)))
        often = [pair for pair, n in counts.most_common(_MOST_PAIRS) if n >= _FEWEST_CAPTIONS * len(captions)]
        places = {pair: place for place, pair in enumerate(often)}
        self._present = [[places[pair] for pair in pairs if pair in places] for pairs in near]
        self.linear = nn.Linear(dim, len(often))
        nn.init.constant_(self.linear.bias, -5.0)  # most pairs are in few captions

    def forward(self, numbers: Sequence[int], vectors: torch.Tensor) -> torch.Tensor:
        """The binary cross-entropy over all pairs, for each pair that is there.

        Args:
            vectors: Their unit vectors (n, ``dim``).
        """
        present = torch.zeros(len(numbers), self.linear.out_features)
        for row, number in enumerate(numbers):
            present[row, self._present[number]] = 1
        logits = self.linear(vectors * math.sqrt(self.linear.in_features / 2))
        total = F.binary_cross_entropy_with_logits(logits, present, reduction="sum")
        return total / present.sum().clamp_min(1)


def near_words(text: str) -> set[tuple[str, str]]:
    """Pairs of words with at most one other between them, each in alphabetical order; words of grammar do not count."""
    words = [word for word in re.findall(r"\w+", text.lower()) if not _GRAMMAR.fullmatch(word)]
    return {(min(a, b), max(a, b)) for gap in (1, 2) for a, b in zip(words, words[gap:], strict=False)}


def augment(images: torch.Tensor, smallest: float = 0.75) -> torch.Tensor:
    """Images (N, 3, H, W) cropped at random, some a little beyond the border, which repeats.

    They are neither mirrored ("right arrow") nor changed in colour, since captions tell of both.

    Args:
        smallest: The crop's side is this share of the image's to 105 %.
    """
    scale = torch.empty(len(images)).uniform_(smallest, 1.05)
    theta = torch.zeros(len(images), 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = scale
    theta[:, :, 2] = (2 * torch.rand(len(images), 2) - 1) * (1.1 - scale[:, None])
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


@dataclass(frozen=True)
class Fit:
    """The result of ``fit``.

    Attributes:
        network: The image network, in evaluation mode, as the captions' network then is too.
        steps: How many there were.
        minutes: How long they took.
    """

    network: ImageNetwork
    steps: int
    minutes: float

    @torch.no_grad()
    def vectors(self, images: torch.Tensor) -> torch.Tensor:
        """Images (N, 3, 64, 64) uint8 -> unit vectors (N, ``dim``)."""
        return torch.cat([self.network(_to_floats(some)) for some in images.split(256)])


class Images(Protocol):
    """Uint8 images (N, 3, 64, 64), in memory or on the disk."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any) -> torch.Tensor: ...


class _State:
    """The file in which a fit keeps where it stands: the networks, the optimiser, all that is random, and the clock.

    A fit that goes on from it ends as one without a break, but for rounding, where no limit of time ends it.

    Args:
        path: The file; ``None``: nothing is kept.
        key: Of the data and the settings, hexadecimal; the file of another fit is not taken.
        networks: All numbers that change, in their order.
    """

    def __init__(
        self,
        path: Path | None,
        key: str,
        networks: Sequence[torch.Tensor],
        optimizer: torch.optim.Optimizer,
        rng: random.Random,
    ):
        self._path, self._networks, self._optimizer, self._rng = path, networks, optimizer, rng
        self._key = torch.tensor(list(bytes.fromhex(key)), dtype=torch.uint8)
        self._saved = 0.0

    def save(self, step: int, minutes: float, order: list[int]) -> None:
        """Keep where the fit stands behind ``step`` steps, if the last time is long ago."""
        if self._path is None or minutes - self._saved < _SAVE_EVERY:
            return
        self._saved = minutes
        moments = self._optimizer.state_dict()["state"]
        tensors = {f"network.{i}": tensor.detach() for i, tensor in enumerate(self._networks)}
        tensors |= {f"optimizer.{i}.{name}": value for i, own in moments.items() for name, value in own.items()}
        tensors |= {
            "key": self._key,
            "random": torch.get_rng_state(),
            "choices": torch.tensor(self._rng.getstate()[1]),
            "order": torch.tensor(order, dtype=torch.int64),
            "progress": torch.tensor([step, minutes], dtype=torch.float64),
        }
        weights.save(tensors, self._path)

    @torch.no_grad()
    def load(self) -> tuple[int, float, list[int]]:
        """Steps, minutes and the order of the images that are left; the beginning where no such state is kept."""
        if self._path is None or kind_of(self._path) is None:
            return 0, 0.0, []
        try:
            tensors = weights.load(self._path)
        except InputError as error:
            logger.warning("warning: the fit of the text encoder begins anew (%s)", error)
            return 0, 0.0, []
        if not torch.equal(tensors.get("key", torch.empty(0)), self._key):
            return 0, 0.0, []
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for key, tensor in tensors.items():
            if key.startswith("optimizer."):
                _, number, name = key.split(".")
                moments.setdefault(int(number), {})[name] = tensor
        self._optimizer.load_state_dict({**self._optimizer.state_dict(), "state": moments})
        for i, own in enumerate(self._networks):
            own.copy_(tensors[f"network.{i}"])
        torch.set_rng_state(tensors["random"])
        self._rng.setstate((3, tuple(tensors["choices"].tolist()), None))
        step, self._saved = tensors["progress"].tolist()
        return int(step), self._saved, tensors["order"].tolist()


def _sample(
    captions: Sequence[Sequence[int]], limit: int | None, rng: random.Random
) -> tuple[list[int], list[Sequence[int]]]:
    """The images to show, and the captions to show each of all images under: at most ``limit`` in all."""
    rows = list(range(len(captions)))
    if limit is None or sum(map(len, captions)) <= limit:
        return rows, list(captions)
    each = max(1, limit // len(captions))
    shown = [rng.sample(list(own), min(each, len(own))) for own in captions]
    return (rng.sample(rows, limit) if len(rows) > limit else rows), list(shown)


def fit(
    images: Images,
    captions: Sequence[Sequence[int]],
    texts: CaptionNetwork,
    config: AlignConfig,
    *,
    pairs: WordPairs | None = None,
    styles: Sequence[int] = (),
    state: Path | None = None,
    key: str = "",
) -> Fit:
    """Train ``texts``, and a new image network beside it, on N images.

    Args:
        captions: The numbers of the captions of each; an epoch shows it under one of them, at random.
        texts: Is trained in place.
        pairs: Of the captions' words, for a second loss; is trained in place.
        styles: The style of each image, for ``one_style``.
        state: A file in which the fit keeps every minute where it stands, and from which it goes on; none by default.
        key: Hexadecimal digest of all that the fit depends on: a file of another fit is not taken.

    Raises:
        InputError: Fewer than two images, or the loss is not finite.
    """
    if len(images) < 2:
        raise InputError(f"{len(images)} images to train on; there must be at least two")
    network = ImageNetwork(config.dim, config.width)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # faster convolutions on a CPU
    log_scale = nn.Parameter(torch.tensor(-math.log(config.temperature)))
    groups = [*texts.groups(), {"params": [*network.parameters(), log_scale], "lr": config.lr_new}]
    if pairs is not None:
        groups.append({"params": list(pairs.parameters()), "lr": config.lr_pairs, "weight_decay": 0.0})
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=config.weight_decay)
    peaks = [group["lr"] for group in groups]
    parameters = [parameter for group in groups for parameter in group["params"]]

    rng = random.Random(config.seed)
    sample, shown = _sample(captions, config.max_captions, rng)
    batch_size = min(config.batch_size, len(sample))
    total = config.epochs * (len(sample) // batch_size)
    network.train()
    texts.train()
    kept = _State(state, key, [*parameters, *network.buffers()], optimizer, rng)
    step, minutes, order = kept.load()
    start, limit = time.monotonic() - 60 * minutes, config.minutes or config.max_minutes

    def share_done() -> float:
        by_time = minutes / limit if limit else 0.0
        return min(1.0, max(by_time, 0.0 if config.minutes else step / total))

    done, left = share_done(), limit and 60 * (limit - minutes)
    with Progress("aligning", None if config.minutes else total, "step", initial=step, limit=left) as bar:
        while done < 1:
            # Draw a batch; an incomplete one at the end of an epoch is left out.
            if len(order) < batch_size:
                order = [sample[i] for i in torch.randperm(len(sample)).tolist()]
                if config.one_style:
                    order = by_style(order, styles, batch_size, rng)
            rows, order = order[:batch_size], order[batch_size:]
            numbers = [rng.choice(shown[row]) for row in rows]
            alike = shared_captions([captions[row] for row in rows])

            # Compare.
            with autocast():
                text_vectors = texts(numbers)
                image_vectors = network(augment(_to_floats(images[torch.tensor(rows)]), config.crop))
            loss = contrastive_loss(image_vectors, text_vectors, alike, log_scale.exp().clamp(max=_MAX_SCALE))
            if pairs is not None:
                loss = loss + config.word_pairs * pairs(numbers, text_vectors)
            if not math.isfinite(loss.item()):
                raise InputError(f"the loss became {loss.item()} at step {step}; lower the learning rates")

            # Learn.
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * min(1.0, (step + 1) / _WARM_UP) * 0.5 * (1 + math.cos(math.pi * done))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()

            step += 1
            minutes = (time.monotonic() - start) / 60
            done = share_done()
            kept.save(step, minutes, order)
            bar.note({"loss": f"{loss.item():.3f}"})
            bar.update()
    texts.eval()
    return Fit(network.eval(), step, minutes)


def by_style(order: Sequence[int], styles: Sequence[int], size: int, rng: random.Random) -> list[int]:
    """The images of ``order``, each batch of ``size`` of one style; those that fill no batch are left out.

    Where no style fills one, the order stays as it is.
    """
    alike: dict[int, list[int]] = {}
    for row in order:
        alike.setdefault(styles[row], []).append(row)
    batches = [own[start : start + size] for own in alike.values() for start in range(0, len(own) - size + 1, size)]
    rng.shuffle(batches)
    return list(itertools.chain.from_iterable(batches)) or list(order)


def _to_floats(images: torch.Tensor) -> torch.Tensor:
    return images.float() / 127.5 - 1


def align(
    images: Images,
    captions: Sequence[Sequence[str]],
    config: AlignConfig,
    base: Path = ENCODER_DIR,
    state: Path | None = None,
    styles: Sequence[int] = (),
) -> tuple[Tuned, Fit]:
    """Fit an encoder to images; with ``epochs`` alone, the same on every run with as many threads.

    Args:
        images: uint8 (N, 3, 64, 64).
        captions: One or more of each.
        base: Folder of the sentence-transformer that is fine-tuned.
        state: As of ``fit``. A state is taken for this fit if settings, encoder and captions are the same, and the
            first images.
        styles: The style of each image, for ``one_style``; all are of one by default.

    Returns:
        The encoder, for ``encoder.tuned.save`` with ``unit_norm``, and what it was fitted with.

    Raises:
        InputError: An image without a caption, fewer than two images, or the loss is not finite.
    """
    torch.manual_seed(config.seed)
    vocabulary, numbers = number_captions(captions)
    if len(captions) > 1 and len(set(map(frozenset, numbers))) < 2:
        raise InputError("all images have the same captions, so there is nothing to tell them apart by; add others")
    texts = TunedCaptions(vocabulary, config, base)
    first = images[torch.arange(min(64, len(images)))].numpy().tobytes()
    made_of = [repr(config), MiniLM.load(base).fingerprint, str(len(images)), repr(numbers)]
    pairs = WordPairs(vocabulary, config.dim) if config.word_pairs else None
    key = digest(first, *made_of, *vocabulary)
    fitted = fit(images, numbers, texts, config, pairs=pairs, styles=styles or [0] * len(images), state=state, key=key)
    return texts.result, fitted


def fit_pooled(
    images: Images, captions: Sequence[Sequence[str]], config: AlignConfig, base: Path = ENCODER_DIR
) -> tuple[nn.Module, Fit]:
    """The comparison: the same fit with a linear map of the published sentence embeddings for a text's vector.

    Returns:
        The map from sentence embeddings (n, W), standardised here by those of ``captions``, and the fit.
    """
    torch.manual_seed(config.seed)
    vocabulary, numbers = number_captions(captions)
    raw = MiniLM.load(base).pooled([normalise(caption) for caption in vocabulary], progress=True)
    mean, std = raw.mean(0), raw.std(0, correction=0).clamp_min(1e-6)
    texts = PooledCaptions((raw - mean) / std, config)
    fitted = fit(images, numbers, texts, config)
    linear = nn.Linear(len(mean), config.dim)
    with torch.no_grad():  # standardising is linear too
        linear.weight.copy_(texts.linear.weight / std)
        linear.bias.copy_(texts.linear.bias - texts.linear.weight @ (mean / std))
    return linear, fitted


def number_captions(captions: Sequence[Sequence[str]]) -> tuple[list[str], list[list[int]]]:
    """The distinct captions, and for each image the numbers of its own among them."""
    for i, texts in enumerate(captions):
        if not texts:
            raise InputError(f"image {i} has no caption; leave it out")
    places: dict[str, int] = {}
    numbers = [[places.setdefault(text, len(places)) for text in texts] for texts in captions]
    return list(places), numbers


@dataclass(frozen=True)
class Retrieval:
    """How often an image's caption is found among others'.

    Attributes:
        first: Share of the captions that were nearer to their image than every other candidate, in [0, 1].
        five: Share of those that were among the nearest five.
        captions: How many were looked for.
        candidates: Among how many at least, the right one included.
    """

    first: float
    five: float
    captions: int
    candidates: int


def retrieval(
    image_vectors: torch.Tensor, captions: Sequence[Sequence[int]], text_vectors: torch.Tensor, *, seed: int = 0
) -> Retrieval:
    """For each of N images, each of its captions among 99 of other images that have no caption in common with it.

    Args:
        image_vectors: Unit vectors (N, D).
        captions: The numbers of the captions of each.
        text_vectors: Unit vectors (C, D) of the captions by number.
    """
    rng = random.Random(seed)
    alike = shared_captions(captions)
    ranks, sizes = [], []
    for i, own in enumerate(captions):
        others = (~alike[i]).nonzero().flatten().tolist()
        for number in own:
            some = rng.sample(others, min(CANDIDATES - 1, len(others)))
            wrong = text_vectors[[rng.choice(captions[j]) for j in some]] if some else text_vectors[:0]
            ranks.append(int((wrong @ image_vectors[i] >= text_vectors[number] @ image_vectors[i]).sum()))
            sizes.append(1 + len(some))
    found = [sum(rank < k for rank in ranks) / max(1, len(ranks)) for k in (1, 5)]
    return Retrieval(found[0], found[1], len(ranks), min(sizes, default=0))


def write_encoder(tuned: Tuned, folder: Path, record: dict[str, Any], base: Path = ENCODER_DIR) -> None:
    """Write an aligned encoder and the record of its making, at once; then remove the state of its fit."""
    with transaction():
        write_json(folder / RECORD, {"made_by": OUTPUT.command, **record})
        save(tuned, folder, unit_norm=True, base=base)
    (folder / STATE).unlink(missing_ok=True)


def table(scores: dict[str, Retrieval]) -> str:
    """A Markdown table of the scores by name."""
    n = min(score.candidates for score in scores.values())
    rows = [f"| held-out images: their caption among {n} | first | among five |", "|---|---|---|"]
    rows += [f"| {name} | {score.first:.1%} | {score.five:.1%} |" for name, score in scores.items()]
    return "\n".join(rows)


def card(record: dict[str, Any], scores: dict[str, Retrieval], credit: str = "") -> str:
    """The README of an aligned encoder: what it was made of and how it was judged."""
    attentive = record["config"]["pooling"] == "attention"
    return render(CARD, **record, attentive=attentive, scores=scores and table(scores), credit=credit)
