"""Faces whose captions state hair, eyes and length: ``--conditioning attributes``."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encoder.common.errors import InputError
from gan.tasks.base import Judge, Task

if TYPE_CHECKING:
    from torch import Tensor

    from gan.data import ImageDataset
    from gan.evaluation.report import Results
    from gan.faces.dataset import FaceDataset
    from gan.pipeline import TextToImage
    from gan.training.conditions import Conditioner
    from gan.training.config import TrainingConfig
    from gan.training.previews import Monitor

SAMPLE = 512  # images whose captions are looked at


class Faces(Task):
    """The condition is what a caption says of each attribute of a face."""

    name, noun, alias = "faces", "face", "head"
    conditionings = {"attributes": ("head", "onehot")}  # noqa: RUF012
    summary = "attributes (hair, eyes, length)"

    def share(self, data: ImageDataset) -> float:
        from gan.faces.dataset import share_of_faces

        return share_of_faces(data, SAMPLE)

    def evidence(self, share: float) -> str:
        return f"{100 * share:.0f} % of the captions state hair or eyes"

    def settle(self, config: TrainingConfig) -> TrainingConfig:
        if config.encoder == "onehot" and config.colours:
            raise InputError("--encoder onehot has no room for particular colours; leave out --colours, or --encoder")
        return dataclasses.replace(config, conditioning="attributes")

    def prepare(self, data: ImageDataset, say: Callable[[str], None] = print) -> FaceDataset:
        from gan.faces.dataset import faces_of

        faces = faces_of(data)
        if len(faces) < len(data):
            say(f"{len(data) - len(faces):,} of {len(data):,} images state neither hair nor eyes and are left out")
        return faces

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
        return True

    def prompts(self, heldout: ImageDataset) -> list[str]:
        from gan.training.conditions.faces import PROMPTS

        return list(PROMPTS)

    def monitor(self, training: ImageDataset, heldout: ImageDataset) -> Monitor:
        from gan.faces.classifier import load_classifier
        from gan.faces.judging import FaceMonitor

        return FaceMonitor(_faces(heldout), load_classifier())

    def judge(self, training: ImageDataset, heldout: ImageDataset, classifier_dir: Path, seed: int) -> Judge:
        from gan.faces.judging import FaceJudge

        return FaceJudge(_faces(training), _faces(heldout), classifier_dir, seed)

    def draw(
        self, pipeline: TextToImage, heldout: ImageDataset | None, count: int, seed: int
    ) -> tuple[Tensor, list[str]]:
        from gan.evaluation.drawing import draw
        from gan.faces.evaluate import faces_asked
        from gan.faces.judging import captions_of

        attributes, style = faces_asked(pipeline, None if heldout is None else _faces(heldout), count)
        texts = captions_of(attributes)
        return draw(pipeline, texts, seed, style, "faces"), texts

    def evaluate(self, pipeline, pictures, training, heldout, **settings: Any) -> Results:  # type: ignore[no-untyped-def]
        from gan.faces.evaluate import evaluate_faces

        return evaluate_faces(pipeline, pictures and pictures(), training, heldout, **settings)


def _faces(data: ImageDataset) -> FaceDataset:
    """Images that ``Faces.prepare`` has prepared."""
    from gan.faces.dataset import FaceDataset

    assert isinstance(data, FaceDataset)
    return data


TASK = Faces()
