"""The evaluation of faces: are hair and eyes as asked, and are sets of faces like real ones."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor

from encoder.attributes.vocabulary import SLOTS, Attributes
from encoder.common.errors import InputError
from encoder.language.grammar import Caption
from gan.evaluation.drawing import draw, untrained
from gan.evaluation.features import other_spaces
from gan.evaluation.metrics import Estimate
from gan.evaluation.pictures import BLUR, Pictures, blurred
from gan.evaluation.registry import Scores
from gan.evaluation.report import Sheet
from gan.evaluation.sets import MIN_FACES
from gan.evaluation.stopwatch import Stopwatch
from gan.faces.classifier import AttributeClassifier, Reading, load_classifier, read_config
from gan.faces.dataset import FaceDataset
from gan.faces.judging import (
    FaceEvaluator,
    View,
    attributes_asked,
    captions_of,
    confusions,
    judge_attributes,
    judge_each_colour,
    judge_wording,
)
from gan.faces.localiser import load_localiser
from gan.faces.names import judge_names
from gan.faces.report import SUBJECT, FaceResults
from gan.faces.values import judge_values
from gan.images import tile
from gan.pipeline import TextToImage

SHEET = 24  # faces of a picture in the report
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


def evaluate_faces(
    pipeline: TextToImage | None,
    pictures: Pictures | None,
    training: FaceDataset | None,
    heldout: FaceDataset | None,
    *,
    count: int,
    seed: int,
    classifier_dir: Path,
    cascade: Path | None,
    watch: Stopwatch,
) -> FaceResults:
    """Judge what a model draws, or given pictures, by their colours and beside real faces.

    Args:
        pipeline: The model, or ``None``.
        pictures: Given ones, where there is no model.
        training: Real faces that the model was trained on, if real faces are given.
        heldout: Others, in a random order.
        count: Faces to draw.
        seed: Of everything random.
        classifier_dir: The folder of the classifier.
        cascade: An OpenCV face cascade, for the course's score.
        watch: Times the parts.
    """
    classifier, localiser = load_classifier(classifier_dir), load_localiser()
    accuracy = read_config(classifier_dir).accuracy
    ceiling = {name: views["as they are"] for name, views in accuracy.items() if "as they are" in views}
    watch.lap("loading the models")
    style = None
    if pipeline is not None:
        name = pipeline.name
        asked, style = faces_asked(pipeline, heldout, count)
        images = draw(pipeline, captions_of(asked), seed, style, "faces")
    else:
        assert pictures is not None
        name, images, asked = pictures.name, pictures.images, attributes_asked(pictures.texts)
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
        images, asked = images[order], asked[order]  # the first ones will stand for all
    watch.lap("drawing")

    reading = classifier.read(images)
    each = judge_each_colour(reading, asked, seed)
    watch.lap("reading colours")
    n = min(len(images), len(heldout)) if heldout is not None else 0
    if training is not None and heldout is not None and n >= MIN_FACES:
        blank = untrained(pipeline, seed) if pipeline else None
        blank_images = draw(blank, captions_of(asked[:n]), seed, style, "untrained") if blank else None
        watch.lap("drawing")
        evaluator = FaceEvaluator(asked[:n], heldout, training, classifier, other_spaces(), seed)
        view = evaluator.view(images[:n], reading[:n])
        sets, sheets = judge_sets(images, asked, reading, view, evaluator, blank_images)
        watch.lap("comparing sets")
        values = judge_values(images, asked, each, view, evaluator, training, localiser)
        watch.lap("value by value")
    else:
        n, values = 0, {}
        sets, sheets = {SUBJECT: {"colours": judge_attributes(images, reading, asked, seed)}}, []

    wordings, names = {}, {}
    if pipeline is not None and pipeline.encoder.space.class_sizes:
        occurring = training.attributes if training is not None else all_pairs()
        pairs = {(hair, eyes) for hair, eyes, _ in occurring.tolist() if hair and eyes}
        a_suite = max(1, min(FACES_PER_SUITE, count // FACES_OF_ONE_WORDING))
        wordings = judge_wordings(pipeline, classifier, pairs, seed, style, a_suite)
        watch.lap("wordings")
        names = judge_names(pipeline, localiser, count, seed, style)
        watch.lap("colours by name")
    return FaceResults(
        subject=name,
        source=heldout.source_names[0] if heldout is not None else None,
        compared=n,
        seed=seed,
        sets=sets,
        sheets=sheets,
        faces=len(images),
        ceiling=ceiling,
        each_colour=each,
        confusion={slot: table.tolist() for slot, table in confusions(reading, asked).items()},
        values=values,
        wordings=wordings,
        names=names,
        face_score=face_score(images, cascade) if cascade else None,
    )


def faces_asked(pipeline: TextToImage, heldout: FaceDataset | None, count: int) -> tuple[Tensor, str | None]:
    """What faces are drawn for: attributes int64 (``count``, 3), of held-out ones or all pairs; and the style."""
    attributes, style = all_pairs(), None
    if heldout is not None:
        attributes = heldout.attributes
        if heldout.source_names[0] in pipeline.config.sources:
            style = heldout.source_names[0]  # else the model's default
    return attributes[torch.arange(count) % len(attributes)], style


def judge_wordings(
    pipeline: TextToImage,
    classifier: AttributeClassifier,
    pairs: set[tuple[int, int]],
    seed: int,
    style: str | None,
    each: int,
) -> dict[str, dict[str, Estimate]]:
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


def judge_sets(
    images: Tensor,
    asked: Tensor,
    reading: Reading,
    view: View,
    evaluator: FaceEvaluator,
    untrained_images: Tensor | None,
) -> tuple[dict[str, Scores], list[Sheet]]:
    """What the faces, real faces and the controls get, and the pictures of the best and worst faces.

    Args:
        images: uint8 (M, 3, 64, 64), M at least N, the evaluator's number of faces.
        asked: int64 (M, 3), what was asked for.
        reading: Of the faces.
        view: Of the first N.
        evaluator: Compares them.
        untrained_images: uint8 (N, 3, 64, 64), if there is an untrained generator.
    """
    seed, n = evaluator.seed, len(evaluator.asked)
    heldout, twins = evaluator.heldout, evaluator.twins
    known, real_images = heldout.attributes, heldout.images[:]

    def drawn(view: View, faces: Tensor) -> Scores:
        """Of N faces, or one that stands for N, drawn for the colours asked for; and of their closeness to training."""
        return {
            "colours": judge_attributes(faces.expand(n, -1, -1, -1), view.reading, asked[:n], seed),
            **evaluator.compare(view.features)[0],
            "training set": evaluator.memorisation(evaluator.closeness(faces)[0]),
        }

    scores, realism = evaluator.compare(view.features)
    closeness, nearest = evaluator.closeness(images[:n])
    sets = {
        SUBJECT: {
            "colours": judge_attributes(images, reading, asked, seed),
            **scores,
            "training set": evaluator.memorisation(closeness),
        },
        # Colours and closeness of held-out faces; distances of as many training faces from them.
        "real faces": {
            "colours": judge_attributes(real_images, evaluator.real.reading, known, seed),
            **evaluator.compare(evaluator.view(twins.images[:]).features)[0],
            "training set": evaluator.memorisation(evaluator.heldout_closeness),
        },
    }
    if untrained_images is not None:
        sets["untrained generator"] = drawn(evaluator.view(untrained_images), untrained_images)
    permuted = asked[torch.randperm(len(asked), generator=torch.Generator().manual_seed(seed))]
    blurred_heldout = blurred(real_images)
    sets |= {
        "captions permuted": {"colours": judge_attributes(images, reading, permuted, seed)},
        "one face repeated": drawn(evaluator.view(images[:1]).repeated(n), images[:1]),
        f"real faces, blurred by {BLUR} px": {
            "colours": judge_attributes(blurred_heldout, evaluator.classifier.read(blurred_heldout), known, seed),
            **evaluator.compare(evaluator.view(blurred(twins.images[:])).features)[0],
            "training set": evaluator.memorisation(evaluator.closeness(blurred_heldout)[0]),
        },
    }

    sureness = reading.probability(asked)[:n]
    captions = captions_of(asked[:n])
    copies = closeness.argsort()[: SHEET // 2]
    pairs = torch.stack([images[copies], nearest[copies]], 1).flatten(0, 1)
    labels = [label for i in copies.tolist() for label in (f"{closeness[i]:.2f}", "training face")]

    def sheet(title: str, order: Tensor) -> Sheet:
        return Sheet(title, images[order[:SHEET]], [captions[i] for i in order[:SHEET].tolist()])

    return sets, [
        sheet("Any faces", torch.arange(n)),
        sheet("Colours as asked, most surely", sureness.argsort(descending=True, stable=True)),
        sheet("Colours not as asked, or least surely", sureness.argsort(stable=True)),
        sheet("Most like real faces", realism.argsort(descending=True, stable=True)),
        sheet("Least like real faces", realism.argsort(stable=True)),
        Sheet("Closest to the training set, each beside its nearest training face", pairs, labels),
    ]


def all_pairs() -> Tensor:
    """Every pair of a hair and an eye colour: int64 (132, 3)."""
    return torch.cartesian_prod(
        *(torch.arange(1, 1 + len(SLOTS[slot])) for slot in ("hair", "eyes")), torch.tensor([0])
    )
