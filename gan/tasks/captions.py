"""Images with captions of any kind: ``--conditioning aligned`` or ``pooled``."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encoder.common.errors import InputError
from gan.tasks.base import Task

if TYPE_CHECKING:
    from gan.data import ImageDataset
    from gan.evaluation.judge import Judge
    from gan.training.conditions import Conditioner
    from gan.training.config import TrainingConfig
    from gan.training.run import Run

PROMPTS = 10


class Captions(Task):
    """The condition is a vector of the caption as a whole, from a text encoder."""

    name, noun, alias = "captions", "image", "captions"
    conditionings = {"aligned": ("aligned",), "pooled": ("pooled",)}  # noqa: RUF012
    summary = "captions, as they are written"
    releases = ("emoji",)

    def share(self, data: ImageDataset) -> float:
        return 0.5  # it can use all images; another task that can use most of them suits them better

    def settle(self, config: TrainingConfig) -> TrainingConfig:
        from gan.networks import caption_arguments

        if config.colours:
            raise InputError(
                f"--colours are those of hair and eyes, not of --conditioning {config.conditioning}; leave it out"
            )
        # A run from a release has its networks.
        generator = {} if config.release else caption_arguments(config.architecture)
        return dataclasses.replace(config, generator=generator | config.generator)

    def prepare(self, data: ImageDataset, say: Callable[[str], None] = print) -> ImageDataset:
        return data

    def conditioner(
        self, run: Run, data: ImageDataset, *, prompts: Sequence[str] = (), quiet: bool = False
    ) -> tuple[ImageDataset, Conditioner]:
        from gan.training.conditioning import caption_conditioner

        return data, caption_conditioner(run, data, prompts=prompts, quiet=quiet)

    def has_classes(self, data: ImageDataset) -> bool:
        return len({group for group in data.groups if group}) > 1

    def prompts(self, heldout: ImageDataset) -> list[str]:
        return list(dict.fromkeys(captions[0] for captions in heldout.captions))[:PROMPTS]

    def judge(
        self, training: ImageDataset | None, heldout: ImageDataset | None, seed: int = 0, **_: Path | None
    ) -> Judge[Any]:
        from gan.evaluation.captions import CaptionJudge
        from gan.evaluation.matcher import matcher_for

        if training is None or heldout is None:
            raise InputError("the model draws captions of any kind; give --data, images to compare with")
        return CaptionJudge(matcher_for(training), training, heldout, seed)


TASK = Captions()
