"""What a kind of data decides: how its texts become conditions, and how its images are judged."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from gan.data import ImageDataset
    from gan.evaluation.judge import Judge
    from gan.training.conditions import Conditioner
    from gan.training.config import TrainingConfig
    from gan.training.run import Run


class Task(ABC):
    """A kind of data. Its module imports nothing heavy: its methods import what they need.

    Attributes:
        name: Its key.
        noun: What one image shows, as in "4 faces".
        conditionings: Each ``--conditioning`` that it offers, the default first, with the kinds of text encoder that
            releases of it have.
        alias: Another value of ``--conditioning``, which leaves open which of ``conditionings`` it is.
        summary: What conditions its generators, for people.
        reads_captions: Whether the condition depends on captions.
        judges_any_text: Whether pictures can be judged by any texts, not only by captions of held-out images.
        releases: Folders of ``pretrained/`` that a new run starts from, the first one that is there and fits.
    """

    name: ClassVar[str]
    noun: ClassVar[str]
    conditionings: ClassVar[dict[str, tuple[str, ...]]]
    alias: ClassVar[str]
    summary: ClassVar[str]
    reads_captions: ClassVar[bool] = True
    judges_any_text: ClassVar[bool] = False
    releases: ClassVar[tuple[str, ...]] = ()

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
        self, run: Run, data: ImageDataset, *, prompts: Sequence[str] = (), quiet: bool = False
    ) -> tuple[ImageDataset, Conditioner]:
        """The texts of a run.

        Args:
            run: Its settings, by ``settle``, and its folder.
            data: The training images, by ``prepare``.
            prompts: Captions of images that are not trained on, for sample grids.

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
    def judge(
        self,
        training: ImageDataset | None,
        heldout: ImageDataset | None,
        seed: int = 0,
        *,
        classifier_dir: Path | None = None,
        cascade: Path | None = None,
    ) -> Judge[Any]:
        """What judges images: of an evaluation, of a comparison, of a run (``Judge.monitor``).

        Args:
            training: The real images that the model was trained on, where some are given.
            heldout: Others, in a random order.
            classifier_dir: The folder of the classifier of faces; the shipped one by default.
            cascade: An OpenCV face cascade, for the course's score of faces.

        Raises:
            InputError: It needs real images.
        """
