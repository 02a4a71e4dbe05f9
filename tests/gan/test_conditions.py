import hashlib
import itertools
import random
from collections import Counter
from collections.abc import Sequence

import pytest
import torch

from encoder.attributes.onehot import OneHotEncoder
from encoder.attributes.vocabulary import EYE_COLOURS, HAIR_COLOURS, SLOTS, Attributes, canonical_captions
from encoder.common.errors import InputError
from encoder.language.grammar import Grammar
from gan.faces.conditions import Conditions, WrongAttributes, drop, read_captions, wordings

COMBINATIONS = [Attributes.from_indices(indices) for indices in itertools.product(range(13), range(12), range(3))]
INDICES = torch.tensor([attributes.indices for attributes in COMBINATIONS])  # (468, 3)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Recorder:
    """Every text its own vector, of its digest; remembers what it encoded."""

    dim, fingerprint, space = 8, "0f", "recorded"

    def __init__(self, kind: str = "pooled") -> None:
        self.kind = kind
        self.calls: list[list[str]] = []

    def encode(self, texts: Sequence[str], *, batch_size: int = 64, progress: bool = False) -> torch.Tensor:
        self.calls.append(list(texts))
        return torch.stack([self.vector(text) for text in texts])

    def vector(self, text: str) -> torch.Tensor:
        return torch.tensor(list(hashlib.sha256(text.encode()).digest()[: self.dim]), dtype=torch.float32)


class CanonicalHead(Recorder):
    """A head that reads canonical captions, and states nothing of any other text."""

    dim = sum(len(values) for values in SLOTS.values())

    def __init__(self) -> None:
        super().__init__("head")

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
    wrong = WrongAttributes(known).draw(known, known, seeded())
    counts = Counter(tuple(row) for row in (wrong != known).tolist())
    assert set(counts) == {(True, False, False), (False, True, False), (True, True, False)}
    assert all(2850 < count < 3150 for count in counts.values())  # 3000, three standard deviations of 45 each way


def test_the_eyes_alone_can_be_wrong_more_often() -> None:
    known = faces(9000)
    known[:1000, 1] = 0  # of these only the hair can be wrong
    wrong = WrongAttributes(known, eyes=0.4).draw(known, known, seeded())
    assert all(row == (True, False, False) for row in (tuple(row) for row in (wrong != known)[:1000].tolist()))
    counts = Counter(tuple(row) for row in (wrong != known)[1000:].tolist())
    assert set(counts) == {(True, False, False), (False, True, False), (True, True, False)}
    assert 4670 < counts[False, True, False] < 4930  # of 8000, 0.4 + 0.6 / 3 of them: 4800, three deviations of 44
    assert all(1470 < counts[row] < 1730 for row in ((True, False, False), (True, True, False)))  # 0.6 / 3: 1600


def test_wrong_values_occur_in_the_faces_each_as_often() -> None:
    known = faces(9000)
    wrong = WrongAttributes(known).draw(known, known, seeded())
    changed = wrong[:, 1] != known[:, 1]
    assert set(wrong[:, 0].tolist()) == {1, 2, 3, 4}
    assert set(wrong[:, 1].tolist()) == {2, 3, 5}
    pairs = Counter(zip(known[changed, 1].tolist(), wrong[changed, 1].tolist(), strict=True))
    assert len(pairs) == 6
    assert max(pairs.values()) < 1.3 * min(pairs.values())


def test_only_what_is_known_is_contradicted() -> None:
    known = faces(600)
    known[::2, 1] = 0  # eyes unknown
    wrong = WrongAttributes(known).draw(known, known, seeded())
    assert (wrong[::2, 1] == 0).all()
    assert (wrong[::2, 0] != known[::2, 0]).all()
    assert (wrong != known).any(1).all()


def test_a_value_that_the_text_leaves_out_can_still_be_contradicted() -> None:
    known = faces(600)
    stated = torch.zeros_like(known)  # the right texts say nothing
    wrong = WrongAttributes(known).draw(known, stated, seeded())
    assert (wrong != 0).any(1).all()
    assert ((wrong == 0) | (wrong != known)).all()  # whatever it does state is untrue


def test_known_lengths_are_contradicted_too() -> None:
    known = faces(700)
    known[:, 2] = torch.randint(1, 3, (700,), generator=seeded())
    wrong = WrongAttributes(known).draw(known, known, seeded())
    assert len({tuple(row) for row in (wrong != known).tolist()}) == 7
    assert set(wrong[:, 2].tolist()) == {1, 2}


def test_a_slot_with_a_single_value_is_left_alone() -> None:
    known = faces(200)
    known[:, 0] = 7
    wrong = WrongAttributes(known).draw(known, known, seeded())
    assert (wrong[:, 0] == 7).all()
    assert (wrong[:, 1] != known[:, 1]).all()


def test_faces_of_one_caption_have_no_wrong_text() -> None:
    with pytest.raises(InputError, match="same caption"):
        WrongAttributes(torch.tensor([[1, 2, 0], [1, 2, 0]]))


def test_wrong_texts_are_of_the_generator_alone() -> None:
    known = faces(50)
    wrong = WrongAttributes(known)
    assert torch.equal(wrong.draw(known, known, seeded(1)), wrong.draw(known, known, seeded(1)))
    assert not torch.equal(wrong.draw(known, known, seeded(1)), wrong.draw(known, known, seeded(2)))


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
    monkeypatch.setattr("encoder.load_encoder", lambda kind: CanonicalHead() if kind == "head" else None)
    stated = read_captions(["long pink hair green eyes", "something else"])
    expected = (1 + HAIR_COLOURS.index("pink"), 1 + EYE_COLOURS.index("green"), 1)
    assert stated.tolist() == [list(expected), [0, 0, 0]]
