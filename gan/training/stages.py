"""Two-stage generators: the trained first stage that a second one refines."""

from __future__ import annotations

import torch

from encoder.base import Encoder
from encoder.common.errors import InputError
from gan.networks import TextToImageGenerator
from gan.pipeline import TextToImage
from gan.training.config import TrainingConfig


def insert_first_stage(
    G: TextToImageGenerator, config: TrainingConfig, encoder: Encoder, sources: tuple[str, ...]
) -> None:
    """Put the released generator of ``config.stage1``, frozen, in its place in ``G``; most architectures have none.

    Raises:
        InputError: A first stage is missing or not asked for, or does not fit the run.
    """
    if not G.first_stage:
        if config.stage1:
            raise InputError(f"--stage1: {config.architecture} has no first stage; leave the option out")
        return
    if not config.stage1:
        raise InputError(
            f"{config.architecture} refines what a trained {G.first_stage} draws; "
            "give the snapshot folder of such a run by --stage1"
        )
    first = TextToImage.from_pretrained(config.stage1, encoder=encoder, dtype=torch.float32)
    start = first.config
    if start.architecture != G.first_stage:
        raise InputError(
            f"{config.stage1}: holds a {start.architecture}, and {config.architecture} refines a {G.first_stage}; "
            "give the snapshot folder of such a run"
        )
    if start.z_dim != config.z_dim:
        raise InputError(f"{config.stage1}: was trained with --z-dim {start.z_dim}; give this run the same")
    if start.sources != sources and max(len(start.sources), len(sources)) > 1:
        raise InputError(
            f"{config.stage1}: was trained on the sources {', '.join(start.sources)}, this run's are "
            f"{', '.join(sources)}; give the same"
        )
    G.stage1 = first.G
    G.arguments["stage1"] = start.network
