"""Trains what finds hair and irises: ``python -m gan.localiser --data PATH [PATH ...]``.

It makes one like that in ``pretrained/localiser``, which ``gan.faces.localiser`` loads.
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
from gan.faces.dataset import faces_of
from gan.faces.localiser import FILES, save_localiser
from gan.faces.training import accuracy, train_localiser

OUTPUT = OutputFolder("gan.localiser", FILES)


@dataclass(frozen=True)
class LocaliserOptions(Settings):
    """The options of the training."""

    data: tuple[str, ...] = setting(
        help="captioned faces: folders, archives or shards", metavar="PATH", parse=arguments.non_empty
    )
    out: Path = setting(
        Path("runs/localiser"),
        "the folder to write (default runs/localiser); the shipped one lies in pretrained/localiser",
        metavar="DIR",
        parse=arguments.output_folder,
    )
    steps: Annotated[int, Within(1, 10**6)] = setting(900, "batches of 48 faces (default 900)")
    seed: Annotated[int, Within(0, MAX_SEED)] = setting(0, "of everything random (default 0)")


def parser() -> argparse.ArgumentParser:
    result = arguments.Parser(prog="python -m gan.localiser", description="Train what finds hair and irises.")
    add_settings(result, LocaliserOptions)
    return result


def parse(argv: Sequence[str] | None) -> LocaliserOptions:
    """The command line, checked."""
    return from_args(LocaliserOptions, parser().parse_args(argv))


@command
def main(argv: Sequence[str] | None = None) -> int:
    """``python -m gan.localiser``. Returns the exit status (``encoder.common.command``)."""
    options = parse(argv)
    tune_malloc()
    with OUTPUT.held(options.out):
        everything, summary = load_images(options.data, split="all")
        print(summary)
        known = faces_of(everything)
        faces, heldout = known.of("train"), known.of("heldout")
        model = train_localiser(faces, steps=options.steps, seed=options.seed)
        scores = {name: accuracy(model, heldout[chosen]) for name, chosen in heldout.by_source()}
        save_localiser(model, options.out, {"steps": options.steps, "seed": options.seed, "accuracy": scores})
    print(f"{options.out}: {json.dumps(scores)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
