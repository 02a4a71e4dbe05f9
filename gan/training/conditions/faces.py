"""Hair, eyes and length as conditions: a face is shown under generated wordings of what is known of it."""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from encoder.attributes.palette import palette
from encoder.attributes.reader import in_space
from encoder.attributes.space import COLOUR_SPACE, SIZES, colour_numbers, value_shares
from encoder.attributes.vocabulary import COLOUR_SLOTS, SLOTS, Attributes, canonical_captions
from encoder.base import Encoder
from encoder.common.errors import InputError
from encoder.language.grammar import Grammar
from gan.faces.localiser import Colours, distance
from gan.training.conditions import Conditioner, Texts
from gan.training.config import TrainingConfig

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
        vectors: Those of an earlier start, float32 (combinations * count, dim); then nothing is encoded.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        count: int = 1,
        live: bool = False,
        seed: int = 0,
        progress: bool = False,
        vectors: Tensor | None = None,
    ) -> None:
        self.encoder, self.count = encoder, count
        if vectors is not None:
            self.vectors: Tensor | None = vectors
            return
        grammar = Grammar(random.Random(seed))
        combinations = list(canonical_captions().values())  # in the order of SHAPE: the last slot runs fastest
        self.texts = [text for combination in combinations for text in wordings(combination, count, grammar)]
        vectors = encoder.encode(self.texts, progress=progress)
        read = encoder.space.labels(vectors)
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
        likeness: Of hair's values and of eyes', how likely each (row) is taken for each other one, (V, V) but for the
            diagonal. Half of the wrong values are drawn so, the others evenly.
    """

    def __init__(self, attributes: Tensor, *, eyes: float = 0.0, likeness: Sequence[Tensor] = ()) -> None:
        self.eyes = eyes
        self.present = [column[column > 0].unique() for column in attributes.unbind(1)]
        self.likeness = [
            table[values - 1][:, values - 1].fill_diagonal_(0)
            for table, values in zip(likeness, self.present, strict=False)  # length has none
        ]
        if all(len(values) < 2 for values in self.present):
            raise InputError("all faces have the same caption: there is no wrong text to learn from; add other faces")

    def draw(
        self, known: Tensor, stated: Tensor, generator: torch.Generator, also: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Attributes to show a face under as the wrong text.

        Args:
            known: int64 (N, 3), what is true of each face; 0 is unknown. Something must be known of every face.
            stated: int64 (N, 3), what the right text says of it.
            also: bool (N, 3), slots that can be wrong though their value is unknown.

        Returns:
            int64 (N, 3): ``stated``, but wrong in a random non-empty subset of what is known; bool (N, 3), that subset.
        """
        changeable = torch.stack(
            [(column > 0) & (len(values) > 1) for column, values in zip(known.unbind(1), self.present, strict=True)], 1
        )
        if also is not None:
            changeable |= also
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
            if slot < len(self.likeness):
                alike = values[torch.multinomial(self.likeness[slot][place], 1, generator=generator).squeeze(1)]
                other = torch.where(torch.rand(len(known), generator=generator) < 0.5, alike, other)
            wrong[:, slot] = torch.where(chosen[:, slot], other, stated[:, slot])
        return wrong, chosen


def drop(attributes: Tensor, chance: float, generator: torch.Generator) -> Tensor:
    """Each attribute left unstated with ``chance``: int64 (N, 3) -> int64 (N, 3)."""
    kept = torch.rand(attributes.shape, generator=generator) >= chance
    return attributes * kept


class ExactColours:
    """The measured colours of a training set, as texts state them.

    Args:
        colours: Of each face.
        attributes: int64 (N, 3), the values that its caption states.
    """

    FORMS = 3
    """A text that states a colour may state the value as the caption has it, not at all, or as the colour has it."""
    LEAST = 0.08
    """How far from a face's own colour a wrong one is, at least, as ``gan.faces.localiser.distance``."""
    CANDIDATES = 8
    BLUR = 0.05
    """At this distance values are taken for each other a third as often as if they were the same."""

    def __init__(self, colours: Colours, attributes: Tensor) -> None:
        self.lab, self.sure = colours.lab, colours.sure
        self.attributes = attributes[:, : len(COLOUR_SLOTS)]
        self.shares = value_shares(colours.lab)
        self.rows = [torch.nonzero(sure).squeeze(1) for sure in self.sure.unbind(1)]  # of each slot, where one is known

    def likeness(self) -> list[Tensor]:
        """How alike the values of hair and of eyes are, by the mean colours of their faces: float32 (V, V), as in
        ``WrongAttributes``. A value that no face is known to have is like none."""
        tables = []
        for slot, name in enumerate(COLOUR_SLOTS):
            values = range(1, len(SLOTS[name]) + 1)
            rows = [self.sure[:, slot] & (self.attributes[:, slot] == value) for value in values]
            means = torch.stack([self.lab[row, slot].mean(0) for row in rows])  # NaN where there is no face
            table = torch.exp(-distance(means[:, None], means) / self.BLUR).nan_to_num(0)
            tables.append(table + 1e-6)  # one that is like none is still wrong of every other
        return tables

    def others(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Of each face the rows, int64 (n, 2), with other hair and with other eyes: half of them not far off."""
        chosen = []
        for slot, known in enumerate(self.rows):
            picked = known[torch.randint(len(known), (len(rows), self.CANDIDATES), generator=generator)]
            away = distance(self.lab[rows, slot, None], self.lab[picked, slot])  # (n, candidates)
            away = torch.where(away < self.LEAST, 20 - away, away)  # too near ones last, the furthest of them first
            nearest = away.argmin(1)
            first = (away < 10).int().argmax(1)
            near = torch.rand(len(rows), generator=generator) < 0.5
            place = torch.where(near | (away >= 10).all(1), nearest, first)
            chosen.append(picked.gather(1, place[:, None]).squeeze(1))
        return torch.stack(chosen, 1)

    def value(self, rows: Tensor, form: Tensor, otherwise: Tensor) -> Tensor:
        """The values int64 (n, 2) that texts state beside the colours of ``rows (n, 2)``, in ``form (n, 2)``.

        Where ``form`` is negative no colour is stated, and ``otherwise`` holds.
        """
        own = self.attributes.gather(0, rows)
        return torch.where(form < 0, otherwise, own * (form == 0))

    def state(self, c: Tensor, rows: Tensor, form: Tensor) -> Tensor:
        """Conditions (n, 25 or 33), with the colours of ``rows (n, 2)`` where ``form (n, 2)`` is 0 or more."""
        slots = list(c[:, : sum(SIZES)].split(SIZES, dim=1))
        for i, shares in enumerate(self.shares):
            slots[i] = torch.where((form[:, i] == 2)[:, None], shares[rows[:, i]], slots[i])
        lab = torch.stack([self.lab[rows[:, i], i] for i in range(rows.shape[1])], 1)
        return torch.cat([*slots, colour_numbers(lab, form >= 0)], dim=1)


class AttributeConditions(Conditioner):
    """What is known of faces, in words.

    Args:
        attributes: int64 (N, 3), as in ``Attributes.indices``: what is known of each face; 0 is unknown.
        encoder: Text to condition.
        colours: Of the faces, measured; without them texts state values alone.
        vectors: As in ``Conditions``.
    """

    prompts = PROMPTS

    def __init__(
        self,
        attributes: Tensor,
        encoder: Encoder,
        config: TrainingConfig,
        *,
        colours: Colours | None = None,
        vectors: Tensor | None = None,
        progress: bool = False,
    ) -> None:
        self.attributes, self.drop, self.colour_chance = attributes, config.drop_attributes, config.colours
        self.class_sizes = tuple(len(SLOTS[slot]) for slot in COLOUR_SLOTS)
        self.conditions = Conditions(
            encoder,
            count=1 if config.encoder == "onehot" else config.wordings,
            live=config.encoder == "live",
            seed=config.seed,
            progress=progress,
            vectors=vectors,
        )
        self.colours = ExactColours(colours, attributes) if colours else None
        likeness = self.colours.likeness() if self.colours else ()
        self.wrong = WrongAttributes(attributes, eyes=config.wrong_eyes, likeness=likeness)
        self.encoder = in_space(encoder, COLOUR_SPACE.name) if colours else encoder
        self.weights = rare_first(attributes, config.rare) if config.rare > 1 else None
        self.palette = palette(colours.lab, colours.sure) if colours else {}

    def draw(self, rows: Tensor, generator: torch.Generator, images: int = 0) -> Texts:
        """As of ``Conditioner``; ``labels`` are those of hair and eyes that the right text states."""
        known = self.attributes[rows]
        stated = drop(known, self.drop, generator)
        if self.colours:
            return self._draw_with_colours(rows, known, stated, generator)
        wrong, _ = self.wrong.draw(known, stated, generator)
        c, c_wrong = (self.conditions.draw(each, generator) for each in (stated, wrong))
        return Texts(c, c_wrong, stated[:, : len(self.class_sizes)])

    def _draw_with_colours(self, rows: Tensor, known: Tensor, stated: Tensor, generator: torch.Generator) -> Texts:
        assert self.colours
        n, slots = len(rows), len(COLOUR_SLOTS)
        asked = torch.rand(n, slots, generator=generator) < self.colour_chance
        asked &= self.colours.sure[rows]
        form = torch.randint(ExactColours.FORMS, (n, slots), generator=generator)
        form = torch.where(asked, form, -1)
        own, others = rows[:, None].expand(-1, slots), self.colours.others(rows, generator)

        stated = torch.cat([self.colours.value(own, form, stated[:, :slots]), stated[:, slots:]], dim=1)
        also = F.pad(asked, (0, known.shape[1] - slots))
        wrong, chosen = self.wrong.draw(known, stated, generator, also)
        chosen = chosen[:, :slots]
        values = self.colours.value(others, torch.where(chosen, form, -1), wrong[:, :slots])
        wrong = torch.cat([values, wrong[:, slots:]], dim=1)

        c, c_wrong = (self.conditions.draw(each, generator) for each in (stated, wrong))
        c = self.colours.state(c, own, form)
        c_wrong = self.colours.state(c_wrong, torch.where(chosen, others, own), form)
        return Texts(c, c_wrong, stated[:, :slots])


def rare_first(attributes: Tensor, most: float) -> Tensor:
    """How often each face is shown, float32 (N,), where one of usual colours is shown once; its rarer colour counts.

    It grows with the root of the rarity, from 1 to ``most``.
    """
    weights = torch.ones(len(attributes))
    for column in attributes[:, : len(COLOUR_SLOTS)].unbind(1):
        counts = torch.bincount(column)[1:]
        usual = counts[counts > 0].float().median()
        weight = F.pad((usual / counts.clamp_min(1)).sqrt(), (1, 0), value=1.0)  # of an unknown colour, 1
        weights = torch.maximum(weights, weight[column])
    return weights.clamp(1, most)
