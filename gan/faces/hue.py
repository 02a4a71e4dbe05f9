"""Whether hair has the colour that a caption states: captions are often inaccurate, "green" for olive or gray.

Only the hue is judged, and only of colours that have one: how light hair is drawn says little of its name.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import torch
from torch import Tensor

from encoder.attributes.colour import oklab
from encoder.attributes.colour_names import hues
from gan.faces.dataset import FaceDataset

ROWS, COLUMNS = slice(3, 14), slice(18, 46)
"""Where hair is, above the forehead, in 64x64 faces that are cropped as those of the assignment are."""
LEAST_CHROMA = 0.03
"""Where ``chroma_as_stated`` is less, a person would rather call the hair gray, olive or black."""
CHUNK = 4096  # faces measured at a time


def chroma_as_stated(images: Tensor, hair: Tensor) -> Tensor:
    """How much of the stated hair colour the hair has.

    Args:
        images: uint8 (N, 3, 64, 64).
        hair: int64 (N,), the colour stated, as in ``Attributes.indices``; 0 is unstated.

    Returns:
        float32 (N,): the OKLab chroma of the hair's median colour along the hue stated (about 0.1 for vivid hair, below
        0 for one of the opposite hue); infinity where nothing is stated, or white, gray or black.
    """
    directions = np.concatenate([np.zeros((1, 2)), hues("hair")])[hair.numpy()]  # (N, 2)
    measured = [
        np.median(oklab(chunk[:, :, ROWS, COLUMNS].flatten(2).mT.numpy() / 255), axis=1)[:, 1:]
        for chunk in images.split(CHUNK)
    ]
    chroma = (np.concatenate(measured) * directions).sum(1)
    return torch.from_numpy(np.where(directions.any(1), chroma, math.inf)).float()


def drop_inconsistent_captions(faces: FaceDataset, least: float) -> tuple[FaceDataset, int]:
    """The faces, their hair colour unknown where ``chroma_as_stated`` is below ``least``; and how often that was.

    Those of which nothing else is known are left out. With ``least`` 0 every caption is believed.
    """
    if not least:
        return faces, 0
    loose = chroma_as_stated(faces.images, faces.attributes[:, 0]) < least
    attributes = faces.attributes.clone()
    attributes[loose, 0] = 0
    return dataclasses.replace(faces, attributes=attributes)[attributes.any(1)], int(loose.sum())
