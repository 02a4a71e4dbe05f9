"""A generator of a few thousand weights in a released folder, and a text encoder that needs no weights."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

from encoder.attributes.colour import EXACT_DIM, NUMBERS, codes, scale
from encoder.attributes.colour_names import look
from encoder.attributes.space import AttributeSpace
from encoder.attributes.vocabulary import COLOUR_SLOTS, SLOTS

Z_DIM, TEXT_DIM = 8, 25


class TinyGenerator(nn.Module):
    """Noise and condition -> 4x4 -> 64x64; small, but each pixel depends on every number of ``z`` and ``c``."""

    resolution = 64

    def __init__(self, z_dim: int, c_dim: int, width: int = 6) -> None:
        super().__init__()
        self.width = width
        self.dense = nn.Linear(z_dim + c_dim, width * 16)
        self.conv = nn.Conv2d(width, width, 3, padding=1)
        self.to_rgb = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, z: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        x = self.dense(torch.cat([z, c], dim=1)).reshape(-1, self.width, 4, 4)
        x = F.leaky_relu(self.conv(F.interpolate(x, scale_factor=4.0)), 0.2)
        return torch.tanh(4 * self.to_rgb(F.interpolate(x, scale_factor=4.0)))


class HashEncoder:
    """Every text its own vector in [0, 1], made of the text's digest."""

    dim, fingerprint = TEXT_DIM, "0f"

    def __init__(self, space: str = "attributes-tiny") -> None:
        self.space = AttributeSpace("head", space)

    def encode(self, texts: Sequence[str], *, progress: bool = False) -> torch.Tensor:
        digests = [hashlib.sha256(text.encode()).digest()[: self.dim] for text in texts]
        return torch.tensor([list(digest) for digest in digests], dtype=torch.float32) / 255


class ColourEncoder(HashEncoder):
    """Reads "navy hair, #12806a eyes": plain words as values, the other names and the codes as exact colours."""

    dim = TEXT_DIM + EXACT_DIM

    def __init__(self) -> None:
        super().__init__("attributes-tiny-colours")

    def encode(self, texts: Sequence[str], *, progress: bool = False) -> torch.Tensor:
        c = torch.zeros(len(texts), self.dim)
        for row, text in zip(c, texts, strict=True):
            start = 0
            for i, slot in enumerate(COLOUR_SLOTS):
                match = re.search(rf"([^,]+) {slot}", text)
                name = match[1].strip() if match else ""
                value = name if name in SLOTS[slot] else SLOTS[slot][0]
                row[start + SLOTS[slot].index(value)] = float(bool(name))
                lab = codes(name)[0].lab if codes(name) else look(name)
                if lab is not None:
                    at = TEXT_DIM + NUMBERS * i
                    row[at : at + NUMBERS] = torch.tensor([1.0, *scale(np.array(lab))])
                start += len(SLOTS[slot])
        return c


WITH_COLOURS = {
    "c_dim": ColourEncoder.dim,
    "conditioning": {"kind": "head", "dim": ColourEncoder.dim, "space": ColourEncoder().space.name},
}
"""Keys of the config of a release that ``ColourEncoder`` goes with."""


def write_release(folder: Path, **changes: object) -> Path:
    """Make a released folder with random weights; ``changes`` replace keys of its config."""
    folder.mkdir()
    config = {
        "architecture": "tiny",
        "z_dim": Z_DIM,
        "c_dim": TEXT_DIM,
        "conditioning": {"kind": "head", "dim": TEXT_DIM, "space": "attributes-tiny"},
        "sources": ["extra"],
        "network": {"width": 6},
        **changes,
    }
    (folder / "config.json").write_text(json.dumps(config))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        G = TinyGenerator(int(config["z_dim"]), int(config["c_dim"]))
    save_file(G.state_dict(), folder / "generator.safetensors")
    return folder
