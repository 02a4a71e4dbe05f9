"""Drawn flowers whose captions state two colours in two places: whether a model binds each colour to its place.

python -m tests.flowers make flowers.zip            # 300 images, three captions each
python train_cgan.py --data flowers.zip --run-dir runs/flowers --max-images 24000
python -m tests.flowers judge runs/flowers/snapshot  # colours of 200 drawn flowers, by their pixels
"""

from __future__ import annotations

if __name__ == "__main__":  # before PyTorch, whose import takes seconds
    from encoder.common.start import start

    start()

import argparse
import itertools
import json
import math
import random
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image, ImageDraw

from encoder.common import arguments
from encoder.common.arguments import check_existing_folder, check_file
from encoder.common.command import command
from tests.drawing import encode_image

RGB = {
    "red": (215, 30, 40), "orange": (255, 140, 0), "yellow": (245, 220, 40), "green": (30, 170, 60),
    "blue": (40, 70, 220), "purple": (130, 40, 170), "pink": (255, 140, 190), "white": (240, 240, 245),
}  # fmt: skip
"""The colours of petals and centres."""
WORDINGS = (
    "a flower with {petals} petals and a {centre} centre",
    "the {centre} middle of this flower is surrounded by {petals} petals",
    "{petals} petals, {centre} centre",
)
PAIRS = tuple(itertools.permutations(RGB, 2))
CENTRE, PETALS = 5, (14, 21)  # pixels from the middle where colours are read


def draw_flower(petals: str, centre: str, *, seed: int = 0) -> Image.Image:
    """A 64x64 flower on a grayish ground: five to eight petals about a round centre; ``seed`` varies all else."""
    rng = random.Random(seed)
    ground = rng.randint(60, 130)
    image = Image.new("RGB", (64, 64), (ground, ground, ground))
    draw = ImageDraw.Draw(image)
    x, y, count, turn = rng.uniform(30, 34), rng.uniform(30, 34), rng.randint(5, 8), rng.uniform(0, math.tau)
    for k in range(count):
        angle = turn + math.tau * k / count
        px, py, size = x + 16 * math.cos(angle), y + 16 * math.sin(angle), rng.uniform(8.5, 10.5)
        draw.ellipse((px - size, py - size, px + size, py + size), fill=RGB[petals])
    draw.ellipse((x - 14, y - 14, x + 14, y + 14), fill=RGB[petals])
    radius = rng.uniform(7.5, 9)
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=RGB[centre])
    return image


def write_flowers(path: Path, count: int = 300, seed: int = 0) -> Path:
    """A zip in the imagefolder form: ``count`` flowers, every pair of two different colours about as often."""
    pairs = [PAIRS[i % len(PAIRS)] for i in range(count)]
    random.Random(seed).shuffle(pairs)
    lines = []
    with zipfile.ZipFile(path, "w") as archive:
        for i, (petals, centre) in enumerate(pairs):
            name = f"{i:05d}.png"
            archive.writestr(name, encode_image(draw_flower(petals, centre, seed=seed + i)))
            lines += [
                json.dumps({"file_name": name, "text": wording.format(petals=petals, centre=centre)})
                for wording in WORDINGS
            ]
        archive.writestr("metadata.jsonl", "\n".join(lines) + "\n")
    return path


def colours_of(images: torch.Tensor) -> list[tuple[str, str]]:
    """The colours of petals and centre, each the nearest to the median of its ring: images uint8 (N, 3, 64, 64)."""
    place = torch.arange(64) - 31.5
    radius = (place[:, None].square() + place.square()).sqrt()
    rings = (radius < CENTRE), (radius > PETALS[0]) & (radius < PETALS[1])
    table = torch.tensor(list(RGB.values())).float()
    names = list(RGB)
    centre, petals = (
        [names[i] for i in torch.cdist(images[:, :, ring].float().median(2).values, table).argmin(1).tolist()]
        for ring in rings
    )
    return list(zip(petals, centre, strict=True))


def judge(model: Path, count: int = 200) -> float:
    """The share of ``count`` drawn flowers whose petals and centre both have the colours asked for."""
    from gan.pipeline import TextToFace

    asked = [PAIRS[i % len(PAIRS)] for i in range(count)]
    texts = [
        WORDINGS[i % len(WORDINGS)].format(petals=petals, centre=centre) for i, (petals, centre) in enumerate(asked)
    ]
    images = TextToFace.from_pretrained(model, dtype=torch.float32).draw(texts, range(count))
    return sum(a == b for a, b in zip(asked, colours_of(images), strict=True)) / count


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = arguments.Parser(prog="python -m tests.flowers", description=(__doc__ or "").partition("\n")[0])
    result.add_argument("what", choices=("make", "judge"))
    result.add_argument("path", type=arguments.path_type(), help="the zip to write, or the model to judge")
    result.add_argument(
        "--count", type=arguments.between(1, 1_000_000), help="flowers to draw (default 300, and 200 to judge by)"
    )
    return result


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line. Returns the exit status (``encoder.common.command``)."""
    args = parser().parse_args(argv)
    if args.what == "make":
        check_file(args.path)
        args.path.parent.mkdir(parents=True, exist_ok=True)
        print(write_flowers(args.path, args.count or 300))
    else:
        check_existing_folder(args.path, "model folder")
        print(f"both colours right: {100 * judge(args.path, args.count or 200):.1f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main())
