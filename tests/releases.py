"""Released folders with random weights, of any architecture and any kind of text encoder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tiny_bert import LAYERS, WIDTH

from encoder.aligned import AlignedEncoder
from encoder.attributes.onehot import OneHotEncoder
from encoder.attributes.space import COLOUR_DIM, COLOUR_SPACE, VALUE_SPACE
from encoder.common import weights
from encoder.minilm import MiniLM
from encoder.pooled import STATISTICS_FILE, StandardisedEncoder, save_statistics
from encoder.tuned import SIGMOID, Tuned, save
from gan.networks import build_generator

SMALL: dict[str, dict[str, Any]] = {
    "dfgan": {"widths": [8, 8, 8, 8, 8]},
    "residual": {"widths": [8, 8, 8, 8], "detail_width": 8, "style_dim": 8},
    "grouped": {"widths": [8, 8, 8, 8, 8], "blocks": 1, "group_size": 4, "style_dim": 8},
    "stackgan1": {"widths": [16, 8, 8, 8]},
    "stackgan2": {"stage1": {"widths": [16, 8, 8, 8]}, "width": 8},
}
"""Arguments of small generators; the baseline's sizes are its own."""
SMALL_D: dict[str, dict[str, Any]] = {
    "dfgan": {"widths": [8, 8, 8, 8, 8]},
    "residual": {"widths": [8, 8, 8, 8, 8], "feature_dim": 8, "fine_width": 4},
    "grouped": {"widths": [8, 8, 8, 8, 8], "blocks": 1, "group_size": 4, "feature_dim": 8},
}
"""Arguments of small discriminators; a narrow one of the baseline's would hardly see the text at its start."""
ALIGNED_DIM = 6


def write_generator(
    folder: Path, conditioning: dict[str, Any], architecture: str = "residual", sources: Sequence[str] = ("extra",)
) -> Path:
    """A release whose generator has random weights, moved off their start, where a modulation may be the identity."""
    folder.mkdir(parents=True)
    c_dim = conditioning["dim"] + (len(sources) if len(sources) > 1 else 0)
    network = SMALL.get(architecture, {})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        G = build_generator(architecture, z_dim=16, c_dim=c_dim, **network)
        for name, value in G.state_dict().items():
            if value.is_floating_point() and "running" not in name:
                value.add_(0.05 * torch.randn(value.shape))
    weights.save(G.state_dict(), folder / "generator.safetensors")
    config = {
        "architecture": architecture,
        "z_dim": 16,
        "c_dim": c_dim,
        "conditioning": conditioning,
        "sources": list(sources),
        "network": network,
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def write_one_hot(folder: Path, architecture: str = "residual") -> Path:
    """A release of the assignment's own condition."""
    encoder = OneHotEncoder()
    return write_generator(folder, {"kind": "onehot", "dim": encoder.dim, "space": encoder.space.name}, architecture)


def write_tuned(folder: Path, base: Path, dim: int, queries: int = 0, **options: Any) -> Path:
    """The tiny BERT in ``base`` with its last layer changed, and a random linear map to ``dim`` numbers."""
    generator = torch.Generator().manual_seed(dim)
    layers = {
        name: (tensor + 0.3 * torch.randn(tensor.shape, generator=generator)).half()
        for name, tensor in MiniLM.load(base).layer_tensors(LAYERS - 1).items()
    }
    attention = torch.randn(queries, WIDTH, generator=generator) if queries else None
    weight = torch.randn(dim, WIDTH * max(1, queries), generator=generator)
    tuned = Tuned(layers, weight, torch.randn(dim, generator=generator), attention)
    save(tuned, folder, base=base, **options)
    return folder


def write_head(folder: Path, base: Path, dim: int) -> tuple[Path, Path]:
    """A release of 25 or of 33 numbers, and its head, which reads at random."""
    head = write_tuned(folder / "head", base, dim, activation=SIGMOID)
    space = COLOUR_SPACE if dim == COLOUR_DIM else VALUE_SPACE
    conditioning = {"kind": "head", "dim": dim, "space": space.name}
    return write_generator(folder / "release", conditioning, sources=("extra", "anime")), head


def write_aligned(folder: Path, base: Path, queries: int = 0) -> Path:
    """A release with an aligned encoder of its own, which pools by ``queries`` if any, and three styles."""
    own = write_tuned(folder / "encoder-of", base, ALIGNED_DIM, queries, unit_norm=True)
    statistics = torch.tensor([[0.1] * ALIGNED_DIM, [0.5] * ALIGNED_DIM], dtype=torch.float64)
    encoder = StandardisedEncoder("aligned", AlignedEncoder.load(own), statistics, own)
    conditioning = {"kind": "aligned", "dim": ALIGNED_DIM, "space": encoder.space.name}
    release = write_generator(folder / "release", conditioning, sources=("google", "twitter", "fluent"))
    encoder.save(release / "encoder")
    return release


def write_pooled(folder: Path, base: Path) -> Path:
    """A release of the sentence embeddings in ``base``, standardised."""
    from encoder.loading import load_encoder

    statistics = torch.tensor([[0.1] * WIDTH, [0.5] * WIDTH], dtype=torch.float64)
    space = load_encoder("pooled", base, statistics=statistics).space.name
    release = write_generator(folder / "release", {"kind": "pooled", "dim": WIDTH, "space": space})
    (release / "encoder").mkdir()
    save_statistics(release / "encoder" / STATISTICS_FILE, statistics)
    return release
