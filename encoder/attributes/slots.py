"""What is common to all conditions that hold hair, eyes and length, slot after slot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from encoder.attributes.vocabulary import COLOUR_SLOTS, SLOTS, Attributes

if TYPE_CHECKING:
    import torch

SIZES = tuple(map(len, SLOTS.values()))


class SlotConditions:
    """The part of a ``TextEncoder`` that says what its vectors mean, where they are those of the conditioning head.

    A vector (25,) holds, in the order of ``SLOTS``, the probability of each value; one of 33 numbers holds the
    particular colours of hair and eyes behind them.
    """

    class_sizes = tuple(len(SLOTS[slot]) for slot in COLOUR_SLOTS)

    def null(self, c: torch.Tensor) -> torch.Tensor:
        """Any value of what is stated, and nothing of what is not: each slot's own mean.

        A particular colour stays as it is: to be moved away from any other would make it another colour, and in the end
        none that there is.
        """
        import torch

        *slots, particular = c.split([*SIZES, c.shape[1] - sum(SIZES)], dim=1)
        means = [slot.mean(1, keepdim=True).expand_as(slot) for slot in slots]
        return torch.cat([*means, particular], dim=1)

    def settled(self, c: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """``c`` with one of the other values stated too in each slot where a text only denies some.

        A face's noise tells which: the value whose number in ``z`` is the highest, as each is equally often, whatever
        the truncation. So the faces of "no green eyes" have eyes of all other colours.
        """
        if not (c < 0).any():
            return c
        import torch

        c = c.clone()
        at = torch.arange(sum(SIZES), device=z.device) % z.shape[1]
        for values, noise in zip(c[:, : sum(SIZES)].split(SIZES, dim=1), z[:, at].split(SIZES, dim=1), strict=True):
            denied = values < 0
            chosen = noise.masked_fill(denied, -torch.inf).argmax(1, keepdim=True)
            is_denial = denied.any(1, keepdim=True) & ~denied.all(1, keepdim=True)
            values.copy_(torch.where(is_denial, values.scatter(1, chosen, 1.0), values))
        return c

    def labels(self, c: torch.Tensor) -> torch.Tensor:
        """What each of N vectors states most probably: int64 (N, 3), as in ``Attributes.indices``."""
        import torch

        from encoder.attributes.reading import attributes

        return torch.tensor([attributes(row).indices for row in c], dtype=torch.int64).view(-1, len(SLOTS))

    def looks(self, c: torch.Tensor) -> list[dict[str, str]]:
        """The particular colours that N vectors ask for, of each by slot as "#rrggbb"; mostly none."""
        if not (stated := c[:, sum(SIZES) :]).shape[1] or not stated.any():
            return [{} for _ in c]
        import numpy as np

        from encoder.attributes.colour import to_hex
        from encoder.attributes.reading import read

        return [
            {reading.slot: to_hex(np.array(reading.look)) for reading in read(row) if reading.look} for row in c.float()
        ]

    def remarks(self, texts: Sequence[str], c: torch.Tensor) -> list[str]:
        """One line for each thing about N texts, read as ``c (N, dim)``, that their writer should know."""
        unusual = {text: row for text, row in zip(texts, c, strict=True) if Attributes.from_caption(text) is None}
        if not unusual:  # which spares the import of every colour word
            return []
        from encoder.attributes.reading import read, warnings_for

        lines = (line for text, row in unusual.items() for line in warnings_for(text, read(row)))
        return list(dict.fromkeys(lines))
