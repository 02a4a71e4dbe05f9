"""Quick scores for a generator in training."""

from __future__ import annotations

from gan.classifier import load_classifier
from gan.data.dataset import ImageDataset
from gan.evaluation.sets import Monitor
from gan.faces.dataset import FaceDataset


def monitor_for(data: ImageDataset, heldout: ImageDataset) -> Monitor:  # STUB
    assert isinstance(heldout, FaceDataset)
    return Monitor(heldout, load_classifier())
