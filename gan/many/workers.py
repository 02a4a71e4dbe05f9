"""Drawing by several processes, each with an engine of its own; what they draw comes back in order."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import sys
import traceback
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import NamedTuple

from encoder.common.command import is_out_of_memory
from encoder.common.errors import BreakdownError, InputError
from encoder.common.memory import tune_malloc
from gan.drawing.settings import DrawSettings
from gan.engine import Drawn, Engine, Item, metadata
from gan.images import encode_png
from gan.many.folder import Encoded

AGAIN = "what is drawn is kept: run the same command again to go on, with fewer --workers or a smaller --batch-size"
_AHEAD = 4  # windows for each worker that are given out or wait for the one that is written next


class _Failure(NamedTuple):
    """How a worker failed; ``kind`` says whose fault it is."""

    kind: str
    text: str


@dataclass(eq=False)
class _Window:
    """Items that one worker draws.

    Attributes:
        items: What to draw.
        images: What became of them, once they are drawn.
        killed_a_worker: Whether a worker has died while it drew them.
    """

    items: list[Item]
    images: list[Encoded] | None = None
    killed_a_worker: bool = False


@dataclass(eq=False)
class _Worker:
    process: BaseProcess
    window: _Window | None = None


def draw_here(settings: DrawSettings, windows: Iterable[list[Item]]) -> Generator[Iterator[Encoded], None, None]:
    """What becomes of the items of each window, drawn by this process as they are asked for."""
    tune_malloc()
    engine = Engine(settings)
    for items in windows:
        yield (encode(engine, drawn) for drawn in engine.draw(items))


def draw_by_workers(
    settings: DrawSettings, windows: Iterator[list[Item]], count: int
) -> Generator[Iterator[Encoded], None, None]:
    """What becomes of the items of each window, in order, drawn by ``count`` processes.

    Where a worker dies the others draw its window.

    Raises:
        InputError: A worker could not load the release.
        BreakdownError: No worker is left, or a window has ended two, or memory has run out.
    """
    context = multiprocessing.get_context("spawn")  # PyTorch's threads do not outlive a fork
    workers: dict[Connection, _Worker] = {}
    queue: deque[_Window] = deque()  # in order; those at the head are yielded first
    again: list[_Window] = []
    try:
        for _ in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, settings), daemon=True)
            process.start()
            theirs.close()
            workers[ours] = _Worker(process)
        while True:
            for connection in [each for each, worker in workers.items() if worker.window is None]:
                if again:
                    window = again.pop()
                elif len(queue) < _AHEAD * count and (items := next(windows, None)):
                    window = _Window(items)
                    queue.append(window)
                else:
                    break
                workers[connection].window = window
                with contextlib.suppress(BrokenPipeError):  # the worker is dead, which is noticed below
                    connection.send(window.items)
            if not queue:
                return
            busy = [each for each, worker in workers.items() if worker.window is not None]
            for ready in wait(busy) if queue[0].images is None else ():
                assert isinstance(ready, Connection)
                _receive(workers, ready, again)
            while queue and (images := queue[0].images) is not None:
                queue.popleft()
                yield iter(images)
    finally:
        for connection, worker in workers.items():
            connection.close()
            worker.process.terminate()
        for worker in workers.values():
            worker.process.join(5)


def _receive(workers: dict[Connection, _Worker], connection: Connection, again: list[_Window]) -> None:
    """Take what a worker has drawn."""
    worker = workers[connection]
    assert worker.window is not None
    try:
        message = connection.recv()
    except (EOFError, OSError):
        again.append(worker.window)
        _handle_dead_worker(workers, connection, worker.window)
        return
    if isinstance(message, _Failure):
        if message.kind == "input":
            raise InputError(message.text)
        if message.kind == "memory":
            raise BreakdownError(f"out of memory; {AGAIN}")
        raise RuntimeError(f"in a worker:\n{message.text}")
    worker.window.images, worker.window = message, None


def _handle_dead_worker(workers: dict[Connection, _Worker], connection: Connection, window: _Window) -> None:
    """The others go on, unless there are none, or the window has ended a worker before."""
    worker = workers.pop(connection)
    connection.close()
    worker.process.join(5)
    code = worker.process.exitcode
    how = f"was ended by {signal.Signals(-code).name}" if code and code < 0 else f"ended with status {code}"
    how = f"a worker {how}, perhaps because memory ran out"
    if window.killed_a_worker or not workers:
        raise BreakdownError(f"{how}; {AGAIN}")
    window.killed_a_worker = True
    print(f"warning: {how}; {len(workers)} go on", file=sys.stderr)


def _serve(connection: Connection, settings: DrawSettings) -> None:
    """A worker: it draws windows until the process that it works for ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # that process is interrupted too, and ends this one
    tune_malloc()
    engine = Engine(settings)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            items = connection.recv()
            images, message = [], None
            try:
                for drawn in engine.draw(items):
                    if connection.poll():  # nothing is sent to a busy worker, so the other end is closed
                        return
                    images.append(encode(engine, drawn))
            except InputError as error:
                message = _Failure("input", str(error))
            except Exception as error:
                message = _Failure("memory" if is_out_of_memory(error) else "fault", traceback.format_exc())
            connection.send(message or images)


def encode(engine: Engine, drawn: Drawn) -> Encoded:
    """What became of an item, its image as a PNG."""
    seed = drawn.item.seed
    if drawn.image is None or drawn.text is None:
        return Encoded(None, seed, {}, drawn.error)
    about = metadata(engine.pipeline, [{"text": drawn.item.text, "seed": seed}])
    return Encoded(encode_png(drawn.image, about), seed, drawn.text.read or {}, None)
