"""The one error that a user can cause."""

from __future__ import annotations


class InputError(ValueError):
    """Bad input, told in one line: what is wrong, where, and what to do. The command lines print it and exit with 2."""
