"""Progress of a run: a bar on a terminal, plain lines elsewhere, and curves in TensorBoard."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType
from typing import Any


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


class Board:
    """TensorBoard's curves of a run, where the package is installed; nothing elsewhere.

    Args:
        folder: Where TensorBoard's files go.
    """

    def __init__(self, folder: Path) -> None:
        self.writer: Any = None
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return
        self.writer = SummaryWriter(str(folder))

    def add(self, line: dict[str, float]) -> None:
        """Draw the statistics of a tick over the number of images."""
        if self.writer is not None:
            for name, value in line.items():
                self.writer.add_scalar(name, value, line["images"])
            self.writer.flush()
