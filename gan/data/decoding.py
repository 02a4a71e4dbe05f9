"""Image files to pixels: every form that Pillow reads safely, to 64x64 RGB."""

from __future__ import annotations

import io
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image, ImageOps

if TYPE_CHECKING:
    from PIL import ImageCms

warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # twice as large ones are left out

IMAGE_SIZE = 64

READ = frozenset({".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif"})
"""The endings of image files that are read, in lower case."""

UNREAD = frozenset(
    {".heic", ".heif", ".jp2", ".j2k", ".jxl", ".svg", ".psd", ".tga", ".ico", ".eps", ".ppm", ".pgm", ".pbm", ".dds"}
    | {".exr", ".hdr", ".dng", ".cr2", ".nef", ".arw", ".raw", ".xcf", ".ai", ".pdf"}
)
"""Those of pictures of other kinds: counted as such, not called missing."""

_PNG = b"\x89PNG\r\n\x1a\n"
_DECODERS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF")


def suffix(name: str) -> str:
    """The ending of a file's name, in lower case: ``".jpg"``; ``""`` where there is none."""
    base = name[name.rfind("/") + 1 :]
    dot = base.rfind(".")
    return base[dot:].lower() if 0 < dot < len(base) - 1 else ""


def picture_kind(start: bytes) -> str:
    """The ending of a picture by its first 16 bytes; ``""`` where they are not those of one."""
    Image.init()
    kinds = (kind for kind in _DECODERS if kind != "BMP" and Image.OPEN[kind][1](start))  # type: ignore[misc]
    return next((f".{kind.lower()}" for kind in kinds), "")


def is_image(name: str) -> bool:
    """Whether a file of this name is a picture, of a kind that is read or not."""
    return suffix(name) in READ or suffix(name) in UNREAD


class Decoded(NamedTuple):
    """An image file as pixels.

    Attributes:
        pixels: uint8 (3, 64, 64), RGB.
        size: Width and height of the file.
        cut_off: The file ends too soon, and what is missing is filled.
    """

    pixels: np.ndarray
    size: tuple[int, int]
    cut_off: bool = False


def decode_image(data: bytes) -> np.ndarray:
    """The pixels of an image file, as ``decode`` gives them: uint8 (3, 64, 64), RGB."""
    return decode(data).pixels


def decode(data: bytes) -> Decoded:
    """The pixels of an image file; of an animation, its first frame.

    Transparent parts become white. Colours are those of sRGB, by the file's profile. Another size is cropped to its
    central square and resized (Lanczos, antialiased); 64x64 keeps its very pixels. Pillow's errors pass through.
    """
    cut_off = False
    try:
        image = _opened(data)
    except ValueError:  # Pillow takes no PNG with a long text, which is none of the picture
        image = _opened(_without_texts(data))
    except OSError as error:
        if "truncated" not in str(error) or not data.startswith(b"\xff\xd8"):
            raise
        image, cut_off = _opened(data + b"\xff\xd9"), True  # a JPEG, as viewers show it: grey where it ends
        if len(set(np.asarray(image.convert("L")).ravel().tolist())) == 1:
            raise
    size = image.size
    if image.has_transparency_data:
        image = _in_srgb(image.convert("RGBA"))
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    elif image.mode[0] in "IF":
        image = Image.fromarray(_eight_bits(np.asarray(image), image.mode))
    elif image.mode in ("RGB", "CMYK", "P"):
        image = _in_srgb(image.convert("RGB") if image.mode == "P" else image)
    image = ImageOps.fit(image.convert("RGB"), (IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.LANCZOS)
    return Decoded(np.asarray(image).transpose(2, 0, 1), size, cut_off)


def _opened(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=_DECODERS) as file:
        return ImageOps.exif_transpose(file)


def _without_texts(data: bytes) -> bytes:
    """A PNG without its chunks of text."""
    if not data.startswith(_PNG):
        raise ValueError("not a picture that can be read")
    kept, at = [_PNG], len(_PNG)
    while at < len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] not in (b"tEXt", b"zTXt", b"iTXt"):
            kept.append(data[at:end])
        at = end
    return b"".join(kept)


def _eight_bits(values: np.ndarray, mode: str) -> np.ndarray:
    """Grey values of 16 or 32 bits, or floats, as uint8; ValueError where their range is not known."""
    if mode == "F":
        top = float(values.max())
        if not (np.isfinite(values).all() and values.min() >= 0 and top <= 65535):
            raise ValueError("floats beyond 65,535, below 0 or not finite")
        scale = 255.0 if top <= 1 else 1.0 if top <= 255 else 1 / 257
        return np.round(values * scale).astype(np.uint8)
    if mode == "I":  # 32 bits, which may be signed
        values = values.astype(np.int64) & 0xFFFFFFFF
        bits = next(bits for bits in (8, 16, 24, 32) if values.max() < 1 << bits)
        return (values // ((1 << bits) // 255)).clip(0, 255).astype(np.uint8)
    return (values // 257).astype(np.uint8)  # 16 bits, which convert() would clip to white


def _in_srgb(image: Image.Image) -> Image.Image:
    """An image in the colours of sRGB, by the profile in its file; as it is where that cannot be used."""
    profile = image.info.get("icc_profile")
    transform = _transform(profile, image.mode) if profile else None
    return image if transform is None else transform.apply(image)


@lru_cache(maxsize=32)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """What turns the colours of a profile into those of sRGB; ``None`` where they are, or it is broken."""
    from PIL import ImageCms

    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(own):
            return None
        to = "RGB" if mode == "CMYK" else mode
        return ImageCms.buildTransform(own, ImageCms.createProfile("sRGB"), mode, to)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
