"""One file per architecture, each with a ``Generator`` and a ``Discriminator``; the file's name is its key.

A discriminator is a ``Discriminator``; a generator is ``G(z, c)``.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from torch import Tensor, nn

from encoder.errors import InputError

ARCHITECTURES: tuple[str, ...] = tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))
"""Every architecture there is; a new file in this folder is enough to join."""


class Discriminator(nn.Module):
    """Scores images under texts, in two parts, so that the features of an image serve several texts."""

    def features(self, img: Tensor) -> Tensor:
        """Images ``(N, 3, 64, 64)`` in [-1, 1] -> features ``(N, ...)``, before any text."""
        raise NotImplementedError

    def score(self, features: Tensor, c: Tensor) -> Tensor:
        """How real the image is and how well it fits ``c (N, c_dim)``: ``(N,)``, unbounded, higher is better."""
        raise NotImplementedError

    def forward(self, img: Tensor, c: Tensor) -> Tensor:
        """``score(features(img), c)``."""
        return self.score(self.features(img), c)


def _build(role: str, architecture: str, arguments: dict[str, Any]) -> nn.Module:
    if architecture not in ARCHITECTURES:
        raise InputError(f"no architecture {architecture!r}; there are {', '.join(ARCHITECTURES)}")
    module = importlib.import_module(f"{__name__}.{architecture}")
    try:
        network: nn.Module = getattr(module, role)(**arguments)
    except (TypeError, ValueError, IndexError, RuntimeError) as error:
        raise InputError(f"{architecture}: the {role.lower()} cannot be built ({error}); mend its arguments") from error
    return network


def build_generator(architecture: str, *, z_dim: int, c_dim: int, **network: Any) -> nn.Module:
    """A new generator; ``network`` holds the architecture's own arguments. Unusable ones are an ``InputError``."""
    return _build("Generator", architecture, {"z_dim": z_dim, "c_dim": c_dim, **network})


def build_discriminator(architecture: str, *, c_dim: int, **network: Any) -> Discriminator:
    """A new discriminator; as ``build_generator``."""
    D = _build("Discriminator", architecture, {"c_dim": c_dim, **network})
    assert isinstance(D, Discriminator)
    return D
