"""A released generator: a folder with ``config.json``, ``generator.safetensors`` and a model card.

``discriminator.safetensors`` may lie there too: training can start from both, and candidates can be ranked by it.

Importing this module costs nothing, so that a command line can check a folder before it imports PyTorch.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from encoder import PRETRAINED
from encoder.common.errors import InputError
from encoder.common.records import Amount, Count, Positive, read_record
from gan.sources import condition_dim

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
    dim: Count
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
    z_dim: Count
    c_dim: Count
    conditioning: Conditioning
    sources: tuple[str, ...]
    network: dict[str, Any] = field(default_factory=dict)
    discriminator: dict[str, Any] = field(default_factory=dict)
    images_seen: Amount = 0
    guidance: Positive = 1.0

    def __post_init__(self) -> None:
        if not self.sources or len(set(self.sources)) < len(self.sources):
            raise InputError(f"sources is {', '.join(self.sources) or 'empty'}; it must name each source once; mend it")
        if self.c_dim != condition_dim(self.conditioning.dim, self.sources):
            raise InputError(
                f"c_dim is {self.c_dim}, but the text condition has {self.conditioning.dim} numbers and "
                f"there are {len(self.sources)} styles; restore the file"
            )

    @classmethod
    def read(cls, model_dir: Path) -> ReleaseConfig:
        """Read ``config.json`` of a released folder, and see that the weights are there.

        Raises:
            InputError: No such folder, a file of it missing, or a config that is broken or contradicts itself.
        """
        if not os.path.isdir(model_dir):
            raise InputError(f"{model_dir}: no such model folder; give a folder that holds {CONFIG_FILE}")
        for name in (CONFIG_FILE, WEIGHTS_FILE):
            if not os.path.isfile(model_dir / name):
                raise InputError(f"{model_dir}: {name} is missing, so this is not a released model; restore the file")
        return read_record(cls, model_dir / CONFIG_FILE, notes=True)

    def style_index(self, style: str | None) -> int:
        """The place of ``style`` among the sources, 0 where it is ``None``; an unknown one is an ``InputError``."""
        if style is None:
            return 0
        if style not in self.sources:
            raise InputError(f"style {style!r} is unknown to this model; it knows: {', '.join(self.sources)}")
        return self.sources.index(style)
