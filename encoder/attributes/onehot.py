"""The assignment's own condition, to compare with: one of 132 pairs of colours."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from encoder.attributes.vocabulary import EYE_COLOURS, HAIR_COLOURS, Attributes
from encoder.base import digest
from encoder.common.errors import InputError


class OneHotEncoder:
    """One-hot over the 12 x 11 pairs of hair and eye colour, hair first; it reads canonical captions only."""

    kind = "onehot"
    dim = len(HAIR_COLOURS) * len(EYE_COLOURS)
    fingerprint = digest(kind, *HAIR_COLOURS, *EYE_COLOURS)
    space = f"onehot-{fingerprint[:12]}"
    class_sizes = (len(HAIR_COLOURS), len(EYE_COLOURS))

    def encode(self, texts: Sequence[str], *, batch_size: int = 64, progress: bool = False) -> torch.Tensor:
        """One row a caption, float32 (N, 132): zero where a colour is unstated; a hair length changes nothing.

        Raises:
            InputError: A text that is not a canonical caption.
        """
        c = torch.zeros(len(texts), self.dim)
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

    def null(self, c: torch.Tensor) -> torch.Tensor:
        """Nothing stated: zeros."""
        return c.new_zeros(c.shape)

    def settled(self, c: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """``c`` itself: it leaves no choice."""
        return c

    def labels(self, c: torch.Tensor) -> torch.Tensor:
        """Hair, eyes and length of N rows, int64 (N, 3), as in ``Attributes.indices``; a length is never known."""
        pair, stated = c.argmax(1), c.any(1)
        hair, eyes = pair // len(EYE_COLOURS) + 1, pair % len(EYE_COLOURS) + 1
        return torch.stack([hair, eyes, torch.zeros_like(hair)], 1) * stated[:, None]

    def looks(self, c: torch.Tensor) -> list[dict[str, str]]:
        """None: a colour of a caption is any of its kind."""
        return [{} for _ in c]

    def remarks(self, texts: Sequence[str], c: torch.Tensor) -> list[str]:
        """None: a text that is not a canonical caption was refused."""
        return []
