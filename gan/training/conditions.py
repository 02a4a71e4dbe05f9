"""Which text each image is shown with in training: a right one, and one that is truly wrong."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from encoder.base import TextEncoder
from encoder.common.errors import InputError

NEAR_PAIRS, LIVE_PAIRS = 20_000, 256
"""Pairs of captions by which nearness is measured: of those on disk, and where each has to be encoded for it."""
TRIES = 8
"""Other images that are looked at for a wrong text before the farthest of them is taken."""


class Texts(NamedTuple):
    """The texts of N images.

    Attributes:
        c: Conditions of the right texts, float32 (N, dim).
        c_wrong: Conditions of wrong ones, float32 (N, dim).
        labels: The class of each image in each class slot, int64 (N, S): 0 is unknown or unstated. S may be 0.
    """

    c: Tensor
    c_wrong: Tensor
    labels: Tensor


class Conditioner(Protocol):
    """All that the loop asks of texts.

    Attributes:
        encoder: Text to condition; a release names it.
        class_sizes: Number of classes in each class slot, for objectives that classify; ``()`` without.
        prompts: What sample grids are drawn for.
    """

    @property
    def encoder(self) -> TextEncoder: ...

    @property
    def class_sizes(self) -> tuple[int, ...]: ...

    @property
    def prompts(self) -> Sequence[str]: ...

    def draw(self, rows: Tensor, generator: torch.Generator) -> Texts:
        """Texts for the images ``rows``, int64 (N,), drawn from ``generator`` alone."""


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
        live: Encode at every look-up instead of once; the vectors are the same.
        prompts: As in ``Conditioner``.
        seed: Of the pairs that nearness is measured by.
        progress: Whether to show a progress bar while encoding.

    Raises:
        InputError: All images have the same captions.
    """

    def __init__(
        self,
        captions: Sequence[Sequence[str]],
        encoder: TextEncoder,
        *,
        groups: Sequence[str | None] = (),
        near: float = 0.01,
        drop: float = 0.0,
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
        if len(set(map(tuple, own))) < 2:
            raise InputError("all images have the same captions, so there is no wrong text to learn from; add others")
        self.vectors = None if live else encoder.encode(self.texts, progress=progress)

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
        c = torch.where(dropped, self.encoder.null(c), c)
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
        n = len(rows)
        others = torch.randint(len(self.count), (TRIES * n,), generator=generator)
        candidates = self.look_up(self._caption(others, generator)).view(TRIES, n, -1)
        similarity = torch.cosine_similarity(candidates, c, dim=2)  # (TRIES, N)
        similarity += 2 * self._agree(rows.repeat(TRIES), others).view(TRIES, n)
        # The first that is far enough; where there is none, the farthest.
        far = similarity < self.near
        choice = torch.where(far.any(0), far.int().argmax(0), similarity.argmin(0))
        return candidates[choice, torch.arange(n)]

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
        pairs = NEAR_PAIRS if self.vectors is not None else LIVE_PAIRS
        rows = torch.randint(len(self.count), (2, pairs), generator=generator)
        a, b = (self._caption(each, generator) for each in rows)
        a, b = a[a != b], b[a != b]
        return torch.cosine_similarity(self.look_up(a), self.look_up(b), dim=1).quantile(1 - near).item()
