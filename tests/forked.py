"""Processes forked from a server that has imported torch and the project once, so that each starts at no cost."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from multiprocessing import forkserver
from pathlib import Path
from typing import Any
from unittest import mock

ROOT = Path(__file__).parents[1]
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["pytest", "torch._dynamo", "train_cgan", "infer", "gan.training.loop", "gan.many.run"])


class Forked:
    """A function under way in a process of its own, with the attributes and methods of ``subprocess.Popen``.

    Args:
        body: A function of a module; what it returns is the exit status.
        arguments: Its arguments.
        environment: Variables that are added to those of the test, or without a value taken from them.
    """

    def __init__(self, body: Callable[..., Any], *arguments: object, **environment: str | None) -> None:
        with mock.patch.dict(os.environ, {"PYTHONPATH": str(ROOT)}):
            forkserver.ensure_running()
        self.folder = Path(tempfile.mkdtemp(prefix="forked-"))
        variables = {name: value for name, value in {**os.environ, **environment}.items() if value is not None}
        self._process = CONTEXT.Process(target=_become, args=(self.folder, Path.cwd(), variables, body, *arguments))
        self._process.start()
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit status, or minus the number of the signal that ended it; None while it runs."""
        return self._process.exitcode

    def kill(self, number: int = signal.SIGKILL) -> None:
        """End it by a signal."""
        os.kill(self._process.pid or 0, number)

    def written(self) -> tuple[str, str]:
        """What it has written to stdout and to stderr."""
        out, err = (self.folder / name for name in ("out", "err"))
        return tuple(path.read_text("utf-8", "replace") if path.exists() else "" for path in (out, err))  # type: ignore[return-value]

    def wait(self, seconds: float = 120) -> tuple[str, str]:
        """Wait until it ends; what it has written."""
        self._process.join(seconds)
        if self.returncode is None:
            self.kill()
            raise TimeoutError(f"not done after {seconds} s: {self.written()}")
        return self.written()


def _become(folder: Path, cwd: Path, environment: dict[str, str], body: Callable[..., Any], *arguments: object) -> None:
    """Run a function as the main function of a process that a shell has started."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    for number, name in enumerate(("out", "err"), 1):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    sys.stdout, sys.stderr = (open(number, "w", buffering=1, closefd=False) for number in (1, 2))  # noqa: SIM115
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    sys.exit(body(*arguments))


def run_text(text: str, *arguments: object) -> None:
    """Run a program, as ``python -c TEXT ARGUMENTS`` does."""
    sys.argv = ["-c", *map(str, arguments)]
    exec(text, {"__name__": "__main__"})
