from __future__ import annotations

import pytest

from encoder.attributes.vocabulary import canonical_captions
from encoder.attributes.wording import (
    denied,
    explicit,
    plain,
    plain_colours,
    without_denials,
    without_idle_denials,
    without_kept,
)
from encoder.language.lexicon import forms


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
        ("💙 hair, ❤\ufe0f eyes, 🖤", "blue hair, red \ufe0f eyes, 🖤"),
        ("👩\u200d🦰 with green eyes", "👩\u200d red hair with green eyes"),
    ],
)
def test_the_marks_of_tag_lists_are_taken_away(text: str, expected: str):
    assert plain(text) == expected


def test_a_text_without_marks_stays_as_it_is():
    for text in [*canonical_captions(), *forms("held out").both, *forms("held out").empty]:
        assert plain(text) == text or "_" in text
        assert explicit(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("purple hair and eyes", "purple hair and purple eyes"),
        ("a girl with grey eyes & hair, smiling", "a girl with grey eyes & grey hair, smiling"),
        ("pink hair with matching eyes", "pink hair with pink eyes"),
        ("hair and eyes are both purple", "purple hair and purple eyes"),
        ("hair/eyes: blue", "blue hair and blue eyes"),
        ("pink hair, no blue eyes", "pink hair"),
        ("no blue eyes, pink hair", "pink hair"),
        ("no blue eyes", "a face"),
        ("green eyes but not red hair in the rain", "green eyes in the rain"),
    ],
)
def test_shared_and_denied_colours_are_made_explicit(text: str, expected: str):
    assert explicit(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "pink hair and eyes closed",
        "pink hair and eyes of blue",
        "pink hair and eyes like the sea",
        "pink hair and green eyes",
        "not only pink hair but also green eyes",
        "no one has pink hair and green eyes",
        "hair not pink but green",
        "pink hair. green eyes.",
        "hair and eyes are pink and green respectively",
        "hair and eyes: pink, green",
        "pink hair with eyes half open",
        "pink eyes and hair in a bun",
        "a castle on a hill",
    ],
)
def test_other_wordings_are_left_to_the_head(text: str):
    assert explicit(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pink hair, no blue eyes", {"eyes": ["blue"]}),
        ("pink hair, her eyes aren't grey", {"eyes": ["gray"]}),
        ("any eye color except green, pink hair", {"eyes": ["green"]}),
        ("don't make the eyes blue", {"eyes": ["blue"]}),
        ("non-blue eyes", {"eyes": ["blue"]}),
        ("anything but white hair", {"hair": ["white"]}),
        ("pink hair, eyes of any colour but blue", {"eyes": ["blue"]}),
        ("neither red hair nor green eyes", {"hair": ["red", "green"], "eyes": ["red", "green"]}),
        ("no blond", {"hair": ["blonde"]}),
        ("she does not smile, blue hair", {}),
        ("no one with a hat", {}),
        ("notable blue eyes", {}),
        ("not blue but pink hair, and green eyes", {"hair": ["blue"]}),
        ("don't make it blue hair", {"hair": ["blue"]}),
        ("she wouldn't dye her hair green", {"hair": ["green"]}),
        ("hair not red but orange, eyes not green but blue", {"hair": ["red"], "eyes": ["green"]}),
        ("her hair is no longer brown but blue, her eyes are red", {"hair": ["brown"]}),
        ("instead of blonde hair she has aqua hair and red eyes", {"hair": ["blonde"]}),
        ("green hair without any red, blue eyes", {"hair": ["red"]}),
    ],
)
def test_what_a_text_denies(text: str, expected: dict[str, list[str]]):
    assert denied(text) == denied(without_idle_denials(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "not only blue hair but also red eyes",
        "not only does she have pink hair, she has green eyes",
        "not just any hair: aqua hair and pink eyes",
        "a no-nonsense girl with black hair and brown eyes",
        "isn't she cute with pink hair and red eyes",
        "never have i seen such green hair and purple eyes",
        "she never leaves home without her blue hair and green eyes",
        "nothing but pink hair and green eyes",
        "hardly anyone has orange hair and aqua eyes",
        "i can't help but love her pink hair and blue eyes",
        "without a doubt, green hair and orange eyes",
        "she wouldn't dye her green hair",
        "he never dyed his black hair",
    ],
)
def test_words_that_only_sound_like_a_denial_deny_nothing(text: str):
    bare = without_idle_denials(text)
    assert denied(bare) == {}
    said = {word for word in text.split() if word in plain_colours()}
    assert said <= set(without_denials(bare).split())


def test_a_denied_colour_before_another_does_not_reach_the_head():
    assert without_denials("her hair used to be black, now it's blonde") == "her hair , now it's blonde"
    assert without_denials("formerly red hair, now blue hair") == "hair, now blue hair"
    assert without_denials("she dyed her black hair pink") == "she hair pink"
    assert without_denials("once a girl had red hair but green eyes") == "once a girl had red hair but green eyes"
    assert without_denials("hair not red but orange, eyes not green but blue") == "hair orange, eyes blue"
    assert without_denials("her hair is no longer brown but blue") == "her hair blue"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("same hair, Red eyes", "red eyes"),
        ("make the hair the same, eyes red", "eyes red"),
        ("red eyes with the same hair color", "red eyes"),
        ("The same eyes", ""),
        ("hair and eyes the same red", "hair and eyes the same red"),
        ("Green hair", "Green hair"),
    ],
)
def test_what_an_edit_keeps(text: str, expected: str):
    assert without_kept(text) == expected
