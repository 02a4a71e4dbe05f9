"""The way from key to key: what a key is, the frames, and a film's file."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from encoder.common.arguments import MAX_SEED, check_existing_file
from encoder.common.atomic import write_contents
from encoder.common.errors import InputError
from encoder.files import PICTURE_NAME
from encoder.text import check_text
from gan.images import STDOUT, as_pil, png_info

if TYPE_CHECKING:
    from torch import Tensor

WEBP = {"quality": 95, "method": 6}
"""Of libwebp: 2.4 KB for a frame of 64x64 pixels, 39 dB from what is drawn. Without loss it has 7 KB."""
SOFTWARE, DESCRIPTION = 0x0131, 0x010E
"""Tags of EXIF."""


_SEED = re.compile(r"seed:\s*(\d+)(?:\s+(.*))?", re.DOTALL | re.IGNORECASE)


class Key(NamedTuple):
    """What a way leads to: a picture's file, or a text, which may be empty, and the seed that it names."""

    text: str
    seed: int | None = None
    picture: Path | None = None


def read_key(key: str) -> Key:
    """A key of ``--interpolate``: a picture's file, a text, or ``seed:N`` with a text behind it or none.

    Raises:
        InputError: A missing picture, a folder, an empty text, no seed behind ``seed:``, or one that is too large.
    """
    if os.path.isfile(key) or PICTURE_NAME.fullmatch(key.rpartition(" ")[2]):  # a long text can be no file's name
        check_existing_file(Path(key))
        return Key("", picture=Path(key))
    if "/" in key and os.path.isdir(key):
        raise InputError(f"--interpolate: {key} is a folder; give its pictures one by one")
    if not key.strip().lower().startswith("seed:"):
        return Key(check_text(key, "--interpolate"))
    found = _SEED.fullmatch(key.strip())
    if not found:
        raise InputError(f"--interpolate: {key!r:.60} names no seed; write seed:N, or seed:N and a text")
    if int(found[1]) > MAX_SEED:
        raise InputError(f"--interpolate: {key!r:.60} has too large a seed; give one from 0 to {MAX_SEED}")
    return Key(check_text(found[2], "--interpolate") if found[2] else "", int(found[1]))


def eased(keys: Tensor, steps: int, *, loop: bool) -> Tensor:
    """Values on the way from each key to the next, slow at the keys (smoothstep, 3t^2 - 2t^3).

    Args:
        keys: (K, ...), K at least 2.
        steps: Values from a key to the next, at least 1. The first of the two keys is one of them.
        loop: Whether the way goes on from the last key to the first. Otherwise its last value is the last key.

    Returns:
        (K * steps, ...) with ``loop``, else ((K - 1) * steps + 1, ...).
    """
    import torch

    t = torch.arange(steps, dtype=keys.dtype, device=keys.device) / steps
    weight = (t * t * (3 - 2 * t)).view(1, -1, *[1] * (keys.ndim - 1))
    frames = torch.lerp(keys[:, None], keys.roll(-1, 0)[:, None], weight).flatten(0, 1)
    return frames if loop else frames[: (len(keys) - 1) * steps + 1]


def save_film(path: Path, frames: Tensor, *, fps: int, loop: bool, text: Mapping[str, str]) -> None:
    """Write an animated WebP, GIF or PNG, by the ending of its file, whole or not at all.

    Args:
        path: The file to write or replace, or ``STDOUT``, which gets a PNG.
        frames: uint8 (N, 3, H, W).
        fps: Frames a second. A GIF counts in hundredths of a second.
        loop: Whether it plays for ever, or once.
        text: Metadata: ``iTXt`` chunks of a PNG, the EXIF description of a WebP, the comment of a GIF, these as JSON.

    Raises:
        InputError: The folder cannot be made or written, or the disk is full.
    """
    first, *others = (as_pil(frame) for frame in frames)
    described = json.dumps(text)  # ASCII, which EXIF and GIF ask for
    options: dict[str, Any]
    if path.suffix.lower() == ".webp":
        exif = first.getexif()
        exif[SOFTWARE], exif[DESCRIPTION] = text["Software"], described
        options = {"format": "WEBP", "loop": 0 if loop else 1, "exif": exif, **WEBP}
    elif path.suffix.lower() == ".gif":
        options = {"format": "GIF", "comment": described.encode(), **({"loop": 0} if loop else {})}
    else:
        options = {"format": "PNG", "loop": 0 if loop else 1, "pnginfo": png_info(text)}
    buffer = io.BytesIO()
    first.save(buffer, save_all=True, append_images=others, duration=round(1000 / fps), **options)
    if path == STDOUT:
        sys.stdout.buffer.write(buffer.getvalue())
        return
    write_contents(path, buffer.getvalue(), durable=False)
