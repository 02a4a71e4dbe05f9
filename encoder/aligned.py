"""A text encoder that was fitted to the images of a data set.

``encoder.align`` fine-tunes the upper layers of the bundled MiniLM, a pooling and a linear map behind them, so that a
text is near to the images that it describes: in other data than faces, the vector of a text then says what can be seen.
``SentenceTransformer(folder)`` gives the unit vectors, where the pooling is the state of the first token.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
import torch.nn.functional as F

from encoder.base import ConditionSpace
from encoder.common.errors import InputError
from encoder.common.records import check, read_json, read_record
from encoder.minilm import Module
from encoder.tuned import DENSE_CONFIG, DENSE_WEIGHTS, IDENTITY, MODULES, DenseConfig, TunedEncoder


class AlignedEncoder(TunedEncoder):
    """Vectors of a folder that ``encoder.align`` wrote; an ``Encoder``.

    A condition ``c`` is the unit vector of the text times sqrt(D), so that its D numbers have mean square 1, whatever
    D is: a network then starts from inputs of the size that its initial weights are made for.
    """

    kind = "aligned"
    noun = "an aligned encoder"

    @property
    def space(self) -> ConditionSpace:
        return ConditionSpace(self.kind, f"aligned-{self.fingerprint[:12]}")

    @classmethod
    def _check(cls, folder: Path, shapes: dict[str, tuple[int, ...]], width: int) -> None:
        dim = shapes.get("linear.bias", (0,))[0]
        if shapes != {"linear.weight": (dim, width), "linear.bias": (dim,)}:
            raise InputError(f"{folder / DENSE_WEIGHTS}: not the linear map of {cls.noun}; restore it")
        config = read_record(DenseConfig, folder / DENSE_CONFIG, notes=True)
        modules: list[Module] = check(read_json(folder / MODULES), list[Module], folder / MODULES, notes=True)
        last = modules[-1].kind if modules else ""
        if last != "Normalize":
            raise InputError(
                f"{folder / MODULES}: not of {cls.noun}, whose last module is Normalize; give one of encoder.align"
            )
        if config.activation_function != IDENTITY:
            raise InputError(f"{folder / DENSE_CONFIG}: not of {cls.noun}, whose map is linear; restore the file")

    def finish(self, numbers: torch.Tensor) -> torch.Tensor:
        """Vectors (n, D) of norm sqrt(D)."""
        return F.normalize(numbers, dim=1) * math.sqrt(self.dim)
