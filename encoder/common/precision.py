"""The precision of training: bfloat16 where the processor has fast instructions for it, else float32."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

Precision = Literal["auto", "bfloat16", "float32"]

BFLOAT16_INSTRUCTIONS = ("amx_bf16", "avx512_bf16", "bf16")
"""The CPU capabilities that make bfloat16 faster; without any of them it is emulated, ten times slower than float32."""
SLOW_INSTRUCTIONS = {"Intel": "avx512_bf16"}
"""Capabilities that do not count, by the maker: without AMX, Intel's run at half of float32's rate."""


def has_bfloat16(device: str | torch.device = "cpu") -> bool:
    """Whether bfloat16 is fast on ``device``."""
    import torch

    if torch.device(device).type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        maker = str(capabilities.get("cpu_name", "")).split()[:1]
        slow = [SLOW_INSTRUCTIONS[name] for name in maker if name in SLOW_INSTRUCTIONS]
        return any(capabilities.get(name, False) for name in BFLOAT16_INSTRUCTIONS if name not in slow)
    return torch.device(device).type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def fast_dtype(device: str | torch.device = "cpu") -> Literal["bfloat16", "float32"]:
    return "bfloat16" if has_bfloat16(device) else "float32"


def autocast(precision: Precision = "auto", device: str | torch.device = "cpu") -> torch.autocast:
    """A context in which layers compute in ``precision``; ``"auto"`` is bfloat16 where it is fast."""
    import torch

    enabled = precision == "bfloat16" or (precision == "auto" and has_bfloat16(device))
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=enabled)
