"""Trains the classifier of hair, eyes and length: ``python -m gan.classifier --data PATH [PATH ...]``.

It makes one like that in ``pretrained/classifier``, which ``gan.faces.classifier`` loads.
"""

from __future__ import annotations

if __name__ == "__main__":  # before PyTorch, whose import takes seconds
    from encoder.common.command import start

    start()

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from encoder.common import arguments
from encoder.common.arguments import MAX_SEED
from encoder.common.command import command
from encoder.common.folders import OutputFolder
from encoder.common.memory import tune_malloc
from encoder.common.options import Settings, add_settings, from_args, setting
from encoder.common.records import Within
from gan.data import load_images
from gan.faces.classifier import FILES, save_classifier
from gan.faces.dataset import faces_of
from gan.faces.training import lengths, measure, train_classifier

OUTPUT = OutputFolder("gan.classifier", FILES)


@dataclass(frozen=True)
class ClassifierOptions(Settings):
    """The options of the training."""

    data: tuple[str, ...] = setting(
        help="captioned faces: folders, archives or shards", metavar="PATH", parse=arguments.non_empty
    )
    out: Path = setting(
        Path("runs/classifier"),
        "the folder to write (default runs/classifier); the shipped one lies in pretrained/classifier",
        metavar="DIR",
        parse=arguments.output_folder,
    )
    epochs: Annotated[float, Within(sys.float_info.min, 1e6)] = setting(6.0, "times each face is seen (default 6)")
    seed: Annotated[int, Within(0, MAX_SEED)] = setting(0, "of everything random (default 0)")


def parser() -> argparse.ArgumentParser:
    result = arguments.Parser(prog="python -m gan.classifier", description="Train the attribute classifier.")
    add_settings(result, ClassifierOptions)
    return result


def parse(argv: Sequence[str] | None) -> ClassifierOptions:
    """The command line, checked."""
    return from_args(ClassifierOptions, parser().parse_args(argv))


@command
def main(argv: Sequence[str] | None = None) -> int:
    """``python -m gan.classifier``. Returns the exit status (``encoder.common.command``)."""
    options = parse(argv)
    tune_malloc()
    with OUTPUT.held(options.out):
        everything, summary = load_images(options.data, split="all")
        print(summary)
        known = faces_of(everything)
        faces, heldout = known.of("train"), known.of("heldout")
        model = train_classifier(faces, epochs=options.epochs, seed=options.seed)
        notes = {
            "epochs": options.epochs,
            "seed": options.seed,
            "train": {name: int(chosen.sum()) for name, chosen in faces.by_source()},
            "heldout": {name: int(chosen.sum()) for name, chosen in heldout.by_source()},
            "accuracy": measure(model, heldout),
            "length": lengths(model, heldout),
        }
        save_classifier(model, options.out, notes)
    print(f"{options.out}: {json.dumps(notes['accuracy'])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
