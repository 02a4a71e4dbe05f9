"""The attribute classifier: reads hair, eyes and length of faces, and gives the features that sets are compared in.

``python -m gan.classifier`` trains it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from encoder.attributes.vocabulary import EYE_COLOURS, HAIR_COLOURS, HAIR_LENGTHS
from encoder.common import weights
from encoder.common.atomic import transaction, write_contents
from encoder.common.errors import InputError
from encoder.common.records import Within, read_json, record, write_json
from encoder.common.templates import render
from encoder.common.threads import parallel_map
from encoder.paths import PRETRAINED
from gan.data.dataset import IMAGE_SIZE
from gan.images import channels_last, to_signed
from gan.networks import load_weights

CLASSIFIER_DIR = PRETRAINED / "classifier"
CONFIG_FILE = "config.json"
WEIGHTS_FILE = "classifier.safetensors"
FILES = (WEIGHTS_FILE, "README.md", CONFIG_FILE)
CARD = Path(__file__).parent / "templates" / "classifier.md"

UNKNOWN = 0  # the label of a colour that is not stated, as in ``Attributes.indices``
WIDTHS = (32, 64, 128, 192)
Channels = Annotated[int, Within(1, 4096)]


@dataclass(frozen=True, eq=False)
class Reading:
    """What the classifier reads in N faces.

    Attributes:
        hair: int64 (N,), 1 to 12, as in ``Attributes.indices``.
        eyes: int64 (N,), 1 to 11, likewise.
        length: int64 (N,), 1 or 2, likewise.
        hair_probabilities: float32 (N, 12), in the order of ``HAIR_COLOURS``.
        eyes_probabilities: float32 (N, 11), in the order of ``EYE_COLOURS``.
        length_probabilities: float32 (N, 2), in the order of ``HAIR_LENGTHS``.
        features: float32 (N, F), what all of it is read from.
    """

    hair: Tensor
    eyes: Tensor
    length: Tensor
    hair_probabilities: Tensor
    eyes_probabilities: Tensor
    length_probabilities: Tensor
    features: Tensor

    def __getitem__(self, index: slice | Tensor) -> Reading:
        """The reading of the faces in a slice, at int64 positions or under a bool mask."""
        return Reading(*(getattr(self, own.name)[index] for own in fields(self)))

    def probability(self, asked: Tensor) -> Tensor:
        """The probability (N,) that faces have the colours asked for, int64 (N, 2 or more); 1 of an unstated one."""
        probability = torch.ones(len(asked))
        for values, wanted in ((self.hair_probabilities, asked[:, 0]), (self.eyes_probabilities, asked[:, 1])):
            shares = torch.cat([torch.ones(len(values), 1), values], 1)
            probability *= shares.gather(1, wanted[:, None]).squeeze(1)
        return probability


class AttributeClassifier(nn.Module):
    """A small residual network with BatchNorm (He et al. 2016), and one linear head for each attribute."""

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.stem = nn.Sequential(
            nn.Conv2d(3, widths[0], 4, 2, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()
        )  # (N, 3, 64, 64) -> (N, widths[0], 32, 32)
        self.stages = nn.Sequential(
            _Residual(widths[0], widths[0], stride=1), *(_Residual(a, b, stride=2) for a, b in pairwise(widths))
        )
        self.hair = nn.Linear(widths[-1], len(HAIR_COLOURS))
        self.eyes = nn.Linear(widths[-1], len(EYE_COLOURS))
        self.length = nn.Linear(widths[-1], len(HAIR_LENGTHS))

    def features(self, images: Tensor) -> Tensor:
        """Images (N, 3, 64, 64) in [-1, 1] to features (N, ``widths[-1]``), not negative."""
        return self.stages(self.stem(images)).mean((2, 3))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Images (N, 3, 64, 64) in [-1, 1] to the logits of hair (N, 12), eyes (N, 11) and length (N, 2)."""
        return self.logits(self.features(images))

    def logits(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The logits of features, as in ``forward``."""
        return self.hair(features), self.eyes(features), self.length(features)

    def read(self, images: Tensor | np.ndarray, batch_size: int = 64) -> Reading:
        """Read uint8 images (N, 3, 64, 64), N at least 1, in evaluation mode.

        Raises:
            ValueError: Images of another type or shape.
        """
        images = torch.as_tensor(images)
        if images.dtype != torch.uint8 or images.shape[1:] != (3, IMAGE_SIZE, IMAGE_SIZE) or not len(images):
            raise ValueError(f"images are uint8 (N, 3, 64, 64), not {images.dtype} {tuple(images.shape)}")
        self.eval()
        batches = parallel_map(self._read, images.split(batch_size))
        features, *shares = (torch.cat(parts) for parts in zip(*batches, strict=True))
        hair, eyes, length = shares
        return Reading(hair.argmax(1) + 1, eyes.argmax(1) + 1, length.argmax(1) + 1, hair, eyes, length, features)

    @torch.inference_mode()
    def _read(self, images: Tensor) -> tuple[Tensor, ...]:
        """Uint8 images (N, 3, 64, 64) to their features and the probabilities of each attribute's values."""
        features = self.features(to_signed(images))
        return features, *(logits.softmax(1) for logits in self.logits(features))


class _Residual(nn.Module):
    """Two 3x3 convolutions beside a shortcut; ``stride`` 2 halves the picture."""

    def __init__(self, width_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width_in, width, 3, stride, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, 1, 1, bias=False),
            nn.BatchNorm2d(width),
        )
        self.shortcut = (
            nn.Sequential(nn.AvgPool2d(stride), nn.Conv2d(width_in, width, 1)) if stride > 1 else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.shortcut(x))


def right_colours(reading: Reading, asked: Tensor) -> dict[str, Tensor]:
    """Whether ``hair``, ``eyes`` and ``both`` are read as asked, bool, in those of N faces that are asked for each.

    Args:
        reading: Of the faces.
        asked: int64 (N, 2 or more): hair and eyes, as in ``Attributes.indices``; an unknown colour is not asked for.
    """
    asked = asked[:, :2]
    known, right = asked != UNKNOWN, torch.stack([reading.hair, reading.eyes], 1) == asked
    return {"hair": right[known[:, 0], 0], "eyes": right[known[:, 1], 1], "both": right.all(1)[known.all(1)]}


def accuracies(reading: Reading, asked: Tensor) -> dict[str, float]:
    """The shares that ``right_colours`` come to; a share of nothing is NaN."""
    return {name: values.double().mean().item() for name, values in right_colours(reading, asked).items()}


def length_accuracy(reading: Reading, asked: Tensor) -> dict[str, float] | None:
    """How hair lengths are read, of ``asked`` int64 (N, 3); ``None`` where none is known.

    Returns:
        ``read``: the share that is read as asked; ``commonest``: what always saying the commonest one gives.
    """
    known = asked[:, 2] != UNKNOWN
    if not known.any():
        return None
    right = (reading.length == asked[:, 2])[known].double().mean().item()
    commonest = asked[known, 2].bincount().max().item() / int(known.sum())
    return {"read": right, "commonest": commonest}


def load_classifier(path: str | Path = CLASSIFIER_DIR) -> AttributeClassifier:
    """The classifier of a folder, in evaluation mode; ``InputError`` where a file is missing or damaged."""
    path = Path(path)
    model = AttributeClassifier(read_config(path).widths)
    load_weights(model, path / WEIGHTS_FILE)
    return channels_last(model.eval().requires_grad_(False))


@dataclass(frozen=True)
class ClassifierConfig:
    """The part of ``config.json`` that is read again; other keys there are notes for people.

    Attributes:
        widths: Channels of the network.
        accuracy: Shares of held-out faces that were read as asked, as ``accuracies`` gives them, by source and view.
    """

    widths: tuple[Channels, ...]
    accuracy: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.widths:
            raise InputError("widths is empty; it must name the channels of a layer or more")


def read_config(path: str | Path = CLASSIFIER_DIR) -> ClassifierConfig:
    """The ``config.json`` of a classifier; ``InputError`` where it is missing or broken."""
    file = Path(path) / CONFIG_FILE
    return record(ClassifierConfig, read_json(file, finite=False), file, notes=True)


def save_classifier(model: AttributeClassifier, path: Path, notes: dict[str, Any]) -> None:
    """Write what ``load_classifier`` reads, at once: weights, a model card, and ``config.json`` with the ``notes``."""
    card = render(CARD, **{"length": {}, **notes})
    with transaction():
        weights.save(model.state_dict(), path / WEIGHTS_FILE)
        write_contents(path / "README.md", card)
        write_json(path / CONFIG_FILE, {"widths": list(model.widths), **notes})
