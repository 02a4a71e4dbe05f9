"""Train a text-to-image GAN: ``python train_cgan.py --encoder cached --data images.zip``."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Any, get_args

from encoder.common.errors import InputError
from encoder.common.precision import Precision
from gan.training.config import CONDITIONINGS, PRESETS, Encoding, TrainingConfig

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
        "device": ("cpu", "cuda"),
    }
    help_lines = field_help()
    result = argparse.ArgumentParser(
        prog="train_cgan.py",
        description=(__doc__ or "").replace("``", ""),
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    result.add_argument("--run-dir", type=Path, default=Path("runs/default"), help="where the run keeps its files")
    result.add_argument("--resume", action="store_true", help="go on with the run in --run-dir")
    result.add_argument("--dry-run", action="store_true", help="print the configuration and stop")
    result.add_argument("--preset", choices=PRESETS, default="cpu", help="defaults for this kind of machine")
    for field in dataclasses.fields(TrainingConfig):
        flag = "--" + field.name.replace("_", "-")
        options: dict[str, Any] = {"help": help_lines[field.name]}
        if field.name == "data":
            options |= {"nargs": "+", "default": DEFAULT_DATA}
        elif field.name in ("generator", "discriminator"):
            options |= {"type": json.loads, "default": {}, "metavar": "JSON"}
        else:
            options |= {"type": type(field.default), "default": field.default, "choices": choices.get(field.name)}
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


def main(argv: list[str] | None = None) -> int:
    """Parse, load the images, train. Returns the exit status: 2 for bad input, 1 for a run that broke down."""
    from gan.training.objectives import OBJECTIVES

    options = parser()
    chosen = options.parse_args(argv)
    options.set_defaults(**PRESETS[chosen.preset] | OBJECTIVES[chosen.objective].settings)
    arguments = vars(options.parse_args(argv))
    del arguments["preset"]
    run_dir, resume, dry_run = (arguments.pop(name) for name in ("run_dir", "resume", "dry_run"))
    try:
        config = TrainingConfig(**{**arguments, "data": tuple(arguments["data"])})
        if dry_run:
            print(config.to_json(), end="")
            return 0
        return run(config, run_dir, resume=resume)
    except InputError as error:
        if os.environ.get("RANK", "0") == "0":  # the processes of a parallel run all meet the same
            print(f"error: {error}", file=sys.stderr)
        return 2


def run(config: TrainingConfig, run_dir: Path, *, resume: bool) -> int:
    """Load the images and train; returns the exit status."""
    from gan.data import load_images
    from gan.evaluation.monitors import monitor_for
    from gan.training.conditioning import choose
    from gan.training.distributed import WorkerLostError, World
    from gan.training.loop import NonFiniteError, check_run_dir, train
    from gan.training.state import begun_with

    check_run_dir(run_dir, resume=resume)
    world = World.join(config.device)
    begun = begun_with(run_dir) if resume else None
    everything, summary = load_images(config.data, split="all", progress=world.leads)
    if world.leads:
        print(summary, flush=True)
    config, everything = choose(config, everything, print if world.leads else lambda _: None, begun=begun)
    data = everything.of("train")
    heldout = everything.of("heldout") if "heldout" in everything.splits else data[:0]  # of a few images, none is
    monitor = monitor_for(data, heldout) if world.leads and config.evaluate_images else None
    prompts = [captions[0] for captions in heldout.captions]
    try:
        train(config, data, run_dir, prompts=prompts, monitor=monitor, resume=resume, world=world)
    except (NonFiniteError, WorkerLostError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        world.leave()
    return 0


if __name__ == "__main__":
    sys.exit(main())
