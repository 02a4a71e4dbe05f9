"""The evaluation of captioned images: do they show what captions say, and are sets of them like real ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gan.data.dataset import ImageDataset
from gan.evaluation.drawing import draw, untrained
from gan.evaluation.features import FeatureSpace, other_spaces
from gan.evaluation.matcher import CANDIDATES, CaptionPool, Matcher, matcher_for
from gan.evaluation.metrics import Estimate, bootstrap_mean
from gan.evaluation.pictures import BLUR, blurred
from gan.evaluation.registry import MORE, Metric, Scores, register
from gan.evaluation.report import Results, Sheet
from gan.evaluation.sets import DIRECTIONS, MIN_FACES, Evaluator, Features, matching, see
from gan.evaluation.stopwatch import Stopwatch
from gan.images import thumbnails
from gan.pipeline import TextToImage

SUBJECT = "these images"
"""The name of the set that is judged, among the sets of the table."""
REAL, UNTRAINED, ONE = "real images", "untrained generator", "one image repeated"
BLURRED = f"real images, blurred by {BLUR} px"
MATCHER = "matcher"
"""The name of the matcher's features among the feature spaces."""
SHEET = 24  # images of a picture in the report
THUMBNAIL = 8  # pixels a side, by which the real image of a caption is looked for
AMONG = 5

register(
    Metric("r_precision", f"nearest to its own caption among {CANDIDATES}", MORE, percent=True, column="R-precision"),
    Metric("first", "real image of the caption nearest, by thumbnail", MORE, percent=True),
    Metric("five", f"real image of the caption among the nearest {AMONG}", MORE, percent=True),
)


@dataclass(frozen=True, eq=False)
class Asked:
    """What N images are drawn for: the captions of held-out images.

    Attributes:
        rows: int64 (N,), the held-out images, one after the other and then again.
        texts: A caption of each: the first one, when an image comes again its next.
        styles: The source of each held-out image; ``None`` where the model does not know it.
    """

    rows: Tensor
    texts: list[str]
    styles: list[str | None]

    @classmethod
    def of(cls, heldout: ImageDataset, count: int, known: Sequence[str] = ()) -> Asked:
        """What ``count`` images are drawn for, by a model that knows some sources."""
        rows = torch.arange(count) % len(heldout)
        own = [heldout.captions[row] for row in rows.tolist()]
        texts = [captions[i // len(heldout) % len(captions)] for i, captions in enumerate(own)]
        names = [heldout.source_names[source] for source in heldout.sources[rows].tolist()]
        return cls(rows, texts, [name if name in known else None for name in names])


class CaptionJudge:
    """Judges images by the captions of held-out ones.

    Args:
        heldout: Real images that the generator was not trained on.
        matcher: Trained on the images that it was trained on.
        seed: Of the choice of other captions and of all intervals.
    """

    def __init__(self, heldout: ImageDataset, matcher: Matcher, seed: int = 0) -> None:
        self.matcher, self.seed, self.sources = matcher, seed, heldout.sources
        self.pool = CaptionPool(heldout.captions, heldout.groups, matcher.read)
        self.thumbnails = thumbnails(heldout.images[:], THUMBNAIL)

    def vectors(self, images: Tensor) -> Tensor:
        """Unit vectors (N, D) of uint8 images (N, 3, 64, 64), to look for captions by."""
        return self.matcher.project(self.matcher.features(images))

    def r_precision(self, vectors: Tensor, asked: Asked) -> dict[str, Estimate]:
        """The share of N images nearer to their own caption than to 99 others, as ``r_precision``.

        Args:
            vectors: (N, D), as from ``vectors``.
            asked: Of the N images.
        """
        own = torch.tensor([self.pool.number(text) for text in asked.texts])
        found = self.pool.ranked_first(vectors, asked.rows, own, self.seed)
        return {"r_precision": bootstrap_mean(found, torch.Generator().manual_seed(self.seed))}

    def retrieval(self, images: Tensor, asked: Asked) -> dict[str, Estimate]:
        """The shares of N images whose thumbnail finds the real image: ``first`` and ``five``."""
        ranks = ranks_of_own(thumbnails(images, THUMBNAIL), self.thumbnails, asked.rows, self.sources)
        generator = torch.Generator().manual_seed(self.seed)
        return {
            "first": bootstrap_mean(ranks < 1, generator),
            "five": bootstrap_mean(ranks < AMONG, generator),
        }

    def scores(self, images: Tensor, asked: Asked) -> dict[str, Estimate]:
        """``r_precision`` and ``retrieval`` of uint8 images (N, 3, 64, 64)."""
        return self.r_precision(self.vectors(images), asked) | self.retrieval(images, asked)

    def chance(self, asked: Asked) -> dict[str, Estimate]:
        """What ``scores`` are for images that have nothing to do with their captions."""
        rivals = torch.bincount(self.sources)[self.sources[asked.rows]].double()  # of the same source, itself included
        shares = {
            "r_precision": self.pool.chance(asked.rows),
            "first": (1 / rivals).mean().item(),
            "five": (AMONG / rivals).clamp_max(1).mean().item(),
        }
        return {name: Estimate(share, share, share) for name, share in shares.items()}


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


@dataclass(frozen=True, eq=False)
class CaptionResults(Results):
    """All that an evaluation of captioned images found.

    Attributes:
        images: Number of images drawn.
        captions: Number of held-out images that they were drawn for.
        common: What the images of a group have in common, within which diversity is measured.
    """

    images: int
    captions: int
    common: str

    def fields(self) -> dict[str, Any]:
        """See ``Results``."""
        names = ("subject", "source", "images", "captions", "common", "compared", "seed", "sets")
        return {name: getattr(self, name) for name in names}

    def notes(self) -> list[str]:
        """See ``Results``."""
        notes = [
            f"{self.images:,} images of {self.subject}, for the captions of {self.captions:,} held-out images of "
            f"{self.source}, each in the style of its source; in brackets, 95 % confidence intervals.",
            "Captions are looked for by a matcher, a network that was trained on the training images alone and shares "
            "nothing with what conditions the generator: the own caption among up to "
            f"{CANDIDATES - 1} of other held-out images that share no caption with it and are not of its group "
            "(R-precision). What held-out real images get is the ceiling; permuted captions and chance are the floor.",
            f"Thumbnails are of {THUMBNAIL}x{THUMBNAIL} pixels; the real image of the caption is looked for among all "
            "held-out ones of its source.",
        ]
        if self.compared:
            notes.append(
                f"Sets are compared with held-out images, {self.compared:,} a side, in the features of the network "
                f"named, Fréchet distances on their {DIRECTIONS} main directions: only numbers of as many images, the "
                "same network and the same data can be compared. These are not FIDs. Of real images, captions and "
                "nearest neighbours are those of the held-out images, and distances those of as many training images "
                f"of the same {self.common}: the floor."
            )
        else:
            notes.append("Too few held-out images to compare sets.")
        return notes


@dataclass(frozen=True, eq=False)
class Grouping:
    """Which held-out images may stand for each other: those of one caption, where captions come again; else wider.

    Attributes:
        name: What the images of a group have in common: ``"caption"``, ``"class"`` or ``"source"``.
        heldout: The group of each of the images asked for.
        training: That of each training image.
    """

    name: str
    heldout: Sequence[Hashable]
    training: Sequence[Hashable]

    @classmethod
    def of(cls, asked: Asked, heldout: ImageDataset, training: ImageDataset) -> Grouping:
        """The narrowest grouping by which half of the images are not alone; all groups are within a source."""
        sources, training_sources = heldout.sources[asked.rows].tolist(), training.sources.tolist()
        wanted = set(asked.texts)
        shown = [next((text for text in texts if text in wanted), None) for texts in training.captions]
        groups = {"caption": cls("caption", _pairs(asked.texts, sources), _pairs(shown, training_sources))}
        if heldout.groups and training.groups:
            own = [heldout.groups[row] for row in asked.rows.tolist()]
            groups["class"] = cls("class", _pairs(own, sources), _pairs(training.groups, training_sources))
        for grouping in groups.values():
            counts = Counter(key for key in grouping.heldout if key[0] is not None)  # type: ignore[index]
            if 2 * sum(count for count in counts.values() if count > 1) >= len(sources):
                return grouping
        return cls("source", sources, training_sources)

    def numbers(self) -> Tensor:
        """The groups of the images asked for by number: int64 (N,)."""
        numbers: dict[Hashable, int] = {}
        return torch.tensor([numbers.setdefault(key, len(numbers)) for key in self.heldout])


def _pairs(keys: Sequence[str | None], sources: Sequence[int]) -> list[tuple[str | None, int]]:
    return list(zip(keys, sources, strict=True))


class CaptionEvaluator(Evaluator):
    """Compares sets of N images with as many held-out ones.

    Args:
        asked: Of the N images: the captions of the first N held-out ones.
        heldout: Real images, N at least.
        training: What the generator was trained on.
        spaces: Feature spaces by name.
        seed: Of the choice of twins and of all intervals.

    Attributes:
        grouping: Of the N images.
        heldout: uint8 (N, 3, 64, 64), the held-out images.
        twins: Likewise, as many training images of the same groups: what real images are, seen anew.
    """

    def __init__(
        self,
        asked: Asked,
        heldout: ImageDataset,
        training: ImageDataset,
        spaces: Mapping[str, FeatureSpace],
        seed: int = 0,
    ) -> None:
        self.grouping = Grouping.of(asked, heldout, training)
        generator = torch.Generator().manual_seed(seed)
        self.twins = training.images[matching(self.grouping.heldout, self.grouping.training, generator)]
        self.heldout = heldout.images[: len(asked.texts)]
        groups = self.grouping.numbers()
        super().__init__(see(self.heldout, spaces), groups, groups, self.heldout, training, spaces, seed)


def evaluate_captions(
    pipeline: TextToImage, training: ImageDataset, heldout: ImageDataset, *, count: int, seed: int, watch: Stopwatch
) -> CaptionResults:
    """Judge what a model draws for the captions of held-out images, by them and beside these images.

    Args:
        pipeline: The model.
        training: What it was trained on, and the matcher is.
        heldout: Other images, in a random order.
        count: Images to draw.
        seed: Of everything random.
        watch: Times the parts.
    """
    matcher = matcher_for(training)
    judge = CaptionJudge(heldout, matcher, seed)
    watch.lap("matcher")
    asked = Asked.of(heldout, count, pipeline.config.sources)
    images = draw(pipeline, asked.texts, seed, asked.styles, "images")
    first = Asked.of(heldout, min(count, len(heldout)), pipeline.config.sources)
    blank_images = draw(untrained(pipeline, seed), first.texts, seed, first.styles, "untrained")
    watch.lap("drawing")

    sets = judge_by_captions(judge, images, asked, blank_images, heldout)
    sheets = sheets_by_captions(judge, images, asked, heldout)
    watch.lap("looking for captions")
    n = len(first.texts) if len(first.texts) >= MIN_FACES else 0
    common = "caption"
    if n:
        spaces = {MATCHER: matcher.features, **other_spaces()}
        evaluator = CaptionEvaluator(first, heldout, training, spaces, seed)
        compared, further = judge_sets(evaluator, images[:n], blank_images)
        sets = {name: sets.get(name, {}) | compared.get(name, {}) for name in sets | compared}
        sheets += further
        common = evaluator.grouping.name
        watch.lap("comparing sets")
    return CaptionResults(
        subject=pipeline.name,
        source=", ".join(heldout.source_names),
        compared=n,
        seed=seed,
        sets=sets,
        sheets=sheets,
        images=len(images),
        captions=len(first.texts),
        common=common,
    )


def judge_by_captions(
    judge: CaptionJudge, images: Tensor, asked: Asked, blank_images: Tensor, heldout: ImageDataset
) -> dict[str, Scores]:
    """How often captions are found, and real images, by the images, real ones and the controls.

    Args:
        judge: Knows the captions of the held-out images.
        images: uint8 (N, 3, 64, 64).
        asked: What they were drawn for.
        blank_images: uint8 (n, 3, 64, 64), an untrained generator's for the first n.
        heldout: The held-out images.
    """
    first, everything = Asked.of(heldout, len(blank_images)), Asked.of(heldout, len(heldout))
    real = heldout.images[:]
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(judge.seed))
    vectors = judge.vectors(images)
    found = {
        SUBJECT: judge.r_precision(vectors, asked) | judge.retrieval(images, asked),
        REAL: judge.r_precision(judge.vectors(real), everything),
        UNTRAINED: judge.scores(blank_images, first),
        "captions permuted": judge.r_precision(vectors[order], asked) | judge.retrieval(images[order], asked),
        ONE: judge.scores(images[:1].expand(len(blank_images), -1, -1, -1), first),
        BLURRED: judge.r_precision(judge.vectors(blurred(real)), everything),
        "chance": judge.chance(asked),
    }
    return {name: {"captions": scores} for name, scores in found.items()}


def judge_sets(
    evaluator: CaptionEvaluator, images: Tensor, blank_images: Tensor
) -> tuple[dict[str, Scores], list[Sheet]]:
    """What N images, real ones and the controls get as sets; and pictures of the most and least real of them.

    Args:
        evaluator: Compares with the first N held-out images.
        images: uint8 (N, 3, 64, 64).
        blank_images: Likewise, an untrained generator's.
    """
    n, spaces = len(images), evaluator.spaces

    def scores(features: Features, close: Tensor) -> Scores:
        return {**evaluator.compare(features)[0], "training set": evaluator.memorisation(close)}

    own, realism = evaluator.compare(see(images, spaces))
    close, nearest = evaluator.closeness(images)
    one = {name: features.expand(n, -1) for name, features in see(images[:1], spaces).items()}
    sets = {
        SUBJECT: {**own, "training set": evaluator.memorisation(close)},
        # Closeness of held-out images; distances of as many training images from them.
        REAL: scores(see(evaluator.twins, spaces), evaluator.heldout_closeness),
        UNTRAINED: scores(see(blank_images, spaces), evaluator.closeness(blank_images)[0]),
        ONE: scores(one, evaluator.closeness(images[:1])[0].expand(n)),
        BLURRED: scores(see(blurred(evaluator.twins), spaces), evaluator.closeness(blurred(evaluator.heldout))[0]),
    }
    copies, best = close.argsort()[: SHEET // 2], realism.argsort(descending=True, stable=True)
    labels = [f"{close[i]:.2f}" for i in copies.tolist()]
    return sets, [
        Sheet("Most like real images", images[best[:SHEET]], [""] * min(SHEET, n)),
        Sheet("Least like real images", images[best.flip(0)[:SHEET]], [""] * min(SHEET, n)),
        beside(
            "Closest to the training set, each beside its nearest",
            images[copies],
            nearest[copies],
            labels,
            "training image",
        ),
    ]


def sheets_by_captions(judge: CaptionJudge, images: Tensor, asked: Asked, heldout: ImageDataset) -> list[Sheet]:
    """Pictures of any images and of those that fit their captions best and worst, each beside the real one."""
    own = judge.pool.vectors[[judge.pool.number(text) for text in asked.texts]]
    fit = (judge.vectors(images) * own).sum(1)
    best = fit.argsort(descending=True, stable=True)
    orders = {
        "Any images": torch.arange(len(images)),
        "Nearest to their captions": best,
        "Farthest from their captions": best.flip(0),
    }
    return [
        beside(
            f"{title}, each beside the real one",
            images[order[: SHEET // 2]],
            heldout.images[asked.rows[order[: SHEET // 2]]],
            [asked.texts[i] for i in order[: SHEET // 2].tolist()],
            "real",
        )
        for title, order in orders.items()
    ]


def beside(title: str, images: Tensor, others: Tensor, labels: Sequence[str], other: str) -> Sheet:
    """Each of N images, labelled, and then the one that it is shown beside."""
    pairs = torch.stack([images, others], 1).flatten(0, 1)
    return Sheet(title, pairs, [text for label in labels for text in (label, other)])
