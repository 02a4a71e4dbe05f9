"""STUB."""

from gan.data.dataset import FaceDataset

__all__ = ["FaceDataset", "faces_of", "share_of_faces"]


def faces_of(data):  # noqa: D103
    return data


def share_of_faces(data, n):  # noqa: D103
    return 1.0
