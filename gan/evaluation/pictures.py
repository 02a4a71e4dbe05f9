"""Images from outside, whoever drew them, and what they were asked to be; and images as files for other programs."""

from __future__ import annotations

import csv
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from encoder.common.arguments import check_new_folder
from encoder.common.errors import InputError
from encoder.common.progress import Progress
from encoder.files import read_testing_file
from gan.data.decoding import IMAGE_SIZE, decode_image
from gan.data.store import Images
from gan.images import blur, save_png, to_signed, to_uint8

CAPTIONS_FILE = "captions.csv"
CHUNK = 256  # images in memory

BLUR = 0.8  # pixels, of the blurred real images


@dataclass(frozen=True, eq=False)
class Pictures:
    """Images from outside.

    Attributes:
        name: Of the folder or the picture.
        images: uint8 (N, 3, 64, 64).
        texts: What each was asked to be.
    """

    name: str
    images: Tensor
    texts: Sequence[str]


def read_folder(folder: Path, captions: Path) -> Pictures:
    """The images of a folder: ``ID.png`` for every ``ID,text`` of the testing file.

    Raises:
        InputError: A file is missing or cannot be decoded.
    """
    lines = read_testing_file(captions)
    images = []
    for line in Progress("images", len(lines), "image").over(lines):
        path = folder / f"{line.id}.png"
        try:
            images.append(torch.from_numpy(decode_image(path.read_bytes()).copy()))
        except Exception as error:  # a damaged file makes a decoder raise almost anything
            raise InputError(f"{path}: cannot be read ({error}); every line of {captions} needs its face") from error
    return Pictures(folder.name, torch.stack(images), [line.text for line in lines])


def read_grid(path: Path, captions: Path) -> Pictures:
    """As ``read_folder``, of one picture with 64x64 faces row by row, in the order of the testing file."""
    from PIL import Image

    lines = read_testing_file(captions)
    try:
        with Image.open(path) as file:
            width, height = file.size
            pixels = torch.frombuffer(bytearray(file.convert("RGB").tobytes()), dtype=torch.uint8)
    except Exception as error:  # as above
        raise InputError(f"{path}: cannot be read ({error}); give a picture of 64x64 faces") from error
    rows, columns = height // IMAGE_SIZE, width // IMAGE_SIZE
    if width % IMAGE_SIZE or height % IMAGE_SIZE or not 0 <= rows * columns - len(lines) < columns:
        raise InputError(f"{path}: {width}x{height} pixels are not the {len(lines)} 64x64 faces of {captions}")
    cells = pixels.view(rows, IMAGE_SIZE, columns, IMAGE_SIZE, 3).permute(0, 2, 4, 1, 3).flatten(0, 1)
    return Pictures(path.name, cells[: len(lines)].contiguous(), [line.text for line in lines])


def export(folder: Path, images: Tensor | Images, texts: Sequence[str]) -> None:
    """Write images, uint8 (N, 3, 64, 64), as ``000000.png`` and so on, and ``captions.csv``: all or nothing.

    Other programs measure them, as torch-fidelity and clean-fid do their FID.

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


def blurred(images: Tensor) -> Tensor:
    """Uint8 images (N, 3, H, W) out of focus by ``BLUR`` pixels."""
    sigma = torch.tensor([BLUR])
    return torch.cat([to_uint8(blur(to_signed(batch), sigma)) for batch in images.split(CHUNK)])
