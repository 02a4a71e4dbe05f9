"""A released generator: a folder with ``config.json``, ``generator.safetensors`` and a model card.

``discriminator.safetensors`` may lie there too: training can start from both, and candidates can be ranked by it.

Importing this module costs nothing, so that a command line can check a folder before it imports PyTorch.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from encoder.common.errors import InputError
from gan.sources import condition_dim

PRETRAINED = Path(__file__).resolve().parent.parent / "pretrained"
DEFAULT_MODEL = PRETRAINED / "residual-r3gan"
CONFIG_FILE = "config.json"
WEIGHTS_FILE = "generator.safetensors"
DISCRIMINATOR_FILE = "discriminator.safetensors"
ENCODER_FOLDER = "encoder"
"""What a generator has of its own of its text encoder."""


@dataclass(frozen=True)
class Conditioning:
    """What a generator takes as its text condition: the kind of encoder, its size and the space of its vectors."""

    kind: str
    dim: int
    space: str


@dataclass(frozen=True)
class ReleaseConfig:
    """The part of ``config.json`` that drawing and ``--init`` need; other keys there are notes for people.

    Attributes:
        architecture: A file of ``gan.networks``.
        z_dim: Size of the noise.
        c_dim: Size of the generator's condition: the text's, and one place a source where there are several sources.
        conditioning: What the text's part of the condition is.
        sources: The data sets that the generator was trained on; with several, ``style`` chooses among them.
        network: Arguments of the architecture's generator.
        discriminator: Arguments of the architecture's discriminator.
        images_seen: Real images that training has shown, with those of the release that it started from.
        guidance: How strongly to ask for what a text states, as in ``gan.pipeline.guide``; training writes none, 1.
    """

    architecture: str
    z_dim: int
    c_dim: int
    conditioning: Conditioning
    sources: tuple[str, ...]
    network: dict[str, Any] = field(default_factory=dict)
    discriminator: dict[str, Any] = field(default_factory=dict)
    images_seen: int = 0
    guidance: float = 1.0

    @classmethod
    def read(cls, model_dir: Path) -> ReleaseConfig:
        """Read ``config.json`` of a released folder, and see that the weights are there.

        Raises:
            InputError: No such folder, a file of it missing, or a config that is broken or contradicts itself.
        """
        path = model_dir / CONFIG_FILE
        if not model_dir.is_dir():
            raise InputError(f"{model_dir}: no such model folder; give a folder that holds {CONFIG_FILE}")
        for name in (CONFIG_FILE, WEIGHTS_FILE):
            if not (model_dir / name).is_file():
                raise InputError(f"{model_dir}: {name} is missing, so this is not a released model; restore the file")
        try:
            raw = json.loads(path.read_text("utf-8"))
            text = raw["conditioning"]
            config = cls(
                architecture=str(raw["architecture"]),
                z_dim=int(raw["z_dim"]),
                c_dim=int(raw["c_dim"]),
                conditioning=Conditioning(str(text["kind"]), int(text["dim"]), str(text["space"])),
                sources=tuple(raw["sources"]),
                network=dict(raw.get("network", {})),
                discriminator=dict(raw.get("discriminator", {})),
                images_seen=int(raw.get("images_seen", 0)),
                guidance=float(raw.get("guidance", 1)),
            )
        except KeyError as error:
            raise InputError(f"{path}: the key {error} is missing; restore the file") from error
        except (OSError, ValueError, TypeError) as error:
            raise InputError(f"{path}: is not the config of a released model ({error}); restore the file") from error
        if config.c_dim != condition_dim(config.conditioning.dim, config.sources):
            raise InputError(
                f"{path}: c_dim is {config.c_dim}, but the text condition has {config.conditioning.dim} numbers and "
                f"there are {len(config.sources)} styles; restore the file"
            )
        if not 0 < config.guidance < math.inf:
            raise InputError(f"{path}: guidance is {config.guidance}, which is not a number above 0; mend it")
        return config

    def style_index(self, style: str | None) -> int:
        """The place of ``style`` among the sources, 0 where it is ``None``; an unknown one is an ``InputError``."""
        if style is None:
            return 0
        if style not in self.sources:
            raise InputError(f"style {style!r} is unknown to this model; it knows: {', '.join(self.sources)}")
        return self.sources.index(style)
