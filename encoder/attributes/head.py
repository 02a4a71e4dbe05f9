"""The conditioning head: what a text says of each attribute, whatever its wording.

The head is a sentence-transformer of its own (``pretrained/head``): the bundled MiniLM, its upper layers fine-tuned on
captions made by a grammar (``encoder.train_head``), then the state of the first token, a linear map and a sigmoid. Its
embedding of a text is the attribute posterior ``c``. ``SentenceTransformer("pretrained/head")`` gives the same vectors;
the layers that fine-tuning left alone are read from the bundled encoder's file.

A head has 25 numbers, or 33: eight more say which exact colours the hair and the eyes are asked to have
(``encoder.attributes.colour``). Its linear map tells which.
"""

from __future__ import annotations

from pathlib import Path

import torch

from encoder.attributes.colour import NUMBERS
from encoder.attributes.space import COLOUR_DIM, COLOUR_SPACE, DIM, VALUE_SPACE, AttributeSpace
from encoder.common.errors import InputError
from encoder.common.records import read_record
from encoder.tuned import DENSE_CONFIG, SIGMOID, DenseConfig, TunedEncoder

_RANGE = 3.0  # of the scaled coordinates of a colour, which the head gives as shares in (0, 1)


class HeadEncoder(TunedEncoder):
    """Reads attributes from texts; an ``Encoder``.

    A condition ``c`` holds, slot after slot in the order of ``SLOTS``, the probability that the text states each
    value, in [0, 1]. An unstated attribute is a slot of zeros; a colour between two values has both. Behind these 25
    numbers a head of 33 has (stated, L, a, b) of the hair and of the eyes.
    """

    kind = "head"
    noun = "a conditioning head"

    @property
    def space(self) -> AttributeSpace:
        """``VALUE_SPACE``, or ``COLOUR_SPACE`` where the head reads exact colours."""
        return VALUE_SPACE if self.dim == DIM else COLOUR_SPACE

    @classmethod
    def _check(cls, folder: Path, shapes: dict[str, tuple[int, ...]], width: int) -> None:
        if shapes not in ({"linear.weight": (dim, width), "linear.bias": (dim,)} for dim in (DIM, COLOUR_DIM)):
            raise InputError(
                f"{folder}: made for other attributes than these {DIM} values, or {COLOUR_DIM} with colours; "
                "train the head again"
            )
        if read_record(DenseConfig, folder / DENSE_CONFIG, notes=True).activation_function != SIGMOID:
            raise InputError(f"{folder}: not {cls.noun}, whose vectors are probabilities; restore {DENSE_CONFIG}")

    def finish(self, numbers: torch.Tensor) -> torch.Tensor:
        """Conditions (n, 25) or (n, 33)."""
        return condition(torch.sigmoid(numbers))


def condition(shares: torch.Tensor) -> torch.Tensor:
    """Conditions from a head's sigmoids (N, 25 or 33), in (0, 1): a colour's coordinates get their range."""
    values, exact = shares.split([DIM, shares.shape[1] - DIM], dim=1)
    if not exact.shape[1]:
        return values
    stated, lab = coordinates(exact)
    return torch.cat([values, torch.cat([stated, stated * lab], dim=2).flatten(1)], dim=1)


def coordinates(exact: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The last eight shares (N, 8) as: whether a colour is stated (N, 2, 1), and its scaled coordinates (N, 2, 3)."""
    stated, lab = exact.unflatten(1, (-1, NUMBERS)).split([1, NUMBERS - 1], dim=2)
    return stated, _RANGE * (2 * lab - 1)
