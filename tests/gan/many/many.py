"""Lines to draw, and the command that draws them in a process of its own."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import time
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from forked import Forked

import infer
from gan.drawing.settings import DrawSettings
from gan.many import workers
from gan.many.folder import Encoded

ROOT = Path(infer.__file__).parent
COLOURS = ("blue", "red", "green", "pink", "black", "brown", "orange", "purple")


def lines(count: int) -> str:
    """Lines ``id,text`` of captions whose vectors are shipped."""
    return "".join(f"{i},{COLOURS[i % 8]} hair {('blue', 'red', 'green')[i % 3]} eyes\n" for i in range(count))


def start(*args: object, pause: float = 0) -> Forked:
    """The command, whose workers are forked, too, and rest for so many seconds after each image."""
    return Forked(_main, list(map(str, args)), pause)


def run(*args: object) -> subprocess.CompletedProcess[str]:
    process = start(*args)
    written = process.wait()
    return subprocess.CompletedProcess(args, process.returncode or 0, *written)


def _main(args: list[str], pause: float) -> int:
    def serve(connection: Connection, settings: DrawSettings) -> None:
        own = {0, 1, 2, connection.fileno()}
        for handle in {int(name) for name in os.listdir("/proc/self/fd")} - own:  # a spawned process has none of them
            with contextlib.suppress(OSError):
                os.close(handle)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _serve(connection, settings)

    def encode(*of: Any) -> Encoded:
        time.sleep(pause)
        return _encode(*of)

    _serve, _encode = workers._serve, workers.encode
    workers._serve, workers.encode = serve, encode
    workers.multiprocessing = SimpleNamespace(get_context=lambda _: multiprocessing.get_context("fork"))
    return infer.main(args)
