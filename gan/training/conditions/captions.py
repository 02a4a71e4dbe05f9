"""An image's own captions as conditions, and captions of other images as wrong texts."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

import torch
from torch import Tensor

from encoder.base import Encoder
from encoder.common.errors import InputError
from gan.training.conditions import Texts

NEAR_PAIRS, LIVE_PAIRS = 20_000, 256
"""Pairs of captions by which nearness is measured: of those on disk, and where each has to be encoded for it."""
TRIES, ROUNDS = 8, 8
"""Other images that are looked at together for a wrong text, and how often, before all are looked through."""


class Vectors(Protocol):
    """Conditions by the number of their text."""

    def __getitem__(self, numbers: Tensor) -> Tensor:
        """Texts by their numbers, int64 (n,) -> float32 (n, dim)."""


def check_captions(captions: Sequence[Sequence[str]]) -> None:
    """Raise InputError where no image has another text than the others: there is nothing to learn from texts then."""
    if len(captions) == 1:
        raise InputError("there is one image alone, so there is no wrong text to learn from; add others")
    if len(set(map(frozenset, captions))) < 2:
        raise InputError("all images have the same captions, so there is no wrong text to learn from; add others")


class CaptionConditions:
    """An image's own captions, through any text encoder.

    The wrong text of an image is a caption of another one that has no caption in common with it, is not of its group,
    and whose text is farther from the right one, by cosine, than the nearest ``near`` of all pairs of images: such
    captions say the same in other words.

    Args:
        captions: The captions of each image, one at least.
        encoder: Text to condition.
        groups: The class of each image, or ``None``.
        near: The share of pairs of images whose captions count as near.
        drop: The chance that an image is shown without a text, under the null condition.
        vectors: The conditions of all different captions, in the order in which they first appear, where they are
            known; otherwise the encoder is asked for them, once.
        live: Encode at every look-up instead; the vectors are the same.
        prompts: As in ``Conditioner``.
        seed: Of the pairs that nearness is measured by.
        progress: Whether to show a progress bar while encoding.

    Raises:
        InputError: All images have the same captions.
    """

    weights = None
    palette: Mapping[str, str] = MappingProxyType({})

    def __init__(
        self,
        captions: Sequence[Sequence[str]],
        encoder: Encoder,
        *,
        groups: Sequence[str | None] = (),
        near: float = 0.01,
        drop: float = 0.0,
        vectors: Vectors | None = None,
        live: bool = False,
        prompts: Sequence[str] = (),
        seed: int = 0,
        progress: bool = False,
    ) -> None:
        self.encoder, self.drop, self.prompts = encoder, drop, prompts
        numbers: dict[str, int] = {}
        own = [[numbers.setdefault(text, len(numbers)) for text in texts] for texts in captions]
        self.texts = list(numbers)
        self.count = torch.tensor(list(map(len, own)))  # captions of each image
        self.start = self.count.cumsum(0) - self.count  # where they start in
        self.flat = torch.tensor(list(itertools.chain.from_iterable(own)))  # all captions, by their numbers
        check_captions(captions)
        self.vectors = None if live else encoder.encode(self.texts, progress=progress) if vectors is None else vectors

        classes = {name: i for i, name in enumerate(sorted({group for group in groups if group}), start=1)}
        self.class_sizes: tuple[int, ...] = (len(classes),) if len(classes) > 1 else ()
        known = [classes.get(group or "", 0) for group in groups] or [0] * len(own)
        self.groups = torch.tensor(known)
        self.near = self._measure(near, torch.Generator().manual_seed(seed))

    def draw(self, rows: Tensor, generator: torch.Generator) -> Texts:
        """See ``Conditioner.draw``."""
        right = self._caption(rows, generator)
        c = self.look_up(right)
        c_wrong = self._wrong(rows, c, generator)
        dropped = torch.rand(len(rows), 1, generator=generator) < self.drop
        c = torch.where(dropped, self.encoder.space.null(c), c)
        labels = self.groups[rows, None] if self.class_sizes else torch.zeros(len(rows), 0, dtype=torch.int64)
        return Texts(c, c_wrong, labels)

    def look_up(self, numbers: Tensor) -> Tensor:
        """The conditions (N, dim) of texts by their numbers, int64 (N,)."""
        if self.vectors is None:
            return self.encoder.encode([self.texts[number] for number in numbers.tolist()])
        return self.vectors[numbers]

    def _caption(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """The number of a random caption of each image: int64 (N,)."""
        which = torch.rand(len(rows), generator=generator) * self.count[rows]
        return self.flat[self.start[rows] + which.long()]

    def _wrong(self, rows: Tensor, c: Tensor, generator: torch.Generator) -> Tensor:
        """The conditions of a wrong text of each image, whose right one is ``c``."""
        wrong, pending = torch.empty_like(c), torch.arange(len(rows))
        for _ in range(ROUNDS):
            n = len(pending)
            others = torch.randint(len(self.count), (TRIES * n,), generator=generator)
            candidates = self.look_up(self._caption(others, generator)).view(TRIES, n, -1)
            far = torch.cosine_similarity(candidates, c[pending], dim=2) < self.near  # (TRIES, n)
            fits = far & ~self._agree(rows[pending].repeat(TRIES), others).view(TRIES, n)
            found = fits.any(0)
            first = fits.int().argmax(0)
            wrong[pending[found]] = candidates[first, torch.arange(n)][found]
            pending = pending[~found]
            if not len(pending):
                return wrong
        for i in pending.tolist():  # nearly all images say the same
            wrong[i] = self._any_other(rows[i], c[i], generator)
        return wrong

    def _any_other(self, row: Tensor, c: Tensor, generator: torch.Generator) -> Tensor:
        """The condition of a text of an image that does not agree with this one, or at least not one of its own."""
        everyone = torch.arange(len(self.count))
        others = everyone[~self._agree(row.expand(len(everyone)), everyone)]
        if len(others):
            return self.look_up(
                self._caption(others[torch.randint(len(others), (1,), generator=generator)], generator)
            )[0]
        foreign = torch.ones(len(self.texts), dtype=torch.bool)
        foreign[self._captions(row[None])] = False
        numbers = foreign.nonzero().squeeze(1)
        if not len(numbers):  # it has every text there is
            return self.encoder.space.null(c[None])[0]
        return self.look_up(numbers[torch.randint(len(numbers), (1,), generator=generator)])[0]

    def _agree(self, rows: Tensor, others: Tensor) -> Tensor:
        """Whether a text of one image is true of another, bool (N,): a caption in common, or the same group."""
        same = (self._captions(rows)[:, :, None] == self._captions(others)[:, None]).flatten(1).any(1)
        return same | ((self.groups[rows] == self.groups[others]) & (self.groups[rows] > 0))

    def _captions(self, rows: Tensor) -> Tensor:
        """The captions of each image by their numbers, int64 (N, K); the last one repeated where there are fewer."""
        count = self.count[rows, None]
        return self.flat[self.start[rows, None] + torch.arange(int(count.max())).minimum(count - 1)]

    def _measure(self, near: float, generator: torch.Generator) -> float:
        """The cosine above which the nearest ``near`` of the captions of two images lie."""
        if not near:
            return math.inf
        pairs = NEAR_PAIRS if self.vectors is not None else LIVE_PAIRS
        rows = torch.randint(len(self.count), (2, pairs), generator=generator)
        a, b = (self._caption(each, generator) for each in rows)
        a, b = a[a != b], b[a != b]
        return torch.cosine_similarity(self.look_up(a), self.look_up(b), dim=1).quantile(1 - near).item()
