"""Hair, eyes and length as conditions: a face is shown under generated wordings of what is known of it."""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch
from torch import Tensor

from encoder.attributes.vocabulary import COLOUR_SLOTS, SLOTS, Attributes, canonical_captions
from encoder.base import TextEncoder
from encoder.common.errors import InputError
from encoder.language.grammar import Grammar
from gan.training.conditions import Texts

SHAPE = tuple(1 + len(values) for values in SLOTS.values())
"""Combinations of attributes by slot, unstated first: (13, 12, 3)."""

EYES = list(SLOTS).index("eyes")

PROMPTS = tuple(Attributes(hair=hair, eyes=eyes).caption for hair, eyes in [
    ("blue", "blue"), ("blue", "red"), ("green", "blue"), ("green", "red"), ("pink", "green"),
    ("black", "brown"), ("blonde", "blue"), ("red", "yellow"), ("white", "purple"), ("brown", "aqua"),
])  # fmt: skip
"""What sample grids are drawn for."""


def wordings(attributes: Attributes, count: int, grammar: Grammar) -> list[str]:
    """``count`` texts that state exactly ``attributes``: the canonical one, then the grammar's."""
    colours = {slot: value for slot in ("hair", "eyes") if (value := getattr(attributes, slot))}
    forms = grammar.forms.both if len(colours) == 2 else getattr(grammar.forms, next(iter(colours), "empty"))
    stated = {slot: {value: 1.0} if (value := getattr(attributes, slot)) else {} for slot in SLOTS}
    length = 1.0 if attributes.length else 0.0
    texts = [attributes.caption]
    for _ in range(20 * count):  # not every form has room for every attribute
        if len(texts) == count:
            break
        caption = grammar.fill(grammar.rng.choice(forms), list(colours), length=length, framed=0.4, colours=colours)
        if caption.mixtures == stated:
            texts.append(caption.text)
    return texts + texts[:1] * (count - len(texts))


class Conditions:
    """The captions of every combination of attributes, and their vectors.

    Args:
        encoder: Text to ``c``.
        count: Wordings a combination.
        live: Encode at every look-up instead of once; the vectors are the same.
        seed: Of the wordings.
        progress: Whether to show a progress bar while encoding.
    """

    def __init__(
        self, encoder: TextEncoder, *, count: int = 1, live: bool = False, seed: int = 0, progress: bool = False
    ) -> None:
        self.encoder, self.count = encoder, count
        grammar = Grammar(random.Random(seed))
        combinations = list(canonical_captions().values())  # in the order of SHAPE: the last slot runs fastest
        self.texts = [text for combination in combinations for text in wordings(combination, count, grammar)]
        vectors = encoder.encode(self.texts, progress=progress)
        read = encoder.labels(vectors)
        if read is not None and count > 1:
            # A wording that the head misreads would show faces under a wrong text: the canonical one takes its place.
            meant = torch.tensor([combination.indices for combination in combinations]).repeat_interleave(count, 0)
            misread = (read != meant).any(1)
            canonical = torch.arange(len(vectors)) // count * count
            rows = torch.where(misread, canonical, torch.arange(len(vectors)))
            self.texts, vectors = [self.texts[row] for row in rows.tolist()], vectors[rows]
        self.vectors = None if live else vectors

    def draw(self, attributes: Tensor, generator: torch.Generator) -> Tensor:
        """The conditions of random wordings: attributes int64 (N, 3) -> float32 (N, dim)."""
        hair, eyes, length = attributes.unbind(1)
        wording = torch.randint(self.count, (len(attributes),), generator=generator)
        rows = ((hair * SHAPE[1] + eyes) * SHAPE[2] + length) * self.count + wording
        if self.vectors is None:
            return self.encoder.encode([self.texts[row] for row in rows.tolist()])
        return self.vectors[rows]


class WrongAttributes:
    """Draws attributes that contradict a face: another hair colour, another eye colour or both, equally often.

    Captions repeat, so another row of the batch may well say the same thing; here the text is wrong by construction.

    Args:
        attributes: int64 (N, 3), those of the training set; wrong values are values that occur in it.
        eyes: The chance that the eyes alone are wrong, before the subsets have equal chances: they are the smallest of
            what a text states, and the last to be learnt.
    """

    def __init__(self, attributes: Tensor, *, eyes: float = 0.0) -> None:
        self.eyes = eyes
        self.present = [column[column > 0].unique() for column in attributes.unbind(1)]
        if all(len(values) < 2 for values in self.present):
            raise InputError("all faces have the same caption: there is no wrong text to learn from; add other faces")

    def draw(self, known: Tensor, stated: Tensor, generator: torch.Generator) -> Tensor:
        """Attributes to show a face under as the wrong text.

        Args:
            known: int64 (N, 3), what is true of each face; 0 is unknown. Something must be known of every face.
            stated: int64 (N, 3), what the right text says of it.
            generator: The source of randomness.

        Returns:
            int64 (N, 3): ``stated``, but wrong in a random non-empty subset of what is known.
        """
        changeable = torch.stack(
            [(column > 0) & (len(values) > 1) for column, values in zip(known.unbind(1), self.present, strict=True)], 1
        )
        # After the eyes' own chance, every non-empty subset of the changeable slots is as likely; there are 7 of three.
        subsets = torch.cartesian_prod(*[torch.tensor([False, True])] * known.shape[1])[1:]  # (7, 3)
        allowed = (~subsets[None] | changeable[:, None]).all(2)  # (N, 7)
        allowed |= ~allowed.any(1, keepdim=True)
        eyes_alone = (subsets == (torch.arange(known.shape[1]) == EYES)).all(1)  # (7,)
        share = self.eyes * changeable[:, EYES, None]  # (N, 1)
        weights = (1 - share) * allowed + share * allowed.sum(1, keepdim=True) * eyes_alone
        chosen = subsets[torch.multinomial(weights, 1, generator=generator).squeeze(1)]
        chosen &= changeable
        wrong = stated.clone()
        for slot, values in enumerate(self.present):
            if len(values) < 2:
                continue
            place = torch.searchsorted(values, known[:, slot].contiguous())
            shift = torch.randint(1, len(values), (len(known),), generator=generator)
            other = values[(place + shift) % len(values)]
            wrong[:, slot] = torch.where(chosen[:, slot], other, stated[:, slot])
        return wrong


def drop(attributes: Tensor, chance: float, generator: torch.Generator) -> Tensor:
    """Each attribute left unstated with ``chance``: int64 (N, 3) -> int64 (N, 3)."""
    kept = torch.rand(attributes.shape, generator=generator) >= chance
    return attributes * kept


class AttributeConditions:
    """What is known of faces, in words; a ``Conditioner``.

    Args:
        attributes: int64 (N, 3), as in ``Attributes.indices``: what is known of each face; 0 is unknown.
        encoder: Text to condition.
        wordings: Texts that each combination of attributes is known by.
        drop: The chance that a known attribute is left out of the text.
        wrong_eyes: As ``eyes`` of ``WrongAttributes``.
        live: As in ``Conditions``.
        seed: Of the wordings.
        progress: Whether to show a progress bar while encoding.
    """

    prompts = PROMPTS

    def __init__(
        self,
        attributes: Tensor,
        encoder: TextEncoder,
        *,
        wordings: int = 1,
        drop: float = 0.0,
        wrong_eyes: float = 0.0,
        live: bool = False,
        seed: int = 0,
        progress: bool = False,
    ) -> None:
        self.attributes, self.encoder, self.drop = attributes, encoder, drop
        self.class_sizes = tuple(len(SLOTS[slot]) for slot in COLOUR_SLOTS)
        self.wrong = WrongAttributes(attributes, eyes=wrong_eyes)
        self.conditions = Conditions(encoder, count=wordings, live=live, seed=seed, progress=progress)

    def draw(self, rows: Tensor, generator: torch.Generator) -> Texts:
        """See ``Conditioner.draw``; ``labels`` are those of hair and eyes that the right text states."""
        known = self.attributes[rows]
        stated = drop(known, self.drop, generator)
        wrong = self.wrong.draw(known, stated, generator)
        c, c_wrong = (self.conditions.draw(each, generator) for each in (stated, wrong))
        return Texts(c, c_wrong, stated[:, : len(self.class_sizes)])


def read_captions(texts: Sequence[str]) -> Tensor:
    """What free captions state, by the conditioning head: N texts -> int64 (N, 3), ``Attributes.indices``."""
    from encoder import load_encoder

    encoder = load_encoder("head")
    labels = encoder.labels(encoder.encode(texts, progress=True))
    assert labels is not None
    return labels
