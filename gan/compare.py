"""Every objective on the same faces: ``python -m gan.compare --data PATH``.

Each row of ``ROWS`` is trained on as many images by the same loop, and scored as by ``gan.evaluate``. The same command
goes on where it was stopped: rows that are done stay as they are.
"""

from __future__ import annotations

if __name__ == "__main__":  # before PyTorch, whose import takes seconds
    from encoder.common.command import start

    start()

import argparse
import dataclasses
import functools
import json
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from encoder.common import arguments
from encoder.common.atomic import write_atomically
from encoder.common.command import command, status_of
from encoder.common.device import DEVICE_HELP, check_device
from encoder.common.errors import InputError
from encoder.common.folders import OutputFolder
from encoder.common.options import add_settings, from_args, setting
from encoder.common.records import Within, read_json, write_json
from gan.data.dataset import ImageDataset
from gan.data.settings import DataSettings
from gan.evaluate import MAX_FACES, load_real
from gan.evaluation.judge import Judge
from gan.evaluation.metrics import Estimate
from gan.evaluation.registry import METRICS, Scores, where
from gan.evaluation.sets import MIN_FACES
from gan.faces.classifier import CLASSIFIER_DIR
from gan.images import save_png, tile
from gan.pipeline import TextToImage
from gan.release import ENCODER_FOLDER
from gan.tasks import task_of
from gan.tasks.base import Task
from gan.training.conditioning import fit_text_encoder
from gan.training.config import RUNTIME_FIELDS, BatchSize, Images, Seed, Threads, TrainingConfig
from gan.training.log import STATS_FILE, read_stats
from gan.training.loop import NonFiniteError, train
from gan.training.objectives import OBJECTIVES
from gan.training.run import Run, progress
from gan.training.sample_grids import Monitor

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

RESULT_FILE, PICTURE_FILE = "result.json", "faces.png"
SCORES_A_RUN = 4
FIGURE_SEEDS = 2
QUICK = {"both": "both", "r_precision": "R-precision"}
"""The quick scores at equal wall time, and what they are called: of faces, and of captioned images."""


@dataclass(frozen=True)
class ComparisonSettings(DataSettings):
    """The options of a comparison."""

    images: Images = setting(100_000, "images of a row (default 100,000)")
    batch_size: BatchSize = setting(TrainingConfig.batch_size, f"of every row (default {TrainingConfig.batch_size})")
    rows: tuple[str, ...] = setting((), f"among {', '.join(ROWS)}", metavar="ROW")
    faces: Annotated[int, Within(1, MAX_FACES)] = setting(2000, "images to score by (default 2,000)")
    out: Path = setting(Path("runs/compare"), "default runs/compare", metavar="DIR", parse=arguments.output_folder)
    seed: Seed = setting(0, "default 0")
    device: str = setting("cpu", DEVICE_HELP, metavar="DEVICE")
    threads: Threads = setting(0, "CPU threads; 0 leaves PyTorch's choice")
    classifier: Path = setting(
        CLASSIFIER_DIR,
        "of the attributes of faces (default: the shipped one)",
        metavar="DIR",
        parse=arguments.existing_folder,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_device(self.device)


class Stopped(Exception):  # noqa: N818 (nothing is wrong)
    """A signal ended the training of a row; its state is saved.

    Attributes:
        number: That of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


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
        write_json(path, dataclasses.asdict(self))

    @classmethod
    def read(cls, path: Path, settings: Mapping[str, Any]) -> Result | None:
        """The result in a file, if there is one; ``InputError`` where it is damaged or of other settings."""
        if not path.exists():
            return None
        raw = read_json(path, finite=False)  # scores may be no numbers
        try:
            scores = {
                group: {metric: Estimate(**estimate) for metric, estimate in estimates.items()}
                for group, estimates in raw["scores"].items()
            }
            result = cls(**raw | {"scores": scores})
        except (TypeError, KeyError, AttributeError) as error:
            raise InputError(f"{path}: is not the result of a row ({error}); remove it") from error
        changed = [name for name, value in settings.items() if result.settings.get(name) != value]
        if changed:
            raise InputError(
                f"{path}: is the result of other settings ({', '.join(changed)}); keep them or give another --out"
            )
        return result


def suitable(rows: Mapping[str, Stages], task: Task, training: ImageDataset) -> dict[str, Stages]:
    """The rows that can be trained on these images: all, but for those that classify where there are no classes."""
    if task.has_classes(training):
        return dict(rows)
    chosen = {
        name: stages
        for name, stages in rows.items()
        if not any(OBJECTIVES[stage["objective"]].classifies for stage in stages)
    }
    if len(chosen) < len(rows):
        left_out = ", ".join(name for name in rows if name not in chosen)
        print(f"note: {left_out}: left out, for the data name no classes", file=sys.stderr)
    return chosen


def draw_picture(pipeline: TextToImage, prompts: Sequence[str], path: Path) -> None:
    """Write what a generator draws for each prompt, a column each."""
    seeds = [seed for seed in range(FIGURE_SEEDS) for _ in prompts]
    save_png(path, tile(pipeline.draw(list(prompts) * FIGURE_SEEDS, seeds), len(prompts)), {})


def configs_of(
    stages: Stages, folder: Path, args: ComparisonSettings, conditioning: str = "attributes"
) -> dict[Path, TrainingConfig]:
    """The runs of a row by folder, in order, on a condition of one kind; the last one is scored on its way."""
    images = max(1, args.images // len(stages))
    often = max(1, images // SCORES_A_RUN)
    common = {
        **{field.name: getattr(args, field.name) for field in dataclasses.fields(DataSettings)},
        "conditioning": conditioning,
        "init": "none",
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
        config = TrainingConfig(**{**common, **own, **settings, **scored, "stage1": stage1})
        runs[run_dir] = task_of(conditioning).settle(config)
        stage1 = str(run_dir / "snapshot")
    return runs


def identity(config: TrainingConfig) -> dict[str, Any]:
    """The settings that the outcome of a run depends on."""
    places = {*RUNTIME_FIELDS, "stage1", "encoder_path"} - {"max_images"}
    return {name: value for name, value in json.loads(config.to_json()).items() if name not in places}


def train_row(
    runs: Mapping[Path, TrainingConfig], task: Task, data: ImageDataset, monitor: Monitor, prompts: Sequence[str]
) -> None:
    """Train the runs of a row, or go on with them.

    Raises:
        NonFiniteError: One of them broke down.
        Stopped: By a signal.
    """
    for run_dir, config in runs.items():
        with Run.open(run_dir, config, resume="auto") as run:
            if run.cur_nimg >= config.max_images:
                continue
            texts = task.conditioner(run, data, prompts=prompts)
            outcome = train(run, *texts, monitor=monitor if config.evaluate_images else None)
            if outcome.signal:
                raise Stopped(outcome.signal)


def course_of(run_dir: Path) -> list[dict[str, float]]:
    """The quick scores on the way of a run, each with the ``minutes`` at which it was taken."""
    lines = read_stats(run_dir / STATS_FILE)
    ticks = {0: 0.0} | {line["images"]: line["minutes"] for line in lines if "minutes" in line}
    scores = {line["images"]: line for line in lines if "score" in line}  # a resume may have repeated some
    images = sorted(ticks)
    minutes = np.interp(sorted(scores), images, [ticks[n] for n in images])
    return [{**scores[n], "minutes": float(at)} for n, at in zip(sorted(scores), minutes, strict=True)]


def compare(args: ComparisonSettings, rows: Mapping[str, Stages]) -> dict[str, Result]:
    """Train and score what is not done; the results by row, real faces first."""
    task, training, heldout = load_real(args, args.seed)
    heldout, noun = heldout[: args.faces], f"{task.noun}s"
    if len(heldout) < MIN_FACES:
        raise InputError(f"{len(heldout)} held-out {noun} are too few to compare with; there must be {MIN_FACES}")
    judge = functools.cache(lambda: task.judge(training, heldout, args.seed, classifier_dir=args.classifier))
    prompts = task.prompts(heldout)
    common: dict[str, Any] = {"seed": args.seed, f"training {noun}": len(training), f"scored {noun}": len(heldout)}

    place = args.out / f"real-{noun}" / RESULT_FILE
    real = Result.read(place, common)
    if real is None:
        real = Result(common, scores=judge().score_real())
        real.write(place)
    results = {f"real {noun}": real}
    for name, stages in suitable(rows, task, training).items():
        runs = configs_of(stages, args.out / name, args, task.default)
        settings = common | {path.name: identity(config) for path, config in runs.items()}
        place = args.out / name / RESULT_FILE
        result = Result.read(place, settings)
        if result is None:
            print(f"== {name}", flush=True)
            for path, config in runs.items():
                if config.conditioning == "aligned":
                    encoder = str(fit_text_encoder(training, args.out / ENCODER_FOLDER, seed=args.seed))
                    runs[path] = dataclasses.replace(config, encoder_path=encoder)
            result = train_and_score(runs, settings, task, training, judge(), prompts, args.device)
            result.write(place)
        results[name] = result
        write_comparison(results, args.out, prompts)
    return results


def train_and_score(
    runs: Mapping[Path, TrainingConfig],
    settings: dict[str, Any],
    task: Task,
    data: ImageDataset,
    judge: Judge,
    prompts: Sequence[str],
    device: str,
) -> Result:
    """The result of a row, whose picture is written too."""
    failure = ""
    try:
        train_row(runs, task, data, judge.monitor, prompts)
    except NonFiniteError as error:
        failure = str(error)
    seen, minutes = zip(*map(progress, runs), strict=True)
    result = Result(settings, sum(seen), sum(minutes), failure=failure)
    if failure:
        return result
    *_, last = runs
    course = [{**point, "minutes": point["minutes"] + sum(minutes[:-1])} for point in course_of(last)]
    pipeline = TextToImage.from_pretrained(last / "snapshot", dtype=torch.float32, device=device)
    draw_picture(pipeline, prompts, last.parent / PICTURE_FILE)
    return dataclasses.replace(result, scores=judge.score_model(pipeline), course=course)


def write_comparison(results: Mapping[str, Result], out: Path, prompts: Sequence[str]) -> None:
    """Write ``comparison.md``, ``comparison.json`` and ``comparison.png`` of the rows that are done."""
    plain = {name: dataclasses.asdict(result) for name, result in results.items()}
    texts = {"comparison.md": table(results), "comparison.json": json.dumps(plain, indent=2) + "\n"}
    for name, text in texts.items():
        write_atomically(out / name, lambda path, text=text: path.write_text(text, "utf-8"))  # type: ignore[misc]
    pictures = {name: out / name / PICTURE_FILE for name, result in results.items() if result.course}
    if pictures:
        save_png(out / "comparison.png", figure(pictures, prompts), {})


def table(results: Mapping[str, Result]) -> str:
    """The scores as a Markdown table, distances in the last feature space; quick ones at equal wall time; failures."""
    real, *_ = results.values()
    shown, *spaces = real.scores.items()
    columns = [
        (group, METRICS[metric])
        for group, scores in (shown, *spaces[-1:])
        for metric in METRICS
        if metric in scores and METRICS[metric].column
    ]
    quick = next(metric for metric in QUICK if metric in shown[1])
    shortest = min((result.minutes for result in results.values() if result.course), default=0.0)
    header = ["", "images", "minutes", "images/s"]
    header += [metric.column + where(group) for group, metric in columns]
    header += [f"{QUICK[quick]} after {shortest:.3g} min", "Fréchet distance then"]
    lines = [header, ["---"] * len(header)]
    for name, result in results.items():
        cells = [name] + ["–"] * 3
        if result.minutes:
            speed = result.images / result.minutes / 60
            cells = [name, f"{result.images:,}", f"{result.minutes:.1f}", f"{speed:.0f}"]
        cells += [metric.format(result.scores.get(group, {}).get(metric.name)) for group, metric in columns]
        if result.course:
            nearest = min(result.course, key=lambda point: abs(point["minutes"] - shortest))
            cells += [f"{100 * nearest[quick]:.1f} % ({nearest['minutes']:.3g} min)", f"{nearest['frechet']:.3g}"]
        else:
            cells += ["–"] * 2
        lines.append(cells)
    noun, judge = ("faces", "classifier") if shown[0] == "colours" else ("images", "matcher")
    notes = [
        f"Scores are of {real.settings[f'scored {noun}']:,} {noun}, drawn for the captions of as many held-out "
        f"ones after all images, with 95 % confidence intervals; what real {noun} get is the ceiling of the {shown[0]} "
        "and the floor of the distances. Images are counted as the discriminator sees them: with five critic steps, "
        "the generator takes a fifth of the steps. The last two columns are the quick scores of training (distances in "
        f"the {judge}'s features) that were taken nearest to the wall time of the shortest row."
    ]
    notes += [f"{name} broke down: {result.failure}." for name, result in results.items() if result.failure]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n\n" + "\n\n".join(notes) + "\n"


def figure(pictures: Mapping[str, Path], prompts: Sequence[str]) -> Tensor:
    """What each row draws, one below the other under the prompts, named at the left: uint8 (3, H, W)."""
    font = ImageFont.load_default(10)
    grids = {name: Image.open(path).convert("RGB") for name, path in pictures.items()}
    left, top, gap = 120, 34, 6
    width, height = max(grid.width for grid in grids.values()), sum(grid.height + gap for grid in grids.values())
    page = Image.new("RGB", (left + width, top + height), "white")
    pen = ImageDraw.Draw(page)
    for column, prompt in enumerate(prompts):
        x = left + column * width // len(prompts) + 2
        pen.text((x, 2), "\n".join(textwrap.wrap(prompt, 11)[:2]), "black", font)
    for name, grid in grids.items():
        pen.text((4, top + grid.height // 2 - 6), name, "black", font)
        page.paste(grid, (left, top))
        top += grid.height + gap
    return torch.from_numpy(np.asarray(page).copy()).permute(2, 0, 1)


def parser(rows: Mapping[str, Stages] = ROWS) -> argparse.ArgumentParser:
    """The options."""
    result = arguments.Parser(prog="python -m gan.compare", description="Train and score every objective alike.")
    add_settings(result, ComparisonSettings, choices={"rows": tuple(rows)})
    result.set_defaults(rows=tuple(rows))
    return result


@command
def main(argv: Sequence[str] | None = None, rows: Mapping[str, Stages] = ROWS) -> int:
    """``python -m gan.compare``. Returns the exit status (``encoder.common.command``)."""
    args = from_args(ComparisonSettings, parser(rows).parse_args(argv))
    try:
        with OutputFolder("gan.compare", (*rows, "real-*", ENCODER_FOLDER, "comparison.*")).held(args.out):
            results = compare(args, {name: rows[name] for name in args.rows})
    except Stopped as stopped:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return status_of(stopped.number)
    print(table(results), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
