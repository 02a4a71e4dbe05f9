from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch
from drawing import draw_face, write_source

from encoder.captions import EYE_COLOURS, HAIR_COLOURS, Attributes
from gan.classifier import AttributeClassifier, train
from gan.dataset import FaceDataset, load_faces

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
    return load_faces([drawn_source], split="all", progress=False)[0]


@pytest.fixture
def drawn_faces(all_drawn_faces: FaceDataset) -> FaceDataset:
    """The faces of ``drawn_source``; a test may change them."""
    return all_drawn_faces[torch.arange(len(all_drawn_faces))]


@pytest.fixture(scope="session")
def trained_classifier(all_drawn_faces: FaceDataset) -> AttributeClassifier:
    """A small classifier that has learnt the drawn faces."""
    return train(all_drawn_faces, epochs=8, batch_size=32, learning_rate=1e-2, widths=(16, 32, 48), progress=False)
