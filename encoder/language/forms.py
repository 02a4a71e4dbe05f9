"""The sentence forms of generated captions; ``forms.txt`` lists them and says how they are written."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

from encoder.attributes import sections
from encoder.attributes.words import HALVES, Half

FILE = Path(__file__).with_name("forms.txt")


@dataclasses.dataclass(frozen=True)
class Forms:
    """Sentence forms by the colours that they state, and what may stand before and behind them."""

    both: tuple[str, ...]
    hair: tuple[str, ...]
    eyes: tuple[str, ...]
    empty: tuple[str, ...]
    prefixes: tuple[str, ...]
    suffixes: tuple[str, ...]
    shared: tuple[str, ...]
    negated: tuple[str, ...]
    separators: tuple[str, ...]
    nominal: tuple[str, ...] = ()
    distracted: tuple[str, ...] = ()


@functools.cache
def forms(half: Half) -> Forms:
    """The forms of a half; ``InputError`` for a broken file."""
    kinds = [field.name for field in dataclasses.fields(Forms)]
    return Forms(**{kind: tuple(line.text for line in _sections().get(f"{half} {kind}", ())) for kind in kinds})


@functools.cache
def _sections() -> dict[str, list[sections.Line]]:
    fields = dataclasses.fields(Forms)
    needed, optional = (
        [f"{half} {field.name}" for half in HALVES for field in fields if (field.default == ()) == is_optional]
        for is_optional in (False, True)
    )
    return sections.read_sections(FILE, needed, optional)
