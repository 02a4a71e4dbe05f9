"""A generator of a few thousand weights in a released folder, and a text encoder that needs no weights."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

from encoder.attributes.slots import SlotConditions

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


class HashEncoder(SlotConditions):
    """Every text its own vector in [0, 1], made of the text's digest."""

    kind, dim, fingerprint, space = "head", TEXT_DIM, "0f", "attributes-tiny"

    def __init__(self, space: str = space) -> None:
        self.space = space

    def encode(self, texts: Sequence[str], *, batch_size: int = 64, progress: bool = False) -> torch.Tensor:
        digests = [hashlib.sha256(text.encode()).digest()[: self.dim] for text in texts]
        return torch.tensor([list(digest) for digest in digests], dtype=torch.float32) / 255


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
