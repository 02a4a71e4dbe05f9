"""Image files to pixels: every form that Pillow reads safely, to 64x64 RGB."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageOps

IMAGE_SIZE = 64

READ = frozenset({".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif"})
"""The endings of image files that are read, in lower case."""

UNREAD = frozenset(
    {".heic", ".heif", ".jp2", ".j2k", ".jxl", ".svg", ".psd", ".tga", ".ico", ".eps", ".ppm", ".pgm", ".pbm", ".dds"}
    | {".exr", ".hdr", ".dng", ".cr2", ".nef", ".arw", ".raw", ".xcf", ".ai", ".pdf"}
)
"""Those of pictures of other kinds: counted as such, not called missing."""

_DECODERS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF")


def suffix(name: str) -> str:
    """The ending of a file's name, in lower case: ``".jpg"``; ``""`` where there is none."""
    base = name[name.rfind("/") + 1 :]
    dot = base.rfind(".")
    return base[dot:].lower() if 0 < dot < len(base) - 1 else ""


def is_image(name: str) -> bool:
    """Whether a file of this name is a picture, of a kind that is read or not."""
    return suffix(name) in READ or suffix(name) in UNREAD


def decode_image(data: bytes) -> np.ndarray:
    """The pixels of an image file: uint8 (3, 64, 64), RGB; of an animation, its first frame.

    Transparent parts become white. Another size is cropped to its central square and resized (Lanczos, antialiased);
    64x64 keeps its very pixels. Pillow's errors pass through.
    """
    with Image.open(io.BytesIO(data), formats=_DECODERS) as file:
        image = ImageOps.exif_transpose(file)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    elif image.mode.startswith("I"):  # 16-bit grey, which convert() would clip to white
        image = Image.fromarray((np.asarray(image) // 257).astype(np.uint8))
    image = ImageOps.fit(image.convert("RGB"), (IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.LANCZOS)
    return np.asarray(image).transpose(2, 0, 1)
