"""The conditioning head: what a text says of each attribute, whatever its wording.

The head is a sentence-transformer of its own (``pretrained/head``): the bundled MiniLM with its upper layers fine-tuned on
generated captions (``encoder.train_head``), the state of the first token, a linear map and a sigmoid. Its embedding of
a text is the attribute posterior ``c``. ``SentenceTransformer("pretrained/head")`` gives the same vectors; the layers
that fine-tuning left alone are read from the bundled encoder's file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from encoder.base import digest, files_digest
from encoder.captions import SLOTS, normalise
from encoder.errors import InputError
from encoder.minilm import MiniLM

MODULES = ("Transformer", "Pooling", "Dense")
DENSE = "2_Dense"
DIM = sum(map(len, SLOTS.values()))
SPACE = f"attributes-{digest(json.dumps(SLOTS))[:8]}"
"""What the numbers of ``c`` mean, which does not depend on the weights of a head: a generator goes with any of them."""


class HeadEncoder:
    """Reads attributes from texts; a ``TextEncoder``.

    A condition ``c`` holds, slot after slot in the order of ``encoder.captions.SLOTS``, the probability that the text
    states each value, in [0, 1]. An unstated attribute is a slot of zeros; a colour between two values has both.

    The arithmetic is float64, rounded to float32 at the end, so that a vector is the same in any batch.
    """

    kind = "head"
    dim = DIM
    space = SPACE

    def __init__(self, model: MiniLM, weight: torch.Tensor, bias: torch.Tensor):
        self._model = model
        self._weight = weight
        self._bias = bias

    @classmethod
    def load(cls, folder: str | Path) -> HeadEncoder:
        """Open a folder that ``encoder.train_head`` wrote.

        Raises:
            InputError: A file is missing or broken, or the head was made for other attributes.
        """
        folder = Path(folder)
        model = MiniLM.load(folder, torch.float64, modules=MODULES, pooling="cls")
        path = folder / DENSE / "model.safetensors"
        try:
            dense = load_file(path)
            weight, bias = dense["linear.weight"].to(model.dtype), dense["linear.bias"].to(model.dtype)
        except (SafetensorError, OSError, KeyError) as error:
            raise InputError(f"{path}: not the weights of a conditioning head ({error}); restore it") from error
        if weight.shape != (DIM, model.dim) or bias.shape != (DIM,):
            raise InputError(f"{path}: made for other attributes ({len(weight)} values, not {DIM}); train the head again")
        return cls(model, weight, bias)

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the contents of every file that a vector depends on; the same wherever the folder lies."""
        dense = self._model.folder / DENSE
        return digest(self.kind, self._model.fingerprint, files_digest([dense / "config.json", dense / "model.safetensors"]))

    @torch.no_grad()
    def encode(self, texts: Sequence[str], *, batch_size: int = 64, progress: bool = False) -> torch.Tensor:
        """The conditions (N, 25) of N texts; see ``TextEncoder.encode``."""
        c = torch.empty(len(texts), self.dim)
        texts = [normalise(text) for text in texts]
        for rows, states, _ in self._model.batches(texts, batch_size=batch_size, progress=progress):
            logits = torch.nn.functional.linear(states[:, 0], self._weight, self._bias)
            c[rows] = torch.sigmoid(logits).float()
        return c
