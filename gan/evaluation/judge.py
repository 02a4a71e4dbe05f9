"""One way to judge images of any kind: what they show, and how near sets of them are to real ones.

A ``Judge`` says how well images show what they were asked for; faces have one, captioned images another. All else is
shared: the controls that every number must tell apart from real images, the comparison of sets, the report, and the
quick score of a generator in training.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

import torch
from torch import Tensor

from encoder.common.errors import InputError
from gan.data.dataset import ImageDataset
from gan.evaluation import sets
from gan.evaluation.drawing import draw, untrained
from gan.evaluation.features import FeatureSpace, other_spaces
from gan.evaluation.metrics import Estimate, diversity, frechet_distance, principal_directions
from gan.evaluation.pictures import BLUR, blurred
from gan.evaluation.registry import METRICS, Scores
from gan.evaluation.report import Results, Sheet
from gan.evaluation.sets import Evaluator, Features, matching
from gan.images import enlarged
from gan.pipeline import TextToImage

SHEET = 24  # images of a picture in the report
MONITORED = 1024  # images of a quick score, at most


class Stopwatch:
    """Seconds of each part of an evaluation, in their order."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.last = time.perf_counter()

    def lap(self, part: str) -> None:
        """Count the time since the last call for ``part``."""
        now = time.perf_counter()
        self.seconds[part] = self.seconds.get(part, 0.0) + now - self.last
        self.last = now

    @property
    def total(self) -> float:
        return sum(self.seconds.values())


@dataclass(frozen=True, eq=False)
class Asked:
    """What N images are asked to be.

    Attributes:
        texts: The captions.
        rows: int64 (N,), the held-out images that they are captions of; of faces, any.
        styles: The source whose drawing to follow, of each; ``None`` is the model's default.
        attributes: int64 (N, 3), ``Attributes.indices``, of faces; (N, 0) of other images.
    """

    texts: Sequence[str]
    rows: Tensor
    styles: Sequence[str | None]
    attributes: Tensor

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, index: slice | Tensor) -> Asked:
        """What the images in a slice, or at int64 positions, are asked to be."""
        rows = torch.arange(len(self))[index]
        texts, styles = ([values[row] for row in rows.tolist()] for values in (self.texts, self.styles))
        return Asked(texts, self.rows[rows], styles, self.attributes[rows])


@dataclass(frozen=True, eq=False)
class Grouping:
    """Which images may stand for each other.

    Attributes:
        name: What the images of a group have in common: ``"caption"``, ``"class"`` or ``"source"``.
        wanted: The group that each of N images is asked for.
        training: The group of each training image.
        numbers: int64 (N,), ``wanted`` by number.
        real_numbers: int64 (N,), the groups of N held-out images, likewise.
    """

    name: str
    wanted: Sequence[Hashable]
    training: Sequence[Hashable]
    numbers: Tensor
    real_numbers: Tensor


class Seen(Protocol):
    """What a judge reads in N images."""

    @property
    def features(self) -> Tensor:
        """Float32 (N, F)."""

    def __getitem__(self, index: Tensor) -> Self:
        """What is read in the images at int64 positions."""


Reading = TypeVar("Reading", bound=Seen)


class Judge(ABC, Generic[Reading]):
    """How well images of one kind show what they were asked for.

    Args:
        training: Real images that a generator is trained on; ``None`` where no real images are given.
        heldout: Others, in a random order.
        seed: Of everything random.

    Attributes:
        noun: What one image shows.
        group: The name of its scores among the groups of metrics.
        space: The name of its features among the feature spaces.
        main: The score by which quick scores go.
    """

    noun: ClassVar[str]
    group: ClassVar[str]
    space: ClassVar[str]
    main: ClassVar[str]

    def __init__(self, training: ImageDataset | None, heldout: ImageDataset | None, seed: int = 0) -> None:
        self._training, self._heldout, self.seed = training, heldout, seed

    @property
    def training(self) -> ImageDataset:
        assert self._training is not None
        return self._training

    @property
    def heldout(self) -> ImageDataset:
        assert self._heldout is not None
        return self._heldout

    @abstractmethod
    def read(self, images: Tensor) -> Reading:
        """Look at uint8 images (N, 3, 64, 64)."""

    @abstractmethod
    def asked(self, positions: Tensor, known: Sequence[str] = ()) -> Asked:
        """What to ask for, by int64 positions (N,): 0 is the first held-out image; past the last they come again.

        ``known`` are the sources that the model knows.
        """

    @abstractmethod
    def scores(self, images: Tensor, reading: Reading, asked: Asked, *, real: bool = False) -> dict[str, Estimate]:
        """How well images show what they were asked for, by metric; ``real`` are the held-out images themselves."""

    @abstractmethod
    def quick(self, reading: Reading, asked: Asked) -> dict[str, float]:
        """The shares that a quick score has; ``main`` is one of them."""

    @abstractmethod
    def fit(self, reading: Reading, asked: Asked) -> Tensor:
        """How well each of N images shows what it was asked for, (N,): the larger, the better."""

    @abstractmethod
    def grouping(self, asked: Asked) -> Grouping:
        """The groups of N images, of the first N held-out ones, and of the training images."""

    def asked_of(self, texts: Sequence[str]) -> Asked:
        """What texts ask for."""
        raise NotImplementedError

    def chance(self, asked: Asked) -> dict[str, Estimate]:
        """``scores`` of images that have nothing to do with their captions, where that can be calculated."""
        return {}

    @property
    def fewest(self) -> int:
        """Held-out images that a quick score needs at least."""
        return sets.MIN_FACES

    def sheet(self, title: str, images: Tensor, asked: Asked) -> Sheet:
        """A picture of the first of N images, with their captions."""
        return Sheet(title, images[:SHEET], asked.texts[:SHEET])

    @abstractmethod
    def details(self, judged: Judged[Reading], watch: Stopwatch) -> dict[str, Mapping[str, Any]]:
        """What the results say besides: their ``details``, ``tables`` and ``extra``."""

    # -- shared -------------------------------------------------------------------------------------------------------

    @cached_property
    def spaces(self) -> Mapping[str, FeatureSpace]:
        """Feature spaces besides its own."""
        return other_spaces()

    def features(self, images: Tensor, reading: Reading | None = None) -> Features:
        """The features of uint8 images (N, 3, 64, 64), whose reading may be known, in every space, its own first."""
        own = (reading or self.read(images)).features
        return {self.space: own, **{name: extract(images) for name, extract in self.spaces.items()}}

    def draw(self, pipeline: TextToImage, asked: Asked, what: str = "") -> Tensor:
        """An image of each text, uint8 (N, 3, 64, 64)."""
        return draw(pipeline, asked.texts, self.seed, asked.styles, what or f"{self.noun}s")

    def evaluator(self, asked: Asked, reading: Reading | None = None) -> Evaluator:
        """What compares N images with the first N held-out ones, whose reading may be known."""
        grouping = self.grouping(asked)
        real = self.heldout.images[: len(asked)]
        return Evaluator(
            self.features(real, reading),
            grouping.numbers,
            grouping.real_numbers,
            real,
            self.training.images[self.twins(asked)],
            self.training,
            self.seed,
        )

    def twins(self, asked: Asked) -> Tensor:
        """Random training images of the groups asked for, int64 (N,): what real images are, seen anew."""
        grouping = self.grouping(asked)
        return matching(grouping.wanted, grouping.training, self.generator())

    def generator(self) -> torch.Generator:
        """A source of randomness, new each time."""
        return torch.Generator().manual_seed(self.seed)

    # -- for a run, and for a comparison of runs ----------------------------------------------------------------------

    @cached_property
    def monitor(self) -> Monitor:
        """The quick score of a run; ``InputError`` where too few images are held out."""
        return Monitor(self)

    @cached_property
    def _all(self) -> tuple[Asked, Reading, Evaluator]:
        """What all held-out images show, how they are read, and what compares with them."""
        asked = self.asked(torch.arange(len(self.heldout)), self.heldout.source_names)
        reading = self.read(self.heldout.images[:])
        return asked, reading, self.evaluator(asked, reading)

    def score_model(self, pipeline: TextToImage) -> Scores:
        """The scores of the images that a generator draws for the captions of the held-out ones."""
        images = self.draw(pipeline, self._all[0])
        reading = self.read(images)
        return self._in_columns(images, reading, self.features(images, reading))

    def score_real(self) -> Scores:
        """The scores of real images: the held-out ones for what they show, as many training images for all else."""
        _, reading, evaluator = self._all
        return self._in_columns(self.heldout.images[:], reading, self.features(evaluator.twins), real=True)

    def _in_columns(self, images: Tensor, reading: Reading, features: Features, *, real: bool = False) -> Scores:
        """The scores of as many images as are held out that a comparison of runs shows."""
        asked, _, evaluator = self._all
        scores = self.scores(images, reading, asked, real=real).items()
        shown = {name: estimate for name, estimate in scores if METRICS[name].column}
        return {self.group: shown, **evaluator.compare(features)[0]}


class Monitor:
    """A quick score for a generator in training: a few seconds for a thousand images.

    Args:
        judge: Of the images.
        count: Images to draw; at most as many as are held out.

    Attributes:
        captions: What to ask for: a caption of each of n held-out images.
        sources: int64 (n,), the sources of those images.

    Raises:
        InputError: Too few images are held out.
    """

    def __init__(self, judge: Judge[Any], count: int = MONITORED) -> None:
        self.judge, heldout = judge, judge.heldout
        rows = torch.randperm(len(heldout), generator=judge.generator())[:count]
        if len(rows) < judge.fewest:
            raise InputError(
                f"{len(rows)} held-out {judge.noun}s are too few to score a generator with; give {judge.fewest}"
            )
        self.asked = judge.asked(rows)
        self.captions, self.sources = self.asked.texts, heldout.sources[rows]
        real = judge.read(heldout.images[rows]).features
        self.directions = principal_directions(real, min(sets.DIRECTIONS, len(real) // 4))
        self.real = real.double() @ self.directions
        self.groups = judge.grouping(self.asked).numbers if judge._training is not None else None
        self.spread = {} if self.groups is None else diversity(real, self.groups)

    def score(self, images: Tensor) -> dict[str, float]:
        """Judge uint8 images (n, 3, H, W); those of a smaller stage are enlarged.

        Returns:
            The judge's shares (``Judge.quick``); ``frechet``: the distance to the held-out images in its features;
            ``score``: ``frechet`` over the main share, lower is better: images that look right and are as asked;
            ``diversity``: the mean distance of two images of a caption over that of two real ones, where there are two.
        """
        reading = self.judge.read(enlarged(images))
        shares = self.judge.quick(reading, self.asked)
        frechet = frechet_distance(self.real, reading.features.double() @ self.directions)
        scores = {**shares, "frechet": frechet, "score": frechet / max(shares[self.judge.main], 1e-3)}
        if self.groups is not None and self.spread:
            spread = diversity(reading.features, self.groups)
            scores["diversity"] = sum(spread.values()) / max(sum(self.spread.values()), 1e-12)
        return scores


@dataclass(frozen=True, eq=False)
class Judged(Generic[Reading]):
    """Images of an evaluation, and what was found so far.

    Attributes:
        pipeline: What drew them, if it is known.
        images: uint8 (M, 3, 64, 64).
        asked: What they are asked to be.
        reading: What the judge reads in them.
        evaluator: Compares the first N of them with N real images, if there are enough.
        features: Those N in every space.
        real: What the judge reads in the N real images.
    """

    pipeline: TextToImage | None
    images: Tensor
    asked: Asked
    reading: Reading
    evaluator: Evaluator | None = None
    features: Features | None = None
    real: Reading | None = None


def judge_images(
    judge: Judge[Any],
    name: str,
    images: Tensor,
    asked: Asked,
    watch: Stopwatch,
    pipeline: TextToImage | None = None,
) -> Results:
    """Judge images beside real ones and controls.

    Args:
        judge: Of the images.
        name: Of the images, for the report.
        images: uint8 (M, 3, 64, 64).
        asked: What they are asked to be.
        watch: Times the parts.
        pipeline: What drew them, if it is known.
    """
    judged = Judged(pipeline, images, asked, judge.read(images))
    watch.lap("reading")
    if judge._heldout is None:
        scores: dict[str, Scores] = {f"these {judge.noun}s": {judge.group: judge.scores(images, judged.reading, asked)}}
        sheets: list[Sheet] = []
    else:
        judged, scores, sheets = judge_sets(judge, judged)
        watch.lap("comparing sets")
    compared = judged.evaluator is not None
    details = judge.details(judged, watch)
    extra = {"directions": sets.DIRECTIONS, **details.pop("extra", {})}
    return Results(
        subject=name,
        source=", ".join(judge.heldout.source_names) if judge._heldout is not None else None,
        noun=judge.noun,
        main=judge.main,
        common=judge.grouping(asked[: len(judge.heldout)]).name if compared else "caption",
        images=len(images),
        compared=min(len(images), len(judge.heldout)) if compared else 0,
        seed=judge.seed,
        sets=scores,
        sheets=sheets,
        extra=extra,
        **details,
    )


def judge_sets(
    judge: Judge[Reading], judged: Judged[Reading], blank: Tensor | None = None
) -> tuple[Judged[Reading], dict[str, Scores], list[Sheet]]:
    """What the images, real ones and the controls get, and the pictures of the report.

    Args:
        judge: Of the images.
        judged: M images and their reading.
        blank: uint8 (N, 3, 64, 64), what an untrained generator draws for the first N; by default they are drawn.
    """
    noun, images, asked, reading = judge.noun, judged.images, judged.asked, judged.reading
    n = min(len(images), len(judge.heldout))
    first, real = asked[:n], judge.heldout.images[:n]
    own, real_reading = judge.asked(torch.arange(n)), judge.read(real)
    hazy, one = blurred(real), judge.read(images[:1])
    permuted = asked[torch.randperm(len(asked), generator=judge.generator())]
    subject, of_real, of_one = f"these {noun}s", f"real {noun}s", f"one {noun} repeated"
    untrained_set, of_blurred = "untrained generator", f"real {noun}s, blurred by {BLUR} px"
    if blank is None and judged.pipeline is not None:
        blank = judge.draw(untrained(judged.pipeline, judge.seed), first, "untrained")
    blank_reading = None if blank is None else judge.read(blank)

    scores: dict[str, Scores] = {}

    def score(name: str, images: Tensor, reading: Reading, asked: Asked, real: bool = False) -> None:
        scores[name] = {judge.group: judge.scores(images, reading, asked, real=real)}

    score(subject, images, reading, asked)
    score(of_real, real, real_reading, own, real=True)
    if blank is not None and blank_reading is not None:
        score(untrained_set, blank, blank_reading, first)
    score("captions permuted", images, reading, permuted)
    score(of_one, images[:1].expand(n, -1, -1, -1), one[torch.zeros(n, dtype=torch.int64)], first)
    score(of_blurred, hazy, judge.read(hazy), own, real=True)
    if chance := judge.chance(asked):
        scores["chance"] = {judge.group: chance}
    best = judge.fit(reading, asked).argsort(descending=True, stable=True)
    orders = {f"Any {noun}s": torch.arange(len(images)), "Most as asked": best, "Least as asked": best.flip(0)}
    sheets = [judge.sheet(title, images[order[:SHEET]], asked[order[:SHEET]]) for title, order in orders.items()]
    if n < sets.MIN_FACES:
        return judged, scores, sheets

    evaluator = judge.evaluator(first, real_reading)
    features = judge.features(images[:n], reading[torch.arange(n)])
    closeness, nearest = evaluator.closeness(images[:n])
    found, realism = evaluator.compare(features)
    scores[subject] |= {**found, "training set": evaluator.memorisation(closeness)}
    # Of real images, distances are those of as many training images, and closeness is that of the held-out ones.
    compared = {
        of_real: (judge.features(evaluator.twins), evaluator.heldout_closeness),
        of_one: (
            {name: features.expand(n, -1) for name, features in judge.features(images[:1], one).items()},
            evaluator.closeness(images[:1])[0].expand(n),
        ),
        of_blurred: (judge.features(blurred(evaluator.twins)), evaluator.closeness(hazy)[0]),
    }
    if blank is not None:
        compared[untrained_set] = judge.features(blank, blank_reading), evaluator.closeness(blank)[0]
    for name, (seen, close) in compared.items():
        scores[name] |= {**evaluator.compare(seen)[0], "training set": evaluator.memorisation(close)}

    copies, real_first = closeness.argsort()[: SHEET // 2], realism.argsort(descending=True, stable=True)[:n]
    labels = [label for i in copies.tolist() for label in (f"{closeness[i]:.2f}", f"training {noun}")]
    sheets += [
        Sheet(f"{how} like real {noun}s", images[order[:SHEET]], asked[order[:SHEET]].texts)
        for how, order in (("Most", real_first), ("Least", real_first.flip(0)))
    ]
    pairs = torch.stack([images[copies], nearest[copies]], 1).flatten(0, 1)
    sheets.append(Sheet(f"Closest to the training set, each beside its nearest training {noun}", pairs, labels))
    return Judged(judged.pipeline, images, asked, reading, evaluator, features, real_reading), scores, sheets
