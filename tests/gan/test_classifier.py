from __future__ import annotations

import json
import re

import pytest
import torch

from encoder.common.errors import InputError
from gan.classifier import OUTPUT, main
from gan.data import load_images
from gan.faces.classifier import (
    CLASSIFIER_DIR,
    AttributeClassifier,
    accuracies,
    length_accuracy,
    load_classifier,
    read_config,
    save_classifier,
)
from gan.faces.training import augment, measure
from gan.faces.training import train_classifier as train
from gan.images import blur


@pytest.fixture(scope="module")
def small_classifier() -> AttributeClassifier:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return AttributeClassifier((4, 8)).eval()


def test_reads_every_face_on_its_own(small_classifier, drawn_faces) -> None:
    images = drawn_faces.images[:9]
    reading = small_classifier.read(images)
    assert reading.hair.shape == reading.eyes.shape == (9,)
    assert reading.hair_probabilities.shape == (9, 12)
    assert reading.eyes_probabilities.sum(1).tolist() == pytest.approx([1] * 9)
    assert torch.equal(reading.hair, reading.hair_probabilities.argmax(1) + 1)
    alone = small_classifier.read(images[4:5])
    assert torch.allclose(alone.features[0], reading.features[4], atol=1e-5)
    assert reading[3:5].eyes.tolist() == reading.eyes[3:5].tolist()


def test_training_teaches_the_colours(drawn_faces) -> None:
    hair = drawn_faces.attributes[:, 0]
    faces = drawn_faces[(hair == 5) | (hair == 8)]  # green or pink, 110 faces
    model = train(faces, epochs=8, batch_size=32, learning_rate=1e-2, widths=(8, 16), progress=False)
    assert accuracies(model.read(faces.images), faces.attributes)["hair"] > 0.95


def test_the_same_seed_trains_the_same_weights(drawn_faces) -> None:
    first, again, other = (
        train(drawn_faces[:64], epochs=1, batch_size=32, widths=(4, 8), seed=seed, progress=False).state_dict()
        for seed in (0, 0, 1)
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["hair.weight"], other["hair.weight"])


def test_an_unknown_colour_teaches_nothing(drawn_faces) -> None:
    faces = drawn_faces[:64]
    faces.attributes[:, 1] = 0
    model = train(faces, epochs=4, batch_size=32, widths=(4, 8), learning_rate=1e-2, progress=False)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        start = AttributeClassifier((4, 8))
    # The head of the eyes is as it was drawn, but for the weight decay.
    decay = model.eyes.weight / start.eyes.weight
    assert decay.std() < 1e-4
    assert (model.hair.weight / start.hair.weight).std() > 1e-2


@pytest.mark.parametrize("images", [torch.zeros(2, 3, 64, 64), torch.zeros(2, 3, 32, 32, dtype=torch.uint8)])
def test_other_images_are_refused(small_classifier, images) -> None:
    with pytest.raises(ValueError, match="uint8"):
        small_classifier.read(images)


def test_accuracies_leave_out_what_is_unknown(small_classifier, drawn_faces) -> None:
    reading = small_classifier.read(drawn_faces.images[:4])
    asked = torch.stack([reading.hair, reading.eyes], 1)
    asked[0, 0] = 0  # unknown
    asked[1, 1] = asked[1, 1] % 11 + 1  # wrong
    assert accuracies(reading, asked) == {"hair": 1, "eyes": 0.75, "both": pytest.approx(2 / 3)}


def test_blur_is_a_gaussian_of_the_given_width() -> None:
    dot = torch.zeros(2, 1, 33, 33)
    dot[:, :, 16, 16] = 1
    blurred = blur(dot, torch.tensor([2.0, 0.0]))
    place = torch.arange(33) - 16.0
    assert blurred[0].sum() == pytest.approx(1, abs=1e-5)
    assert (blurred[0, 0].sum(0) * place.square()).sum() == pytest.approx(4, rel=1e-2)
    assert torch.allclose(blurred[1], dot[1])


def test_augmentation_keeps_a_plain_colour_and_the_range() -> None:
    images = torch.tensor([0.5, -0.25, -1.0])[None, :, None, None].expand(64, 3, 64, 64)
    views = augment(images, torch.Generator().manual_seed(0))
    assert views.abs().max() <= 1
    assert torch.equal(views, augment(images, torch.Generator().manual_seed(0)))
    assert torch.allclose(views.flatten(2).median(2).values.mean(0), images[0, :, 0, 0], atol=0.05)
    assert not torch.equal(views[0], views[1])


def test_saved_and_loaded_it_reads_the_same(small_classifier, drawn_faces, tmp_path) -> None:
    drawn_faces = drawn_faces[:64]
    notes = {
        "epochs": 1.0,
        "train": {"a": 3},
        "heldout": {"extra": 64},
        "accuracy": measure(small_classifier, drawn_faces),
    }
    save_classifier(small_classifier, tmp_path, notes)
    loaded = load_classifier(tmp_path)
    images = drawn_faces.images[:5]
    assert torch.allclose(loaded.read(images).features, small_classifier.read(images).features, atol=1e-5)
    assert read_config(tmp_path).accuracy["extra"]["as they are"] == accuracies(
        small_classifier.read(drawn_faces.images), drawn_faces.attributes
    )
    assert "| extra (64 faces), as they are |" in (tmp_path / "README.md").read_text("utf-8")


@pytest.mark.parametrize("name", ["config.json", "classifier.safetensors"])
@pytest.mark.parametrize("damage", ["missing", "cut off"])
def test_a_damaged_folder_is_named(small_classifier, tmp_path, name, damage) -> None:
    save_classifier(small_classifier, tmp_path, {"epochs": 1.0, "train": {}, "heldout": {}, "accuracy": {}})
    path = tmp_path / name
    data = path.read_bytes()
    path.unlink()
    if damage == "cut off":
        path.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=re.escape(str(path))) as caught:
        load_classifier(tmp_path)
    assert "\n" not in str(caught.value)


def test_command_line_trains_and_saves(faces_zip, tmp_path, capsys) -> None:
    assert main(["--data", str(faces_zip), "--epochs", "0.5", "--out", str(tmp_path / "new")]) == 0
    config = json.loads((tmp_path / "new" / "config.json").read_text())
    faces, _ = load_images([faces_zip], split="heldout")
    assert config["heldout"] == {"extra": len(faces)}
    assert load_classifier(tmp_path / "new").read(faces.images[:]).hair.shape == (len(faces),)


def test_command_line_reports_bad_input(tmp_path, capsys) -> None:
    assert main(["--data", "nowhere", "--out", str(tmp_path / "new")]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert not (tmp_path / "new").exists()


def test_command_line_leaves_other_folders_alone(tmp_path, capsys) -> None:
    (tmp_path / "config.json").write_text("mine")
    assert main(["--data", "nowhere", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"error: {tmp_path}: holds config.json, which is no output of gan.classifier; choose another folder\n"
    )
    OUTPUT.check(CLASSIFIER_DIR)  # the shipped one is an output


def test_the_shipped_classifier_reads_real_faces(extra_data) -> None:
    heldout = extra_data[0].of("heldout")
    shares = accuracies(load_classifier().read(heldout.images), heldout.attributes)
    assert shares == pytest.approx(read_config().accuracy["extra"]["as they are"], abs=5e-3)  # of other held-out faces
    assert shares["hair"] > 0.95
    assert shares["eyes"] > 0.9


def test_lengths_are_read_beside_the_commonest_one(small_classifier, drawn_faces) -> None:
    faces = drawn_faces[:40]
    reading = small_classifier.read(faces.images)
    assert length_accuracy(reading, faces.attributes) is None  # none is known
    faces.attributes[:30, 2], faces.attributes[30:, 2] = 1, 2
    scores = length_accuracy(reading, faces.attributes)
    assert scores is not None
    assert scores["commonest"] == 0.75
    assert scores["read"] == (reading.length == faces.attributes[:, 2]).double().mean().item()
