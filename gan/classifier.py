"""Trains the classifier of hair, eyes and length: ``python -m gan.classifier --data PATH [PATH ...]``.

It makes the one in ``pretrained/classifier`` again, which ``gan.faces.classifier`` loads.
"""

from __future__ import annotations

if __name__ == "__main__":  # before PyTorch, whose import takes seconds
    from encoder.common.command import start

    start()

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from encoder.common import arguments
from encoder.common.command import command
from encoder.common.errors import BreakdownError
from encoder.common.folders import OutputFolder
from encoder.common.memory import tune_malloc
from encoder.common.precision import autocast
from encoder.common.progress import Progress
from gan.data import load_images
from gan.faces.classifier import (
    CLASSIFIER_DIR,
    FILES,
    UNKNOWN,
    WIDTHS,
    AttributeClassifier,
    accuracies,
    length_accuracy,
    save_classifier,
)
from gan.faces.dataset import FaceDataset, faces_of
from gan.images import blur, channels_last, to_signed, to_uint8

SOURCE_WEIGHTS = {"anime": 0.5}  # one label in four of the Anime Dataset is wrong
LABEL_SMOOTHING = 0.05
MAX_EPOCHS = 1e6
OUTPUT = OutputFolder("gan.classifier", FILES)


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


def train(
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
        progress: Show how far it is.

    Raises:
        BreakdownError: The loss is not finite.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = channels_last(AttributeClassifier(widths)).train()
    batch_size = min(batch_size, len(faces))
    steps = max(1, round(epochs * len(faces) / batch_size))
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, betas=(0.9, 0.99), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps + 1, pct_start=0.1)
    weights = torch.tensor([SOURCE_WEIGHTS.get(name, 1.0) for name in faces.source_names])[faces.sources]

    order = batches(len(faces), batch_size, generator)
    with Progress("classifier", steps, "step", shown=progress) as bar:
        for step in range(steps):
            batch = next(order)
            views = augment(to_signed(faces.images[batch]), generator).contiguous(memory_format=torch.channels_last)
            targets = faces.attributes[batch] - 1
            with autocast():
                logits = model(views)
            loss = sum(
                (_cross_entropy(scores.float(), target) * weights[batch]).mean()
                for scores, target in zip(logits, targets.unbind(1), strict=True)
            )
            assert isinstance(loss, Tensor)
            if not loss.isfinite():
                raise BreakdownError(f"the classifier's loss is {loss.item()} in step {step}")
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            if step % 20 == 0:
                bar.note({"loss": f"{loss.item():.3f}"})
            bar.update()
    return model.eval()


def _cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(logits, targets, ignore_index=UNKNOWN - 1, label_smoothing=LABEL_SMOOTHING, reduction="none")


def batches(count: int, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Full batches of positions, for ever; within an epoch none comes twice."""
    while True:
        order = torch.randperm(count, generator=generator)
        yield from order[: count - count % batch_size].split(batch_size)


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


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = arguments.Parser(prog="python -m gan.classifier", description="Train the attribute classifier.")
    result.add_argument(
        "--data",
        type=arguments.non_empty,
        nargs="+",
        required=True,
        metavar="PATH",
        help="folders or zips with tags.csv",
    )
    result.add_argument(
        "--out",
        type=arguments.output_folder,
        default=str(CLASSIFIER_DIR),
        metavar="DIR",
        help="default pretrained/classifier",
    )
    result.add_argument(
        "--epochs", type=arguments.positive(MAX_EPOCHS), default=6.0, help="times each face is seen (default 6)"
    )
    result.add_argument("--seed", type=arguments.seed, default=0, help="default 0")
    return result


@command
def main(argv: Sequence[str] | None = None) -> int:
    """``python -m gan.classifier``. Returns the exit status (``encoder.common.command``)."""
    args = parser().parse_args(argv)
    tune_malloc()
    with OUTPUT.held(args.out):
        everything, summary = load_images(args.data, split="all")
        print(summary)
        known = faces_of(everything)
        faces, heldout = known.of("train"), known.of("heldout")
        model = train(faces, epochs=args.epochs, seed=args.seed)
        notes = {
            "epochs": args.epochs,
            "seed": args.seed,
            "train": _counts(faces),
            "heldout": _counts(heldout),
            "accuracy": measure(model, heldout),
            "length": lengths(model, heldout),
        }
        save_classifier(model, args.out, notes)
    print(f"{args.out}: {json.dumps(notes['accuracy'])}")
    return 0


def _counts(faces: FaceDataset) -> dict[str, int]:
    return {name: int(chosen.sum()) for name, chosen in faces.by_source()}


if __name__ == "__main__":
    sys.exit(main())
