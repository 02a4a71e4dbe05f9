from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tiny import HashEncoder, TinyGenerator, write_release
from torch import nn


@pytest.fixture
def tiny_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """The architecture ``"tiny"``, in the place of the registry of networks."""

    def build_generator(architecture: str, *, z_dim: int, c_dim: int, **network: int) -> nn.Module:
        assert architecture == "tiny"
        return TinyGenerator(z_dim, c_dim, **network)

    monkeypatch.setattr("gan.pipeline.build_generator", build_generator)


@pytest.fixture
def tiny_encoder(monkeypatch: pytest.MonkeyPatch) -> HashEncoder:
    """The encoder that ``load_encoder`` gives."""
    encoder = HashEncoder()
    monkeypatch.setattr("gan.pipeline.load_encoder", lambda *_args, **_kwargs: encoder)
    return encoder


@pytest.fixture
def make_release(tmp_path: Path) -> Callable[..., Path]:
    """``make_release(name="tiny", **config)``: a released folder in ``tmp_path``."""
    return lambda name="tiny", **changes: write_release(tmp_path / name, **changes)
