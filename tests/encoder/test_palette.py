from __future__ import annotations

import numpy as np
import pytest
import torch

from encoder.attributes import palette as module
from encoder.attributes.colour import WEIGHTS, distance, from_hex, oklab, scale, to_hex
from encoder.attributes.palette import FAR, MOST, nearest, warnings_for
from encoder.attributes.space import COLOUR_SPACE


def palette(rgb: np.ndarray, sure: torch.Tensor | None = None) -> dict[str, str]:
    """That of hair of these sRGB colours (N, 3) from 0 to 255; of eyes none is sure."""
    lab = torch.from_numpy(oklab(rgb / 255)).float()
    sure = torch.ones(len(rgb), dtype=torch.bool) if sure is None else sure
    both = torch.stack([lab, torch.zeros_like(lab)], 1)
    return module.palette(both, torch.stack([sure, torch.zeros_like(sure)], 1))


def shades(*around: tuple[int, int, int], count: int = 1000) -> np.ndarray:
    """``count`` colours a little about each."""
    rng = np.random.default_rng(0)
    return np.concatenate([np.array(rgb) + rng.uniform(-4, 4, (count, 3)) for rgb in around]).clip(0, 255)


def test_every_colour_is_near_one_of_the_palette_and_other_colours_are_not() -> None:
    rgb = shades((200, 30, 40), (20, 30, 120), (240, 220, 150), (20, 15, 15))
    found = palette(rgb)
    assert set(found) == {"hair"}
    assert len(found["hair"].split()) < 30
    assert max(nearest(found["hair"], lab) for lab in oklab(rgb[::50] / 255)) < 0.05
    assert nearest(found["hair"], from_hex("#08ff08")) > 0.2
    assert palette(rgb) == found  # the same choice every time
    assert palette(rgb[::-1].copy()) == found  # in any order


def test_the_most_usual_colour_is_first() -> None:
    rgb = np.concatenate([shades((200, 30, 40), count=100), shades((20, 30, 120), count=300)])
    first = palette(rgb)["hair"].split()[0]
    assert distance(from_hex(first), oklab(np.array([20, 30, 120]) / 255)) < 0.04


def test_mistakes_of_the_measurement_and_what_is_not_sure_are_left_out() -> None:
    usual = shades((200, 30, 40), count=5000)
    green = np.array([[0, 255, 0]])
    assert nearest(palette(np.concatenate([usual, green]))["hair"], from_hex("#00ff00")) > 0.2
    many = np.concatenate([usual, green.repeat(20, 0)])
    assert nearest(palette(many)["hair"], from_hex("#00ff00")) < 0.01
    unsure = palette(many, torch.arange(len(many)) < len(usual))
    assert nearest(unsure["hair"], from_hex("#00ff00")) > 0.2


def test_a_palette_is_no_larger_than_it_needs_to_be(monkeypatch) -> None:
    rgb = np.random.default_rng(0).uniform(0, 255, (20_000, 3))
    found = palette(rgb)["hair"].split()
    assert len(found) == len(set(found)) == MOST
    monkeypatch.setattr(module, "MOST", 12)
    few = palette(rgb)["hair"].split()
    assert few == found[:12]
    apart = np.array([from_hex(colour) for colour in few]) * WEIGHTS
    gaps = np.linalg.norm(apart[:, None] - apart, axis=2) + 9 * np.eye(12)
    assert gaps.min() > 0.15  # spread over all of them


def condition(hair: str | None = None, eyes: str | None = None) -> torch.Tensor:
    c = torch.zeros(33)
    for i, colour in enumerate((hair, eyes)):
        if colour:
            c[25 + 4 * i : 29 + 4 * i] = torch.tensor([1.0, *scale(from_hex(colour))])
    return c


def told(text: str, hair: str | None = None, eyes: str | None = None) -> list[str]:
    return warnings_for(
        [text], COLOUR_SPACE.read(condition(hair, eyes)[None]), {"hair": "#12806a #c0c0c0", "eyes": "#12806a"}
    )


GREEN = to_hex(from_hex("#08ff08"))


@pytest.mark.parametrize(
    ("text", "slots", "named"),
    [
        ("fluorescent green hair", {"hair": GREEN}, "hair colour 'fluorescent green' (#08ff08)"),
        ("Fluorescent Green hair", {"hair": GREEN}, "hair colour 'fluorescent green' (#08ff08)"),
        ("#08ff08 eyes", {"eyes": GREEN}, "eye colour #08ff08"),
        ("rgb(8, 255, 8) eyes", {"eyes": GREEN}, "eye colour 'rgb(8, 255, 8)' (#08ff08)"),
        ("ultragreen hair", {"hair": GREEN}, "hair colour #08ff08"),  # a guess, which is told elsewhere
    ],
)
def test_a_colour_that_the_training_images_lack_is_told_with_its_distance(text, slots, named) -> None:
    (slot,) = slots
    away = nearest({"hair": "#12806a #c0c0c0", "eyes": "#12806a"}[slot], from_hex(GREEN))
    assert away > FAR
    rest = "from the nearest colour that the training images have; it is drawn as near as they come"
    assert told(text, **slots) == [f"the {named} is {away:.2f} {rest}"]


def test_a_colour_that_they_have_is_not() -> None:
    assert told("#12806a hair", hair="#12806a") == []
    assert told("pine hair, silver eyes", hair="#2b5d34") == []
    assert told("pink hair") == []
    assert (
        warnings_for(["fluorescent green hair"], COLOUR_SPACE.read(condition(GREEN)[None]), {"eyes": "#12806a"}) == []
    )


def test_a_line_for_each_colour_and_once() -> None:
    c = condition(GREEN, GREEN).expand(3, -1)
    lines = warnings_for(
        ["#08ff08 hair, #08ff08 eyes"] * 3, COLOUR_SPACE.read(c), {"hair": "#000000", "eyes": "#000000"}
    )
    assert len(lines) == 2
