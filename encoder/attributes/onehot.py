"""The assignment's own condition, to compare with: one of 132 pairs of colours."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from encoder.attributes.space import AttributeSpace
from encoder.attributes.vocabulary import EYE_COLOURS, HAIR_COLOURS, Attributes
from encoder.base import Reading, digest
from encoder.common.errors import InputError


class OneHotSpace(AttributeSpace):
    """One number for each pair of colours; a hair length is never known."""

    def null(self, c: torch.Tensor) -> torch.Tensor:
        """Nothing stated: zeros."""
        return c.new_zeros(c.shape)

    def read(self, c: torch.Tensor) -> list[list[Reading]]:
        """Hair, eyes and length of N conditions (N, 132)."""
        readings = []
        for pair, is_stated in zip(c.argmax(1).tolist(), c.any(1).tolist(), strict=True):
            hair, eyes = divmod(pair, len(EYE_COLOURS))
            stated = Attributes(HAIR_COLOURS[hair], EYE_COLOURS[eyes]) if is_stated else Attributes()
            readings.append([Reading(slot, value, 1.0) for slot, value in vars(stated).items()])
        return readings


class OneHotEncoder:
    """One-hot over the 12 x 11 pairs of hair and eye colour, hair first; it reads canonical captions only."""

    dim = len(HAIR_COLOURS) * len(EYE_COLOURS)
    fingerprint = digest("onehot", *HAIR_COLOURS, *EYE_COLOURS)
    space = OneHotSpace("onehot", f"onehot-{fingerprint[:12]}")

    def encode(self, texts: Sequence[str], *, progress: bool = False) -> torch.Tensor:
        """One row a caption, float32 (N, 132): zero where a colour is unstated; a hair length changes nothing.

        Raises:
            InputError: A text that is not a canonical caption.
        """
        c = torch.zeros(len(texts), self.dim, dtype=torch.float32)
        for row, text in zip(c, texts, strict=True):
            stated = Attributes.from_caption(text)
            if stated is None:
                raise InputError(
                    f"the one-hot encoder reads only captions like 'pink hair green eyes', not {text[:60]!r}; "
                    "use a model with a sentence encoder"
                )
            hair, eyes, _ = stated.indices
            if hair and eyes:
                row[(hair - 1) * len(EYE_COLOURS) + eyes - 1] = 1
        return c
