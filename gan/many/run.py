"""The drawing of many images from beginning to end: in this process, or by several workers."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import signal
import sys
import traceback
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple, TypeAlias

from encoder.common.atomic import ADVICE
from encoder.common.command import is_out_of_memory
from encoder.common.errors import BreakdownError, InputError
from encoder.common.folders import OutputFolder, locked
from encoder.common.progress import Progress
from gan.many.drawer import Drawer
from gan.many.index import INDEX_FILE, Entry, Index
from gan.many.lines import Bad, Format, read_lines
from gan.many.outputs import Entries, Face, opened
from gan.many.plan import Kind, Recipe, Shard, plan

ERRORS_FILE = "errors.jsonl"
SHARDS = OutputFolder("infer.py --shards", ("*.tar", ".*.tar.part", INDEX_FILE, ERRORS_FILE))
AGAIN = "run the same command again to go on"


@dataclass(frozen=True)
class Order:
    """What the command line asks for.

    Attributes:
        source: The lines.
        format: As of ``read_lines``.
        folder: Where the images go.
        recipe: What they are made with.
        drawer: Draws them.
        workers: Processes; one draws in this one.
        strict: Stop at the first line that cannot be drawn.
        quiet: Say nothing but errors.
    """

    source: Path
    format: Format | None
    folder: Path
    recipe: Recipe
    drawer: Drawer
    workers: int = 1
    strict: bool = False
    quiet: bool = False


@dataclass
class Account:
    """What has come of an order.

    Attributes:
        drawn: Images that were drawn now.
        kept: Images that were there, as the index says.
        refused: Lines that could not be drawn.
    """

    drawn: int = 0
    kept: int = 0
    refused: int = 0


class Done(NamedTuple):
    """A piece that is drawn and written."""

    shard: int
    piece: int
    entry: Entry
    faces: int


Result: TypeAlias = tuple[Shard, "Kept | Done"]
"""What has come of a piece of a shard."""


class Kept(NamedTuple):
    """How many images of a shard were there, and the entries of their pieces that name failures."""

    faces: int
    failed: dict[int, str]


class _Failure(NamedTuple):
    """How a worker ended, in words; ``kind`` says whose fault it is."""

    kind: str
    text: str


def draw_many(order: Order) -> Account:
    """Draw what an order asks for, as far as it is not there.

    Raises:
        InputError: The lines cannot be read, the folder cannot be written or is of others, or, where the order is
            strict, a line cannot be drawn.
        BreakdownError: Workers ended, as of no memory.
    """
    held = SHARDS.held(order.folder) if order.recipe.kind == "shards" else locked(order.folder)
    account, bar = Account(), Progress("drawing", None, "image", shown=not order.quiet)
    with held, bar:
        index = Index(order.folder, order.recipe)
        try:
            refusals = _Refusals(order, account)
            shards = plan(read_lines(order.source, order.format), order.recipe, refusals.add)
            results = _by_workers(order, shards, index) if order.workers > 1 else _here(order, shards, index)
            with contextlib.closing(results):
                for shard, result in results:
                    if isinstance(result, Done):
                        index.add(result.shard, result.piece, result.entry)
                        account.drawn += result.faces
                        failed = result.entry.failed
                    else:
                        account.kept += result.faces
                        failed = result.failed
                    if failed:
                        lines = {job.place: job.line for piece in shard.pieces for job in piece.jobs}
                        for place, reason in failed.items():
                            refusals.add(Bad(lines[place], reason))
                    bar.update(result.faces)
        finally:
            index.close()
    return account


def work(drawer: Drawer, kind: Kind, folder: Path, shard: Shard, entries: Entries) -> Iterator[Kept | Done]:
    """Draw what is missing of a shard: first what was there, then piece after piece as each is written."""
    with opened(kind, folder, shard, entries) as output:
        missing = {piece.number for piece in output.missing}
        there = [piece for piece in shard.pieces if piece.number not in missing]
        failed = {place: reason for piece in there for place, reason in entries[piece.number].failed.items()}
        yield Kept(sum(len(piece.jobs) for piece in there) - len(failed), failed)
        jobs = [job for piece in output.missing for job in piece.jobs]
        drawn = drawer.draw([job.text for job in jobs], [job.seed for job in jobs])
        for piece in output.missing:
            faces, failures = [], {}
            for job, face in zip(piece.jobs, drawn, strict=False):
                faces.append(face if isinstance(face, Face) else None)
                if not isinstance(face, Face):
                    failures[job.place] = face
            written = output.write(piece, faces)
            entry = Entry(piece.made_from, written.sha256, written.size, failures)
            yield Done(shard.number, piece.number, entry, len(faces) - len(failures))
        output.finish()


def _entries(index: Index, shard: Shard) -> dict[int, Entry]:
    found = {piece.number: index.entries.get((shard.number, piece.number)) for piece in shard.pieces}
    return {number: entry for number, entry in found.items() if entry}


def _here(order: Order, shards: Iterator[Shard], index: Index) -> Generator[Result, None, None]:
    for shard in shards:
        for result in work(order.drawer, order.recipe.kind, order.folder, shard, _entries(index, shard)):
            yield shard, result


@dataclass(eq=False)
class _Worker:
    process: BaseProcess
    shard: Shard | None = None


def _by_workers(order: Order, shards: Iterator[Shard], index: Index) -> Generator[Result, None, None]:
    context = multiprocessing.get_context("spawn")  # PyTorch's threads do not outlive a fork
    workers: dict[Connection, _Worker] = {}
    again: list[Shard] = []
    fallen: set[int] = set()

    def give(connection: Connection) -> None:
        shard = again.pop() if again else next(shards, None)
        workers[connection].shard = shard
        if shard is not None:
            with contextlib.suppress(BrokenPipeError):  # which the loop below finds out
                connection.send((shard, _entries(index, shard)))

    try:
        for _ in range(order.workers):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_serve, args=(theirs, order.drawer, order.recipe.kind, order.folder), daemon=True
            )
            process.start()
            theirs.close()
            workers[ours] = _Worker(process)
            give(ours)
        while busy := [connection for connection, worker in workers.items() if worker.shard is not None]:
            for connection in wait(busy):
                assert isinstance(connection, Connection)
                worker = workers[connection]
                assert worker.shard is not None
                try:
                    message = connection.recv()
                except (EOFError, OSError):
                    again.append(worker.shard)
                    _bury(order, workers, connection, fallen)
                    idle = [other for other, one in workers.items() if one.shard is None]
                    for other in idle[:1]:
                        give(other)
                    continue
                if message is None:
                    give(connection)
                elif isinstance(message, _Failure):
                    _raise(message)
                else:
                    yield worker.shard, message
    finally:
        for connection, worker in workers.items():
            connection.close()
            worker.process.terminate()
        for worker in workers.values():
            worker.process.join(5)


def _bury(order: Order, workers: dict[Connection, _Worker], connection: Connection, fallen: set[int]) -> None:
    """A worker is dead: the others go on, unless there are none, or its shard is what ends them."""
    worker = workers.pop(connection)
    connection.close()
    worker.process.join(5)
    assert worker.shard is not None
    code = worker.process.exitcode
    how = f"was ended by {signal.Signals(-code).name}" if code and code < 0 else f"ended with status {code}"
    if worker.shard.number in fallen or not workers:
        raise BreakdownError(
            f"{order.folder}: a worker {how}, as where the memory does not suffice; what is drawn is kept: {AGAIN}, "
            "with fewer --workers or a smaller --batch-size"
        )
    fallen.add(worker.shard.number)
    print(f"warning: a worker {how}, as where the memory does not suffice; {len(workers)} go on", file=sys.stderr)


def _raise(failure: _Failure) -> None:
    if failure.kind == "input":
        raise InputError(failure.text)
    if failure.kind == "memory":
        raise BreakdownError(
            f"the memory does not suffice; what is drawn is kept: {AGAIN}, "
            "with fewer --workers or a smaller --batch-size"
        )
    raise RuntimeError(f"in a worker:\n{failure.text}")


def _serve(connection: Connection, drawer: Drawer, kind: Kind, folder: Path) -> None:
    """A worker: takes shards, tells of its pieces, and ends with the process that it works for."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # that process is interrupted too, and ends this one
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            shard, entries = connection.recv()
            try:
                for result in work(drawer, kind, folder, shard, entries):
                    connection.send(result)
                connection.send(None)
            except (EOFError, BrokenPipeError, ConnectionResetError):
                return
            except InputError as error:
                connection.send(_Failure("input", str(error)))
            except Exception as error:
                memory = is_out_of_memory(error)
                connection.send(_Failure("memory" if memory else "fault", traceback.format_exc()))


class _Refusals:
    """The lines that cannot be drawn, in ``errors.jsonl``: written anew by each run, and not there without any."""

    def __init__(self, order: Order, account: Account) -> None:
        self._order, self._account = order, account
        self._path = order.folder / ERRORS_FILE
        self._path.unlink(missing_ok=True)

    def add(self, bad: Bad) -> None:
        """Enter a line, once for each of its images; where the order is strict, raise."""
        if self._order.strict:
            raise InputError(f"{self._order.source}, line {bad.number}: {bad.reason}")
        self._account.refused += 1
        try:
            with self._path.open("a", encoding="utf-8", errors="replace") as file:
                file.write(json.dumps({"line": bad.number, "reason": bad.reason}, ensure_ascii=False) + "\n")
        except OSError as error:
            raise InputError(f"{self._path}: cannot be written ({error.strerror}); {ADVICE}, then go on") from error
