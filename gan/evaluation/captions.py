"""The judge of captioned images: do they show what their captions say?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from gan.data.dataset import ImageDataset
from gan.evaluation.judge import SHEET, Asked, Grouping, Judge, Judged, Stopwatch
from gan.evaluation.matcher import CaptionPool, Matcher
from gan.evaluation.metrics import Estimate, share
from gan.evaluation.registry import MORE, Metric, register
from gan.evaluation.report import Sheet
from gan.images import thumbnails

THUMBNAIL = 8  # pixels a side, by which the real image of a caption is looked for
AMONG = 5
FEWEST = 8
"""Held-out images that a quick score needs at least."""

register(
    Metric("r_precision", "nearest to its own caption among {candidates}", MORE, percent=True, column="R-precision"),
    Metric("first", "real image of the caption nearest, by thumbnail", MORE, percent=True),
    Metric("five", f"real image of the caption among the nearest {AMONG}", MORE, percent=True),
)


@dataclass(frozen=True, eq=False)
class Matched:
    """What the matcher reads in N images.

    Attributes:
        features: Float32 (N, F), to compare sets in.
        vectors: Unit vectors (N, D), to look for captions by.
    """

    features: Tensor
    vectors: Tensor

    def __getitem__(self, index: Tensor) -> Matched:
        return Matched(self.features[index], self.vectors[index])


class CaptionJudge(Judge[Matched]):
    """Judges images by the captions of held-out ones.

    Args:
        matcher: Trained on the images that the generator was trained on.
        training: Those images.
        heldout: Others.
        seed: Of the choice of other captions and of all intervals.
    """

    noun, group, space, main = "image", "captions", "matcher", "r_precision"

    def __init__(self, matcher: Matcher, training: ImageDataset, heldout: ImageDataset, seed: int = 0) -> None:
        super().__init__(training, heldout, seed)
        self.matcher = matcher
        self.pool = CaptionPool(heldout.captions, heldout.groups, matcher.read)

    @cached_property
    def _thumbnails(self) -> Tensor:
        return thumbnails(self.heldout.images[:], THUMBNAIL)

    @property
    def fewest(self) -> int:
        return FEWEST

    def read(self, images: Tensor) -> Matched:
        features = self.matcher.features(images)
        return Matched(features, self.matcher.project(features))

    def asked(self, positions: Tensor, known: Sequence[str] = ()) -> Asked:
        """A caption of each held-out image: the first one, and when the image comes again its next."""
        heldout, rows, turns = self.heldout, positions % len(self.heldout), positions // len(self.heldout)
        own = [heldout.captions[row] for row in rows.tolist()]
        texts = [captions[turn % len(captions)] for captions, turn in zip(own, turns.tolist(), strict=True)]
        names = [heldout.source_names[source] for source in heldout.sources[rows].tolist()]
        styles = [name if name in known else None for name in names]
        return Asked(texts, rows, styles, torch.zeros(len(rows), 0, dtype=torch.int64))

    def scores(self, images: Tensor, reading: Matched, asked: Asked, *, real: bool = False) -> dict[str, Estimate]:
        """R-precision, and for images that are not real how often their thumbnail finds the real one of the caption."""
        found = self._found(reading, asked)
        shares = {"r_precision": share(found)}
        if real:
            return shares
        ranks = ranks_of_own(thumbnails(images, THUMBNAIL), self._thumbnails, asked.rows, self.heldout.sources)
        return {
            **shares,
            "first": share(ranks < 1),
            "five": share(ranks < AMONG),
        }

    def quick(self, reading: Matched, asked: Asked) -> dict[str, float]:
        """The share of images nearer to their caption than to 99 others."""
        return {"r_precision": self._found(reading, asked).double().mean().item()}

    def _found(self, reading: Matched, asked: Asked) -> Tensor:
        return self.pool.ranked_first(reading.vectors, asked.rows, self._numbers(asked), self.seed)

    def _numbers(self, asked: Asked) -> Tensor:
        return torch.tensor([self.pool.number(text) for text in asked.texts])

    def fit(self, reading: Matched, asked: Asked) -> Tensor:
        return (reading.vectors * self.pool.vectors[self._numbers(asked)]).sum(1)

    def chance(self, asked: Asked) -> dict[str, Estimate]:
        sources = self.heldout.sources
        rivals = torch.bincount(sources)[sources[asked.rows]].double()  # of the same source, itself included
        shares = {
            "r_precision": self.pool.chance(asked.rows),
            "first": (1 / rivals).mean().item(),
            "five": (AMONG / rivals).clamp_max(1).mean().item(),
        }
        return {name: Estimate(value, value, value) for name, value in shares.items()}

    def grouping(self, asked: Asked) -> Grouping:
        """The narrowest grouping by which half of the images are not alone; all groups are within a source."""
        heldout, training = self.heldout, self.training
        sources, training_sources = heldout.sources[asked.rows].tolist(), training.sources.tolist()
        wanted = set(asked.texts)
        shown = [next((text for text in texts if text in wanted), None) for texts in training.captions]
        keys: dict[str, tuple[Sequence[str | None], Sequence[str | None]]] = {"caption": (asked.texts, shown)}
        if heldout.groups and training.groups:
            keys["class"] = [heldout.groups[row] for row in asked.rows.tolist()], training.groups
        for name, (own, others) in keys.items():
            pairs = list(zip(own, sources, strict=True))
            counts = Counter(pair for pair in pairs if pair[0] is not None)
            if 2 * sum(count for count in counts.values() if count > 1) >= len(sources):
                return _numbered(name, pairs, list(zip(others, training_sources, strict=True)))
        return _numbered("source", sources, training_sources)

    def sheet(self, title: str, images: Tensor, asked: Asked) -> Sheet:
        """Half as many images, each beside the real one of its caption."""
        count = SHEET // 2
        pairs = torch.stack([images[:count], self.heldout.images[asked.rows[:count]]], 1).flatten(0, 1)
        labels = [text for caption in asked.texts[:count] for text in (caption, "real")]
        return Sheet(f"{title}, each beside the real one", pairs, labels)

    def details(self, judged: Judged[Matched], watch: Stopwatch) -> dict[str, Mapping[str, Any]]:
        candidates = round(1 / self.pool.chance(judged.asked.rows))  # fewer than 100 where few are held out
        fields = {"captions": min(len(judged.images), len(self.heldout))}
        return {"details": fields, "extra": {"thumbnail": THUMBNAIL, "candidates": candidates}}


def _numbered(name: str, wanted: Sequence[Hashable], training: Sequence[Hashable]) -> Grouping:
    numbers: dict[Hashable, int] = {}
    rows = torch.tensor([numbers.setdefault(key, len(numbers)) for key in wanted])
    return Grouping(name, wanted, training, rows, rows)


def ranks_of_own(images: Tensor, real: Tensor, rows: Tensor, sources: Tensor) -> Tensor:
    """How many real images of the same source are nearer to each of N images than its own real one: int64 (N,).

    Args:
        images: (N, F).
        real: (M, F).
        rows: int64 (N,), the own real image of each.
        sources: int64 (M,), those of the real images.
    """
    ranks = []
    for some, own in zip(images.split(1024), rows.split(1024), strict=True):
        distances = torch.cdist(some.double(), real.double())
        rivals = sources[own, None] == sources
        nearer = distances < distances.gather(1, own[:, None])
        ranks.append((nearer & rivals).sum(1))
    return torch.cat(ranks)
