"""Faces whose captions state hair, eyes and length: ``--conditioning attributes``."""

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
    from gan.faces.dataset import FaceDataset
    from gan.training.conditions import Conditioner
    from gan.training.config import TrainingConfig
    from gan.training.run import Run

SAMPLE = 512  # images whose captions are looked at


class Faces(Task):
    """The condition is what a caption says of each attribute of a face."""

    name, noun, alias = "faces", "face", "head"
    conditionings = {"attributes": ("head", "onehot")}  # noqa: RUF012
    summary = "attributes (hair, eyes, length)"
    judges_any_text = True

    def share(self, data: ImageDataset) -> float:
        from gan.faces.dataset import share_of_faces

        return share_of_faces(data, SAMPLE)

    def evidence(self, share: float) -> str:
        return f"{100 * share:.0f} % of the captions state hair or eyes"

    def settle(self, config: TrainingConfig) -> TrainingConfig:
        if config.encoder == "onehot" and config.colours:
            raise InputError("--encoder onehot has no room for exact colours; leave out --colours, or --encoder")
        if config.encoder == "onehot" and config.ada:
            raise InputError(
                "--encoder onehot cannot read the held-out captions that --ada needs; leave one of them out"
            )
        return dataclasses.replace(config, conditioning="attributes")

    def prepare(self, data: ImageDataset, say: Callable[[str], None] = print) -> FaceDataset:
        from gan.faces.dataset import faces_of

        faces = faces_of(data)
        if len(faces) < len(data):
            say(f"{len(data) - len(faces):,} of {len(data):,} images state neither hair nor eyes and are left out")
        return faces

    def conditioner(
        self, run: Run, data: ImageDataset, *, prompts: Sequence[str] = (), quiet: bool = False
    ) -> tuple[ImageDataset, Conditioner]:
        from gan.faces.dataset import FaceDataset
        from gan.training.conditioning import attribute_conditioner

        assert isinstance(data, FaceDataset)
        return attribute_conditioner(run, data, quiet=quiet)

    def has_classes(self, data: ImageDataset) -> bool:
        return True

    def prompts(self, heldout: ImageDataset) -> list[str]:
        from gan.training.conditions.faces import PROMPTS

        return list(PROMPTS)

    def judge(
        self,
        training: ImageDataset | None,
        heldout: ImageDataset | None,
        seed: int = 0,
        *,
        classifier_dir: Path | None = None,
        cascade: Path | None = None,
    ) -> Judge[Any]:
        from gan.evaluation.faces.judge import FaceJudge
        from gan.faces.classifier import CLASSIFIER_DIR, load_classifier, read_config
        from gan.faces.dataset import FaceDataset

        assert training is None or isinstance(training, FaceDataset)
        assert heldout is None or isinstance(heldout, FaceDataset)
        folder = classifier_dir or CLASSIFIER_DIR
        accuracy = read_config(folder).accuracy
        ceiling = {name: views["as they are"] for name, views in accuracy.items() if "as they are" in views}
        return FaceJudge(load_classifier(folder), training, heldout, seed, ceiling=ceiling, cascade=cascade)


TASK = Faces()
