"""The spaces of conditions that state hair, eyes and length, slot after slot.

A condition (25,) holds, in the order of ``SLOTS``, the share of each value; one of 33 numbers holds behind them, for
the hair and for the eyes, the exact colour that is asked for (``encoder.attributes.colour``).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from encoder.attributes.colour import EXACT_DIM, NUMBERS, scale, to_hex, unscale
from encoder.attributes.vocabulary import COLOUR_SLOTS, SLOTS, Attributes
from encoder.base import ConditionSpace, Reading, digest

if TYPE_CHECKING:
    import torch

SIZES = tuple(map(len, SLOTS.values()))
DIM = sum(SIZES)
"""The numbers of a condition of values alone."""
COLOUR_DIM = DIM + EXACT_DIM
"""The numbers of a condition that can name any colour."""

_ENDS = list(itertools.accumulate(SIZES, initial=0))


def values_at(slot: int) -> slice:
    """Where a condition has the values of a slot."""
    return slice(_ENDS[slot], _ENDS[slot + 1])


def colour_at(slot: int) -> slice:
    """Where a condition of 33 numbers has the exact colour of a slot; one of 25 has nothing there."""
    return slice(DIM + NUMBERS * slot, DIM + NUMBERS * (slot + 1))


class AttributeSpace(ConditionSpace):
    """Conditions that state hair, eyes and length, with exact colours or without."""

    class_sizes = tuple(len(SLOTS[slot]) for slot in COLOUR_SLOTS)

    def null(self, c: torch.Tensor) -> torch.Tensor:
        """Any value of what is stated, and nothing of what is not: each slot's own mean.

        An exact colour stays as it is: to be moved away from any other would make it another colour, and in the end
        none that there is.
        """
        import torch

        *slots, colours = c.split([*SIZES, c.shape[1] - DIM], dim=1)
        means = [slot.mean(1, keepdim=True).expand_as(slot) for slot in slots]
        return torch.cat([*means, colours], dim=1)

    def resolve_negations(self, c: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """``c`` with one of the other values stated too in each slot where a text only denies some.

        A face's noise tells which: the value whose number in ``z`` is the highest, as each is equally often, whatever
        the truncation. So the faces of "no green eyes" have eyes of all other colours.
        """
        if not (c < 0).any():
            return c
        import torch

        c = c.clone()
        at = torch.arange(DIM, device=z.device) % z.shape[1]
        for values, noise in zip(c[:, :DIM].split(SIZES, dim=1), z[:, at].split(SIZES, dim=1), strict=True):
            denied = values < 0
            chosen = noise.masked_fill(denied, -torch.inf).argmax(1, keepdim=True)
            is_denial = denied.any(1, keepdim=True) & ~denied.all(1, keepdim=True)
            values.copy_(torch.where(is_denial, values.scatter(1, chosen, 1.0), values))
        return c

    def read(self, c: torch.Tensor) -> list[list[Reading]]:
        """The readings of N conditions (N, 25) or (N, 33), each in the order of ``SLOTS``."""
        return [_read(numbers) for numbers in c.tolist()]

    def labels(self, c: torch.Tensor) -> torch.Tensor:
        """The values that N conditions state most probably: int64 (N, 3), as in ``Attributes.indices``."""
        import torch

        rows = [Attributes(**stated_values(readings)).indices for readings in self.read(c)]
        return torch.tensor(rows, dtype=torch.int64).view(-1, len(SLOTS))

    def warnings_for(self, texts: Sequence[str], readings: Sequence[Sequence[Reading]]) -> list[str]:
        """The lines of ``encoder.attributes.warnings`` for texts that are no canonical captions."""
        unusual = {
            text: read for text, read in zip(texts, readings, strict=True) if Attributes.from_caption(text) is None
        }
        if not unusual:  # which spares the import of every colour word
            return []
        from encoder.attributes.languages import translate
        from encoder.attributes.warnings import warnings_for

        lines: list[str] = []
        for text, read in unusual.items():
            translation = translate(text)
            lines += translation.warnings if translation else warnings_for(text, read)
        return list(dict.fromkeys(lines))


VALUE_SPACE = AttributeSpace("head", f"attributes-{digest(json.dumps(SLOTS))[:8]}")
"""Values alone. The meaning does not depend on the weights of a head: a generator goes with any of them."""
COLOUR_SPACE = AttributeSpace(
    "head", f"attributes-{digest(json.dumps(SLOTS), json.dumps(COLOUR_SLOTS), 'stated, 4 (L - 0.6), 8 a, 8 b')[:8]}"
)
"""Values, and exact colours behind them."""


def colours_to_learn(theirs: str, ours: str) -> int:
    """How many numbers conditions of the space named ``ours`` have behind those of ``theirs``: of exact colours; 0."""
    return EXACT_DIM if (theirs, ours) == (VALUE_SPACE.name, COLOUR_SPACE.name) else 0


def stated_values(readings: Iterable[Reading]) -> dict[str, str | None]:
    """The value of each attribute of a condition: ``{"hair": "pink", "eyes": None, "length": None}``."""
    return {reading.slot: reading.value for reading in readings}


def exact_colours(readings: Iterable[Reading]) -> dict[str, str]:
    """The exact colours that a condition asks for, "#rrggbb" by slot; mostly none."""
    return {reading.slot: to_hex(np.array(reading.exact_colour)) for reading in readings if reading.exact_colour}


def colour_numbers(lab: torch.Tensor, stated: torch.Tensor) -> torch.Tensor:
    """OKLab colours (N, S, 3) and which of them are asked for, bool (N, S), as numbers of conditions (N, 4 S)."""
    import torch

    asked = stated[..., None].float()
    return torch.cat([asked, torch.from_numpy(scale(lab.numpy())).float() * asked], dim=-1).flatten(1)


def value_shares(lab: torch.Tensor) -> list[torch.Tensor]:
    """What colours (N, 2, 3) are drawn as where values alone are known: shares (N, 12) of hair, (N, 11) of eyes."""
    import torch

    from encoder.attributes.colour_names import mixtures

    result = []
    for i, slot in enumerate(COLOUR_SLOTS):
        names = [to_hex(colour) for colour in lab[:, i].numpy()]
        rows = [[mixture.get(value, 0.0) for value in SLOTS[slot]] for mixture in mixtures(slot, names)]
        result.append(torch.tensor(rows, dtype=torch.float32).reshape(len(names), len(SLOTS[slot])))
    return result


def _read(numbers: Sequence[float]) -> list[Reading]:
    readings = []
    for i, (slot, values) in enumerate(SLOTS.items()):
        shares = numbers[values_at(i)]
        best = max(range(len(values)), key=shares.__getitem__)
        unstated = min(max(0.0, 1.0 - sum(shares)), 1.0)
        value, probability = (values[best], shares[best]) if unstated < 0.5 else (None, unstated)
        stated, *scaled = (numbers[colour_at(i)] if slot in COLOUR_SLOTS else []) or [0.0]
        denied = tuple(value for value, share in zip(values, shares, strict=True) if share < 0)
        readings.append(Reading(slot, value, probability, _exact(stated, scaled) if stated > 0.5 else None, denied))
    return readings


def _exact(stated: float, scaled: Sequence[float]) -> tuple[float, float, float]:
    lightness, a, b = unscale(np.array(scaled) / stated).tolist()
    return lightness, a, b
