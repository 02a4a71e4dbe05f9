"""Sentence embeddings: of the bundled model, run lightly, or of any other sentence-transformer, by its own library."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from encoder import tuned
from encoder.base import ConditionSpace, Encoder, digest, files_digest
from encoder.common import weights
from encoder.common.errors import InputError, reason_of
from encoder.minilm import MiniLM, UnsupportedModelError, mean_pooling
from encoder.text import normalise

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_CHUNK = 4096  # vectors whose statistics are taken at a time
# To draw, both encoders compute in float64 and round to float32 at the end. Float noise, which differs with the batch,
# the threads and the CPU, is then 1e-16 a step and does not reach the result: a vector from the cache is, bit for bit,
# the one that encoding its text again would give. The price is twice the time of float32, once for each text.


class MiniLMSentenceEncoder:
    """The unit-norm sentence embeddings of a BERT-family folder, run by ``encoder.minilm``."""

    def __init__(self, model: MiniLM):
        self.model = model
        self.dim = model.dim

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the model's files."""
        return digest("sentence", self.model.fingerprint)

    @property
    def space(self) -> ConditionSpace:
        return ConditionSpace("sentence", f"sentence-{self.fingerprint[:12]}")

    def encode(self, texts: Sequence[str], *, progress: bool = False) -> torch.Tensor:
        texts = [normalise(text) for text in texts]
        return self.model.read(texts, self.readout, progress=progress)

    def readout(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """The last token states (n, T, D) of n texts and their mask (n, T) -> unit vectors, float32 (n, D)."""
        return mean_pooling(states, mask).float()


class LibrarySentenceEncoder:
    """The sentence embeddings of any sentence-transformers folder, run by that library; it never asks a network.

    Raises:
        InputError: The folder is not in the library's format, or (at the first text) the library cannot load it.
    """

    def __init__(self, folder: str | Path, dtype: torch.dtype = torch.float64):
        self._folder = Path(folder)
        self._dtype = dtype
        if not (self._folder / "modules.json").is_file():
            raise InputError(f"{folder}: not a sentence-transformers folder (it has no modules.json)")

    @property
    def dim(self) -> int:
        """The size of the embedding; the model is loaded to know it."""
        dim = self._model.get_embedding_dimension()
        if dim is None:
            raise InputError(f"{self._folder}: the model does not give one vector a text; choose another")
        return dim

    @cached_property
    def fingerprint(self) -> str:
        """Digest of every file of the folder."""
        return digest("sentence", files_digest(sorted(path for path in self._folder.rglob("*") if path.is_file())))

    @property
    def space(self) -> ConditionSpace:
        return ConditionSpace("sentence", f"sentence-{self.fingerprint[:12]}")

    def encode(self, texts: Sequence[str], *, progress: bool = False) -> torch.Tensor:
        vectors = self._model.encode(
            [normalise(text) for text in texts], show_progress_bar=progress, convert_to_tensor=True
        )
        return vectors.float()

    @cached_property
    def _model(self) -> SentenceTransformer:
        os.environ["HF_HUB_OFFLINE"] = "1"  # read once, when the library is imported
        from sentence_transformers import SentenceTransformer

        try:
            return SentenceTransformer(str(self._folder), device="cpu", local_files_only=True).to(self._dtype)
        except Exception as error:  # whatever a folder of any model family can raise
            reason = reason_of(error)
            raise InputError(f"{self._folder}: sentence-transformers cannot load it ({reason})") from error


class StandardisedEncoder:
    """Another encoder's vectors, each number standardised by its mean and deviation over the captions of the data.

    Raw embeddings of captions are nearly one vector (cosine 0.99 between two captions of faces with their colours
    swapped); what tells captions apart is what remains when their mean is taken off.

    Args:
        kind: ``"pooled"`` or ``"aligned"``.
        texts: Gives the raw vectors.
        statistics: Mean and standard deviation, float64 (2, dim); by default those over ``captions``.
        folder: Of an aligned encoder.
        captions: Those to standardise by, where there are no ``statistics``.
    """

    def __init__(
        self,
        kind: str,
        texts: Encoder,
        statistics: torch.Tensor | None = None,
        folder: Path | None = None,
        captions: Sequence[str] = (),
    ):
        self._kind, self._texts, self._given, self._folder = kind, texts, statistics, folder
        self._captions = captions

    @property
    def dim(self) -> int:
        """The size of the raw vectors: 384 for the sentence embedding of the bundled model."""
        return self.statistics.shape[1]

    @property
    def fingerprint(self) -> str:
        """Digest of the raw vectors' and of what they are standardised by."""
        if self._given is None:
            return digest(self._kind, self._texts.fingerprint, *self._captions)
        return digest(self._kind, self._texts.fingerprint, self._given.numpy().tobytes())

    @property
    def space(self) -> ConditionSpace:
        return ConditionSpace(self._kind, f"{self._kind}-{self.fingerprint[:12]}")

    def encode(self, texts: Sequence[str], *, progress: bool = False) -> torch.Tensor:
        return self.standardise(self._texts.encode(texts, progress=progress))

    def standardise(self, raw: torch.Tensor) -> torch.Tensor:
        """Raw vectors (N, dim) -> float32 (N, dim); ``InputError`` where they are of another size."""
        if raw.shape[-1] != self.dim:
            raise InputError(f"a text's vector has {raw.shape[-1]} numbers, not {self.dim}; restore the text encoder")
        mean, std = self.statistics
        return ((raw.double() - mean) / std).float()

    def save(self, folder: Path) -> None:
        """Write what ``load_encoder`` needs to make this encoder again, the bundled one aside."""
        if self._folder is not None:
            tuned.copy(self._folder, folder)
        save_statistics(folder / STATISTICS_FILE, self.statistics)

    @cached_property
    def statistics(self) -> torch.Tensor:
        """Mean and standard deviation, float64 (2, dim)."""
        return statistics_of(self._texts.encode(self._captions)) if self._given is None else self._given


def statistics_of(vectors: torch.Tensor) -> torch.Tensor:
    """Mean and standard deviation of vectors (N, dim): float64 (2, dim)."""
    parts = [part.double() for part in vectors.split(_CHUNK)]
    mean = torch.stack([part.sum(0) for part in parts]).sum(0) / len(vectors)
    squares = torch.stack([(part - mean).square().sum(0) for part in parts]).sum(0)
    # A few numbers of a model can be dead (three of the bundled one's): the floor leaves those at zero.
    return torch.stack([mean, (squares / len(vectors)).sqrt().clamp_min(1e-6)])


def load_sentence_encoder(folder: str | Path, dtype: torch.dtype = torch.float64) -> Encoder:
    """The raw sentence embeddings of a folder: run lightly, in ``dtype``, where the model is of the bundled kind."""
    if not Path(folder).is_dir():
        raise InputError(f"{folder}: no such folder; give that of a sentence-transformer (see python -m encoder.fetch)")
    try:
        return MiniLMSentenceEncoder(MiniLM.load(folder, dtype))
    except UnsupportedModelError:
        return LibrarySentenceEncoder(folder, dtype)


STATISTICS_FILE = "statistics.safetensors"
"""In the folder of a generator's text encoder: what its vectors are standardised by."""


def save_statistics(path: Path, statistics: torch.Tensor) -> None:
    """Write what a generator's text vectors are standardised by, float64 (2, dim)."""
    weights.save({"statistics": statistics}, path)


def load_statistics(path: Path) -> torch.Tensor:
    """The inverse of ``save_statistics``; ``InputError`` where the file is broken."""
    statistics = weights.load(path).get("statistics", torch.empty(0)).double()
    if statistics.dim() != 2 or len(statistics) != 2 or not (statistics[1] > 0).all():
        raise InputError(f"{path}: not the means and deviations of a text encoder; restore the file")
    return statistics
