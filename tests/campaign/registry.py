"""The families of tries, and which of them are chosen."""

from __future__ import annotations

import fnmatch
import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .bench import Bench
    from .scene import Scene


@dataclass(frozen=True)
class Try:
    """One try.

    Attributes:
        name: What tells it from the others of its family, such as ``"state.pt/flip-3"``; with the seed, all of it.
        body: Does it, and tells the scene what is wrong.
    """

    name: str
    body: Callable[[Scene], None]


Family = Callable[["Bench", random.Random], Iterator[Try]]


@dataclass(frozen=True)
class Entry:
    """A family in the registry.

    Attributes:
        kind: The part of the campaign and the family, ``"kill/training"``.
        family: Makes its tries.
        quick: How many of them a quick campaign takes; 0 where the family is not green yet, or slow.
    """

    kind: str
    family: Family
    quick: int

    def tries(self, bench: Bench, seed: int) -> list[Try]:
        """All tries; the same for the same seed."""
        return list(self.family(bench, _random(seed, self.kind)))

    def sample(self, tries: list[Try], seed: int) -> list[Try]:
        """Those of a quick campaign."""
        return _random(seed, self.kind).sample(tries, min(self.quick, len(tries)))


REGISTRY: list[Entry] = []


def family(kind: str, *, quick: int = 0) -> Callable[[Family], Family]:
    """Enter a family of tries."""

    def enter(make: Family) -> Family:
        REGISTRY.append(Entry(kind, make, quick))
        return make

    return enter


def matches(kind: str, name: str, only: str) -> bool:
    """Whether ``--only`` asks for a try, by the beginning of its full name or by a pattern of a shell."""
    full = f"{kind}/{name}"
    return full == only or full.startswith(f"{only.rstrip('/')}/") or fnmatch.fnmatchcase(full, only)


def may_match(kind: str, only: str) -> bool:
    """Whether ``--only`` can ask for a try of this kind."""
    literal = only[: next((i for i, mark in enumerate(only) if mark in "*?["), len(only))]
    return kind.startswith(literal.rstrip("/")) or literal.startswith(kind)


def _random(seed: int, kind: str) -> random.Random:
    return random.Random(int.from_bytes(hashlib.sha256(f"{seed} {kind}".encode()).digest()[:8], "big"))
