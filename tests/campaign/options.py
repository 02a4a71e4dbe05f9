"""Every option of every command line, with every wrong value."""

from __future__ import annotations

import argparse
import os
import random
import runpy
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest import mock

from encoder.common import arguments

from .bench import Bench
from .kill import FEW_CAPTIONS, UNWORDED
from .processes import COMMANDS
from .registry import Try, family
from .scene import Scene

NUMBERS = {
    "word": "abc", "empty": "", "negative": "-1", "zero": "0", "huge": str(2**70), "long": "9" * 5000,
    "nan": "nan", "inf": "inf", "largest": "1e308", "fraction": "0.5", "list": "[1]", "arabic": "٣",
}  # fmt: skip
PATHS = {
    "empty": "", "long": "a" * 5000, "below-a-file": "thesis.txt/x", "proc": "/proc/self/nothing", "file": "thesis.txt",
    "folder": "photos", "missing": "nowhere/at/all", "dot": ".", "root": "/", "surrogate": "\udcff", "newline": "a\nb",
    "dash": "-", "null": "/dev/null", "fifo": "fifo",
}  # fmt: skip
WORDS = {"empty": "", "word": "abc", "long": "a" * 5000, "surrogate": "\udcff", "newline": "a\nb"}
JSON = {
    "word": "abc", "empty": "", "list": "[1]", "number": "1", "null": "null", "brackets": "[" * 100_000,
    "nan": '{"widths": NaN}', "inf": '{"style_dim": Infinity}', "widths": '{"widths": [1, 2, 3, 4, 5, 6, 7]}',
    "negative": '{"widths": [-8, 8, 8, 8, 8]}', "zero": '{"widths": [0, 0, 0, 0, 0]}', "text": '{"widths": "abcd"}',
    "huge": '{"widths": [1e30, 8, 8, 8, 8]}', "unknown": '{"zebra": 1}', "z_dim": '{"z_dim": 3}',
}  # fmt: skip

LASTING = {
    "steps", "max_images", "minutes", "max_minutes", "epochs", "images", "faces", "runs", "seconds", "size", "failures",
    "schedule_images", "tick_images", "num", "best_of", "judge", "examples",
}  # fmt: skip
"""Amounts of work: a large one is right, and is not waited for."""
FREE = {"credit", "text", "interpolate", "example", "caption_column", "image_column"}
"""Options that take any text."""
BREAKING = {"lr", "lr_end", "gamma", "gamma_end"}
"""Settings with which training may break down."""
RIGHT = {
    ("testing_file", "fifo"), ("captions", "fifo"),  # lines may come from another process: <(command)
    ("out", "dash"), ("sheet", "dash"),  # a picture may go to another process, and a folder may have that name
    # All files of the machine are many, but they may be looked through.
    ("data", "root"), ("data", "dot"), ("paths", "root"), ("paths", "dot"),
}  # fmt: skip
"""Values of options that are not wrong, and not tried."""
_PATIENCE = 4.0  # seconds for an amount of work
SLOW = {"encoder.evaluate_head": 240.0, "gan.export": 240.0, "gan.page": 240.0}
"""Seconds for a command that does much whatever its options are; each needs 25 of one core."""


@dataclass(frozen=True)
class Option:
    """One option of a command, or a positional argument (without a flag)."""

    flag: str
    dest: str
    values: dict[str, str]
    count: int  # of values that it takes
    default: Any

    @classmethod
    def of(cls, action: argparse.Action) -> Option | None:
        """That of a parser; ``None`` where it takes no value."""
        if action.nargs == 0:
            return None
        flag = action.option_strings[-1] if action.option_strings else ""
        count = action.nargs if isinstance(action.nargs, int) else 1
        return cls(flag, action.dest, _values(action), count, action.default)


def _values(action: argparse.Action) -> dict[str, str]:
    if action.choices:
        return WORDS
    if action.dest in ("generator", "discriminator"):
        return JSON
    name = getattr(action.type, "__name__", "")
    if name == PLACE or action.dest in ("data", "paths", "encoder_path", "stage1", "init", "folder", "name"):
        return PATHS
    return WORDS if action.type in (None, str, arguments.non_empty, arguments.unicode) else NUMBERS


PLACE = arguments.output_folder.__name__  # as of all types of places


class _CapturedError(Exception):
    """Carries a parser out of a command."""


def parser_of(module: str) -> argparse.ArgumentParser:
    """The parser of a command, taken from it when it is about to parse."""

    def capture(parser: argparse.ArgumentParser, *_: object, **__: object) -> None:
        raise _CapturedError(parser)

    with (
        mock.patch.object(argparse.ArgumentParser, "parse_known_args", capture),
        mock.patch.object(sys, "argv", [module]),
    ):
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        except _CapturedError as captured:
            return captured.args[0]  # type: ignore[no-any-return]
    raise RuntimeError(f"{module} parses nothing")


def _common(bench: Bench, module: str) -> list[str]:
    """Arguments with which a command does little, and soon."""
    return {
        "infer": ["--model", str(bench.release), "--text", "red", "--out", "out.png"],
        "train_cgan": [*bench.face_options, "--run-dir", "run", "--max-images", "8"],
        "encoder.align": ["--data", str(bench.captioned), "--out", "aligned", "--epochs", "1", "--no-compare"],
        "encoder.build_cache": ["--out", "cache", "head"],
        "encoder.evaluate_head": ["--size", "1"],
        "encoder.fetch": ["owner/model", "fetched"],
        "encoder.train_head": ["--steps", "1", "--frozen", "5", "--out", "head"],
        "gan.benchmark": ["evaluation", "--data", "nowhere.zip", "--runs", "1", "--seconds", "0.01", "--faces", "1"],
        "gan.localiser": ["--data", str(bench.faces), "--out", "localiser", "--steps", "1"],
        "gan.classifier": ["--data", str(bench.faces), "--out", "classifier", "--epochs", "0.01"],
        "gan.compare": ["--data", str(bench.faces), "--images", "8", "--rows", "residual-r3gan", "--faces", "4",
                        "--out", "compare"],
        "gan.data": [str(bench.captioned)],
        "gan.export": ["--model", str(bench.release), "--out", "onnx"],
        "gan.inverter": ["--model", str(bench.head_release), "--data", str(bench.faces), "--out", "inverter",
                         "--steps", "1"],
        "gan.page": ["--model", str(bench.release), "--out", "page"],
        "gan.evaluate": ["--model", str(bench.head_release), "--faces", "4", "--out", "evaluation"],
    }[module]  # fmt: skip


PATCHES: dict[str, dict[str, Any]] = {
    "encoder.build_cache": FEW_CAPTIONS,
    "encoder.train_head": {"encoder.evaluate_head.print_table": lambda *_: None},
    "gan.evaluate": UNWORDED,
}
"""What makes a command short, by its module."""
QUICK = {"infer": 4, "train_cgan": 2, "gan.evaluate": 1}


def _enter(module: str) -> None:
    @family(f"options/{module}", quick=QUICK.get(module, 0))
    def options(bench: Bench, rng: random.Random) -> Iterator[Try]:
        """Each option of the command with each wrong value."""
        for action in parser_of(module)._actions:
            option = Option.of(action)
            if option:
                for name in option.values:
                    if (option.dest, name) in RIGHT:
                        continue
                    body = partial(_try, module=module, option=option, name=name)
                    yield Try(f"{option.flag or option.dest}/{name}", body)


def _try(scene: Scene, module: str, option: Option, name: str) -> None:
    value = option.values[name]
    os.mkfifo(scene.here / "fifo")
    arguments = _without(_common(scene.bench, module), option)
    wrong = [value] * option.count
    if not option.flag:
        arguments = wrong + arguments
    else:
        arguments += [f"{option.flag}={value}"] if option.count == 1 else [option.flag, *wrong]
    lasting = option.dest in LASTING and name in ("huge", "largest", "long", "inf")
    outcome = scene.run(
        module,
        *arguments,
        patches=PATCHES.get(module, {}),
        kill_after=_PATIENCE if lasting else None,
        seconds=SLOW.get(module, 60.0),
        killed=lasting,
        allowed=_right(option, name),
    )
    if lasting and outcome.status not in (0, 2, -9):
        scene.faults.append(f"status: {outcome.status}; {outcome.stderr.strip()[-160:]}")


@family("options/TEXT2FACE_CACHE")
def cache_of_texts(bench: Bench, rng: random.Random) -> Iterator[Try]:
    """The variable that names the place of all caches: without one, everything is made anew."""

    def body(scene: Scene, value: str) -> None:
        os.mkfifo(scene.here / "fifo")
        environment = {"TEXT2FACE_CACHE": value, "TMPDIR": str(scene.root)}
        scene.run("infer", *_common(bench, "infer"), environment=environment, allowed=(0,))
        scene.run("train_cgan", *_common(bench, "train_cgan"), environment=environment, allowed=(0,))

    for name, value in PATHS.items():
        if name not in ("empty", "root"):  # the project's own cache; a folder that the campaign may not write to
            yield Try(name, partial(body, value=value))


def _right(option: Option, name: str) -> tuple[int, ...]:
    """The exit statuses that are right for a value."""
    if option.dest in FREE and name not in ("empty", "surrogate"):
        return (0, 2)
    if option.dest in BREAKING and name in ("huge", "largest"):
        return (0, 1, 2)
    if option.values is NUMBERS and name == "negative" and option.dest == "seed":  # of drawing, -1 is any seed
        return (0, 2)
    if option.values is NUMBERS and name in ("word", "empty", "negative", "nan", "list"):
        return (2,)
    if option.values is NUMBERS and name == "inf":
        return (2,)
    if name == "empty" and option.dest != "init" and option.values[name] != str(option.default):
        return (2,)  # an empty --init is none, as in earlier states
    return (0, 2)


def _without(arguments: list[str], option: Option) -> list[str]:
    """Arguments without those of an option."""
    if not option.flag:
        return {
            "what": arguments[1:],
            "kinds": arguments[:2],
            "name": arguments[1:],
            "folder": arguments[:1],
            "paths": [],
        }[option.dest]
    kept = list(arguments)
    while option.flag in kept:
        place = kept.index(option.flag)
        del kept[place : place + 2]
    if option.dest in ("testing_file", "interpolate"):  # instead of a text
        kept = _without(kept, Option("--text", "text", {}, 1, None))
    return kept


for _module in COMMANDS:
    _enter(_module)
