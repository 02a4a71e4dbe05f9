"""Captioned images: read from whatever people have, decoded once, and split."""

from gan.data.dataset import ImageDataset, Summary
from gan.data.loading import load_images
from gan.data.splits import Split

__all__ = ["ImageDataset", "Split", "Summary", "load_images"]
