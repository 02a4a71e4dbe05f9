from __future__ import annotations

import numpy as np
import pytest

from encoder.attributes.colour import codes, distance, from_hex, oklab, scale, srgb, to_hex, unscale


def test_oklab_of_known_colours():
    # https://bottosson.github.io/posts/oklab: white is (1, 0, 0); red's coordinates are those of CSS Color 4.
    lab = oklab(np.array([[1, 1, 1], [0, 0, 0], [1, 0, 0]]))
    np.testing.assert_allclose(lab, [[1, 0, 0], [0, 0, 0], [0.62796, 0.22486, 0.12585]], atol=1e-4)


def test_srgb_is_the_inverse_of_oklab():
    rgb = np.random.default_rng(0).random((100, 3))
    np.testing.assert_allclose(srgb(oklab(rgb)), rgb, atol=1e-5)
    assert to_hex(from_hex("#12806a")) == "#12806a"
    assert to_hex(np.array([1.2, 0.0, 0.0])) == "#ffffff"


def test_every_colour_is_scaled_to_within_three_and_back():
    corners = oklab(np.array(np.meshgrid(*[[0, 1]] * 3)).reshape(3, -1).T.astype(float))
    assert np.abs(scale(corners)).max() < 3
    np.testing.assert_allclose(scale(np.array([0.6, 0.1, -0.1])), [0, 0.8, -0.8], atol=1e-12)
    np.testing.assert_allclose(unscale(scale(corners)), corners)


def test_lightness_counts_for_less_in_a_distance():
    black = np.zeros(3)
    assert distance(black, np.array([0.1, 0, 0])) == pytest.approx(0.06)
    assert distance(black, np.array([[0, 0.1, 0], [0, 0, 0.1]])) == pytest.approx([0.1, 0.1])


@pytest.mark.parametrize(
    ("text", "colours"),
    [
        ("#12806a hair", ["#12806a"]),
        ("hair #ABC, eyes 0x102030", ["#aabbcc", "#102030"]),
        ("rgb(18,128,106) eyes", ["#12806a"]),
        ("RGBA( 18 , 128, 106, 0.5 ) hair", ["#12806a"]),
        ("rgb(20% 40% 60%) hair", ["#336699"]),
        ("rgb(300, 0, 0) hair", ["#ff0000"]),
        ("hsl(120, 100%, 25%) hair and hsl(240deg 100% 50%) eyes", ["#008000", "#0000ff"]),
        ("#1girl, #12345, #pinkhair, item#123456, pink hair", []),
        ("#face has pink hair", []),
    ],
)
def test_colours_in_figures_are_found(text: str, colours: list[str]):
    found = codes(text)
    assert [to_hex(code.lab) for code in found] == colours
    assert all(text[code.start : code.end].strip() == text[code.start : code.end] for code in found)
