"""Small data sets in every form, of drawn pictures, for the tests of ``gan.data``."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from drawing import encode_image
from PIL import Image

from gan.data import ImageDataset, Summary, load_images


def picture(seed: int, size: int = 64) -> Image.Image:
    """A picture unlike those of other seeds."""
    small = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((size, size), Image.Resampling.BICUBIC)


def png(seed: int) -> bytes:
    """Its file."""
    return encode_image(picture(seed))


def zip_file(files: Mapping[str, bytes]) -> bytes:
    """A zip of files by name."""
    with zipfile.ZipFile(buffer := io.BytesIO(), "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tar(files: Mapping[str, bytes]) -> bytes:
    """A tar of files by name."""
    with tarfile.open(fileobj=(buffer := io.BytesIO()), mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def write(path: Path, files: Mapping[str, bytes | str]) -> Path:
    """A folder, or after its ending a zip or a tar, of files by name."""
    data = {name: content.encode() if isinstance(content, str) else content for name, content in files.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix in (".zip", ".tar"):
        path.write_bytes(zip_file(data) if path.suffix == ".zip" else tar(data))
    else:
        for name, content in data.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)
    return path


def parquet(rows: list[dict[str, Any]], metadata: dict[bytes, bytes] | None = None) -> bytes:
    """A parquet file of rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist(rows)
    if metadata:
        table = table.replace_schema_metadata(metadata)
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def load(*paths: str | Path) -> tuple[ImageDataset, Summary]:
    """All images."""
    return load_images(list(paths), split="all", progress=False)


def captions(data: ImageDataset) -> dict[str, list[str]]:
    """The captions of each image by its id."""
    return {id: list(own) for id, own in zip(data.ids, data.captions, strict=True)}
