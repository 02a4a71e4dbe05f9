"""What is right of any command, whatever was done to it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from .processes import Outcome

DOCUMENTED = {
    0: "done",
    1: "training broke down",
    2: "bad input",
    129: "the terminal was closed",
    130: "interrupted",
    141: "nobody reads the output",
    143: "terminated",
}
"""The exit statuses of all commands."""

_CRASH = re.compile(r"Traceback \(most recent call last\)|Fatal Python error|[Ss]egmentation fault")
_MESSAGE = re.compile(r"(?:[\w. /-]+: )?error: .")
_LINES = re.compile(
    r"(?:[\w. /-]+: )?(?:error|warning): .|usage: |\s+\S"  # argparse goes on with a usage in indented lines
    r"|.*\d+%\||.*\d+(?:step|img|text|face|image|it) \[|.*\[\d\d:\d\d"  # bars
    r"|[^:]+: [\d,]+ (?:of [\d,]+ )?\w+(?:,| in) \d+ s(?:, \d[\w ]* left)?$"  # progress where there is no terminal
    r"|(?:stopped|interrupted|terminated|hung up|ended)\b|[\d,]+ of [\d,]+ \w+$|$"
)
"""What may stand on stderr, line by line."""


def faults_of(outcome: Outcome, *, killed: bool = False) -> Iterator[str]:
    """What is wrong with the end of a process and with what it says.

    Args:
        outcome: Of the process.
        killed: It was killed by the try, so that its end says nothing.
    """
    crash = _CRASH.search(outcome.stderr)
    if crash:
        yield f"crash: {_last_line(outcome.stderr)}"
    if outcome.hung:
        yield f"hangs: no end after {outcome.seconds:.0f} s"
    if killed or outcome.hung or crash:
        return
    if outcome.status not in DOCUMENTED:
        yield f"status: {outcome.status} is none of {', '.join(map(str, DOCUMENTED))}"
    lines = outcome.stderr.replace("\r", "\n").split("\n")
    foreign = next((line for line in lines if not _LINES.match(line)), None)
    if foreign is not None:
        yield f"message: {foreign[:120]!r} begins with neither error:, warning: nor usage"
    errors = [line for line in lines if _MESSAGE.match(line)]
    if outcome.status == 2 and len(errors) != 1:
        yield f"message: {len(errors)} lines begin with error:, not one"
    if outcome.status == 0 and errors:
        yield f"status: 0 after {errors[0][:120]!r}"


def left_behind(place: Path) -> Iterator[str]:
    """Temporary files of a process that was not killed."""
    for path in place.rglob("*.tmp"):
        yield f"left behind: {path.relative_to(place)}"


def contents(folder: Path) -> dict[str, bytes | None]:
    """The files below a folder by name, with their bytes; ``None`` of what is no regular file."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
        if not path.is_dir() or path.is_symlink()
    }


def changed(before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[str]:
    """Which files are no longer what they were."""
    for name, value in before.items():
        if name not in after:
            yield f"lost: {name}"
        elif after[name] != value:
            yield f"changed: {name}"


def judge_damage(outcome: Outcome, names: tuple[str, ...], same: bool) -> Iterator[str]:
    """Of a damaged file: it is refused by name, or what was made from it is what an undamaged one gives.

    Args:
        outcome: Of the process that read it.
        names: What a message may call it.
        same: Whether what was made is, byte for byte, what an undamaged file gives.
    """
    if outcome.status == 0 and not same:
        yield "accepted: the output is another one, and nothing was said"
    if outcome.status == 2 and not any(name in outcome.stderr for name in names):
        yield f"unnamed: {_last_line(outcome.stderr)[:200]!r} does not name {names[0]}"
    if outcome.status == 1:
        yield f"status: 1 for damage: {_last_line(outcome.stderr)[:120]!r}"


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1][:200] if lines else "(nothing)"
