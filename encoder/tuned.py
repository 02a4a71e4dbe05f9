"""The bundled MiniLM with its upper layers fine-tuned, a pooling of its token states, and a linear map.

The pooling is the state of the first token, or attention by a few learned queries. Each query gives a mean of the token
states, weighted by their products with it, and the means stand side by side. One query can look for the hair and
another for the shirt, so that each keeps its own colour.

The conditioning head and the encoder that is fitted to a data set's images are such models; they differ in what becomes
of the numbers of the map. A folder of one is a sentence-transformer of its own. It holds the fine-tuned layers alone,
in float16; its index takes all others from the encoder that it builds on, by the way from the one folder to the other.
That one may lie within, in ``base``: such a folder stands alone. What ``SentenceTransformer(folder).save_pretrained``
writes, all layers in one file, is read too; being other files it has another fingerprint. That library has no such
attention, and does not read a folder with it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
import torch.nn.functional as F
from safetensors import safe_open

from encoder.base import digest, files_digest
from encoder.common import weights
from encoder.common.atomic import transaction, write_atomically
from encoder.common.errors import InputError
from encoder.common.records import Count, check, read_json, read_record, write_json
from encoder.minilm import MiniLM, Module
from encoder.paths import ENCODER_DIR
from encoder.text import normalise

INDEX, TUNED, DENSE = "model.safetensors.index.json", "tuned.safetensors", "2_Dense"
WHOLE = "model.safetensors"
"""All layers in one file, as sentence-transformers writes them."""
BASE = "base"
"""The encoder that a folder builds on, in a folder that stands alone."""
MODULES, DENSE_CONFIG, DENSE_WEIGHTS = "modules.json", f"{DENSE}/config.json", f"{DENSE}/model.safetensors"
QUERIES = "1_Attention/model.safetensors"
"""The learned queries, where the pooling is attention."""

IDENTITY = "torch.nn.modules.linear.Identity"
SIGMOID = "torch.nn.modules.activation.Sigmoid"

_CONFIG, _POOLING_CONFIG = "config.json", "1_Pooling/config.json"
_TOKENIZER_FILES = (
    "config_sentence_transformers.json", "sentence_bert_config.json", "special_tokens_map.json", "tokenizer.json",
    "tokenizer_config.json", "vocab.txt",
)  # fmt: skip

NAMES = tuple(
    dict.fromkeys(name.partition("/")[0] for name in (
        INDEX, TUNED, MODULES, DENSE_CONFIG, QUERIES, _CONFIG, _POOLING_CONFIG, *_TOKENIZER_FILES, "README.md",
    ))
)  # fmt: skip
"""The names that may lie in such a folder, at its top."""

_TRANSFORMER = "sentence_transformers.base.modules.transformer.Transformer"
_POOLING = "sentence_transformers.sentence_transformer.modules.pooling.Pooling"
_ATTENTION = "encoder.tuned.Attention"
_DENSE = "sentence_transformers.base.modules.dense.Dense"
_NORMALIZE = "sentence_transformers.base.modules.normalize.Normalize"


@dataclass(frozen=True)
class _Index:
    """Which file each tensor is in, and the fingerprint of the encoder that lies within."""

    weight_map: dict[str, str]
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DenseConfig:
    """The linear map, in the format of sentence-transformers."""

    in_features: Count
    out_features: Count
    bias: bool
    activation_function: str


@dataclass(frozen=True)
class Tuned:
    """The result of a training.

    Attributes:
        layers: The fine-tuned tensors of the BERT by their names in its file, float16.
        weight: Of the linear map, (D, width of the token states), or (D, Q * width) behind Q queries, float32.
        bias: Likewise, (D,).
        queries: Of the attention, (Q, width), float32; ``None`` where the state of the first token is pooled.
    """

    layers: dict[str, torch.Tensor]
    weight: torch.Tensor
    bias: torch.Tensor
    queries: torch.Tensor | None = None


def pool(states: torch.Tensor, mask: torch.Tensor, queries: torch.Tensor | None) -> torch.Tensor:
    """One vector of the token states of each text.

    Args:
        states: Of n texts, (n, T, width).
        mask: (n, T), True on their tokens.
        queries: (Q, width), or ``None``.

    Returns:
        The state of the first token, (n, width); or for each query the mean of the states, weighted by the softmax of
        their products with it over sqrt(width), (n, Q * width).
    """
    if queries is None:
        return states[:, 0]
    of_each, states = queries.expand(states.shape[0], 1, -1, -1), states[:, None]  # of one head, as ONNX needs it
    return F.scaled_dot_product_attention(of_each, states, states, attn_mask=mask[:, None, None]).flatten(1)


class TunedEncoder:
    """The base of both: the folder, the fingerprint, and how texts are run; an ``Encoder``.

    The arithmetic is float64, rounded to float32 at the end, so that a vector is the same in any batch.
    """

    kind: ClassVar[str]
    noun: ClassVar[str]
    """Its name in messages."""

    def __init__(
        self,
        folder: Path,
        model: MiniLM,
        base: MiniLM,
        weight: torch.Tensor,
        bias: torch.Tensor,
        queries: torch.Tensor | None = None,
    ):
        self._folder = folder
        self._model = model
        self._base = base
        self._weight = weight
        self._bias = bias
        self._queries = queries

    @classmethod
    def load(cls, folder: str | Path, dtype: torch.dtype = torch.float64) -> Self:
        """Open a folder that ``save`` wrote, whose index says where the encoder lies that it builds on, or a whole one.

        Raises:
            InputError: A file is missing or broken, or the folder holds another kind of model.
        """
        folder = Path(folder)
        whole = _is_whole(folder)
        base = MiniLM.load_bert(folder, dtype) if whole else MiniLM.load(_base_folder(folder / INDEX, cls.noun), dtype)
        dense = weights.load(folder / DENSE_WEIGHTS)
        queries = _load_queries(folder, base)
        width = base.dim * (1 if queries is None else len(queries))
        cls._check(folder, {name: tuple(tensor.shape) for name, tensor in dense.items()}, width)
        layers = {} if whole else weights.load(folder / TUNED)
        published = base.layer_tensors(0)
        if any(name not in published or layers[name].shape != published[name].shape for name in layers):
            raise InputError(f"{folder / TUNED}: not layers of the encoder in {base.folder}; restore both")
        weight, bias = (dense[f"linear.{name}"].to(base.dtype) for name in ("weight", "bias"))
        return cls(folder, base.with_tensors(layers), base, weight, bias, queries)

    @property
    def dim(self) -> int:
        """The size of a condition: of a head 25 or, with exact colours, 33; else 128 by default of the fit."""
        return len(self._weight)

    @classmethod
    def _check(cls, folder: Path, shapes: dict[str, tuple[int, ...]], width: int) -> None:
        """Raise InputError where the linear map, with ``shapes`` by name, is not one of this kind of encoder."""
        raise NotImplementedError

    @property
    def tuned(self) -> Tuned:
        """The trained tensors, to train on from."""
        if _is_whole(self._folder):
            layers = {name: tensor.half() for name, tensor in self._base.layer_tensors(0).items()}
        else:
            layers = weights.load(self._folder / TUNED)
        queries = None if self._queries is None else self._queries.float()
        return Tuned(layers, self._weight.float(), self._bias.float(), queries)

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the contents of every file that a vector depends on; the same wherever the folder lies."""
        names = [DENSE_CONFIG, DENSE_WEIGHTS] if _is_whole(self._folder) else [TUNED, DENSE_CONFIG, DENSE_WEIGHTS]
        names += [] if self._queries is None else [QUERIES]
        files = [self._folder / name for name in names]
        if self._base.folder == self._folder / BASE:
            made_with = read_record(_Index, self._folder / INDEX, notes=True).metadata.get(BASE)
            if made_with not in (None, self._base.fingerprint):
                raise InputError(f"{self._base.folder}: a file of it is damaged, or of another encoder; restore it")
        return digest(self.kind, self._base.fingerprint, files_digest(files))

    @property
    def model(self) -> MiniLM:
        """The network below the linear map."""
        return self._model

    def readout(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """The last token states (n, T, width) of n texts and their mask (n, T) -> conditions, float32 (n, D)."""
        return self.finish(F.linear(pool(states, mask, self._queries), self._weight, self._bias)).float()

    def finish(self, numbers: torch.Tensor) -> torch.Tensor:
        """Conditions (n, D) from the numbers (n, D) of the linear map."""
        raise NotImplementedError

    def encode(self, texts: Sequence[str], *, progress: bool = False) -> torch.Tensor:
        """The conditions (N, D) of N texts; see ``Encoder.encode``."""
        texts = [normalise(text) for text in texts]
        tokens = 1 if self._queries is None else None
        return self._model.read(texts, self.readout, tokens=tokens, progress=progress)


def save(
    tuned: Tuned, folder: Path, *, activation: str = IDENTITY, unit_norm: bool = False, base: Path = ENCODER_DIR
) -> None:
    """Write a folder in the format of sentence-transformers; the layers that are those of ``base`` stay in its file.

    All at once: a folder never holds layers of one training and a linear map of another, whenever the process is
    killed. Other files that it holds, such as its card, stay as they are.

    Args:
        folder: Made where it is missing.
        activation: What follows the linear map: ``IDENTITY`` or ``SIGMOID``.
        unit_norm: Whether the vectors are scaled to unit norm behind it.
        base: The sentence-transformer that was fine-tuned.

    Raises:
        InputError: A file cannot be written.
    """
    dim, width = tuned.weight.shape
    pooling = ("1_Pooling", _POOLING) if tuned.queries is None else (QUERIES.partition("/")[0], _ATTENTION)
    modules = [("", _TRANSFORMER), pooling, (DENSE, _DENSE)]
    modules += [("3_Normalize", _NORMALIZE)] if unit_norm else []

    with transaction():
        weights.save(tuned.layers, folder / TUNED, {"format": "pt"})
        weights.save({"linear.weight": tuned.weight, "linear.bias": tuned.bias}, folder / DENSE_WEIGHTS)
        write_json(folder / DENSE_CONFIG, asdict(DenseConfig(width, dim, True, activation)))
        if tuned.queries is None:
            write_json(folder / _POOLING_CONFIG, {"embedding_dimension": width, "pooling_mode": "cls"})
        else:
            weights.save({"queries": tuned.queries}, folder / QUERIES)
        write_json(folder / _CONFIG, read_json(base / _CONFIG) | {"dtype": "float32"})
        for name in _TOKENIZER_FILES:
            if (base / name).exists():
                copy_file(base / name, folder / name)
        write_json(
            folder / MODULES,
            [{"idx": i, "name": str(i), "path": path, "type": name} for i, (path, name) in enumerate(modules)],
        )
        _write_index(folder, base, tuned.layers)


def copy(folder: Path, to: Path, *, alone: bool = False) -> None:
    """Copy what ``load`` reads to another folder, with an index that finds the encoder from there.

    Args:
        to: Made where it is missing.
        alone: Copy the encoder that it builds on too, so that ``to`` needs nothing beside it.

    Raises:
        InputError: ``folder`` is not such a folder, or a file cannot be written.
    """
    whole = _is_whole(folder)
    names = (DENSE_WEIGHTS, DENSE_CONFIG, QUERIES, _POOLING_CONFIG, _CONFIG, *_TOKENIZER_FILES, "README.md", MODULES)
    with transaction():
        for name in (WHOLE if whole else TUNED, *names):
            if (folder / name).exists():
                copy_file(folder / name, to / name)
        if whole:
            return
        base, layers = _base_folder(folder / INDEX, "a fine-tuned encoder"), weights.load(folder / TUNED)
        if alone:
            copy_folder(base, to / BASE)
        _write_index(to, base, layers, alone=alone)


def copy_folder(folder: Path, to: Path) -> None:
    """Copy all files of a folder but hidden ones."""
    with transaction():
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            if path.is_file() and not any(part.startswith(".") for part in name.parts):
                copy_file(path, to / name)


def _load_queries(folder: Path, base: MiniLM) -> torch.Tensor | None:
    """The queries of a folder whose modules name the attention; ``None`` for any other pooling."""
    modules: list[Module] = check(read_json(folder / MODULES), list[Module], folder / MODULES, notes=True)
    if all(module.kind != "Attention" for module in modules):
        return None
    queries = weights.load(folder / QUERIES).get("queries", torch.empty(0))
    if queries.dim() != 2 or queries.shape[1] != base.dim:
        raise InputError(f"{folder / QUERIES}: not the queries of an attention over {base.dim} numbers; restore it")
    return queries.to(base.dtype)


def _is_whole(folder: Path) -> bool:
    """Whether all layers are in one file of the folder, with a linear map behind them."""
    return not os.path.lexists(folder / INDEX) and all(os.path.isfile(folder / name) for name in (WHOLE, DENSE_WEIGHTS))


def copy_file(source: Path, target: Path) -> None:
    """Copy a file, whole or not at all."""
    write_atomically(target, lambda path: shutil.copyfile(source, path))


def _write_index(folder: Path, base: Path, layers: dict[str, torch.Tensor], *, alone: bool = False) -> None:
    way = Path(BASE) if alone else Path(os.path.relpath(base.resolve(), folder.resolve()))
    with safe_open(base / WHOLE, framework="pt") as file:
        names = [name for name in file.keys() if not name.startswith("pooler.")]  # noqa: SIM118
    weight_map = dict.fromkeys(names, (way / WHOLE).as_posix()) | dict.fromkeys(layers, TUNED)
    metadata = {BASE: MiniLM.load(base).fingerprint} if alone else {}
    write_json(folder / INDEX, {"metadata": metadata, "weight_map": weight_map})


def _base_folder(index: Path, noun: str) -> Path:
    """The folder of the encoder that the model with this index builds on."""
    if not os.path.isfile(index):
        what = f"it has no {index.name}" if os.path.isdir(index.parent) else "there is no such folder"
        raise InputError(f"{index.parent}: not {noun} ({what}); give the folder of one, or restore the file")
    others = set(read_record(_Index, index, notes=True).weight_map.values()) - {TUNED}
    if len(others) != 1:
        raise InputError(f"{index}: not the index of {noun}, which names one other file; restore it")
    base = index.parent / others.pop()
    if os.path.isfile(base):
        return base.parent
    if base.parent.name in (ENCODER_DIR.name, BASE):  # moved; the fingerprint tells if it builds on another
        return ENCODER_DIR
    raise InputError(f"{index}: names {base}, which is not there; restore the encoder, or the folder's place")
