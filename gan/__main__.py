"""All commands under one name: ``text2face draw --text "pink hair green eyes"``, or ``python -m gan draw ...``."""

from __future__ import annotations

from encoder.common.start import start

if __name__ == "__main__":  # before all that takes its time to import
    start()

import argparse
import importlib
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, NoReturn

from encoder.common import arguments
from encoder.common.command import command, end_process
from encoder.common.errors import InputError

NAME = "text2face"
GROUPS = {
    "draw": {
        "draw": ("gan.draw", "images from text"),
        "page": ("gan.page.__main__", "a page that draws in the browser, for any static host"),
        "export": ("gan.export", "a model as ONNX"),
    },
    "train and judge": {
        "data": ("gan.data.__main__", "what a data set holds, before training"),
        "train": ("gan.train", "a model on captioned images"),
        "evaluate": ("gan.evaluate", "how good a model's images are, beside real ones"),
    },
}
"""The commands: the module of each, whose ``parser`` and ``main`` it is, and what it makes."""
MODULES = {name: module for group in GROUPS.values() for name, (module, _) in group.items()}
SHELLS = ("bash", "zsh", "tcsh")


def parser() -> argparse.ArgumentParser:
    """The options before a command."""
    lines = []
    for title, group in GROUPS.items():
        lines += [f"{title}:", *(f"  {name:<10}{about}" for name, (_, about) in group.items()), ""]
    result = arguments.Parser(
        prog=NAME,
        usage=f"{NAME} COMMAND [OPTION ...]",
        description="Draw images from text, and train what draws them.",
        epilog="\n".join([*lines, f"{NAME} COMMAND --help explains the options of a command."]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument("command", choices=MODULES, metavar="COMMAND", help=argparse.SUPPRESS)
    result.add_argument("--version", action=_Version, nargs=0, help="print the version and stop")
    result.add_argument(
        "--print-completion",
        action=_Completion,
        choices=SHELLS,
        metavar="SHELL",
        help=f"print what completes this command in a shell ({', '.join(SHELLS)}) and stop",
    )
    return result


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        from gan import __version__

        print(NAME, __version__)
        parser.exit()


class _Completion(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, _: Any, shell: Any, __: Any = None) -> NoReturn:
        import shtab

        commands = argparse.ArgumentParser(prog=NAME, description=parser.description)
        within = commands.add_subparsers()
        for name, module in MODULES.items():
            if find_spec(module):
                options: argparse.ArgumentParser = importlib.import_module(module).parser()
                sub = within.add_parser(name, parents=[options], conflict_handler="resolve", help=options.description)
                for action in sub._actions:
                    if action.metavar in ("FILE", "PNG", "DIR"):
                        action.complete = shtab.DIRECTORY if action.metavar == "DIR" else shtab.FILE  # type: ignore[attr-defined]
        print(shtab.complete(commands, shell))
        parser.exit()


@command
def run(argv: Sequence[str]) -> int:
    """Run the command that the first word names. Returns its exit status."""
    if not argv or argv[0] not in MODULES:
        parser().parse_args(argv)
    name, *rest = argv
    if find_spec(MODULES[name]) is None:
        raise InputError(f"{NAME} {name}: this installation has no {MODULES[name]}; install a newer version")
    with arguments.prog_name(f"{NAME} {name}"):
        status: int = importlib.import_module(MODULES[name]).main(rest)
    return status


def main() -> NoReturn:
    """The command line of this process, which ends with the exit status (``encoder.common.command``)."""
    start()
    end_process(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
