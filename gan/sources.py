"""Several data sets in one generator: the condition says which one's drawing to follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def condition_dim(text_dim: int, source_names: Sequence[str]) -> int:
    """The size of ``c``: that of the text's part and, where there are several sources, a place for each."""
    return text_dim + (len(source_names) if len(source_names) > 1 else 0)


def same_places(theirs: Sequence[str], ours: Sequence[str]) -> bool:
    """Whether sources take each other's places as they stand: as many, and none by a name that stands elsewhere."""
    return len(theirs) == len(ours) and all(a == b or b not in theirs for a, b in zip(theirs, ours, strict=True))


def refit_sources(
    weight: Tensor, bias: Tensor, theirs: Sequence[str], ours: Sequence[str], more: int = 0
) -> tuple[Tensor, Tensor]:
    """A linear map of conditions with other sources; it gives what it gave for the sources that stay.

    Args:
        weight: Of a map of conditions of the sources ``theirs``: ``(M, condition_dim(text_dim, theirs))``.
        bias: ``(M,)``.
        theirs: The sources that it knows.
        ours: Those that it is to know. A new one begins as the mean of theirs.
        more: Numbers that texts have behind the ``text_dim``, which say nothing to begin with.

    Returns:
        The weight ``(M, condition_dim(text_dim + more, ours))`` and the bias; of a single source the bias holds all.
    """
    places = len(theirs) if len(theirs) > 1 else 0
    text, columns = weight.split([weight.shape[1] - places, places], dim=1)
    new = columns.sum(1) / max(places, 1)  # nothing of a single source, which the bias holds
    known = dict(zip(theirs, columns.T, strict=True)) if places else {}
    own = [known.get(name, new) for name in ours]
    import torch

    text = torch.nn.functional.pad(text, (0, more))
    if len(own) == 1:
        return text, bias + own[0]
    return torch.cat([text, torch.stack(own, dim=1)], dim=1), bias


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
