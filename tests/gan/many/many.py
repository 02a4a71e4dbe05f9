"""Lines to draw, and the command that draws them in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import infer

ROOT = Path(infer.__file__).parent
COLOURS = ("blue", "red", "green", "pink", "black", "brown", "orange", "purple")


def lines(count: int) -> str:
    """Lines ``id,text`` of captions whose vectors are shipped."""
    return "".join(f"{i},{COLOURS[i % 8]} hair {('blue', 'red', 'green')[i % 3]} eyes\n" for i in range(count))


def command(*args: object) -> list[str]:
    return [sys.executable, str(ROOT / "infer.py"), *map(str, args)]


def run(*args: object, **kwargs: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*args), capture_output=True, text=True, check=False, **kwargs)
