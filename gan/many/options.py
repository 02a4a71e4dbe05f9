"""The options of ``infer.py`` for many images. Importing this module costs nothing."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from encoder.common import arguments
from encoder.common.errors import InputError
from gan.release import ReleaseConfig

if TYPE_CHECKING:
    from gan.many.run import Order

DTYPES = ("float64", "float32", "bfloat16")
FORMATS = ("table", "texts", "jsonl", "parquet")
BACKENDS = ("torch", "onnx")
SHARD_SIZE = 1024
MAX_WORKERS = 1024
ONLY_MANY = {"workers": None, "shard_size": None, "strict": False, "format": None, "backend": "torch"}
"""Options that nothing but a file of lines, to shards or separate files, goes with, and what they are by default."""


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    group = parser.add_argument_group(
        "many images: --testing-file with --shards or --separate, gone on with when run again"
    )
    group.add_argument("--shards", type=arguments.output_folder, metavar="DIR", help="WebDataset shards, to train on")
    group.add_argument("--shard-size", type=arguments.between(64), metavar="N", help=f"images a shard ({SHARD_SIZE})")
    group.add_argument("--workers", type=arguments.between(1, MAX_WORKERS), metavar="N", help="processes (1)")
    group.add_argument("--format", choices=FORMATS, help="of the file; by default by its name, or by its first lines")
    group.add_argument("--strict", action="store_true", help="stop at the first line that cannot be drawn")
    group.add_argument("--batch-size", type=arguments.batch_size, metavar="N", help="images drawn together")
    group.add_argument(
        "--threads", type=arguments.threads, metavar="N", help="of PyTorch, a process; 0: its own choice"
    )
    group.add_argument("--dtype", choices=DTYPES, default="float64", help="float64: exact; others: faster (float64)")
    group.add_argument(
        "--backend", choices=BACKENDS, default="torch", help="what draws; onnx: ONNX Runtime, in float32 (torch)"
    )


def is_many(args: argparse.Namespace) -> bool:
    """Whether the arguments ask for many images; ``InputError`` where they ask for what does not go together."""
    many = bool(args.testing_file and not args.out and (args.shards or args.separate))
    given = [name for name, default in ONLY_MANY.items() if getattr(args, name) != default]
    if args.shards and (not args.testing_file or args.out or args.separate):
        raise InputError("--shards goes with --testing-file, and without --out and --separate; leave these out")
    if many and args.json:
        raise InputError("--json goes with fewer images; what was read is in the shards' .json files; leave it out")
    if given and not many:
        name = given[0].replace("_", "-")
        raise InputError(f"--{name} goes with --testing-file and --shards or --separate, without --out; leave it out")
    if args.backend == "onnx":
        from gan.export import check_packages
        from gan.many.drawer import check_backend

        check_packages()
        check_backend(args.backend, args.dtype, args.device)
    return many


def order(args: argparse.Namespace) -> Order:
    """What the arguments ask for; see ``is_many``."""
    from gan.many.drawer import Drawer
    from gan.many.plan import Recipe, digests
    from gan.many.run import Order

    model, encoder = digests(args.model, args.encoder_path, args.best_of)
    recipe = Recipe(
        kind="shards" if args.shards else "separate",
        model=model,
        encoder=encoder,
        shard_size=args.shard_size or SHARD_SIZE,
        num=args.num,
        seed=args.seed,
        same_seeds=args.same_seeds,
        style=args.style,
        truncation=args.truncation,
        guidance=args.guidance,
        best_of=args.best_of,
        dtype=args.dtype,
        backend=args.backend,
    )
    workers = args.workers or 1
    drawer = Drawer(
        model=args.model,
        encoder_path=args.encoder_path,
        style=args.style,
        truncation=args.truncation,
        guidance=args.guidance,
        best_of=args.best_of,
        dtype=args.dtype,
        device=args.device,
        batch_size=args.batch_size or 32,
        threads=args.threads if args.threads is not None else 1 if workers > 1 else None,
        backend=args.backend,
    )
    return Order(
        source=args.testing_file,
        format=args.format,
        folder=args.shards or args.separate,
        recipe=recipe,
        drawer=drawer,
        workers=workers,
        strict=args.strict,
        quiet=args.quiet,
    )


def draw(order: Order) -> str:
    """Draw what an order asks for. Returns the line that says what was written."""
    from gan.many.run import ERRORS_FILE, draw_many

    started = time.perf_counter()
    account = draw_many(order)
    if account.refused:
        print(f"warning: {account.refused:,} could not be drawn: {order.folder / ERRORS_FILE}", file=sys.stderr)
    noun = "face" if ReleaseConfig.read(Path(order.drawer.model)).conditioning.kind in ("head", "onehot") else "image"
    count = account.drawn + account.kept
    there = f", {account.kept:,} of them were there" if account.kept else ""
    seconds = time.perf_counter() - started
    return f"{order.folder}: {count} {noun}{'s' if count != 1 else ''} in {seconds:.1f} s{there}"
