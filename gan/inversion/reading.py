"""What a given face shows: hair, eyes and length by the classifier, and their exact colours by the localiser."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from encoder.attributes.space import COLOUR_DIM, DIM, SIZES, colour_numbers
from encoder.attributes.vocabulary import SLOTS, Attributes
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

    def values(self) -> list[dict[str, str]]:
        """The values of each face, by slot."""
        return [
            {slot: values[index - 1] for (slot, values), index in zip(SLOTS.items(), row, strict=True)}
            for row in self.attributes.tolist()
        ]


@cache
def _judges() -> tuple[AttributeClassifier, Localiser]:
    return load_classifier(), load_localiser()


def read_faces(images: Tensor) -> Shown:
    """What faces show, uint8 (N, 3, 64, 64)."""
    classifier, localiser = _judges()
    reading, colours = classifier.read(images), localiser.measure(images)
    return Shown(torch.stack([reading.hair, reading.eyes, reading.length], 1), colours.lab, colours.sure)
