"""Every objective on the same faces: ``python -m gan.compare --data PATH``.

Each row of ``ROWS`` is trained on as many images by the same loop, and scored as by ``gan.evaluate``. The same command
goes on where it was stopped: rows that are done stay as they are.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from encoder.common.atomic import write_atomically
from encoder.common.errors import InputError
from gan.classifier import CLASSIFIER_DIR, load_classifier
from gan.evaluate import draw, load_real, other_spaces
from gan.evaluation.metrics import Estimate
from gan.evaluation.report import format_estimate
from gan.evaluation.sets import MIN_FACES, Evaluator, Monitor, Scores, View, captions_of, judge_colours
from gan.faces.conditions import PROMPTS
from gan.faces.dataset import FaceDataset
from gan.images import check_folder, save_png, tile
from gan.pipeline import TextToFace
from gan.training.config import RUNTIME_FIELDS, TrainingConfig
from gan.training.loop import NonFiniteError, train
from gan.training.objectives import OBJECTIVES
from gan.training.state import STATE_FILE, load_state

Stages = Sequence[Mapping[str, Any]]
"""What a run sets differently from ``TrainingConfig`` and from its objective's own settings; of two runs with half of
the images each, the second refines the first."""

# The assignment's networks with every objective; the default ones with all but WGAN, whose clipping leaves too little
# of weights that no normalisation scales up again.
BASELINE = {"architecture": "baseline", "z_dim": 100}
UNNORMED = {**BASELINE, "discriminator": {"norm": False}}  # penalties per image forbid batch normalisation
RESIDUAL = {"architecture": "residual"}

ROWS: dict[str, Stages] = {
    "baseline-gan-cls": [{**BASELINE, "objective": "gan-cls"}],
    "baseline-acgan": [{**BASELINE, "objective": "acgan"}],
    "baseline-wgan": [{**BASELINE, "objective": "wgan"}],
    "baseline-wgan-gp": [{**UNNORMED, "objective": "wgan-gp"}],
    "baseline-r3gan": [{**UNNORMED, "objective": "r3gan"}],
    "stackgan": [
        {"architecture": "stackgan1", "z_dim": 100, "objective": "gan-cls"},
        {"architecture": "stackgan2", "z_dim": 100, "objective": "gan-cls"},
    ],
    "residual-gan-cls": [{**RESIDUAL, "objective": "gan-cls"}],
    "residual-acgan": [{**RESIDUAL, "objective": "acgan"}],
    "residual-wgan-gp": [{**RESIDUAL, "objective": "wgan-gp"}],
    "residual-r3gan": [{**RESIDUAL, "objective": "r3gan"}],
}
"""What is compared."""

REAL = "real faces"
RESULT_FILE, PICTURE_FILE = "result.json", "faces.png"
SCORES_A_RUN = 4
FIGURE_SEEDS = 2
COLUMNS = {"hair": "hair", "eyes": "eyes", "both": "both", "frechet": "Fréchet distance", "diversity": "diversity"}
"""The metrics of the table, and what they are called there."""


class Stopped(Exception):  # noqa: N818 (nothing is wrong)
    """A signal ended the training of a row; its state is saved."""


@dataclass(frozen=True)
class Result:
    """A row that is done.

    Attributes:
        settings: All that it depends on.
        images: Shown to the discriminator.
        minutes: Wall time of training, with its sample grids and quick scores.
        scores: Of the trained generator, or of real faces.
        course: Quick scores on the way, each with its ``images`` and ``minutes``.
        failure: Why training broke down, in which case there are no scores.
    """

    settings: dict[str, Any]
    images: int = 0
    minutes: float = 0.0
    scores: Scores = dataclasses.field(default_factory=dict)
    course: list[dict[str, float]] = dataclasses.field(default_factory=list)
    failure: str = ""

    def write(self, path: Path) -> None:
        """Write the result as JSON."""
        text = json.dumps(dataclasses.asdict(self), indent=2) + "\n"
        write_atomically(path, lambda temporary: temporary.write_text(text, "utf-8"))

    @classmethod
    def read(cls, path: Path, settings: Mapping[str, Any]) -> Result | None:
        """The result in a file, if there is one; ``InputError`` where it is damaged or of other settings."""
        if not path.exists():
            return None
        try:
            raw = json.loads(path.read_text("utf-8"))
            scores = {
                group: {metric: Estimate(**estimate) for metric, estimate in estimates.items()}
                for group, estimates in raw["scores"].items()
            }
            result = cls(**raw | {"scores": scores})
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError(f"{path}: is not the result of a row ({error}); remove it") from error
        changed = [name for name, value in settings.items() if result.settings.get(name) != value]
        if changed:
            raise InputError(
                f"{path}: is the result of other settings ({', '.join(changed)}); keep them or give another --out"
            )
        return result


class Judge:
    """Scores generators against held-out faces, and shows what they draw.

    Args:
        training: The training faces.
        heldout: Faces that no generator is trained on; a face is drawn for the caption of each.
        classifier_dir: The folder of the classifier.
        device: Where generators run.
        seed: Of the noise and of all intervals.
    """

    def __init__(
        self, training: FaceDataset, heldout: FaceDataset, classifier_dir: Path, device: str, seed: int
    ) -> None:
        self.heldout, self.device, self.seed = heldout, device, seed
        classifier = load_classifier(classifier_dir)
        self.monitor = Monitor(heldout, classifier, seed=seed)
        self.evaluator = Evaluator(heldout.attributes[:, :2], heldout, training, classifier, other_spaces(), seed)

    def score_model(self, model_dir: Path, picture: Path) -> Scores:
        """Score a released generator, and write what it draws for the captions of the sample grids."""
        pipeline = TextToFace.from_pretrained(model_dir, dtype=torch.float32, device=self.device)
        captions = list(PROMPTS)
        seeds = [seed for seed in range(FIGURE_SEEDS) for _ in captions]
        save_png(picture, tile(pipeline.draw(captions * FIGURE_SEEDS, seeds), len(captions)), {})
        images = draw(pipeline, captions_of(self.heldout.attributes), self.seed, None, "faces")
        view = self.evaluator.view(images)
        return self.score(view, view)

    def score_real(self) -> Scores:
        """What real faces get: the held-out ones for their colours, as many training faces for all else."""
        return self.score(self.evaluator.real, self.evaluator.view(self.evaluator.twins.images))

    def score(self, coloured: View, compared: View) -> Scores:
        """The colours as they are read in the first faces, all else of the second."""
        colours = judge_colours(coloured.reading, self.evaluator.asked, self.seed)
        return {"colours": colours, **self.evaluator.compare(compared).scores}


def configs_of(stages: Stages, folder: Path, args: argparse.Namespace) -> dict[Path, TrainingConfig]:
    """The runs of a row by folder, in order; the last one is scored on its way."""
    images = max(1, args.images // len(stages))
    often = max(1, images // SCORES_A_RUN)
    common = {
        "data": (args.data,),
        "seed": args.seed,
        "batch_size": args.batch_size,
        "device": args.device,
        "threads": args.threads,
        "max_images": images,
        "snapshot_images": images,
    }
    runs: dict[Path, TrainingConfig] = {}
    stage1 = ""
    for number, settings in enumerate(stages, start=1):
        run_dir = folder / (f"stage{number}" if len(stages) > 1 else "run")
        scored = {"evaluate_images": often if number == len(stages) else 0}
        own = OBJECTIVES[settings["objective"]].settings
        runs[run_dir] = TrainingConfig(**{**common, **own, **settings, **scored, "stage1": stage1})
        stage1 = str(run_dir / "snapshot")
    return runs


def identity(config: TrainingConfig) -> dict[str, Any]:
    """The settings that the outcome of a run depends on."""
    places = {*RUNTIME_FIELDS, "stage1"} - {"max_images"}
    return {name: value for name, value in json.loads(config.to_json()).items() if name not in places}


def progress_of(run_dir: Path) -> tuple[int, float]:
    """Images and minutes of a run so far."""
    if not (run_dir / STATE_FILE).exists():
        return 0, 0.0
    state = load_state(run_dir)
    return state["cur_nimg"], state["minutes"]


def train_row(runs: Mapping[Path, TrainingConfig], faces: FaceDataset, monitor: Monitor) -> None:
    """Train the runs of a row, or go on with them.

    Raises:
        NonFiniteError: One of them broke down.
        Stopped: By a signal.
    """
    for run_dir, config in runs.items():
        if progress_of(run_dir)[0] < config.max_images:
            resume = (run_dir / STATE_FILE).exists()
            train(config, faces, run_dir, monitor=monitor if config.evaluate_images else None, resume=resume)
        if progress_of(run_dir)[0] < config.max_images:
            raise Stopped


def course_of(run_dir: Path) -> list[dict[str, float]]:
    """The quick scores on the way of a run, each with the ``minutes`` at which it was taken."""
    lines = [json.loads(line) for line in (run_dir / "stats.jsonl").read_text("utf-8").splitlines()]
    ticks = {0: 0.0} | {line["images"]: line["minutes"] for line in lines if "minutes" in line}
    scores = {line["images"]: line for line in lines if "score" in line}  # a resume may have repeated some
    images = sorted(ticks)
    minutes = np.interp(sorted(scores), images, [ticks[n] for n in images])
    return [{**scores[n], "minutes": float(at)} for n, at in zip(sorted(scores), minutes, strict=True)]


def compare(args: argparse.Namespace, rows: Mapping[str, Stages]) -> dict[str, Result]:
    """Train and score what is not done; the results by row, real faces first."""
    training, heldout = load_real(args.data, args.seed)
    heldout = heldout[: args.faces]
    if len(heldout) < MIN_FACES:
        raise InputError(f"{len(heldout)} held-out faces are too few to compare with; there must be {MIN_FACES}")
    judge = functools.cache(lambda: Judge(training, heldout, args.classifier, args.device, args.seed))
    common: dict[str, Any] = {"seed": args.seed, "training faces": len(training), "scored faces": len(heldout)}

    place = args.out / "real-faces" / RESULT_FILE
    real = Result.read(place, common)
    if real is None:
        real = Result(common, scores=judge().score_real())
        real.write(place)
    results = {REAL: real}
    for name, stages in rows.items():
        runs = configs_of(stages, args.out / name, args)
        settings = common | {path.name: identity(config) for path, config in runs.items()}
        place = args.out / name / RESULT_FILE
        result = Result.read(place, settings)
        if result is None:
            print(f"== {name}", flush=True)
            result = train_and_score(runs, settings, training, judge())
            result.write(place)
        results[name] = result
        write_comparison(results, args.out)
    return results


def train_and_score(
    runs: Mapping[Path, TrainingConfig], settings: dict[str, Any], faces: FaceDataset, judge: Judge
) -> Result:
    """The result of a row, whose picture is written too."""
    failure = ""
    try:
        train_row(runs, faces, judge.monitor)
    except NonFiniteError as error:
        failure = str(error)
    seen, minutes = zip(*map(progress_of, runs), strict=True)
    result = Result(settings, sum(seen), sum(minutes), failure=failure)
    if failure:
        return result
    *_, last = runs
    course = [{**point, "minutes": point["minutes"] + sum(minutes[:-1])} for point in course_of(last)]
    scores = judge.score_model(last / "snapshot", last.parent / PICTURE_FILE)
    return dataclasses.replace(result, scores=scores, course=course)


def write_comparison(results: Mapping[str, Result], out: Path) -> None:
    """Write ``comparison.md``, ``comparison.json`` and ``comparison.png`` of the rows that are done."""
    plain = {name: dataclasses.asdict(result) for name, result in results.items()}
    texts = {"comparison.md": table(results), "comparison.json": json.dumps(plain, indent=2) + "\n"}
    for name, text in texts.items():
        write_atomically(out / name, lambda path, text=text: path.write_text(text, "utf-8"))  # type: ignore[misc]
    pictures = {name: out / name / PICTURE_FILE for name, result in results.items() if result.course}
    if pictures:
        save_png(out / "comparison.png", figure(pictures), {})


def table(results: Mapping[str, Result]) -> str:
    """The scores as a Markdown table, distances in the last feature space; quick ones at equal wall time; failures."""
    colours, *spaces = results[REAL].scores.items()
    columns = [(group, metric) for group, scores in (colours, *spaces[-1:]) for metric in COLUMNS if metric in scores]
    shortest = min((result.minutes for result in results.values() if result.course), default=0.0)
    header = ["", "images", "minutes", "images/s"]
    header += [COLUMNS[metric] + ("" if group == "colours" else f", {group}") for group, metric in columns]
    header += [f"both after {shortest:.3g} min", "Fréchet distance then"]
    lines = [header, ["---"] * len(header)]
    for name, result in results.items():
        cells = [name] + ["–"] * 3
        if result.minutes:
            speed = result.images / result.minutes / 60
            cells = [name, f"{result.images:,}", f"{result.minutes:.1f}", f"{speed:.0f}"]
        cells += [format_estimate(metric, result.scores.get(group, {}).get(metric)) for group, metric in columns]
        if result.course:
            nearest = min(result.course, key=lambda point: abs(point["minutes"] - shortest))
            cells += [f"{100 * nearest['both']:.1f} % ({nearest['minutes']:.3g} min)", f"{nearest['frechet']:.3g}"]
        else:
            cells += ["–"] * 2
        lines.append(cells)
    notes = [
        f"Scores are of {results[REAL].settings['scored faces']:,} faces, drawn for the captions of as many held-out "
        "ones after all images, with 95 % confidence intervals; what real faces get is the ceiling of the colours and "
        "the floor of the distances. Images are counted as the discriminator sees them: with five critic steps, the "
        "generator takes a fifth of the steps. The last two columns are the quick scores of training (distances in the "
        "classifier's features) that were taken nearest to the wall time of the shortest row."
    ]
    notes += [f"{name} broke down: {result.failure}." for name, result in results.items() if result.failure]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n\n" + "\n\n".join(notes) + "\n"


def figure(pictures: Mapping[str, Path]) -> Tensor:
    """What each row draws, one below the other under the captions, named at the left: uint8 (3, H, W)."""
    font = ImageFont.load_default(10)
    grids = {name: Image.open(path).convert("RGB") for name, path in pictures.items()}
    left, top, gap = 120, 34, 6
    width, height = max(grid.width for grid in grids.values()), sum(grid.height + gap for grid in grids.values())
    page = Image.new("RGB", (left + width, top + height), "white")
    pen = ImageDraw.Draw(page)
    for column, attributes in enumerate(PROMPTS):
        x = left + column * width // len(PROMPTS) + 2
        pen.text((x, 2), f"{attributes.hair} hair\n{attributes.eyes} eyes", "black", font)
    for name, grid in grids.items():
        pen.text((4, top + grid.height // 2 - 6), name, "black", font)
        page.paste(grid, (left, top))
        top += grid.height + gap
    return torch.from_numpy(np.asarray(page).copy()).permute(2, 0, 1)


def parse(argv: Sequence[str] | None, rows: Mapping[str, Stages]) -> argparse.Namespace:
    """The command line, checked."""
    parser = argparse.ArgumentParser(prog="python -m gan.compare", description="Train and score every objective alike.")
    parser.add_argument("--data", required=True, metavar="PATH", help="faces of one source")
    parser.add_argument("--images", type=int, default=100_000, metavar="N", help="images of a row (default 100,000)")
    parser.add_argument("--batch-size", type=int, default=TrainingConfig.batch_size, metavar="N", help="of every row")
    parser.add_argument(
        "--rows", nargs="+", choices=tuple(rows), default=tuple(rows), metavar="ROW", help=f"among {', '.join(rows)}"
    )
    parser.add_argument("--faces", type=int, default=2000, metavar="N", help="faces to score by (default 2,000)")
    parser.add_argument("--out", type=Path, default=Path("runs/compare"), metavar="DIR", help="default runs/compare")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0 leaves PyTorch's choice")
    parser.add_argument("--classifier", type=Path, default=CLASSIFIER_DIR, metavar="DIR")
    args = parser.parse_args(argv)
    if args.images < 1 or args.faces < 1:
        parser.error("--images and --faces must be at least 1")
    if args.seed < 0:
        parser.error("--seed must not be negative")
    check_folder(args.out)
    return args


def main(argv: Sequence[str] | None = None, rows: Mapping[str, Stages] = ROWS) -> int:
    """``python -m gan.compare``. Returns the exit status: 0, 2 for bad input, 130 where it was stopped."""
    try:
        args = parse(argv, rows)
        results = compare(args, {name: rows[name] for name in args.rows})
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except Stopped:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 130
    print(table(results), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
