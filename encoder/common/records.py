"""Settings on the disk: JSON files, checked against the types and ranges that a dataclass gives its fields."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import stat
import sys
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from encoder.common.atomic import write_contents
from encoder.common.errors import InputError, reason_of

LARGEST = 16 << 20
"""Bytes of a file of settings, at most; the largest of this project's have a few thousand."""

Record = TypeVar("Record")


@dataclass(frozen=True)
class Within:
    """The range of a number, both ends included, as in ``Annotated[int, Within(1)]``; infinite only if an end is.

    Attributes:
        below: A number that all are below.
    """

    low: float = -sys.float_info.max
    high: float = sys.float_info.max
    below: float = math.inf

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high and (value < self.below or math.isinf(self.below))  # NaN is in no range

    def __str__(self) -> str:
        above = self.low == sys.float_info.min
        low = "" if self.low <= -sys.float_info.max else " above 0" if above else f" of {_plain(self.low)} or more"
        if self.below < math.inf:
            return f"{low} and below {_plain(self.below)}"
        if self.high >= sys.float_info.max:
            return low
        return (
            f" above 0 and at most {_plain(self.high)}" if above else f" from {_plain(self.low)} to {_plain(self.high)}"
        )


Count = Annotated[int, Within(1, 2**31 - 1)]
Amount = Annotated[int, Within(0, 2**63 - 1)]
Chance = Annotated[float, Within(0, below=1)]


def read_json(path: Path, *, finite: bool = True) -> Any:
    """The contents of a JSON file.

    Args:
        path: A file in UTF-8.
        finite: Refuse ``NaN`` and ``Infinity``, which are not JSON, though Python writes them.

    Raises:
        InputError: The file is missing, unreadable, too large to be settings, or not JSON.
    """
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{path}: not a file; restore it")
        if status.st_size > LARGEST:
            raise InputError(f"{path}: {status.st_size:,} bytes are too many for settings; restore the file")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({reason_of(error)}); restore the file") from error
    return parse_json(data, path, finite=finite)


def parse_json(data: bytes | str, source: Path | str, *, finite: bool = True) -> Any:
    """The value of a JSON text; ``InputError`` names ``source`` where it is none."""
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
        return json.loads(text, parse_constant=_refuse if finite else None)
    except RecursionError as error:
        raise InputError(f"{source}: not JSON (brackets within too many others); restore it") from error
    except ValueError as error:
        raise InputError(f"{source}: not JSON ({error}); restore it") from error


def read_record(kind: type[Record], path: Path, *, notes: bool = False) -> Record:
    """The object in a JSON file as a dataclass; see ``read_json`` and ``record``."""
    return record(kind, read_json(path), path, notes=notes)


def record(kind: type[Record], values: Any, source: Path | str, *, notes: bool = False) -> Record:
    """A dataclass from a mapping of its fields.

    Args:
        kind: The dataclass; it may raise an ``InputError`` of its own.
        values: What a file holds.
        notes: Let other keys be, which are for people; otherwise they are errors.

    Raises:
        InputError: A key is missing or unknown, or a value is of another type or out of its range.
    """
    return cast(Record, _record(kind, values, source, "", notes))


def write_json(path: Path, value: object) -> None:
    """Write ``value`` as indented JSON, the file whole or not at all."""
    write_contents(path, json.dumps(value, indent=2) + "\n")


def check(value: Any, kind: Any, source: Path | str, key: str = "", *, notes: bool = False) -> Any:
    """``value`` as a type that a field may have: lists become tuples and mappings dataclasses where these are wanted.

    Raises:
        InputError: It is of another type or out of its range; the message names ``source`` and ``key``.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if origin is Annotated:
        within = next(each for each in arguments if isinstance(each, Within))
        return _number(value, arguments[0], within, source, key)
    if kind in (int, float):
        return _number(value, kind, Within(), source, key)
    if origin in (Union, types.UnionType):  # X | None
        (other,) = (each for each in arguments if each is not types.NoneType)
        return None if value is None else check(value, other, source, key, notes=notes)
    if origin is Literal:
        if not any(type(value) is type(choice) and value == choice for choice in arguments):
            raise _unlike(value, f"one of {', '.join(map(str, arguments))}", source, key)
        return value
    if origin in (list, tuple):
        if not isinstance(value, (list, tuple)):
            raise _unlike(value, "a list", source, key)
        return origin(check(each, arguments[0], source, f"{key}[{i}]", notes=notes) for i, each in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict) or not all(isinstance(name, arguments[0]) for name in value):
            raise _unlike(value, "an object", source, key)
        return {name: check(each, arguments[1], source, _join(key, name), notes=notes) for name, each in value.items()}
    if dataclasses.is_dataclass(kind):
        return _record(cast(type, kind), value, source, key, notes)
    if not isinstance(value, kind):
        raise _unlike(value, {str: "a text", bool: "true or false"}.get(kind, f"a {kind.__name__}"), source, key)
    return value


def _record(kind: type, values: Any, source: Path | str, key: str, notes: bool) -> Any:
    if not isinstance(values, dict):
        raise _unlike(values, "an object", source, key)
    hints = get_type_hints(kind, include_extras=True)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for name, field in fields.items():
        without = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if without and name not in values:
            raise InputError(f"{source}: the key {_join(key, name)} is missing; restore it")
    unknown = [name for name in values if name not in fields]
    if unknown and not notes:
        raise InputError(f"{source}: unknown key {_join(key, str(unknown[0])[:60])}; remove or correct it")
    made = {
        name: check(value, hints[name], source, _join(key, name), notes=notes)
        for name, value in values.items()
        if name in fields
    }
    try:
        return kind(**made)
    except InputError as error:
        raise InputError(f"{source}: {error}") from error


def _number(value: Any, kind: type, within: Within, source: Path | str, key: str) -> Any:
    right = isinstance(value, int if kind is int else (int, float)) and not isinstance(value, bool)
    if not right or value not in within:
        raise _unlike(value, f"{'an integer' if kind is int else 'a number'}{within}", source, key)
    return kind(value)


def _plain(number: float) -> str:
    """A number as messages show it: whole ones in full, 9,007,199,254,740,993 too."""
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def _join(key: str, name: object) -> str:
    return f"{key}.{name}" if key else str(name)


def _unlike(value: Any, wanted: str, source: Path | str, key: str) -> InputError:
    if isinstance(value, (dict, list, tuple)) or not isinstance(value, (str, int, float, bool, type(None))):
        shown = f"a {type(value).__name__}"
    else:
        try:
            shown = repr(value)
        except ValueError:  # an integer of more digits than Python writes
            shown = "too large to show"
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    where = f"{source}: " if str(source) else ""
    return InputError(f"{where}{key or 'what it holds'} is {shown}; it must be {wanted}")
