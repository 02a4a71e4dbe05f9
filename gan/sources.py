"""Several data sets in one generator: the condition says which one's drawing to follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def condition_dim(text_dim: int, source_names: Sequence[str]) -> int:
    """The size of ``c``: that of the text's part and, where there are several sources, a place for each."""
    return text_dim + (len(source_names) if len(source_names) > 1 else 0)


def join_source(c: Tensor, sources: Tensor, source_names: Sequence[str]) -> Tensor:
    """The condition that the networks take.

    Args:
        c: The text's part, ``(N, text_dim)``.
        sources: int64 ``(N,)``, positions in ``source_names``.
        source_names: The sources; of a single one the condition says nothing.

    Returns:
        ``(N, condition_dim(text_dim, source_names))``.
    """
    if len(source_names) < 2:
        return c
    import torch

    return torch.cat([c, torch.nn.functional.one_hot(sources, len(source_names)).to(c.dtype)], dim=1)
