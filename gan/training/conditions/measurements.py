"""The measured colours of the faces of a run, and the conditions of its wordings.

They are computed once, when the run starts, and saved in its folder. So a resumed run learns from the same values, even
if the localiser or the conditioning head was trained again in between.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from encoder.base import Encoder, digest
from encoder.common import weights
from encoder.common.errors import InputError
from encoder.common.progress import Progress
from gan.faces.dataset import FaceDataset
from gan.faces.localiser import Colours, load_localiser
from gan.training.conditions.faces import Conditions

CHUNK = 512  # faces looked at together


class FaceMeasurements(NamedTuple):
    """The colours of N faces, and the conditions of all wordings, as ``Conditions`` takes them."""

    colours: Colours
    vectors: Tensor


def measurements(
    faces: FaceDataset, encoder: Encoder, path: Path, *, wordings: int = 1, seed: int = 0, progress: bool = False
) -> FaceMeasurements:
    """The measurements of faces: read from a file where they were saved, else computed and saved there.

    Args:
        encoder: Of the wordings.
        wordings: As ``count`` of ``Conditions``; so is ``seed``.

    Raises:
        InputError: The file cannot be written, or the localiser is missing.
    """
    settings = repr((wordings, seed))
    made_of = digest(faces.digest, faces.attributes.numpy().tobytes(), settings)
    if (kept := _read(path, made_of)) is not None:
        return kept
    if progress:
        print(f"measuring the colours of {len(faces):,} faces, once: {path}", flush=True)
    localiser = load_localiser()
    measured = []
    with Progress("measuring", len(faces), "face", shown=progress) as bar:
        for rows in torch.arange(len(faces)).split(CHUNK):
            measured.append(localiser.measure(faces.images[rows]))
            bar.update(len(rows))
    colours = Colours(*(torch.cat(values) for values in zip(*measured, strict=True)))
    conditions = Conditions(encoder, count=wordings, seed=seed, progress=progress)
    assert conditions.vectors is not None
    weights.save({**colours._asdict(), "vectors": conditions.vectors}, path, {"made_of": made_of})
    return FaceMeasurements(colours, conditions.vectors)


def _read(path: Path, made_of: str) -> FaceMeasurements | None:
    """The measurements in a file; ``None`` where it is missing, damaged, or of other faces or settings."""
    try:
        with safe_open(path, "pt") as file:
            if (file.metadata() or {}).get("made_of") != made_of:
                return None
        kept = weights.load(path)
        return FaceMeasurements(Colours(*(kept[name] for name in Colours._fields)), kept["vectors"])
    except (OSError, SafetensorError, InputError, KeyError):
        return None
