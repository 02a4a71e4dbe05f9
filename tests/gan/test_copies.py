from __future__ import annotations

import pytest
import torch
from drawing import draw_face, encode_image
from PIL import Image, ImageOps

from gan.data.decoding import decode_image
from gan.data.duplicates import COPY_BELOW, copy_groups, thumbnails
from gan.faces.dataset import FaceDataset


def decoded(*images: Image.Image) -> torch.Tensor:
    return torch.stack([torch.from_numpy(decode_image(encode_image(image, "JPEG")).copy()) for image in images])


def test_copies_and_mirrored_copies_are_found_though_encoded_anew() -> None:
    face, other = draw_face("pink", "blue", seed=1), draw_face("pink", "blue", seed=4)
    images = decoded(other, face, draw_face("green", "red"), ImageOps.mirror(face), other, ImageOps.mirror(face))
    images[5] = torch.from_numpy(decode_image(encode_image(ImageOps.mirror(face), "WEBP")).copy())
    assert copy_groups(images).tolist() == [0, 1, 2, 1, 0, 1]


def test_copies_of_copies_are_copies() -> None:
    steps = torch.tensor([0.0, 0.6, 1.2, 2.4]) * COPY_BELOW * 127.5  # of brightness; the first and third are too far
    images = (100 + steps)[:, None, None, None].expand(4, 3, 64, 64).byte()
    assert copy_groups(images[[2, 0, 1, 3]]).tolist() == [0, 0, 0, 3]


def test_the_fast_search_finds_what_all_pairs_do(all_drawn_faces: FaceDataset) -> None:
    images = torch.cat([all_drawn_faces.images, all_drawn_faces.images[::3].flip(3)])
    small, mirrored = thumbnails(images), thumbnails(images.flip(3))
    near = torch.minimum(torch.cdist(small, small), torch.cdist(small, mirrored)) < COPY_BELOW * small.shape[1] ** 0.5
    joined = (near | near.T).float()
    for _ in range(10):  # to the end of chains
        joined = (joined @ joined).clamp_max(1)
    assert torch.equal(copy_groups(images), joined.argmax(1))


@pytest.mark.parametrize("count", [0, 1])
def test_no_face_has_no_copy(count: int) -> None:
    assert copy_groups(torch.zeros(count, 3, 64, 64, dtype=torch.uint8)).tolist() == list(range(count))


def test_thumbnails_are_means_of_blocks() -> None:
    images = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    images[:, 0, :4, :2] = 255  # half of the first block of 4x4
    small = thumbnails(images).view(3, 16, 16)
    assert small[0, 0, 0] == 0
    assert (small.flatten()[1:] == -1).all()
