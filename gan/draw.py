"""Draw images from text with a released generator: ``python infer.py --text "pink hair green eyes"``."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext, redirect_stderr
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encoder.common import arguments
from encoder.common.arguments import MAX_SEED, check_file, kind_of
from encoder.common.command import command
from encoder.common.errors import InputError
from encoder.common.progress import Progress
from encoder.files import read_testing_file
from encoder.text import check_text
from gan.images import STDOUT, check_png_path, save_png, tile
from gan.many import options as many
from gan.release import DEFAULT_MODEL, ReleaseConfig, release_folder

if TYPE_CHECKING:
    import torch

    from gan.many.run import Order
    from gan.pipeline import TextToImage

DEFAULT_OUT = Path("samples/faces.png")
MANY = 200  # images from which progress is shown


@dataclass(frozen=True)
class Item:
    """One image to draw: the name of its own file, its text, its seed, and the particular colours read in the text."""

    name: str
    text: str
    seed: int
    colours: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Config:
    """What the command line asks for, checked: the files that are read are there, the files that are written can be.

    With ``steps``, that many images are drawn between the texts of two; otherwise the images themselves.
    """

    items: Sequence[Item]
    model: Path
    encoder_path: Path | None
    style: str | None
    device: str
    truncation: float
    guidance: float | None
    best_of: int
    out: Path | None
    separate: Path | None
    steps: int | None
    dtype: str = "float64"
    threads: int | None = None
    batch_size: int = 25
    as_json: bool = False
    quiet: bool = False


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = arguments.Parser(
        prog="infer.py", description="Draw 64x64 images from text: anime faces, or what --model has learnt."
    )
    asked = result.add_argument_group("what to draw")
    look = result.add_argument_group("how it looks")
    places = result.add_argument_group("where it goes")
    machine = result.add_argument_group("what draws it")
    what = asked.add_mutually_exclusive_group(required=True)
    what.add_argument("--text", action="append", metavar="TEXT", help="what to draw; may be given several times")
    what.add_argument(
        "--testing-file", type=arguments.path_type(), metavar="FILE", help='lines "id,text": an image each; - is stdin'
    )
    what.add_argument("--any", action="store_true", help="ask for nothing: the seed decides all of --num images")
    what.add_argument("--interpolate", nargs=2, metavar=("A", "B"), help="images on the way from text A to text B")
    asked.add_argument(
        "--num", type=arguments.between(1, 10_000), default=1, metavar="N", help="images per text (default 1)"
    )
    asked.add_argument(
        "--steps", type=arguments.between(2, 100), metavar="N", help="images of --interpolate (default 8)"
    )
    asked.add_argument(
        "--seed",
        type=arguments.seed,
        default=0,
        help="seed of the first image; each further one has the next (default 0)",
    )
    asked.add_argument(
        "--same-seeds", action="store_true", help="start every text from --seed again: only what is asked changes"
    )
    places.add_argument(
        "--out",
        type=arguments.path_type(check_png_path),
        metavar="PNG",
        help=f"all images in one picture (default {DEFAULT_OUT}); - is stdout",
    )
    places.add_argument(
        "--separate",
        type=arguments.output_folder,
        metavar="DIR",
        help="a file per image: ID.png, or ID-1.png ... with --num",
    )
    look.add_argument("--style", metavar="SOURCE", help="the drawing to follow, for a model of several data sets")
    look.add_argument(
        "--best-of",
        type=arguments.between(1, 100),
        default=1,
        metavar="N",
        help="draw N images for each and keep the best one",
    )
    look.add_argument(
        "--truncation",
        type=arguments.positive(),
        default=1.0,
        metavar="X",
        help="below 1: usual images that vary less (default 1)",
    )
    look.add_argument(
        "--guidance",
        type=arguments.positive(),
        metavar="X",
        help="how strongly to ask for what the text states; above 1, purer colours (default: the model's)",
    )
    machine.add_argument(
        "--model",
        type=release_folder,
        default=str(DEFAULT_MODEL),
        metavar="MODEL",
        help="a released model's folder, the name of a shipped one, or OWNER/NAME of the hub",
    )
    machine.add_argument(
        "--encoder-path", type=arguments.existing_folder, metavar="DIR", help="another folder of the text encoder"
    )
    machine.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    places.add_argument(
        "--json", action="store_true", help="print an object a line for each image: text, seed, file, read, warnings"
    )
    places.add_argument("--quiet", action="store_true", help="print nothing but errors, and what --json asks for")
    many.add(result)
    return result


def parse(argv: Sequence[str] | None) -> Config | Order:
    """The command line to a ``Config``, or of many images an ``Order``; ``InputError`` for what cannot be done."""
    options = parser()
    args = options.parse_args(argv)
    if args.interpolate and (args.separate or args.num != 1 or args.best_of != 1):
        options.error("--interpolate draws one picture: give --out and --steps, not --separate, --num or --best-of")
    if args.steps and not args.interpolate:
        options.error("--steps goes with --interpolate")
    if many.is_many(args):
        ReleaseConfig.read(args.model).style_index(args.style)
        return many.order(args)
    if args.any:
        lines = [("any", "")]
    elif args.testing_file:
        lines = [(line.id, line.text) for line in read_testing_file(args.testing_file)]
    else:
        option = "--text" if args.text else "--interpolate"
        texts = [check_text(text, option) for text in args.text or args.interpolate]
        lines = [(str(i), text) for i, text in enumerate(texts, 1)]

    out = args.out or (None if args.separate else DEFAULT_OUT)
    if out == DEFAULT_OUT:
        check_png_path(out)
    if out == STDOUT and (args.json or sys.stdout is None or sys.stdout.isatty()):
        options.error("--out - writes the picture to stdout: pipe it on, and leave --json out")
    if args.separate:
        _check_unique(name for name, _ in lines)
    release = ReleaseConfig.read(args.model)
    release.style_index(args.style)
    if args.interpolate:
        items = [Item(name, text, args.seed) for name, text in lines]
    else:
        items = list(number_items(lines, args.num, args.seed, same_seeds=args.same_seeds))
    if args.separate:
        _check_names(args.separate, items)
    return Config(
        items=items,
        model=args.model,
        encoder_path=args.encoder_path,
        style=args.style,
        device=args.device,
        truncation=args.truncation,
        guidance=args.guidance,
        best_of=args.best_of,
        out=out,
        separate=args.separate,
        steps=(args.steps or 8) if args.interpolate else None,
        dtype=args.dtype,
        threads=args.threads,
        batch_size=args.batch_size or 25,
        as_json=args.json,
        quiet=args.quiet,
    )


def number_items(lines: Iterable[tuple[str, str]], num: int, seed: int, *, same_seeds: bool = False) -> Iterator[Item]:
    """``num`` images of each line.

    Seeds count up from ``seed`` through all items, so that equal lines differ; with ``same_seeds`` anew for each line.
    """
    for i, (name, text) in enumerate(lines):
        first = seed if same_seeds else seed + i * num
        for k in range(num):
            yield Item(name if num == 1 else f"{name}-{k + 1}", text, (first + k) % (MAX_SEED + 1))


def draw(config: Config) -> str:
    """Draw and write what ``config`` asks for. Returns the line that says what was written."""
    import torch

    from gan.pipeline import TextToImage

    started = time.perf_counter()
    if config.threads:
        torch.set_num_threads(config.threads)
    pipeline = TextToImage.from_pretrained(
        config.model,
        encoder_path=config.encoder_path,
        dtype=getattr(torch, config.dtype),
        device=config.device,
        truncation=config.truncation,
        guidance=config.guidance,
    )

    noun = "face" if pipeline.encoder.space.class_sizes else "image"
    texts, items = [item.text for item in config.items], config.items
    c = pipeline.conditions(texts, style=config.style, progress=len(texts) >= MANY)
    for remark in pipeline.remarks(texts, c):
        print(f"warning: {remark}", file=sys.stderr)
    items = [replace(item, colours=colours) for item, colours in zip(items, pipeline.looks(c), strict=True)]

    if config.best_of > 1:
        from gan.selection import Selector

        selector = Selector.from_pretrained(config.model, pipeline)
        best = selector.best_seeds(texts, c, [item.seed for item in items], config.best_of)
        best = Progress("choosing", len(items), noun, shown=len(items) * config.best_of >= MANY).over(best)
        items = [replace(item, seed=seed) for item, seed in zip(items, best, strict=True)]

    images = []
    if config.steps:
        images.append(pipeline.interpolate(c, seed=items[0].seed, steps=config.steps))
    else:
        done = 0
        for batch in progress(
            pipeline.draw_many(c, [item.seed for item in items], batch_size=config.batch_size), len(texts), noun
        ):
            if config.out:
                images.append(batch)
            if config.separate:
                for item, image in zip(items[done : done + len(batch)], batch, strict=True):
                    save_png(file_of(item, config.separate), image, metadata(pipeline, [item], config.style))
            done += len(batch)
    if config.out:
        per_row = config.steps or 5
        save_png(config.out, tile(torch.cat(images), per_row), metadata(pipeline, items, config.style))
    if config.as_json:
        for record in records(pipeline, items, c, config):
            print(json.dumps(record))
    count = config.steps or len(texts)
    places = " and ".join(
        "stdout" if place == STDOUT else str(place) for place in (config.out, config.separate) if place
    )
    return f"{places}: {count} {noun}{'s' if count > 1 else ''} in {time.perf_counter() - started:.1f} s"


def records(pipeline: TextToImage, items: Sequence[Item], c: torch.Tensor, config: Config) -> Iterator[dict[str, Any]]:
    """What ``--json`` says of each image, whose conditions are ``c (N, c_dim)``."""
    from gan.drawing.output import read_slots

    warnings: dict[str, list[str]] = {}
    for i, (item, read) in enumerate(
        zip(items, read_slots(pipeline.encoder, c[:, : pipeline.encoder.dim]), strict=True)
    ):
        if item.text not in warnings:
            warnings[item.text] = pipeline.remarks([item.text], c[i : i + 1])
        file = file_of(item, config.separate) if config.separate else config.out
        yield {"text": item.text, "seed": item.seed, "file": str(file), "read": read, "warnings": warnings[item.text]}


def file_of(item: Item, folder: Path) -> Path:
    """The file of its own that an image has in the folder of ``--separate``."""
    return folder / f"{item.name}.png"


def metadata(pipeline: TextToImage, items: Sequence[Item], style: str | None = None) -> dict[str, str]:
    """What a PNG says about its images, so that each can be drawn again, and which colours their texts were read as."""
    record = [{"text": item.text, "seed": item.seed, **item.colours} for item in items]
    result = {"Software": "text-to-face-cgan", "Model": pipeline.name, "Faces": json.dumps(record, ensure_ascii=False)}
    if style is not None:
        result["Style"] = style
    if pipeline.truncation != 1:
        result["Truncation"] = str(pipeline.truncation)
    if pipeline.guidance != pipeline.config.guidance:
        result["Guidance"] = str(pipeline.guidance)
    return result


def progress(batches: Iterable[torch.Tensor], total: int, noun: str) -> Iterator[torch.Tensor]:
    """Pass batches through; show how far many images are."""
    with Progress("drawing", total, noun, shown=total >= MANY) as bar:
        for batch in batches:
            yield batch
            bar.update(len(batch))


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line. Returns the exit status (``encoder.common.command``)."""
    config = parse(argv)
    with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere) if config.quiet else nullcontext():
        line = draw(config) if isinstance(config, Config) else many.draw(config)
    if not config.quiet:
        aside = isinstance(config, Config) and (config.as_json or config.out == STDOUT)  # stdout is taken
        print(line, file=sys.stderr if aside else sys.stdout)
    return 0


def _check_unique(ids: Iterable[str]) -> None:
    seen: set[str] = set()
    for id in ids:
        if id.lower() in seen:  # some file systems do not tell upper from lower case
            raise InputError(f"the id {id} comes twice, and --separate writes one file for each; give each its own id")
        seen.add(id.lower())


def _check_names(folder: Path, items: Sequence[Item]) -> None:
    """Raise ``InputError`` where the file of an image cannot be written, before that of any other is."""
    paths = [file_of(item, folder) for item in items]
    check_file(max(paths, key=lambda path: len(os.fsencode(path.name))))
    for path in paths:
        if kind_of(path) == "folder":
            raise InputError(f"{path}: is a folder, where the file of an image is to be; choose another --separate")
