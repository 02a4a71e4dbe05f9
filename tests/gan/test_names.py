from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch

from encoder.attributes import words
from encoder.attributes.colour import oklab, srgb, to_hex
from encoder.attributes.colour_names import is_plain, look
from gan.evaluation.faces import named_colours as names
from gan.evaluation.faces.named_colours import NAMES, chosen, judge, judge_names
from gan.faces.localiser import Colours, distance

ASKED = torch.tensor([look(name) for name in ("navy", "salmon", "teal", "lavender", "maroon", "cream")])


def value(row: names.Row, metric: str) -> float:
    estimate = row[metric]
    assert estimate is not None
    assert estimate.low <= estimate.value <= estimate.high
    return estimate.value


def test_what_is_drawn_as_asked_is_at_no_distance_and_the_shuffled_control_is() -> None:
    row = judge(ASKED, ASKED[:, None].expand(-1, 3, -1), {}, "hair")
    assert value(row, "distance") == value(row, "within") == 0
    assert value(row, "lightness") == pytest.approx(1)
    assert value(row, "measured") == 1
    assert value(row, "shuffled") > 0.1
    assert value(row, "shuffled_within") >= value(row, "shuffled")
    assert "reach" not in row  # no palette


def test_distances_are_those_of_each_face_and_lightness_counts_for_less() -> None:
    drawn = ASKED[:, None].repeat(1, 2, 1)
    drawn[:, 0, 1] += 0.1
    drawn[:, 1, 0] += 0.1
    row = judge(ASKED, drawn, {}, "hair")
    assert value(row, "distance") == pytest.approx(0.08)  # between 0.06 and 0.1, of as many faces
    assert value(row, "within") == pytest.approx(0.1)


def test_lightness_that_does_not_follow_is_not_correlated() -> None:
    drawn = ASKED[:, None].clone()
    drawn[..., 0] = -drawn[..., 0]
    assert value(judge(ASKED, drawn, {}, "hair"), "lightness") == pytest.approx(-1)
    drawn[..., 0] = 0.5
    assert judge(ASKED, drawn, {}, "hair")["lightness"] is None


def test_faces_that_cannot_be_measured_count_for_that_alone() -> None:
    drawn = ASKED[:, None].repeat(1, 2, 1)
    drawn[:, 1] = torch.nan
    row = judge(ASKED, drawn, {}, "eyes")
    assert value(row, "measured") == 0.5
    assert value(row, "distance") == 0
    assert value(row, "lightness") == pytest.approx(1)
    row = judge(ASKED, torch.full_like(drawn, torch.nan), {}, "eyes")
    assert row["distance"] is None and row["lightness"] is None
    assert value(row, "measured") == 0


def test_how_near_the_training_images_come_is_told_by_the_palette() -> None:
    palette = {"hair": " ".join(to_hex(lab.numpy()) for lab in ASKED)}
    row = judge(ASKED, ASKED[:, None], palette, "hair")
    assert value(row, "reach_within") < 0.01
    assert value(judge(ASKED, ASKED[:, None], {"hair": "#000000"}, "hair"), "reach") > 0.2


def test_names_seen_and_never_seen_are_those_of_the_heads_training() -> None:
    for slot in ("hair", "eyes"):
        seen, unseen = (chosen(slot, half, NAMES) for half in words.HALVES)
        assert len(seen) == NAMES
        assert 40 < len(unseen) <= NAMES
        assert seen.keys() <= words.colours(slot, "train").keys()
        assert unseen.keys().isdisjoint(words.colours(slot, "train"))
        assert not any(is_plain(name) for name in seen.keys() | unseen.keys())
        assert list(chosen(slot, "train", 10)) == list(seen)[:10]
        light = torch.tensor(list(seen.values()))[:, 0]
        assert light.min() < 0.4 and light.max() > 0.9  # of all kinds


class Sheets:
    """Measures sheets of one colour: hair in the left half, eyes in the right one, of which black is not sure."""

    def measure(self, images: torch.Tensor) -> Colours:
        pixels = torch.stack([images[:, :, 0, 0], images[:, :, 0, -1]], 1).double() / 255
        lab = torch.from_numpy(oklab(pixels.numpy())).float()
        return Colours(lab, pixels.sum(2) > 0, torch.full(pixels.shape[:2], 100))


@pytest.mark.parametrize(("count", "each", "faces"), [(40, 2, 1), (1000, 40, 1), (5000, 100, 2), (10**6, 100, 4)])
def test_faces_are_drawn_for_every_name_and_compared_with_it(monkeypatch, count, each, faces) -> None:
    asked: list[str] = []

    def draw(pipeline, texts, seed, style, what) -> torch.Tensor:
        asked.extend(texts)
        images = torch.zeros(len(texts), 3, 64, 64)
        for image, text in zip(images, texts, strict=True):
            name, slot = text.rsplit(" ", 1)
            half = slice(0, 32) if slot == "hair" else slice(32, 64)
            image[:, :, half] = torch.from_numpy(255 * srgb(look(name))).float()[:, None, None]
        return images.round().byte()

    monkeypatch.setattr(names, "draw", draw)
    pipeline = SimpleNamespace(config=SimpleNamespace(palette={}))
    rows = judge_names(pipeline, Sheets(), count)  # type: ignore[arg-type]
    unseen = {slot: min(each, len(chosen(slot, "held out", NAMES))) for slot in ("hair", "eyes")}
    assert len(asked) == faces * (2 * each + sum(unseen.values()))
    for row in rows.values():
        assert value(row, "within") < 0.02 < value(row, "shuffled")
        assert value(row, "lightness") > 0.99


def test_a_name_is_never_its_own_control() -> None:
    far = torch.eye(3) * 10
    for seed in range(20):
        row = judge(far, far[:, None], {}, "hair", seed)
        assert value(row, "shuffled") > 5
        assert math.isfinite(value(row, "shuffled_within"))
    assert distance(far[0], far[1]) > 5
