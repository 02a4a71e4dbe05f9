"""Particular colours as conditions: which hair and which eyes, in OKLab, beside which of the values they have.

A slot's four numbers are ``(stated, L', a', b')``: whether a colour is asked for, and which, scaled to about unit
deviation; all zero where none is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from encoder.attributes.slots import SIZES, SlotConditions
from encoder.attributes.vocabulary import COLOUR_SLOTS, SLOTS
from encoder.base import TextEncoder, digest
from encoder.language.colours import mixtures

NUMBERS = 4  # of a slot
CENTRE = torch.tensor([0.6, 0.0, 0.0])
SCALE = torch.tensor([4.0, 8.0, 8.0])
SPACE = f"attributes-{digest(json.dumps(SLOTS), json.dumps(COLOUR_SLOTS), 'stated, 4 (L - 0.6), 8 a, 8 b')[:8]}"
"""What the numbers of a condition with particular colours mean."""


def numbers(lab: Tensor, stated: Tensor) -> Tensor:
    """OKLab colours (N, S, 3) and which of them are asked for, bool (N, S), as conditions (N, 4 S)."""
    asked = stated[..., None].float()
    return torch.cat([asked, (lab - CENTRE) * SCALE * asked], dim=-1).flatten(1)


def srgb(lab: np.ndarray) -> np.ndarray:
    """sRGB colours (..., 3) in [0, 1] of OKLab ones (..., 3), the nearest ones where there are none."""
    to_lms = [[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728], [1, -0.0894841775, -1.2914855480]]
    to_rgb = [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
    linear = np.clip((lab @ np.transpose(to_lms)) ** 3 @ np.transpose(to_rgb), 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def values_of(lab: Tensor) -> list[Tensor]:
    """What colours (N, 2, 3) are drawn as where values alone are known: shares (N, 12) of hair, (N, 11) of eyes."""
    result = []
    for i, slot in enumerate(COLOUR_SLOTS):
        names = ["#" + "".join(f"{round(255 * x):02x}" for x in row) for row in srgb(lab[:, i].numpy()).tolist()]
        shares = torch.zeros(len(names), len(SLOTS[slot]))
        for row, mixture in zip(shares, mixtures(slot, names), strict=True):
            for value, share in mixture.items():
                row[SLOTS[slot].index(value)] = share
        result.append(shares)
    return result


class WithColours(SlotConditions):
    """A head that reads values alone, in the space of conditions with particular colours: it states none."""

    kind = "head"
    space = SPACE

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

    def null(self, c: Tensor) -> Tensor:
        """See ``SlotConditions``; of a particular colour, that one is asked for, and the usual one."""
        values, colours = c.split([self.encoder.dim, self.dim - self.encoder.dim], dim=1)
        stated = colours.unflatten(1, (-1, NUMBERS)) * torch.eye(1, NUMBERS)
        return torch.cat([super().null(values), stated.flatten(1)], dim=1)

    def labels(self, c: Tensor) -> Tensor:
        """See ``SlotConditions``."""
        return super().labels(c[:, : sum(SIZES)])

    def remarks(self, texts: Sequence[str], c: Tensor) -> list[str]:
        """See ``SlotConditions``."""
        return super().remarks(texts, c[:, : sum(SIZES)])
