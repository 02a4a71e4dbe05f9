"""The conditioning head: what a text says of each attribute, whatever its wording.

The head is a sentence-transformer of its own (``pretrained/head``): the bundled MiniLM, its upper layers fine-tuned on
captions made by a grammar (``encoder.train_head``), then the state of the first token, a linear map and a sigmoid. Its
embedding of a text is the attribute posterior ``c``. ``SentenceTransformer("pretrained/head")`` gives the same vectors;
the layers that fine-tuning left alone are read from the bundled encoder's file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from encoder.attributes.vocabulary import SLOTS, normalise
from encoder.base import digest, files_digest
from encoder.common.errors import InputError
from encoder.minilm import MiniLM

INDEX, TUNED, DENSE = "model.safetensors.index.json", "tuned.safetensors", "2_Dense"
DIM = sum(map(len, SLOTS.values()))
SPACE = f"attributes-{digest(json.dumps(SLOTS))[:8]}"
"""What the numbers of ``c`` mean, which does not depend on the weights of a head: a generator goes with any of them."""


class HeadEncoder:
    """Reads attributes from texts; a ``TextEncoder``.

    A condition ``c`` holds, slot after slot in the order of ``SLOTS``, the probability that the text
    states each value, in [0, 1]. An unstated attribute is a slot of zeros; a colour between two values has both.

    The arithmetic is float64, rounded to float32 at the end, so that a vector is the same in any batch.
    """

    kind = "head"
    dim = DIM
    space = SPACE

    def __init__(self, folder: Path, model: MiniLM, base: MiniLM, weight: torch.Tensor, bias: torch.Tensor):
        self._folder = folder
        self._model = model
        self._base = base
        self._weight = weight
        self._bias = bias

    @classmethod
    def load(cls, folder: str | Path) -> HeadEncoder:
        """Open a folder that ``encoder.train_head`` wrote; its index says where the encoder lies that it builds on.

        Raises:
            InputError: A file is missing or broken, or the head was made for other attributes.
        """
        folder = Path(folder)
        base = MiniLM.load(_base_folder(folder / INDEX), torch.float64)
        dense = _tensors(folder / DENSE / "model.safetensors")
        shapes = {name: tuple(tensor.shape) for name, tensor in dense.items()}
        if shapes != {"linear.weight": (DIM, base.dim), "linear.bias": (DIM,)}:
            raise InputError(f"{folder}: made for other attributes than these {DIM} values; train the head again")
        model = base.with_tensors(_tensors(folder / TUNED))
        return cls(folder, model, base, dense["linear.weight"].to(base.dtype), dense["linear.bias"].to(base.dtype))

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the contents of every file that a vector depends on; the same wherever the folder lies."""
        files = [self._folder / TUNED, self._folder / DENSE / "config.json", self._folder / DENSE / "model.safetensors"]
        return digest(self.kind, self._base.fingerprint, files_digest(files))

    def encode(self, texts: Sequence[str], *, batch_size: int = 64, progress: bool = False) -> torch.Tensor:
        """The conditions (N, 25) of N texts; see ``TextEncoder.encode``."""

        def posterior(states: torch.Tensor, _mask: torch.Tensor) -> torch.Tensor:
            return torch.sigmoid(torch.nn.functional.linear(states[:, 0], self._weight, self._bias)).float()

        return self._model.read(
            [normalise(text) for text in texts], posterior, batch_size=batch_size, progress=progress
        )


def _base_folder(index: Path) -> Path:
    try:
        files = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        (weights,) = files - {TUNED}
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise InputError(f"{index}: not the index of a conditioning head ({error}); restore it") from error
    return (index.parent / weights).parent


def _tensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not the weights of a conditioning head ({error}); restore it") from error
