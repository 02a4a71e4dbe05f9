"""Draw images from text with a released generator: ``python infer.py --text "pink hair green eyes"``."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import nullcontext, redirect_stderr
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from encoder.common import arguments
from encoder.common.arguments import check_file, kind_of
from encoder.common.command import command
from encoder.common.errors import InputError
from encoder.common.options import add_settings, from_args
from encoder.common.progress import Progress
from encoder.files import TextLine, read_testing_file
from encoder.text import check_text
from gan.drawing.provenance import Item, items_of, metadata
from gan.drawing.settings import BATCH, LOOK, MACHINE, PLACES, WHAT, DrawJob, DrawSettings
from gan.images import STDOUT, check_png_path, save_png, tile
from gan.release import ReleaseConfig
from gan.tasks import task_of_release

if TYPE_CHECKING:
    import torch

    from gan.engine import Drawn
    from gan.pipeline import TextToImage

DEFAULT_OUT = Path("samples/faces.png")
PER_ROW = 5
LONG = 200  # images from which progress is shown


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = arguments.Parser(
        prog="infer.py", description="Draw 64x64 images from text: anime faces, or what --model has learnt."
    )
    groups = {title: result.add_argument_group(title) for title in (WHAT, LOOK, PLACES, MACHINE, BATCH)}
    what = groups[WHAT].add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--text", action="append", default=[], metavar="TEXT", help="what to draw; may be given several times"
    )
    what.add_argument(
        "--testing-file", type=arguments.path_type(), metavar="FILE", help='lines "id,text": an image each; - is stdin'
    )
    what.add_argument("--any", action="store_true", help="ask for nothing: the seed decides all of --num images")
    what.add_argument(
        "--interpolate", nargs=2, default=(), metavar=("A", "B"), help="images on the way from text A to text B"
    )
    add_settings(result, DrawJob)
    add_settings(result, DrawSettings)
    return result


def parse(argv: Sequence[str] | None) -> tuple[DrawJob, DrawSettings]:
    """The command line as settings; ``InputError`` for what cannot be done."""
    options = parser()
    args = options.parse_args(argv)
    job, settings = from_args(DrawJob, args), from_args(DrawSettings, args)
    if job.interpolate and (job.separate or job.num != 1 or settings.best_of != 1):
        options.error("--interpolate draws one picture: give --out and --steps, not --separate, --num or --best-of")
    if job.steps and not job.interpolate:
        options.error("--steps goes with --interpolate")
    if job.out == STDOUT and (job.json or sys.stdout is None or sys.stdout.isatty()):
        options.error("--out - writes the picture to stdout: pipe it on, and leave --json out")
    if job.format and not job.testing_file:
        raise InputError("--format goes with --testing-file; leave it out")
    if job.shards and (not job.testing_file or job.out or job.separate):
        raise InputError("--shards goes with --testing-file, and without --out and --separate; leave these out")
    if job.is_batch_job and job.json:
        raise InputError("--json goes with fewer images; what was read is in the shards' .json files; leave it out")
    for name in ("shard_size", "workers", "strict"):
        if not job.is_batch_job and getattr(job, name) != getattr(DrawJob, name):
            option = name.replace("_", "-")
            raise InputError(
                f"--{option} goes with --testing-file and --shards or --separate, without --out; leave it out"
            )
    if settings.backend == "onnx":
        from gan.export import check_packages

        check_packages()
    ReleaseConfig.read(settings.model).style_index(settings.style)
    return job, settings


def items_of_job(job: DrawJob) -> list[Item]:
    """The images of a job that is no batch job; ``InputError`` where a line or an output file is refused."""
    if job.testing_file:
        lines = read_testing_file(job.testing_file, job.format)
    elif job.any:
        lines = [TextLine(1, "any", "")]
    else:
        option = "--text" if job.text else "--interpolate"
        texts = [check_text(text, option) for text in job.text or job.interpolate]
        lines = [TextLine(i, str(i), text) for i, text in enumerate(texts, 1)]
    items = [item for i, line in enumerate(lines) for item in items_of(line, i, job)]
    if job.interpolate:
        items = [item._replace(seed=job.seed) for item in items]
    if job.separate:
        _check_unique(line.id for line in lines)
        _check_names(job.separate, items)
    return items


class Sink(Protocol):
    """Where drawn images go."""

    def add(self, drawn: Drawn) -> None:
        """Take the next image."""

    def finish(self) -> None:
        """All images were added."""


class Picture:
    """All images in one file, row by row."""

    def __init__(self, path: Path, pipeline: TextToImage, per_row: int) -> None:
        self.path, self.pipeline, self.per_row = path, pipeline, per_row
        self.images: list[torch.Tensor] = []
        self.faces: list[dict[str, Any]] = []

    def add(self, drawn: Drawn) -> None:
        self.faces.append(_record(drawn))
        if drawn.image is not None:
            self.images.append(drawn.image)

    def finish(self) -> None:
        import torch

        save_png(self.path, tile(torch.stack(self.images), self.per_row), metadata(self.pipeline, self.faces))


class Files:
    """A file of its own for each image."""

    def __init__(self, folder: Path, pipeline: TextToImage) -> None:
        self.folder, self.pipeline = folder, pipeline

    def add(self, drawn: Drawn) -> None:
        assert drawn.image is not None
        save_png(_file_of(drawn.item, self.folder), drawn.image, metadata(self.pipeline, [_record(drawn)]))

    def finish(self) -> None:
        pass


class JsonLines:
    """An object a line for each image on stdout, when all are written."""

    def __init__(self, job: DrawJob, out: Path | None) -> None:
        self.job, self.out = job, out
        self.lines: list[str] = []

    def add(self, drawn: Drawn) -> None:
        assert drawn.text is not None
        file = _file_of(drawn.item, self.job.separate) if self.job.separate else self.out
        self.lines.append(
            json.dumps(
                {
                    "text": drawn.item.text,
                    "seed": drawn.item.seed,
                    "file": str(file),
                    "read": drawn.text.read,
                    "warnings": drawn.text.warnings,
                }
            )
        )

    def finish(self) -> None:
        for line in self.lines:
            print(line)


def draw(job: DrawJob, settings: DrawSettings) -> str:
    """Draw and write what is asked for. Returns the line that says what was written."""
    started = time.perf_counter()
    noun = task_of_release(ReleaseConfig.read(settings.model)).noun
    if job.is_batch_job:
        from gan.many.run import draw_folder

        counts = draw_folder(job, settings)
        if counts.rejected:
            print(f"warning: {counts.rejected:,} could not be drawn: {counts.errors_file}", file=sys.stderr)
        count, where = counts.drawn + counts.kept, str(job.folder)
        there = f", {counts.kept:,} of them were there" if counts.kept else ""
    else:
        out = job.out or (None if job.separate else DEFAULT_OUT)
        if out == DEFAULT_OUT:
            check_png_path(out)
        count, there = _draw_few(job, settings, out, noun), ""
        where = " and ".join("stdout" if place == STDOUT else str(place) for place in (out, job.separate) if place)
    return f"{where}: {count} {noun}{'s' if count != 1 else ''} in {time.perf_counter() - started:.1f} s{there}"


def _draw_few(job: DrawJob, settings: DrawSettings, out: Path | None, noun: str) -> int:
    """Draw what is no batch job; returns the number of images."""
    items = items_of_job(job)
    import torch

    from gan.engine import Drawn, Engine

    engine = Engine(settings)
    pipeline, steps = engine.pipeline, job.steps or 8
    sinks: list[Sink] = []
    drawn: Iterable[Drawn] = engine.draw(items)
    if out:
        picture = Picture(out, pipeline, steps if job.interpolate else PER_ROW)
        sinks.append(picture)
    if job.separate:
        sinks.append(Files(job.separate, pipeline))
    if job.json:
        sinks.append(JsonLines(job, out))
    if job.interpolate:
        ends = pipeline.read(job.interpolate)
        drawn = [Drawn(item, None, text) for item, text in zip(items, ends, strict=True)]
        picture.images += pipeline.interpolate(torch.stack([text.c for text in ends]), seed=job.seed, steps=steps)
    warned: set[str] = set()
    with Progress("drawing", len(items), noun, shown=len(items) * settings.best_of >= LONG) as bar:
        for each in drawn:
            if each.text is None:
                raise InputError(each.error)
            for line in each.text.warnings:
                if line not in warned:
                    print(f"warning: {line}", file=sys.stderr)
                    warned.add(line)
            for sink in sinks:
                sink.add(each)
            bar.update()
    for sink in sinks:
        sink.finish()
    return steps if job.interpolate else len(items)


def _record(drawn: Drawn) -> dict[str, Any]:
    """What a PNG says of one of its images: its text, its seed and the exact colours of the text."""
    assert drawn.text is not None
    return {"text": drawn.item.text, "seed": drawn.item.seed, **drawn.text.colours}


def _file_of(item: Item, folder: Path) -> Path:
    return folder / f"{item.name}.png"


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line. Returns the exit status (``encoder.common.command``)."""
    job, settings = parse(argv)
    with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere) if job.quiet else nullcontext():
        line = draw(job, settings)
    if not job.quiet:
        print(line, file=sys.stderr if job.json or job.out == STDOUT else sys.stdout)  # stdout may be taken
    return 0


def _check_unique(ids: Iterable[str]) -> None:
    seen: set[str] = set()
    for id in ids:
        if id.lower() in seen:  # some file systems do not tell upper from lower case
            raise InputError(f"the id {id} comes twice, and --separate writes one file for each; give each its own id")
        seen.add(id.lower())


def _check_names(folder: Path, items: Sequence[Item]) -> None:
    """Raise ``InputError`` where the file of an image cannot be written, before that of any other is."""
    paths = [_file_of(item, folder) for item in items]
    check_file(max(paths, key=lambda path: len(os.fsencode(path.name))))
    for path in paths:
        if kind_of(path) == "folder":
            raise InputError(f"{path}: is a folder, where the file of an image is to be; choose another --separate")
