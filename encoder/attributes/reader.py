"""Texts to conditions: the conditioning head, with rules for what it cannot read.

The marks of tag lists are taken away before the head reads a text, and what no tag speaks of is left open. A value that
a text denies gets less than nothing where the attribute is left open: any of the others is drawn. A colour given
in figures ("#12806a") is a plain colour word to the head, which tells whether the hair or the eyes have it; the exact
colour then takes that word's place in the condition. With a head of 33 numbers it is the same for every listed name:
how the name looks is known, and the head is asked only whose colour it is. What the head itself makes of a colour
serves the words that no list has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from encoder.attributes.colour import EXACT_DIM, NUMBERS, codes, scale, to_hex
from encoder.attributes.space import COLOUR_SPACE, DIM, VALUE_SPACE, colour_at, values_at
from encoder.attributes.vocabulary import COLOUR_SLOTS, SLOTS, Attributes
from encoder.attributes.wording import denied, explicit, plain, without_denials, without_idle_denials
from encoder.base import ConditionSpace, Encoder, digest
from encoder.text import normalise

AVOIDED = -0.2
"""The share of a value that a text denies, in a slot that it leaves open.

``resolve_negations`` states one of the others too. Further below zero, colours are drawn purer than anywhere in the
data; at zero, a value that a style lacks (the Extra Data have no gray eyes) is drawn as the denied one at times."""
STAND_INS = ("red", "green", "blue", "purple", "pink", "orange", "aqua", "brown", "gray", "black")
"""For a colour, the surest to be read first: values of both colour slots."""

_VERSION = "6"  # of the rules, for the vectors that are kept by the fingerprint


@dataclass(frozen=True, eq=False)
class _Term:
    """A colour whose look is known, at ``text[start:end]``, and the plain word that stands in for it."""

    start: int
    end: int
    lab: np.ndarray
    stand_in: str


class AttributeEncoder:
    """The conditions of texts in any wording; an ``Encoder``.

    Args:
        head: The conditioning head, cached or not.
    """

    def __init__(self, head: Encoder):
        self._head = head

    @property
    def dim(self) -> int:
        """The head's: 25 or 33."""
        return self._head.dim

    @property
    def space(self) -> ConditionSpace:
        return self._head.space

    @property
    def fingerprint(self) -> str:
        """Digest of the head's and of the rules' version."""
        return digest(self._head.fingerprint, _VERSION)

    def encode(self, texts: Sequence[str], *, progress: bool = False) -> torch.Tensor:
        """The conditions (N, 25) or (N, 33); see ``Encoder.encode``."""
        texts = [in_english(normalise(text)) for text in texts]
        unusual = [i for i, text in enumerate(texts) if Attributes.from_caption(text) is None]
        figures: dict[int, list[_Term]] = {}
        avoided: dict[int, dict[str, list[str]]] = {}
        unspoken: dict[int, list[str]] = {}
        if unusual:
            from encoder.attributes.tags import left_open  # at need: drawing from the vocabulary starts without it
        for i in unusual:
            bare = without_idle_denials(plain(texts[i]))
            if values := denied(bare):
                avoided[i] = values
            texts[i] = explicit(without_denials(bare))
            if slots := left_open(texts[i]):
                unspoken[i] = slots
            if terms := _figures(texts[i]):
                figures[i] = terms
        read_as = [_replaced(text, figures.get(i, ())) for i, text in enumerate(texts)]
        c = self._head.encode(read_as, progress=progress)
        probes = {i: c[i].clone() for i in figures}
        if self._reads_colours:
            c = _sharpened(c)
            self._bind_names(c, read_as, [i for i in unusual if c[i, DIM::NUMBERS].any()])
        for i, terms in figures.items():
            _bind(c[i], probes[i], terms, in_figures=True)
        for i, slots in unspoken.items():
            _leave_open(c[i], slots)
        for i, values in avoided.items():
            _avoid(c[i], values)
        return c

    def of_values(self) -> AttributeEncoder:
        """The same, with the 25 values alone: itself, or one that leaves the exact colours out."""
        return AttributeEncoder(_InSpace(self._head, VALUE_SPACE, DIM)) if self._reads_colours else self

    @property
    def _reads_colours(self) -> bool:
        return self.dim > DIM

    def _bind_names(self, c: torch.Tensor, texts: Sequence[str], rows: Sequence[int]) -> None:
        """Give the rows of ``c`` that state an exact colour the looks of the listed names in their texts."""
        named = {i: terms for i in rows if (terms := _names(texts[i]))}
        probes = self._head.encode([_replaced(texts[i], terms) for i, terms in named.items()])
        for (i, terms), probe in zip(named.items(), probes, strict=True):
            _bind(c[i], probe, terms)


class _InSpace:
    """An encoder of attributes in another space: without its exact colours, or with room for some and stating none."""

    def __init__(self, encoder: Encoder, space: ConditionSpace, dim: int):
        self._encoder, self.space, self.dim = encoder, space, dim

    @property
    def fingerprint(self) -> str:
        return digest(self._encoder.fingerprint, self.space.name)

    def encode(self, texts: Sequence[str], *, progress: bool = False) -> torch.Tensor:
        c = self._encoder.encode(texts, progress=progress)
        return torch.nn.functional.pad(c, (0, self.dim - c.shape[1]))  # a negative width cuts


def in_space(encoder: Encoder, space: str) -> Encoder:
    """An encoder of attributes as one of the space of that name: with room for exact colours, or without them.

    One that is of this space already, or of another kind, stays as it is.
    """
    if (encoder.space, space) == (VALUE_SPACE, COLOUR_SPACE.name):
        return _InSpace(encoder, COLOUR_SPACE, DIM + EXACT_DIM)
    if (encoder.space, space) == (COLOUR_SPACE, VALUE_SPACE.name) and isinstance(encoder, AttributeEncoder):
        return encoder.of_values()
    return encoder


def in_english(text: str) -> str:
    """A normalised text in English words; one that is English stays as it is."""
    if Attributes.from_caption(text):
        return text
    from encoder.attributes.languages import translate  # at need: canonical captions are English

    translation = translate(text)
    return translation.english if translation else text


def _replaced(text: str, terms: Sequence[_Term]) -> str:
    """The text with the stand-in of each term in its place."""
    for term in reversed(terms):
        text = f"{text[: term.start]}{term.stand_in}{text[term.end :]}"
    return text


def _figures(text: str) -> list[_Term]:
    return _terms(text, [(code.start, code.end, code.lab) for code in codes(text)])


def _names(text: str) -> list[_Term]:
    from encoder.attributes.colour_names import find  # at need: most texts state no exact colour

    return _terms(text, find(text))


def _terms(text: str, places: Sequence[tuple[int, int, np.ndarray]]) -> list[_Term]:
    """Terms, each with a stand-in that the text does not hold; those beyond the last stand-in are left out."""
    free = [word for word in STAND_INS if places and word not in text]
    return [_Term(*place, stand_in) for place, stand_in in zip(places, free, strict=False)]


def _sharpened(c: torch.Tensor) -> torch.Tensor:
    """``c (N, 33)`` with every exact colour either stated, 1, or not: four zeros."""
    values, exact = c.split([DIM, c.shape[1] - DIM], dim=1)
    exact = exact.unflatten(1, (-1, NUMBERS))
    stated = exact[..., :1]
    colours = torch.where(stated > 0.5, exact / stated, 0.0)
    return torch.cat([values, colours.flatten(1)], dim=1)


def _bind(c: torch.Tensor, probe: torch.Tensor, terms: Sequence[_Term], *, in_figures: bool = False) -> None:
    """Write into ``c (dim,)`` the look of each term whose stand-in a slot has in ``probe (dim,)``.

    A name's values are those that the head reads; a colour in figures has those of its look.
    """
    looks = {term.stand_in: term.lab for term in terms}
    for i, (slot, reading) in enumerate(zip(COLOUR_SLOTS, VALUE_SPACE.read(probe[None])[0], strict=False)):
        lab = looks.get(reading.value or "")
        if lab is None:
            continue
        if in_figures:
            from encoder.attributes.colour_names import mixtures

            (mixture,) = mixtures(slot, [to_hex(lab)], doubtful=True)
            values = torch.tensor([mixture.get(value, 0.0) for value in SLOTS[slot]], dtype=c.dtype)
            c[values_at(i)] = values
        if len(c) > DIM and (in_figures or c[colour_at(i)][0]):
            c[colour_at(i)] = torch.tensor([1.0, *scale(lab)], dtype=c.dtype)


def _leave_open(c: torch.Tensor, slots: Sequence[str]) -> None:
    """Take from ``c (dim,)`` what it states of some slots."""
    for i, slot in enumerate(COLOUR_SLOTS):
        if slot in slots:
            c[values_at(i)] = 0
            c[colour_at(i)] = 0


def _avoid(c: torch.Tensor, values: dict[str, list[str]]) -> None:
    """Move the slots that ``c (dim,)`` leaves open away from the values that its text denies."""
    for i, reading in enumerate(VALUE_SPACE.read(c[None])[0]):
        for value in values.get(reading.slot, ()) if reading.value is None else ():
            c[values_at(i)][SLOTS[reading.slot].index(value)] = AVOIDED
