"""A batch job from beginning to end: lines to a folder of images, which a later run of the same job goes on with."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from encoder.common.atomic import ADVICE
from encoder.common.errors import InputError
from encoder.common.folders import OutputFolder, locked
from encoder.common.progress import Progress
from encoder.files import RejectedLine, read_texts
from gan.drawing.settings import DrawJob, DrawSettings
from gan.engine import WINDOW, Item, batched
from gan.many.folder import INDEX_FILE, Encoded, Entry, FilesSink, Index, ShardSink, TarSink
from gan.many.plan import PIECE, Piece, Shard, plan, recipe_of

ERRORS_FILE = "errors.jsonl"
SHARDS = OutputFolder("infer.py --shards", ("*.tar", ".*.tar.part", INDEX_FILE, ERRORS_FILE))


@dataclass
class Counts:
    """What has come of a batch job.

    Attributes:
        errors_file: Lists the lines that could not be drawn, where there are any.
        drawn: Images that were drawn now.
        kept: Images that were there, as the index says.
        rejected: Images that could not be drawn.
    """

    errors_file: Path
    drawn: int = 0
    kept: int = 0
    rejected: int = 0


def draw_folder(job: DrawJob, settings: DrawSettings) -> Counts:
    """Draw what a batch job asks for, as far as it is not there.

    A kill at any moment costs at most a window of images for each worker.

    Raises:
        InputError: The lines cannot be read, the folder cannot be written or is of others, or, where the job is
            strict, a line cannot be drawn.
        BreakdownError: Workers ended, or memory has run out.
    """
    recipe = recipe_of(job, settings)
    if settings.threads is None and job.workers > 1:
        settings = replace(settings, threads=1)
    with (
        SHARDS.held(job.folder) if job.shards else locked(job.folder),
        Progress("drawing", None, "image", shown=not job.quiet) as bar,
        contextlib.closing(Index(job.folder, recipe)) as index,
    ):
        run = _Run(job, index, bar)
        shards = plan(read_texts(job.testing_file or Path(), job.format), job, recipe, run.reject)
        from gan.many.workers import draw_by_workers, draw_here

        windows = run.windows(shards)
        results = draw_by_workers(settings, windows, job.workers) if job.workers > 1 else draw_here(settings, windows)
        with contextlib.closing(results):
            for images in results:
                run.write(images)
    return run.counts


class _Run:
    """What is kept of a folder, what is given out to be drawn, and what is written; in this order, shard by shard."""

    def __init__(self, job: DrawJob, index: Index, bar: Progress) -> None:
        self._job, self._index, self._bar = job, index, bar
        self.counts = Counts(job.folder / ERRORS_FILE)
        self.counts.errors_file.unlink(missing_ok=True)
        self._given: deque[tuple[Shard, ShardSink, list[Piece]]] = deque()

    def windows(self, shards: Iterator[Shard]) -> Iterator[list[Item]]:
        """The items that are missing, as many at a time as are encoded together."""
        for shard in shards:
            entries = self._index.of(shard)
            sink = (TarSink if self._job.shards else FilesSink)(self._job.folder, shard, entries)
            missing = {piece.number for piece in sink.missing}
            for piece in shard.pieces:
                if piece.number not in missing:
                    self._count(piece, entries[piece.number], kept=True)
            if not sink.missing:
                sink.finish()
            for pieces in batched(sink.missing, WINDOW // PIECE):
                self._given.append((shard, sink, pieces))
                yield [item for piece in pieces for item in piece.items]

    def write(self, images: Iterator[Encoded]) -> None:
        """Write the images of the window that was given out first of those that are not written."""
        shard, sink, pieces = self._given.popleft()
        for piece in pieces:
            own = list(itertools.islice(images, len(piece.items)))
            failed = {
                item.place: image.error for item, image in zip(piece.items, own, strict=True) if image.error is not None
            }
            entry = Entry(piece.made_from, *sink.write(piece, own), failed)
            self._index.add(shard.number, piece.number, entry)
            self._count(piece, entry, kept=False)
        if pieces[-1] is sink.missing[-1]:
            sink.finish()

    def _count(self, piece: Piece, entry: Entry, *, kept: bool) -> None:
        count = len(piece.items) - len(entry.failed)
        if kept:
            self.counts.kept += count
        else:
            self.counts.drawn += count
        for item in piece.items:
            if item.place in entry.failed:
                self.reject(RejectedLine(item.line, entry.failed[item.place]))
        self._bar.update(count)

    def reject(self, line: RejectedLine) -> None:
        """Add a line to ``errors.jsonl``, once for each of its images; raise where the job is strict."""
        if self._job.strict:
            raise InputError(f"{self._job.testing_file}, line {line.number}: {line.reason}")
        self.counts.rejected += 1
        path = self.counts.errors_file
        try:
            with path.open("a", encoding="utf-8", errors="replace") as file:
                file.write(json.dumps({"line": line.number, "reason": line.reason}, ensure_ascii=False) + "\n")
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror}); {ADVICE}, then go on") from error
