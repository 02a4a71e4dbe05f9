"""What a run says on its way: a bar or plain lines, ``stats.jsonl``, and whatever its trackers make of it."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

import torch
from torch import Tensor

from encoder.common.arguments import kind_of
from encoder.common.atomic import write_contents
from encoder.common.errors import InputError
from encoder.common.progress import Progress
from gan.training.trackers import Tracker, tell

STATS_FILE = "stats.jsonl"
LIVE_SECONDS = 60.0
"""The longest time without a word of how far a run is."""


def check_stats(path: Path) -> None:
    """Raise ``InputError`` where a ``stats.jsonl`` is no file; it may be missing."""
    if kind_of(path) not in ("file", None):
        raise InputError(f"{path}: not a file; move it away, and the run goes on without the lines before")


def read_stats(path: Path) -> list[dict[str, float]]:
    """The lines of a ``stats.jsonl``; one that was torn by a crash is passed over, and a missing file has none."""
    check_stats(path)
    try:
        lines = path.read_text("utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        try:
            stats = json.loads(line)
        except ValueError:
            continue
        if isinstance(stats, dict) and "images" in stats:
            found.append(stats)
    return found


def cut_back(path: Path, images: int) -> None:
    """Take torn lines from a ``stats.jsonl``, and those of more than ``images`` images, which a resume writes anew."""
    if kind_of(path):
        kept = "".join(json.dumps(line) + "\n" for line in read_stats(path) if line["images"] <= images)
        if kept != path.read_text("utf-8", errors="replace"):
            write_contents(path, kept)


def append_line(path: Path, line: str) -> None:
    """Add a line, whole or not at all; ``InputError`` where it cannot be written."""
    try:
        with path.open("ab", buffering=0) as file:
            end = file.tell()
            data = line.encode()
            try:
                if file.write(data) < len(data):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError:
                file.truncate(end)
                raise
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror}); free some space, then go on by --resume"
        ) from error


class Log:
    """The statistics of a run, tick by tick. Use as a context manager.

    Args:
        run_dir: Where ``stats.jsonl`` goes.
        total: Images of the whole run.
        initial: Images seen before this process.
        max_minutes: Those after which this process ends, though images are left; 0 is no limit.
        is_main_process: Whether this process writes; the others only count.
        trackers: Are told too, each line and grid when its state is saved.

    Attributes:
        tick_nimg: Images seen when the present tick began.
    """

    def __init__(
        self,
        run_dir: Path,
        total: int,
        initial: int,
        max_minutes: float = 0.0,
        *,
        quiet: bool = False,
        is_main_process: bool = True,
        trackers: Sequence[Tracker] = (),
    ) -> None:
        self.run_dir, self.quiet, self.is_main_process = run_dir, quiet, is_main_process
        if is_main_process:
            cut_back(run_dir / STATS_FILE, initial)
        self.trackers = list(trackers)
        self.waiting: list[Callable[[Tracker], None]] = []
        self._flush(initial)
        self.progress = Progress(
            "training",
            total,
            "image",
            shown=not quiet,
            initial=initial,
            limit=60 * max_minutes or None,
            longest=LIVE_SECONDS,
        )
        self.cur_nimg = initial
        self.next_live = time.monotonic() + LIVE_SECONDS
        self._begin(initial)

    def _begin(self, cur_nimg: int) -> None:
        self.tick_nimg, self.tick_start = cur_nimg, time.monotonic()
        self.values: dict[str, list[Tensor]] = {}

    def __enter__(self) -> Log:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.__exit__(kind, error, trace)
        if error is None:
            self._flush(self.cur_nimg)  # what came after the last tick, whose state is saved
        tell(self.trackers, lambda tracker: tracker.close(error))

    def add(self, stats: dict[str, Tensor], cur_nimg: int) -> None:
        """Count a step that ends after ``cur_nimg`` images, and keep its statistics, scalars, for the tick."""
        for name, value in stats.items():
            self.values.setdefault(name, []).append(value)
        self.progress.update(cur_nimg - self.cur_nimg)
        self.cur_nimg = cur_nimg
        if time.monotonic() >= self.next_live:
            self._live()

    def _live(self) -> None:
        """Tell the trackers how far the run is."""
        tell(self.trackers, lambda tracker: tracker.live(self.cur_nimg, self.progress.left))
        self.next_live = time.monotonic() + LIVE_SECONDS

    def means(self) -> dict[str, Tensor]:
        """The mean of each statistic of the tick."""
        return {name: torch.stack(values).float().mean() for name, values in self.values.items()}

    def speed(self, cur_nimg: int) -> float:
        """Images a second in this tick, which has come to ``cur_nimg`` images."""
        return (cur_nimg - self.tick_nimg) / (time.monotonic() - self.tick_start)

    def tick(self, cur_nimg: int, minutes: float, speed: float, means: dict[str, float]) -> None:
        """End a tick, whose state is saved: write its means, if there was a step, and begin the next one."""
        if means:
            self.write(cur_nimg, {"minutes": round(minutes, 3), "images_per_second": round(speed, 2), **means})
        self._flush(cur_nimg)
        self._begin(cur_nimg)

    def _flush(self, cur_nimg: int) -> None:
        """Tell the trackers what waits: the state of so many images is on the disk."""
        tell(self.trackers, *self.waiting, lambda tracker: tracker.flush(cur_nimg))
        self.waiting = []

    def write(self, cur_nimg: int, statistics: dict[str, float]) -> None:
        """Append one line to ``stats.jsonl``, show it and tell the trackers."""
        if not self.is_main_process:
            return
        line = {"images": cur_nimg, **statistics}
        append_line(self.run_dir / STATS_FILE, json.dumps(line) + "\n")
        self.show(line)
        self.waiting.append(lambda tracker: tracker.scalars(cur_nimg, line))

    def grid(self, cur_nimg: int, picture: Tensor, prompts: Sequence[str]) -> None:
        """Tell the trackers of a sample grid, uint8 (3, H, W), of a column for each prompt."""
        self.waiting.append(lambda tracker: tracker.grid(cur_nimg, picture, prompts))
        self._live()

    def show(self, line: dict[str, float]) -> None:
        """Show the statistics of a tick."""
        values = {name: f"{value:.3g}" if isinstance(value, float) else str(value) for name, value in line.items()}
        if self.progress.bar is not None:
            self.progress.note({name: value for name, value in values.items() if name != "images"})
        elif not self.quiet:
            print("  ".join(f"{name} {value}" for name, value in values.items()), flush=True)
            self.progress.wait()
