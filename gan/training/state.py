"""Files of a run: the training state to go on from, and the released form of its generator."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from encoder.base import Encoder
from encoder.common import weights
from encoder.common.arguments import kind_of
from encoder.common.atomic import transaction, write_atomically
from encoder.common.errors import InputError, reason_of
from encoder.common.records import Amount, Chance, Count, Within, record, write_json
from encoder.pooled import StandardisedEncoder
from gan.networks import ImageTextDiscriminator, TextToImageGenerator
from gan.release import CONFIG_FILE, DISCRIMINATOR_FILE, ENCODER_FOLDER, WEIGHTS_FILE
from gan.sources import condition_dim
from gan.training.config import TrainingConfig

STATE_FILE = "state.pt"
_FORMAT = b"text-to-image state 2 crc32 "
"""What a state file begins with; then follow the checksum of the rest, a line's end, and what ``torch.save`` wrote."""


@dataclass(frozen=True)
class State:  # its names are the keys
    """The keys of a training state and what each holds; see ``Trainer.state``."""

    config: str
    data: str
    images: Count
    sources: tuple[str, ...]
    space: str
    cur_nimg: Amount
    images_before: Amount
    d_step: Amount
    minutes: Annotated[float, Within(0)]
    G: dict[str, Tensor]
    D: dict[str, Tensor]
    G_ema: dict[str, Tensor]
    opt_G: dict[str, Any]  # noqa: N815
    opt_D: dict[str, Any]  # noqa: N815
    generator: Tensor
    order: Tensor
    best_score: Annotated[float, Within(-float("inf"), float("inf"))]
    ahead: Amount = 0  # states of earlier versions lack this and the next
    augment: Chance = 0.0


def save_state(run_dir: Path, state: dict[str, Any]) -> None:
    """Write the training state (tensors, numbers and strings only) with its checksum."""

    def write(path: Path) -> None:
        buffer = io.BytesIO()
        torch.save(state, buffer)
        data = buffer.getbuffer()
        with path.open("wb") as file:
            file.write(_FORMAT + b"%08x\n" % zlib.crc32(data))
            file.write(data)

    write_atomically(run_dir / STATE_FILE, write)


def load_state(run_dir: Path) -> dict[str, Any]:
    """Read the training state.

    Raises:
        InputError: The file is missing, cut off or damaged, or does not hold what ``State`` says.
    """
    path = run_dir / STATE_FILE
    if kind_of(path) == "other":  # a FIFO would be waited for
        raise InputError(f"{path}: the training state cannot be read (not a file); restore the file")
    try:
        with path.open("rb") as file:
            head = file.read(len(_FORMAT) + 9)
            data = file.read()
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no training state to resume from; start without --resume") from error
    except OSError as error:
        raise InputError(f"{path}: the training state cannot be read ({error.strerror}); restore the file") from error
    if head != _FORMAT + b"%08x\n" % zlib.crc32(data):
        raise InputError(f"{path}: the training state is damaged (its checksum is another); {_REMEDY}")
    try:
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises half a dozen types for a damaged file, some of them with an essay
        reason = reason_of(error).partition(". ")[0]
        raise InputError(f"{path}: the training state is damaged ({reason}); {_REMEDY}") from error
    record(State, state, path)
    return {"ahead": State.ahead, "augment": State.augment, **state}


_REMEDY = "start the run anew, or from its snapshot by --init"


def check_weights(found: dict[str, Tensor], own: dict[str, Tensor], where: str) -> None:
    """Raise InputError unless a state's tensors have names, shapes and types of a network's own and are finite."""
    if found.keys() != own.keys():
        name = sorted(found.keys() ^ own.keys())[0]
        raise InputError(f"{where} {'lacks' if name in own else 'has an unknown'} {name}; {_REMEDY}")
    for name, tensor in own.items():
        _check_like(found[name], tensor, f"{where}.{name}")


def check_optimizer(found: dict[str, Any], own: torch.optim.Optimizer, where: str) -> None:
    """Raise InputError unless an optimizer's part of a state is one of ``own``, an Adam, with finite moments."""
    groups, moments = found.get("param_groups"), found.get("state")
    if not isinstance(groups, list) or not isinstance(moments, dict):
        raise InputError(f"{where} is not the state of an optimizer; {_REMEDY}")
    wanted = own.state_dict()["param_groups"]
    if len(groups) != len(wanted) or not all(map(_is_like, groups, wanted)):
        raise InputError(f"{where} is of other parameters or settings; {_REMEDY}")
    parameters = [parameter for group in own.param_groups for parameter in group["params"]]
    for number, values in moments.items():
        if number not in range(len(parameters)) or not isinstance(values, dict) or values.keys() != _MOMENTS:
            raise InputError(f"{where}.state[{number!r:.20}] is not that of a parameter; {_REMEDY}")
        _check_like(values["step"], torch.zeros(()), f"{where}.state[{number}].step")
        for name in _MOMENTS - {"step"}:
            _check_like(values[name], parameters[number], f"{where}.state[{number}].{name}")


_MOMENTS = {"step", "exp_avg", "exp_avg_sq"}
_FREE = {"lr", "betas", "fused", "foreach", "capturable"}  # what follows a schedule, or goes with the device


def _is_like(group: Any, own: dict[str, Any]) -> bool:
    """Whether a group of parameters has the settings of ``own``; PyTorch may have come to know more since."""
    if not isinstance(group, dict) or not {"params", "lr", "betas", "eps"} <= group.keys():
        return False
    return all(group.get(name, value) == value for name, value in own.items() if name not in _FREE)


def _check_like(found: Any, own: Tensor, where: str) -> None:
    if not isinstance(found, Tensor) or found.shape != own.shape or found.dtype != own.dtype:
        raise InputError(f"{where} is not {own.dtype} {tuple(own.shape)}; {_REMEDY}")
    if not found.isfinite().all():
        raise InputError(f"{where} holds numbers that are not finite; {_REMEDY}")


def save_weights(network: nn.Module, path: Path, dtype: torch.dtype = torch.float32) -> None:
    """Write a network's weights and statistics as safetensors, floating ones in ``dtype``."""
    state = {
        name: value.detach().to("cpu", dtype if value.is_floating_point() else None).contiguous()
        for name, value in network.state_dict().items()
    }
    weights.save(state, path)


def save_release(
    folder: Path,
    G: TextToImageGenerator,
    D: ImageTextDiscriminator,
    config: TrainingConfig,
    encoder: Encoder,
    sources: tuple[str, ...],
    images_seen: int,
    palette: Mapping[str, str] | None = None,
) -> None:
    """Write a generator in the form that ``TextToImage.from_pretrained`` reads, all files at once.

    The discriminator is kept in float16, which is enough to start another training from and to rank faces by. The
    ``palette`` is as in ``ReleaseConfig``.
    """
    release: dict[str, Any] = {
        "architecture": config.architecture,
        "z_dim": config.z_dim,
        "c_dim": condition_dim(encoder.dim, sources),
        "conditioning": {"kind": encoder.space.kind, "dim": encoder.dim, "space": encoder.space.name},
        "sources": list(sources),
        "network": G.arguments,
        "discriminator": D.arguments,
        "images_seen": images_seen,
        "training": json.loads(config.to_json()),
    }
    # The run's inputs are named, not located: a released file says nothing of the machine that it was made on.
    release["training"]["data"] = [Path(path).name for path in config.data]
    release["training"] |= {name: Path(getattr(config, name)).name for name in ("encoder_path", "init", "stage1")}
    if palette:
        release["palette"] = dict(palette)
    with transaction():
        if isinstance(encoder, StandardisedEncoder):  # its numbers are this data's own
            encoder.save(folder / ENCODER_FOLDER)
        save_weights(G, folder / WEIGHTS_FILE)
        save_weights(D, folder / DISCRIMINATOR_FILE, torch.float16)
        write_json(folder / CONFIG_FILE, release)
