"""The errors that a command line reports in one line: what a user can cause, and what can befall a run."""

from __future__ import annotations


class InputError(ValueError):
    """Bad input, told in one line: what is wrong, where, and what to do. The command lines print it and exit with 2."""


class BreakdownError(RuntimeError):
    """Good input that came to nothing, told in one line likewise. The command lines print it and exit with 1."""


def reason_of(error: BaseException) -> str:
    """Why something failed, in one line: what the system says, else the first line of the message, else its type."""
    text = getattr(error, "strerror", None) or str(error).strip()
    return (str(text).splitlines() or [type(error).__name__])[0]
