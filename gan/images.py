"""Images out: from the generator's range to uint8, tiled into one picture, and written as PNG."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from encoder.common.arguments import check_file, kind_of
from encoder.common.atomic import write_contents
from encoder.common.errors import InputError

if TYPE_CHECKING:
    import PIL.Image
    import PIL.PngImagePlugin
    import torch
    from torch import nn

SOFTWARE = "text-to-face-cgan"
"""What a PNG of this project says that it was written by."""

# Nothing here imports torch by itself: a command line is checked before it is imported.

WHITE = 255
STDOUT = Path("-")
"""In the place of a picture's file: standard output."""
FILMS = (".webp", ".gif")
"""The endings of files that are films whatever is in them. An animated PNG ends as any PNG."""
Network = TypeVar("Network", bound="nn.Module")


def to_uint8(img: torch.Tensor) -> torch.Tensor:
    """Images in [-1, 1] to uint8: ``(img + 1) * 127.5``, half rounded to even, clamped to 0 to 255; any shape."""
    return ((img + 1) * 127.5).round().clamp(0, WHITE).byte()


def to_signed(images: torch.Tensor) -> torch.Tensor:
    """Uint8 images (N, 3, H, W) to float32 in [-1, 1], channels last."""
    import torch

    return images.float().div_(127.5).sub_(1).contiguous(memory_format=torch.channels_last)


def channels_last(network: Network) -> Network:
    """The network with its convolutions' weights in the layout that is fastest on CPUs."""
    import torch

    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def enlarged(images: torch.Tensor, size: int = 64) -> torch.Tensor:
    """Uint8 images (N, 3, H, W) at ``size`` x ``size``, by repeating pixels."""
    from torch.nn import functional as F

    return F.interpolate(images, size) if images.shape[-1] != size else images


def thumbnails(images: torch.Tensor, size: int) -> torch.Tensor:
    """Uint8 images (N, 3, H, W) averaged down to ``size`` x ``size``: float32 (N, 3 size^2) in [-1, 1].

    ``size`` is a divisor of H and W.
    """
    import torch
    from torch.nn import functional as F

    small = [F.avg_pool2d(batch.float(), batch.shape[3] // size).flatten(1) for batch in images.split(256)]
    return torch.cat(small) / 127.5 - 1


def psnr(images: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """The peak signal-to-noise ratio of uint8 images (N, 3, H, W) and others, in dB: float64 (N,); at most 78."""
    error = (images.double() - others.double()).square().mean((1, 2, 3))
    return 10 * (255**2 / error.clamp_min(1e-3)).log10()


def blur(images: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """Gaussian blur of images (N, C, H, W), each by its own ``sigma`` (N,) pixels; borders use what is there."""
    import torch

    def weights(size: int) -> torch.Tensor:  # (N, size, size): how much each input pixel gives to an output pixel
        place = torch.arange(size, dtype=images.dtype)
        squared = (place[:, None] - place).square()
        # Too narrow for the neighbouring pixel is no blur at all.
        return torch.softmax(-squared / (2 * sigma.clamp_min(0.05).square()[:, None, None]), 2)

    rows, columns = weights(images.shape[2]), weights(images.shape[3])
    return rows[:, None] @ images @ columns[:, None].mT


def tile(images: torch.Tensor, per_row: int = 5) -> torch.Tensor:
    """Lay images out row by row in one picture.

    Args:
        images: uint8 (N, 3, H, W), N at least 1.
        per_row: Images a row. Fewer images than that make one shorter row; a last row that is not full ends in white.

    Returns:
        uint8 (3, rows * H, columns * W).
    """
    n, channels, height, width = images.shape
    columns = min(per_row, n)
    rows = -(-n // columns)
    cells = images.new_full((rows * columns, channels, height, width), WHITE)
    cells[:n] = images
    cells = cells.reshape(rows, columns, channels, height, width)
    return cells.permute(2, 0, 3, 1, 4).reshape(channels, rows * height, columns * width)


def course_figure(images: torch.Tensor) -> torch.Tensor:
    """Lay images out as the assignment's ``save_imgs`` does: 5x5 axes of a matplotlib figure, white around each.

    Matplotlib's defaults leave each image a square of 63.7 pixels. Here it keeps its own 64.

    Args:
        images: uint8 (N, 3, 64, 64), N at most 25.

    Returns:
        uint8 (3, 480, 640).
    """
    figure = images.new_full((3, 480, 640), WHITE)
    left, top, width, height = 80.0, 57.6, 496 / 5.8, 369.6 / 5.8  # of the first axes; gaps are a fifth of their size
    for i, image in enumerate(images):
        row, column = divmod(i, 5)
        x = round(left + (1.2 * column + 0.5) * width - image.shape[2] / 2)
        y = round(top + (1.2 * row + 0.5) * height - image.shape[1] / 2)
        figure[:, y : y + image.shape[1], x : x + image.shape[2]] = image
    return figure


def check_png_path(path: Path) -> None:
    """Raise ``InputError`` where ``save_png`` could not write ``path``, before time is spent on a picture."""
    if path == STDOUT:
        return
    if kind_of(path) == "folder":
        raise InputError(f"{path}: is a folder; give the name of a .png file")
    if path.suffix.lower() != ".png":
        raise InputError(
            f"{path}: pictures are written as PNG; give a file name that ends in .png, or in .webp or .gif for a film "
            "(--interpolate)"
        )
    check_file(path)


def check_no_given(path: Path, given: Iterable[str | Path], option: str = "--out") -> None:
    """Raise ``InputError`` where an output, that of ``option``, would replace a picture that is given."""
    if path.resolve() in {Path(each).resolve() for each in given}:
        raise InputError(f"{path}: is a picture that is given; choose another {option}")


def check_picture_path(path: Path) -> None:
    """As ``check_png_path``, of a picture that may be a film."""
    if path.suffix.lower() in FILMS and kind_of(path) != "folder":
        check_file(path)
    else:
        check_png_path(path)


def save_png(path: Path, image: torch.Tensor, text: Mapping[str, str]) -> None:
    """Write a picture, whole or not at all; its folder is made where it is missing.

    The pixels are stored, not compressed: what a compressor makes of the same pixels depends on the zlib that Pillow
    was built with, and on the processor, while equal pictures are to be equal files everywhere.

    Args:
        path: The file to write or replace, or ``STDOUT``.
        image: uint8 (3, H, W).
        text: Metadata, written as ``iTXt`` chunks (UTF-8) in this order.

    Raises:
        InputError: The folder cannot be made or written, or the disk is full.
    """
    data = encode_png(image, text, compress_level=0)
    if path == STDOUT:
        sys.stdout.buffer.write(data)
        return
    write_contents(path, data, durable=False)


def as_pil(image: torch.Tensor) -> PIL.Image.Image:
    """A uint8 image (3, H, W) as one of Pillow."""
    from PIL import Image

    return Image.fromarray(image.permute(1, 2, 0).contiguous().cpu().numpy())


def to_pixels(image: PIL.Image.Image) -> torch.Tensor:
    """The inverse of ``as_pil``, of an RGB picture."""
    import numpy as np
    import torch

    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def encode_png(image: torch.Tensor, text: Mapping[str, str], *, compress_level: int = 1) -> bytes:
    """A picture as a PNG file: as ``save_png``, compressed; a level beyond 1 makes it little smaller."""
    buffer = io.BytesIO()
    as_pil(image).save(buffer, format="PNG", compress_level=compress_level, pnginfo=png_info(text))
    return buffer.getvalue()


def png_info(text: Mapping[str, str]) -> PIL.PngImagePlugin.PngInfo:
    """Metadata as ``iTXt`` chunks (UTF-8) in this order."""
    from PIL import PngImagePlugin

    info = PngImagePlugin.PngInfo()
    for key, value in text.items():
        info.add_itxt(key, value)
    return info
