"""Where the time of an evaluation goes."""

from __future__ import annotations

import time


class Stopwatch:
    """Seconds of each part of an evaluation, in their order."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.last = time.perf_counter()

    def lap(self, part: str) -> None:
        """Count the time since the last call for ``part``."""
        now = time.perf_counter()
        self.seconds[part] = self.seconds.get(part, 0.0) + now - self.last
        self.last = now

    @property
    def total(self) -> float:
        """Seconds of all parts."""
        return sum(self.seconds.values())
