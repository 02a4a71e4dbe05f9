"""How the process manages memory: the memory of freed tensors is reused, not returned to the system."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4  # of glibc's malloc.h
_LARGEST = 2**31 - 1
_GROWTH = 2**26  # bytes that the heap grows by, at least


def tune_malloc() -> bool:
    """Let glibc's malloc keep freed memory; returns whether it does, which other C libraries do not.

    By default malloc maps each tensor of 32 MB or more anew, and unmaps it when it is freed. Then the system fills each
    page with zeros at its first use, which takes a fifth of a training step. The peak memory stays the same.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another system, or another C library
        return False
    settings = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, _LARGEST), (_TOP_PAD, _GROWTH))
    return all([mallopt(name, value) == 1 for name, value in settings])
