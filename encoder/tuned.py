"""The bundled MiniLM with its upper layers fine-tuned, the state of the first token, and a linear map of it.

The conditioning head and the encoder that is fitted to a data set's images are such models; they differ in what becomes
of the numbers of the map. A folder of one is a sentence-transformer of its own. It holds the fine-tuned layers alone,
in float16; its index takes all others from the encoder that it builds on, by the way from the one folder to the other.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from encoder import ENCODER_DIR
from encoder.base import digest, files_digest
from encoder.common.atomic import write_atomically
from encoder.common.errors import InputError
from encoder.minilm import MiniLM
from encoder.text import normalise

INDEX, TUNED, DENSE = "model.safetensors.index.json", "tuned.safetensors", "2_Dense"
MODULES, DENSE_CONFIG, DENSE_WEIGHTS = "modules.json", f"{DENSE}/config.json", f"{DENSE}/model.safetensors"

IDENTITY = "torch.nn.modules.linear.Identity"
SIGMOID = "torch.nn.modules.activation.Sigmoid"

_CONFIG, _POOLING_CONFIG = "config.json", "1_Pooling/config.json"
_TOKENIZER_FILES = (
    "config_sentence_transformers.json", "sentence_bert_config.json", "special_tokens_map.json", "tokenizer.json",
    "tokenizer_config.json", "vocab.txt",
)  # fmt: skip

_TRANSFORMER = "sentence_transformers.base.modules.transformer.Transformer"
_POOLING = "sentence_transformers.sentence_transformer.modules.pooling.Pooling"
_DENSE = "sentence_transformers.base.modules.dense.Dense"
_NORMALIZE = "sentence_transformers.base.modules.normalize.Normalize"


@dataclass(frozen=True)
class Tuned:
    """What a training makes.

    Attributes:
        layers: The fine-tuned tensors of the BERT by their names in its file, float16.
        weight: Of the linear map, (D, width of the token states), float32.
        bias: Likewise, (D,).
    """

    layers: dict[str, torch.Tensor]
    weight: torch.Tensor
    bias: torch.Tensor


class TunedEncoder:
    """What such encoders have in common: the folder, the fingerprint, and how texts are run; see ``TextEncoder``.

    The arithmetic is float64, rounded to float32 at the end, so that a vector is the same in any batch.
    """

    kind: ClassVar[str]
    noun: ClassVar[str]
    """What a message calls it."""

    def __init__(self, folder: Path, model: MiniLM, base: MiniLM, weight: torch.Tensor, bias: torch.Tensor):
        self._folder = folder
        self._model = model
        self._base = base
        self._weight = weight
        self._bias = bias

    @classmethod
    def load(cls, folder: str | Path, dtype: torch.dtype = torch.float64) -> Self:
        """Open a folder that ``save`` wrote; its index says where the encoder lies that it builds on.

        Args:
            folder: Of the encoder.
            dtype: The arithmetic.

        Raises:
            InputError: A file is missing or broken, or the folder holds another kind of model.
        """
        folder = Path(folder)
        base = MiniLM.load(_base_folder(folder / INDEX, cls.noun), dtype)
        dense = _tensors(folder / DENSE_WEIGHTS, cls.noun)
        cls._check(folder, {name: tuple(tensor.shape) for name, tensor in dense.items()}, base.dim)
        layers = _tensors(folder / TUNED, cls.noun)
        published = base.layer_tensors(0)
        if any(name not in published or layers[name].shape != published[name].shape for name in layers):
            raise InputError(f"{folder / TUNED}: not layers of the encoder in {base.folder}; restore both")
        weight, bias = (dense[f"linear.{name}"].to(base.dtype) for name in ("weight", "bias"))
        return cls(folder, base.with_tensors(layers), base, weight, bias)

    @classmethod
    def _check(cls, folder: Path, shapes: dict[str, tuple[int, ...]], width: int) -> None:
        """Raise InputError where the linear map, with ``shapes`` by name, is not one of this kind of encoder."""
        raise NotImplementedError

    @property
    def tuned(self) -> Tuned:
        """What training made, to train on from."""
        layers = _tensors(self._folder / TUNED, self.noun)
        return Tuned(layers, self._weight.float(), self._bias.float())

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the contents of every file that a vector depends on; the same wherever the folder lies."""
        files = [self._folder / name for name in (TUNED, DENSE_CONFIG, DENSE_WEIGHTS)]
        return digest(self.kind, self._base.fingerprint, files_digest(files))

    def _encode(
        self, texts: Sequence[str], finish: Callable[[torch.Tensor], torch.Tensor], batch_size: int, progress: bool
    ) -> torch.Tensor:
        """What ``finish`` makes of the numbers (n, D) of the linear map, for N texts: float32 (N, D)."""

        def readout(states: torch.Tensor, _mask: torch.Tensor) -> torch.Tensor:
            return finish(torch.nn.functional.linear(states[:, 0], self._weight, self._bias)).float()

        return self._model.read([normalise(text) for text in texts], readout, batch_size=batch_size, progress=progress)


def save(
    tuned: Tuned, folder: Path, *, activation: str = IDENTITY, unit_norm: bool = False, base: Path = ENCODER_DIR
) -> None:
    """Write a folder in the format of sentence-transformers; the layers that are those of ``base`` stay in its file.

    File by file, each whole or not at all; other files that the folder holds, such as its card, stay as they are.

    Args:
        tuned: What training made.
        folder: Made where it is missing.
        activation: What follows the linear map: ``IDENTITY`` or ``SIGMOID``.
        unit_norm: Whether the vectors are scaled to unit norm behind it.
        base: The sentence-transformer that was fine-tuned.

    Raises:
        InputError: A file cannot be written.
    """
    dim, width = tuned.weight.shape
    modules = [("", _TRANSFORMER), ("1_Pooling", _POOLING), (DENSE, _DENSE)]
    modules += [("3_Normalize", _NORMALIZE)] if unit_norm else []
    dense = {"in_features": width, "out_features": dim, "bias": True, "activation_function": activation}

    metadata = {"format": "pt"}
    write_atomically(folder / TUNED, lambda path: save_file(tuned.layers, path, metadata=metadata))
    weights = {"linear.weight": tuned.weight, "linear.bias": tuned.bias}
    write_atomically(folder / DENSE_WEIGHTS, lambda path: save_file(weights, path))
    write_json(folder / DENSE_CONFIG, dense)
    write_json(folder / _POOLING_CONFIG, {"embedding_dimension": width, "pooling_mode": "cls"})
    write_json(folder / _CONFIG, json.loads((base / _CONFIG).read_text(encoding="utf-8")) | {"dtype": "float32"})
    for name in _TOKENIZER_FILES:
        if (base / name).exists():
            _copy(base / name, folder / name)
    _write_index(folder, base, tuned.layers)
    write_json(
        folder / MODULES,
        [{"idx": i, "name": str(i), "path": path, "type": name} for i, (path, name) in enumerate(modules)],
    )


def copy(folder: Path, to: Path) -> None:
    """Copy what ``save`` wrote to another folder, with an index that finds the encoder from there.

    Raises:
        InputError: ``folder`` is not such a folder, or a file cannot be written.
    """
    base = _base_folder(folder / INDEX, "a fine-tuned encoder")
    layers = _tensors(folder / TUNED, "a fine-tuned encoder")
    files = (TUNED, DENSE_WEIGHTS, DENSE_CONFIG, _POOLING_CONFIG, _CONFIG, *_TOKENIZER_FILES, "README.md", MODULES)
    for name in files:
        if (folder / name).exists():
            _copy(folder / name, to / name)
    _write_index(to, base, layers)


def write_json(path: Path, value: object) -> None:
    """Write ``value`` to ``path``, whole or not at all."""
    write_atomically(path, lambda file: file.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8"))


def _copy(source: Path, target: Path) -> None:
    write_atomically(target, lambda path: shutil.copyfile(source, path))


def _write_index(folder: Path, base: Path, layers: dict[str, torch.Tensor]) -> None:
    weights = base / "model.safetensors"
    to_base = Path(os.path.relpath(weights.resolve(), folder.resolve())).as_posix()
    with safe_open(weights, framework="pt") as file:
        weight_map = {name: to_base for name in file.keys() if not name.startswith("pooler.")}  # noqa: SIM118
    write_json(folder / INDEX, {"metadata": {}, "weight_map": weight_map | dict.fromkeys(layers, TUNED)})


def _base_folder(index: Path, noun: str) -> Path:
    """The folder of the encoder that the model with this index builds on."""
    if not index.is_file():
        what = f"it has no {index.name}" if index.parent.is_dir() else "there is no such folder"
        raise InputError(f"{index.parent}: not {noun} ({what}); give the folder of one, or restore the file")
    try:
        files = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        (weights,) = files - {TUNED}
        base = index.parent / weights
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise InputError(f"{index}: not the index of {noun} ({error}); restore it") from error
    if base.is_file():
        return base.parent
    if base.parent.name == ENCODER_DIR.name:  # a folder that was moved; the fingerprint tells if it builds on another
        return ENCODER_DIR
    raise InputError(f"{index}: names {weights}, which is not there; restore the encoder, or the folder's place")


def _tensors(path: Path, noun: str) -> dict[str, torch.Tensor]:
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not the weights of {noun} ({error}); restore it") from error
    if not all(tensor.isfinite().all() for tensor in tensors.values()):
        raise InputError(f"{path}: holds numbers that are not finite; restore it")
    return tensors
