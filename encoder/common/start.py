"""The first line of every command: nothing that takes its time is imported before Ctrl-C ends the process quietly."""

from __future__ import annotations

import signal


def start() -> None:
    """Prepare this process for a command: find a Python with the packages, and let Ctrl-C end without a traceback.

    A module that is run calls it before its other imports, so that it covers them too. Before ``command``, and while
    Python ends, Ctrl-C ends the process at once and cleans up nothing. After ``command`` Python's own handler is back,
    so that a session that has run the module by ``runpy`` goes on.
    """
    by_python = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if by_python:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # while the next lines are imported
    from encoder.common.command import end_at_once
    from encoder.common.installation import use_python_with_packages

    use_python_with_packages()
    if by_python:
        signal.signal(signal.SIGINT, end_at_once)
