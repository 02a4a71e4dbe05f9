"""Recipes: all the training that a release took, as stages in a file, each from where the one before it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from encoder.common.errors import InputError
from encoder.common.records import read_record, record
from gan.training.config import NONE, RUNTIME_FIELDS, SNAPSHOT_FOLDER, TrainingConfig


@dataclass(frozen=True)
class Recipe:
    """The stages of a release.

    Attributes:
        stages: Of each the settings that differ from the defaults, as fields of ``TrainingConfig``; ``data`` and
            ``init`` are none of them, for the data are the person's own and a stage starts from the one before it.
    """

    stages: tuple[dict[str, Any], ...]

    def __post_init__(self) -> None:
        if not self.stages:
            raise InputError("stages is empty; it must hold the settings of one stage or more")
        for number, stage in enumerate(self.stages, start=1):
            for name in ("data", "init"):
                if name in stage:
                    raise InputError(f"stages: stage {number} sets {name}, which is not the recipe's; leave it out")
            if "max_images" not in stage:
                raise InputError(f"stages: stage {number} has no max_images, so that it would have no end; state it")

    @classmethod
    def read(cls, path: Path) -> Recipe:
        """Read a file; ``InputError`` names it and what is wrong."""
        return read_record(cls, path)

    def configs(self, run_dir: Path, runtime: Mapping[str, Any]) -> list[TrainingConfig]:
        """The settings of every stage.

        Args:
            run_dir: Where the stages' folders are, ``1``, ``2`` and so on.
            runtime: ``RUNTIME_FIELDS`` for all stages, where they state none themselves.

        Raises:
            InputError: A setting is unknown or out of its range.
        """
        configs = []
        for number, stage in enumerate(self.stages, start=1):
            start = {"init": str(run_dir / str(number - 1) / SNAPSHOT_FOLDER) if number > 1 else NONE}
            configs.append(record(TrainingConfig, {**runtime, **stage, **start}, f"stage {number} of the recipe"))
        return configs


def refuse_settings(settings: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Raise ``InputError`` where a command line with a recipe changes a setting that is the recipe's."""
    changed = [name for name in defaults if name not in RUNTIME_FIELDS and settings[name] != defaults[name]]
    if changed:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in changed)
        raise InputError(f"--recipe has all settings; leave out {flags}, or change a copy of the file")
