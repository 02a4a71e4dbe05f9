"""What a kind of data decides: how its texts become conditions, and how its images are judged."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from gan.data import ImageDataset
    from gan.evaluation.pictures import Pictures
    from gan.evaluation.registry import Scores
    from gan.evaluation.report import Results
    from gan.evaluation.stopwatch import Stopwatch
    from gan.pipeline import TextToImage
    from gan.training.conditions import Conditioner
    from gan.training.config import TrainingConfig
    from gan.training.previews import Monitor


class Judge(Protocol):
    """Scores generators against held-out images, for a comparison of several."""

    @property
    def monitor(self) -> Monitor:
        """The quick score of a run."""

    def score_model(self, pipeline: TextToImage) -> Scores:
        """The scores of the images that a generator draws for the captions of the held-out ones."""

    def score_real(self) -> Scores:
        """The scores of real images: the held-out ones for what they show, as many training images for all else."""


class Task(ABC):
    """A kind of data. Its module imports nothing heavy: its methods import what they need.

    Attributes:
        name: Its key.
        noun: What one image shows, as in "4 faces".
        conditionings: Each ``--conditioning`` that it offers, the default first, with the kinds of text encoder that
            releases of it have.
        alias: Another value of ``--conditioning``, which leaves open which of ``conditionings`` it is.
        summary: What conditions its generators, for people.
    """

    name: ClassVar[str]
    noun: ClassVar[str]
    conditionings: ClassVar[dict[str, tuple[str, ...]]]
    alias: ClassVar[str]
    summary: ClassVar[str]

    @property
    def default(self) -> str:
        """The conditioning that it takes where nothing says which."""
        return next(iter(self.conditionings))

    # -- what fits ---------------------------------------------------------------------------------------------------

    @abstractmethod
    def share(self, data: ImageDataset) -> float:
        """The share of images, from 0 to 1, that it can use. The task with the largest one takes the data."""

    def evidence(self, share: float) -> str:
        """What ``share`` means, for people; empty where it was not measured."""
        return ""

    # -- training ----------------------------------------------------------------------------------------------------

    @abstractmethod
    def settle(self, config: TrainingConfig) -> TrainingConfig:
        """The settings with the task's own defaults; ``InputError`` where some of them do not go with it."""

    @abstractmethod
    def prepare(self, data: ImageDataset, say: Callable[[str], None] = print) -> ImageDataset:
        """The images that it can use, in the form that it needs; ``say`` gets a line about those that it leaves out.

        Raises:
            InputError: It can use none.
        """

    @abstractmethod
    def conditioner(
        self,
        config: TrainingConfig,
        data: ImageDataset,
        run_dir: Path,
        *,
        prompts: Sequence[str] = (),
        quiet: bool = False,
    ) -> tuple[ImageDataset, Conditioner]:
        """The texts of a run.

        Args:
            config: The settings, by ``settle``.
            data: The training images, by ``prepare``.
            run_dir: Where files are kept that belong to the run.
            prompts: Captions of images that are not trained on, for sample grids.
            quiet: Show no progress.

        Returns:
            The training images, whose captions may have been corrected, and what gives their texts.
        """

    @abstractmethod
    def has_classes(self, data: ImageDataset) -> bool:
        """Whether an objective that classifies can be trained on the images."""

    @abstractmethod
    def prompts(self, heldout: ImageDataset) -> list[str]:
        """Texts for a picture that compares generators."""

    # -- judging -----------------------------------------------------------------------------------------------------

    @abstractmethod
    def monitor(self, training: ImageDataset, heldout: ImageDataset) -> Monitor:
        """The quick score of a run; ``InputError`` where too few images are held out."""

    @abstractmethod
    def judge(self, training: ImageDataset, heldout: ImageDataset, classifier_dir: Path, seed: int) -> Judge:
        """Scores generators alike; ``classifier_dir`` is the folder of the classifier of faces."""

    @abstractmethod
    def draw(
        self, pipeline: TextToImage, heldout: ImageDataset | None, count: int, seed: int
    ) -> tuple[Tensor, list[str]]:
        """The images that ``evaluate`` judges, uint8 (``count``, 3, 64, 64), and their texts.

        Raises:
            InputError: It needs held-out images, whose captions to draw.
        """

    @abstractmethod
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
        """Judge what a model draws, or given pictures.

        Args:
            pipeline: The model, or ``None``.
            pictures: Reads given ones, where there is no model.
            training: The real images that the model was trained on, where some are given.
            heldout: Others, in a random order.
            count: Images to draw.
            seed: Of everything random.
            classifier_dir: The folder of the classifier of faces.
            cascade: An OpenCV face cascade, for the course's score.
            watch: Times the parts.

        Raises:
            InputError: It cannot judge what is given.
        """
