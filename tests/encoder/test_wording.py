from __future__ import annotations

import pytest

from encoder.attributes.vocabulary import canonical_captions
from encoder.attributes.wording import plain
from encoder.language import forms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1girl blonde_hair blue_eyes hair_ornament solo", "1girl, blonde hair, blue eyes, hair ornament, solo"),
        ("1girl, blonde_hair, blue_eyes", "1girl, blonde hair, blue eyes"),
        ("(blue_hair:1.3), (red eyes:0.8)", "blue hair, red eyes"),
        ("((pink hair:1.2):1.1) green_eyes:1.15", "pink hair green eyes"),
        ("pink_hair_green_eyes", "pink hair green eyes"),
        ("a girl with pink_hair and green_eyes", "a girl with pink hair and green eyes"),
        ("saber_\\(fate\\), pink hair <lora:detail:0.8>", "saber (fate), pink hair"),
        ("hair: pink, eyes: green", "hair: pink, eyes: green"),
        ("rgb(18, 128, 106) hair", "rgb(18, 128, 106) hair"),
    ],
)
def test_the_marks_of_tag_lists_are_taken_away(text: str, expected: str):
    assert plain(text) == expected


def test_a_text_without_marks_stays_as_it_is():
    for text in [*canonical_captions(), *forms.HELD_OUT_BOTH, *forms.HELD_OUT_EMPTY]:
        assert plain(text) == text or "_" in text
