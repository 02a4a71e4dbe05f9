"""What a text encoder is: a text goes in, the condition ``c`` of the generator comes out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from encoder.common.errors import InputError

if TYPE_CHECKING:
    import torch


class TextEncoder(Protocol):
    """A function from texts to conditions, and the three names that tie a cache and a generator to it.

    Making an encoder is cheap: weights are read, and libraries imported, when the first text is encoded.
    """

    @property
    def kind(self) -> str:
        """``"head"``, ``"pooled"`` or ``"onehot"``."""

    @property
    def dim(self) -> int:
        """The size of a condition."""

    @property
    def fingerprint(self) -> str:
        """Hexadecimal digest of all that a vector depends on besides its text; the cache keys vectors by it."""

    @property
    def space(self) -> str:
        """What the numbers mean. A generator accepts the conditions of the space that it was trained in."""

    def encode(self, texts: Sequence[str], *, batch_size: int = 64, progress: bool = False) -> torch.Tensor:
        """Encode texts, each in its normalised form (``encoder.attributes.vocabulary.normalise``).

        The vector of a text depends neither on the batch that it was encoded in nor on the number of threads.

        Args:
            texts: N texts.
            batch_size: How many texts run through the network together.
            progress: Whether to show a progress bar.

        Returns:
            float32 tensor (N, ``dim``) in the order of ``texts``.

        Raises:
            InputError: A text that this encoder cannot encode, or a broken model file.
        """


def digest(*parts: str | bytes) -> str:
    """Hexadecimal digest (32 characters) of a sequence of parts; their boundaries count."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        state.update(len(data).to_bytes(8, "little") + data)
    return state.hexdigest()[:32]


def files_digest(paths: Iterable[Path]) -> str:
    """``digest`` of the names and contents of files, read in small pieces: a large file costs no memory."""
    parts: list[str | bytes] = []
    for path in paths:
        try:
            with path.open("rb") as file:
                parts += [path.name, hashlib.file_digest(file, "sha256").digest()]
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}); restore the file") from error
    return digest(*parts)
