"""Every option of every command line, given what it cannot take."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

import train_cgan
from encoder.common import arguments
from encoder.common.command import command
from gan.release import release_folder

COMMANDS: dict[str, tuple[str, ...]] = {
    "infer": ("--text", "pink hair"),
    "train_cgan": ("--dry-run",),
    "gan.align": ("--data", "x", "--out", "new"),
    "encoder.build_cache": (),
    "encoder.evaluate_head": (),
    "encoder.fetch": ("owner/name", "new"),
    "encoder.train_head": (),
    "gan.benchmark": ("all",),
    "gan.classifier": ("--data", "x"),
    "gan.localiser": ("--data", "x"),
    "gan.inverter": ("--data", "x"),
    "gan.compare": ("--data", "x"),
    "gan.data.__main__": ("x",),
    "gan.evaluate": (),
    "gan.export": ("--out", "new"),
    "gan.page.__main__": ("--out", "new"),
    "tests.flowers": ("make", "new.zip"),
    "tests.gan.data.large": ("--folder", "new"),
}
"""The command lines, with arguments that each takes."""

LONG, HUGE, BELOW = "x" * 5000, str(2**70), "file/below"
NUMBERS = {
    "integer": ["", "x", "1.5", "nan", "inf", "-1", HUGE, "9" * 5000],
    "decimal": ["", "x", "nan", "inf", "-1"],
    "json_value": ["", "x", "{", "[" * 100_000, "9" * 5000, "[1]", "null", '{"z_dim": 1}'],
}
"""What is refused by the name of the type; so is what the limits of a number leave out."""
PLACES = {
    "output_folder": ["", LONG, BELOW, "file"],
    "new_folder": ["", LONG, BELOW, "file", "folder"],
    "existing_folder": ["", LONG, BELOW, "file", "nothing"],
    "existing_file": ["", LONG, BELOW, "folder", "nothing"],
    "model_folder": ["", LONG, BELOW, "file", "nothing"],
}


@cache
def parser(name: str) -> argparse.ArgumentParser:
    """The parser of a command line, made once."""
    return importlib.import_module(name).parser()


def options(name: str) -> list[argparse.Action]:
    """The arguments of a command line that take a value of no fixed set, and one alone or many."""
    actions = parser(name)._actions
    return [action for action in actions if action.nargs not in (0, 2) and not action.choices]


def kind(action: argparse.Action) -> str:
    """The type of an option by its name in ``encoder.common.arguments``."""
    if action.type is release_folder:
        return "model_folder"
    names = [name for name, value in vars(arguments).items() if value is action.type]
    return names[0] if names else getattr(action.type, "__name__", "")


def cases() -> Iterator[tuple[str, str, str]]:
    """A command line, one of its options and what that cannot take."""
    for name in COMMANDS:
        for action in options(name):
            flag = action.option_strings[0] if action.option_strings else action.dest
            refused = [*NUMBERS.get(kind(action), ()), *PLACES.get(kind(action), ())]
            if kind(action) in ("number", "seed", "threads", "batch_size"):
                refused += ["", "x", "nan", "inf", "-1", "9" * 5000, HUGE]
            if kind(action) == "given":
                refused.append("")
            if name == "infer" and flag == "--out":
                refused += ["", f"{LONG}.png", f"{BELOW}.png", "folder", "a.jpg"]
            if flag in ("--turn", "--tilt"):  # to the other side
                refused = ["-3.1" if text == "-1" else text for text in refused]
            for text in refused:
                yield name, flag, text


def answer(name: str, argv: Sequence[str], capsys: pytest.CaptureFixture[str]) -> tuple[object, str]:
    """The exit status of a command line that is only read, and the last line on stderr; all others are the usage."""

    @command
    def read() -> int:
        if name == "train_cgan":
            return train_cgan.main(argv)
        parse = getattr(importlib.import_module(name), "parse", None) or parser(name).parse_args
        parse(argv)
        return 0

    try:
        status: object = read()
    except SystemExit as stop:
        status = stop.code
    _, err = capsys.readouterr()
    assert "Traceback" not in err
    lines = err.splitlines()
    if lines and not lines[-1].startswith("error: "):
        assert lines[0].startswith("usage: ")
        assert sum(": error: " in line for line in lines) == 1
    else:
        assert len(lines) <= 1
    return status, lines[-1] if lines else ""


def with_value(name: str, flag: str, text: str) -> list[str]:
    """The arguments of a command line, with ``text`` for an option or in the place of a positional argument."""
    given = list(COMMANDS[name])
    if not flag.startswith("-"):
        actions = parser(name)._actions
        place = [action.dest for action in actions if not action.option_strings].index(flag)
        return [*given[:place], text, *given[place + 1 :]]
    if flag == "--testing-file":
        return [flag, text]
    return [*given, f"{flag}={text}"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = parser("train_cgan")
    monkeypatch.setattr("gan.train.parser", lambda: made)
    monkeypatch.setattr("gan.train.show_data", lambda config: None)  # there are none
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_line_takes_what_it_should(name, capsys) -> None:
    assert answer(name, COMMANDS[name], capsys) == (0, "")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_value_goes_through_a_type_of_the_project(name) -> None:
    """A bare ``int``, ``float`` or ``Path`` knows neither limits nor what a path leads to."""
    for action in options(name):
        assert action.type not in (int, float, Path), action.dest


@pytest.mark.parametrize(("name", "flag"), dict.fromkeys((name, flag) for name, flag, _ in cases()))
def test_what_an_option_cannot_take_is_one_line_and_status_2(name, flag, capsys) -> None:
    for text in [text for *option, text in cases() if option == [name, flag]]:
        status, line = answer(name, with_value(name, flag, text), capsys)
        assert status == 2, (text[:80], line)
        assert flag in line or text[:40] in line or flag.strip("-").replace("-", "_") in line or "file: is a" in line
        assert len(line) < 600, line[:200]
    assert sorted(path.name for path in Path().iterdir()) == ["file", "folder"]


@pytest.mark.parametrize("name", COMMANDS)
def test_no_value_of_any_option_is_a_traceback(name, capsys) -> None:
    values = [
        "",
        " ",
        "x",
        "-1",
        "0",
        "1.5",
        "1e400",
        HUGE,
        "nan",
        "inf",
        LONG,
        BELOW,
        "file",
        "folder",
        "\udcff",
        "顔",
    ]
    for action in options(name):
        flag = action.option_strings[0] if action.option_strings else action.dest
        for text in [*values, "\udcff", "顔"]:
            status, line = answer(name, with_value(name, flag, text), capsys)
            assert status in (0, 2), (flag, text, line)
            assert (status == 2) == bool(line)
