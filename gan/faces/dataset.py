"""Labelled faces from folders and zips, decoded once into one uint8 tensor.

A source is a folder or a zip that holds a ``tags.csv`` and its images, in ``faces/``, in ``images/`` or beside it.
Real data are untidy (several hair colours, none, damaged files), so what cannot be used is counted in one ``Summary``
rather than raised.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import torch
from PIL import Image, ImageOps

from encoder.attributes.vocabulary import SLOTS, Attributes
from encoder.common.errors import InputError
from encoder.files import TagRow, decode_lines, read_tags
from gan.data.duplicates import copy_groups

IMAGE_SIZE = 64
HELDOUT_ONE_IN = 16

Split: TypeAlias = Literal["train", "heldout", "all"]
CaptionReader: TypeAlias = Callable[[Sequence[str]], torch.Tensor]
"""N texts -> int64 (N, 3), what each states, as in ``Attributes.indices``."""

_Folder: TypeAlias = Path | zipfile.Path
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
_DECODERS = ("JPEG", "PNG", "WEBP")
_READ_ERRORS = (OSError, RuntimeError, zipfile.BadZipFile, zlib.error)  # RuntimeError: an encrypted zip
_CHUNK = 64  # images a thread decodes at a time
_NAMED = 5  # examples the summary names


@dataclass(frozen=True, eq=False)
class FaceDataset:
    """N labelled faces, held in memory.

    Attributes:
        images: uint8 (N, 3, 64, 64), RGB.
        attributes: int64 (N, 3), ``Attributes.indices`` of each face; 0 is unknown.
        sources: int64 (N,), the position in ``source_names`` of each face's source.
        source_names: The sources, in the order in which they were given.
        ids: ``"source/id"`` of each face, no two the same.
        splits: ``"train"``, ``"heldout"`` or ``"copy"`` (of a held-out face, so in neither split) of each face.
    """

    images: torch.Tensor
    attributes: torch.Tensor
    sources: torch.Tensor
    source_names: tuple[str, ...]
    ids: tuple[str, ...]
    splits: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: slice | torch.Tensor) -> FaceDataset:
        """The faces in a slice, at int64 positions (M,) or under a bool mask (N,); the sources keep their numbers."""
        positions = torch.arange(len(self))[index].tolist()
        return FaceDataset(
            self.images[index],
            self.attributes[index],
            self.sources[index],
            self.source_names,
            tuple(self.ids[i] for i in positions),
            tuple(self.splits[i] for i in positions),
        )

    def of(self, split: Split) -> FaceDataset:
        """The faces of a split; ``InputError`` where there is none."""
        if split == "all":
            return self
        chosen = torch.tensor([own == split for own in self.splits])
        if not chosen.any():
            raise InputError(f"{', '.join(self.source_names)}: no face in the split {split!r}; give more faces")
        return self[chosen]


@dataclass
class SourceSummary:
    """What became of the rows and the images of one source.

    A row with an image and a known hair or eye colour is a face.

    Attributes:
        name: The source's name.
        rows: Rows in ``tags.csv``.
        faces: Faces by split, as in ``FaceDataset.splits``.
        unknown: Faces whose value is unknown, for each slot of ``SLOTS``: unstated or ambiguous.
        ambiguous: Those of them for which several values are stated.
        ignored: Tags that state no attribute, and how often each occurs.
        without_colour: Rows left out, for neither hair nor eyes are known.
        without_image: Rows left out.
        without_tags: Images left out.
        damaged: File names of the faces left out, for they cannot be decoded.
    """

    name: str
    rows: int
    faces: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    ambiguous: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    without_colour: int = 0
    without_image: int = 0
    without_tags: int = 0
    damaged: list[str] = field(default_factory=list)

    @property
    def left_out(self) -> str:
        """What could not be used, in one line; empty where nothing was left out."""
        counts = {
            "without hair or eye colour": self.without_colour,
            "without image": self.without_image,
            "without tags": self.without_tags,
            "copies of held-out faces": self.faces["copy"],
            f"damaged ({_examples(self.damaged)})": len(self.damaged),
        }
        return ", ".join(f"{n:,} {what}" for what, n in counts.items() if n)

    def __str__(self) -> str:
        faces = self.faces
        lines = [f"{self.name}: {self.rows:,} rows, {faces['train']:,} training + {faces['heldout']:,} held-out faces"]
        if self.unknown:
            slots = [f"{slot} {n:,} ({self.ambiguous[slot]:,} ambiguous)" for slot, n in self.unknown.items()]
            lines.append(f"  unknown: {', '.join(slots)}")
        if self.ignored:
            names = _examples([tag for tag, _ in self.ignored.most_common()])
            lines.append(f"  ignored: {self.ignored.total():,} other tags ({names})")
        if self.left_out:
            lines.append(f"  left out: {self.left_out}")
        return "\n".join(lines)


@dataclass
class Summary:
    """What was read, source by source, and how many faces of ``split`` were loaded."""

    split: Split
    sources: list[SourceSummary] = field(default_factory=list)
    loaded: int = 0

    def __str__(self) -> str:
        return "\n".join([*map(str, self.sources), f"loaded: {self.loaded:,} faces ({self.split})"])


def is_held_out(face_id: str) -> bool:
    """Whether ``"source/id"`` is held out, one in sixteen: by a hash of the id alone, so that it never changes."""
    digest = hashlib.sha256(face_id.encode()).digest()
    return int.from_bytes(digest[:8], "little") % HELDOUT_ONE_IN == 0


def split_of_copies(ids: Sequence[str]) -> dict[str, str]:
    """The split of each of a group of faces that are copies of each other, as in ``FaceDataset.splits``.

    A group of which no face is held out is trained on; of any other, one held-out face stands for all.
    """
    heldout = min(filter(is_held_out, ids), default=None)
    if heldout is None:
        return dict.fromkeys(ids, "train")
    return {**dict.fromkeys(ids, "copy"), heldout: "heldout"}


@dataclass(frozen=True, eq=False)
class _Face:
    """A face whose image is not decoded yet."""

    source: SourceSummary
    id: str  # "source/id"
    indices: Sequence[int]  # as in Attributes.indices
    image: _Folder


def load_faces(
    paths: Sequence[str | Path],
    *,
    split: Split = "train",
    read_captions: CaptionReader | None = None,
    progress: bool = True,
) -> tuple[FaceDataset, Summary]:
    """Load the faces of one source or several.

    Args:
        paths: Folders and zips. A source is called ``anime`` or ``extra`` after the format of its ``tags.csv``, or like
            its path where that holds free captions; ``"NAME=PATH"`` calls it otherwise.
        split: The faces to return; all are read. No training face is a copy of a held-out one, mirrored or not, nor is
            any held-out face of another (``gan.data.duplicates``).
        read_captions: Says what captions state that are not canonical ones; called once a source, with unique texts.
        progress: Draw a progress bar, if stderr is a terminal.

    Returns:
        The faces, in the order of ``paths`` and of their rows, and the account of all that was found. Images are
        prepared as in ``decode_image``.

    Raises:
        InputError: A source is missing, cut off or without a usable face, two have one name, ``tags.csv`` is malformed
            or has captions that only ``read_captions`` could read, or the split is empty.
    """
    summary = Summary(split)
    found: list[_Face] = []
    for path in paths:
        source, of_source = _read_source(path, read_captions)
        if any(other.name == source.name for other in summary.sources):
            raise InputError(f"{path}: a second source called {source.name!r}; name it, as in NAME={path}")
        summary.sources.append(source)
        found += of_source

    images, damaged = _decode([face.image for face in found], progress)
    if damaged:
        for face in (found[i] for i in damaged):
            face.source.damaged.append(face.image.name)
        kept = sorted(set(range(len(found))) - set(damaged))
        images, found = images[kept], [found[i] for i in kept]
    if not found:
        why = "; ".join(source.left_out for source in summary.sources)
        raise InputError(f"{', '.join(map(str, paths))}: no usable face ({why})")

    names = tuple(source.name for source in summary.sources)
    attributes = torch.tensor([face.indices for face in found])
    sources = torch.tensor([names.index(face.source.name) for face in found])
    ids = tuple(face.id for face in found)
    splits = _split(images, sources, ids)
    for face, own in zip(found, splits, strict=True):
        face.source.faces[own] += 1
    faces = FaceDataset(images, attributes, sources, names, ids, splits).of(split)
    summary.loaded = len(faces)
    return faces, summary


def _split(images: torch.Tensor, sources: torch.Tensor, ids: Sequence[str]) -> tuple[str, ...]:
    """The split of each face; copies are looked for within a source, so that no other one changes its split."""
    splits: dict[str, str] = {}
    for source in sources.unique():
        rows = (sources == source).nonzero().squeeze(1)
        groups: dict[int, list[str]] = {}
        for row, group in zip(rows.tolist(), copy_groups(images[rows]).tolist(), strict=True):
            groups.setdefault(group, []).append(ids[row])
        for group_ids in groups.values():
            splits |= split_of_copies(group_ids)
    return tuple(splits[id] for id in ids)


def decode_image(data: bytes) -> np.ndarray:
    """The pixels of a JPEG, PNG or WebP file: uint8 (3, 64, 64), RGB.

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


def _decode(files: Sequence[_Folder], progress: bool) -> tuple[torch.Tensor, list[int]]:
    """The images (N, 3, 64, 64) of N files, and the positions of those that cannot be decoded."""
    from tqdm import tqdm

    images = torch.empty(len(files), 3, IMAGE_SIZE, IMAGE_SIZE, dtype=torch.uint8)
    pixels = images.numpy()

    def decode_chunk(chunk: range) -> list[int]:
        damaged = []
        for i in chunk:
            try:
                pixels[i] = decode_image(files[i].read_bytes())
            except Exception:  # a damaged file makes a decoder raise almost anything
                damaged.append(i)
        return damaged

    chunks = [range(start, min(start + _CHUNK, len(files))) for start in range(0, len(files), _CHUNK)]
    damaged: list[int] = []
    hidden = None if progress else True  # None: hidden unless stderr is a terminal
    with ThreadPoolExecutor() as pool, tqdm(total=len(files), desc="images", unit="img", disable=hidden) as bar:
        for chunk, found in zip(chunks, pool.map(decode_chunk, chunks), strict=True):
            damaged += found
            bar.update(len(chunk))
    return images, damaged


def _read_source(path: str | Path, read_captions: CaptionReader | None) -> tuple[SourceSummary, list[_Face]]:
    """All there is to a source but its pixels."""
    given_name, location = _split_name(path)
    folder = _tagged_folder(location)
    tags_path = f"{location}/tags.csv"
    try:
        data = (folder / "tags.csv").read_bytes()
    except _READ_ERRORS as error:
        raise InputError(f"{tags_path}: cannot be read ({error})") from error
    tags = read_tags(decode_lines(data, tags_path), tags_path)
    name = given_name or (location.resolve().stem if tags.format == "free" else tags.format)
    source = SourceSummary(name, rows=len(tags.rows), ignored=tags.ignored)

    images = {image.name: image for image in _images(folder)}
    by_stem = {Path(file).stem: image for file, image in images.items()}
    paired = [(row, image) for row in tags.rows if (image := images.get(row.id) or by_stem.get(row.id))]
    source.without_image = len(tags.rows) - len(paired)
    source.without_tags = len(images) - len({image.name for _, image in paired})

    stated = _read_free_captions([row for row, _ in paired], read_captions, tags_path)
    faces = []
    for row, image in paired:
        values = {"hair": row.hair, "eyes": row.eyes, "length": row.length}
        certain = {slot: found[0] for slot, found in values.items() if len(found) == 1}
        indices = stated.get(row.id) or Attributes(**certain).indices
        hair, eyes, _ = indices
        if not (hair or eyes):
            source.without_colour += 1
            continue
        face = _Face(source, f"{name}/{row.id}", indices, image)
        faces.append(face)
        source.unknown.update(slot for slot, index in zip(SLOTS, indices, strict=True) if index == 0)
        source.ambiguous.update(slot for slot, found in values.items() if len(found) > 1)
    if not faces:
        raise InputError(f"{location}: no usable face ({source.left_out})")
    return source, faces


def _read_free_captions(
    rows: Sequence[TagRow], read_captions: CaptionReader | None, tags_path: str
) -> dict[str, list[int]]:
    """What the captions that are not canonical ones state: ``Attributes.indices`` by row id."""
    free = {row.id: row.text for row in rows if row.text is not None and Attributes.from_caption(row.text) is None}
    if not free:
        return {}
    texts = list(dict.fromkeys(free.values()))
    if read_captions is None:
        raise InputError(f"{tags_path}: {texts[0][:40]!r} needs an encoder to be read; or write 'pink hair green eyes'")
    stated = dict(zip(texts, read_captions(texts).tolist(), strict=True))
    return {id: stated[text] for id, text in free.items()}


def _split_name(path: str | Path) -> tuple[str | None, Path]:
    """``"NAME=PATH"``, or a path alone, which may hold an ``=`` of its own."""
    match = re.fullmatch(r"([\w.-]+)=(.+)", str(path))
    if match is None or Path(path).exists():
        return None, Path(path)
    return match[1], Path(match[2])


def _tagged_folder(path: Path) -> _Folder:
    """The folder, or the zip read as one, that holds ``tags.csv``: ``path`` itself or the only such folder in it."""
    if not path.exists():
        raise InputError(f"{path}: no such folder or zip")
    try:
        root: _Folder = path if path.is_dir() else zipfile.Path(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not a folder and not a whole zip ({error}); fetch or pack it again") from error
    if (root / "tags.csv").is_file():
        return root
    found = [child for child in root.iterdir() if (child / "tags.csv").is_file()]
    if not found:
        raise InputError(f"{path}: holds no tags.csv")
    if len(found) > 1:
        names = ", ".join(sorted(child.name for child in found))
        raise InputError(f"{path}: holds several folders with a tags.csv ({names}); give each of them")
    return found[0]


def _images(folder: _Folder) -> list[_Folder]:
    """The image files, by name, of the first of ``faces/``, ``images/`` and the folder itself that has any."""
    for place in (folder / "faces", folder / "images", folder):
        found = [file for file in place.iterdir() if _is_image(file.name)] if place.is_dir() else []
        if found:
            return sorted(found, key=lambda file: file.name)
    return []


def _is_image(name: str) -> bool:
    return Path(name).suffix.lower() in _SUFFIXES and not name.startswith(".")


def _digest(file: _Folder) -> bytes | None:
    """A hash of a file's bytes; ``None`` where it cannot be read."""
    try:
        return hashlib.sha256(file.read_bytes()).digest()
    except _READ_ERRORS:
        return None


def _examples(names: Sequence[str]) -> str:
    """The first few of the names."""
    return ", ".join([*names[:_NAMED], "..."] if len(names) > _NAMED else names)
