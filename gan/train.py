"""Train a text-to-image GAN: ``python train_cgan.py --encoder cached --data images.zip``."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from encoder.common import arguments
from encoder.common.arguments import check_existing_folder, kind_of
from encoder.common.command import command, status_of
from encoder.common.errors import InputError
from encoder.common.options import add_settings, from_args
from gan.training.config import PRESETS, RUNTIME_FIELDS, WHAT, WHERE, TrainingConfig
from gan.training.recipe import Recipe, refuse_settings

if TYPE_CHECKING:
    from gan.data import ImageDataset

FIELDS = dataclasses.fields(TrainingConfig)
OF_A_MACHINE = ("data", "encoder_path", "init", "stage1", "threads", "log")


def parser() -> argparse.ArgumentParser:
    """The command line: where the run goes, and one option for each field of ``TrainingConfig``."""
    from gan.tasks import conditionings

    result = arguments.Parser(
        prog="train_cgan.py",
        description=(__doc__ or "").replace("``", ""),
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    what, where = (result.add_argument_group(title) for title in (WHAT, WHERE))
    what.add_argument(
        "--recipe",
        type=arguments.existing_file,
        metavar="FILE",
        help="train all stages of a release, each in its own folder in --run-dir; the same command resumes",
    )
    what.add_argument("--preset", choices=PRESETS, default="cpu", help="defaults for this kind of machine")
    where.add_argument(
        "--run-dir", type=arguments.output_folder, default="runs/default", help="the folder of the run's files"
    )
    where.add_argument(
        "--resume",
        nargs="?",
        const=True,
        default=False,
        choices=("auto",),
        help="resume the run in --run-dir; auto: where there is one, else start it",
    )
    where.add_argument("--dry-run", action="store_true", help="print the settings and what the data hold, and stop")
    add_settings(result, TrainingConfig, choices={"conditioning": conditionings()})
    return result


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Parse, load the images, train. Returns the exit status (``encoder.common.command``)."""
    from gan.training.objectives import OBJECTIVES

    options = parser()
    chosen = options.parse_args(argv)
    options.set_defaults(**PRESETS[chosen.preset] | OBJECTIVES[chosen.objective].settings)
    args = options.parse_args(argv)
    config, run_dir, resume = from_args(TrainingConfig, args), args.run_dir, args.resume
    if args.recipe:
        refuse_settings(vars(args), {field.name: options.get_default(field.name) for field in FIELDS})
        runtime = {name: getattr(config, name) for name in RUNTIME_FIELDS}
        configs = Recipe.read(args.recipe).configs(run_dir, runtime)
        return show(configs) if args.dry_run else run_stages(configs, run_dir)
    if args.dry_run:
        return show([config])
    if resume == "auto":
        from gan.training.state import STATE_FILE

        resume = kind_of(run_dir / STATE_FILE) is not None
    check_places(config, run_dir, resume=resume)
    return run(config, run_dir, resume=resume)


def show(configs: Sequence[TrainingConfig]) -> int:
    """Print settings, and what the data hold to stderr; returns the exit status."""
    show_data(configs[0])
    for config in configs:
        print(config.to_json(), end="")
    return 0


def show_data(config: TrainingConfig) -> None:
    """Load the images and say on stderr what they are; ``InputError`` where a run would end for them."""
    from gan.data import load_images
    from gan.tasks import resolve_task

    images, summary = load_images(config.data, split="all", progress=False, **config.columns)
    print(summary, file=sys.stderr)
    check_heldout(config, images)
    if not config.init and not config.stage1:
        resolve_task(config, images, lambda line: print(line, file=sys.stderr))


def check_heldout(config: TrainingConfig, images: ImageDataset) -> None:
    """Raise ``InputError`` where too few images are held out for ``--evaluate-images``, before anything is fitted."""
    if not config.evaluate_images:
        return
    from gan.evaluation.captions import FEWEST

    count = images.splits.count("heldout")
    if count < FEWEST:
        raise InputError(
            f"--evaluate-images: {count} held-out images are too few to score a generator with; give {FEWEST}, "
            f"about {16 * FEWEST:,} images in all, or leave it out"
        )


def run_stages(configs: Sequence[TrainingConfig], run_dir: Path) -> int:
    """Train stage after stage, and go on where they were left; returns the exit status."""
    from gan.training.state import STATE_FILE, load_state

    for number, config in enumerate(configs, start=1):
        folder = run_dir / str(number)
        begun = kind_of(folder / STATE_FILE) is not None
        if begun and load_state(folder)["cur_nimg"] >= config.max_images:
            continue
        status = run(config, folder, resume=begun)
        if status or load_state(folder)["cur_nimg"] < config.max_images:  # or max_minutes are over
            return status
    return 0


def check_places(config: TrainingConfig, run_dir: Path, *, resume: bool) -> None:
    """Raise ``InputError`` for a place that a run cannot use, before the images are loaded."""
    from gan.training.loop import check_run_dir
    from gan.training.trackers import check_packages

    check_run_dir(run_dir, resume=resume)
    check_packages(config.log)
    for folder in filter(None, (config.init, config.stage1)):
        kind_of(Path(folder)) if resume else check_existing_folder(Path(folder), "model folder")
    if config.encoder_path:
        check_existing_folder(Path(config.encoder_path))


def common(config: TrainingConfig) -> str:
    """What the settings of all processes of a run have in common: where data and encoders lie is each machine's own."""
    values = json.loads(config.to_json())
    return json.dumps({name: value for name, value in values.items() if name not in OF_A_MACHINE})


def run(config: TrainingConfig, run_dir: Path, *, resume: bool) -> int:
    """Load the images and train; returns the exit status."""
    from gan.data import load_images
    from gan.tasks import resolve_task
    from gan.training.distributed import World
    from gan.training.loop import train
    from gan.training.state import begun_with

    world = World.join(config.device)
    try:
        begun = begun_with(run_dir) if resume else None
        if world.leads:
            print(f"reading {', '.join(config.data)}", flush=True)
        everything, summary = load_images(config.data, split="all", progress=world.leads, **config.columns)
        if world.leads:
            print(summary, flush=True)
        check_heldout(config, everything)
        say = print if world.leads else lambda _: None
        task, config = resolve_task(config, everything, say, saved=begun)
        everything = task.prepare(everything, say)
        world.agree("the images", everything.digest, "give every machine the same --data")
        world.agree("the settings", common(config), "start every machine by the same command")
        begun_as = str(begun and begun.to_json())
        world.agree("the states", begun_as, "--run-dir is to be one folder that every machine sees")
        data = everything.of("train")
        heldout = everything.of("heldout") if "heldout" in everything.splits else data[:0]  # of a few images, none is
        monitor = task.judge(data, heldout).monitor if world.leads and config.evaluate_images else None
        prompts = [captions[0] for captions in heldout.captions]
        stopped = train(config, data, run_dir, prompts=prompts, monitor=monitor, resume=resume, world=world)
    finally:
        world.leave()
    return status_of(stopped) if stopped else 0
