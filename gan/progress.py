"""Progress of a run: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType


class Progress:
    """Counts images. Use as a context manager.

    Args:
        total: Images of the whole run.
        initial: Images seen before this process.
        quiet: Show nothing.
    """

    def __init__(self, total: int, initial: int, *, quiet: bool = False) -> None:
        from tqdm import tqdm

        self.quiet = quiet
        self.bar = tqdm(
            total=total, initial=initial, unit="img", unit_scale=True, disable=quiet or not sys.stderr.isatty()
        )

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.close()

    def update(self, images: int) -> None:
        """Count ``images`` more."""
        self.bar.update(images)

    def report(self, line: dict[str, float]) -> None:
        """Show the statistics of a tick."""
        values = {name: f"{value:.3g}" if isinstance(value, float) else str(value) for name, value in line.items()}
        if not self.bar.disable:
            self.bar.set_postfix({name: value for name, value in values.items() if name != "images"})
        elif not self.quiet:
            print("  ".join(f"{name} {value}" for name, value in values.items()), flush=True)
