"""The networks that find a given picture in a release, as graphs: what it shows, and what it is drawn from.

``static/js/edit.js`` repeats ``invert`` and ``edit`` of ``gan.inversion.editing``, without descent: a change there is
made here too.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gan.export import graph
from gan.inversion.editing import ROUGH, STYLE_SHIFT, SURE, TRIALS, UNLIKELY, VARIATION
from gan.inversion.network import SIZE, Inverter, load_inverter
from gan.inversion.reading import judges
from gan.pipeline import TextToImage

INPUT = {0: "N"}


class Shown(nn.Module):
    """Pictures in [-1, 1] to the probabilities of hair, eyes and length, and where hair and irises are."""

    def __init__(self) -> None:
        super().__init__()
        self.classifier, self.localiser = judges()

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return *(logits.softmax(1) for logits in self.classifier(images)), self.localiser(images)[1]


class Found(nn.Module):
    """One pass of an inverter, its results side by side; at last the mean layout of each source."""

    def __init__(self, inverter: Inverter) -> None:
        super().__init__()
        self.inverter = inverter

    def forward(self, images: Tensor, missing: Tensor) -> tuple[Tensor, ...]:
        latents, sources = self.inverter(images, missing)
        return *latents, sources, self.inverter.layouts.expand(len(images), -1, -1, -1, -1)


def editing(pipeline: TextToImage) -> tuple[tuple[bytes, bytes], dict[str, object]] | None:
    """The graphs of ``Shown`` and ``Found``, and what the page must know to edit; ``None`` where it cannot."""
    inverter = load_inverter(pipeline.folder, pipeline.G, len(pipeline.config.sources))
    if inverter is None or pipeline.config.conditioning.kind != "head":
        return None
    images = torch.zeros(2, 3, SIZE, SIZE)
    missing = torch.ones_like(images)  # another tensor: one that is given twice becomes one input of the graph
    outputs = ("hair", "eyes", "length", "attention"), ("z", "layout", "styles", "sources", "layouts")
    found = (
        graph(Shown(), {"images": images}, outputs[0], INPUT),
        graph(Found(inverter[0]), {"images": images, "missing": missing}, outputs[1], INPUT),
    )
    facts = {
        "passes": inverter[1].passes, "rough": ROUGH, "variation": VARIATION, "style_shift": STYLE_SHIFT,
        "trials": TRIALS, "sure": SURE, "unlikely": UNLIKELY,
    }  # fmt: skip
    return found, facts
