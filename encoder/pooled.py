"""Sentence embeddings: of the bundled model, run lightly, or of any other sentence-transformer, by its own library."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from encoder.attributes.vocabulary import canonical_captions, normalise
from encoder.base import TextEncoder, digest, files_digest
from encoder.common.errors import InputError
from encoder.minilm import MiniLM, UnsupportedModelError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

# Both encoders compute in float64 and round to float32 at the end. Float noise, which differs with the batch, the
# threads and the CPU, is then 1e-16 a step and does not reach the result: a vector from the cache is, bit for bit, the
# one that encoding its text again would give. The price is twice the time of float32, once for each text.


class MiniLMSentenceEncoder:
    """The unit-norm sentence embeddings of a BERT-family folder, run by ``encoder.minilm``."""

    kind = "sentence"

    def __init__(self, model: MiniLM):
        self._model = model
        self.dim = model.dim

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the model's files."""
        return digest(self.kind, self._model.fingerprint)

    @property
    def space(self) -> str:
        """That of this model alone."""
        return f"sentence-{self.fingerprint[:12]}"

    def encode(self, texts: Sequence[str], *, batch_size: int = 64, progress: bool = False) -> torch.Tensor:
        """See ``TextEncoder.encode``."""
        return self._model.pooled([normalise(text) for text in texts], batch_size=batch_size, progress=progress).float()


class LibrarySentenceEncoder:
    """The sentence embeddings of any sentence-transformers folder, run by that library; it never asks a network.

    Raises:
        InputError: The folder is not in the library's format, or (at the first text) the library cannot load it.
    """

    kind = "sentence"

    def __init__(self, folder: str | Path):
        self._folder = Path(folder)
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
        return digest(self.kind, files_digest(sorted(path for path in self._folder.rglob("*") if path.is_file())))

    @property
    def space(self) -> str:
        """That of this model alone."""
        return f"sentence-{self.fingerprint[:12]}"

    def encode(self, texts: Sequence[str], *, batch_size: int = 64, progress: bool = False) -> torch.Tensor:
        """See ``TextEncoder.encode``."""
        vectors = self._model.encode(
            [normalise(text) for text in texts],
            batch_size=batch_size,
            show_progress_bar=progress,
            convert_to_tensor=True,
        )
        return vectors.float()

    @cached_property
    def _model(self) -> SentenceTransformer:
        os.environ["HF_HUB_OFFLINE"] = "1"  # read once, when the library is imported
        from sentence_transformers import SentenceTransformer

        try:
            return SentenceTransformer(str(self._folder), device="cpu", local_files_only=True).double()
        except Exception as error:  # whatever a folder of any model family can raise
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise InputError(f"{self._folder}: sentence-transformers cannot load it ({reason})") from error


class PooledEncoder:
    """Sentence embeddings, each number standardised by its mean and deviation over the 468 canonical captions.

    Raw embeddings of captions are nearly one vector (cosine 0.99 between two captions with their colours swapped); what
    tells captions apart is what remains when their mean is taken off. The statistics are those of the very embeddings
    that ``sentences`` gives, so they need no file of their own.
    """

    kind = "pooled"

    def __init__(self, sentences: TextEncoder):
        self._sentences = sentences

    @property
    def dim(self) -> int:
        """The size of the embedding: 384 for the bundled model."""
        return len(self._statistics[0])

    @property
    def fingerprint(self) -> str:
        """Digest of the embedding's and of the captions that the statistics are taken over."""
        return digest(self.kind, self._sentences.fingerprint, *canonical_captions())

    @property
    def space(self) -> str:
        """That of this model alone."""
        return f"pooled-{self.fingerprint[:12]}"

    def encode(self, texts: Sequence[str], *, batch_size: int = 64, progress: bool = False) -> torch.Tensor:
        """See ``TextEncoder.encode``."""
        mean, std = self._statistics
        raw = self._sentences.encode(texts, batch_size=batch_size, progress=progress).double()
        return ((raw - mean) / std).float()

    @cached_property
    def _statistics(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and standard deviation (D,), float64."""
        vectors = self._sentences.encode(list(canonical_captions())).double()
        # A few numbers of a model can be dead (three of the bundled one's): the floor leaves those at zero.
        return vectors.mean(0), vectors.std(0, correction=0).clamp_min(1e-6)


def load_sentence_encoder(folder: str | Path) -> TextEncoder:
    """The raw sentence embeddings of a folder: run lightly where the model is of the bundled kind."""
    if not Path(folder).is_dir():
        raise InputError(f"{folder}: no such folder; give that of a sentence-transformer (see python -m encoder.fetch)")
    try:
        return MiniLMSentenceEncoder(MiniLM.load(folder, torch.float64))
    except UnsupportedModelError:
        return LibrarySentenceEncoder(folder)
