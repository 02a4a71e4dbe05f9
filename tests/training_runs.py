"""Runs of faces, from their settings and images alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gan.faces.dataset import FaceDataset
from gan.tasks.faces import Faces
from gan.training import loop
from gan.training.config import TrainingConfig
from gan.training.loop import Outcome, Trainer
from gan.training.run import Resume, Run


@contextmanager
def opened(config: TrainingConfig, data: FaceDataset, folder: Path, resume: Resume, quiet: bool) -> Iterator[Any]:
    """An open run, its images and what gives their texts."""
    with Run.open(folder, config, resume=resume) as run:
        yield run, *Faces().conditioner(run, data, quiet=quiet)


def trainer(
    config: TrainingConfig, data: FaceDataset, folder: Path, *, resume: Resume = False, quiet: bool = True, **more: Any
) -> Trainer:
    """The trainer of a run, whose folder is held no longer."""
    with opened(config, data, folder, resume, quiet) as run:
        made = Trainer(*run, quiet=quiet, **more)
    folder.mkdir(exist_ok=True)
    return made


def train(
    config: TrainingConfig, data: FaceDataset, folder: Path, *, resume: Resume = False, quiet: bool = False, **more: Any
) -> Outcome:
    """Open a run and train it."""
    with opened(config, data, folder, resume, quiet) as run:
        return loop.train(*run, quiet=quiet, **more)
