"""How good inversion and editing are, measured on faces that were given: ``python -m gan.inverter --judge N``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from encoder.attributes.vocabulary import COLOUR_SLOTS, EYE_COLOURS, HAIR_COLOURS
from gan.faces.localiser import distance
from gan.images import psnr, to_signed
from gan.inversion.editing import Inversion, edit, invert
from gan.inversion.network import load_inverter
from gan.inversion.pictures import Given
from gan.inversion.reading import judges

if TYPE_CHECKING:
    from gan.pipeline import TextToImage

EDITS = 4
"""Edits of each kind, of every face."""
LAYOUTS = 8
"""Layouts of a face, and faces."""
ALIKE = 0.1
"""A distance in OKLab that is plain to see."""
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
    hair_right, eyes_kept, both_right, plain_right, middle = [], [], [], [], []
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
        plain_right.append(both_right[-1][eyes != EYE_COLOURS.index("gray")])
    yield "CPU seconds an edit", f"{(time.process_time() - began) / (2 * EDITS * len(given)):.2f}"
    yield "hair asked: hair as asked", _share(hair_right)
    yield "hair asked: eyes read as before", _share(eyes_kept)
    yield (
        "hair asked: middle of the face against the reconstruction, median",
        f"{torch.cat(middle).median().item():.1f} dB",
    )
    yield "hair and eyes asked: both as asked", _share(both_right)
    yield "hair and eyes asked, gray eyes aside: both as asked", _share(plain_right)
    yield from _other_style(pipeline, inversion)


def _other_style(pipeline: TextToImage, inversion: Inversion) -> Iterator[tuple[str, str]]:
    """Faces drawn in the other style: whether the inverter takes them for it, and their colours for those before."""
    sources = pipeline.config.sources
    inverter = load_inverter(pipeline.folder, pipeline.G, len(sources))
    if len(sources) == 1 or inverter is None:
        return
    count = len(inversion)
    pictures = edit(pipeline, inversion, pipeline.read([""] * count), other_style=True)[0]
    with torch.inference_mode():
        signed = to_signed(pictures)
        said = inverter[0].float()(signed, signed)[1].argmax(1)
    own = inversion.c[:, pipeline.encoder.dim :].argmax(1)
    yield "other style: the inverter takes it for it", _share([said == (own + 1) % len(sources)])
    before, after = (judges()[1].measure(images) for images in (inversion.reconstructions, pictures))
    for i, slot in enumerate(COLOUR_SLOTS):
        sure = before.sure[:, i] & after.sure[:, i]
        near = distance(before.lab[:, i], after.lab[:, i]) < ALIKE
        yield f"other style: {slot} within {ALIKE} of their colour", _share([near[sure]])


def layouts_alike(pipeline: TextToImage) -> str:
    """The share of faces of one text and seed, each in a layout of its own, that read as most of these do."""
    found = []
    for seed in range(LAYOUTS):
        text = f"{HAIR_COLOURS[seed]} hair {EYE_COLOURS[seed]} eyes"
        images = torch.cat([pipeline.draw(text, seed, layout_seed=layout) for layout in range(LAYOUTS)])
        reading = judges()[0].read(images)
        shown = reading.hair * (len(EYE_COLOURS) + 1) + reading.eyes
        found.append(shown == shown.mode().values)
    return _share(found)


def _edited(pipeline: TextToImage, inversion: Inversion, texts: list[str]) -> Tensor:
    return edit(pipeline, inversion, pipeline.read(texts))[0]


def _share(right: list[Tensor]) -> str:
    found = torch.cat(right)
    return f"{100 * found.float().mean().item():.0f} % of {len(found)}"
