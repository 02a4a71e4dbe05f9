"""Trains what finds hair and irises: ``python -m gan.localiser --data PATH [PATH ...]``.

It makes the one in ``pretrained/localiser`` again, which ``gan.faces.localiser`` loads.
"""

from __future__ import annotations

if __name__ == "__main__":  # before PyTorch, whose import takes seconds
    from encoder.common.command import start

    start()

import argparse
import json
import sys
from collections.abc import Sequence

import torch
from torch import Tensor

from encoder.common import arguments
from encoder.common.command import command
from encoder.common.folders import OutputFolder
from encoder.common.memory import tune_malloc
from encoder.common.precision import autocast
from encoder.common.progress import Progress
from gan.classifier import SOURCE_WEIGHTS, batches
from gan.data import load_images
from gan.faces.dataset import FaceDataset, faces_of
from gan.faces.localiser import FILES, LOCALISER_DIR, SIZES, Localiser, save_localiser
from gan.images import channels_last, to_signed

BATCH_SIZE = 48
MAX_STEPS = 10**6
OUTPUT = OutputFolder("gan.localiser", FILES)
LEARNING_RATE = 4e-3
SHIFT = 6  # pixels by which pictures are moved, so that a place means nothing


def train(faces: FaceDataset, *, steps: int, seed: int = 0, progress: bool = True) -> Localiser:
    """Train a localiser on the colours that captions state; on one thread the same seed gives the same weights.

    Args:
        faces: Real faces; an unknown colour costs nothing.
        steps: Batches of ``BATCH_SIZE`` faces.
        seed: Of the first weights and the order.
        progress: Show how far it is.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = channels_last(Localiser()).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps + 1, pct_start=0.1)
    weights = torch.tensor([SOURCE_WEIGHTS.get(name, 1.0) for name in faces.source_names])[faces.sources]
    order = batches(len(faces), min(BATCH_SIZE, len(faces)), generator)
    for _ in Progress("localiser", steps, "step", shown=progress).over(range(steps)):
        rows = next(order)
        shift = torch.randint(-SHIFT, SHIFT + 1, (2,), generator=generator).tolist()
        views = torch.roll(to_signed(faces.images[rows]), shift, (2, 3))
        with autocast():
            probabilities, _ = model(views.contiguous(memory_format=torch.channels_last))
        loss = sum(_loss(p, faces.attributes[rows, i], weights[rows]) for i, p in enumerate(probabilities))
        assert isinstance(loss, Tensor)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.eval()


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
        for i, slot in enumerate(("hair", "eyes")[: len(SIZES)])
    }


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = arguments.Parser(prog="python -m gan.localiser", description="Train what finds hair and irises.")
    result.add_argument(
        "--data", type=arguments.non_empty, nargs="+", required=True, metavar="PATH", help="captioned faces"
    )
    result.add_argument(
        "--out",
        type=arguments.output_folder,
        default=str(LOCALISER_DIR),
        metavar="DIR",
        help="default pretrained/localiser",
    )
    result.add_argument(
        "--steps", type=arguments.between(1, MAX_STEPS), default=900, help="batches of 48 faces (default 900)"
    )
    result.add_argument("--seed", type=arguments.seed, default=0, help="default 0")
    return result


@command
def main(argv: Sequence[str] | None = None) -> int:
    """``python -m gan.localiser``. Returns the exit status (``encoder.common.command``)."""
    args = parser().parse_args(argv)
    tune_malloc()
    with OUTPUT.held(args.out):
        everything, summary = load_images(args.data, split="all")
        print(summary)
        known = faces_of(everything)
        model = train(known.of("train"), steps=args.steps, seed=args.seed)
        heldout = known.of("heldout")
        scores = {name: accuracy(model, heldout[chosen]) for name, chosen in heldout.by_source()}
        save_localiser(model, args.out, {"steps": args.steps, "seed": args.seed, "accuracy": scores})
    print(f"{args.out}: {json.dumps(scores)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
