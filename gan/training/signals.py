"""Signals that ask a run to end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from encoder.common.command import forget_terminal, handling, stop

PATIENCE = 2  # signals: of one Ctrl-C, a process of torchrun gets a second one


@contextmanager
def catch_signals() -> Iterator[list[int]]:
    """Yields a list that grows by each SIGINT, SIGTERM and SIGHUP, so that a run can save its state first.

    Only a third one ends what is going on within the context; files are whole even then.
    """
    caught: list[int] = []

    def catch(number: int, _frame: FrameType | None) -> None:
        caught.append(number)
        if number == getattr(signal, "SIGHUP", None):
            forget_terminal()
        if len(caught) > PATIENCE:
            stop(number)

    with handling(catch):
        yield caught
