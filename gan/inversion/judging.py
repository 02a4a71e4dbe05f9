"""How good inversion and editing are, measured on faces that were given: ``python -m gan.inverter --judge N``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from encoder.attributes.vocabulary import EYE_COLOURS, HAIR_COLOURS
from gan.images import psnr
from gan.inversion.editing import Inversion, edit, invert
from gan.inversion.pictures import Given
from gan.inversion.reading import judges

if TYPE_CHECKING:
    from gan.pipeline import TextToImage

EDITS = 4
"""Edits of each kind, of every face."""
MIDDLE = (slice(None), slice(None), slice(24, 56), slice(16, 48))
"""The pixels (N, 3, 32, 32) in which a face has eyes, nose and mouth."""


def measure(pipeline: TextToImage, images: Tensor, *, faithful: bool, seed: int = 0) -> Iterator[tuple[str, str]]:
    """Invert faces and edit them by random colours.

    The classifier that judges the edits has also chosen how strong each is, so the shares are its own view.

    Args:
        pipeline: A model of faces.
        images: uint8 (N, 3, 64, 64), faces that its training has not seen.
        faithful: With gradient descent after the inverter.
        seed: Of the colours that are asked.

    Yields:
        What is measured, and the figure: medians in dB, seconds of the CPU, shares of all edits in %.
    """
    given = [Given(f"face {i}", pixels) for i, pixels in enumerate(images, 1)]
    began = time.process_time()
    inversion = invert(pipeline, given, faithful=faithful)
    yield "CPU seconds to find a face", f"{(time.process_time() - began) / len(given):.2f}"
    yield "reconstruction, median", f"{inversion.quality.median().item():.1f} dB"
    hair_right, eyes_kept, both_right, middle = [], [], [], []
    before = judges()[0].read(inversion.reconstructions)
    generator = torch.Generator().manual_seed(seed)
    began = time.process_time()
    for _ in range(EDITS):
        hair = torch.randint(len(HAIR_COLOURS), (len(given),), generator=generator)
        eyes = torch.randint(len(EYE_COLOURS), (len(given),), generator=generator)
        pictures = _edited(pipeline, inversion, [f"{HAIR_COLOURS[h]} hair" for h in hair])
        reading = judges()[0].read(pictures)
        hair_right.append(reading.hair == hair + 1)
        eyes_kept.append(reading.eyes == before.eyes)
        middle.append(psnr(pictures[MIDDLE], inversion.reconstructions[MIDDLE]))
        texts = [f"{HAIR_COLOURS[h]} hair, {EYE_COLOURS[e]} eyes" for h, e in zip(hair, eyes, strict=True)]
        reading = judges()[0].read(_edited(pipeline, inversion, texts))
        both_right.append((reading.hair == hair + 1) & (reading.eyes == eyes + 1))
    yield "CPU seconds an edit", f"{(time.process_time() - began) / (2 * EDITS * len(given)):.2f}"
    yield "hair asked: hair as asked", _share(hair_right)
    yield "hair asked: eyes read as before", _share(eyes_kept)
    yield (
        "hair asked: middle of the face against the reconstruction, median",
        f"{torch.cat(middle).median().item():.1f} dB",
    )
    yield "hair and eyes asked: both as asked", _share(both_right)


def _edited(pipeline: TextToImage, inversion: Inversion, texts: list[str]) -> Tensor:
    return edit(pipeline, inversion, pipeline.read(texts))[0]


def _share(right: list[Tensor]) -> str:
    found = torch.cat(right)
    return f"{100 * found.float().mean().item():.0f} % of {len(found)}"
