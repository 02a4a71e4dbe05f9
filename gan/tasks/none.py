"""Images without texts: ``--conditioning none``. They are prepared and judged as what their captions make them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encoder.base import NO_TEXTS
from encoder.common.errors import InputError
from gan.tasks.base import Task
from gan.tasks.captions import TASK as CAPTIONS
from gan.tasks.faces import TASK as FACES

if TYPE_CHECKING:
    from gan.data import ImageDataset
    from gan.evaluation.judge import Judge
    from gan.training.conditions import Conditioner
    from gan.training.config import TrainingConfig
    from gan.training.run import Run


class NoTexts(Task):
    """The condition is the same for every image, so that the noise decides all."""

    name, noun, alias = NO_TEXTS, "image", NO_TEXTS
    conditionings = {NO_TEXTS: (NO_TEXTS,)}  # noqa: RUF012
    summary = "nothing"
    reads_captions = False

    def share(self, data: ImageDataset) -> float:
        return 0.0  # only where it is asked for

    def settle(self, config: TrainingConfig) -> TrainingConfig:
        from gan.training.objectives import OBJECTIVES

        for name in ("colours", "interpolate", "encoder_path"):
            if getattr(config, name):
                raise InputError(
                    f"--{name.replace('_', '-')} is about texts, and --conditioning none has none; leave it out"
                )
        if OBJECTIVES[config.objective].needs_wrong_texts:
            others = ", ".join(name for name, each in OBJECTIVES.items() if not each.needs_wrong_texts)
            raise InputError(
                f"{config.objective} learns from wrong texts, and --conditioning none has none; "
                f"give another --objective: {others}"
            )
        return config

    def prepare(self, data: ImageDataset, say: Callable[[str], None] = print) -> ImageDataset:
        return task_by_captions(data).prepare(data, say)

    def conditioner(
        self, run: Run, data: ImageDataset, *, prompts: Sequence[str] = (), quiet: bool = False
    ) -> tuple[ImageDataset, Conditioner]:
        from gan.training.conditions import NoConditions

        return data, NoConditions()

    def has_classes(self, data: ImageDataset) -> bool:
        return False

    def prompts(self, heldout: ImageDataset) -> list[str]:
        return task_by_captions(heldout).prompts(heldout)

    def judge(
        self, training: ImageDataset | None, heldout: ImageDataset | None, seed: int = 0, **options: Path | None
    ) -> Judge[Any]:
        if training is None:
            raise InputError("the model draws without texts; give --data, images to compare with")
        return task_by_captions(training).judge(training, heldout, seed, **options)


def task_by_captions(data: ImageDataset) -> Task:
    """The task that the captions of images would have, were they read."""
    return max((CAPTIONS, FACES), key=lambda task: task.share(data))


TASK = NoTexts()
