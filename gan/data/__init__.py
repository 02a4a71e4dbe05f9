"""Captioned images: read from whatever people have, decoded once, and split."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gan.data.dataset import ImageDataset
    from gan.data.loading import load_images
    from gan.data.splits import Split
    from gan.data.summary import Summary

__all__ = ["ImageDataset", "Split", "Summary", "load_images"]


def __getattr__(name: str) -> Any:
    """The names of ``__all__``, imported when they are used: options are read without PyTorch."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from gan.data import loading

    return getattr(loading, name)
