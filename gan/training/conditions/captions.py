"""An image's own captions as conditions, and captions of other images as wrong texts."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from encoder.base import Encoder
from encoder.common.errors import InputError
from gan.training.conditions import Conditioner, Texts
from gan.training.config import TrainingConfig

NEAR_PAIRS, LIVE_PAIRS = 20_000, 256
"""Pairs of captions by which nearness is measured: of those on disk, and where each has to be encoded for it."""
TRIES, ROUNDS = 8, 8
"""Other images that are looked at together for a wrong text, and how often, before all are looked through."""


def check_captions(captions: Sequence[Sequence[str]]) -> None:
    """Raise InputError where no image has another text than the others: there is nothing to learn from texts then."""
    if len(captions) == 1:
        raise InputError("there is one image alone, so there is no wrong text to learn from; add others")
    if len(set(map(frozenset, captions))) < 2:
        raise InputError("all images have the same captions, so there is no wrong text to learn from; add others")


def first_epoch(size: int, seed: int) -> Tensor:
    """The order of a run's images in its first epoch, int64 (size,): the first that its random generator gives."""
    return torch.randperm(size, generator=torch.Generator().manual_seed(seed))


class CaptionTable:
    """The texts of N images by number, and which of them may be shown after so many images.

    With ``ahead``, training begins before all texts are encoded. They stand in a queue: one caption of each image, in
    the order of the first epoch, then another one of each, and so on. After ``n`` images, captions at the first
    ``n + ahead`` places may be shown. What a step sees depends on ``n`` alone, not on how far the encoding is.

    Args:
        captions: The captions of each image, one at least.
        ahead: Places; 0, or more than there are: all captions may be shown from the start.
        seed: That of the run.

    Raises:
        InputError: As of ``check_captions``.
    """

    def __init__(self, captions: Sequence[Sequence[str]], *, ahead: int = 0, seed: int = 0) -> None:
        check_captions(captions)
        numbers: dict[str, int] = {}
        own = [[numbers.setdefault(text, len(numbers)) for text in texts] for texts in captions]
        self.texts = list(numbers)
        self.count = torch.tensor(list(map(len, own)))  # captions of each image
        self.start = self.count.cumsum(0) - self.count  # where they start in
        self.flat = torch.tensor(list(itertools.chain.from_iterable(own)))  # all captions, by their numbers
        self.turns = int(self.count.max())
        self.ahead = ahead if ahead < len(own) * self.turns else 0
        self.order = first_epoch(len(own), seed)
        self.place = self.order.argsort()
        # Which of its captions an image is shown with first, so that the first ones are not all of one wording.
        shift = torch.rand(len(own), generator=torch.Generator().manual_seed(seed)) * self.count
        self.first = shift.long() if self.ahead else torch.zeros_like(self.count)

    def __len__(self) -> int:
        return len(self.count)

    def pick(self, rows: Tensor, images: int, generator: torch.Generator) -> Tensor:
        """A random text of each of the images ``rows`` that may be shown after ``images``: int64 (n,)."""
        allowed = self._allowed(rows, images).clamp(min=1)
        return self._number(rows, (torch.rand(len(rows), generator=generator) * allowed).long())

    def pick_images(self, count: int, images: int, generator: torch.Generator) -> Tensor:
        """Random images that have a text that may be shown after ``images``: int64 (count,)."""
        most = min(len(self), images + self.ahead) if self.ahead else len(self)
        places = torch.randint(most, (count,), generator=generator)
        return places if most == len(self) else self.order[places]

    def captions(self, rows: Tensor) -> Tensor:
        """The texts of each image, int64 (n, K); the last one is repeated where there are fewer."""
        count = self.count[rows, None]
        return self.flat[self.start[rows, None] + torch.arange(int(count.max())).minimum(count - 1)]

    def queue(self) -> Tensor:
        """All texts in the order in which they may first be shown: int64 (T,)."""
        return self._in_order(self.count)

    def at_start(self) -> Tensor:
        """The texts that may be shown from the start, in the order of their numbers: int64 (n,)."""
        return self._in_order(self._allowed(torch.arange(len(self)), 0)).sort().values

    def _allowed(self, rows: Tensor, images: int) -> Tensor:
        if not self.ahead:
            return self.count[rows]
        turns = (images + self.ahead - self.place[rows] + len(self) - 1) // len(self)
        return turns.clamp(min=0).minimum(self.count[rows])

    def _in_order(self, counts: Tensor) -> Tensor:
        counts = counts[self.order]
        turns = [self._number(self.order[counts > turn], turn) for turn in range(self.turns)]
        return torch.tensor(list(dict.fromkeys(torch.cat(turns).tolist())))

    def _number(self, rows: Tensor, turn: Tensor | int) -> Tensor:
        return self.flat[self.start[rows] + (self.first[rows] + turn) % self.count[rows]]


class CaptionConditions(Conditioner):
    """An image's own captions, through any text encoder.

    The wrong text of an image is a caption of another one that has no caption in common with it, is not of its group,
    and whose text is farther from the right one, by cosine, than the nearest ``config.near_captions`` of all pairs of
    images: such captions say the same in other words.

    Args:
        encoder: Text to condition.
        config: The settings; where they encode live, each look-up asks the encoder.
        groups: The class of each image, or ``None``.
        vectors: Gives the conditions (n, dim) of texts by their numbers, int64 (n,); by default the encoder is asked
            for those of all texts, once.
        prompts: As in ``Conditioner``.
    """

    def __init__(
        self,
        table: CaptionTable,
        encoder: Encoder,
        config: TrainingConfig,
        *,
        groups: Sequence[str | None] = (),
        vectors: Callable[[Tensor], Tensor] | None = None,
        prompts: Sequence[str] = (),
    ) -> None:
        self.table, self.encoder, self.drop, self.prompts = table, encoder, config.drop_attributes, prompts
        self.ahead = table.ahead
        self.shown_first = table.order[: table.ahead] if 0 < table.ahead < len(table) else None
        self.look_up: Callable[[Tensor], Tensor]
        if config.encoder == "live":
            self.look_up, pairs = self._encode, LIVE_PAIRS
        else:
            self.look_up, pairs = vectors or encoder.encode(table.texts).__getitem__, NEAR_PAIRS

        classes = {name: i for i, name in enumerate(sorted({group for group in groups if group}), start=1)}
        self.class_sizes = (len(classes),) if len(classes) > 1 else ()
        known = [classes.get(group or "", 0) for group in groups] or [0] * len(table)
        self.groups = torch.tensor(known)
        self.near = self._measure(config.near_captions, pairs, torch.Generator().manual_seed(config.seed))

    def draw(self, rows: Tensor, generator: torch.Generator, images: int = 0) -> Texts:
        c = self.look_up(self.table.pick(rows, images, generator))
        c_wrong = self._wrong(rows, c, images, generator)
        dropped = torch.rand(len(rows), 1, generator=generator) < self.drop
        c = torch.where(dropped, self.encoder.space.null(c), c)
        labels = self.groups[rows, None] if self.class_sizes else torch.zeros(len(rows), 0, dtype=torch.int64)
        return Texts(c, c_wrong, labels)

    def _encode(self, numbers: Tensor) -> Tensor:
        return self.encoder.encode([self.table.texts[number] for number in numbers.tolist()])

    def _wrong(self, rows: Tensor, c: Tensor, images: int, generator: torch.Generator) -> Tensor:
        """The conditions of a wrong text of each image, whose right one is ``c``."""
        wrong, pending = torch.empty_like(c), torch.arange(len(rows))
        for _ in range(ROUNDS):
            n = len(pending)
            others = self.table.pick_images(TRIES * n, images, generator)
            candidates = self.look_up(self.table.pick(others, images, generator)).view(TRIES, n, -1)
            far = torch.cosine_similarity(candidates, c[pending], dim=2) < self.near  # (TRIES, n)
            fits = far & ~self._agree(rows[pending].repeat(TRIES), others).view(TRIES, n)
            found = fits.any(0)
            first = fits.int().argmax(0)
            wrong[pending[found]] = candidates[first, torch.arange(n)][found]
            pending = pending[~found]
            if not len(pending):
                return wrong
        for i in pending.tolist():  # nearly all images say the same
            wrong[i] = self._any_other(rows[i], c[i], images, generator)
        return wrong

    def _any_other(self, row: Tensor, c: Tensor, images: int, generator: torch.Generator) -> Tensor:
        """The condition of a text of an image that does not agree with this one, or at least not one of its own."""
        everyone = torch.arange(len(self.table)) if self.shown_first is None else self.shown_first
        others = everyone[~self._agree(row.expand(len(everyone)), everyone)]
        if len(others):
            other = others[torch.randint(len(others), (1,), generator=generator)]
            return self.look_up(self.table.pick(other, images, generator))[0]
        foreign = torch.ones(len(self.table.texts), dtype=torch.bool)
        foreign[self.table.captions(row[None])] = False
        numbers = foreign.nonzero().squeeze(1)
        if not len(numbers):  # it has every text there is
            return self.encoder.space.null(c[None])[0]
        return self.look_up(numbers[torch.randint(len(numbers), (1,), generator=generator)])[0]

    def _agree(self, rows: Tensor, others: Tensor) -> Tensor:
        """Whether a text of one image is true of another, bool (N,): a caption in common, or the same group."""
        same = (self.table.captions(rows)[:, :, None] == self.table.captions(others)[:, None]).flatten(1).any(1)
        return same | ((self.groups[rows] == self.groups[others]) & (self.groups[rows] > 0))

    def _measure(self, near: float, pairs: int, generator: torch.Generator) -> float:
        """The cosine above which the nearest ``near`` of the captions of two images lie, of those shown first."""
        if not near:
            return math.inf
        rows = self.table.pick_images(2 * pairs, 0, generator).view(2, pairs)
        a, b = (self.table.pick(each, 0, generator) for each in rows)
        a, b = a[a != b], b[a != b]
        return torch.cosine_similarity(self.look_up(a), self.look_up(b), dim=1).quantile(1 - near).item()
