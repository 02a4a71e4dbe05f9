"""Progress of long work: a bar where stderr is a terminal, elsewhere a plain line now and then."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

if TYPE_CHECKING:
    from tqdm import tqdm

Item = TypeVar("Item")

FIRST = 3.0  # seconds before the first line: short work prints none
EVERY = 10.0  # seconds between two lines, at least
MINUTE, HOUR = 60, 3600
SHARE = 0.05  # of the time so far: later lines are rarer, so that a log of days stays short


class Progress:
    """Counts finished items, and shows the count on stderr. Use as a context manager.

    Args:
        what: The work: ``"encoding"``.
        unit: What is counted: ``"text"``.
        initial: Items that were finished before.
        limit: Seconds after which the work ends, though items are left.
        longest: Seconds between two lines, at most.
    """

    def __init__(
        self,
        what: str,
        total: int | None,
        unit: str,
        *,
        shown: bool = True,
        initial: int = 0,
        limit: float | None = None,
        longest: float = math.inf,
    ) -> None:
        self.what, self.total, self.unit, self.done, self.initial = what, total, unit, initial, initial
        self.limit, self.longest = limit, longest
        self.bar: tqdm[Any] | None = None
        self.lines = shown and not _is_terminal()
        if shown and not self.lines:
            from tqdm import tqdm

            self.bar = tqdm(
                total=total, initial=initial, desc=what, unit=unit, unit_scale=True, mininterval=0.5, dynamic_ncols=True
            )
        self.started = time.monotonic()
        self.next = self.started + FIRST
        self.said = False

    def update(self, count: int = 1) -> None:
        """Count items that were finished since the last call."""
        self.done += count
        if self.bar is not None:
            self.bar.update(count)
        elif self.lines and time.monotonic() >= self.next:
            of = f" of {self.total:,}" if self.total is not None else ""
            left = "" if self.left is None else f", {duration(self.left)} left"
            self._say(f"{self.done:,}{of} {self.unit}s, {time.monotonic() - self.started:.0f} s{left}")

    @property
    def left(self) -> float | None:
        """Seconds until the end, at the speed so far; ``None`` where that is unknown."""
        elapsed, new = time.monotonic() - self.started, self.done - self.initial
        ends = [] if self.limit is None else [self.limit - elapsed]
        if self.total is not None and new > 0:
            ends.append(elapsed / new * (self.total - self.done))
        return max(0.0, min(ends)) if ends else None

    def over(self, items: Iterable[Item]) -> Iterator[Item]:
        """Iterate over items, and count each when the next one is asked for."""
        with self:
            for item in items:
                yield item
                self.update()

    def note(self, values: dict[str, str]) -> None:
        """Show values beside a bar."""
        if self.bar is not None:
            self.bar.set_postfix(values, refresh=False)

    def wait(self) -> None:
        """Start the wait for the next line anew, after another line has just shown the progress."""
        self.next = time.monotonic() + min(max(EVERY, SHARE * (time.monotonic() - self.started)), self.longest)

    def _say(self, line: str) -> None:
        print(f"{self.what}: {line}", file=sys.stderr, flush=True)
        self.said = True
        self.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        elif self.bar is not None:
            self.bar.close()

    def close(self) -> None:
        """End; say so if lines were printed."""
        if self.bar is not None:
            self.bar.close()
        elif self.said:
            self._say(f"{self.done:,} {self.unit}s in {time.monotonic() - self.started:.0f} s")


def duration(seconds: float) -> str:
    """A time in the units that a person would give it in: ``40 s``, ``35 min``, ``3 h 20 min``."""
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / MINUTE), 60)
    return f"{hours} h {minutes} min" if seconds >= 2 * HOUR else f"{round(seconds / MINUTE)} min"


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()
