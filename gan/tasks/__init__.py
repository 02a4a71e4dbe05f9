"""The kinds of data: one file and one class each. A new file in this folder, with its ``TASK``, is enough to join.

Importing this package costs nothing, so that a command line can name what it draws before it imports PyTorch.
"""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Callable
from typing import TYPE_CHECKING

from encoder.common.errors import InputError
from encoder.paths import PRETRAINED
from gan.release import ReleaseConfig
from gan.tasks.base import Task

if TYPE_CHECKING:
    from gan.data import ImageDataset
    from gan.training.config import TrainingConfig
    from gan.training.run import Run

AUTO = "auto"

TASKS: tuple[Task, ...] = tuple(
    importlib.import_module(f"{__name__}.{module.name}").TASK
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name)
    if module.name != "base"
)
"""Every task there is."""


def conditionings() -> tuple[str, ...]:
    """What ``--conditioning`` takes."""
    return tuple(dict.fromkeys((AUTO, *(name for task in TASKS for name in (*task.conditionings, task.alias)))))


def task_of_release(config: ReleaseConfig) -> Task:
    """The task that a release was trained for."""
    return task_of(conditioning_of(config))


def conditioning_of(config: ReleaseConfig) -> str:
    """The conditioning that a release was trained with."""
    kind = config.conditioning.kind
    for task in TASKS:
        for name, kinds in task.conditionings.items():
            if kind in kinds:
                return name
    raise InputError(f"conditioning.kind is {kind[:60]!r}, which is not a kind of encoder; restore the release")


def task_of(conditioning: str) -> Task:
    """The task of a settled conditioning."""
    return next(task for task in TASKS if conditioning in task.conditionings)


def settled(config: TrainingConfig, kind: Task) -> TrainingConfig:
    """Settings by the task of their conditioning; without texts, with the networks that suit the data's own task."""
    task = task_of(config.conditioning)
    config = task.settle(config)
    if task.reads_captions:
        return config
    like = kind.settle(dataclasses.replace(config, conditioning=kind.default))
    return dataclasses.replace(config, generator=like.generator)


def task_of_data(data: ImageDataset, say: Callable[[str], None] = lambda _: None) -> Task:
    """The task that can use the largest share of the images; ``say`` gets the reason in one line."""
    shares = {task: task.share(data) for task in TASKS}
    best = max(TASKS, key=lambda task: shares[task])
    evidence = ", ".join(filter(None, (task.evidence(share) for task, share in shares.items())))
    say(f"conditioning: {best.summary}, for {evidence}")
    return best


def allowed(config: TrainingConfig) -> tuple[str, ...]:
    """The conditionings that settings leave open, the preferred one first.

    Raises:
        InputError: There is no such conditioning, or it does not go with the encoder.
    """
    asked, encoder = config.conditioning, config.encoder
    if asked not in conditionings():
        raise InputError(f"conditioning is {asked[:60]!r}; it must be one of {', '.join(conditionings())}")
    named = {
        name: kinds for task in TASKS for name, kinds in task.conditionings.items() if asked in (AUTO, task.alias, name)
    }
    of_encoder = [name for task in TASKS for name, kinds in task.conditionings.items() if encoder in kinds]
    if of_encoder and not set(of_encoder) & named.keys():
        raise InputError(
            f"--encoder {encoder} does not go with --conditioning {asked}; "
            f"give --conditioning {of_encoder[0]}, or --encoder cached"
        )
    return tuple(name for name in named if not of_encoder or name in of_encoder)


def resolve_task(run: Run, data: ImageDataset, say: Callable[[str], None]) -> tuple[Task, Run]:
    """Decide what the data of a run are. The first of these says it: its state, its release, the options, the data.

    Args:
        run: As it was opened.
        data: All images.
        say: Gets one line where the data say it.

    Returns:
        The task, and the run with its conditioning and its defaults.

    Raises:
        InputError: What is asked for contradicts the run or the release, or does not go with other settings.
    """
    config = run.config
    options, earlier = allowed(config), ""
    if run.saved:
        earlier = run.saved.conditioning
        if earlier not in options:
            run.refuse([f"conditioning: {earlier} -> {options[0]}"])
    elif run.start:
        earlier = conditioning_of(run.start)
        if earlier not in options:
            raise InputError(
                f"{config.release or config.stage1}: was trained with --conditioning {earlier}, and this run is to "
                f"train {options[0]}; give --conditioning {earlier}, or start from another release"
            )
    if earlier:
        conditioning = earlier
    elif len({task_of(name) for name in options}) == 1:
        conditioning = options[0]
    else:
        conditioning = task_of_data(data, say).default
    task = task_of(conditioning)
    run = run.settled(dataclasses.replace(config, conditioning=conditioning))
    if config.init == AUTO:
        run = _from_shipped_release(task, run, say)
    return task, run.settled(settled(run.config, task if task.reads_captions else task_of_data(data)))


def _from_shipped_release(task: Task, run: Run, say: Callable[[str], None]) -> Run:
    """A new run with ``--init auto`` settled: it starts from the first release of its task that fits, else from none.

    ``say`` gets one line: the release, or the options that keep one of the same architecture from being taken.
    """
    config, refused = run.config, ""
    for folder in (PRETRAINED / name for name in task.releases):
        if config.stage1 or not folder.is_dir() or ReleaseConfig.read(folder).architecture != config.architecture:
            continue
        if options := _misfits(ReleaseConfig.read(folder), config):
            refused = refused or f"init: none, for {folder} does not go with {', '.join(options)}"
        else:
            say(f"init: {folder}, its text encoder included; --init none starts from new weights")
            return run.from_release(folder)
    if refused:
        say(refused)
    return run.settled(dataclasses.replace(config, init="none"))


def _misfits(start: ReleaseConfig, config: TrainingConfig) -> list[str]:
    """The options of a run that a release of the same architecture does not go with."""
    networks = {"generator": start.network, "discriminator": start.discriminator}
    other = {
        f"--conditioning {config.conditioning}": conditioning_of(start) != config.conditioning,
        "--encoder-path": bool(config.encoder_path),
        f"--objective {config.objective}": config.objective != type(config).objective,
        f"--z-dim {config.z_dim}": start.z_dim != config.z_dim,
        **{f"--{name}": own | getattr(config, name) != own for name, own in networks.items()},
    }
    return [option for option, differs in other.items() if differs]
