"""Work on many independent batches with every CPU thread."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import torch

from encoder.common.progress import Progress

Result = TypeVar("Result")


def parallel_map(function: Callable[..., Result], *items: Iterable[Any]) -> Iterator[Result]:
    """``map``, each of PyTorch's threads on items of its own: within a network they would wait for each other often.

    Results come in the order of the items, and are those of one thread; items fewer than threads are worked on by all
    threads together. What PyTorch sets by thread, as ``torch.inference_mode``, ``function`` must set itself.
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
    """The results of ``parallel_map``, each (n, ...), joined to (N, ...); ``bar`` counts their rows."""
    parts = []
    with bar:
        for part in parallel_map(function, *items):
            parts.append(part)
            bar.update(len(part))
    return torch.cat(parts)
