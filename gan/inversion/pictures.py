"""Pictures that people give: files, folders of them, pictures of Pillow and arrays; each as 64x64 pixels."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from encoder.common.arguments import check_existing_file, kind_of
from encoder.common.errors import InputError, reason_of
from gan.data.decoding import READ, decode, suffix
from gan.data.tree import check_no_pointer
from gan.images import SOFTWARE

ACCEPTED = "give a picture's file, a folder of pictures, a picture of Pillow, or uint8 pixels (H, W, 3)"


@dataclass(frozen=True)
class Given:
    """A picture that was given.

    Attributes:
        name: Of its file, or its place among those given.
        pixels: uint8 (3, 64, 64): the square in the middle, with transparent parts white.
        texts: What its file says of it, by key.
        warnings: A line each.
    """

    name: str
    pixels: Tensor
    texts: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def drawn(self) -> dict[str, Any] | None:
        """The one face that this project says that it has drawn here: its text and seed; else ``None``."""
        if self.texts.get("Software") != SOFTWARE:
            return None
        try:
            (face,) = json.loads(self.texts.get("Faces", ""))
            return {"text": str(face["text"]), "seed": int(face["seed"])}
        except (ValueError, TypeError, KeyError):
            return None


def given_pictures(pictures: Any) -> list[Given]:
    """All pictures that are given, one or many, in order; those of a folder by name.

    Raises:
        InputError: One that cannot be read, a folder without any, or something else than pictures.
    """
    if isinstance(pictures, (str, Path, Image.Image)) or getattr(pictures, "ndim", None) in (2, 3):
        pictures = [pictures]
    elif not isinstance(pictures, Iterable) or isinstance(pictures, bytes) or hasattr(pictures, "read"):
        raise InputError(f"{pictures!r:.60} is no picture; {ACCEPTED}")
    found = [each for i, picture in enumerate(pictures, 1) for each in _given(picture, f"picture {i}")]
    if not found:
        raise InputError(f"no picture is given; {ACCEPTED}")
    return found


def _given(picture: Any, name: str) -> Iterator[Given]:
    if isinstance(picture, Given):
        yield picture
        return
    if isinstance(picture, (str, Path)):
        path = Path(picture)
        if kind_of(path) == "folder":
            files = sorted(
                file for file in path.iterdir() if suffix(file.name) in READ and not file.name.startswith(".")
            )
            if not files:
                raise InputError(f"{path}: holds no picture; {ACCEPTED}")
            for file in files:
                yield _read(file)
        else:
            yield _read(path)
        return
    image = picture if isinstance(picture, Image.Image) else _of_pixels(picture, name)
    buffer = io.BytesIO()
    image.save(buffer, "TIFF")  # which keeps every mode of Pillow
    texts = _texts(image)
    yield _decoded(buffer.getvalue(), name, texts)


def _of_pixels(pixels: Any, name: str) -> Image.Image:
    if isinstance(pixels, Tensor):
        pixels = pixels.detach().cpu()
        pixels = (
            pixels.permute(1, 2, 0).numpy() if pixels.ndim == 3 and pixels.shape[0] in (1, 3, 4) else pixels.numpy()
        )
    pixels = np.asarray(pixels)
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or not pixels.size:
        raise InputError(f"{name}: is {pixels.dtype} {pixels.shape}; {ACCEPTED}")
    try:
        return Image.fromarray(pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: is {pixels.dtype} {pixels.shape}; {ACCEPTED}") from error


def _read(path: Path) -> Given:
    check_existing_file(path)  # a pipe could be waited for without end
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({reason_of(error)})") from error
    texts: dict[str, str] = {}
    if data.startswith(b"\x89PNG"):
        try:
            with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
                texts = _texts(image)
        except Exception:  # the decoder says what is wrong
            texts = {}
    return _decoded(data, str(path), texts)


def _texts(image: Image.Image) -> dict[str, str]:
    return {str(key): value for key, value in image.info.items() if isinstance(value, str)}


def _decoded(data: bytes, name: str, texts: Mapping[str, str]) -> Given:
    try:
        picture = decode(data)
        with Image.open(io.BytesIO(data)) as image:
            frames = getattr(image, "n_frames", 1)
    except UnidentifiedImageError as error:
        check_no_pointer(data, name)
        raise InputError(
            f"{name}: is no picture that can be read; give a JPEG, PNG, WebP, BMP, GIF, TIFF or AVIF"
        ) from error
    except Exception as error:  # what Pillow raises of a broken file is of many kinds
        raise InputError(f"{name}: is no picture that can be read ({reason_of(error)[:100]})") from error
    warnings = []
    if frames > 1:
        warnings.append(f"{name}: has {frames} frames, of which the first is taken")
    if picture.cut_off:
        warnings.append(f"{name}: is cut off; what is missing is gray")
    return Given(name, torch.from_numpy(picture.pixels.copy()), texts, tuple(warnings))
