"""The judge of faces: are hair and eyes as asked?"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from encoder.attributes.vocabulary import SLOTS, Attributes
from encoder.common.errors import InputError
from encoder.language.grammar import Caption
from gan.evaluation.drawing import draw
from gan.evaluation.faces.colours import (
    confusions,
    judge_colours,
    judge_each_colour,
    judge_hue,
    judge_length,
    judge_wording,
    pairs,
)
from gan.evaluation.faces.named_colours import judge_names
from gan.evaluation.faces.per_value_scores import Values, judge_values, worst
from gan.evaluation.judge import Asked, Grouping, Judge, Judged, Stopwatch
from gan.evaluation.metrics import Estimate
from gan.evaluation.registry import Row
from gan.faces.classifier import AttributeClassifier, Reading, accuracies
from gan.faces.dataset import FaceDataset, read_attributes
from gan.faces.localiser import load_localiser
from gan.images import tile
from gan.pipeline import TextToImage

FACES_PER_SUITE, FACES_OF_ONE_WORDING = 500, 20
"""Faces of a suite of wordings, at most, and one for so many faces in all: of few faces, few wordings."""
WORDINGS = (
    "held-out sentence forms, plain colours",
    "colours swapped between hair and eyes",
    "held-out nouns",
    "colour synonyms in held-out forms",
    "typing errors, odd case and punctuation",
)
"""Suites of ``encoder.evaluate_head`` that faces are drawn for."""


class FaceJudge(Judge[Reading]):
    """Judges faces by their hair and eyes.

    Args:
        classifier: Reads them.
        training: The training faces, if real faces are given.
        heldout: Others, likewise.
        seed: Of everything random.
        ceiling: Of real faces, the shares of hair, eyes and both that the classifier reads right, by source.
        cascade: An OpenCV face cascade, for the course's score.
    """

    noun, group, space, main = "face", "colours", "classifier", "both"

    def __init__(
        self,
        classifier: AttributeClassifier,
        training: FaceDataset | None,
        heldout: FaceDataset | None,
        seed: int = 0,
        *,
        ceiling: Mapping[str, Mapping[str, float]] = MappingProxyType({}),
        cascade: Path | None = None,
    ) -> None:
        super().__init__(training, heldout, seed)
        self.attributes = heldout.attributes if heldout is not None else all_pairs()
        self.faces = training
        self.classifier, self.ceiling, self.cascade = classifier, ceiling, cascade

    def read(self, images: Tensor) -> Reading:
        return self.classifier.read(images)

    def asked(self, positions: Tensor, known: Sequence[str] = ()) -> Asked:
        """The attributes of held-out faces, or without those every pair of colours, in canonical wording."""
        rows = positions % len(self.attributes)
        style = None
        if self._heldout is not None and self.heldout.source_names[0] in known:
            style = self.heldout.source_names[0]  # else the model's default
        return faces_asked(self.attributes[rows], rows, style)

    def asked_of(self, texts: Sequence[str]) -> Asked:
        """What texts state; the conditioning head reads those that are not canonical."""
        stated = read_attributes(texts)
        return faces_asked(torch.tensor([stated[text] for text in texts]))

    def scores(self, images: Tensor, reading: Reading, asked: Asked, *, real: bool = False) -> dict[str, Estimate]:
        """The shares of hair colours, eye colours, pairs, hues and lengths that are as asked."""
        return {
            **judge_colours(reading, asked.attributes),
            **judge_hue(images, asked.attributes),
            **judge_length(reading, asked.attributes[:, 2]),
        }

    def quick(self, reading: Reading, asked: Asked) -> dict[str, float]:
        """The shares of hair colours, eye colours and pairs read as asked."""
        return accuracies(reading, asked.attributes)

    def fit(self, reading: Reading, asked: Asked) -> Tensor:
        return reading.probability(asked.attributes)

    def grouping(self, asked: Asked) -> Grouping:
        assert self.faces is not None
        own, real = pairs(asked.attributes), pairs(self.attributes[: len(asked)])
        return Grouping("caption", own.tolist(), pairs(self.faces.attributes).tolist(), own, real)

    def details(self, judged: Judged[Reading], watch: Stopwatch) -> dict[str, Mapping[str, Any]]:
        """Colour by colour, value by value, in other wordings and by name."""
        pipeline, images, asked, reading = judged.pipeline, judged.images, judged.asked.attributes, judged.reading
        localiser, each = load_localiser(), judge_each_colour(reading, asked)
        values: Values = {}
        wordings: dict[str, Row] = {}
        names: dict[str, Row] = {}
        if judged.evaluator is not None and self.faces is not None:
            heldout = self.attributes[: len(judged.evaluator.heldout)]
            values = judge_values(judged, each, heldout, self.faces, localiser, self.seed)
            watch.lap("value by value")
        if pipeline is not None and pipeline.encoder.space.class_sizes:
            style, count = judged.asked.styles[0], len(images)
            known = all_pairs() if self.faces is None else self.faces.attributes
            occurring = {(hair, eyes) for hair, eyes, _ in known.tolist() if hair and eyes}
            a_suite = max(1, min(FACES_PER_SUITE, count // FACES_OF_ONE_WORDING))
            wordings = judge_wordings(pipeline, self.classifier, occurring, self.seed, style, a_suite)
            watch.lap("wordings")
            names = judge_names(pipeline, localiser, count, self.seed, style)
            watch.lap("colours by name")
        fields = {
            "ceiling": self.ceiling,
            "each_colour": each,
            "values": values,
            "confusion": {slot: table.tolist() for slot, table in confusions(reading, asked).items()},
            "wordings": wordings,
            "names": names,
            "face_score": face_score(images, self.cascade) if self.cascade else None,
        }
        rows = {f"{value} {slot}": row for slot, own in values.items() for value, row in own.items()}
        tables = {"drawn from": wordings, "colours by name": names, "one by one": rows}
        return {"details": fields, "tables": tables, "extra": {"worst": worst(values), "slots": SLOTS}}


def captions_of(attributes: Tensor) -> list[str]:
    """The canonical captions of int64 (N, 3) ``Attributes.indices``."""
    return [Attributes.from_indices((hair, eyes, length)).caption for hair, eyes, length in attributes.tolist()]


def faces_asked(attributes: Tensor, rows: Tensor | None = None, style: str | None = None) -> Asked:
    """Faces asked for by int64 (N, 3) ``Attributes.indices``."""
    rows = torch.arange(len(attributes)) if rows is None else rows
    return Asked(captions_of(attributes), rows, [style] * len(rows), attributes)


def judge_wordings(
    pipeline: TextToImage,
    classifier: AttributeClassifier,
    pairs: Collection[tuple[int, int]],
    seed: int,
    style: str | None,
    each: int,
) -> dict[str, Row]:
    """Colours read in faces drawn from wordings that no training saw, and from the canonical ones in their place.

    Args:
        pipeline: Draws.
        classifier: Reads.
        pairs: The hair and eye colours to ask for. A colour between two, which has no canonical wording, is left out.
        seed: Of the first face of both.
        style: The source whose drawing to follow.
        each: Faces a suite, at most.

    Returns:
        What ``judge_wording`` says of each suite, and of all of them.
    """
    from encoder.evaluate_head import SUITES

    suites: dict[str, list[tuple[str, tuple[int, int, int]]]] = {}
    for name in WORDINGS:
        captions = [(caption.text, _stated(caption)) for caption in SUITES[name].captions(4 * each + 20)]
        suites[name] = [(text, stated) for text, stated in captions if stated[:2] in pairs][:each]
    texts, stated = zip(*(caption for captions in suites.values() for caption in captions), strict=True)
    attributes = torch.tensor(stated)
    drawn, canonical = (
        classifier.read(draw(pipeline, wordings, seed, style, what))
        for wordings, what in ((texts, "wordings"), (captions_of(attributes), "canonical wordings"))
    )
    starts = torch.tensor([0, *map(len, suites.values())]).cumsum(0).tolist()
    parts = {name: slice(a, b) for name, (a, b) in zip(suites, pairwise(starts), strict=True)}
    parts |= {"all of these": slice(None)}
    return {
        name: judge_wording(drawn[part], canonical[part], attributes[part, :2], seed) for name, part in parts.items()
    }


def _stated(caption: Caption) -> tuple[int, int, int]:
    """``Attributes.indices`` of what a caption states for sure."""
    sure = {slot: next(iter(shares)) for slot, shares in caption.mixtures.items() if len(shares) == 1}
    return Attributes(**sure).indices


def face_score(images: Tensor, cascade: Path) -> float:
    """The course's own score: faces that an OpenCV cascade finds in 5x5 grids, a grid; 20 of 25 is a pass.

    Args:
        images: uint8 (N, 3, 64, 64); what does not fill a grid is left out, unless there is no full one.
        cascade: The cascade's XML file.

    Raises:
        InputError: OpenCV is not installed, or the file is not a cascade.
    """
    try:
        import cv2

        detector = cv2.CascadeClassifier()
    except (ImportError, AttributeError) as error:  # OpenCV 5 has no cascades
        raise InputError("--cascade needs OpenCV 4: pip install 'opencv-python-headless<5'") from error
    try:
        loaded = cascade.is_file() and detector.load(str(cascade))
    except cv2.error:
        loaded = False
    if not loaded:
        raise InputError(f"{cascade}: is not an OpenCV cascade; give its XML file")
    grids = [grid for grid in images.split(25) if len(grid) == 25] or [images]
    found = 0
    for grid in grids:
        picture = cv2.cvtColor(tile(grid).permute(1, 2, 0).contiguous().numpy(), cv2.COLOR_RGB2GRAY)
        picture = cv2.equalizeHist(picture)
        found += len(detector.detectMultiScale(picture, scaleFactor=1.1, minNeighbors=5, minSize=(24, 24)))
    return found / len(grids)


def all_pairs() -> Tensor:
    """Every pair of a hair and an eye colour: int64 (132, 3)."""
    return torch.cartesian_prod(
        *(torch.arange(1, 1 + len(SLOTS[slot])) for slot in ("hair", "eyes")), torch.tensor([0])
    )
