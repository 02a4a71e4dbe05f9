"""How good generated images are: ``python -m gan.evaluate --model DIR --data PATH``.

Every number stands beside what real images get in the same run, and beside controls that it must tell apart. Faces are
judged by their hair and eyes (``gan.faces.evaluate``), other images by their captions (``gan.evaluation.captions``).
"""

from __future__ import annotations

if __name__ == "__main__":  # before PyTorch, whose import takes seconds
    from encoder.common.command import start

    start()

import argparse
import sys
from collections.abc import Sequence

import torch

from encoder.common import arguments
from encoder.common.command import command
from encoder.common.folders import OutputFolder
from encoder.common.memory import tune_malloc
from gan.data import load_images
from gan.data.dataset import ImageDataset
from gan.evaluation.export import export, real_images
from gan.evaluation.pictures import read_folder, read_grid
from gan.evaluation.report import REPORT_FILES, Results, write_report
from gan.evaluation.stopwatch import Stopwatch
from gan.faces.classifier import CLASSIFIER_DIR
from gan.images import channels_last
from gan.pipeline import TextToImage
from gan.release import DEFAULT_MODEL, release_folder
from gan.tasks import task_of, task_of_data, task_of_release
from gan.tasks.base import Task

MAX_FACES = 1_000_000
OUTPUT = OutputFolder("gan.evaluate", REPORT_FILES)


def load_real(path: str, seed: int) -> tuple[Task, ImageDataset, ImageDataset]:
    """What kind of data they are, the training images, and the held-out ones in a random order."""
    everything, _ = load_images([path], split="all")
    task = task_of_data(everything)
    everything = task.prepare(everything, lambda _: None)
    heldout = everything.of("heldout")
    order = torch.randperm(len(heldout), generator=torch.Generator().manual_seed(seed))
    return task, everything.of("train"), heldout[order]


def load_model(args: argparse.Namespace) -> TextToImage:
    """The model that the command line names."""
    pipeline = TextToImage.from_pretrained(args.model, dtype=torch.float32, guidance=args.guidance)
    channels_last(pipeline.G)
    if args.guidance is not None:
        pipeline.name = f"{pipeline.name}, guidance {args.guidance:g}"
    return pipeline


def write_images(args: argparse.Namespace) -> None:
    """Write the images that the command line asks for, and judge nothing."""
    task, heldout = None, None
    if args.data:
        task, _, heldout = load_real(args.data, args.seed)
    if args.export_real:
        assert heldout is not None
        export(args.export_real, *real_images(heldout))
        print(f"{args.export_real}: {len(heldout)} real images, held out from training")
    if args.export_drawn:
        pipeline = load_model(args)
        task = task or task_of_release(pipeline.config)
        export(args.export_drawn, *task.draw(pipeline, heldout, args.faces, args.seed))
        print(f"{args.export_drawn}: {args.faces} images of {pipeline.name}")


def evaluate(args: argparse.Namespace, watch: Stopwatch) -> Results:
    """Do what the command line asks for, and time it."""
    training, heldout = None, None
    pipeline = load_model(args) if args.model else None
    watch.lap("loading the models")
    task = task_of_release(pipeline.config) if pipeline else task_of("attributes")
    if args.data:
        task, training, heldout = load_real(args.data, args.seed)
        watch.lap(f"loading real {task.noun}s")
    read = read_folder if args.images else read_grid
    return task.evaluate(
        pipeline,
        None if pipeline else lambda: read(args.images or args.grid, args.captions),
        training,
        heldout,
        count=args.faces,
        seed=args.seed,
        classifier_dir=args.classifier,
        cascade=args.cascade,
        watch=watch,
    )


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = arguments.Parser(prog="python -m gan.evaluate", description="Measure how good images are.")
    what = result.add_mutually_exclusive_group()
    what.add_argument(
        "--model",
        type=release_folder,
        metavar="MODEL",
        help=f"a released model's folder, shipped name or OWNER/NAME of the hub (default {DEFAULT_MODEL.name})",
    )
    what.add_argument(
        "--images",
        type=arguments.existing_folder,
        metavar="DIR",
        help="a folder of faces: ID.png for every line of --captions",
    )
    what.add_argument(
        "--grid",
        type=arguments.existing_file,
        metavar="PNG",
        help="a picture of 64x64 faces, row by row, as of --captions",
    )
    result.add_argument(
        "--guidance",
        type=arguments.positive(),
        metavar="X",
        help="of the model's faces (default: what its config says)",
    )
    result.add_argument(
        "--captions", type=arguments.existing_file, metavar="FILE", help='the lines "id,text" of --images or --grid'
    )
    result.add_argument(
        "--data", type=arguments.non_empty, metavar="PATH", help="real images: without them, colours of faces are all"
    )
    result.add_argument(
        "--faces",
        type=arguments.between(1, MAX_FACES),
        default=10_000,
        metavar="N",
        help="images to draw (default 10,000)",
    )
    result.add_argument(
        "--out",
        type=arguments.output_folder,
        default="runs/evaluation",
        metavar="DIR",
        help="default runs/evaluation",
    )
    result.add_argument(
        "--export-real",
        type=arguments.new_folder,
        metavar="DIR",
        help="write the held-out images of --data as PNGs for other programs, and judge nothing",
    )
    result.add_argument(
        "--export-drawn",
        type=arguments.new_folder,
        metavar="DIR",
        help="write the --faces images that would be judged as PNGs, and judge nothing",
    )
    result.add_argument("--seed", type=arguments.seed, default=0, help="default 0")
    result.add_argument(
        "--cascade",
        type=arguments.existing_file,
        metavar="XML",
        help="an OpenCV face cascade, for the course's score",
    )
    result.add_argument(
        "--classifier",
        type=arguments.existing_folder,
        default=str(CLASSIFIER_DIR),
        metavar="DIR",
        help="of the attributes of faces (default: the shipped one)",
    )
    return result


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line, checked."""
    options = parser()
    args = options.parse_args(argv)
    if (args.images or args.grid) and not args.captions:
        options.error("--images and --grid need --captions: what was asked for")
    if not (args.images or args.grid):
        args.model = args.model or DEFAULT_MODEL
        if args.captions:
            options.error("--captions goes with --images or --grid; a model draws the captions of held-out faces")
    if args.guidance is not None and not args.model:
        options.error("--guidance goes with a model")
    if args.export_real and not args.data:
        options.error("--export-real needs --data, whose held-out images it writes")
    if args.export_drawn and not args.model:
        options.error("--export-drawn goes with a model; --images and --grid are pictures already")
    return args


@command
def main(argv: Sequence[str] | None = None) -> int:
    """``python -m gan.evaluate``. Returns the exit status (``encoder.common.command``)."""
    watch = Stopwatch()
    args = parse(argv)
    tune_malloc()
    if args.export_real or args.export_drawn:
        write_images(args)
        return 0
    with OUTPUT.held(args.out):
        results = evaluate(args, watch)
        write_report(results, args.out)
    watch.lap("report")
    print(results.summary())
    parts = ", ".join(f"{part} {seconds:.0f}" for part, seconds in watch.seconds.items())
    print(f"{args.out / 'report.html'}: {watch.total:.0f} s ({parts})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
