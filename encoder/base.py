"""What a text encoder is: a text goes in, the condition ``c`` of the generator comes out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from encoder.common import weights
from encoder.common.errors import InputError

if TYPE_CHECKING:
    import torch


class TextEncoder(Protocol):
    """A function from texts to conditions, and the three names that tie a cache and a generator to it.

    Making an encoder is cheap: weights are read, and libraries imported, when the first text is encoded.
    """

    @property
    def kind(self) -> str:
        """``"head"``, ``"pooled"``, ``"aligned"`` or ``"onehot"``."""

    @property
    def dim(self) -> int:
        """The size of a condition."""

    @property
    def fingerprint(self) -> str:
        """Hexadecimal digest of all that a vector depends on besides its text; the cache keys vectors by it."""

    @property
    def space(self) -> str:
        """What the numbers mean. A generator accepts the conditions of the space that it was trained in.

        In every space zeros ask for nothing: no attribute is stated, or it is the mean caption. Training shows images
        under them, or what an encoder makes of "a face", which is next to them, where it leaves the text out.
        """

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

    @property
    def class_sizes(self) -> tuple[int, ...]:
        """The number of values of each class that its vectors state; none where they state no classes."""

    def null(self, c: torch.Tensor) -> torch.Tensor:
        """The conditions that ask for nothing in particular in the place of ``c (N, dim)``: (N, ``dim``)."""

    def settled(self, c: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """``c (N, dim)`` as it is drawn with the noise ``z (N, z_dim)``, where a text leaves a choice: (N, ``dim``)."""

    def labels(self, c: torch.Tensor) -> torch.Tensor | None:
        """What ``c (N, dim)`` states, int64 (N, S): 0 is unstated; ``None`` where a vector states no classes."""

    def looks(self, c: torch.Tensor) -> list[dict[str, str]]:
        """The particular colours that ``c (N, dim)`` asks for, of each "#rrggbb" by what has it; mostly none."""

    def remarks(self, texts: Sequence[str], c: torch.Tensor) -> list[str]:
        """What the writer of N texts, read as ``c (N, dim)``, should know: a line each, mostly none."""


class FreeConditions:
    """The part of a ``TextEncoder`` that says what its vectors mean, where they mean a text as a whole.

    They are standardised, so that zero is the mean of all captions.
    """

    class_sizes: tuple[int, ...] = ()

    def null(self, c: torch.Tensor) -> torch.Tensor:
        """The mean caption: zeros."""
        return c.new_zeros(c.shape)

    def settled(self, c: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """``c`` itself: it leaves no choice."""
        return c

    def labels(self, c: torch.Tensor) -> None:
        """None: there are no classes."""
        return None

    def looks(self, c: torch.Tensor) -> list[dict[str, str]]:
        """None: they mean a text as a whole."""
        return [{} for _ in c]

    def remarks(self, texts: Sequence[str], c: torch.Tensor) -> list[str]:
        """A line for each text in another script than Latin, which the encoder was not trained to read."""
        foreign = [text for text in dict.fromkeys(texts) if _mostly_foreign(text)]
        return [
            f"{text[:60]!r}: the text encoder was trained on English, and may not understand it" for text in foreign
        ]


def _mostly_foreign(text: str) -> bool:
    letters = [character for character in text if character.isalpha()]
    return 2 * sum(character > "\u024f" for character in letters) > len(letters)  # the end of extended Latin


def digest(*parts: str | bytes) -> str:
    """Hexadecimal digest (32 characters) of a sequence of parts; their boundaries count."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        state.update(len(data).to_bytes(8, "little") + data)
    return state.hexdigest()[:32]


def files_digest(paths: Iterable[Path]) -> str:
    """``digest`` of the names and contents of files, read in small pieces: a large file costs no memory.

    The checksum of a file of weights is none of its contents.
    """
    parts: list[str | bytes] = []
    for path in paths:
        try:
            parts += [path.name, weights.plain_digest(path) if path.suffix == ".safetensors" else _contents(path)]
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}); restore the file") from error
    return digest(*parts)


def _contents(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
