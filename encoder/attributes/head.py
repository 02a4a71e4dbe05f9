"""The conditioning head: what a text says of each attribute, whatever its wording.

The head is a sentence-transformer of its own (``pretrained/head``): the bundled MiniLM, its upper layers fine-tuned on
captions made by a grammar (``encoder.train_head``), then the state of the first token, a linear map and a sigmoid. Its
embedding of a text is the attribute posterior ``c``. ``SentenceTransformer("pretrained/head")`` gives the same vectors;
the layers that fine-tuning left alone are read from the bundled encoder's file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch

from encoder.attributes.slots import SlotConditions
from encoder.attributes.vocabulary import SLOTS
from encoder.base import digest
from encoder.common.errors import InputError
from encoder.common.records import read_record
from encoder.tuned import DENSE_CONFIG, SIGMOID, DenseConfig, TunedEncoder

DIM = sum(map(len, SLOTS.values()))
SPACE = f"attributes-{digest(json.dumps(SLOTS))[:8]}"
"""What the numbers of ``c`` mean, which does not depend on the weights of a head: a generator goes with any of them."""


class HeadEncoder(SlotConditions, TunedEncoder):
    """Reads attributes from texts; a ``TextEncoder``.

    A condition ``c`` holds, slot after slot in the order of ``SLOTS``, the probability that the text states each
    value, in [0, 1]. An unstated attribute is a slot of zeros; a colour between two values has both.
    """

    kind = "head"
    noun = "a conditioning head"
    dim = DIM
    space = SPACE

    @classmethod
    def _check(cls, folder: Path, shapes: dict[str, tuple[int, ...]], width: int) -> None:
        if shapes != {"linear.weight": (DIM, width), "linear.bias": (DIM,)}:
            raise InputError(f"{folder}: made for other attributes than these {DIM} values; train the head again")
        if read_record(DenseConfig, folder / DENSE_CONFIG, notes=True).activation_function != SIGMOID:
            raise InputError(f"{folder}: not {cls.noun}, whose vectors are probabilities; restore {DENSE_CONFIG}")

    def encode(self, texts: Sequence[str], *, batch_size: int = 64, progress: bool = False) -> torch.Tensor:
        """The conditions (N, 25) of N texts; see ``TextEncoder.encode``."""
        return self._encode(texts, torch.sigmoid, batch_size, progress)
