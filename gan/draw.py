"""Draw images from text with a released generator: ``python infer.py --text "pink hair green eyes"``."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import nullcontext, redirect_stderr
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encoder.common import arguments
from encoder.common.arguments import check_file, kind_of
from encoder.common.command import command
from encoder.common.errors import InputError
from encoder.common.options import add_settings, from_args
from encoder.common.progress import Progress
from encoder.files import TextLine, read_testing_file
from encoder.text import check_text
from gan.drawing.film import read_key
from gan.drawing.output import PER_ROW
from gan.drawing.settings import BATCH, LOOK, MACHINE, PLACES, RANDOM_SEED, WHAT, DrawJob, DrawSettings, random_seed
from gan.engine import Drawn, Engine, Item, items_of, metadata
from gan.images import STDOUT, check_no_given, check_png_path, course_figure, save_png, tile
from gan.release import ReleaseConfig
from gan.tasks import task_of_release

if TYPE_CHECKING:
    import torch

    from gan.inversion.editing import Inversion
    from gan.pipeline import TextToImage

DEFAULT_OUT = Path("samples/faces.png")
COURSE_IMAGES = 25
STRIP_STEPS, FILM_STEPS, FPS = 8, 12, 12
LONG = 200  # images from which progress is shown


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = arguments.Parser(
        prog="infer.py", description="Draw 64x64 images from text: anime faces, or what --model has learnt."
    )
    groups = {title: result.add_argument_group(title) for title in (WHAT, LOOK, PLACES, MACHINE, BATCH)}
    what = groups[WHAT].add_mutually_exclusive_group()
    what.add_argument(
        "--text", action="append", default=[], metavar="TEXT", help="what to draw; may be given several times"
    )
    what.add_argument(
        "--testing-file", type=arguments.path_type(), metavar="FILE", help='lines "id,text": an image each; - is stdin'
    )
    what.add_argument("--any", action="store_true", help="ask for nothing: the seed decides all of --num images")
    what.add_argument(
        "--interpolate",
        nargs="+",
        default=(),
        metavar="KEY",
        help="images on the way from a key to another, as a strip; three or more, --fps, --loop or the ending of --out "
        "make a film; a key is a text, a picture's file, or seed:N with a text or without",
    )
    add_settings(result, DrawJob)
    add_settings(result, DrawSettings)
    return result


def parse(argv: Sequence[str] | None) -> tuple[DrawJob, DrawSettings]:
    """The command line as settings; ``InputError`` for what cannot be done."""
    options = parser()
    args = options.parse_args(argv)
    job, settings = from_args(DrawJob, args), from_args(DrawSettings, args)
    if not (job.edit or job.text or job.testing_file or job.any or job.interpolate):
        options.error("one of the arguments --text --testing-file --any --interpolate --edit is required")
    if job.edit:
        from gan.inversion.job import check_job

        check_job(job, settings, options.error)
    elif job.other_style:
        options.error("--other-style goes with --edit")
    if job.interpolate and (job.separate or job.num != 1 or settings.best_of != 1):
        options.error("--interpolate draws one picture: give --out and --steps, not --separate, --num or --best-of")
    if len(job.interpolate) == 1:
        options.error("--interpolate takes two keys or more")
    pictures = [key.picture for key in map(read_key, job.interpolate) if key.picture]
    check_no_given(job.out or DEFAULT_OUT, pictures)
    if pictures and (settings.layout_settings or settings.backend != "torch"):
        raise InputError(
            "--interpolate with pictures keeps their pose, and draws by PyTorch; leave --layout-seed, --turn, --tilt "
            "and --backend out"
        )
    if not (job.faithful or job.edit or pictures):
        options.error("--no-faithful goes with --edit, and with pictures of --interpolate")
    for option, is_given in (("--steps", job.steps), ("--fps", job.fps), ("--loop", job.loop)):
        if is_given and not job.interpolate:
            options.error(f"{option} goes with --interpolate")
    if job.out and not job.interpolate:
        check_png_path(job.out)
    if job.out == STDOUT and (job.json or sys.stdout is None or sys.stdout.isatty()):
        options.error("--out - writes the picture to stdout: pipe it on, and leave --json out")
    if job.format and not job.testing_file:
        raise InputError("--format goes with --testing-file; leave it out")
    if job.shards and (not job.testing_file or job.out or job.separate):
        raise InputError("--shards goes with --testing-file, and without --out and --separate; leave these out")
    if job.shards and job.json:
        raise InputError("--json goes with fewer images; what was read is in the shards' .json files; leave it out")
    one_picture = not (job.is_batch_job or job.interpolate or job.edit or (job.separate and not job.out))
    if job.layout != "tiles" and not one_picture:
        raise InputError("--layout is of one picture of texts; give --out, and leave --interpolate and --edit out")
    for name in ("shard_size", "workers", "strict"):
        if not job.is_batch_job and getattr(job, name) != getattr(DrawJob, name):
            option = name.replace("_", "-")
            raise InputError(
                f"--{option} goes with --testing-file and --shards or --separate, without --out, --json; leave it out"
            )
    if settings.backend == "onnx":
        from gan.export import check_packages

        check_packages()
    ReleaseConfig.read(settings.model).style_index(settings.style)
    return job, settings


def items_of_job(job: DrawJob) -> list[Item]:
    """The images of a job that is no batch job; ``InputError`` where a line or an output file is refused."""
    keys = [read_key(key) for key in job.interpolate]
    if job.testing_file:
        lines = read_testing_file(job.testing_file, job.format)
    elif job.any:
        lines = [TextLine(1, "any", "")]
    else:
        texts = [check_text(text, "--text") for text in job.text] or [key.text for key in keys]
        lines = [TextLine(i, str(i), text) for i, text in enumerate(texts, 1)]
    items = [item for i, line in enumerate(lines) for item in items_of(line, i, job)]
    if keys:
        items = [
            item if key.seed is None else item._replace(seed=key.seed) for item, key in zip(items, keys, strict=True)
        ]
    if job.separate:
        from gan.many.plan import FileNames

        names = FileNames()
        for line in lines:
            if reason := names.refusal(line.id):
                raise InputError(reason)
        for item in items:
            path = _file_of(item, job.separate)
            if kind_of(path) == "folder":
                raise InputError(f"{path}: is a folder, where the file of an image is to be; choose another --separate")
            check_file(path)
    return items


def draw(job: DrawJob, settings: DrawSettings) -> str:
    """Draw and write what is asked for. Returns the line that says what was written."""
    started, chosen = time.perf_counter(), ""
    if job.seed == RANDOM_SEED:
        job = replace(job, seed=_chosen_seed(job))
        chosen = f", seed {job.seed}"
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
        there = ""
        if job.edit:
            from gan.inversion.job import edit_pictures

            count = edit_pictures(job, settings, out)
        else:
            count = _draw_few(job, settings, out, noun)
        where = " and ".join("stdout" if place == STDOUT else str(place) for place in (out, job.separate) if place)
    return f"{where}: {count} {noun}{'s' if count != 1 else ''} in {time.perf_counter() - started:.1f} s{there}{chosen}"


def _chosen_seed(job: DrawJob) -> int:
    """A random seed. A batch job that continues a folder keeps the folder's seed."""
    if job.is_batch_job:
        from gan.many.folder import seed_of

        if (kept := seed_of(job.folder)) is not None:
            return kept
    return random_seed()


def _draw_few(job: DrawJob, settings: DrawSettings, out: Path | None, noun: str) -> int:
    """Draw what is no batch job; returns the number of images."""
    items = items_of_job(job)
    if job.layout == "course" and len(items) > COURSE_IMAGES:
        raise InputError(f"--layout course has room for {COURSE_IMAGES} images, not {len(items)}; leave it out")
    import torch

    engine = Engine(settings)
    pipeline = engine.pipeline
    images: list[torch.Tensor] = []  # of the one picture
    drawn: Iterable[Drawn] = engine.draw(items)
    pictures: dict[int, dict[str, Any]] = {}  # what is said of keys that are pictures, by place
    if job.interpolate:
        way, drawn, pictures = _draw_way(job, pipeline, items)
        images += way

    faces: list[dict[str, Any]] = []  # what the picture says of its images: text, seed and exact colours
    lines: list[dict[str, Any]] = []
    warned: set[str] = set()
    with Progress("drawing", len(items), noun, shown=len(items) * settings.best_of >= LONG) as bar:
        for item, image, text, error in drawn:
            if text is None:
                raise InputError(error)
            for line in text.warnings:
                if line not in warned:
                    print(f"warning: {line}", file=sys.stderr)
                    warned.add(line)
            said = pictures.get(item.place) or {"text": item.text, "seed": item.seed}
            faces.append({**said, **text.colours})
            if out and image is not None:
                images.append(image)
            file = out
            if job.separate and image is not None:
                file = _file_of(item, job.separate)
                save_png(file, image, metadata(pipeline, faces[-1:]))
            lines.append(
                {
                    **said,
                    "file": str(file),
                    "read": text.read,
                    "warnings": text.warnings,
                    **pipeline.made_by,
                }
            )
            bar.update()
    if out and job.is_film:
        from gan.drawing.film import save_film

        film = {"steps": job.steps or FILM_STEPS, "fps": job.fps or FPS, "loop": job.loop}
        said = metadata(pipeline, faces, film=film)
        save_film(out, torch.stack(images), fps=job.fps or FPS, loop=job.loop, text=said)
    elif out:
        per_row = len(images) if job.interpolate else PER_ROW
        picture = course_figure if job.layout == "course" else partial(tile, per_row=per_row)
        save_png(out, picture(torch.stack(images)), metadata(pipeline, faces))
    if job.json:
        for record in lines:
            print(json.dumps(record))
    return len(images) if job.interpolate else len(items)


def _draw_way(
    job: DrawJob, pipeline: TextToImage, items: Sequence[Item]
) -> tuple[torch.Tensor, list[Drawn], dict[int, dict[str, Any]]]:
    """The images of a way; its keys; what is said of those that are pictures, by place."""
    import torch

    keys, texts = [read_key(key) for key in job.interpolate], pipeline.read([item.text for item in items])
    ends: torch.Tensor | Inversion = torch.stack([text.c for text in texts])
    pictures: dict[int, dict[str, Any]] = {}
    if any(key.picture for key in keys):
        from gan.inversion.pictures import Given, given_pictures

        given = []
        for key, item in zip(keys, items, strict=True):
            if key.picture:
                given += given_pictures(key.picture)
            else:  # as a picture of this model, which is found again exactly
                image, told = pipeline.draw(item.text, item.seed)[0], {"text": item.text, "seed": item.seed}
                given.append(Given(item.text, image, metadata(pipeline, [told])))
        ends = pipeline.invert(given, faithful=job.faithful)
        for i, key in enumerate(keys):
            if key.picture:
                pictures[i] = {"picture": key.picture.name, "reconstruction_db": round(ends.quality[i].item(), 2)}
                warnings = [line for line in ends.warnings if line.startswith(f"{key.picture}: ")]
                texts[i] = texts[i]._replace(read=ends.read[i], warnings=warnings)
    seeds = [item.seed for item in items]
    if job.is_film:
        way = pipeline.film(ends, seed=seeds, steps=job.steps or FILM_STEPS, loop=job.loop)
    else:
        way = pipeline.interpolate(ends, seed=seeds, steps=job.steps or STRIP_STEPS)
    return way, [Drawn(item, None, text) for item, text in zip(items, texts, strict=True)], pictures


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
