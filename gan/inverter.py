"""Trains what finds the latents of pictures: ``python -m gan.inverter --model RELEASE --data PATH [PATH ...]``.

It makes ``inverter.safetensors`` and ``inverter.json``, which belong into the folder of the release.
"""

from __future__ import annotations

if __name__ == "__main__":  # before PyTorch, whose import takes seconds
    from encoder.common.start import start

    start()

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from encoder.common import arguments
from encoder.common.arguments import MAX_SEED
from encoder.common.command import command
from encoder.common.folders import OutputFolder
from encoder.common.memory import tune_malloc
from encoder.common.options import Settings, from_args, parser_of, setting
from encoder.common.records import Within
from gan.release import DEFAULT_MODEL, DISCRIMINATOR_FILE, release_folder

if TYPE_CHECKING:
    from gan.data import ImageDataset

OUTPUT = OutputFolder("gan.inverter", ("inverter.*", "state.safetensors"))
HELDOUT = 64
"""Held-out faces that tell how good it is, now and then."""


@dataclass(frozen=True)
class InverterOptions(Settings):
    """The options of the training."""

    data: tuple[str, ...] = setting(
        help="captioned faces, the sources of the model: folders, archives or shards",
        metavar="PATH",
        parse=arguments.non_empty,
    )
    model: Path = setting(
        DEFAULT_MODEL,
        "a released model of the residual architecture (default residual-r3gan)",
        metavar="MODEL",
        parse=release_folder,
    )
    out: Path = setting(
        Path("runs/inverter"),
        "the folder to write (default runs/inverter); copy its inverter.* into the model's folder",
        metavar="DIR",
        parse=arguments.output_folder,
    )
    steps: Annotated[int, Within(1, 10**7)] = setting(6000, "batches (default 6000)")
    batch_size: Annotated[int, Within(1, 1024)] = setting(
        8, "real faces of a batch, beside half as many drawn ones (default 8)"
    )
    lr: Annotated[float, Within(sys.float_info.min, 1)] = setting(1e-3, "learning rate at its highest (default 1e-3)")
    passes: Annotated[int, Within(1, 8)] = setting(2, "how often it looks at a picture (default 2)")
    seed: Annotated[int, Within(0, MAX_SEED)] = setting(0, "of everything random (default 0)")
    resume: bool = setting(False, "go on where the training in --out stopped")
    judge: Annotated[int, Within(0, 10_000)] = setting(
        0, "train nothing; measure the model's reconstructions and edits of so many held-out faces", metavar="N"
    )


def parser() -> arguments.Parser:
    return parser_of(
        InverterOptions, "python -m gan.inverter", "Train what finds the latents of pictures, to edit them by a text."
    )


def parse(argv: Sequence[str] | None) -> InverterOptions:
    """The command line, checked."""
    return from_args(InverterOptions, parser().parse_args(argv))


@command
def main(argv: Sequence[str] | None = None) -> int:
    """``python -m gan.inverter``. Returns the exit status (``encoder.common.command``)."""
    options = parse(argv)
    tune_malloc()
    if options.judge:
        _judge(options)
        return 0
    with OUTPUT.held(options.out):
        print(f"{options.out}: {_train(options):.2f} dB of held-out faces")
    return 0


def _heldout(options: InverterOptions, sources: Sequence[str], count: int) -> tuple[ImageDataset, ImageDataset]:
    """The faces to train on, and ``count`` random ones of those held out."""
    import torch

    from encoder.common.errors import InputError
    from gan.data import load_images

    everything, summary = load_images(options.data, split="all")
    print(summary)
    if everything.source_names != sources:
        raise InputError(
            f"the data are of {', '.join(everything.source_names)}, and the model of {', '.join(sources)}; "
            "give its own data, in their order (NAME=PATH names a source)"
        )
    heldout = everything.of("heldout")
    chosen = torch.randperm(len(heldout), generator=torch.Generator().manual_seed(0))[:count]
    return everything.of("train"), heldout[chosen]


def _judge(options: InverterOptions) -> None:
    """Print what ``--judge`` measures, with the inverter alone and with gradient descent."""
    from gan.inversion.judging import layouts_alike, measure
    from gan.pipeline import TextToImage

    pipeline = TextToImage.from_pretrained(options.model)
    print(f"\neight layouts under one seed: hair and eyes read alike: {layouts_alike(pipeline)}", flush=True)
    _, faces = _heldout(options, pipeline.config.sources, options.judge)
    for faithful in (False, True):
        print("\nwith gradient descent" if faithful else "\ninverter alone", flush=True)
        for name, figure in measure(pipeline, faces.images[:], faithful=faithful, seed=options.seed):
            print(f"{name}: {figure}", flush=True)


def _train(options: InverterOptions) -> float:
    """Train, and write what ``--out`` holds; returns the median PSNR of held-out faces."""
    import torch
    from torch import Tensor

    from encoder.common import weights
    from encoder.common.errors import InputError
    from gan.inversion.latents import check_generator
    from gan.inversion.network import Inverter, generator_digest, save_inverter
    from gan.inversion.reading import read_faces
    from gan.inversion.training import STATE_FILE, evaluate, set_layouts, train
    from gan.pipeline import TextToImage
    from gan.sources import join_source

    pipeline = TextToImage.from_pretrained(options.model, dtype="float32")
    G, sources = check_generator(pipeline.G, pipeline.name), pipeline.config.sources
    if not pipeline.encoder.space.class_sizes:
        raise InputError(
            f"{pipeline.name}: draws no faces, and an inverter is trained on faces; choose another --model"
        )
    faces, heldout = _heldout(options, sources, HELDOUT)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        inverter = Inverter.of(G, len(sources))
    if (options.model / DISCRIMINATOR_FILE).is_file():
        inverter.take_trunk(weights.load(options.model / DISCRIMINATOR_FILE))
    state = options.out / STATE_FILE
    if not options.resume and state.exists():
        raise InputError(f"{options.out}: holds a training; go on by --resume, or choose another --out")

    def read(images: Tensor, numbers: Tensor) -> Tensor:
        return join_source(read_faces(images).conditions(pipeline.encoder), numbers, sources)

    def save(average: Inverter, step: int, quality: float) -> None:
        settings = {**asdict(options), "data": [Path(path).name for path in options.data], "model": options.model.name}
        del settings["out"], settings["resume"]
        notes = {
            "passes": options.passes,
            "training": settings,
            "trained_steps": step,
            "heldout_psnr": round(quality, 2),
        }
        save_inverter(average, options.out, generator_digest(options.model), notes)

    average = train(
        inverter, G, faces, heldout, read,
        steps=options.steps, batch_size=options.batch_size, learning_rate=options.lr, passes=options.passes,
        seed=options.seed, state=state, save=save,
    )  # fmt: skip
    set_layouts(average, G, faces, read, options.passes)
    quality = evaluate(average, G, heldout, read, options.passes)
    save(average, options.steps, quality)
    return quality


if __name__ == "__main__":
    sys.exit(main())
