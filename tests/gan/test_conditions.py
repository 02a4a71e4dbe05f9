import hashlib
import itertools
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
import torch

from encoder.attributes.onehot import OneHotEncoder
from encoder.attributes.space import AttributeSpace
from encoder.attributes.vocabulary import EYE_COLOURS, HAIR_COLOURS, SLOTS, Attributes, canonical_captions
from encoder.base import ConditionSpace, Encoder
from encoder.common.errors import InputError
from encoder.language.grammar import Grammar
from gan.faces.dataset import read_by_head
from gan.training.conditions.captions import CaptionConditions, CaptionTable
from gan.training.conditions.faces import Conditions, WrongAttributes, drop, wordings
from gan.training.config import TrainingConfig

COMBINATIONS = [Attributes.from_indices(indices) for indices in itertools.product(range(13), range(12), range(3))]
INDICES = torch.tensor([attributes.indices for attributes in COMBINATIONS])  # (468, 3)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Recorder:
    """Every text its own vector, of its digest; remembers what it encoded."""

    dim, fingerprint = 8, "0f"
    space = ConditionSpace("pooled", "recorded")

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def encode(self, texts: Sequence[str], *, progress: bool = False) -> torch.Tensor:
        self.calls.append(list(texts))
        return torch.stack([self.vector(text) for text in texts])

    def vector(self, text: str) -> torch.Tensor:
        return torch.tensor(list(hashlib.sha256(text.encode()).digest()[: self.dim]), dtype=torch.float32)


class CanonicalHead(Recorder):
    """A head that reads canonical captions, and states nothing of any other text."""

    dim = sum(len(values) for values in SLOTS.values())
    space = AttributeSpace("head", "recorded")

    def vector(self, text: str) -> torch.Tensor:
        stated = Attributes.from_caption(text) or Attributes()
        return posterior(stated)


def posterior(stated: Attributes) -> torch.Tensor:
    slots = [
        torch.nn.functional.one_hot(torch.tensor(index), len(values) + 1)[1:]
        for index, values in zip(stated.indices, SLOTS.values(), strict=True)
    ]
    return torch.cat(slots).float()


def names(text: str, attributes: Attributes) -> bool:
    """Whether each colour is in the text by its name; a few wordings say "of strawberries" or the like."""
    return all(value is None or value in text.lower() for value in (attributes.hair, attributes.eyes))


# -- captions --------------------------------------------------------------------------------------------------------


def test_wordings_begin_with_the_canonical_one_and_name_the_colours() -> None:
    texts = wordings(Attributes("pink", "green"), 8, Grammar(random.Random(0)))
    assert len(texts) == 8
    assert texts[0] == "pink hair green eyes"
    assert len(set(texts)) > 4
    assert sum(names(text, Attributes("pink", "green")) for text in texts) >= 6


@pytest.mark.parametrize("attributes", [Attributes(), Attributes(hair="red"), Attributes("red", length="long")])
def test_wordings_of_partial_combinations(attributes) -> None:
    texts = wordings(attributes, 5, Grammar(random.Random(0)))
    assert len(texts) == 5
    assert texts[0] == attributes.caption
    assert sum(names(text, attributes) for text in texts) >= 4


def test_every_row_is_of_its_own_combination() -> None:
    conditions = Conditions(Recorder(), count=2)
    canonical = [conditions.texts[2 * i] for i in range(len(COMBINATIONS))]
    assert canonical == [attributes.caption for attributes in COMBINATIONS]
    assert set(canonical) == set(canonical_captions())
    others = list(zip(COMBINATIONS, conditions.texts[1::2], strict=True))
    assert all(Attributes.from_caption(text) in (None, attributes) for attributes, text in others)
    assert sum(names(text, attributes) for attributes, text in others) > 0.9 * len(others)


def test_draw_gives_the_condition_of_each_row() -> None:
    conditions = Conditions(OneHotEncoder())
    c = conditions.draw(INDICES, seeded())
    assert c.dtype == torch.float32
    assert torch.equal(c, OneHotEncoder().encode([attributes.caption for attributes in COMBINATIONS]))
    shuffled = torch.randperm(len(INDICES), generator=seeded())
    assert torch.equal(conditions.draw(INDICES[shuffled], seeded()), c[shuffled])


def test_draw_meets_every_wording_of_a_combination_and_no_other() -> None:
    encoder = Recorder()
    conditions = Conditions(encoder, count=3)
    attributes = Attributes("blue", "red")
    row = COMBINATIONS.index(attributes) * 3
    texts = {tuple(encoder.vector(text).tolist()): text for text in conditions.texts[row : row + 3]}
    drawn = conditions.draw(torch.tensor([attributes.indices]).expand(100, -1), seeded())
    assert {tuple(c.tolist()) for c in drawn} == set(texts)


def test_live_encodes_at_every_draw_and_gives_the_same() -> None:
    cached, live = Recorder(), Recorder()
    a, b = Conditions(cached, count=4, seed=3), Conditions(live, count=4, seed=3, live=True)
    assert a.texts == b.texts
    before = len(cached.calls), len(live.calls)
    for seed in range(3):
        assert torch.equal(a.draw(INDICES, seeded(seed)), b.draw(INDICES, seeded(seed)))
    assert (len(cached.calls), len(live.calls)) == (before[0], before[1] + 3)


@pytest.mark.parametrize("live", [False, True])
def test_wordings_that_the_head_misreads_give_way_to_the_canonical_one(live) -> None:
    conditions = Conditions(CanonicalHead(), count=3, live=live)
    texts = [conditions.texts[3 * i : 3 * i + 3] for i in range(len(COMBINATIONS))]
    for attributes, own in zip(COMBINATIONS, texts, strict=True):
        read = {Attributes.from_caption(text) or Attributes() for text in own}
        assert read == {attributes}
    expected = torch.stack([posterior(attributes) for attributes in COMBINATIONS])
    assert torch.equal(conditions.draw(INDICES, seeded()), expected)


def test_seed_sets_the_wordings() -> None:
    a, b, again = (Conditions(Recorder(), count=3, seed=seed).texts for seed in (0, 1, 0))
    assert a == again != b


# -- wrong texts -----------------------------------------------------------------------------------------------------


def faces(n: int, seed: int = 0) -> torch.Tensor:
    """n faces of known hair (1 to 4) and eyes (2, 3 or 5), length unknown."""
    hair = torch.randint(1, 5, (n,), generator=seeded(seed))
    eyes = torch.tensor([2, 3, 5])[torch.randint(3, (n,), generator=seeded(seed + 1))]
    return torch.stack([hair, eyes, torch.zeros(n, dtype=torch.int64)], 1)


def test_hair_eyes_or_both_are_wrong_a_third_each() -> None:
    known = faces(9000)
    wrong, _ = WrongAttributes(known).draw(known, known, seeded())
    counts = Counter(tuple(row) for row in (wrong != known).tolist())
    assert set(counts) == {(True, False, False), (False, True, False), (True, True, False)}
    assert all(2850 < count < 3150 for count in counts.values())  # 3000, three standard deviations of 45 each way


def test_the_eyes_alone_can_be_wrong_more_often() -> None:
    known = faces(9000)
    known[:1000, 1] = 0  # of these only the hair can be wrong
    wrong, _ = WrongAttributes(known, eyes=0.4).draw(known, known, seeded())
    assert all(row == (True, False, False) for row in (tuple(row) for row in (wrong != known)[:1000].tolist()))
    counts = Counter(tuple(row) for row in (wrong != known)[1000:].tolist())
    assert set(counts) == {(True, False, False), (False, True, False), (True, True, False)}
    assert 4670 < counts[False, True, False] < 4930  # of 8000, 0.4 + 0.6 / 3 of them: 4800, three deviations of 44
    assert all(1470 < counts[row] < 1730 for row in ((True, False, False), (True, True, False)))  # 0.6 / 3: 1600


def test_wrong_values_occur_in_the_faces_each_as_often() -> None:
    known = faces(9000)
    wrong, _ = WrongAttributes(known).draw(known, known, seeded())
    changed = wrong[:, 1] != known[:, 1]
    assert set(wrong[:, 0].tolist()) == {1, 2, 3, 4}
    assert set(wrong[:, 1].tolist()) == {2, 3, 5}
    pairs = Counter(zip(known[changed, 1].tolist(), wrong[changed, 1].tolist(), strict=True))
    assert len(pairs) == 6
    assert max(pairs.values()) < 1.3 * min(pairs.values())


def test_half_of_the_wrong_values_are_those_that_look_most_alike() -> None:
    known = faces(9000)
    eyes = torch.full((11, 11), 1e-6)
    eyes[1, 2] = eyes[2, 1] = 1.0  # the second and the third are taken for each other; the fifth is like none
    wrong, _ = WrongAttributes(known, likeness=[torch.ones(12, 12), eyes]).draw(known, known, seeded())
    for own, alike in ((2, 3), (3, 2)):
        others = wrong[(known[:, 1] == own) & (wrong[:, 1] != own), 1]
        share = (others == alike).float().mean().item()  # half of them, and of the others half again
        assert abs(share - 0.75) < 0.04  # some 2000, four standard deviations of 0.01
    others = wrong[(known[:, 1] == 5) & (wrong[:, 1] != 5), 1]
    assert abs((others == 2).float().mean().item() - 0.5) < 0.05
    assert (wrong[:, 0] != known[:, 0]).any() and set(wrong[:, 0].tolist()) == {1, 2, 3, 4}


def test_only_what_is_known_is_contradicted() -> None:
    known = faces(600)
    known[::2, 1] = 0  # eyes unknown
    wrong, _ = WrongAttributes(known).draw(known, known, seeded())
    assert (wrong[::2, 1] == 0).all()
    assert (wrong[::2, 0] != known[::2, 0]).all()
    assert (wrong != known).any(1).all()


def test_a_value_that_the_text_leaves_out_can_still_be_contradicted() -> None:
    known = faces(600)
    stated = torch.zeros_like(known)  # the right texts say nothing
    wrong, _ = WrongAttributes(known).draw(known, stated, seeded())
    assert (wrong != 0).any(1).all()
    assert ((wrong == 0) | (wrong != known)).all()  # whatever it does state is untrue


def test_known_lengths_are_contradicted_too() -> None:
    known = faces(700)
    known[:, 2] = torch.randint(1, 3, (700,), generator=seeded())
    wrong, _ = WrongAttributes(known).draw(known, known, seeded())
    assert len({tuple(row) for row in (wrong != known).tolist()}) == 7
    assert set(wrong[:, 2].tolist()) == {1, 2}


def test_a_slot_with_a_single_value_is_left_alone() -> None:
    known = faces(200)
    known[:, 0] = 7
    wrong, _ = WrongAttributes(known).draw(known, known, seeded())
    assert (wrong[:, 0] == 7).all()
    assert (wrong[:, 1] != known[:, 1]).all()


def test_faces_of_one_caption_have_no_wrong_text() -> None:
    with pytest.raises(InputError, match="same caption"):
        WrongAttributes(torch.tensor([[1, 2, 0], [1, 2, 0]]))


def test_wrong_texts_are_of_the_generator_alone() -> None:
    known = faces(50)
    wrong = WrongAttributes(known)
    assert torch.equal(wrong.draw(known, known, seeded(1))[0], wrong.draw(known, known, seeded(1))[0])
    assert not torch.equal(wrong.draw(known, known, seeded(1))[0], wrong.draw(known, known, seeded(2))[0])


# -- the rest --------------------------------------------------------------------------------------------------------


def test_drop_leaves_attributes_out_by_chance() -> None:
    attributes = torch.full((10_000, 3), 2)
    dropped = drop(attributes, 0.1, seeded())
    assert set(dropped.unique().tolist()) == {0, 2}
    assert all(850 < count < 1150 for count in (dropped == 0).sum(0).tolist())
    both = ((dropped[:, 0] == 0) & (dropped[:, 1] == 0)).sum().item()
    assert 60 < both < 140  # independent: 100
    assert torch.equal(drop(attributes, 0.0, seeded()), attributes)
    assert (attributes == 2).all()


def test_read_captions_gives_what_the_head_reads(monkeypatch) -> None:
    monkeypatch.setattr("encoder.loading.load_encoder", lambda kind: CanonicalHead() if kind == "head" else None)
    stated = read_by_head(["long pink hair green eyes", "something else"])
    expected = (1 + HAIR_COLOURS.index("pink"), 1 + EYE_COLOURS.index("green"), 1)
    assert stated.tolist() == [list(expected), [0, 0, 0]]


# -- captions of any kind --------------------------------------------------------------------------------------------


def of_captions(
    captions: Sequence[Sequence[str]],
    encoder: Encoder,
    near: float = 0.0,
    drop: float = 0.0,
    kind: str = "cached",
    **more: Any,
) -> CaptionConditions:
    """The conditions of images with these captions."""
    config = TrainingConfig(near_captions=near, drop_attributes=drop, encoder=kind)
    return CaptionConditions(CaptionTable(captions), encoder, config, **more)


CAPTIONS = (("a cat", "a black cat"), ("a cat",), ("a dog",), ("two birds", "birds", "a pair"), ("a cat asleep",))


def test_free_captions_are_an_images_own_and_the_wrong_one_is_of_none_that_shares_one() -> None:
    encoder = Recorder()
    conditions = of_captions(CAPTIONS, encoder)
    table = {tuple(encoder.vector(text).tolist()): text for own in CAPTIONS for text in own}
    rows = torch.arange(5).repeat(200)
    texts = conditions.draw(rows, seeded())
    right, wrong = ([table[tuple(c)] for c in each.tolist()] for each in (texts.c, texts.c_wrong))
    for i, own in enumerate(CAPTIONS):
        assert {text for row, text in zip(rows.tolist(), right, strict=True) if row == i} == set(own)
        foreign = {text for other in CAPTIONS if not set(other) & set(own) for text in other}
        assert {text for row, text in zip(rows.tolist(), wrong, strict=True) if row == i} == foreign
    counts = Counter(text for row, text in zip(rows.tolist(), right, strict=True) if row == 3)
    assert all(40 <= count <= 95 for count in counts.values())  # every caption as often
    assert texts.labels.shape == (1000, 0)
    assert encoder.calls == [list(dict.fromkeys(text for own in CAPTIONS for text in own))]  # each once


def test_a_wrong_text_is_of_another_group_and_groups_are_classes() -> None:
    captions = [(f"image {i}",) for i in range(6)]
    encoder = Recorder()
    conditions = of_captions(captions, encoder, groups=["rose", "rose", "tulip", "tulip", None, None])
    assert conditions.class_sizes == (2,)
    table = {tuple(encoder.vector(text).tolist()): i for i, (text,) in enumerate(captions)}
    rows = torch.arange(6).repeat(100)
    texts = conditions.draw(rows, seeded())
    assert texts.labels[:6].tolist() == [[1], [1], [2], [2], [0], [0]]
    wrong = torch.tensor([table[tuple(c)] for c in texts.c_wrong.tolist()])
    others = [{0, 1}, {0, 1}, {2, 3}, {2, 3}, {4}, {5}]  # who is of the group of each, itself among them
    for i, group in enumerate(others):
        assert set(wrong[rows == i].tolist()) == set(range(6)) - group


class Directions(Recorder):
    """Texts are angles in degrees, and their vectors point there."""

    dim = 2

    def vector(self, text: str) -> torch.Tensor:
        angle = torch.tensor(float(text)).deg2rad()
        return torch.stack([angle.cos(), angle.sin()])


def test_texts_among_the_nearest_are_not_wrong_ones() -> None:
    captions = [(str(angle),) for angle in (0, 5, 120, 240)]
    conditions = of_captions(captions, Directions(), near=0.2)  # one pair of six is 5 degrees apart
    texts = conditions.draw(torch.zeros(500, dtype=torch.int64), seeded())
    angles = torch.atan2(texts.c_wrong[:, 1], texts.c_wrong[:, 0]).rad2deg().round() % 360
    assert set(angles.tolist()) == {120.0, 240.0}


def test_where_nearly_all_images_say_the_same_the_wrong_text_still_differs() -> None:
    encoder = Recorder()
    conditions = of_captions([("a cat",)] * 999 + [("a dog",)], encoder, near=0.5)
    texts = conditions.draw(torch.zeros(50, dtype=torch.int64), seeded())
    assert torch.equal(texts.c_wrong, encoder.vector("a dog").repeat(50, 1))


def test_where_all_images_share_a_caption_the_wrong_text_is_one_of_the_others() -> None:
    encoder = Recorder()
    conditions = of_captions([("photo", "a cat"), ("photo", "a dog"), ("photo",)], encoder, near=0.01)
    texts = conditions.draw(torch.zeros(20, dtype=torch.int64), seeded())
    assert torch.equal(texts.c_wrong, encoder.vector("a dog").repeat(20, 1))


def test_a_dropped_caption_is_the_null_condition_and_its_wrong_text_stays() -> None:
    conditions = of_captions(CAPTIONS, Recorder(), drop=0.25)
    texts = conditions.draw(torch.zeros(1000, dtype=torch.int64), seeded())
    dropped = ~texts.c.any(1)
    assert 200 < dropped.sum() < 300
    assert texts.c_wrong.any(1).all()


def test_free_captions_live_and_looked_up_are_the_same() -> None:
    once, live = (of_captions(CAPTIONS, Recorder(), near=0.1, kind=kind) for kind in ("cached", "live"))
    live.near = once.near  # which is measured on fewer pairs
    rows = torch.arange(5)
    for a, b in zip(once.draw(rows, seeded(3)), live.draw(rows, seeded(3)), strict=True):
        assert torch.equal(a, b)


def test_images_that_all_have_the_same_captions_are_refused() -> None:
    with pytest.raises(InputError, match="all images have the same captions, so there is no wrong text"):
        CaptionTable([("a cat",), ("a cat",)])
