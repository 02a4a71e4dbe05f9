"""How good generated images are: ``python -m gan.evaluate --model DIR --data PATH``.

Every number stands beside what real images get in the same run, and beside controls that it must tell apart. Faces are
judged by their hair and eyes (``gan.evaluation.faces``), other images by their captions (``gan.evaluation.captions``).
"""

from __future__ import annotations

if __name__ == "__main__":  # before PyTorch, whose import takes seconds
    from encoder.common.start import start

    start()

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch

from encoder.common import arguments
from encoder.common.command import command
from encoder.common.errors import InputError
from encoder.common.folders import OutputFolder
from encoder.common.memory import tune_malloc
from encoder.common.options import add_settings, from_args, setting
from encoder.common.records import Amount, Within
from gan.data.dataset import ImageDataset
from gan.data.settings import DATA, DataSettings
from gan.evaluation.judge import Judge, Stopwatch, judge_images
from gan.evaluation.pictures import export, read_folder, read_grid
from gan.evaluation.report import REPORT_FILES, Results, write_report
from gan.faces.classifier import CLASSIFIER_DIR
from gan.images import channels_last
from gan.pipeline import TextToImage
from gan.release import DEFAULT_MODEL, Guidance, release_folder
from gan.tasks import task_of, task_of_data, task_of_release
from gan.tasks.base import Task

MAX_FACES = 1_000_000
OUTPUT = OutputFolder("gan.evaluate", REPORT_FILES)
WHAT, BESIDE, WHERE = "what to judge (one of --model, --images and --grid)", "what to judge it by", "what to write"


@dataclass(frozen=True)
class EvaluationConfig(DataSettings):
    """The options of an evaluation."""

    data: tuple[str, ...] = setting(
        (),
        "real images, of which one in 16 is held out; without them only the colours of faces are judged",
        group=DATA,
        metavar="PATH",
        parse=arguments.non_empty,
    )
    model: Path | None = setting(
        None,
        f"a released model: its folder, shipped name or OWNER/NAME of the Hub (default {DEFAULT_MODEL.name})",
        group=WHAT,
        metavar="MODEL",
        parse=release_folder,
    )
    images: Path | None = setting(
        None,
        "a folder of faces: ID.png for every line of --captions",
        group=WHAT,
        metavar="DIR",
        parse=arguments.existing_folder,
    )
    grid: Path | None = setting(
        None,
        "a picture of 64x64 faces, row by row, in the order of --captions",
        group=WHAT,
        metavar="PNG",
        parse=arguments.existing_file,
    )
    captions: Path | None = setting(
        None,
        'the lines "id,text" of --images or --grid',
        group=WHAT,
        metavar="FILE",
        parse=arguments.existing_file,
    )
    faces: Annotated[int, Within(1, MAX_FACES)] = setting(10_000, "images to draw (default 10,000)", group=WHAT)
    guidance: Guidance | None = setting(
        None, "how strongly the model follows the text (default: what its config says)", group=WHAT
    )
    classifier: Path = setting(
        CLASSIFIER_DIR,
        "the classifier of faces (default: the shipped one)",
        group=BESIDE,
        metavar="DIR",
        parse=arguments.existing_folder,
    )
    cascade: Path | None = setting(
        None,
        "an OpenCV face cascade, for the course's score",
        group=BESIDE,
        metavar="XML",
        parse=arguments.existing_file,
    )
    seed: Amount = setting(0, "of everything random (default 0)", group=BESIDE)
    out: Path = setting(
        Path("runs/evaluation"),
        "the folder of the report (default runs/evaluation)",
        group=WHERE,
        metavar="DIR",
        parse=arguments.output_folder,
    )
    export_real: Path | None = setting(
        None,
        "write the held-out images of --data as PNGs for other programs, and judge nothing",
        group=WHERE,
        metavar="DIR",
        parse=arguments.new_folder,
    )
    export_drawn: Path | None = setting(
        None,
        "write the --faces images that would be judged as PNGs, and judge nothing",
        group=WHERE,
        metavar="DIR",
        parse=arguments.new_folder,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        pictures = self.images or self.grid
        if sum(value is not None for value in (self.model, self.images, self.grid)) > 1:
            raise InputError("--model, --images and --grid exclude each other; give one of them")
        if pictures and not self.captions:
            raise InputError("--images and --grid need --captions: what was asked for")
        if self.captions and not pictures:
            raise InputError("--captions goes with --images or --grid; a model draws the captions of held-out faces")
        if self.guidance is not None and pictures:
            raise InputError("--guidance goes with a model; leave it out")
        if self.export_real and not self.data:
            raise InputError("--export-real needs --data, whose held-out images it writes")
        if self.export_drawn and pictures:
            raise InputError("--export-drawn goes with a model; --images and --grid are pictures already")


def load_real(settings: DataSettings, seed: int, task: Task | None = None) -> tuple[Task, ImageDataset, ImageDataset]:
    """The kind of data, by default what most captions tell; the training images; the held-out ones in random order."""
    everything, _ = settings.load()
    task = task or task_of_data(everything)
    everything = task.prepare(everything, lambda _: None)
    heldout = everything.of("heldout")
    order = torch.randperm(len(heldout), generator=torch.Generator().manual_seed(seed))
    return task, everything.of("train"), heldout[order]


def load_model(config: EvaluationConfig) -> TextToImage | None:
    """The model to judge; ``None`` where pictures are."""
    if config.images or config.grid:
        return None
    model = config.model or DEFAULT_MODEL
    pipeline = TextToImage.from_pretrained(model, dtype=torch.float32, guidance=config.guidance)
    channels_last(pipeline.G)
    if config.guidance is not None:
        pipeline.name = f"{pipeline.name}, guidance {config.guidance:g}"
    return pipeline


def judge_of(config: EvaluationConfig, pipeline: TextToImage | None) -> Judge[Any]:
    """The judge of the data, or without any of what the model draws.

    A model of free captions is judged by them, as in its training, also where most of them state hair or eyes.
    """
    task, training, heldout = task_of_release(pipeline.config) if pipeline else task_of("attributes"), None, None
    if config.data:
        of_captions = task.reads_captions and not task.judges_any_text
        task, training, heldout = load_real(config, config.seed, task if of_captions else None)
    if pipeline is None and not task.judges_any_text:
        raise InputError(
            f"{', '.join(config.data)}: is not of faces; --images and --grid are judged by hair and eyes alone"
        )
    return task.judge(training, heldout, config.seed, classifier_dir=config.classifier, cascade=config.cascade)


def write_images(config: EvaluationConfig) -> None:
    """Write the images that the command line asks for, and judge nothing."""
    if config.export_real and config.data:
        _, _, heldout = load_real(config, config.seed)
        export(config.export_real, heldout.images, [captions[0] for captions in heldout.captions])
        print(f"{config.export_real}: {len(heldout)} real images, held out from training")
    if config.export_drawn and (pipeline := load_model(config)):
        judge = judge_of(config, pipeline)
        asked = judge.asked(torch.arange(config.faces), pipeline.config.sources)
        export(config.export_drawn, judge.draw(pipeline, asked), asked.texts)
        print(f"{config.export_drawn}: {config.faces} images of {pipeline.name}")


def evaluate(config: EvaluationConfig, watch: Stopwatch) -> Results:
    """Draw, or read pictures, and judge; and time it."""
    pipeline = load_model(config)
    watch.lap("loading the models")
    judge = judge_of(config, pipeline)
    watch.lap(f"loading real {judge.noun}s")
    if pipeline is not None:
        asked = judge.asked(torch.arange(config.faces), pipeline.config.sources)
        images = judge.draw(pipeline, asked)
        watch.lap("drawing")
        return judge_images(judge, pipeline.name, images, asked, watch, pipeline)
    assert config.captions is not None
    if config.images:
        pictures = read_folder(config.images, config.captions)
    else:
        assert config.grid is not None
        pictures = read_grid(config.grid, config.captions)
    asked, order = judge.asked_of(pictures.texts), torch.randperm(len(pictures.texts), generator=judge.generator())
    watch.lap("reading pictures")
    return judge_images(judge, pictures.name, pictures.images[order], asked[order], watch)  # the first stand for all


def parser() -> arguments.Parser:
    result = arguments.Parser(prog="python -m gan.evaluate", description="Measure how good images are.")
    result.add_argument_group(WHAT)  # before the real images, which it is compared with
    add_settings(result, EvaluationConfig)
    return result


def parse(argv: Sequence[str] | None) -> EvaluationConfig:
    """The command line, checked."""
    return from_args(EvaluationConfig, parser().parse_args(argv))


@command
def main(argv: Sequence[str] | None = None) -> int:
    """``python -m gan.evaluate``. Returns the exit status (``encoder.common.command``)."""
    watch = Stopwatch()
    config = parse(argv)
    tune_malloc()
    if config.export_real or config.export_drawn:
        write_images(config)
        return 0
    with OUTPUT.held(config.out):
        results = evaluate(config, watch)
        write_report(results, config.out)
    watch.lap("report")
    print(results.summary())
    parts = ", ".join(f"{part} {seconds:.0f}" for part, seconds in watch.seconds.items())
    print(f"{config.out / 'report.html'}: {watch.total:.0f} s ({parts})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
