"""Settings: dataclasses whose fields say once what an option means, which values it takes, and its default.

A field's type gives its range, as in ``Annotated[float, Within(0, 1)]``, and ``setting`` gives its help. The options of
a command line (``add_settings``) and the check of every value (``Settings``) are made from them.

    @dataclass(frozen=True)
    class TrainConfig(Settings):
        batch_size: Annotated[int, Within(1, 4096)] = setting(64, "images of one step")

    add_settings(parser, TrainConfig)
    config = from_args(TrainConfig, parser.parse_args())

For a command with no other options, ``parser_of(TrainConfig, prog, description)`` makes the parser.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from encoder.common import arguments
from encoder.common.records import check

AnySettings = TypeVar("AnySettings", bound="Settings")

_SETTING = "setting"


@dataclasses.dataclass(frozen=True)
class _Option:
    """What ``setting`` says of a field."""

    help: str
    group: str
    choices: Callable[[], Collection[str]] | None
    metavar: str | None
    parse: Callable[[str], Any] | None
    hidden: bool


def setting(
    default: Any = dataclasses.MISSING,
    help: str = "",
    *,
    default_factory: Any = dataclasses.MISSING,
    group: str = "",
    choices: Callable[[], Collection[str]] | Collection[str] | None = None,
    metavar: str | None = None,
    parse: Callable[[str], Any] | None = None,
    hidden: bool = False,
) -> Any:
    """A field of a ``Settings`` class.

    Args:
        default: Its value where none is given; a field without one is a required option.
        help: One sentence for ``--help``.
        default_factory: As of ``dataclasses.field``, for a mutable default.
        group: The title under which ``--help`` lists it.
        choices: The texts that it takes, or a function that names them when they are asked for.
        metavar: What ``--help`` calls its value.
        parse: Reads its value from the command line, a ``type`` of argparse; by default the field's type says how.
        hidden: It has no option.
    """
    names = choices if choices is None or callable(choices) else (lambda known=choices: known)
    option = _Option(help, group, names, metavar, parse, hidden)
    return dataclasses.field(default=default, default_factory=default_factory, metadata={_SETTING: option})


class Settings:
    """The base of a frozen dataclass of settings: every value is checked when an instance is made.

    Raises:
        InputError: A value is of another type than its field, out of its range, or none of its choices.
    """

    def __post_init__(self) -> None:
        for name, value in checked(type(self), vars(self)).items():
            object.__setattr__(self, name, value)


def checked(kind: type, values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The fields of a settings class that ``values`` gives, each checked; ``InputError`` names ``prefix`` and field."""
    hints = get_type_hints(kind, include_extras=True)
    result = {}
    for field in dataclasses.fields(kind):
        if field.name in values:
            name = f"{prefix}{field.name.replace('_', '-')}" if prefix else field.name
            option = field.metadata.get(_SETTING)
            kind_of_value = hints[field.name]
            if option and option.choices:
                kind_of_value = _with_choices(kind_of_value, option.choices())
            result[field.name] = check(values[field.name], kind_of_value, "", name)
    return result


def _with_choices(kind: Any, names: Iterable[str]) -> Any:
    """A type of texts, held to those in ``names``."""
    literal = Literal[tuple(names)]  # type: ignore[valid-type]
    if kind is str:
        return literal
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return Union[tuple(each if each is NoneType else literal for each in arguments)]  # noqa: UP007  (made at run time)
    return tuple[literal, ...] if origin is tuple else list[literal]  # type: ignore[valid-type]


def add_settings(
    parser: argparse._ActionsContainer,
    kind: type,
    *,
    only: Collection[str] = (),
    without: Collection[str] = (),
    choices: Mapping[str, Collection[str]] | None = None,
) -> None:
    """Add an option for each field of a settings class: ``--batch-size`` for ``batch_size``.

    Argparse takes the type of a value only. A ``Parser`` checks its range afterwards, so that a bad value is one line.

    Args:
        parser: Gets them, in groups by the fields' titles. A group that it has already is added to.
        only: The fields to take, in this order; by default all.
        without: Fields to leave out.
        choices: The texts that fields take, by field, where the parser's module knows them and the class does not.
    """
    hints = get_type_hints(kind, include_extras=True)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for name in only or fields:
        option = fields[name].metadata.get(_SETTING)
        if name in without or option is None or option.hidden:
            continue
        flag = f"--{name.replace('_', '-')}"
        known = {"choices": choices[name]} if choices and name in choices else {}
        _group(parser, option.group).add_argument(flag, **_arguments(fields[name], hints[name], option) | known)
    if isinstance(parser, arguments.Parser):
        taken = [name for name in only or fields if name not in without]
        parser.checks.append(
            lambda args: checked(kind, {name: vars(args)[name] for name in taken if name in vars(args)}, prefix="--")
        )


def parser_of(kind: type, prog: str, description: str) -> arguments.Parser:
    """A parser of the options of a settings class."""
    parser = arguments.Parser(prog=prog, description=description)
    add_settings(parser, kind)
    return parser


def _arguments(field: dataclasses.Field[Any], hint: Any, option: _Option) -> dict[str, Any]:
    """The arguments of ``add_argument`` for a field."""
    default = field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
    result: dict[str, Any] = {"help": option.help.replace("%", "%%")}
    if default is dataclasses.MISSING:
        result["required"] = True
    else:
        result["default"] = default
    kind = _bare(hint)
    if kind is bool:
        return {**result, "action": argparse.BooleanOptionalAction if default else "store_true"}
    if get_origin(kind) in (list, tuple):
        result["nargs"] = "+"
        kind = _bare(get_args(kind)[0])
    names = option.choices() if option.choices else get_args(kind) if get_origin(kind) is Literal else None
    if names is not None:
        result["choices"] = tuple(names)
    elif option.metavar or kind in (int, float):
        result["metavar"] = option.metavar or ("N" if kind is int else "X")
    parsers = {
        int: arguments.integer,
        float: arguments.decimal,
        Path: arguments.path_type(),
        dict: arguments.json_value,
    }
    parse = option.parse or parsers.get(get_origin(kind) or kind)
    return result if parse is None else {**result, "type": parse}


def _bare(hint: Any) -> Any:
    """A type without its range, and without ``None``."""
    if get_origin(hint) is Annotated:
        return _bare(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        return _bare(next(each for each in get_args(hint) if each is not NoneType))
    return hint


def _group(parser: argparse._ActionsContainer, title: str) -> argparse._ActionsContainer:
    if not title:
        return parser
    known = {group.title: group for group in parser._action_groups}
    return known.get(title) or parser.add_argument_group(title)


def from_args(kind: type[AnySettings], args: argparse.Namespace | Mapping[str, Any], **others: Any) -> AnySettings:
    """The settings that a command line gives.

    Args:
        others: Fields that have no option, or whose value is made from several.

    Raises:
        InputError: As of ``Settings``; the message names the option, ``--batch-size``.
    """
    given = vars(args) if isinstance(args, argparse.Namespace) else args
    values = {field.name: given[field.name] for field in dataclasses.fields(kind) if field.name in given}  # type: ignore[arg-type]
    return kind(**checked(kind, {**values, **others}, prefix="--"))
