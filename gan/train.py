"""Train a text-to-image GAN: ``python train_cgan.py --encoder cached --data images.zip``."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from encoder.common import arguments
from encoder.common.command import command, status_of
from encoder.common.errors import InputError
from encoder.common.options import add_settings, from_args
from gan.data.settings import DATA
from gan.training.config import PRESETS, RUNTIME_FIELDS, WHAT, WHERE, TrainingConfig
from gan.training.recipe import Recipe, refuse_settings

if TYPE_CHECKING:
    from gan.data import ImageDataset
    from gan.training.conditions import Conditioner
    from gan.training.distributed import World
    from gan.training.run import Resume, Run
    from gan.training.sample_grids import Monitor

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
    _, what, where = (result.add_argument_group(title) for title in (DATA, WHAT, WHERE))
    what.add_argument(
        "--recipe",
        type=arguments.existing_file,
        metavar="FILE",
        help="train all stages of a release, each in its own folder in --run-dir; the same command resumes",
    )
    what.add_argument(
        "--preset",
        choices=PRESETS,
        default="cpu",
        help="defaults for this kind of machine, or for the assignment's baseline as its slides have it",
    )
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
    options.set_defaults(**PRESETS[options.parse_args(argv).preset])
    options.set_defaults(**OBJECTIVES[options.parse_args(argv).objective].settings)
    args = options.parse_args(argv)
    config, run_dir, resume = from_args(TrainingConfig, args), args.run_dir, args.resume
    if args.recipe:
        refuse_settings(vars(args), {field.name: options.get_default(field.name) for field in FIELDS})
        runtime = {name: getattr(config, name) for name in RUNTIME_FIELDS}
        configs = Recipe.read(args.recipe).configs(run_dir, runtime)
        return show(configs) if args.dry_run else run_stages(configs, run_dir)
    if args.dry_run:
        return show([config])
    return run(config, run_dir, resume=resume).status


def show(configs: Sequence[TrainingConfig]) -> int:
    """Print settings, and what the data hold to stderr; returns the exit status."""
    show_data(configs[0])
    for config in configs:
        print(config.to_json(), end="")
    return 0


def show_data(config: TrainingConfig) -> None:
    """Load the images and say on stderr what they are; ``InputError`` where a run would end for them."""
    from gan.tasks import resolve_task
    from gan.training.run import Run

    images, summary = config.load(progress=False)
    print(summary, file=sys.stderr)
    check_heldout(config, images)
    if not config.release and not config.stage1:
        resolve_task(Run(Path(), config), images, lambda line: print(line, file=sys.stderr))


def check_heldout(config: TrainingConfig, images: ImageDataset) -> None:
    """Raise ``InputError`` where too few images are held out for the settings, before anything is fitted."""
    from gan.evaluation.captions import FEWEST

    count = images.splits.count("heldout")
    if config.ada and not count:
        raise InputError("--ada compares with held-out images, and of so few images none is held out; leave it out")
    if config.evaluate_images and count < FEWEST:
        raise InputError(
            f"--evaluate-images: {count} held-out images are too few to score a generator with; give {FEWEST}, "
            f"about {16 * FEWEST:,} images in all, or leave it out"
        )


def run_stages(configs: Sequence[TrainingConfig], run_dir: Path) -> int:
    """Train stage after stage, and resume where they were left; returns the exit status."""
    for number, config in enumerate(configs, start=1):
        done = run(config, run_dir / str(number), resume="auto", again=False)
        if done.status or not done.is_finished:  # or max_minutes are over
            return done.status
    return 0


class Done(NamedTuple):
    """How training ended: with which exit status, and whether it has come to its last image."""

    status: int
    is_finished: bool


def run(config: TrainingConfig, run_dir: Path, *, resume: Resume, again: bool = True) -> Done:
    """Load the images and train.

    Args:
        config: The settings as asked for.
        run_dir: The folder of the run.
        resume: As of ``Run.open``.
        again: Whether a run that is finished is opened all the same, to write its last snapshot.
    """
    from encoder.common.device import find_device
    from gan.training.distributed import World
    from gan.training.run import Run

    world = World.join(find_device(config.device))
    try:
        with Run.open(run_dir, config, resume=resume, world=world) as opened:
            if opened.cur_nimg >= config.max_images and not again:
                return Done(0, True)
            return _train(opened, world, resume)
    finally:
        world.leave()


def _train(run: Run, world: World, resume: Resume) -> Done:
    """Train an open run."""
    from gan.training.loop import train
    from gan.training.report import preparing

    page = preparing(run.config, run.folder, run.cur_nimg) if world.is_main_process else nullcontext()
    with page:
        run, training, conditioner, monitor, heldout = _prepare(run, world, resume)
        outcome = train(run, training, conditioner, monitor=monitor, heldout=heldout, world=world)
    return Done(status_of(outcome.signal) if outcome.signal else 0, outcome.is_finished)


def _prepare(
    run: Run, world: World, resume: Resume
) -> tuple[Run, ImageDataset, Conditioner, Monitor | None, ImageDataset]:
    """What an open run is trained with: settled settings, training images, their texts, a score, held-out images."""
    from gan.tasks import resolve_task
    from gan.training.objectives import OBJECTIVES

    def say(line: str) -> None:
        if world.is_main_process:
            print(line, flush=True)

    if resume is True and not run.saved:
        say(f"{run.folder}: was ended before its first state was saved; it begins again")

    # Read the images, and decide what they are.
    say(f"reading {', '.join(run.config.data)}")
    images, summary = run.config.load(progress=world.is_main_process)
    say(str(summary))
    check_heldout(run.config, images)
    task, run = resolve_task(run, images, say)
    images = task.prepare(images, say)
    world.assert_same_everywhere("the images", images.digest, "give every machine the same --data")
    world.assert_same_everywhere("the settings", common(run.config), "start every machine by the same command")
    saved = str(run.saved and run.saved.to_json())
    world.assert_same_everywhere("the states", saved, "--run-dir must be one folder that every machine sees")

    # Give them texts, and the generator a score.
    training = images.of("train")
    OBJECTIVES[run.config.objective].check_classes(task.has_classes(training))
    heldout = images.of("heldout") if "heldout" in images.splits else training[:0]  # of a few images, none is
    prompts = [captions[0] for captions in heldout.captions]
    shown, conditioner = task.conditioner(run, training, prompts=prompts, quiet=not world.is_main_process)
    monitor = task.judge(training, heldout).monitor if world.is_main_process and run.config.evaluate_images else None
    return run, shown, conditioner, monitor, heldout


def common(config: TrainingConfig) -> str:
    """The settings that all processes of a run share. Where data and encoders lie is each machine's own."""
    values = json.loads(config.to_json())
    return json.dumps({name: value for name, value in values.items() if name not in OF_A_MACHINE})
