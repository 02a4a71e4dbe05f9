"""What a run knows of its faces beyond their captions: their measured colours; and the conditions of its wordings.

It is found once, at the start, and kept with the run: a run that is gone on with learns from the same, though the
localiser or the conditioning head may have been trained again since.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from encoder.base import TextEncoder, digest
from encoder.common import weights
from encoder.common.errors import InputError
from encoder.common.progress import Progress
from gan.faces.conditions import Conditions
from gan.faces.dataset import FaceDataset
from gan.faces.localiser import Colours, load_localiser

CHUNK = 512  # faces looked at together


class FaceKnowledge(NamedTuple):
    """What is known of N faces.

    Attributes:
        lab: As of ``Colours``; so are ``sure`` and ``area``.
        vectors: The conditions of all wordings, as ``Conditions`` takes them.
    """

    lab: Tensor
    sure: Tensor
    area: Tensor
    vectors: Tensor

    @property
    def colours(self) -> Colours:
        """The measured colours."""
        return Colours(self.lab, self.sure, self.area)


def knowledge_of(
    faces: FaceDataset,
    encoder: TextEncoder,
    path: Path,
    *,
    wordings: int = 1,
    seed: int = 0,
    progress: bool = False,
) -> FaceKnowledge:
    """What is known of faces: read from a file where it was kept, else found and kept there.

    Args:
        faces: Those of a run.
        encoder: Of the wordings.
        path: The file.
        wordings: As ``count`` of ``Conditions``; so is ``seed``.
        progress: Whether to say what is done, and show bars.

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
    lab, sure, area = (torch.cat(values) for values in zip(*measured, strict=True))
    conditions = Conditions(encoder, count=wordings, seed=seed, progress=progress)
    assert conditions.vectors is not None
    found = FaceKnowledge(lab, sure, area, conditions.vectors)
    weights.save({name: value.contiguous() for name, value in found._asdict().items()}, path, {"made_of": made_of})
    return found


def _read(path: Path, made_of: str) -> FaceKnowledge | None:
    """What was kept in a file; ``None`` where it is of other faces or other settings, missing or damaged."""
    try:
        with safe_open(path, "pt") as file:
            if (file.metadata() or {}).get("made_of") != made_of:
                return None
        return FaceKnowledge(**weights.load(path))
    except (OSError, SafetensorError, InputError, TypeError):
        return None
