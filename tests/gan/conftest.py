from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch
from drawing import RGB, draw_face, write_source

from encoder.attributes.vocabulary import EYE_COLOURS, HAIR_COLOURS, Attributes
from gan.data import load_images
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
    return faces_of(load_images([drawn_source], split="all", progress=False)[0])


@pytest.fixture(scope="session")
def extra_data(real_data: Path) -> FaceDataset:
    """All faces of the Extra Data."""
    return faces_of(load_images([real_data / "extra_data.zip"], split="all", progress=False)[0])


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
        return Reading(hair.argmax(1) + 1, eyes.argmax(1) + 1, hair, eyes, seen.flatten(1) / 255)


def _mean_colour(images: torch.Tensor, row: int, column: int) -> torch.Tensor:
    """The mean (N, 3) of 3x3 pixels of images (N, 3, 64, 64)."""
    return images[:, :, row - 1 : row + 2, column - 1 : column + 2].float().mean((2, 3))


@pytest.fixture(scope="session")
def reader() -> AttributeClassifier:
    """A classifier of drawn faces that needs no training."""
    return DrawnReader()
