"""Judging faces against real ones: what ``gan.evaluate`` reports, and the quick score that training can follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from encoder.attributes.vocabulary import SLOTS, Attributes
from encoder.common.errors import InputError
from gan.classifier import UNKNOWN, AttributeClassifier, Reading, accuracies
from gan.data.decoding import IMAGE_SIZE
from gan.data.duplicates import mirrored, thumbnails
from gan.evaluation.features import FeatureSpace
from gan.evaluation.metrics import (
    Estimate,
    bootstrap_mean,
    closeness_to_training,
    confusion,
    density_and_coverage,
    diversity,
    frechet_distance,
    half_sample_interval,
    kernel_distance,
    principal_directions,
    radii,
    realism,
)
from gan.faces.dataset import FaceDataset
from gan.faces.hue import LEAST_CHROMA, chroma_as_stated

DIRECTIONS = 64
"""Main directions of the real features that the Frechet distance is taken on: few enough for 2,000 faces to fill."""
MIN_FACES = 4 * DIRECTIONS
"""The fewest faces that are compared as a set."""
NEIGHBOURS = 5
CLASSIFIER = "classifier"
"""The name of the classifier's features among the feature spaces."""
COPY_QUANTILE = 0.01

Scores = dict[str, dict[str, Estimate]]
"""Estimates by group of metrics (``"colours"``, a feature space, ``"training set"``) and by metric."""


def judge_colours(reading: Reading, asked: Tensor, seed: int = 0) -> dict[str, Estimate]:
    """The shares of the asked hair colours, eye colours and pairs that are read in N faces.

    Args:
        reading: Of the faces.
        asked: int64 (N, 2): hair and eyes as in ``Attributes.indices``; what is not asked for does not count.
        seed: Of the bootstrap.
    """
    generator = torch.Generator().manual_seed(seed)
    right = torch.stack([reading.hair, reading.eyes], 1) == asked
    known = asked != UNKNOWN
    cases = {
        "hair": right[known[:, 0], 0],
        "eyes": right[known[:, 1], 1],
        "both": right.all(1)[known.all(1)],
    }
    return {name: bootstrap_mean(values, generator) for name, values in cases.items() if len(values)}


def judge_hue(images: Tensor, asked: Tensor, seed: int = 0) -> dict[str, Estimate]:
    """The share of N faces whose hair, measured, has the hue that was asked for (``gan.faces.hue``), as ``hue``.

    No classifier is asked, which would have learnt from the data to call olive hair green. White, gray and black have
    no hue and do not count.

    Args:
        images: uint8 (N, 3, 64, 64).
        asked: int64 (N, 2), as in ``judge_colours``.
        seed: Of the bootstrap.
    """
    chroma = chroma_as_stated(images, asked[:, 0])
    coloured = chroma[chroma.isfinite()]
    if not len(coloured):
        return {}
    return {"hue": bootstrap_mean(coloured >= LEAST_CHROMA, torch.Generator().manual_seed(seed))}


def judge_wording(reading: Reading, canonical: Reading, asked: Tensor, seed: int = 0) -> dict[str, Estimate]:
    """Shares as of ``judge_colours``, and what the wording changes.

    Args:
        reading: Of N faces drawn from some wordings.
        canonical: Of the faces drawn from the canonical wordings in their place, with the same noise each.
        asked: int64 (N, 2), all known.
        seed: Of the bootstrap.

    Returns:
        ``hair``, ``eyes``, ``both``; ``canonical``: both, of the canonical wordings; ``difference``: ``both`` less
        ``canonical``, its interval from the pairs of faces.
    """
    generator = torch.Generator().manual_seed(seed)
    right, canonical_right = (
        ((faces.hair == asked[:, 0]) & (faces.eyes == asked[:, 1])).double() for faces in (reading, canonical)
    )
    return {
        **judge_colours(reading, asked, seed),
        "canonical": bootstrap_mean(canonical_right, generator),
        "difference": bootstrap_mean(right - canonical_right, generator),
    }


def judge_each_colour(reading: Reading, asked: Tensor, seed: int = 0) -> dict[str, dict[str, Estimate]]:
    """The share read right of every colour asked for, by slot and colour; arguments as in ``judge_colours``."""
    generator = torch.Generator().manual_seed(seed)
    return {
        slot: {
            colour: bootstrap_mean(read[wanted == i] == i, generator)
            for i, colour in enumerate(SLOTS[slot], start=1)
            if (wanted == i).any()
        }
        for slot, read, wanted in (("hair", reading.hair, asked[:, 0]), ("eyes", reading.eyes, asked[:, 1]))
    }


def confusions(reading: Reading, asked: Tensor) -> dict[str, Tensor]:
    """By slot, how often each colour was read (columns) of those asked for (rows), in the order of ``SLOTS``."""
    tables = {}
    for slot, read, wanted in (("hair", reading.hair, asked[:, 0]), ("eyes", reading.eyes, asked[:, 1])):
        known = wanted != UNKNOWN
        tables[slot] = confusion(wanted[known] - 1, read[known] - 1, len(SLOTS[slot]))
    return tables


def captions_of(attributes: Tensor) -> list[str]:
    """The canonical captions of int64 (N, 3) ``Attributes.indices``."""
    return [Attributes.from_indices((hair, eyes, length)).caption for hair, eyes, length in attributes.tolist()]


def enlarged(images: Tensor) -> Tensor:
    """Uint8 images (N, 3, H, W) at 64x64, by repeating pixels."""
    return F.interpolate(images, IMAGE_SIZE) if images.shape[-1] != IMAGE_SIZE else images


def matching_faces(asked: Tensor, attributes: Tensor, generator: torch.Generator) -> Tensor:
    """Random faces with the colours asked for: int64 (N,) positions in ``attributes``.

    None comes twice while there are others with its colours; where there is none with a pair, any face stands in.

    Args:
        asked: int64 (N, 2): hair and eyes, as in ``Attributes.indices``.
        attributes: int64 (M, 2), likewise.
        generator: The source of randomness.
    """
    order = torch.randperm(len(attributes), generator=generator)
    pools: dict[tuple[int, ...], list[int]] = {}
    for position in order.tolist():
        pools.setdefault(tuple(attributes[position].tolist()), []).append(position)
    taken: dict[tuple[int, ...], int] = {}
    chosen = []
    for wanted in map(tuple, asked.tolist()):
        pool = pools.get(wanted) or order.tolist()
        taken[wanted] = taken.get(wanted, -1) + 1
        chosen.append(pool[taken[wanted] % len(pool)])
    return torch.tensor(chosen)


@dataclass(frozen=True, eq=False)
class View:
    """N faces as the networks see them.

    Attributes:
        reading: What the classifier reads.
        features: float32 (N, F) by feature space.
    """

    reading: Reading
    features: Mapping[str, Tensor]

    def repeated(self, count: int) -> View:
        """The first face, ``count`` times."""
        rows = torch.zeros(count, dtype=torch.int64)
        return View(self.reading[rows], {name: features[rows] for name, features in self.features.items()})


@dataclass(frozen=True)
class Comparison:
    """A set of N faces beside N held-out real faces.

    Attributes:
        scores: By feature space: ``frechet``, ``kernel``, ``density``, ``coverage``, ``diversity``.
        realism: float64 (N,), of each face in the last feature space (``gan.evaluation.metrics``).
    """

    scores: Scores
    realism: Tensor


class Evaluator:
    """Compares sets of N faces with N held-out real faces, in the classifier's features and in other spaces.

    What real faces get in place of generated ones, the floor of every distance, is what the ``twins`` get: as many
    training faces with the colours asked for.

    Args:
        asked: int64 (N, 2), the colours that every set is asked for, in the order of its faces.
        heldout: At least N real faces; the first N are compared with.
        training: The faces that the generator was trained on.
        classifier: Reads colours, and gives the first feature space.
        spaces: Other feature spaces by name.
        seed: Of the choice of twins and of all intervals.
    """

    def __init__(
        self,
        asked: Tensor,
        heldout: FaceDataset,
        training: FaceDataset,
        classifier: AttributeClassifier,
        spaces: Mapping[str, FeatureSpace],
        seed: int = 0,
    ) -> None:
        self.asked, self.classifier, self.spaces, self.seed = asked, classifier, spaces, seed
        self.heldout = heldout[: len(asked)]
        self.training = training
        self.twins = training[matching_faces(asked, training.attributes[:, :2], self._generator())]
        self.real = self.view(self.heldout.images)
        self.directions = {name: principal_directions(real, DIRECTIONS) for name, real in self.real.features.items()}
        self.radii = {name: radii(real, NEIGHBOURS) for name, real in self.real.features.items()}
        pixels = thumbnails(training.images)
        self.training_pixels = torch.cat([pixels, mirrored(pixels)])
        self.heldout_closeness, _ = self.closeness(self.heldout.images)

    def _generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.seed)

    def view(self, images: Tensor, reading: Reading | None = None) -> View:
        """See uint8 images (N, 3, 64, 64), whose reading may be known."""
        reading = reading or self.classifier.read(images)
        others = {name: extract(images) for name, extract in self.spaces.items()}
        return View(reading, {CLASSIFIER: reading.features, **others})

    def compare(self, view: View) -> Comparison:
        """Compare N faces with the held-out ones."""
        scores = {}
        for name, fake in view.features.items():
            distances = torch.cdist(self.real.features[name].double(), fake.double())
            scores[name] = self._compare_in(name, fake, distances)
        return Comparison(scores, realism(distances, self.radii[name]))

    def _compare_in(self, space: str, fake: Tensor, distances: Tensor) -> dict[str, Estimate]:
        real, directions, generator = self.real.features[space], self.directions[space], self._generator()
        density, coverage = density_and_coverage(distances, self.radii[space], NEIGHBOURS)
        spread = diversity(fake, _pairs(self.asked))
        real_spread = diversity(real, _pairs(self.heldout.attributes))
        both = sorted(spread.keys() & real_spread.keys())
        spreads = torch.tensor([[spread[pair], real_spread[pair]] for pair in both])

        n, m = distances.shape
        main_real, main_fake = real.double() @ directions, fake.double() @ directions
        return {
            "frechet": half_sample_interval(lambda i, j: frechet_distance(main_real[i], main_fake[j]), n, m, generator),
            "kernel": half_sample_interval(kernel_distance(real, fake), n, m, generator),
            "density": bootstrap_mean(density, generator),
            "coverage": bootstrap_mean(coverage, generator),
        } | ({"diversity": bootstrap_mean(spreads[:, 0], generator, over=spreads[:, 1])} if both else {})

    def closeness(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """How close each of M faces is to the training set (``closeness_to_training``), by 16x16 pixels.

        Returns:
            float32 (M,), and the nearest training faces as they lie nearest, mirrored or not: uint8 (M, 3, 64, 64).
        """
        ratios, nearest = closeness_to_training(thumbnails(images), self.training_pixels)
        count = len(self.training)
        faces = self.training.images[nearest % count]
        return ratios, torch.where((nearest >= count)[:, None, None, None], faces.flip(3), faces)

    def memorisation(self, closeness: Tensor) -> dict[str, Estimate]:
        """What a set's closeness (M,) comes to: its mean, and the share closer than all but 1 % of held-out faces."""
        generator = self._generator()
        return {
            "closeness": bootstrap_mean(closeness, generator),
            "copies": bootstrap_mean((closeness < self.heldout_closeness.quantile(COPY_QUANTILE)).double(), generator),
        }


def _pairs(asked: Tensor) -> Tensor:
    """One number for each pair of colours: int64 (N,)."""
    return asked[:, 0] * (1 + len(SLOTS["eyes"])) + asked[:, 1]


class Monitor:
    """A quick score for a generator in training: a few seconds for a thousand faces.

    Draw a face for each row of ``attributes`` and give them to ``score``, in that order.

    Args:
        heldout: Real faces that the generator is not trained on.
        classifier: Reads the colours; the distance is taken in its features.
        count: Faces to draw; at most as many as are held out, and no fewer than ``MIN_FACES``.
        seed: Of the choice of held-out faces.

    Attributes:
        attributes: int64 (n, 3), what to ask for, as in ``Attributes.indices``: that of n held-out faces.
        sources: int64 (n,), the sources of those faces.
    """

    def __init__(self, heldout: FaceDataset, classifier: AttributeClassifier, count: int = 1024, seed: int = 0) -> None:
        chosen = torch.randperm(len(heldout), generator=torch.Generator().manual_seed(seed))[:count]
        if len(chosen) < MIN_FACES:
            raise InputError(f"{len(chosen)} held-out faces are too few to score a generator with; give {MIN_FACES}")
        self.attributes, self.sources = heldout.attributes[chosen], heldout.sources[chosen]
        self.captions = captions_of(self.attributes)
        self.classifier = classifier
        real = classifier.read(heldout.images[chosen]).features
        self.directions = principal_directions(real, DIRECTIONS)
        self.real = real.double() @ self.directions

    def score(self, images: Tensor) -> dict[str, float]:
        """Judge uint8 images (n, 3, H, W); those of a smaller stage are enlarged.

        Returns:
            ``hair``, ``eyes``, ``both``: shares read as asked. ``frechet``: distance to the held-out faces in the
            classifier's features. ``score``: ``frechet / both``, lower is better: faces that look right, of the right
            colours.
        """
        reading = self.classifier.read(enlarged(images))
        shares = accuracies(reading, self.attributes)
        frechet = frechet_distance(self.real, reading.features.double() @ self.directions)
        return {**shares, "frechet": frechet, "score": frechet / max(shares["both"], 1e-3)}
