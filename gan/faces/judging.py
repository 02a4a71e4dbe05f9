"""Judging faces by their hair and eyes, and sets of faces beside real ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from encoder.attributes.vocabulary import SLOTS, Attributes
from encoder.common.errors import InputError
from gan.evaluation import sets
from gan.evaluation.drawing import draw
from gan.evaluation.features import FeatureSpace, other_spaces
from gan.evaluation.metrics import (
    Estimate,
    bootstrap_mean,
    confusion,
    frechet_distance,
    principal_directions,
)
from gan.evaluation.registry import MORE, Metric, Scores, register
from gan.evaluation.sets import Evaluator, Features, matching, see
from gan.faces.classifier import UNKNOWN, AttributeClassifier, Reading, accuracies, load_classifier
from gan.faces.dataset import FaceDataset, read_by_head
from gan.faces.hue import LEAST_CHROMA, chroma_as_stated
from gan.images import enlarged
from gan.pipeline import TextToImage

CLASSIFIER = "classifier"
"""The name of the classifier's features among the feature spaces."""

register(
    Metric("hair", "hair colour as asked", MORE, percent=True, column="hair"),
    Metric("eyes", "eye colour as asked", MORE, percent=True, column="eyes"),
    Metric("both", "both as asked", MORE, percent=True, column="both"),
    Metric("hue", "hair of the hue asked for, measured", MORE, percent=True),
    Metric("length", "hair length as asked", MORE, percent=True),
    Metric("canonical", "both, canonical wording", MORE, percent=True),
    Metric("difference", "difference, points", MORE, signed=True),
)


def judge_colours(reading: Reading, asked: Tensor, seed: int = 0) -> dict[str, Estimate]:
    """The shares of the asked hair colours, eye colours and pairs that are read in N faces.

    Args:
        reading: Of the faces.
        asked: int64 (N, 2 or more): hair and eyes, as in ``Attributes.indices``; what is not asked for does not count.
        seed: Of the bootstrap.
    """
    generator = torch.Generator().manual_seed(seed)
    asked = asked[:, :2]
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
        asked: int64 (N, 2 or more), as in ``judge_colours``.
        seed: Of the bootstrap.
    """
    chroma = chroma_as_stated(images, asked[:, 0])
    coloured = chroma[chroma.isfinite()]
    if not len(coloured):
        return {}
    return {"hue": bootstrap_mean(coloured >= LEAST_CHROMA, torch.Generator().manual_seed(seed))}


def judge_length(reading: Reading, asked: Tensor, seed: int = 0) -> dict[str, Estimate]:
    """The share of N faces whose hair is read as long or short as was asked for, as ``length``; nothing of no length.

    Args:
        reading: Of the faces.
        asked: int64 (N,), as in ``Attributes.indices``.
        seed: Of the bootstrap.
    """
    right = (reading.length == asked)[asked != UNKNOWN]
    return {"length": bootstrap_mean(right, torch.Generator().manual_seed(seed))} if len(right) else {}


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


def judge_attributes(images: Tensor, reading: Reading, asked: Tensor, seed: int) -> dict[str, Estimate]:
    """What the classifier reads and what is measured of N faces, for which int64 (N, 3) ``Attributes.indices`` were
    asked; the other arguments are those of ``judge_colours`` and ``judge_hue``."""
    return (
        judge_colours(reading, asked, seed) | judge_hue(images, asked, seed) | judge_length(reading, asked[:, 2], seed)
    )


def attributes_asked(texts: Sequence[str]) -> Tensor:
    """What texts state, int64 (N, 3) ``Attributes.indices``; the conditioning head reads what is not canonical."""
    stated = {text: Attributes.from_caption(text) for text in texts}
    free = [text for text, attributes in stated.items() if attributes is None]
    indices = {text: attributes.indices for text, attributes in stated.items() if attributes is not None}
    if free:
        indices |= dict(zip(free, map(tuple, read_by_head(free).tolist()), strict=True))
    return torch.tensor([indices[text] for text in texts])


def pairs(asked: Tensor) -> Tensor:
    """One number for each pair of a hair and an eye colour, int64 (N, 2 or more): int64 (N,)."""
    return asked[:, 0] * (1 + len(SLOTS["eyes"])) + asked[:, 1]


def matching_faces(asked: Tensor, attributes: Tensor, generator: torch.Generator) -> Tensor:
    """Random faces with the colours asked for: int64 (N,) positions in ``attributes``, as ``matching`` finds them.

    Args:
        asked: int64 (N, 2 or more): hair and eyes, as in ``Attributes.indices``.
        attributes: int64 (M, 2 or more), likewise.
        generator: The source of randomness.
    """
    return matching(pairs(asked).tolist(), pairs(attributes).tolist(), generator)


@dataclass(frozen=True, eq=False)
class View:
    """N faces as the networks see them.

    Attributes:
        reading: What the classifier reads.
        features: Of every feature space, the classifier's first.
    """

    reading: Reading
    features: Features

    def repeated(self, count: int) -> View:
        """The first face, ``count`` times."""
        rows = torch.zeros(count, dtype=torch.int64)
        return View(self.reading[rows], {name: features[rows] for name, features in self.features.items()})


class FaceEvaluator(Evaluator):
    """Compares sets of N faces with N held-out real faces, in the classifier's features and in other spaces.

    Args:
        asked: int64 (N, 2 or more), the colours that every set is asked for, in the order of its faces.
        heldout: At least N real faces; the first N are compared with.
        training: The faces that the generator was trained on.
        classifier: Reads colours, and gives the first feature space.
        spaces: Other feature spaces by name.
        seed: Of the choice of twins and of all intervals.

    Attributes:
        heldout: The N held-out faces.
        twins: As many training faces with the colours asked for.
        real: The held-out faces, seen.
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
        self.asked, self.classifier, self.spaces = asked, classifier, spaces
        self.heldout = heldout[: len(asked)]
        generator = torch.Generator().manual_seed(seed)
        self.twins = training[matching_faces(asked, training.attributes, generator)]
        images = self.heldout.images[:]
        self.real = self.view(images)
        groups = pairs(self.heldout.attributes)
        super().__init__(self.real.features, pairs(asked), groups, images, training, spaces, seed)

    def view(self, images: Tensor, reading: Reading | None = None) -> View:
        """See uint8 images (N, 3, 64, 64), whose reading may be known."""
        reading = reading or self.classifier.read(images)
        return View(reading, {CLASSIFIER: reading.features, **see(images, self.spaces)})


class FaceMonitor:
    """A quick score for a generator in training, a ``Monitor``: a few seconds for a thousand faces.

    Args:
        heldout: Real faces that the generator is not trained on.
        classifier: Reads the colours; the distance is taken in its features.
        count: Faces to draw; at most as many as are held out, and no fewer than ``MIN_FACES``.
        seed: Of the choice of held-out faces.

    Attributes:
        captions: What to ask for.
        attributes: int64 (n, 3), the same, as in ``Attributes.indices``: that of n held-out faces.
        sources: int64 (n,), the sources of those faces.
    """

    def __init__(self, heldout: FaceDataset, classifier: AttributeClassifier, count: int = 1024, seed: int = 0) -> None:
        chosen = torch.randperm(len(heldout), generator=torch.Generator().manual_seed(seed))[:count]
        if len(chosen) < sets.MIN_FACES:
            raise InputError(
                f"{len(chosen)} held-out faces are too few to score a generator with; give {sets.MIN_FACES}"
            )
        self.attributes, self.sources = heldout.attributes[chosen], heldout.sources[chosen]
        self.captions: Sequence[str] = captions_of(self.attributes)
        self.classifier = classifier
        real = classifier.read(heldout.images[chosen]).features
        self.directions = principal_directions(real, sets.DIRECTIONS)
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


class FaceJudge:
    """A ``gan.tasks.base.Judge`` by hair and eyes.

    Args:
        training: The training faces.
        heldout: Faces that no generator is trained on; a face is drawn for the caption of each.
        classifier_dir: The folder of the classifier.
        seed: Of the noise and of all intervals.
    """

    def __init__(self, training: FaceDataset, heldout: FaceDataset, classifier_dir: Path, seed: int) -> None:
        self.heldout, self.seed = heldout, seed
        classifier = load_classifier(classifier_dir)
        self.monitor = FaceMonitor(heldout, classifier, seed=seed)
        asked = heldout.attributes[:, :2]
        self.evaluator = FaceEvaluator(asked, heldout, training, classifier, other_spaces(), seed)

    def score_model(self, pipeline: TextToImage) -> Scores:
        images = draw(pipeline, captions_of(self.heldout.attributes), self.seed, None, "faces")
        view = self.evaluator.view(images)
        return self._scores(view, view)

    def score_real(self) -> Scores:
        return self._scores(self.evaluator.real, self.evaluator.view(self.evaluator.twins.images[:]))

    def _scores(self, coloured: View, compared: View) -> Scores:
        """The colours as they are read in the first faces, all else of the second."""
        colours = judge_colours(coloured.reading, self.evaluator.asked, self.seed)
        return {"colours": colours, **self.evaluator.compare(compared.features)[0]}
