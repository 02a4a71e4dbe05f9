"""The bundled sentence-transformer, run lightly: the tokenizers library, safetensors and BERT's forward pass in torch.

It is the very model that ``SentenceTransformer(folder)`` runs, without the seconds that importing that library takes.

BERT: Devlin et al. 2019 (arXiv 1810.04805). MiniLM: Wang et al. 2020 (arXiv 2002.10957). Sentence embeddings by mean
pooling: Reimers and Gurevych 2019 (arXiv 1908.10084).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open

from encoder.base import files_digest
from encoder.common.errors import InputError
from encoder.common.precision import autocast
from encoder.common.progress import Progress
from encoder.common.records import Count, Within, check, read_json, record
from encoder.common.threads import parallel_cat
from encoder.common.weights import check_finite
from encoder.paths import ENCODER_DIR, ENCODER_FINGERPRINT

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_CONFIG, _WEIGHTS, _TOKENIZER = "config.json", "model.safetensors", "tokenizer.json"
_MODULES, _POOLING, _PROMPTS = "modules.json", "1_Pooling/config.json", "config_sentence_transformers.json"
_LIMITS, _TOKENIZER_LIMITS = "sentence_bert_config.json", "tokenizer_config.json"
_FILES = (_CONFIG, _WEIGHTS, _TOKENIZER, _MODULES, _POOLING, _PROMPTS, _LIMITS, _TOKENIZER_LIMITS)

_BATCH_TOKENS = 2048  # 50 MB of activations in float64; with fewer, the matrix products are slower

_EMBEDDINGS = ("word", "position", "token_type")
_LINEARS = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attended": "attention.output.dense",
    "inner": "intermediate.dense",
    "outer": "output.dense",
}
_NORMS = {"attended_norm": "attention.output.LayerNorm", "outer_norm": "output.LayerNorm"}


class UnsupportedModelError(InputError):
    """A model folder that may be sound, but is not of the one architecture that is run here."""


_FEWEST = 3
"""Tokens of a text, at least: the two special ones and one of its own."""
_PLAIN = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute"}


@dataclass(frozen=True)
class BertConfig:
    """The part of a BERT's ``config.json`` that the forward pass needs, by the names there."""

    num_hidden_layers: Count
    num_attention_heads: Count
    hidden_size: Count
    max_position_embeddings: Annotated[int, Within(_FEWEST)]
    layer_norm_eps: Annotated[float, Within(1e-30, 1)]

    def __post_init__(self) -> None:
        if self.hidden_size % self.num_attention_heads:
            raise InputError(
                f"num_attention_heads is {self.num_attention_heads}; it must divide hidden_size, {self.hidden_size}"
            )

    @classmethod
    def read(cls, path: Path) -> BertConfig:
        """The config in a file; anything but a plain BERT is an ``UnsupportedModelError``."""
        values = _read_object(path)
        for key, value in _PLAIN.items():
            if values.get(key, value) != value:
                raise UnsupportedModelError(f"{path}: {key} is {values[key]!r:.60}; only {value!r} is run here")
        return record(cls, values, path, notes=True)


@dataclass(frozen=True)
class _Limits:
    """Limits of the length of texts, in tokens, by the files of a folder."""

    max_seq_length: Annotated[int, Within(_FEWEST)] | None = None
    model_max_length: Annotated[float, Within(_FEWEST)] | None = None


@dataclass(frozen=True)
class Module:
    """An entry of ``modules.json``."""

    type: str
    path: str

    @property
    def kind(self) -> str:
        """The name of its class."""
        return self.type.rpartition(".")[2]


UNKNOWN = "[UNK]"
"""The token of a word that the vocabulary of a BERT lacks."""


class MiniLM:
    """A frozen sentence-transformer of the BERT family with mean pooling and unit norm, for inference.

    ``load`` checks the folder; the tokenizer is made, and the weights are touched, at the first text.

    Attributes:
        folder: Where the model was loaded from.
        layers: How many it has (6 in the bundled model).
        dim: The width of the token states and of the pooled embedding (384 in the bundled model).
        max_length: Longer texts are cut to this many tokens (256), the two special ones included.
        dtype: Of the token states, torch.float32 or torch.float64.

    Raises:
        InputError: At the first text, or where the fingerprint is asked for: the bundled folder is not as published.
    """

    def __init__(
        self,
        folder: Path,
        config: BertConfig,
        tensors: dict[str, torch.Tensor],
        *,
        max_length: int = 256,
        dtype: torch.dtype = torch.float32,
        published: MiniLM | None = None,
    ):
        self.folder = folder
        self.layers = config.num_hidden_layers
        self.dim = config.hidden_size
        self.max_length = max_length
        self.dtype = torch.float32 if dtype == torch.bfloat16 else dtype
        self._arithmetic = dtype
        self._config = config
        self._tensors = tensors
        self._published = published or self  # the model of the folder, which this one may be a variant of

    @classmethod
    def load(cls, folder: str | Path, dtype: torch.dtype = torch.float32) -> MiniLM:
        """Open a folder in the format of sentence-transformers. The weights stay in the file: mapped, not copied.

        Args:
            folder: Holds a BERT in ``model.safetensors`` with its ``config.json`` and ``tokenizer.json``.
            dtype: Of the arithmetic: float32; bfloat16, for the layers alone; or float64, where a vector must be the
                same, rounded to float32, in any batch.

        Raises:
            UnsupportedModelError: The folder holds a model of another kind.
            InputError: A file is missing or broken; the message names it.
        """
        _check_modules(Path(folder))
        return cls.load_bert(folder, dtype)

    @classmethod
    def load_bert(cls, folder: str | Path, dtype: torch.dtype = torch.float32) -> MiniLM:
        """As ``load``, whatever modules stand behind the BERT in the folder."""
        folder = Path(folder)
        config = BertConfig.read(folder / _CONFIG)
        limits = (_limits(folder / _LIMITS).max_seq_length, _limits(folder / _TOKENIZER_LIMITS).model_max_length)
        positions = config.max_position_embeddings
        max_length = int(min(next(filter(None, limits), positions), positions))
        if not os.path.isfile(folder / _TOKENIZER):
            raise InputError(f"{folder / _TOKENIZER}: no such file; restore it")
        return cls(folder, config, _map_tensors(folder / _WEIGHTS, config), max_length=max_length, dtype=dtype)

    def layer_tensors(self, first: int) -> dict[str, torch.Tensor]:
        """The tensors of the layers from ``first`` on, by their names in the file."""
        names = tuple(f"encoder.layer.{i}." for i in range(first, self.layers))
        return {name: tensor for name, tensor in self._tensors.items() if name.startswith(names)}

    def with_tensors(self, tensors: dict[str, torch.Tensor]) -> MiniLM:
        """This model with other values for some of its tensors, by their names in the file: fine-tuned layers."""
        changed = self._tensors | tensors
        return MiniLM(
            self.folder,
            self._config,
            changed,
            max_length=self.max_length,
            dtype=self._arithmetic,
            published=self._published,
        )

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the contents of every file that a vector depends on; the same wherever the folder lies."""
        found = files_digest(path for path in (self.folder / name for name in _FILES) if os.path.lexists(path))
        if found != ENCODER_FINGERPRINT and self.folder.resolve() == ENCODER_DIR:
            raise InputError(f"{self.folder}: a file of it is damaged or not the published one; restore the folder")
        return found

    def tokens(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """The last token states of a few texts, run as one batch.

        Returns:
            states (N, T, ``dim``) in ``dtype``, T the tokens of the longest text; mask (N, T), True on its tokens.
        """
        return self._states(self.token_ids(texts))

    def read(
        self,
        texts: Sequence[str],
        readout: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
        *,
        tokens: int | None = None,
        progress: bool = False,
    ) -> torch.Tensor:
        """A vector for each of many texts; texts of like length run together, so that little padding is computed.

        Args:
            texts: N texts.
            readout: The last token states (n, T, ``dim``) and the mask (n, T) of n texts to their vectors (n, D).
            tokens: Give ``readout`` the states of the first so many tokens alone, which saves most of the last layer.

        Returns:
            (N, D) in the order of ``texts``.
        """
        ids = self.token_ids(texts)
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]), reverse=True)
        batches, start = [], 0
        while start < len(order):
            n = max(1, _BATCH_TOKENS // len(ids[order[start]]))
            batches.append(order[start : start + n])
            start += n

        @torch.no_grad()
        def vectors_of(rows: list[int]) -> torch.Tensor:
            return readout(*self._states([ids[i] for i in rows], tokens))

        if not batches:
            return readout(torch.empty(0, 1, self.dim, dtype=self.dtype), torch.empty(0, 1, dtype=torch.bool))
        bar = Progress("encoding", len(order), "text", shown=progress)
        return parallel_cat(vectors_of, batches, bar=bar)[torch.tensor(order).argsort()]

    def pooled(self, texts: Sequence[str], *, progress: bool = False) -> torch.Tensor:
        """The sentence embeddings: the mean of the token states, scaled to unit norm.

        Returns:
            (N, ``dim``) in ``dtype``, in the order of ``texts``; what ``SentenceTransformer.encode`` gives.
        """

        return self.read(texts, mean_pooling, progress=progress)

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        from tokenizers import Tokenizer

        path = self.folder / _TOKENIZER
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises bare Exceptions
            raise InputError(f"{path}: not a tokenizer file ({error}); restore it") from error
        tokenizer.no_padding()
        tokenizer.enable_truncation(self.max_length)
        return tokenizer

    def tokenizer_json(self) -> str:
        """The tokenizer in the form of ``tokenizer.json``, cutting texts to ``max_length`` as ``token_ids`` does."""
        text: str = self._tokenizer.to_str()
        return text

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """The token ids of texts, the two special ones included, cut to ``max_length``."""
        return [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]

    def unknown_letters(self, texts: Sequence[str]) -> float:
        """The share of the letters of texts that the tokenizer does not know, or that no training text had.

        The bundled encoder was trained on English: of it, letters of another script than Latin count as unknown.
        """
        is_bundled = self._published.fingerprint == ENCODER_FINGERPRINT
        letters = unknown = 0
        for text, encoding in zip(texts, self._tokenizer.encode_batch(list(texts)), strict=True):
            covered = "".join(
                text[start:end]
                for (start, end), token in zip(encoding.offsets, encoding.tokens, strict=True)
                if token == UNKNOWN
            )
            foreign = (character > "\u024f" for character in text if character.isalpha())
            unknown += sum(foreign) if is_bundled else sum(map(str.isalpha, covered))
            letters += sum(map(str.isalpha, text))
        return unknown / max(letters, 1)

    @cached_property
    def _layers(self) -> list[dict[str, tuple[torch.Tensor, torch.Tensor]]]:
        """(weight, bias) of every linear map and norm of every layer."""
        if self._published.fingerprint != ENCODER_FINGERPRINT:
            check_finite(self._tensors, self.folder / _WEIGHTS)
        return [
            {name: self._affine(f"encoder.layer.{i}.{key}", self._arithmetic) for name, key in _LINEARS.items()}
            | {name: self._affine(f"encoder.layer.{i}.{key}", self.dtype) for name, key in _NORMS.items()}
            for i in range(self.layers)
        ]

    def _affine(self, key: str, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        return self._tensors[f"{key}.weight"].to(dtype), self._tensors[f"{key}.bias"].to(dtype)

    @torch.no_grad()
    def _states(self, ids: list[list[int]], tokens: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """BERT on a batch of token ids: states (N, T, width), or of the first ``tokens`` alone, and mask (N, T)."""
        padded, mask = pad(ids)
        x = self.embed(padded)
        with autocast("bfloat16") if self._arithmetic == torch.bfloat16 else nullcontext():
            for i in range(self.layers):
                x = self.layer(i, x, mask, tokens=tokens if i == self.layers - 1 else None)
        return x, mask

    def embed(self, ids: torch.Tensor) -> torch.Tensor:
        """The input of the first layer: token ids (N, T) -> (N, T, width)."""
        word, position, token_type = (self._tensors[f"embeddings.{name}_embeddings.weight"] for name in _EMBEDDINGS)
        # Rows are converted after the look-up: the table of words is two thirds of the file and mostly unused.
        x = word[ids].to(self.dtype) + position[: ids.shape[1]].to(self.dtype) + token_type[0].to(self.dtype)
        return self._norm(x, self._affine("embeddings.LayerNorm", self.dtype))

    def layer(self, i: int, x: torch.Tensor, mask: torch.Tensor, *, tokens: int | None = None) -> torch.Tensor:
        """One layer of BERT, which gradients pass through.

        Args:
            i: Its number, from 0.
            x: The states before it, (N, T, width).
            mask: (N, T), True on the tokens of the texts.
            tokens: Give the states of the first so many tokens alone; all by default.

        Returns:
            The states behind it, (N, ``tokens``, width).
        """
        weights = self._layers[i]
        key, value = (self._split_heads(F.linear(x, *weights[name])) for name in ("key", "value"))
        x = x[:, :tokens]
        query = self._split_heads(F.linear(x, *weights["query"]))
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None, :])
        attended = attended.transpose(1, 2).flatten(2)  # (N, heads, T, width / heads) -> (N, T, width)
        x = self._norm(x + F.linear(attended, *weights["attended"]), weights["attended_norm"])
        inner = F.gelu(F.linear(x, *weights["inner"]))
        return self._norm(x + F.linear(inner, *weights["outer"]), weights["outer_norm"])

    def _split_heads(self, x: torch.Tensor) -> torch.Tensor:
        heads = self._config.num_attention_heads
        return x.unflatten(2, (heads, -1)).transpose(1, 2)  # (N, T, width) -> (N, heads, T, width / heads)

    def _norm(self, x: torch.Tensor, affine: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        return F.layer_norm(x, (self.dim,), *affine, eps=self._config.layer_norm_eps)


def mean_pooling(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The unit-norm means (N, D) of token states (N, T, D) where the mask (N, T) is True."""
    weights = mask.unsqueeze(-1).to(states.dtype)
    return F.normalize((states * weights).sum(1) / weights.sum(1), dim=1)


def pad(ids: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids of N texts as one tensor (N, T), T those of the longest, and the mask (N, T) that is True on them."""
    N, T = len(ids), max(map(len, ids), default=0)
    padded = torch.zeros(N, T, dtype=torch.long)
    mask = torch.zeros(N, T, dtype=torch.bool)
    for row, tokens in enumerate(ids):
        padded[row, : len(tokens)] = torch.tensor(tokens)
        mask[row, : len(tokens)] = True
    return padded, mask


def _read_object(path: Path, *, optional: bool = False) -> dict[str, Any]:
    """The JSON object in ``path``; an empty one where an optional file is missing."""
    if optional and not os.path.lexists(path):
        return {}
    values: dict[str, Any] = check(read_json(path), dict[str, Any], path)
    return values


def _limits(path: Path) -> _Limits:
    return record(_Limits, _read_object(path, optional=True), path, notes=True)


def _check_modules(folder: Path) -> None:
    """Only a BERT at the top of the folder, then mean pooling, then unit norm, is run here."""
    path = folder / _MODULES
    modules: list[Module] = check(read_json(path), list[Module], path, notes=True)
    names = [module.kind for module in modules]
    if names != ["Transformer", "Pooling", "Normalize"] or modules[0].path != "":
        raise UnsupportedModelError(f"{path}: {' -> '.join(names)[:200]} is not run here")
    pooling = _read_object(folder / _POOLING)  # before sentence-transformers 6, one flag for each mode
    flags = [key for key, value in pooling.items() if key.startswith("pooling_mode_") and value]
    if flags != ["pooling_mode_mean_tokens"] and pooling.get("pooling_mode") != "mean":
        raise UnsupportedModelError(f"{folder / _POOLING}: only pooling by the mean is run here")
    if _read_object(folder / _PROMPTS, optional=True).get("default_prompt_name"):
        raise UnsupportedModelError(f"{folder / _PROMPTS}: a default prompt is not run here")


def _map_tensors(path: Path, config: BertConfig) -> dict[str, torch.Tensor]:
    """The named tensors of a BERT as views of the file."""
    if not os.path.isfile(path):
        if any(path.parent.glob("pytorch_model*.bin")) or any(path.parent.glob("model-*.safetensors")):
            raise UnsupportedModelError(f"{path.parent}: only weights in one {path.name} are run here")
        raise InputError(f"{path}: no such file; restore it")
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a whole safetensors file ({error}); restore it") from error
    needed = _shapes(config, tensors)
    missing = [name for name in needed if name not in tensors]
    if missing:
        raise UnsupportedModelError(f"{path}: holds no {missing[0]}, which a BERT has")
    above = f"encoder.layer.{config.num_hidden_layers}."
    if any(tuple(tensors[name].shape) != shape for name, shape in needed.items()) or any(
        name.startswith(above) for name in tensors
    ):
        raise InputError(f"{path}: its tensors are not of the sizes that {_CONFIG} gives; restore both files")
    return tensors


def _shapes(config: BertConfig, tensors: dict[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    """The shapes of all tensors that the forward pass needs, by name; the numbers of words and the like are free."""
    width = config.hidden_size

    def rows(name: str) -> int:
        return len(tensors[name]) if name in tensors and tensors[name].dim() else 0

    heights = {name: rows(f"embeddings.{name}_embeddings.weight") for name in _EMBEDDINGS}
    heights["position"] = config.max_position_embeddings
    shapes: dict[str, tuple[int, ...]] = {
        f"embeddings.{name}_embeddings.weight": (height, width) for name, height in heights.items()
    }
    norms = ["embeddings.LayerNorm"]
    for i in range(min(config.num_hidden_layers, len(tensors))):
        layer = f"encoder.layer.{i}."
        inner = rows(f"{layer}{_LINEARS['inner']}.weight")
        for name, key in _LINEARS.items():
            height, across = {"inner": (inner, width), "outer": (width, inner)}.get(name, (width, width))
            shapes |= {f"{layer}{key}.weight": (height, across), f"{layer}{key}.bias": (height,)}
        norms += [layer + key for key in _NORMS.values()]
    return shapes | {f"{norm}.{part}": (width,) for norm in norms for part in ("weight", "bias")}
