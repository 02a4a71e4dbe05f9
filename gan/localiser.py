"""Trains what finds hair and irises: ``python -m gan.localiser --data PATH [PATH ...]``.

It makes one like that in ``pretrained/localiser``, which ``gan.faces.localiser`` loads.
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
from gan.faces.dataset import FaceDataset
from gan.faces.localiser import FILES, save_localiser
from gan.faces.training import FaceTrainingOptions, accuracy, out_setting, train_and_save, train_localiser

OUTPUT = OutputFolder("gan.localiser", FILES)


@dataclass(frozen=True)
class LocaliserOptions(FaceTrainingOptions):
    """The options of the training."""

    out: Path = out_setting("localiser")
    steps: Annotated[int, Within(1, 10**6)] = setting(900, "batches of 48 faces (default 900)")


def parser() -> arguments.Parser:
    return parser_of(LocaliserOptions, "python -m gan.localiser", "Train what finds hair and irises.")


def train(options: LocaliserOptions, faces: FaceDataset, heldout: FaceDataset) -> dict[str, Any]:
    """Train and save the network; its accuracies on the held-out faces."""
    model = train_localiser(faces, steps=options.steps, seed=options.seed)
    scores = {name: accuracy(model, heldout[chosen]) for name, chosen in heldout.by_source()}
    save_localiser(model, options.out, {"steps": options.steps, "seed": options.seed, "accuracy": scores})
    return scores


@command
def main(argv: Sequence[str] | None = None) -> int:
    """``python -m gan.localiser``. Returns the exit status (``encoder.common.command``)."""
    return train_and_save(from_args(LocaliserOptions, parser().parse_args(argv)), OUTPUT, train)


if __name__ == "__main__":
    sys.exit(main())
