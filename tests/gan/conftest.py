from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from drawing import RGB, draw_face, load_faces, write_source
from PIL import Image, ImageDraw

from encoder.attributes.vocabulary import EYE_COLOURS, HAIR_COLOURS, Attributes
from gan.data import load_images
from gan.data.dataset import ImageDataset
from gan.data.summary import Summary
from gan.evaluation.matcher import Matcher, MatcherConfig, matcher_for
from gan.faces.classifier import AttributeClassifier, Reading
from gan.faces.dataset import FaceDataset, faces_of

COPIES = 5


@pytest.fixture(scope="session")
def drawn_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in the Extra Data's form with five drawn faces of each of the 132 pairs of colours."""
    pairs = [Attributes(hair, eyes) for hair, eyes in itertools.product(HAIR_COLOURS, EYE_COLOURS)] * COPIES
    tags = "".join(f"{i},{pair.caption}\n" for i, pair in enumerate(pairs))
    images = {f"images/{i}.png": draw_face(str(p.hair), str(p.eyes), seed=i) for i, p in enumerate(pairs)}
    return write_source(tmp_path_factory.mktemp("drawn") / "drawn", tags, images)


@pytest.fixture(scope="session")
def all_drawn_faces(drawn_source: Path) -> FaceDataset:
    return load_faces(drawn_source)


@pytest.fixture(scope="session")
def extra_data(real_data: Path) -> tuple[FaceDataset, Summary]:
    """All faces of the Extra Data, and the account of them."""
    images, summary = load_images([real_data / "extra_data.zip"], split="all", progress=False)
    return faces_of(images), summary


@pytest.fixture
def drawn_faces(all_drawn_faces: FaceDataset) -> FaceDataset:
    """The faces of ``drawn_source``; a test may change them."""
    return all_drawn_faces[torch.arange(len(all_drawn_faces))]


class DrawnReader(AttributeClassifier):
    """Reads drawn faces by what is where: the colours nearest to those above the forehead and in the left eye."""

    def __init__(self) -> None:
        super().__init__((4, 8))

    def read(self, images: torch.Tensor, batch_size: int = 256) -> Reading:
        seen = torch.stack([_mean_colour(images, 11, 32), _mean_colour(images, 35, 25)], 1)  # (N, 2, 3)
        hair, eyes = (
            torch.softmax(-torch.cdist(seen[:, i], torch.tensor([RGB[colour] for colour in colours]).float()), 1)
            for i, colours in enumerate((HAIR_COLOURS, EYE_COLOURS))
        )
        length = torch.tensor([0.75, 0.25]).expand(len(images), 2)
        features = seen.flatten(1) / 255
        return Reading(hair.argmax(1) + 1, eyes.argmax(1) + 1, length.argmax(1) + 1, hair, eyes, length, features)


def _mean_colour(images: torch.Tensor, row: int, column: int) -> torch.Tensor:
    """The mean (N, 3) of 3x3 pixels of images (N, 3, 64, 64)."""
    return images[:, :, row - 1 : row + 2, column - 1 : column + 2].float().mean((2, 3))


@pytest.fixture(scope="session")
def reader() -> AttributeClassifier:
    """A classifier of drawn faces that needs no training."""
    return DrawnReader()


SHAPES = ("circle", "square", "cross", "stripe")
COLOURS = {
    "red": (215, 30, 40),
    "green": (30, 170, 60),
    "blue": (40, 70, 220),
    "yellow": (240, 215, 0),
    "black": (20, 20, 25),
}
BACKGROUNDS = {"paper": "white", "card": (190, 190, 190)}


def draw_shape(shape: str, colour: str, source: str, seed: int) -> Image.Image:
    """A coloured shape, somewhere near the middle of a 64x64 picture."""
    rng = random.Random(seed)
    x, y, r = rng.uniform(26, 38), rng.uniform(26, 38), rng.uniform(12, 22)
    image = Image.new("RGB", (64, 64), BACKGROUNDS[source])
    pen, fill = ImageDraw.Draw(image), RGB[colour]
    if shape == "circle":
        pen.ellipse((x - r, y - r, x + r, y + r), fill=fill)
    elif shape == "square":
        pen.rectangle((x - r, y - r, x + r, y + r), fill=fill)
    else:
        pen.rectangle((x - r, y - r / 4, x + r, y + r / 4), fill=fill)
        if shape == "cross":
            pen.rectangle((x - r / 4, y - r, x + r / 4, y + r), fill=fill)
    return image


@pytest.fixture(scope="session")
def shapes_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 640 captioned shapes in two sources, each with two captions; it holds no face."""
    folder = tmp_path_factory.mktemp("shapes") / "shapes"
    (folder / "images").mkdir(parents=True)
    lines = ["file_name,text,source"]
    kinds = list(itertools.product(SHAPES, COLOURS, BACKGROUNDS)) * 16
    for i, (shape, colour, source) in enumerate(kinds):
        name = f"images/{i}.png"
        draw_shape(shape, colour, source, seed=i).save(folder / name)
        lines += [f"{name},a {colour} {shape},{source}", f"{name},{shape} painted in {colour},{source}"]
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="session")
def shapes(shapes_source: Path) -> ImageDataset:
    """The images of ``shapes_source``."""
    return load_images([shapes_source], split="all", progress=False)[0]


@pytest.fixture(scope="session")
def small_matcher() -> Callable[..., Matcher]:
    """What trains a matcher of a few steps, and keeps it."""
    small: dict[str, Any] = {"dim": 16, "width": 8, "queries": 2, "batch_size": 32}
    return lambda data, steps=60: matcher_for(data, MatcherConfig(**small, least_steps=steps, most_steps=steps))
