"""Text encoders, and the meaning of their conditions ``c``."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from encoder.common import weights
from encoder.common.errors import InputError

if TYPE_CHECKING:
    import torch

NO_TEXTS = "none"
"""The kind of a condition that is the same for every text."""


class Encoder(Protocol):
    """Turns texts into conditions. A cache keys vectors by its ``fingerprint``; its ``space`` says what they mean.

    Making an encoder is cheap: weights are read, and libraries imported, when the first text is encoded.
    """

    @property
    def dim(self) -> int:
        """The size of a condition."""

    @property
    def fingerprint(self) -> str:
        """Hexadecimal digest of all that a vector depends on besides its text."""

    @property
    def space(self) -> ConditionSpace:
        """The meaning of a condition."""

    def encode(self, texts: Sequence[str], *, progress: bool = False) -> torch.Tensor:
        """Encode texts, each in its normalised form (``encoder.text.normalise``).

        In float64 the vector of a text depends neither on the texts beside it nor on the number of threads.

        Args:
            texts: N texts.

        Returns:
            float32 tensor (N, ``dim``) in the order of ``texts``.

        Raises:
            InputError: A text that this encoder cannot encode, or a broken model file.
        """


@dataclass(frozen=True)
class Reading:
    """One attribute, as a condition states it.

    Attributes:
        slot: ``"hair"``, ``"eyes"`` or ``"length"``.
        value: The most probable value, or None where the attribute is more likely unstated than stated.
        probability: Of ``value``; of "unstated" where it is None.
        exact_colour: The colour that is asked for, in OKLab; None where none is, or the condition cannot say it.
        denied: The values that are not to be drawn, of an attribute that is left open otherwise.
    """

    slot: str
    value: str | None
    probability: float
    exact_colour: tuple[float, float, float] | None = None
    denied: tuple[str, ...] = ()


@dataclass(frozen=True)
class ConditionSpace:
    """The meaning of the numbers of a condition. A generator takes the conditions of the space that it was trained in.

    In every space zeros ask for nothing: no attribute is stated, or it is the mean caption. In this one a condition
    means a text as a whole; ``encoder.attributes.space`` has those that state attributes.

    Attributes:
        kind: ``"head"``, ``"pooled"``, ``"aligned"``, ``"onehot"`` or ``"none"``: the kind of its encoders.
        name: Tells it from every other space; releases and runs keep it.
        class_sizes: The number of values of each class that conditions state; none where they state no classes.
    """

    kind: str
    name: str
    class_sizes: ClassVar[tuple[int, ...]] = ()

    @property
    def reads_texts(self) -> bool:
        """Whether a condition depends on its text."""
        return self.kind != NO_TEXTS

    def null(self, c: torch.Tensor) -> torch.Tensor:
        """The conditions (N, dim) that guidance moves ``c (N, dim)`` away from: here zeros, the mean caption."""
        return c.new_zeros(c.shape)

    def resolve_negations(self, c: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """``c (N, dim)`` with a value chosen by the noise ``z (N, z_dim)`` where a text only denies some values."""
        return c

    def read(self, c: torch.Tensor) -> list[list[Reading]]:
        """The statements of each of N conditions ``c (N, dim)``, an attribute each; none without attributes."""
        return [[] for _ in c]

    def labels(self, c: torch.Tensor) -> torch.Tensor | None:
        """``read`` as int64 (N, S): 0 is unstated, ``i`` the value ``i - 1``; None without attributes."""
        return None

    def warnings_for(self, texts: Sequence[str], readings: Sequence[Sequence[Reading]]) -> list[str]:
        """Warnings for the writer of N texts that were read so: different lines, mostly none.

        Here one for each text in another script than Latin, which the encoder was not trained to read.
        """
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
