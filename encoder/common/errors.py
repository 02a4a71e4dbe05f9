"""The errors that a command line tells in one line: what a user can cause, and what can befall a run."""

from __future__ import annotations


class InputError(ValueError):
    """Bad input, told in one line: what is wrong, where, and what to do. The command lines print it and exit with 2."""


class BreakdownError(RuntimeError):
    """Good input that came to nothing, told in one line likewise. The command lines print it and exit with 1."""
