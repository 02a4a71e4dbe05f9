"""Fits a text encoder to the images of a data set, and judges it: ``python -m encoder.align``."""

from __future__ import annotations

if __name__ == "__main__":  # before PyTorch, whose import takes seconds
    from encoder.common.start import start

    start()

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F

from encoder.align import (
    OUTPUT,
    STATE,
    AlignConfig,
    align,
    card,
    fit_pooled,
    number_captions,
    retrieval,
    table,
    write_encoder,
)
from encoder.aligned import AlignedEncoder
from encoder.common import arguments
from encoder.common.atomic import write_contents
from encoder.common.command import command
from encoder.common.memory import tune_malloc
from encoder.common.options import add_settings, from_args, setting
from encoder.minilm import MiniLM
from encoder.paths import ENCODER_DIR
from encoder.text import normalise
from gan.data.settings import DataSettings

_DURATION = ("minutes", "epochs")


@dataclass(frozen=True, kw_only=True)
class AlignOptions(DataSettings):
    """The options besides the settings of the fit."""

    out: Path = setting(
        help="new folder, or an earlier output, which is replaced", metavar="DIR", parse=arguments.output_folder
    )
    credit: str = setting("", "a sentence for the card: whose the data are", parse=arguments.unicode)
    compare: bool = setting(True, "fit the plain sentence embedding as well, and show its score beside")


def parser() -> argparse.ArgumentParser:
    result = arguments.Parser(
        prog="python -m encoder.align", description="Fit a text encoder to the images of a data set."
    )
    add_settings(result, AlignOptions)
    add_settings(result.add_mutually_exclusive_group(), AlignConfig, only=_DURATION)
    add_settings(result, AlignConfig, without=_DURATION)
    return result


def parse(argv: Sequence[str] | None) -> tuple[AlignOptions, AlignConfig]:
    """The command line, checked."""
    args = parser().parse_args(argv)
    return from_args(AlignOptions, args), from_args(AlignConfig, args)


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Load, fit, save, compare, and print the table. Returns the exit status (``encoder.common.command``)."""
    options, config = parse(argv)
    tune_malloc()
    with OUTPUT.held(options.out):
        _align(options, config)
    return 0


def _align(options: AlignOptions, config: AlignConfig) -> None:
    dataset, summary = options.load()
    print(summary)
    training = dataset.of("train")
    heldout = dataset.of("heldout") if "heldout" in dataset.splits else training[:0]  # of a few images, none is

    styles = training.sources.tolist()
    tuned, fitted = align(training.images[:], training.captions, config, ENCODER_DIR, options.out / STATE, styles)
    record = {
        "data": [Path(path).resolve().name for path in options.data],
        "config": asdict(config),
        "images": len(training.captions),
        "steps": fitted.steps,
    }
    write_encoder(tuned, options.out, record, ENCODER_DIR)
    # An earlier card would tell of other weights.
    write_contents(options.out / "README.md", card(record, {}, options.credit))
    print(f"{fitted.steps} steps in {fitted.minutes:.1f} min; saved in {options.out}")

    if len(heldout.captions) > 1:
        texts, numbers = number_captions(heldout.captions)
        images, scores = heldout.images[:], {}
        if options.compare:
            as_long = replace(config, minutes=fitted.minutes)
            linear, other = fit_pooled(training.images[:], training.captions, as_long, ENCODER_DIR)
            with torch.no_grad():
                vectors = linear(MiniLM.load(ENCODER_DIR).pooled([normalise(text) for text in texts]))
            vectors = F.normalize(vectors, dim=1)
            scores["pooled, with a linear map"] = retrieval(other.vectors(images), numbers, vectors)
        vectors = F.normalize(AlignedEncoder.load(options.out).encode(texts, progress=True), dim=1)
        scores["aligned"] = retrieval(fitted.vectors(images), numbers, vectors)
        print(table(scores))
        write_contents(options.out / "README.md", card(record, scores, options.credit))


if __name__ == "__main__":
    sys.exit(main())
