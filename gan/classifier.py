"""The attribute classifier: reads the hair and eye colours of faces, and gives the features that sets are compared in.

``python -m gan.classifier --data PATH [PATH ...]`` makes the one in ``pretrained/classifier`` again.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from encoder.attributes.vocabulary import EYE_COLOURS, HAIR_COLOURS
from encoder.common.atomic import write_atomically
from encoder.common.errors import InputError
from encoder.common.precision import autocast
from encoder.common.threads import side_by_side
from gan.data.decoding import IMAGE_SIZE
from gan.faces.dataset import FaceDataset, load_faces
from gan.images import to_uint8

CLASSIFIER_DIR = Path(__file__).resolve().parent.parent / "pretrained" / "classifier"
CONFIG_FILE = "config.json"
WEIGHTS_FILE = "classifier.safetensors"

UNKNOWN = 0  # the label of a colour that is not stated, as in ``Attributes.indices``
WIDTHS = (32, 64, 128, 192)
Network = TypeVar("Network", bound=nn.Module)
SOURCE_WEIGHTS = {"anime": 0.5}  # one label in four of the Anime Dataset is wrong
LABEL_SMOOTHING = 0.05


@dataclass(frozen=True, eq=False)
class Reading:
    """What the classifier reads in N faces.

    Attributes:
        hair: int64 (N,), 1 to 12, as in ``Attributes.indices``.
        eyes: int64 (N,), 1 to 11, likewise.
        hair_probabilities: float32 (N, 12), in the order of ``HAIR_COLOURS``.
        eyes_probabilities: float32 (N, 11), in the order of ``EYE_COLOURS``.
        features: float32 (N, F), what both colours are read from.
    """

    hair: Tensor
    eyes: Tensor
    hair_probabilities: Tensor
    eyes_probabilities: Tensor
    features: Tensor

    def __getitem__(self, index: slice | Tensor) -> Reading:
        """The reading of the faces in a slice, at int64 positions or under a bool mask."""
        return Reading(*(getattr(self, field.name)[index] for field in fields(self)))

    def probability(self, asked: Tensor) -> Tensor:
        """The probability (N,) that faces have the colours asked for, int64 (N, 2); of an unstated colour it is 1."""
        probability = torch.ones(len(asked))
        for values, wanted in ((self.hair_probabilities, asked[:, 0]), (self.eyes_probabilities, asked[:, 1])):
            shares = torch.cat([torch.ones(len(values), 1), values], 1)
            probability *= shares.gather(1, wanted[:, None]).squeeze(1)
        return probability


class AttributeClassifier(nn.Module):
    """A small residual network with BatchNorm (He et al. 2016), and one linear head for each colour."""

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.stem = nn.Sequential(
            nn.Conv2d(3, widths[0], 4, 2, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()
        )  # (N, 3, 64, 64) -> (N, widths[0], 32, 32)
        self.stages = nn.Sequential(
            _Residual(widths[0], widths[0], stride=1),
            *(_Residual(a, b, stride=2) for a, b in pairwise(widths)),
        )
        self.hair = nn.Linear(widths[-1], len(HAIR_COLOURS))
        self.eyes = nn.Linear(widths[-1], len(EYE_COLOURS))

    def features(self, images: Tensor) -> Tensor:
        """Images (N, 3, 64, 64) in [-1, 1] to features (N, ``widths[-1]``), not negative."""
        return self.stages(self.stem(images)).mean((2, 3))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images (N, 3, 64, 64) in [-1, 1] to the logits of hair (N, 12) and eyes (N, 11)."""
        features = self.features(images)
        return self.hair(features), self.eyes(features)

    def read(self, images: Tensor | np.ndarray, batch_size: int = 64) -> Reading:
        """Read uint8 images (N, 3, 64, 64), N at least 1, in evaluation mode.

        Raises:
            ValueError: Images of another type or shape.
        """
        images = torch.as_tensor(images)
        if images.dtype != torch.uint8 or images.shape[1:] != (3, IMAGE_SIZE, IMAGE_SIZE) or not len(images):
            raise ValueError(f"images are uint8 (N, 3, 64, 64), not {images.dtype} {tuple(images.shape)}")
        self.eval()
        batches = side_by_side(self._read, images.split(batch_size))
        features, hair, eyes = (torch.cat(parts) for parts in zip(*batches, strict=True))
        return Reading(hair.argmax(1) + 1, eyes.argmax(1) + 1, hair, eyes, features)

    @torch.inference_mode()
    def _read(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Uint8 images (N, 3, 64, 64) to their features and the probabilities of hair and eyes."""
        features = self.features(to_signed(images))
        return features, self.hair(features).softmax(1), self.eyes(features).softmax(1)


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


def to_signed(images: Tensor) -> Tensor:
    """Uint8 images (N, 3, H, W) to float32 in [-1, 1], channels last."""
    return images.float().div_(127.5).sub_(1).contiguous(memory_format=torch.channels_last)


def channels_last(network: Network) -> Network:
    """The network with its convolutions' weights in the layout that is fastest on CPUs."""
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def accuracies(reading: Reading, asked: Tensor) -> dict[str, float]:
    """The shares of the hair colours, of the eye colours and of both together that are read as asked.

    Args:
        reading: Of N faces.
        asked: int64 (N, 2 or more): hair and eyes, as in ``Attributes.indices``; unknown colours do not count. A share
            of nothing is NaN.
    """
    known = asked[:, :2] != UNKNOWN
    right = torch.stack([reading.hair, reading.eyes], 1) == asked[:, :2]
    known = torch.cat([known, known.all(1, keepdim=True)], 1)  # hair, eyes, both
    right = torch.cat([right, right.all(1, keepdim=True)], 1)
    return {name: right[known[:, i], i].double().mean().item() for i, name in enumerate(("hair", "eyes", "both"))}


def load_classifier(path: str | Path = CLASSIFIER_DIR) -> AttributeClassifier:
    """The classifier of a folder, in evaluation mode; ``InputError`` where a file is missing or damaged."""
    path = Path(path)
    try:
        widths = read_config(path)["widths"]
        model = AttributeClassifier(widths)
        model.load_state_dict(load_file(path / WEIGHTS_FILE))
    except (OSError, SafetensorError, RuntimeError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: holds no whole classifier ({reason}); restore it, or train it again") from error
    return channels_last(model.eval().requires_grad_(False))


def read_config(path: str | Path = CLASSIFIER_DIR) -> dict[str, Any]:
    """The ``config.json`` of a classifier, with its accuracies on held-out faces; ``InputError`` where it is broken."""
    try:
        return json.loads((Path(path) / CONFIG_FILE).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: holds no classifier ({error}); restore {CONFIG_FILE}, or train it again") from error


# Training.


def blur(images: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur of images (N, C, H, W), each by its own ``sigma`` (N,) pixels; borders use what is there."""

    def weights(size: int) -> Tensor:  # (N, size, size): how much each input pixel gives to an output pixel
        place = torch.arange(size, dtype=images.dtype)
        squared = (place[:, None] - place).square()
        # Too narrow for the neighbouring pixel is no blur at all.
        return torch.softmax(-squared / (2 * sigma.clamp_min(0.05).square()[:, None, None]), 2)

    rows, columns = weights(images.shape[2]), weights(images.shape[3])
    return rows[:, None] @ images @ columns[:, None].mT


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
        progress: Draw a progress bar, if stderr is a terminal.

    Raises:
        FloatingPointError: The loss is not finite.
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

    order = _batches(len(faces), batch_size, generator)
    hidden = None if progress else True  # None: hidden unless stderr is a terminal
    with tqdm(range(steps), desc="classifier", unit="step", disable=hidden) as bar:
        for step in bar:
            batch = next(order)
            views = augment(to_signed(faces.images[batch]), generator).contiguous(memory_format=torch.channels_last)
            targets = faces.attributes[batch, :2] - 1
            with autocast():
                logits = model(views)
            loss = sum(
                (_cross_entropy(scores.float(), target) * weights[batch]).mean()
                for scores, target in zip(logits, targets.unbind(1), strict=True)
            )
            assert isinstance(loss, Tensor)
            if not loss.isfinite():
                raise FloatingPointError(f"the classifier's loss is {loss.item()} in step {step}")
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            if step % 20 == 0:
                bar.set_postfix(loss=f"{loss.item():.3f}")
    return model.eval()


def _cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(logits, targets, ignore_index=UNKNOWN - 1, label_smoothing=LABEL_SMOOTHING, reduction="none")


def _batches(count: int, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Full batches of positions, for ever; within an epoch none comes twice."""
    while True:
        order = torch.randperm(count, generator=generator)
        yield from order[: count - count % batch_size].split(batch_size)


def measure(model: AttributeClassifier, faces: FaceDataset) -> dict[str, dict[str, dict[str, float]]]:
    """The accuracies on real faces: by source, then by what was done to the pictures, then as in ``accuracies``."""
    generator = torch.Generator().manual_seed(0)

    def changed(change: Callable[[Tensor], Tensor]) -> Tensor:
        return torch.cat([to_uint8(change(to_signed(batch))) for batch in faces.images.split(256)])

    views = {
        "as they are": faces.images,
        "blurred by 1 px": changed(lambda images: blur(images, torch.ones(len(images)))),
        "with noise of 0.1": changed(lambda images: images + 0.1 * torch.randn(images.shape, generator=generator)),
        "as in training": changed(lambda images: augment(images, generator)),
    }
    readings = {view: model.read(images) for view, images in views.items()}
    return {
        name: {view: accuracies(reading[chosen], faces.attributes[chosen]) for view, reading in readings.items()}
        for name, chosen in ((name, faces.sources == i) for i, name in enumerate(faces.source_names))
        if chosen.any()
    }


def save_classifier(model: AttributeClassifier, path: Path, notes: dict[str, Any]) -> None:
    """Write a folder that ``load_classifier`` reads: weights, ``config.json`` with the ``notes``, and a model card."""
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    config = {"widths": list(model.widths), **notes}
    for name, data in {
        WEIGHTS_FILE: save(state),
        CONFIG_FILE: (json.dumps(config, indent=2) + "\n").encode(),
        "README.md": model_card(notes).encode(),
    }.items():
        write_atomically(path / name, lambda file, data=data: file.write_bytes(data))  # type: ignore[misc]


def model_card(notes: dict[str, Any]) -> str:
    """The README of a classifier."""
    rows = [
        f"| {source} ({notes['heldout'][source]:,} faces), {view} | "
        + " | ".join(f"{100 * share:.1f} %" for share in shares.values())
        + " |"
        for source, views in notes["accuracy"].items()
        for view, shares in views.items()
    ]
    training = " and ".join(f"{n:,} faces of {source}" for source, n in notes["train"].items())
    return "\n".join(
        [
            "# Hair and eye colour of anime faces",
            "",
            "A residual network that reads a 64x64 face: 12 hair colours and 11 eye colours. It measures generated",
            "faces (`python -m gan.evaluate`); no generator was trained with it.",
            "",
            f"Trained by `python -m gan.classifier` on {training}, {notes['epochs']:g} epochs, with pictures turned,",
            "bent, mirrored, blurred, made noisy and partly covered, so that it reads an imperfect picture as well.",
            "A sixteenth of the faces was held out, chosen by a hash of their ids; their copies and mirrored copies",
            "(the Extra Data hold one of nearly every face) are in neither part:",
            "",
            "| held-out real faces | hair | eyes | both |",
            "|---|---|---|---|",
            *rows,
            "",
            "These are the ceilings for any generated faces. The labels of the Anime Dataset are noisy, which bounds",
            "its figures. `0.1` is the standard deviation of the noise, in pictures that range from -1 to 1.",
            "",
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """``python -m gan.classifier``."""
    parser = argparse.ArgumentParser(prog="python -m gan.classifier", description="Train the attribute classifier.")
    parser.add_argument("--data", nargs="+", required=True, metavar="PATH", help="folders or zips with tags.csv")
    parser.add_argument("--out", type=Path, default=CLASSIFIER_DIR, metavar="DIR", help="default pretrained/classifier")
    parser.add_argument("--epochs", type=float, default=6.0, help="times each face is seen (default 6)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    try:
        if args.epochs <= 0:
            raise InputError(f"--epochs {args.epochs:g}: give a number above 0")
        everything, summary = load_faces(args.data, split="all")
        print(summary)
        faces, heldout = everything.of("train"), everything.of("heldout")
        model = train(faces, epochs=args.epochs, seed=args.seed)
        notes = {
            "epochs": args.epochs,
            "seed": args.seed,
            "train": _counts(faces),
            "heldout": _counts(heldout),
            "accuracy": measure(model, heldout),
        }
        save_classifier(model, args.out, notes)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{args.out}: {json.dumps(notes['accuracy'])}")
    return 0


def _counts(faces: FaceDataset) -> dict[str, int]:
    return {name: int((faces.sources == i).sum()) for i, name in enumerate(faces.source_names)}


if __name__ == "__main__":
    sys.exit(main())
