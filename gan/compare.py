"""Objectives, architectures and conditions on the same images: ``python -m gan.compare --data PATH``.

Each row of ``comparison.toml`` is trained on as many images by the same loop, and scored as by ``gan.evaluate``. The
same command goes on where it was stopped: rows that are done stay as they are.
"""

from __future__ import annotations

if __name__ == "__main__":  # before PyTorch, whose import takes seconds
    from encoder.common.start import start

    start()

import argparse
import dataclasses
import functools
import json
import sys
import tempfile
import textwrap
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NoReturn

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from encoder.common import arguments
from encoder.common.atomic import write_contents
from encoder.common.command import command, status_of
from encoder.common.device import DEVICE_HELP, check_device
from encoder.common.errors import InputError
from encoder.common.folders import OutputFolder
from encoder.common.options import add_settings, from_args, setting
from encoder.common.progress import duration
from encoder.common.records import Within, read_json, write_json
from encoder.common.templates import render
from gan.data.dataset import IMAGE_SIZE, ImageDataset
from gan.data.settings import DataSettings
from gan.evaluate import MAX_FACES, load_real
from gan.evaluation import captions as captions  # names its metrics, as does the next
from gan.evaluation.charts import TEMPLATES, chart
from gan.evaluation.drawing import as_asked
from gan.evaluation.faces import colours as colours
from gan.evaluation.judge import Judge
from gan.evaluation.metrics import Estimate
from gan.evaluation.registry import METRICS, Scores, where
from gan.evaluation.report import table as table_lines
from gan.evaluation.sets import MIN_FACES
from gan.faces.classifier import CLASSIFIER_DIR
from gan.images import save_png, tile
from gan.pipeline import TextToImage
from gan.release import ENCODER_FOLDER
from gan.tasks import settled, task_of
from gan.tasks.base import Task
from gan.training.conditioning import fit_text_encoder
from gan.training.config import (
    NONE,
    PRESETS,
    RUNTIME_FIELDS,
    SAMPLES_FOLDER,
    SNAPSHOT_FOLDER,
    BatchSize,
    Images,
    Seed,
    Threads,
    TrainingConfig,
)
from gan.training.log import STATS_FILE, read_stats
from gan.training.loop import NonFiniteError, train
from gan.training.objectives import OBJECTIVES
from gan.training.run import Run, progress
from gan.training.sample_grids import Monitor

Stages = Sequence[Mapping[str, Any]]
"""What a run sets differently from ``TrainingConfig`` and from its objective's own settings; of two runs with half of
the images each, the second refines the first. ``preset`` names settings, as ``train_cgan.py --preset`` does."""


@dataclass(frozen=True)
class Row:
    """What is compared with others.

    Attributes:
        stages: Its runs.
        about: What it is, and the paper that it comes from.
        seeds: How often a preset trains it.
    """

    stages: Stages
    about: str = ""
    seeds: int = 1


@dataclass(frozen=True)
class Training:
    """A row from one seed."""

    row: str
    seed: int
    runs: Mapping[Path, TrainingConfig]


_FILE = tomllib.loads((Path(__file__).parent / "comparison.toml").read_text("utf-8"))
ROWS = {name: Row(**row) for name, row in _FILE["rows"].items()}
"""Every row by its name."""
COMPARISONS: dict[str, tuple[str, ...]] = {name: tuple(rows) for name, rows in _FILE["presets"].items()}
"""The rows that stand together, by what ``--preset`` calls them; the first of them needs no ``--preset``."""
OBJECTIVES_ALONE = next(iter(COMPARISONS))

RESULT_FILE, PICTURE_FILE = "result.json", "faces.png"
SCORES_A_RUN = 4
FIGURE_SEEDS = 2
MILESTONES = (0.1, 0.3)
"""Shares of a row's images after which its sample grid is kept beside those of the others."""
TIMED_SECONDS = 2.0  # of training a row, by which its time is estimated
TIMED_SETTINGS = ("z_dim", "batch_size", "generator", "discriminator", "interpolate", "device", "precision")
QUICK = {"both": "both", "r_precision": "R-precision"}
"""The quick scores at equal wall time, and what they are called: of faces, and of captioned images."""


@dataclass(frozen=True)
class ComparisonSettings(DataSettings):
    """The options of a comparison."""

    images: Images = setting(100_000, "images of a row (default 100,000)")
    batch_size: BatchSize = setting(TrainingConfig.batch_size, f"of every row (default {TrainingConfig.batch_size})")
    preset: str = setting(
        OBJECTIVES_ALONE,
        "rows that belong together; faces and avatars train the rows that are quoted most from two seeds "
        f"(default {OBJECTIVES_ALONE})",
        choices=COMPARISONS,
    )
    rows: tuple[str, ...] = setting(
        (), "only these rows; --list shows them (default: those of --preset)", metavar="ROW"
    )
    seeds: Annotated[int, Within(0, 100)] = setting(0, "seeds of each row (default: what --preset says)")
    faces: Annotated[int, Within(1, MAX_FACES)] = setting(2000, "images to score by (default 2,000)")
    out: Path = setting(Path("runs/compare"), "default runs/compare", metavar="DIR", parse=arguments.output_folder)
    seed: Seed = setting(0, "the first seed (default 0)")
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

    @property
    def course_of_all_stages(self) -> list[dict[str, float]]:
        """``course`` with the images of earlier stages, which are counted in ``images`` alone."""
        earlier = self.images - self.course[-1]["images"] if self.course else 0
        return [{**point, "images": earlier + point["images"]} for point in self.course]

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
        changed = [name for name, value in settings.items() if _differs(result.settings.get(name), value)]
        if changed:
            raise InputError(
                f"{path}: is the result of other settings ({', '.join(changed)}); keep them or give another --out"
            )
        return result


def _differs(earlier: Any, now: Any) -> bool:
    """Whether settings changed. Those of a run may lack what earlier versions did not have."""
    if isinstance(earlier, dict) and isinstance(now, dict):
        return any(name in earlier and earlier[name] != value for name, value in now.items())
    return bool(earlier != now)


def suitable(rows: Mapping[str, Row], task: Task, training: ImageDataset) -> dict[str, Row]:
    """The rows that can be trained on these images: not those that classify where there are no classes."""
    if task.has_classes(training):
        return dict(rows)
    chosen = {
        name: row
        for name, row in rows.items()
        if not any(OBJECTIVES[stage["objective"]].classifies for stage in map(resolved, row.stages))
    }
    if len(chosen) < len(rows):
        left_out = ", ".join(name for name in rows if name not in chosen)
        print(f"note: {left_out}: left out, for the data name no classes", file=sys.stderr)
    return chosen


def resolved(stage: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a stage, those of its preset and of its objective among them; all rows have one batch size."""
    preset = {name: value for name, value in PRESETS[stage.get("preset", "cpu")].items() if name != "batch_size"}
    settings = {**preset, **{name: value for name, value in stage.items() if name != "preset"}}
    return {**OBJECTIVES[settings["objective"]].settings, **settings}


def configs_of(
    stages: Stages, folder: Path, args: ComparisonSettings, conditioning: str = "attributes", seed: int | None = None
) -> dict[Path, TrainingConfig]:
    """The runs of a row by folder, in order; the last one is scored on its way.

    Args:
        stages: Of the row.
        folder: Of the row.
        args: For all rows.
        conditioning: That of the data, for a row that has no other.
        seed: Of the row; by default that of ``args``.
    """
    images = max(1, args.images // len(stages))
    common = {
        "data": args.data,
        "conditioning": conditioning,
        "init": NONE,
        "seed": args.seed if seed is None else seed,
        "batch_size": args.batch_size,
        "device": args.device,
        "threads": args.threads,
    }
    runs: dict[Path, TrainingConfig] = {}
    stage1 = ""
    for number, stage in enumerate(stages, start=1):
        run_dir = folder / (f"stage{number}" if len(stages) > 1 else "run")
        length = {
            "max_images": images,
            "snapshot_images": max(1, args.images // 10),
            "evaluate_images": max(1, images // SCORES_A_RUN) if number == len(stages) else 0,
            "stage1": stage1,
        }
        config = TrainingConfig(**{**common, **resolved(stage), **length})
        runs[run_dir] = settled(config, task_of(conditioning))
        stage1 = str(run_dir / "snapshot")
    return runs


def trainings_of(args: ComparisonSettings, rows: Mapping[str, Row], conditioning: str) -> dict[str, Training]:
    """All that is to be trained, by folder: every row from its first seed, then what has further ones."""
    preset = args.preset != OBJECTIVES_ALONE
    found = {}
    for number in range(max(args.seeds, *(row.seeds for row in rows.values()))):
        for name, row in rows.items():
            if number < (args.seeds or (row.seeds if preset else 1)):
                folder, seed = name if number == 0 else f"{name}-seed{args.seed + number}", args.seed + number
                runs = configs_of(row.stages, args.out / folder, args, conditioning, seed)
                found[folder] = Training(name, seed, runs)
    return found


def identity(config: TrainingConfig) -> dict[str, Any]:
    """The settings that the outcome of a run depends on."""
    places = {*RUNTIME_FIELDS, "init", "stage1", "encoder_path"} - {"max_images"}
    return {name: value for name, value in json.loads(config.to_json()).items() if name not in places}


def train_row(
    runs: Mapping[Path, TrainingConfig], data: ImageDataset, monitor: Monitor, prompts: Sequence[str]
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
            texts = task_of(config.conditioning).conditioner(run, data, prompts=prompts)
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


def compare(args: ComparisonSettings, rows: Mapping[str, Row]) -> dict[str, Result]:
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
        write_json(place, dataclasses.asdict(real))
    trainings = trainings_of(args, suitable(rows, task, training), task.default)
    settings = {
        folder: common | {"seed": each.seed} | {path.name: identity(config) for path, config in each.runs.items()}
        for folder, each in trainings.items()
    }
    read = {folder: Result.read(args.out / folder / RESULT_FILE, settings[folder]) for folder in trainings}
    found = {folder: result for folder, result in read.items() if result is not None}
    missing = {folder: each for folder, each in trainings.items() if folder not in found}
    say_how_long(missing)

    for folder, each in missing.items():
        print(f"== {folder}", flush=True)
        runs = dict(each.runs)
        for path, config in runs.items():
            if config.conditioning == "aligned":
                encoder = str(fit_text_encoder(training, args.out / ENCODER_FOLDER, seed=args.seed))
                runs[path] = dataclasses.replace(config, encoder_path=encoder)
        found[folder] = train_and_score(runs, settings[folder], training, judge(), prompts, args.device)
        write_json(args.out / folder / RESULT_FILE, dataclasses.asdict(found[folder]))
        write_comparison(f"real {noun}", real, trainings, found, args, prompts)
    if not missing:
        write_comparison(f"real {noun}", real, trainings, found, args, prompts)
    return {f"real {noun}": real, **together(trainings, found)}


def say_how_long(missing: Mapping[str, Training]) -> None:
    """Print how long the rows will take that are not done, by a few steps of each on noise."""
    from gan.benchmark import images_per_second, steps_of_a_round, trainer

    speeds: dict[str, list[float]] = {}
    total = 0.0
    for folder, each in missing.items():
        if each.row not in speeds:
            speeds[each.row], stage1 = [], ""
            with tempfile.TemporaryDirectory() as scratch:
                for place, config in each.runs.items():
                    own = {name: getattr(config, name) for name in TIMED_SETTINGS} | {"stage1": stage1}
                    run = trainer(config.architecture, config.objective, Path(scratch, place.name), **own)
                    images = config.batch_size * run.objective.d_steps
                    at_once = steps_of_a_round(run.objective)
                    speeds[each.row].append(images_per_second(run.step, images, TIMED_SECONDS, at_once))
                    run.snapshot()
                    stage1 = str(Path(scratch, place.name, SNAPSHOT_FOLDER))
        left = [max(0, config.max_images - progress(place)[0]) for place, config in each.runs.items()]
        seconds = sum(images / speed for images, speed in zip(left, speeds[each.row], strict=True))
        print(f"{folder}: {sum(left):,} images, about {duration(seconds)}", flush=True)
        total += seconds
    if missing:
        print(f"all: about {duration(total)}, without scores and pictures", flush=True)


def together(trainings: Mapping[str, Training], found: Mapping[str, Result]) -> dict[str, Result]:
    """The rows that are done, those of several seeds as their mean."""
    of_row: dict[str, list[Result]] = {}
    for folder, each in trainings.items():
        if folder in found:
            of_row.setdefault(each.row, []).append(found[folder])
    return {row: mean_of(results) if len(results) > 1 else results[0] for row, results in of_row.items()}


def mean_of(results: Sequence[Result]) -> Result:
    """The mean of a row's seeds, of those that did not break down.

    Its intervals are of the larger of two spreads: that between the seeds, and that of the samples of one seed.
    """
    whole = [result for result in results if not result.failure]
    failure = "; ".join(f"from seed {result.settings['seed']} {result.failure}" for result in results if result.failure)
    first, count = results[0], len(results)
    settings = {**first.settings, "seed": [result.settings["seed"] for result in results]}
    images, minutes = sum(each.images for each in results) // count, sum(each.minutes for each in results) / count
    if not whole:
        return Result(settings, images, minutes, failure=failure)

    def mean(estimates: Sequence[Estimate]) -> Estimate:
        values = np.array([estimate.value for estimate in estimates])
        of_samples = np.mean([((estimate.high - estimate.low) / 3.92) ** 2 for estimate in estimates])
        between = values.var(ddof=1) if len(values) > 1 else 0.0
        half = 1.96 * float(np.sqrt(max(of_samples, between) / len(values)))
        return Estimate(float(values.mean()), float(values.mean()) - half, float(values.mean()) + half)

    scores = {
        group: {
            name: mean([result.scores[group][name] for result in whole])
            for name in own
            if all(name in result.scores.get(group, {}) for result in whole)  # earlier versions measured less
        }
        for group, own in whole[0].scores.items()
    }
    course = [
        {name: float(np.mean([point[name] for point in points])) for name in points[0]}
        for points in zip(*(result.course for result in whole), strict=False)
    ]
    return Result(settings, images, minutes, scores, course, failure)


def train_and_score(
    runs: Mapping[Path, TrainingConfig],
    settings: dict[str, Any],
    data: ImageDataset,
    judge: Judge,
    prompts: Sequence[str],
    device: str,
) -> Result:
    """The result of a row, whose picture is written too."""
    failure = ""
    try:
        train_row(runs, data, judge.monitor, prompts)
    except NonFiniteError as error:
        failure = str(error)
    seen, minutes = zip(*map(progress, runs), strict=True)
    result = Result(settings, sum(seen), sum(minutes), failure=failure)
    if failure:
        return result
    *_, last = runs
    course = [{**point, "minutes": point["minutes"] + sum(minutes[:-1])} for point in course_of(last)]
    pipeline = TextToImage.from_pretrained(last / "snapshot", dtype=torch.float32, device=device)
    seeds = [seed for seed in range(FIGURE_SEEDS) for _ in prompts]
    images = pipeline.draw(as_asked(pipeline, prompts) * FIGURE_SEEDS, seeds)
    save_png(last.parent / PICTURE_FILE, tile(images, len(prompts)), {})  # a column for each prompt
    return dataclasses.replace(result, scores=judge.score_model(pipeline), course=course)


def write_comparison(
    real_name: str,
    real: Result,
    trainings: Mapping[str, Training],
    found: Mapping[str, Result],
    args: ComparisonSettings,
    prompts: Sequence[str],
) -> None:
    """Write ``comparison.md``, ``.json``, ``.svg`` and ``.png`` of the rows that are done, and earlier sample grids."""
    rows = together(trainings, found)
    results = {real_name: real, **rows}
    plain = {name: dataclasses.asdict(result) for name, result in results.items()}
    for folder, result in found.items():
        row = trainings[folder].row
        if isinstance(rows[row].settings.get("seed"), list):
            plain[row].setdefault("seeds", {})[folder] = dataclasses.asdict(result)
    texts = {"comparison.md": table(results), "comparison.json": json.dumps(plain, indent=2) + "\n"}
    if any(result.course for result in rows.values()):
        texts["comparison.svg"] = curves(rows)
    for name, text in texts.items():
        write_contents(args.out / name, text)
    firsts = {each.row: folder for folder, each in trainings.items() if folder in found and each.seed == args.seed}
    pictures = {
        row: Image.open(args.out / folder / PICTURE_FILE).convert("RGB")
        for row, folder in firsts.items()
        if found[folder].course
    }
    if pictures:
        save_png(args.out / "comparison.png", figure(pictures, prompts), {})
    for images in {max(1, round(share * args.images)) for share in MILESTONES}:
        grids = {row: grid_after(images, trainings[folder].runs, len(prompts)) for row, folder in firsts.items()}
        shown = {row: grid for row, grid in grids.items() if grid is not None}
        if shown:
            save_png(args.out / f"comparison-{images}.png", figure(shown, prompts), {})


def grid_after(images: int, runs: Mapping[Path, TrainingConfig], columns: int) -> Image.Image | None:
    """The first rows of the sample grid that a row drew nearest to so many images, at 64 pixels a picture."""
    before, found = 0, {}
    for place, config in runs.items():
        for path in (place / SAMPLES_FOLDER).glob("[0-9]*.png"):
            found[before + int(path.stem)] = path
        before += config.max_images
    if not found:
        return None
    with Image.open(found[min(found, key=lambda number: abs(number - images))]) as picture:
        cell = picture.width // columns
        rows = picture.convert("RGB").crop((0, 0, picture.width, cell * FIGURE_SEEDS))
    return rows.resize((columns * IMAGE_SIZE, FIGURE_SEEDS * IMAGE_SIZE), Image.Resampling.NEAREST)


def curves(rows: Mapping[str, Result]) -> str:
    """The quick scores of all rows on their way, over images and over minutes, as one SVG."""
    rows = {name: result for name, result in rows.items() if result.course}
    quick = next(name for name in QUICK if any(name in result.course[0] for result in rows.values()))
    titles = {"frechet": "Fréchet distance", quick: QUICK[quick], "diversity": "diversity, real ones 1"}
    charts = []
    for metric, title in titles.items():
        for axis in ("images", "minutes"):
            points = {
                name: [
                    (point[axis], point[metric])
                    for point in result.course_of_all_stages
                    if np.isfinite(point.get(metric, np.nan))
                ]
                for name, result in rows.items()
            }
            charts.append(chart(f"{title}, over {axis}", points, unit=axis))
    return render(TEMPLATES / "curves.svg", names=list(rows), charts=[each for each in charts if each])


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
    several = any(isinstance(result.settings.get("seed"), list) for result in results.values())
    header = ["", *(["seeds"] if several else []), "images", "minutes", "images/s"]
    header += [metric.column + where(group) for group, metric in columns]
    header += [f"{QUICK[quick]} after {shortest:.3g} min", "Fréchet distance then"]
    lines = []
    for name, result in results.items():
        cells = ["–"] * 3
        if result.minutes:
            speed = result.images / result.minutes / 60
            cells = [f"{result.images:,}", f"{result.minutes:.1f}", f"{speed:.0f}"]
        seed = result.settings.get("seed")
        seeds = str(len(seed)) if isinstance(seed, list) else "1" if result.minutes else "–"
        cells = [name, *([seeds] if several else []), *cells]
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
    if several:
        notes.append(
            "Of several seeds the mean is shown. Its interval is of the larger of two spreads: that between the seeds, "
            "and that of the samples of one seed."
        )
    notes += [f"{name} broke down: {result.failure}." for name, result in results.items() if result.failure]
    return "\n".join(table_lines(header, lines)) + "\n\n" + "\n\n".join(notes) + "\n"


def figure(grids: Mapping[str, Image.Image], prompts: Sequence[str]) -> Tensor:
    """What each row draws, one below the other under the prompts, named at the left: uint8 (3, H, W)."""
    font = ImageFont.load_default(10)
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


class _List(argparse.Action):
    """Print the rows, and the presets that name them."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        lines = [["row", "networks", "objective", "condition", "learning rate", "penalty", "critic steps", "seeds"]]
        for name, row in ROWS.items():
            stage = resolved(row.stages[-1])
            config = TrainingConfig(data=("",), **stage)
            objective = OBJECTIVES[config.objective]
            penalty = f"{config.gamma:g}" if objective.penalty_interval else "–"
            condition = "one-hot" if config.encoder == "onehot" else stage.get("conditioning", "of the data")
            rate = f"{config.lr:g}" + (f", D {objective.d_lr * config.lr:g}" if objective.d_lr != 1 else "")
            cells = [config.architecture, config.objective, condition, rate, penalty]
            lines.append([name, *cells, str(objective.d_steps), str(row.seeds)])
        print("\n".join(table_lines(lines[0], lines[1:])))
        print("\n".join(["", *(f"{name}: {row.about}" for name, row in ROWS.items()), ""]))
        print("\n".join(f"--preset {name}: {', '.join(rows)}" for name, rows in COMPARISONS.items()))
        parser.exit()


def parser(rows: Mapping[str, Row] = ROWS) -> argparse.ArgumentParser:
    result = arguments.Parser(
        prog="python -m gan.compare", description="Train and score objectives, architectures and conditions alike."
    )
    add_settings(result, ComparisonSettings, choices={"rows": tuple(rows)})
    result.add_argument("--list", action=_List, nargs=0, help="print the rows and the presets, and stop")
    return result


@command
def main(argv: Sequence[str] | None = None, rows: Mapping[str, Row] = ROWS) -> int:
    """``python -m gan.compare``. Returns the exit status (``encoder.common.command``)."""
    args = from_args(ComparisonSettings, parser(rows).parse_args(argv))
    names = args.rows or (COMPARISONS[args.preset] if rows is ROWS else tuple(rows))
    output = OutputFolder("gan.compare", (*(f"{row}*" for row in rows), "real-*", ENCODER_FOLDER, "comparison*"))
    try:
        with output.held(args.out):
            results = compare(args, {name: rows[name] for name in names})
    except Stopped as stopped:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return status_of(stopped.number)
    print(table(results), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
