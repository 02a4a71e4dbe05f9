"""Images as files, for the measures of other programs: FID as torch-fidelity and clean-fid have it."""

from __future__ import annotations

import csv
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from encoder.common.arguments import check_new_folder
from encoder.common.errors import InputError
from gan.data.dataset import ImageDataset
from gan.data.store import Images
from gan.images import save_png

CAPTIONS_FILE = "captions.csv"
CHUNK = 256  # images in memory


def export(folder: Path, images: Tensor | Images, texts: Sequence[str]) -> None:
    """Write images, uint8 (N, 3, 64, 64), as ``000000.png`` and so on, and ``captions.csv``: all of them, or nothing.

    Raises:
        InputError: There is something at ``folder`` already, or it cannot be written.
    """
    check_new_folder(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name[:40]}.", dir=folder.parent))
        made.chmod(0o755)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror}); choose another folder") from error
    try:
        for start in range(0, len(images), CHUNK):
            for i, image in enumerate(images[start : start + CHUNK], start=start):
                save_png(made / f"{i:06d}.png", image, {})
        with (made / CAPTIONS_FILE).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("id", "text"), *((f"{i:06d}", text) for i, text in enumerate(texts))])
        made.replace(folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)  # of what went wrong


def real_images(heldout: ImageDataset) -> tuple[Tensor | Images, list[str]]:
    """The held-out images, and a caption of each."""
    return heldout.images, [captions[0] for captions in heldout.captions]
