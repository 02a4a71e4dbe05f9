"""Images with captions of any kind: ``--conditioning aligned`` or ``pooled``."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from encoder.common.errors import InputError
from gan.tasks.base import Judge, Task

if TYPE_CHECKING:
    from torch import Tensor

    from gan.data import ImageDataset
    from gan.evaluation.pictures import Pictures
    from gan.evaluation.report import Results
    from gan.evaluation.stopwatch import Stopwatch
    from gan.pipeline import TextToImage
    from gan.training.conditions import Conditioner
    from gan.training.config import TrainingConfig
    from gan.training.previews import Monitor

PROMPTS = 10


class Captions(Task):
    """The condition is a vector of the caption as a whole, from a text encoder."""

    name, noun, alias = "captions", "image", "captions"
    conditionings = {"aligned": ("aligned",), "pooled": ("pooled",)}  # noqa: RUF012
    summary = "captions, as they are written"

    def share(self, data: ImageDataset) -> float:
        return 0.5  # it can use all images; another task that can use most of them suits them better

    def settle(self, config: TrainingConfig) -> TrainingConfig:
        from gan.networks import caption_arguments

        if config.colours:
            raise InputError(
                f"--colours are those of hair and eyes, not of --conditioning {config.conditioning}; leave it out"
            )
        # A run from a release has its networks.
        generator = {} if config.init else caption_arguments(config.architecture)
        return dataclasses.replace(config, generator=generator | config.generator)

    def prepare(self, data: ImageDataset, say: Callable[[str], None] = print) -> ImageDataset:
        return data

    def conditioner(
        self,
        config: TrainingConfig,
        data: ImageDataset,
        run_dir: Path,
        *,
        prompts: Sequence[str] = (),
        quiet: bool = False,
    ) -> tuple[ImageDataset, Conditioner]:
        from gan.training.conditioning import build_conditioner

        return build_conditioner(config, data, run_dir, prompts=prompts, quiet=quiet)

    def has_classes(self, data: ImageDataset) -> bool:
        return len({group for group in data.groups if group}) > 1

    def prompts(self, heldout: ImageDataset) -> list[str]:
        return list(dict.fromkeys(captions[0] for captions in heldout.captions))[:PROMPTS]

    def monitor(self, training: ImageDataset, heldout: ImageDataset) -> Monitor:
        from gan.evaluation.matcher import matcher_for
        from gan.evaluation.monitors import CaptionMonitor

        return CaptionMonitor(heldout, matcher_for(training))

    def judge(self, training: ImageDataset, heldout: ImageDataset, classifier_dir: Path, seed: int) -> Judge:
        from gan.evaluation.monitors import CaptionedJudge

        return CaptionedJudge(training, heldout, seed)

    def draw(
        self, pipeline: TextToImage, heldout: ImageDataset | None, count: int, seed: int
    ) -> tuple[Tensor, list[str]]:
        from gan.evaluation.captions import Asked
        from gan.evaluation.drawing import draw

        if heldout is None:
            raise InputError(f"{pipeline.name}: draws captions of any kind; give --data, whose captions to draw")
        asked = Asked.of(heldout, count, pipeline.config.sources)
        return draw(pipeline, asked.texts, seed, asked.styles, "images"), asked.texts

    def evaluate(
        self,
        pipeline: TextToImage | None,
        pictures: Callable[[], Pictures] | None,
        training: ImageDataset | None,
        heldout: ImageDataset | None,
        *,
        count: int,
        seed: int,
        classifier_dir: Path,
        cascade: Path | None,
        watch: Stopwatch,
    ) -> Results:
        from gan.evaluation.captions import evaluate_captions

        if pipeline is None:
            names = ", ".join(heldout.source_names) if heldout else "--data"
            raise InputError(f"{names}: is not of faces; --images and --grid are judged by hair and eyes alone")
        if training is None or heldout is None:
            raise InputError(f"{pipeline.name}: draws captions of any kind; give --data, images to compare with")
        return evaluate_captions(pipeline, training, heldout, count=count, seed=seed, watch=watch)


TASK = Captions()
