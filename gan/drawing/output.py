"""What a call of the pipeline gives: images with their texts and seeds, and what was read; a notebook shows it."""

from __future__ import annotations

import base64
import html
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

PER_ROW = 5


@dataclass(frozen=True)
class Output:
    """N images.

    Attributes:
        images: Of Pillow, in RGB.
        texts: That each was drawn for.
        seeds: Of each: the same text and seed draw the same image again.
        read: What was read in each text, by attribute, with ``None`` for what it leaves open:
            ``{"hair": "pink", "eyes": None, "length": None}``; ``None`` for a model of other things than faces.
        warnings: What the writer of the texts should know, a line each.
    """

    images: list[Image]
    texts: list[str]
    seeds: list[int]
    read: list[dict[str, str | None] | None]
    warnings: list[str]

    def __len__(self) -> int:
        return len(self.images)

    def grid(self, per_row: int = PER_ROW) -> Image:
        """All images in one, row by row, as ``infer.py`` lays them out."""
        import torch

        from gan.images import as_pil, tile, to_pixels

        images = torch.stack([to_pixels(image) for image in self.images])
        return as_pil(tile(images, per_row))

    def __repr__(self) -> str:
        return f"Output({len(self)} images, texts={list(dict.fromkeys(self.texts))}, seeds={self.seeds})"

    def _repr_png_(self) -> bytes:
        return _png(self.grid())

    def _repr_html_(self) -> str:
        figures = [
            f'<figure style="margin:0;width:128px;font-size:11px;text-align:center">'
            f'<img src="data:image/png;base64,{base64.b64encode(_png(image)).decode()}" alt="{html.escape(text)}" '
            f'style="width:128px;image-rendering:pixelated">{html.escape(text)} ({seed})</figure>'
            for image, text, seed in zip(self.images, self.texts, self.seeds, strict=True)
        ]
        return f'<div style="display:flex;flex-wrap:wrap;gap:8px">{"".join(figures)}</div>'


@dataclass(frozen=True)
class Edited(Output):
    """Pictures that were edited; ``seeds`` number the variations of an edit, and 0 is the edit itself.

    Attributes:
        given: The N pictures that were given, 64x64.
        reconstructions: What the model draws of each without any change.
        quality: How near these are to the pictures, in dB (PSNR).
        shown: What was read in each picture, as ``read``, with exact colours.
    """

    given: list[Image]
    reconstructions: list[Image]
    quality: list[float]
    shown: list[dict[str, Any] | None]

    def grid(self, per_row: int = PER_ROW) -> Image:
        """A column for each picture: as given, its reconstruction, its edits; ``per_row`` columns beside each other."""
        num = len(self) // len(self.given)
        edits = [self.images[k::num] for k in range(num)]
        return columns([self.given, self.reconstructions, *edits], per_row)


def columns(rows: list[list[Image]], per_row: int = PER_ROW) -> Image:
    """Rows of N pictures each in one picture; where N is more than ``per_row``, the rest stands below."""
    import torch

    from gan.images import as_pil, tile, to_pixels

    pixels = [torch.stack([to_pixels(image) for image in row]) for row in rows]
    width = min(per_row, len(rows[0]))
    parts = []
    for start in range(0, len(rows[0]), width):
        for row in pixels:
            part = row[start : start + width]
            parts.append(torch.cat([part, part.new_full((width - len(part), *part.shape[1:]), 255)]))
    return as_pil(tile(torch.cat(parts), width))


def _png(image: Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
