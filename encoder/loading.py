"""Any text encoder by the name of its kind. Nothing here imports torch before an encoder is asked for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from encoder.base import NO_TEXTS, ConditionSpace, digest
from encoder.common.errors import InputError
from encoder.paths import ENCODER_DIR, HEAD_DIR, SHIPPED_CACHE_DIR, USER_CACHE_DIR

if TYPE_CHECKING:
    import torch

    from encoder.base import Encoder

KINDS = ("head", "pooled", "aligned", "onehot", NO_TEXTS)
Dtype = Literal["float64", "float32", "bfloat16"]


class NoTextEncoder:
    """The condition of a network that is trained without texts: one number, which is always 0."""

    dim, fingerprint = 1, digest(NO_TEXTS)
    space = ConditionSpace(NO_TEXTS, NO_TEXTS)

    def encode(self, texts: Sequence[str], *, progress: bool = False) -> torch.Tensor:
        import torch

        return torch.zeros(len(texts), self.dim)


def load_encoder(
    kind: str = "head",
    path: str | Path | None = None,
    cached: bool = True,
    cache_dir: str | Path | None = None,
    statistics: torch.Tensor | None = None,
    dtype: Dtype = "float64",
) -> Encoder:
    """The encoder of a kind: texts in, conditions ``c`` out.

    Args:
        kind: ``"head"``: what a text says of each attribute of a face; ``"pooled"``: the standardised sentence
            embedding; ``"aligned"``: that of an encoder fitted to images (``encoder.align``), standardised too;
            ``"onehot"``: the pair of colours of a canonical caption; ``"none"``: the same for every text.
        path: For ``"head"`` and ``"aligned"``, such a folder; for ``"pooled"``, a sentence-transformers folder. The
            shipped ones by default, of which there is none of ``"aligned"``.
        cached: Whether vectors are looked up, and kept, on disk; they are the same either way.
        cache_dir: Where new vectors are kept; by default TEXT2FACE_CACHE, or ``USER_CACHE_DIR``.
        statistics: What ``"pooled"`` and ``"aligned"`` are standardised by, float64 (2, dim): the means and deviations
            of the captions of the data; by default those of the canonical captions of faces.

    Raises:
        InputError: An unknown kind, or a model folder that is missing or broken.
    """
    if kind in ("onehot", NO_TEXTS) and path is not None:
        raise InputError(f"{path}: a condition of the kind {kind} reads no folder; leave it out")
    if kind == NO_TEXTS:
        return NoTextEncoder()
    if kind == "onehot":
        from encoder.attributes.onehot import OneHotEncoder

        return OneHotEncoder()

    encoder = load_source(kind, path, cached=cached, cache_dir=cache_dir, dtype=dtype)
    if kind == "head":
        from encoder.attributes.reader import AttributeEncoder

        return AttributeEncoder(encoder)
    from encoder.attributes.vocabulary import canonical_captions
    from encoder.pooled import StandardisedEncoder

    folder = Path(path) if kind == "aligned" and path else None
    return StandardisedEncoder(kind, encoder, statistics, folder, list(canonical_captions()))


def load_source(
    kind: str,
    path: str | Path | None = None,
    *,
    cached: bool = False,
    cache_dir: str | Path | None = None,
    dtype: Dtype = "float64",
    own_cache: Path | None = None,
) -> Encoder:
    """The encoder whose vectors are cached for a kind.

    It is the head without the rules around it, or what ``"pooled"`` and ``"aligned"`` standardise.

    Args:
        kind: As of ``load_encoder``; so are ``path``, ``cached`` and ``cache_dir``.
        dtype: Of the arithmetic. In float64 a vector is the same in any batch and on any CPU. Float32 is twice as fast
            and differs in the sixth digit, bfloat16 in the second; their vectors are cached in files of their own.
        own_cache: A file of a run, which keeps the vectors too and is asked first. The run thus goes on with the same
            vectors, whatever becomes of the other caches, and on any CPU.
    """
    encoder = _open(kind, path, dtype)
    if not cached:
        return encoder
    from encoder.cache import CachedEncoder, EmbeddingCache

    user_dir = Path(cache_dir or os.environ.get("TEXT2FACE_CACHE") or USER_CACHE_DIR)
    shipped = EmbeddingCache(SHIPPED_CACHE_DIR / cache_name(kind), read_only=True)
    known = None if kind == "pooled" and path else encoder.dim  # another library may have to load its model to know
    user = EmbeddingCache(user_dir / cache_name(kind if dtype == "float64" else f"{kind}-{dtype}"))
    own = [EmbeddingCache(own_cache, most=None)] if own_cache else []
    return CachedEncoder(encoder, [*own, shipped, user], known)


def _open(kind: str, path: str | Path | None, dtype_name: Dtype) -> Encoder:
    import torch

    dtype: torch.dtype = getattr(torch, dtype_name)
    if kind == "head":
        from encoder.attributes.head import HeadEncoder

        return HeadEncoder.load(path or HEAD_DIR, dtype)
    if kind == "pooled":
        from encoder.pooled import load_sentence_encoder

        return load_sentence_encoder(path or ENCODER_DIR, dtype)
    if kind == "aligned":
        from encoder.aligned import AlignedEncoder

        if path is None:
            raise InputError("an aligned text encoder is a folder that python -m encoder.align wrote; give it")
        return AlignedEncoder.load(path, dtype)
    raise InputError(f"{kind!r} is not a kind of encoder; choose one of: {', '.join(KINDS)}")


def cache_name(kind: str) -> str:
    """The file of a kind's vectors, within a folder of caches."""
    return f"{kind}.sqlite3"
