from __future__ import annotations

import numpy as np
import torch
from drawing import draw_face, encode_image
from PIL import Image, ImageOps

from gan.copies import thumbnails, without_copies
from gan.dataset import FaceDataset, decode_image


def dataset(images: list[Image.Image]) -> FaceDataset:
    n = len(images)
    pixels = torch.from_numpy(np.stack([decode_image(encode_image(image, "JPEG")) for image in images]))
    ids = tuple(f"drawn/{i}" for i in range(n))
    return FaceDataset(pixels, torch.ones(n, 3, dtype=torch.int64), torch.zeros(n, dtype=torch.int64), ("drawn",), ids)


def test_copies_and_mirrored_copies_are_left_out_though_encoded_anew() -> None:
    face, other = draw_face("pink", "blue", seed=1), draw_face("pink", "blue", seed=4)
    faces = dataset([face, other, draw_face("green", "red")])
    assert without_copies(faces, dataset([ImageOps.mirror(face)])).ids == ("drawn/1", "drawn/2")
    assert without_copies(faces, dataset([draw_face("green", "red"), other])).ids == ("drawn/0",)


def test_thumbnails_are_means_of_blocks() -> None:
    images = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    images[:, 0, :4, :2] = 255  # half of the first block of 4x4
    small = thumbnails(images).view(3, 16, 16)
    assert small[0, 0, 0] == 0
    assert (small.flatten()[1:] == -1).all()
