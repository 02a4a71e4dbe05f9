"""What a given face shows: hair, eyes and length by the classifier, and their exact colours by the localiser."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from encoder.attributes.colour import from_hex, to_hex
from encoder.attributes.space import COLOUR_DIM, DIM, SIZES, colour_numbers
from encoder.attributes.vocabulary import COLOUR_SLOTS, Attributes
from encoder.base import Encoder
from gan.faces.classifier import AttributeClassifier, load_classifier
from gan.faces.localiser import Localiser, load_localiser


class Shown(NamedTuple):
    """What N faces show.

    Attributes:
        attributes: int64 (N, 3), as in ``Attributes.indices``.
        lab: float32 (N, 2, 3), the exact colours of hair and eyes, in OKLab.
        sure: bool (N, 2), whether each could be measured.
    """

    attributes: Tensor
    lab: Tensor
    sure: Tensor

    def conditions(self, encoder: Encoder) -> Tensor:
        """The text's part of the conditions that ask for just this, (N, ``encoder.dim``)."""
        if encoder.dim not in (DIM, COLOUR_DIM):  # one number for each pair of colours
            return encoder.encode([Attributes.from_indices(row).caption for row in self.attributes.tolist()])
        slots = [F.one_hot(own - 1, size).float() for own, size in zip(self.attributes.unbind(1), SIZES, strict=True)]
        return torch.cat([*slots, colour_numbers(self.lab, self.sure)], dim=1)[:, : encoder.dim]

    def read(self) -> list[dict[str, Any] | None]:
        """The same for people: values by slot, exact colours under "hair colour" and "eyes colour"."""
        result: list[dict[str, Any] | None] = []
        for row, lab, sure in zip(self.attributes.tolist(), self.lab, self.sure.tolist(), strict=True):
            shown = dict(vars(Attributes.from_indices(tuple(row))))
            for slot, colour, is_sure in zip(COLOUR_SLOTS, lab, sure, strict=True):
                if is_sure:
                    shown[f"{slot} colour"] = to_hex(colour.numpy())
            result.append(shown)
        return result


@cache
def judges() -> tuple[AttributeClassifier, Localiser]:
    return load_classifier(), load_localiser()


def read_faces(images: Tensor) -> Shown:
    """What faces show, uint8 (N, 3, 64, 64)."""
    classifier, localiser = judges()
    reading, colours = classifier.read(images), localiser.measure(images)
    # As many digits as a colour is written with: the last bits of float32 differ from one machine to another.
    hexes = [[from_hex(to_hex(colour)) for colour in row] for row in colours.lab.numpy()]
    lab = torch.from_numpy(np.array(hexes)).float()
    return Shown(torch.stack([reading.hair, reading.eyes, reading.length], 1), lab, colours.sure)
