"""Files of a run: the training state to go on from, and the released form of its generator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import nn

from encoder.base import TextEncoder
from encoder.common.atomic import at_once, write_atomically
from encoder.common.errors import InputError
from encoder.pooled import StandardisedEncoder
from gan.networks import ImageTextDiscriminator, TextToImageGenerator
from gan.release import CONFIG_FILE, DISCRIMINATOR_FILE, ENCODER_FOLDER, WEIGHTS_FILE
from gan.sources import condition_dim
from gan.training.config import TrainingConfig

STATE_FILE = "state.pt"


def save_state(run_dir: Path, state: dict[str, Any]) -> None:
    """Write the training state (tensors, numbers and strings only)."""
    write_atomically(run_dir / STATE_FILE, lambda path: torch.save(state, path))


def load_state(run_dir: Path) -> dict[str, Any]:
    """Read the training state; a file that is missing or cut off is an ``InputError``."""
    path = run_dir / STATE_FILE
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no training state to resume from; start without --resume") from error
    except Exception as error:  # torch.load raises half a dozen types for a damaged file, some of them with an essay
        reason = (str(error).splitlines() or [type(error).__name__])[0].partition(". ")[0]
        raise InputError(f"{path}: the training state is damaged ({reason}); start the run anew") from error
    return state


def begun_with(run_dir: Path) -> TrainingConfig:
    """The settings of the run that is to be resumed; ``InputError`` where there is none."""
    return TrainingConfig.from_json(load_state(run_dir)["config"])


def save_weights(network: nn.Module, path: Path, dtype: torch.dtype = torch.float32) -> None:
    """Write a network's weights and statistics as safetensors, floating ones in ``dtype``."""
    state = {
        name: value.detach().to("cpu", dtype if value.is_floating_point() else None).contiguous()
        for name, value in network.state_dict().items()
    }
    write_atomically(path, lambda temporary: temporary.write_bytes(save(state)))


def save_release(
    folder: Path,
    G: TextToImageGenerator,
    D: ImageTextDiscriminator,
    config: TrainingConfig,
    encoder: TextEncoder,
    sources: tuple[str, ...],
    images_seen: int,
) -> None:
    """Write a generator in the form that ``TextToFace.from_pretrained`` reads, all files at once.

    The discriminator is kept in float16, which is enough to start another training from and to rank faces by.
    """
    release = {
        "architecture": config.architecture,
        "z_dim": config.z_dim,
        "c_dim": condition_dim(encoder.dim, sources),
        "conditioning": {"kind": encoder.kind, "dim": encoder.dim, "space": encoder.space},
        "sources": list(sources),
        "network": G.arguments,
        "discriminator": D.arguments,
        "images_seen": images_seen,
        "training": json.loads(config.to_json()),
    }
    # The run's inputs are named, not located: a released file says nothing of the machine that it was made on.
    release["training"]["data"] = [Path(path).name for path in config.data]
    release["training"] |= {name: Path(getattr(config, name)).name for name in ("encoder_path", "init", "stage1")}
    text = json.dumps(release, indent=2) + "\n"
    with at_once():
        if isinstance(encoder, StandardisedEncoder):  # its numbers are this data's own
            encoder.save(folder / ENCODER_FOLDER)
        save_weights(G, folder / WEIGHTS_FILE)
        save_weights(D, folder / DISCRIMINATOR_FILE, torch.float16)
        write_atomically(folder / CONFIG_FILE, lambda path: path.write_text(text, "utf-8"))
