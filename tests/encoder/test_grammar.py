from __future__ import annotations

import hashlib
import itertools
import json
import random
import re

import numpy as np
import pytest
import torch

from encoder.attributes import colour_names, words
from encoder.attributes.colour import scale
from encoder.attributes.vocabulary import COLOUR_SLOTS, SLOTS, canonical_captions
from encoder.language import grammar
from encoder.language.grammar import Grammar
from encoder.language.lexicon import Lexicon, forms, lexicon
from encoder.train_head import training_captions

DIGEST = "fdfb16b6f425226b"
"""Of the captions of a seed: their order and content stay."""

STATED = [("hair", "eyes"), ("hair",), ("eyes",), ()]


def all_forms(half: grammar.Forms) -> list[str]:
    return [
        *half.both,
        *half.hair,
        *half.eyes,
        *half.empty,
        *half.nominal,
        *half.prefixes,
        *half.suffixes,
        *half.shared,
        *half.negated,
    ]


@pytest.mark.parametrize("half", [forms("train"), forms("held out")], ids=["train", "held out"])
def test_every_form_can_be_filled(half: grammar.Forms):
    source = Grammar(random.Random(0), forms=half)
    for form in all_forms(half):
        for slots in STATED:
            text = source.fill(form, slots, length=0.5).text
            assert not re.search(r"[{}]", text), form


@pytest.mark.parametrize("slots", STATED, ids=str)
def test_a_caption_states_what_was_asked(slots: tuple[str, ...]):
    source = Grammar(random.Random(0))
    for _ in range(300):
        mixtures = source.caption(slots).mixtures
        assert {slot for slot in COLOUR_SLOTS if mixtures[slot]} == set(slots)


def test_the_stated_colour_is_in_the_text():
    source = Grammar(random.Random(0), likenesses=0.0)
    for form in forms("train").both:
        caption = source.fill(form, COLOUR_SLOTS, colours={"hair": "aqua", "eyes": "red"})
        assert "aqua" in caption.text
        assert "red" in caption.text
        assert caption.mixtures["hair"] == {"aqua": 1.0}
        assert caption.mixtures["eyes"] == {"red": 1.0}


def test_another_thing_in_a_colour_states_nothing():
    source = Grammar(random.Random(0), foreign=1.0)
    caption = source.fill("{H} and {E}", ("hair",), length=1.0)
    assert caption.mixtures["hair"]
    assert not caption.mixtures["eyes"]
    assert any(caption.text.endswith(thing) for thing in lexicon("train").things)
    caption = source.fill("the {hn} {his} {h}", (), length=1.0)
    assert not any(caption.mixtures.values())
    assert any(thing in caption.text for thing in lexicon("train").things)
    assert "hair" in source.fill("{her} hair is {h}", ()).text  # where the form itself says hair, nothing is replaced


def test_a_length_is_stated_only_in_words_of_that_length():
    source = Grammar(random.Random(0))
    lengths = lexicon("train").lengths
    stated = [
        caption for caption in (source.caption(("hair",), length=1.0) for _ in range(200)) if caption.mixtures["length"]
    ]
    assert len(stated) > 100
    for caption in stated:
        (value,) = caption.mixtures["length"]
        assert any(word in caption.text for word, its_value in lengths.items() if its_value == value)


def test_the_same_seed_draws_the_same_captions():
    draws = [
        [source.caption().text for _ in range(20)] for source in (Grammar(random.Random(3)), Grammar(random.Random(3)))
    ]
    assert draws[0] == draws[1]
    assert draws[0] != [Grammar(random.Random(4)).caption().text for _ in range(20)]


def choices(form: str) -> set[str]:
    """A form with each of its choices, in lower case, without its commas."""
    open_forms, closed = {form}, set()
    while open_forms:
        form = open_forms.pop()
        if match := re.search(r"\[([^\[\]]*\|[^\[\]]*)\]", form):
            open_forms |= {form[: match.start()] + choice + form[match.end() :] for choice in match[1].split("|")}
        else:
            closed.add(" ".join(re.sub("[.,;:]", " ", form.lower()).split()))
    return closed


def test_held_out_forms_are_not_trained_on():
    trained = {choice for form in all_forms(forms("train")) for choice in choices(form)}
    assert choices("{H}[,| and] no {colour} eyes.") == {"{h} no {colour} eyes", "{h} and no {colour} eyes"}
    held_out = [*all_forms(forms("held out")), *forms("held out").distracted]
    assert not {choice for form in held_out for choice in choices(form)} & trained


@pytest.mark.parametrize("slot", COLOUR_SLOTS)
def test_held_out_words_are_not_trained_on_even_inside_longer_names(slot: str):
    def parts(words) -> set[str]:
        return {part for word in words for part in re.split(r"[\s-]", word)} - {"colored", "hair", "eye", "of", "pair"}

    train, held_out = lexicon("train"), lexicon("held out")
    trained = [*train.colours[slot], *words.rare()[slot], *grammar.PLAIN[slot]]
    assert not parts(held_out.colours[slot]) & parts(trained)
    assert not words.rare()[slot].keys() & words.rare(kept_back=True)[slot].keys()
    assert len(words.rare(kept_back=True)[slot]) > 500
    assert not {noun for noun, _ in held_out.nouns[slot]} & {noun for noun, _ in train.nouns[slot]}
    assert not set(held_out.things) & set(train.things)
    assert not set(held_out.tags) & set(train.tags)


@pytest.mark.parametrize("slot", COLOUR_SLOTS)
def test_some_listed_colours_are_kept_back_and_none_that_is_written_by_hand(slot: str):
    train, held_out = lexicon("train").colours[slot], lexicon("held out").colours[slot]
    assert 40 < len(held_out) < len(train) / 6
    assert len({max(mixture, key=mixture.__getitem__) for mixture in held_out.values()}) >= 9
    assert words.by_hand()[slot].items() <= train.items()


@pytest.mark.parametrize("half", [lexicon("train"), lexicon("held out")], ids=["train", "held out"])
@pytest.mark.parametrize("slot", COLOUR_SLOTS)
def test_mixtures_are_shares_of_values_of_the_slot(half: Lexicon, slot: str):
    tables = [half.colours[slot], half.likenesses[slot]] + ([words.nominals()] if slot == "hair" else [])
    for word, mixture in ((word, mixture) for table in tables for word, mixture in table.items()):
        assert sum(mixture.values()) == pytest.approx(1.0), word
        assert set(mixture) <= set(SLOTS[slot]), word


@pytest.mark.parametrize("slot", COLOUR_SLOTS)
def test_every_value_has_synonyms_to_train_on(slot: str):
    values = [value for mixture in lexicon("train").colours[slot].values() for value in mixture]
    assert all(values.count(value) >= 5 for value in SLOTS[slot])


def test_the_target_puts_each_share_in_its_place():
    caption = grammar.Caption("", {"hair": {"orange": 0.25, "blonde": 0.75}, "eyes": {}, "length": {"short": 1.0}})
    expected = torch.zeros(25)
    expected[[0, 11, 24]] = torch.tensor([0.25, 0.75, 1.0])
    assert torch.equal(caption.target, expected)


def test_canonical_captions_state_their_attributes():
    captions = {caption.text: caption for caption in grammar.canonical()}
    assert captions.keys() == canonical_captions().keys()
    assert captions["long pink hair green eyes"].mixtures == {
        "hair": {"pink": 1.0},
        "eyes": {"green": 1.0},
        "length": {"long": 1.0},
    }
    assert captions["a face"].target.sum() == 0


def test_typos_change_letters_at_the_asked_rate():
    text = "a girl with pink hair and green eyes"
    assert grammar.with_typos(text, random.Random(0), 0.0) == text
    rng = random.Random(0)
    typed = [grammar.with_typos(text, rng, 1.0) for _ in range(50)]
    assert text not in typed
    assert all(abs(len(line) - len(text)) <= len(text.split()) * 2 for line in typed)
    few = sum(grammar.with_typos(text, rng, 0.1) != text for _ in range(200))
    assert 20 < few < 180


def test_odd_punctuation_keeps_every_letter_in_its_place():
    text = "Pink hair, green eyes; a girl's face."
    rng = random.Random(0)
    lines = [grammar.with_odd_punctuation(text, rng) for _ in range(200)]
    letters = [re.sub(r"[^a-z]", "", re.sub(r"( xd)$", "", line.lower())) for line in lines]
    assert set(letters) == {re.sub(r"[^a-z]", "", text.lower())}
    assert len(set(lines)) > 20


def test_an_unknown_name_in_a_form_is_named():
    with pytest.raises(ValueError, match="zz"):
        Grammar(random.Random(0)).fill("a {zz}", ())


def test_a_shared_colour_is_named_once_and_stated_twice():
    source = Grammar(random.Random(0))
    for _ in range(100):
        caption = source.shared()
        assert caption.mixtures["hair"]
        assert caption.mixtures["eyes"]
        assert caption.looks.get("hair") == caption.looks.get("eyes")
    caption = source.fill("{h} hair and eyes", COLOUR_SLOTS, colours={"hair": "yellow", "eyes": "yellow"})
    assert caption.text == "yellow hair and eyes"
    assert (caption.mixtures["hair"], caption.mixtures["eyes"]) == ({"blonde": 1.0}, {"yellow": 1.0})


@pytest.mark.parametrize("half", [forms("train"), forms("held out")], ids=["train", "held out"])
def test_a_negated_colour_is_not_stated(half: grammar.Forms):
    for slot, noun, name in (("hair", "hair", "[hH]"), ("eyes", "eyes", "[eE]")):
        lines = [form for form in half.negated if re.search(rf"(no|not|without|minus) {{colour}} {noun}", form)]
        assert len(lines) >= 5
        for form in lines:
            source = Grammar(random.Random(0), forms=grammar.Forms(**vars(half) | {"negated": [form]}))
            assert bool(source.negated().mixtures[slot]) == bool(re.search(rf"{{{name}(ed)?}}", form)), form


def test_tags_state_hair_and_eyes_in_any_order_and_punctuation():
    source = Grammar(random.Random(0), plain=1.0)
    texts = []
    for _ in range(200):
        caption = source.tags(COLOUR_SLOTS, length=0.5)
        assert caption.mixtures["hair"]
        assert caption.mixtures["eyes"]
        texts.append(caption.text)
    for mark in ("_", ", ", " | ", ":1.", "(", " hair", "_hair"):
        assert sum(mark in text for text in texts) > 3, mark
    assert 50 < sum(text.index("hair") < text.index("eye") for text in texts) < 180
    assert not any(source.tags((), length=0.0).mixtures.values())


def test_an_exact_colour_is_stated_with_its_look():
    source = Grammar(random.Random(0), plain=0.0, likenesses=0.0)
    caption = source.fill("{h} hair, {e} eyes", COLOUR_SLOTS, colours={"hair": "navy", "eyes": "green"})
    navy = colour_names.look("navy")
    assert caption.looks == {"hair": navy}
    hair, eyes = caption.exact_colours.view(2, 4)
    assert hair[0] == 1
    np.testing.assert_allclose(hair[1:], scale(np.array(navy)), rtol=1e-5)
    assert not eyes.any()


def test_a_colour_that_no_list_knows_is_neither_plain_nor_known():
    caption = Grammar(random.Random(0)).fill("{h} hair", ("hair",), colours={"hair": "sakura"})
    assert caption.mixtures["hair"] == {"pink": 1.0}
    hair, eyes = caption.exact_colours.view(2, 4)
    assert hair.isnan().all()
    assert not eyes.any()


def test_made_up_colours_are_made_of_others():
    source = Grammar(random.Random(0), made_up=1.0)
    words = [source.colour_word("hair") for _ in range(300)]
    assert all(sum(mixture.values()) == pytest.approx(1) for _, mixture in words)
    assert all(len(re.split("[ -]", word)) > 1 for word, _ in words)
    assert sum(colour_names.look(word) is not None for word, _ in words) > 250
    assert any(set(mixture) == {"aqua"} and "ish" in word for word, mixture in words)


def test_misspelt_words_sound_alike():
    assert grammar.misspelt("green eyes", random.Random(0), 0.0) == "green eyes"
    texts = {grammar.misspelt("green hair", random.Random(seed), 1.0) for seed in range(60)}
    assert {"grean", "grn"} <= {text.split()[0] for text in texts}
    assert {"hare", "hayr"} <= {text.split()[1] for text in texts}


def test_a_seed_gives_the_captions_that_it_always_gave():
    source = Grammar(random.Random(0), foreign=0.1, made_up=0.2)
    held_out = Grammar(random.Random(0), forms("held out"), nouns=lexicon("held out"), words=lexicon("held out"))
    captions = list(itertools.islice(training_captions(random.Random(0)), 300))
    for grammar_of_half in (source, held_out):
        for draw in (Grammar.caption, Grammar.shared, Grammar.negated):
            captions += [draw(grammar_of_half) for _ in range(40)]
        captions += [grammar_of_half.tags(("hair",)) for _ in range(40)]
    texts = json.dumps([[caption.text, caption.mixtures] for caption in captions])
    assert hashlib.sha256(texts.encode()).hexdigest()[:16] == DIGEST
