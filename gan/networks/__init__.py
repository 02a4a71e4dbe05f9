"""One file per architecture, each with a ``Generator`` and a ``Discriminator``; the file's name is its key.

A discriminator scores in two parts, so that the image's features serve several texts: ``features(img)`` reads
``(N, 3, 64, 64)`` and ``score(features, c)`` gives ``(N,)``, unbounded. A generator is ``G(z, c)``.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from torch import nn

from encoder.errors import InputError

ARCHITECTURES: tuple[str, ...] = tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))
"""Every architecture there is; a new file in this folder is enough to join."""


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


def build_discriminator(architecture: str, *, c_dim: int, **network: Any) -> nn.Module:
    """A new discriminator; as ``build_generator``."""
    return _build("Discriminator", architecture, {"c_dim": c_dim, **network})
