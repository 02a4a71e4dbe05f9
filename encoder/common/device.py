"""The device that a network computes on, by its name: ``cpu``, ``cuda``, ``cuda:1``, ``mps``, or ``auto``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from encoder.common.errors import InputError

if TYPE_CHECKING:
    import torch

DEVICE_HELP = "cpu, cuda, cuda:N (one of several GPUs), mps (Apple's), or auto: the GPU if there is one"


def check_device(name: str) -> None:
    """Raise ``InputError`` for a name of no device. PyTorch is not imported."""
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d{1,3})?", name):
        raise InputError(f"device is {name!r:.60}; it must be auto, cpu, mps, cuda or cuda:N")


def find_device(name: str, *, float64: bool = False) -> torch.device:
    """The device of a name; ``auto`` is the first GPU, or the CPU where there is none.

    Args:
        float64: It computes in float64, which Apple's GPUs lack.

    Raises:
        InputError: This machine has no such device, or it cannot compute so. The message lists what it has.
    """
    import torch

    check_device(name)
    if name == "cpu":  # to ask for GPUs takes time
        return torch.device(name)
    gpus = [f"cuda:{i}" for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    gpus += ["mps"] if torch.backends.mps.is_available() and not float64 else []
    if name == "auto":
        name = gpus[0].removesuffix(":0") if gpus else "cpu"
    elif name == "mps" and float64 and torch.backends.mps.is_available():
        raise InputError("device mps has no float64; give dtype float32, or device cpu")
    elif name not in gpus and not (name == "cuda" and "cuda:0" in gpus):
        raise InputError(f"device is {name!r}, which PyTorch does not find here; it finds {', '.join(['cpu', *gpus])}")
    return torch.device(name)
