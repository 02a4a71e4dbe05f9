"""``infer.py --edit``: pictures from files, edited by texts, into one picture or a file each."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable
from pathlib import Path

from encoder.common.progress import Progress
from gan.drawing.output import PER_ROW, columns
from gan.drawing.settings import DrawJob, DrawSettings
from gan.engine import Engine, metadata
from gan.images import check_no_given, check_png_path, save_png, to_pixels
from gan.inversion.pictures import Given, given_pictures

SLOW = 4  # pictures from which progress is shown


def check_job(job: DrawJob, settings: DrawSettings, refuse: Callable[[str], object]) -> None:
    """Call ``refuse`` with a line where options do not go with ``--edit``."""
    others = {
        "--testing-file": job.testing_file,
        "--any": job.any,
        "--interpolate": job.interpolate,
        "--same-seeds": job.same_seeds,
        "--best-of": settings.best_of != 1,
        "--layout-seed": settings.layout_seed is not None,
        "--backend onnx": settings.backend != "torch",
    }
    for option, is_given in others.items():
        if is_given:
            refuse(f"--edit goes with --text, not with {option}; leave it out")


def edit_pictures(job: DrawJob, settings: DrawSettings, out: Path | None) -> int:
    """Edit pictures and write what is asked for; returns the number of edits."""
    given, texts = given_pictures(job.edit), job.text or ("",)
    files = _files(job, given, len(texts))
    if out:
        check_no_given(out, [each.name for each in given])
    pipeline = Engine(settings).pipeline
    with Progress("finding the pictures in the model", None, "picture", shown=job.faithful and len(given) >= SLOW):
        inversion = pipeline.invert(given, style=None, faithful=job.faithful)
    edits = [
        pipeline.edit(inversion, text, style=settings.style, other_style=job.other_style, num_images=job.num)
        for text in texts
    ]  # a list of all pictures for each text
    for line in dict.fromkeys(line for edited in edits for line in edited.warnings):
        print(f"warning: {line}", file=sys.stderr)
    records = []
    for number, edited in enumerate(edits, 1):
        for i, image in enumerate(edited.images):
            which, variation = divmod(i, job.num)
            record = {
                "picture": Path(given[which].name).name,
                "shown": edited.shown[which],
                "text": edited.texts[i],
                "read": edited.read[i],
                "variation": edited.seeds[i],
                "reconstruction_db": round(edited.quality[which], 2),
            }
            file = out
            if job.separate:
                file = files[which, number, variation]
                save_png(file, to_pixels(image), metadata(pipeline, [], edits=[record]))
            records.append({**record, "file": str(file), "warnings": edited.warnings, **pipeline.made_by})
    if out:
        rows = [edited.images[k :: job.num] for edited in edits for k in range(job.num)]
        grid = columns([edits[0].given, edits[0].reconstructions, *rows], per_row=PER_ROW)
        said = {"file", "warnings", *pipeline.made_by}
        plain = [{key: value for key, value in each.items() if key not in said} for each in records]
        save_png(out, to_pixels(grid), metadata(pipeline, [], edits=plain))
    if job.json:
        for each in records:
            print(json.dumps(each))
    return len(records)


def _files(job: DrawJob, given: list[Given], texts: int) -> dict[tuple[int, int, int], Path]:
    """The file of each edit, by picture, text (from 1) and variation; ``InputError`` where one cannot be written."""
    if not job.separate:
        return {}
    files = {}
    theirs = [each.name for each in given]
    for which, name in enumerate(_names(given)):
        for number, variation in itertools.product(range(1, texts + 1), range(job.num)):
            numbers = [number] * (texts > 1) + [variation + 1] * (job.num > 1)
            file = job.separate / f"{'-'.join([name, *map(str, numbers)])}.png"
            check_no_given(file, theirs, "--separate")
            check_png_path(file)
            files[which, number, variation] = file
    return files


def _names(given: list[Given]) -> list[str]:
    """A name for the file of each picture: its own; where an earlier one has it, with the first number that is free.

    Some file systems do not tell upper from lower case.
    """
    own = [Path(each.name).stem for each in given]
    theirs, names = {name.lower() for name in own}, dict[str, str]()
    for name in own:
        free, number = name, 1
        while free.lower() in names or (number > 1 and free.lower() in theirs):
            number += 1
            free = f"{name}-{number}"
        names[free.lower()] = free
    return list(names.values())
