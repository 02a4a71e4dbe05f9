from __future__ import annotations

import math

import torch

from encoder.attributes.vocabulary import HAIR_COLOURS
from gan.faces.dataset import FaceDataset
from gan.faces.hue import LEAST_CHROMA, chroma_as_stated, drop_inconsistent_captions


def test_drawn_hair_has_the_colour_that_is_stated(drawn_faces: FaceDataset):
    chroma = chroma_as_stated(drawn_faces.images, drawn_faces.attributes[:, 0])
    assert chroma.dtype == torch.float32
    for value, colour in enumerate(HAIR_COLOURS, 1):
        own = chroma[drawn_faces.attributes[:, 0] == value]
        assert (own == math.inf).all() if colour in ("white", "gray", "black") else (own > LEAST_CHROMA).all(), colour


def test_gray_hair_has_little_chroma_of_any_hue(drawn_faces: FaceDataset):
    gray = drawn_faces[drawn_faces.attributes[:, 0] == 1 + HAIR_COLOURS.index("gray")]
    for value, colour in enumerate(HAIR_COLOURS, 1):
        chroma = chroma_as_stated(gray.images, torch.full((len(gray),), value))
        assert colour in ("white", "gray", "black") or (chroma.abs() < 1e-4).all(), colour
    assert (chroma_as_stated(gray.images, torch.zeros(len(gray), dtype=torch.int64)) == math.inf).all()


def test_a_loose_caption_loses_its_hair_colour_alone(drawn_faces: FaceDataset):
    attributes = drawn_faces.attributes
    truth = attributes.clone()
    gray, green = (1 + HAIR_COLOURS.index(colour) for colour in ("gray", "green"))
    attributes[truth[:, 0] == gray, 0] = green  # as the data call olive hair
    attributes[0, 1] = 0
    attributes[0, 0] = 1 + HAIR_COLOURS.index("blue")  # an orange head of which nothing else is known
    kept, count = drop_inconsistent_captions(drawn_faces, LEAST_CHROMA)
    assert count == (truth[:, 0] == gray).sum() + 1
    assert kept.ids == drawn_faces.ids[1:]
    expected = truth[1:].clone()
    expected[truth[1:, 0] == gray, 0] = 0
    assert torch.equal(kept.attributes, expected)
    assert attributes[0, 0] == 1 + HAIR_COLOURS.index("blue")  # what was given is as it was
    assert drop_inconsistent_captions(drawn_faces, 0) == (drawn_faces, 0)
