from __future__ import annotations

import pytest
import torch

from encoder.attributes.vocabulary import EYE_COLOURS, HAIR_COLOURS
from gan.evaluation import judge as judging
from gan.evaluation.faces.colours import judge_each_colour
from gan.evaluation.faces.judge import FaceJudge, faces_asked
from gan.evaluation.faces.per_value_scores import judge_values, worst
from gan.evaluation.judge import Judged
from gan.evaluation.metrics import Estimate
from gan.faces.localiser import Colours


def edges(images: torch.Tensor) -> torch.Tensor:
    steps = images.float().diff(dim=3).square() / 255
    return torch.nn.functional.adaptive_avg_pool2d(steps, 2).flatten(1)


class Openings:
    """Finds irises as large as the brightest pixel in the first corner, 100; shut where it is black."""

    def measure(self, images: torch.Tensor) -> Colours:
        area = images[:, 0, 0, 0].long()[:, None].expand(-1, 2)
        return Colours(torch.zeros(len(images), 2, 3), area > 0, area.clamp_min(50))


@pytest.fixture(scope="module")
def judged(all_drawn_faces, reader):
    """Faces drawn as the real ones, but blue eyes half as open, every second gray one shut, green hair always the same,
    and brown hair read as such three times in four."""
    heldout, training = all_drawn_faces[: 2 * 132], all_drawn_faces[2 * 132 :]
    heldout.images[:, :, 0, 0] = 100
    training.images[:, :, 0, 0] = 100
    images, asked = heldout.images.clone(), heldout.attributes.clone()
    hair, eyes = (dict(zip(names, range(1, 20), strict=False)) for names in (HAIR_COLOURS, EYE_COLOURS))
    green = (asked[:, 0] == hair["green"]).nonzero()[:, 0]
    images[green] = images[green[:1]]
    brown, red = ((asked[:, 0] == hair[name]).nonzero()[:, 0] for name in ("brown", "red"))
    images[brown[::4]] = images[red[: len(brown[::4])]]
    images[asked[:, 1] == eyes["blue"], :, 0, 0] = 50
    images[(asked[:, 1] == eyes["gray"]).nonzero()[::2, 0], :, 0, 0] = 0
    reading, real = reader.read(images), reader.read(heldout.images)
    each = judge_each_colour(reading, asked)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "other_spaces", lambda: {"edges": edges})
        judge = FaceJudge(reader, training, heldout)
        evaluator = judge.evaluator(faces_asked(asked), real)
        judged = Judged(None, images, faces_asked(asked), reading, evaluator, judge.features(images, reading), real)
    return judge_values(judged, each, heldout.attributes, training, Openings())  # type: ignore[arg-type]


def test_every_value_has_its_row(judged) -> None:
    assert {slot: len(rows) for slot, rows in judged.items()} == {"hair": 12, "eyes": 11}
    for slot, rows in judged.items():
        for row in rows.values():
            assert set(row) == {"as_asked", "ceiling", "varied", *(["opening"] if slot == "eyes" else [])}


def test_shut_and_narrow_eyes_are_found(judged) -> None:
    eyes = judged["eyes"]
    assert eyes["blue"]["opening"].value == pytest.approx(0.5)
    assert eyes["gray"]["opening"].value == pytest.approx(0.5)
    assert eyes["gray"]["opening"].low < 0.45  # some are shut and some are not
    assert eyes["red"]["opening"].value == pytest.approx(1)


def test_a_value_that_is_always_drawn_alike_is_found(judged) -> None:
    assert judged["hair"]["green"]["varied"].value < 0.1  # the eyes' corners still differ
    assert judged["hair"]["blue"]["varied"].value == pytest.approx(1, abs=0.02)


def test_a_value_that_is_drawn_as_another_is_found(judged) -> None:
    brown = judged["hair"]["brown"]
    assert brown["as_asked"].value < brown["ceiling"].value - 0.1


def test_the_worst_are_named_in_order(judged) -> None:
    found = worst(judged)
    assert found["varied"][0] == ("green hair", judged["hair"]["green"]["varied"].value)
    assert {name for name, _ in found["opening"][:2]} == {"blue eyes", "gray eyes"}
    assert found["ceiling"][0][0] == "brown hair"
    assert all(len(rows) == 3 for rows in found.values())
    one = Estimate(0.5, 0.4, 0.6)
    assert worst({"hair": {"red": {"as_asked": one, "ceiling": None, "varied": None}}}) == {
        "ceiling": [],
        "opening": [],
        "varied": [],
    }
