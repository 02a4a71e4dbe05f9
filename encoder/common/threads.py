"""Independent batches in parallel, one per CPU thread."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import torch

from encoder.common.progress import Progress

Result = TypeVar("Result")


def parallel_map(function: Callable[..., Result], *items: Iterable[Any]) -> Iterator[Result]:
    """``map`` with a thread per item. Threads that share one item would often wait for each other.

    Results come in the order of the items, and equal those of one thread. If there are fewer items than threads, all
    threads share each item. ``function`` must set what PyTorch keeps per thread, such as ``torch.inference_mode``.
    """
    threads = torch.get_num_threads()
    calls = list(zip(*items, strict=True))
    if len(calls) < threads or threads == 1:
        yield from itertools.starmap(function, calls)
        return
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield from pool.map(lambda call: function(*call), calls)
    finally:
        torch.set_num_threads(threads)  # threads that start later take the number that was set last


def parallel_cat(function: Callable[..., torch.Tensor], *items: Iterable[Any], bar: Progress) -> torch.Tensor:
    """The results of ``parallel_map``, each (n, ...), concatenated to (N, ...); ``bar`` counts their rows."""
    parts = []
    with bar:
        for part in parallel_map(function, *items):
            parts.append(part)
            bar.update(len(part))
    return torch.cat(parts)
