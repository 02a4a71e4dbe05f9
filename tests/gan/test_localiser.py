from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from drawing import RGB

from encoder.attributes.colour import oklab
from encoder.attributes.vocabulary import EYE_COLOURS, HAIR_COLOURS
from encoder.common.errors import InputError
from gan.faces.localiser import Localiser, distance, load_localiser, save_localiser
from gan.faces.training import train_localiser as train
from gan.localiser import main


def lab(name: str) -> torch.Tensor:
    return torch.from_numpy(oklab(np.array(RGB[name]) / 255)).float()


@pytest.fixture(scope="module")
def measured(all_drawn_faces):
    return load_localiser().measure(all_drawn_faces.images)


def test_hair_and_irises_of_drawn_faces_are_measured(drawn_faces, measured) -> None:
    hair, eyes = drawn_faces.attributes[:, 0], drawn_faces.attributes[:, 1]
    asked = torch.stack([lab(HAIR_COLOURS[i - 1]) for i in hair.tolist()])
    assert measured.lab.shape == (len(drawn_faces), 2, 3)
    assert (distance(measured.lab[:, 0], asked) < 0.03).float().mean() > 0.85
    asked = torch.stack([lab(EYE_COLOURS[i - 1]) for i in eyes.tolist()])
    sure = measured.sure[:, 1]
    assert sure.float().mean() > 0.8
    assert distance(measured.lab[:, 1], asked)[sure].median() < 0.05


def test_a_face_is_measured_alone_as_among_others(drawn_faces, measured) -> None:
    alone = load_localiser().measure(drawn_faces.images[5:6])
    assert torch.allclose(alone.lab[0], measured.lab[5], atol=1e-5)


def test_mirroring_changes_no_colour_of_hair(drawn_faces, measured) -> None:
    mirrored = load_localiser().measure(drawn_faces.images.flip(3))
    assert distance(mirrored.lab[:, 0], measured.lab[:, 0]).median() < 0.01


def test_what_cannot_be_seen_is_not_measured() -> None:
    colours = load_localiser().measure(torch.full((2, 3, 64, 64), 255, dtype=torch.uint8))
    assert not colours.sure[:, 1].any()  # a white sheet has no eyes: no place has the attention


def test_an_attention_is_a_share_of_every_place() -> None:
    probabilities, attention = Localiser((4, 4, 4, 4)).eval()(torch.zeros(3, 3, 64, 64))
    assert attention.shape == (3, 2, 32, 32)
    assert attention.sum((2, 3)).flatten().tolist() == pytest.approx([1] * 6, abs=1e-5)
    assert [tuple(p.shape) for p in probabilities] == [(3, 12), (3, 11)]
    assert torch.cat([p.sum(1) for p in probabilities]).tolist() == pytest.approx([1] * 6, abs=1e-5)


def test_lightness_counts_for_less() -> None:
    a, b = torch.tensor([0.5, 0.0, 0.0]), torch.tensor([0.6, 0.0, 0.1])
    assert distance(a, b).item() == pytest.approx((0.06**2 + 0.1**2) ** 0.5)


def test_the_same_seed_trains_the_same_weights(drawn_faces) -> None:
    first, again = (train(drawn_faces[:64], steps=2, progress=False).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_the_command_writes_what_is_loaded(faces_zip, tmp_path, capsys) -> None:
    assert main(["--data", str(faces_zip), "--out", str(tmp_path / "made"), "--steps", "2"]) == 0
    assert json.loads((tmp_path / "made" / "config.json").read_text())["steps"] == 2
    assert load_localiser(tmp_path / "made").widths == (24, 48, 48, 48)
    assert main(["--data", str(faces_zip), "--out", str(tmp_path / "none"), "--steps", "0"]) == 2
    assert "--steps is 0" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_a_damaged_folder_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match=r"config\.json: cannot be read"):
        load_localiser(tmp_path)
    save_localiser(Localiser(), tmp_path, {})
    weights = tmp_path / "localiser.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    with pytest.raises(InputError, match=r"localiser\.safetensors: .*cannot be read"):
        load_localiser(tmp_path)
