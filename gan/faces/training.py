"""The training of the two judges of faces: the classifier of attributes, and the localiser of hair and irises."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F

from encoder.attributes.vocabulary import COLOUR_SLOTS
from encoder.common import arguments
from encoder.common.arguments import MAX_SEED
from encoder.common.folders import OutputFolder
from encoder.common.memory import tune_malloc
from encoder.common.options import setting
from encoder.common.precision import autocast
from encoder.common.records import Within
from gan.data.settings import DataSettings
from gan.faces.classifier import UNKNOWN, WIDTHS, AttributeClassifier, accuracies, length_accuracy
from gan.faces.dataset import FaceDataset, faces_of
from gan.faces.localiser import Localiser
from gan.images import blur, channels_last, to_signed, to_uint8
from gan.supervised import fit

SOURCE_WEIGHTS = {"anime": 0.5}  # one label in four of the Anime Dataset is wrong
LABEL_SMOOTHING = 0.05
LOCALISER_BATCH, SHIFT = 48, 6
"""Faces of a step of the localiser, and pixels by which they are moved, so that a place means nothing."""


@dataclass(frozen=True, kw_only=True)
class FaceTrainingOptions(DataSettings):
    """The options of both trainings; the images are faces."""

    out: Path = setting()
    seed: Annotated[int, Within(0, MAX_SEED)] = setting(0, "of everything random (default 0)")


Options = TypeVar("Options", bound=FaceTrainingOptions)


def out_setting(name: str) -> Any:
    """The folder of the network of that name."""
    return setting(
        Path("runs", name),
        f"the folder to write (default runs/{name}); the shipped one lies in pretrained/{name}",
        metavar="DIR",
        parse=arguments.output_folder,
    )


def train_and_save(
    options: Options, output: OutputFolder, train: Callable[[Options, FaceDataset, FaceDataset], Any]
) -> int:
    """The work of both commands: load the faces, train on them, save the network, and print its accuracies.

    Args:
        output: What is written.
        train: Trains on the first faces and saves; the accuracies on the second ones.
    """
    tune_malloc()
    with output.held(options.out):
        everything, summary = options.load()
        print(summary)
        faces = faces_of(everything)
        accuracies = train(options, faces.of("train"), faces.of("heldout"))
    print(f"{options.out}: {json.dumps(accuracies)}")
    return 0


def train_classifier(
    faces: FaceDataset,
    *,
    epochs: float,
    batch_size: int = 128,
    learning_rate: float = 3e-3,
    seed: int = 0,
    widths: Sequence[int] = WIDTHS,
    progress: bool = True,
) -> AttributeClassifier:
    """Train a classifier; on one thread the same seed gives the same weights.

    Args:
        faces: Real faces; an unknown colour costs nothing.
        epochs: Times that each face is seen.
        batch_size: At most as many as there are faces.
        learning_rate: At its highest, after a tenth of the steps.
        seed: Of the first weights, the order and the augmentation.
        widths: Channels at 32, 16, 8, ... pixels.

    Raises:
        BreakdownError: The loss is not finite.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = channels_last(AttributeClassifier(widths))
    batch_size, weights = min(batch_size, len(faces)), _weights(faces)

    def loss_of(batch: Tensor) -> Tensor:
        views = augment(to_signed(faces.images[batch]), generator).contiguous(memory_format=torch.channels_last)
        with autocast():
            logits = model(views)
        pairs = zip(logits, (faces.attributes[batch] - 1).unbind(1), strict=True)
        return torch.stack(
            [(_cross_entropy(scores.float(), own) * weights[batch]).mean() for scores, own in pairs]
        ).sum()

    fit(
        model,
        loss_of,
        len(faces),
        name="classifier",
        steps=max(1, round(epochs * len(faces) / batch_size)),
        batch_size=batch_size,
        learning_rate=learning_rate,
        generator=generator,
        weight_decay=0.05,
        betas=(0.9, 0.99),
        progress=progress,
    )
    return model


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Images (N, 3, 64, 64) in [-1, 1] as a generator might have drawn them; their colours stay.

    All are turned, zoomed, moved and bent a little; half of them are mirrored, half blurred, half made noisy, and half
    lose a square.
    """
    n, _, size, _ = images.shape

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(n, *shape, generator=generator) * (high - low) + low

    def half() -> Tensor:
        return (torch.rand(n, generator=generator) < 0.5).float()

    angle, zoom, mirror = uniform(-0.12, 0.12), uniform(0.88, 1.12), 1 - 2 * half()
    cosine, sine = angle.cos() * zoom, angle.sin() * zoom
    shift_x, shift_y = uniform(-0.12, 0.12, 2).unbind(1)  # up to 4 pixels
    matrix = torch.stack([cosine * mirror, -sine, shift_x, sine * mirror, cosine, shift_y], 1).view(n, 2, 3)
    bend = torch.randn(n, 2, 6, 6, generator=generator) * uniform(0, 0.05, 1, 1, 1)
    bend = F.interpolate(bend, size=size, mode="bicubic", align_corners=False).permute(0, 2, 3, 1)
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False) + bend
    images = F.grid_sample(images, grid, padding_mode="border", align_corners=False)

    images = blur(images, uniform(0.3, 1.6) * half())
    noise = torch.randn(images.shape, generator=generator)
    images = images + noise * (uniform(0.02, 0.2) * half())[:, None, None, None]

    # The square takes a random colour, so that no colour means a square.
    centre, reach = uniform(0, size, 2), uniform(4, 11) * half()
    inside = (torch.arange(size) - centre[:, :, None]).abs() < reach[:, None, None]  # (N, 2, size)
    square = inside[:, None, 0, :, None] & inside[:, None, 1, None, :]
    return torch.where(square, uniform(-1, 1, 3, 1, 1), images).clamp(-1, 1)


def _weights(faces: FaceDataset) -> Tensor:
    """How much each face counts, float32 (N,)."""
    return torch.tensor([SOURCE_WEIGHTS.get(name, 1.0) for name in faces.source_names])[faces.sources]


def _cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(logits, targets, ignore_index=UNKNOWN - 1, label_smoothing=LABEL_SMOOTHING, reduction="none")


def measure(model: AttributeClassifier, faces: FaceDataset) -> dict[str, dict[str, dict[str, float]]]:
    """The accuracies on real faces: by source, then by what was done to the pictures, then as in ``accuracies``."""
    generator = torch.Generator().manual_seed(0)

    def changed(change: Callable[[Tensor], Tensor]) -> Tensor:
        return torch.cat([to_uint8(change(to_signed(batch))) for batch in faces.images[:].split(256)])

    views = {
        "as they are": faces.images[:],
        "blurred by 1 px": changed(lambda images: blur(images, torch.ones(len(images)))),
        "with noise of 0.1": changed(lambda images: images + 0.1 * torch.randn(images.shape, generator=generator)),
        "as in training": changed(lambda images: augment(images, generator)),
    }
    readings = {view: model.read(images) for view, images in views.items()}
    return {
        name: {view: accuracies(reading[chosen], faces.attributes[chosen]) for view, reading in readings.items()}
        for name, chosen in faces.by_source()
        if chosen.any()
    }


def lengths(model: AttributeClassifier, faces: FaceDataset) -> dict[str, dict[str, float]]:
    """How hair lengths are read, by source, as ``length_accuracy`` tells; of those sources that know any."""
    reading = model.read(faces.images[:])
    found = {name: length_accuracy(reading[chosen], faces.attributes[chosen]) for name, chosen in faces.by_source()}
    return {name: scores for name, scores in found.items() if scores}


def train_localiser(faces: FaceDataset, *, steps: int, seed: int = 0, progress: bool = True) -> Localiser:
    """Train a localiser on the colours that captions state; on one thread the same seed gives the same weights.

    Args:
        faces: Real faces; an unknown colour costs nothing.
        steps: Batches of 48 faces.
        seed: Of the first weights and the order.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = channels_last(Localiser())
    weights = _weights(faces)

    def loss_of(rows: Tensor) -> Tensor:
        shift = torch.randint(-SHIFT, SHIFT + 1, (2,), generator=generator).tolist()
        views = torch.roll(to_signed(faces.images[rows]), shift, (2, 3))
        with autocast():
            probabilities, _ = model(views.contiguous(memory_format=torch.channels_last))
        first, *others = [_loss(p, faces.attributes[rows, i], weights[rows]) for i, p in enumerate(probabilities)]
        return sum(others, first)

    fit(
        model,
        loss_of,
        len(faces),
        name="localiser",
        steps=steps,
        batch_size=LOCALISER_BATCH,
        learning_rate=4e-3,
        generator=generator,
        weight_decay=0.01,
        progress=progress,
    )
    return model


def _loss(probabilities: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """``-log p`` of the stated values, labels int64 (N,) with 0 for unknown; the weighted mean over those known."""
    known = labels > 0
    chosen = probabilities[known].gather(1, labels[known, None] - 1).squeeze(1)
    return -(chosen.clamp_min(1e-6).log() * weights[known]).sum() / max(1, int(known.sum()))


@torch.inference_mode()
def accuracy(model: Localiser, faces: FaceDataset) -> dict[str, float]:
    """The shares of the hair and eye colours of captions that the localiser reads, of those known."""
    parts = [model(to_signed(images))[0] for images in faces.images[:].split(256)]
    read = [torch.cat(part).argmax(1) + 1 for part in zip(*parts, strict=True)]
    known = faces.attributes > 0
    return {
        slot: (read[i] == faces.attributes[:, i])[known[:, i]].double().mean().item()
        for i, slot in enumerate(COLOUR_SLOTS)
    }
