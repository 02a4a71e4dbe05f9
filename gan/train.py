"""Train a text-to-image GAN: ``python train_cgan.py --encoder cached --data images.zip``."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from encoder.common import arguments
from encoder.common.arguments import check_existing_folder, kind_of
from encoder.common.command import command, status_of
from encoder.common.precision import Precision
from gan.training.config import CONDITIONINGS, DEVICES, LOGS, PRESETS, RUNTIME_FIELDS, Encoding, TrainingConfig
from gan.training.recipe import Recipe, refuse_settings

TYPES: dict[type, Any] = {int: arguments.integer, float: arguments.decimal, str: str}
"""What reads a field of ``TrainingConfig``, which knows its limits itself."""
OF_A_MACHINE = ("data", "encoder_path", "init", "stage1", "threads", "log")
DEFAULT_DATA = ("../shared/data/extra_data.zip",)


def parser() -> argparse.ArgumentParser:
    """The command line: one option for each field of ``TrainingConfig``, and where the run goes."""
    from gan.networks import ARCHITECTURES
    from gan.training.objectives import OBJECTIVES

    choices: dict[str, tuple[str, ...]] = {
        "encoder": get_args(Encoding),
        "conditioning": CONDITIONINGS,
        "architecture": ARCHITECTURES,
        "objective": tuple(OBJECTIVES),
        "precision": get_args(Precision),
        "device": DEVICES,
    }
    help_lines = field_help()
    result = arguments.Parser(
        prog="train_cgan.py",
        description=(__doc__ or "").replace("``", ""),
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    result.add_argument(
        "--run-dir", type=arguments.output_folder, default="runs/default", help="where the run keeps its files"
    )
    result.add_argument(
        "--resume",
        nargs="?",
        const=True,
        default=False,
        choices=("auto",),
        help="go on with the run in --run-dir; auto: where there is one to go on with, else begin it",
    )
    result.add_argument(
        "--recipe",
        type=arguments.existing_file,
        metavar="FILE",
        help="train all stages of a release, each in a folder of its own in --run-dir; the same command goes on",
    )
    result.add_argument("--dry-run", action="store_true", help="print the configuration and stop")
    result.add_argument("--preset", choices=PRESETS, default="cpu", help="defaults for this kind of machine")
    for field in dataclasses.fields(TrainingConfig):
        flag = "--" + field.name.replace("_", "-")
        options: dict[str, Any] = {"help": help_lines[field.name]}
        if field.name == "data":
            options |= {"type": arguments.given, "nargs": "+", "default": DEFAULT_DATA}
        elif field.name == "log":
            options |= {"nargs": "+", "choices": LOGS, "default": ()}
        elif field.name in ("generator", "discriminator"):
            options |= {"type": arguments.json_value, "default": {}, "metavar": "JSON"}
        else:
            options |= {
                "type": TYPES[type(field.default)],
                "default": field.default,
                "choices": choices.get(field.name),
            }
        result.add_argument(flag, **options)
    return result


def field_help() -> dict[str, str]:
    """The description of each field, from the docstring of ``TrainingConfig``: it is written once."""
    descriptions: dict[str, str] = {}
    name = ""
    for line in (TrainingConfig.__doc__ or "").split("Attributes:")[1].splitlines():
        if line.startswith(" " * 8) and line[8:9] not in ("", " "):
            name, _, text = line.strip().partition(": ")
            descriptions[name] = text
        elif name:
            descriptions[name] = f"{descriptions[name]} {line.strip()}".strip()
    return {name: text.replace("``", "").replace("%", "%%") for name, text in descriptions.items()}


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Parse, load the images, train. Returns the exit status (``encoder.common.command``)."""
    from gan.training.objectives import OBJECTIVES

    options = parser()
    chosen = options.parse_args(argv)
    options.set_defaults(**PRESETS[chosen.preset] | OBJECTIVES[chosen.objective].settings)
    settings = vars(options.parse_args(argv))
    del settings["preset"]
    settings["log"] = tuple(dict.fromkeys(settings["log"]))
    run_dir, resume, dry_run, recipe = (settings.pop(name) for name in ("run_dir", "resume", "dry_run", "recipe"))
    if recipe:
        refuse_settings(settings, {name: options.get_default(name) for name in settings})
        runtime = {name: settings[name] for name in RUNTIME_FIELDS}
        configs = Recipe.read(recipe).configs(tuple(settings["data"]), run_dir, runtime)
        return show(configs) if dry_run else run_stages(configs, run_dir)
    config = TrainingConfig(**{**settings, "data": tuple(settings["data"])})
    if dry_run:
        return show([config])
    if resume == "auto":
        from gan.training.state import STATE_FILE

        resume = kind_of(run_dir / STATE_FILE) is not None
    check_places(config, run_dir, resume=resume)
    return run(config, run_dir, resume=resume)


def show(configs: Sequence[TrainingConfig]) -> int:
    """Print settings; returns the exit status."""
    for config in configs:
        print(config.to_json(), end="")
    return 0


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
        everything, summary = load_images(config.data, split="all", progress=world.leads)
        if world.leads:
            print(summary, flush=True)
        say = print if world.leads else lambda _: None
        task, config = resolve_task(config, everything, say, saved=begun)
        everything = task.prepare(everything, say)
        world.agree("the images", everything.digest, "give every machine the same --data")
        world.agree("the settings", common(config), "start every machine by the same command")
        begun_as = str(begun and begun.to_json())
        world.agree("the states", begun_as, "--run-dir is to be one folder that every machine sees")
        data = everything.of("train")
        heldout = everything.of("heldout") if "heldout" in everything.splits else data[:0]  # of a few images, none is
        monitor = task.monitor(data, heldout) if world.leads and config.evaluate_images else None
        prompts = [captions[0] for captions in heldout.captions]
        stopped = train(config, data, run_dir, prompts=prompts, monitor=monitor, resume=resume, world=world)
    finally:
        world.leave()
    return status_of(stopped) if stopped else 0
