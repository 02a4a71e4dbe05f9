"""How the process keeps its memory: what large tensors leave is used again, not given back to the system."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4  # of glibc's malloc.h
_LARGEST = 2**31 - 1
_GROWTH = 2**26  # bytes that the heap grows by, at least


def tune_malloc() -> bool:
    """Let glibc's malloc keep what is freed; returns whether it does, which it cannot elsewhere.

    By itself it maps each tensor of 32 MB or more anew and gives it back when it is freed, and the system fills every
    page of it with zeros at its first touch: a fifth of a training step. The peak of the memory stays what it was.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another system, or another C library
        return False
    settings = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, _LARGEST), (_TOP_PAD, _GROWTH))
    return all([mallopt(name, value) == 1 for name, value in settings])
