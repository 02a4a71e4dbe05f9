from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from encoder.common.arguments import Parser
from encoder.common.errors import InputError
from encoder.common.options import Settings, add_settings, from_args, setting
from encoder.common.records import Chance, Within, record


@dataclass(frozen=True)
class Example(Settings):
    size: Annotated[int, Within(1, 4096)] = setting(64, "how many, in 100 %", group="how much")
    rate: Annotated[float, Within(sys.float_info.min)] = setting(0.5, "how fast", group="how much")
    mirror: Chance = setting(0.0, "how often")
    mode: Literal["fast", "exact"] = setting("fast", "which")
    shape: str = setting("round", "of what form", choices=lambda: ("round", "square"))
    logs: tuple[str, ...] = setting((), "where", choices=("a", "b"))
    folder: Path | None = setting(None, "a place", metavar="DIR")
    network: dict[str, Any] = setting(default_factory=dict, help="of the network")
    quiet: bool = setting(False, "say nothing")
    secret: int = setting(3, hidden=True)


def parse(*argv: str) -> Example:
    parser = Parser(prog="example")
    add_settings(parser, Example)
    return from_args(Example, parser.parse_args(argv))


def test_options_are_made_of_the_fields() -> None:
    assert parse() == Example()
    words = ["--size", "2", "--rate", "3", "--mode", "exact", "--shape", "square", "--logs", "a", "b"]
    got = parse(*words, "--folder", "x", "--quiet", "--network", '{"width": 4}')
    assert got == Example(2, 3.0, 0.0, "exact", "square", ("a", "b"), Path("x"), {"width": 4}, True)
    assert isinstance(got.rate, float)


def test_help_is_in_groups() -> None:
    parser = Parser(prog="example")
    group = parser.add_argument_group("how much")
    add_settings(parser, Example, without=["rate"])
    text = parser.format_help()
    assert text.count("how much") == 1 and "in 100 %" in text and "--secret" not in text and "--rate" not in text
    assert [action.dest for action in group._group_actions] == ["size"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": 0}, "size is 0; it must be an integer from 1 to 4,096"),
        ({"size": 2.0}, "size is 2.0; it must be an integer from 1 to 4,096"),
        ({"size": True}, "size is True; it must be an integer"),
        ({"size": 10**5000}, "size is too large to show; it must be an integer"),
        ({"rate": 0}, "rate is 0; it must be a number above 0"),
        ({"rate": 10**400}, "rate is 1000"),
        ({"mirror": 1}, "mirror is 1; it must be a number of 0 or more and below 1"),
        ({"mirror": float("nan")}, "mirror is nan"),
        ({"mode": "slow"}, "mode is 'slow'; it must be one of fast, exact"),
        ({"shape": "oval"}, "shape is 'oval'; it must be one of round, square"),
        ({"logs": ("a", "c")}, r"logs\[1\] is 'c'; it must be one of a, b"),
        ({"network": 3}, "network is 3; it must be an object"),
    ],
)
def test_every_value_is_checked_wherever_it_comes_from(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}"):
        Example(**values)
    with pytest.raises(InputError, match=f"^f: {message}"):
        record(Example, values, "f")


def test_a_bad_option_is_one_line_that_names_it() -> None:
    with pytest.raises(InputError, match=r"^--size is 5000; it must be an integer from 1 to 4,096$"):
        parse("--size", "5000")


def test_a_list_of_a_file_becomes_a_tuple() -> None:
    assert record(Example, {"logs": ["b"]}, "f").logs == ("b",)
