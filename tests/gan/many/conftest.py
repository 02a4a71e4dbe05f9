from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from encoder.attributes.space import VALUE_SPACE
from encoder.common import weights
from gan.networks import build_generator


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small released model, that processes of their own can load: of the default kind, with random weights."""
    folder = tmp_path_factory.mktemp("models") / "small"
    folder.mkdir()
    network = {"widths": [8, 8, 8, 8], "detail_width": 4, "style_dim": 8}
    config = {"architecture": "residual", "z_dim": 8, "c_dim": 25, "sources": ["extra"], "network": network}
    conditioning = {"kind": "head", "dim": 25, "space": VALUE_SPACE.name}
    (folder / "config.json").write_text(json.dumps({**config, "conditioning": conditioning}))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        G = build_generator("residual", z_dim=8, c_dim=25, **network)
    weights.save(G.state_dict(), folder / "generator.safetensors")
    return folder
