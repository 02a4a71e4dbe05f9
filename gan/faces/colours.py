"""Particular colours as conditions: which hair and which eyes, in OKLab, beside which of the values they have.

A slot's four numbers are those of ``encoder.attributes.colour``; all zero where no colour is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from encoder.attributes.colour import NUMBERS, scale, to_hex
from encoder.attributes.head import COLOUR_SPACE, SPACE
from encoder.attributes.reader import AttributeEncoder
from encoder.attributes.slots import SlotConditions
from encoder.attributes.vocabulary import COLOUR_SLOTS, SLOTS
from encoder.base import TextEncoder, digest
from encoder.language.colours import mixtures


def numbers(lab: Tensor, stated: Tensor) -> Tensor:
    """OKLab colours (N, S, 3) and which of them are asked for, bool (N, S), as conditions (N, 4 S)."""
    asked = stated[..., None].float()
    return torch.cat([asked, torch.from_numpy(scale(lab.numpy())).float() * asked], dim=-1).flatten(1)


def values_of(lab: Tensor) -> list[Tensor]:
    """What colours (N, 2, 3) are drawn as where values alone are known: shares (N, 12) of hair, (N, 11) of eyes."""
    result = []
    for i, slot in enumerate(COLOUR_SLOTS):
        names = [to_hex(colour) for colour in lab[:, i].numpy()]
        shares = torch.zeros(len(names), len(SLOTS[slot]))
        for row, mixture in zip(shares, mixtures(slot, names), strict=True):
            for value, share in mixture.items():
                row[SLOTS[slot].index(value)] = share
        result.append(shares)
    return result


class WithColours(SlotConditions):
    """A head that reads values alone, in the space of conditions with particular colours: it states none."""

    kind = "head"
    space = COLOUR_SPACE

    def __init__(self, encoder: TextEncoder) -> None:
        self.encoder = encoder
        self.dim = encoder.dim + NUMBERS * len(COLOUR_SLOTS)

    @property
    def fingerprint(self) -> str:
        """See ``TextEncoder``."""
        return digest(self.encoder.fingerprint, self.space)

    def encode(self, texts: Sequence[str], *, batch_size: int = 64, progress: bool = False) -> Tensor:
        """See ``TextEncoder.encode``."""
        c = self.encoder.encode(texts, batch_size=batch_size, progress=progress)
        return torch.cat([c, c.new_zeros(len(c), self.dim - self.encoder.dim)], dim=1)


def in_space(encoder: TextEncoder, space: str) -> TextEncoder:
    """An encoder of attributes as one of ``space``: with room for particular colours, or without them.

    One that is of ``space`` already, or of another kind, stays as it is.
    """
    if (encoder.space, space) == (SPACE, COLOUR_SPACE):
        return WithColours(encoder)
    if (encoder.space, space) == (COLOUR_SPACE, SPACE) and isinstance(encoder, AttributeEncoder):
        return encoder.of_values()
    return encoder
