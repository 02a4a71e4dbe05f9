"""Faces from outside, whoever drew them, and what they were asked to be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from encoder.attributes.vocabulary import Attributes
from encoder.common.errors import InputError
from encoder.files import read_testing_file
from gan.data.decoding import IMAGE_SIZE, decode_image
from gan.faces.conditions import read_captions


def colours_asked(texts: Sequence[str]) -> Tensor:
    """The hair and eye colours that texts state, int64 (N, 2); the conditioning head reads what is not canonical."""
    stated = {text: Attributes.from_caption(text) for text in texts}
    free = [text for text, attributes in stated.items() if attributes is None]
    indices = {text: attributes.indices for text, attributes in stated.items() if attributes is not None}
    if free:
        indices |= dict(zip(free, map(tuple, read_captions(free).tolist()), strict=True))
    return torch.tensor([indices[text][:2] for text in texts])


def read_folder(folder: Path, captions: Path) -> tuple[Tensor, Tensor]:
    """The faces of a folder and the colours asked for: ``ID.png`` for every ``ID,text`` of the testing file.

    Returns:
        uint8 (N, 3, 64, 64), and int64 (N, 2).

    Raises:
        InputError: A file is missing or cannot be decoded.
    """
    lines = read_testing_file(captions)
    images = []
    for line in tqdm(lines, desc="images", unit="img", disable=None):
        path = folder / f"{line.id}.png"
        try:
            images.append(torch.from_numpy(decode_image(path.read_bytes()).copy()))
        except Exception as error:  # a damaged file makes a decoder raise almost anything
            raise InputError(f"{path}: cannot be read ({error}); every line of {captions} needs its face") from error
    return torch.stack(images), colours_asked([line.text for line in lines])


def read_grid(path: Path, captions: Path) -> tuple[Tensor, Tensor]:
    """As ``read_folder``, of one picture with 64x64 faces row by row, in the order of the testing file."""
    from PIL import Image, UnidentifiedImageError

    lines = read_testing_file(captions)
    try:
        with Image.open(path) as file:
            width, height = file.size
            pixels = torch.frombuffer(bytearray(file.convert("RGB").tobytes()), dtype=torch.uint8)
    except (OSError, UnidentifiedImageError) as error:
        raise InputError(f"{path}: cannot be read ({error}); give a picture of 64x64 faces") from error
    rows, columns = height // IMAGE_SIZE, width // IMAGE_SIZE
    if width % IMAGE_SIZE or height % IMAGE_SIZE or not 0 <= rows * columns - len(lines) < columns:
        raise InputError(f"{path}: {width}x{height} pixels are not the {len(lines)} 64x64 faces of {captions}")
    cells = pixels.view(rows, IMAGE_SIZE, columns, IMAGE_SIZE, 3).permute(0, 2, 4, 1, 3).flatten(0, 1)
    return cells[: len(lines)].contiguous(), colours_asked([line.text for line in lines])
