"""Text files of words in sections, which a person edits without Python.

A line ``== title`` begins a section. Lines that begin with ``# `` and empty lines are skipped. A line in double quotes
is read as JSON, which keeps spaces at its ends.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from encoder.common.errors import InputError


@dataclass(frozen=True)
class Line:
    """A line of a section, and where it stands, for messages: "words.txt, line 12"."""

    text: str
    where: str


def read_sections(path: Path, titles: Collection[str], optional: Collection[str] = ()) -> dict[str, list[Line]]:
    """The lines of each section, in the order of the file.

    Raises:
        InputError: The file cannot be read, a section of ``titles`` is missing or empty, one is there twice, or is
            neither of these nor ``optional``, or a line is in none; the message has its number.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); restore the file") from error
    sections: dict[str, list[Line]] = {}
    section: list[Line] | None = None
    for number, text in enumerate(lines, start=1):
        if not text.strip() or text.startswith("# ") or text == "#":
            continue
        where = f"{path}, line {number}"
        if text.startswith("== "):
            title = text[3:].strip()
            if title in sections or (title not in titles and title not in optional):
                problem = "is there twice" if title in sections else "is not one of this file's"
                raise InputError(f"{where}: the section {title!r} {problem}; rename it, or remove it")
            section = sections[title] = []
        elif section is None:
            raise InputError(f"{where}: stands before the first section; move it below a line '== title'")
        else:
            section.append(Line(_unquoted(text, where), where))
    missing = [title for title in titles if not sections.get(title)]
    if missing:
        raise InputError(f"{path}: the section {missing[0]!r} is missing or empty; restore it")
    return sections


def _unquoted(text: str, where: str) -> str:
    if not text.startswith('"'):
        return text.strip()
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InputError(f"{where}: begins with a quotation mark and is no JSON text ({error}); correct it") from error
    return str(value)


def words(lines: Sequence[Line]) -> tuple[str, ...]:
    """The words of a section, which commas separate."""
    found: list[str] = []
    for line in lines:
        parts = [part.strip() for part in line.text.removesuffix(",").split(",")]
        if not all(parts):
            raise InputError(f"{line.where}: no word between two commas; remove one of them")
        found += parts
    return tuple(found)


def mixtures(lines: Sequence[Line], values: Collection[str]) -> dict[str, dict[str, float]]:
    """Words with shares of ``values`` that add up to 1, one a line: "auburn: brown 0.6, red 0.4"."""
    found: dict[str, dict[str, float]] = {}
    for line in lines:
        word, colon, rest = line.text.partition(": ")
        shares: dict[str, float] = {}
        for part in rest.split(",") if colon else ():
            value, _, share = part.strip().rpartition(" ")
            if value not in values or value in shares:
                raise InputError(f"{line.where}: {value!r} is not one of {', '.join(values)}, or is there twice")
            shares[value] = numbers(share, 1, line.where)[0]
        if abs(sum(shares.values()) - 1) > 1e-9:
            raise InputError(f"{line.where}: the shares do not add up to 1; write 'auburn: brown 0.6, red 0.4'")
        found[word] = shares
    return found


def numbers(text: str, count: int, where: str) -> list[float]:
    """``count`` numbers, which spaces separate."""
    try:
        found = [float(part) for part in text.split()]
    except ValueError:
        found = []
    if len(found) != count:
        raise InputError(f"{where}: {text!r} is not {count} number{'s' if count > 1 else ''}; correct it")
    return found
