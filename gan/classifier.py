"""Trains the classifier of hair, eyes and length: ``python -m gan.classifier --data PATH [PATH ...]``.

It makes one like that in ``pretrained/classifier``, which ``gan.faces.classifier`` loads.
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

from encoder.common import arguments
from encoder.common.command import command
from encoder.common.folders import OutputFolder
from encoder.common.options import from_args, parser_of, setting
from encoder.common.records import Within
from gan.faces.classifier import FILES, save_classifier
from gan.faces.dataset import FaceDataset
from gan.faces.training import FaceTrainingOptions, lengths, measure, out_setting, train_and_save, train_classifier

OUTPUT = OutputFolder("gan.classifier", FILES)


@dataclass(frozen=True)
class ClassifierOptions(FaceTrainingOptions):
    """The options of the training."""

    out: Path = out_setting("classifier")
    epochs: Annotated[float, Within(sys.float_info.min, 1e6)] = setting(6.0, "times each face is seen (default 6)")


def parser() -> arguments.Parser:
    return parser_of(ClassifierOptions, "python -m gan.classifier", "Train the attribute classifier.")


def train(options: ClassifierOptions, faces: FaceDataset, heldout: FaceDataset) -> dict[str, Any]:
    """Train and save the network; its accuracies on the held-out faces."""
    model = train_classifier(faces, epochs=options.epochs, seed=options.seed)
    accuracies = measure(model, heldout)
    notes = {
        "epochs": options.epochs,
        "seed": options.seed,
        "train": {name: int(chosen.sum()) for name, chosen in faces.by_source()},
        "heldout": {name: int(chosen.sum()) for name, chosen in heldout.by_source()},
        "accuracy": accuracies,
        "length": lengths(model, heldout),
    }
    save_classifier(model, options.out, notes)
    return accuracies


@command
def main(argv: Sequence[str] | None = None) -> int:
    """``python -m gan.classifier``. Returns the exit status (``encoder.common.command``)."""
    return train_and_save(from_args(ClassifierOptions, parser().parse_args(argv)), OUTPUT, train)


if __name__ == "__main__":
    sys.exit(main())
