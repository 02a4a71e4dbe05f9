"""Small drawn faces, and sources made of them, for tests that need images."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Mapping
from pathlib import Path

from PIL import Image, ImageDraw

from encoder.attributes.vocabulary import Attributes
from gan.data import Split, load_images
from gan.faces.dataset import FaceDataset, faces_of
from gan.images import save_png

RGB = {
    "orange": (255, 140, 0), "white": (225, 225, 235), "aqua": (0, 220, 220), "gray": (128, 128, 128),
    "green": (30, 170, 60), "red": (215, 30, 40), "purple": (130, 40, 170), "pink": (255, 140, 190),
    "blue": (40, 70, 220), "black": (20, 20, 25), "brown": (115, 70, 35), "blonde": (245, 220, 120),
    "yellow": (240, 215, 0),
}  # fmt: skip
"""A typical value of every hair and eye colour."""


def draw_face(hair: str, eyes: str, *, size: int = 64, seed: int = 0) -> Image.Image:
    """A face on white: hair as a coloured block above and beside a skin ellipse with two coloured eyes.

    ``seed`` moves the face by up to two pixels of 64 and varies the hair's width, so that faces of one label differ.
    """
    rng = random.Random(seed)
    unit = size / 64
    x, y, wide = rng.uniform(-2, 2), rng.uniform(-2, 2), rng.uniform(0, 4)

    def box(left: float, top: float, right: float, bottom: float) -> tuple[float, float, float, float]:
        return (left + x) * unit, (top + y) * unit, (right + x) * unit, (bottom + y) * unit

    image = Image.new("RGB", (size, size), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle(box(12 - wide, 6, 52 + wide, 54), fill=RGB[hair])
    draw.ellipse(box(17, 16, 47, 58), fill=(255, 224, 196))
    for left in (21, 35):
        draw.ellipse(box(left, 30, left + 8, 41), fill=RGB[eyes])
    return image


def encode_image(image: Image.Image, format: str = "PNG", **settings: object) -> bytes:
    """The bytes of an image file."""
    buffer = io.BytesIO()
    image.save(buffer, format, **settings)
    return buffer.getvalue()


def write_source(path: Path, tags: str | bytes, images: Mapping[str, Image.Image | bytes]) -> Path:
    """A folder, or a zip if ``path`` ends in ``.zip``, of ``tags.csv`` and images by name, as in ``"faces/1.png"``."""
    files = {"tags.csv": tags.encode() if isinstance(tags, str) else tags}
    files |= {name: image if isinstance(image, bytes) else encode_image(image) for name, image in images.items()}
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
    else:
        for name, data in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(data)
    return path


def load_faces(*paths: str | Path, split: Split = "all") -> FaceDataset:
    """The faces of some sources."""
    return faces_of(load_images(list(paths), split="all", progress=False)[0]).of(split)


def write_pictures(folder: Path, faces: FaceDataset) -> None:
    """``faces/0.png`` and so on, and ``captions.txt``, the testing file that they were drawn for."""
    lines = []
    for i, (hair, eyes, _) in enumerate(faces.attributes.tolist()):
        save_png(folder / "faces" / f"{i}.png", faces.images[i], {})
        lines.append(f"{i}, {Attributes.from_indices((hair, eyes, 0)).caption}\n")
    (folder / "captions.txt").write_text("".join(lines))
