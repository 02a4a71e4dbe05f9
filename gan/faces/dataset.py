"""Faces: captioned images of which hair and eyes are known."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor

from encoder.attributes.vocabulary import COLOUR_SLOTS, SLOTS, Attributes
from encoder.common.errors import InputError
from gan.data import Split, load_images
from gan.data.dataset import ImageDataset, SourceSummary, Summary

CaptionReader: TypeAlias = Callable[[Sequence[str]], Tensor]
"""N texts -> int64 (N, 3), what each states, as in ``Attributes.indices``."""

_TAGS = {
    slot: {f"{value} {'eyes' if slot == 'eyes' else 'hair'}": value for value in values}
    for slot, values in SLOTS.items()
}
_NAMED = 5  # tags that a summary names


@dataclass(frozen=True, eq=False, kw_only=True)
class FaceDataset(ImageDataset):
    """N labelled faces, held in memory.

    Attributes:
        images: uint8 (N, 3, 64, 64), RGB.
        attributes: int64 (N, 3), ``Attributes.indices`` of each face; 0 is unknown.
    """

    images: Tensor
    attributes: Tensor

    def _part(self, positions: Tensor) -> dict[str, Any]:
        return {**super()._part(positions), "attributes": self.attributes[positions]}


@dataclass
class FaceSummary(SourceSummary):
    """What became of the faces of one source.

    Attributes:
        unknown: Faces whose value is unknown, for each slot of ``SLOTS``: unstated or ambiguous.
        ambiguous: Those of them for which several values are stated.
        ignored: Tags that state no attribute, and how often each occurs.
    """

    unknown: Counter[str] = field(default_factory=Counter)
    ambiguous: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)

    noun = "faces"

    @property
    def faces(self) -> Counter[str]:
        """Faces by split."""
        return self.images

    def lines(self) -> list[str]:
        """See ``SourceSummary``."""
        lines = super().lines()
        if self.unknown:
            slots = [f"{slot} {n:,} ({self.ambiguous[slot]:,} ambiguous)" for slot, n in self.unknown.items()]
            lines.append(f"  unknown: {', '.join(slots)}")
        if self.ignored:
            names = [tag for tag, _ in self.ignored.most_common()]
            named = ", ".join([*names[:_NAMED], "..."] if len(names) > _NAMED else names)
            lines.append(f"  ignored: {self.ignored.total():,} other tags ({named})")
        return lines


@dataclass(frozen=True)
class _Label:
    """What is known of a face: ``Attributes.indices``, and the slots for which several values are stated."""

    indices: tuple[int, ...]
    ambiguous: tuple[str, ...] = ()

    @property
    def is_face(self) -> bool:
        """Whether hair or eye colour is known."""
        return any(self.indices[: len(COLOUR_SLOTS)])


WITHOUT_COLOUR = "without hair or eye colour"


def load_faces(
    paths: Sequence[str | Path],
    *,
    split: Split = "train",
    read_captions: CaptionReader | None = None,
    progress: bool = True,
) -> tuple[FaceDataset, Summary]:
    """Load the faces of one source or several.

    Args:
        paths: As ``gan.data.load_images`` takes them.
        split: The faces to return; all are read.
        read_captions: Says what captions state that are not canonical ones; called once, with unique texts.
        progress: Show how far reading is.

    Returns:
        The faces of which hair or eye colour is known, and the account of all that was found. Of several captions of a
        face, those that state an attribute have to agree on it, or it is unknown.

    Raises:
        InputError: As ``gan.data.load_images``; no face is usable, or captions need ``read_captions``.
    """
    images, read = load_images(paths, split="all", progress=progress)
    accounts = [_account(source) for source in read.sources]
    summary = Summary(split, accounts)
    labels = _labels(images, accounts, read_captions or _no_reader(images))
    _count(images, labels, accounts)
    known = torch.tensor([label.is_face for label in labels])
    if not known.any():
        why = "; ".join(account.left_out for account in accounts)
        raise InputError(f"{', '.join(map(str, paths))}: no usable face ({why})")
    faces = _faces(images, labels, known).of(split)
    summary.loaded = len(faces)
    return faces, summary


def faces_of(images: ImageDataset, read_captions: CaptionReader | None = None) -> FaceDataset:
    """The images of which hair or eye colour is known, as faces in memory; ``InputError`` where there is none.

    Args:
        images: As they were loaded.
        read_captions: As of ``load_faces``; by default the conditioning head.
    """
    labels = _labels(
        images, [_account(SourceSummary(name)) for name in images.source_names], read_captions or read_by_head
    )
    known = torch.tensor([label.is_face for label in labels], dtype=torch.bool)
    if not known.any():
        names = ", ".join(images.source_names)
        raise InputError(
            f"{names}: no caption states hair or eyes, as 'pink hair green eyes' does; condition on captions"
        )
    return _faces(images, labels, known)


def share_of_faces(images: ImageDataset, most: int = 512, read_captions: CaptionReader | None = None) -> float:
    """The share, from 0 to 1, of images whose first caption states hair or eyes; of ``most`` of them, spread out."""
    sample = images[torch.linspace(0, len(images) - 1, min(most, len(images))).long()]
    sample = dataclasses.replace(sample, captions=tuple(own[:1] for own in sample.captions))
    labels = _labels(
        sample, [_account(SourceSummary(name)) for name in images.source_names], read_captions or read_by_head
    )
    return sum(label.is_face or any(slot in COLOUR_SLOTS for slot in label.ambiguous) for label in labels) / len(sample)


def read_by_head(texts: Sequence[str]) -> Tensor:
    """What free captions state, by the conditioning head: N texts -> int64 (N, 3), ``Attributes.indices``."""
    from encoder.loading import load_encoder

    encoder = load_encoder("head")
    labels = encoder.space.labels(encoder.encode(texts, progress=True))
    assert labels is not None
    return labels


def _no_reader(images: ImageDataset) -> CaptionReader:
    def refuse(texts: Sequence[str]) -> Tensor:
        names = ", ".join(images.source_names)
        raise InputError(f"{names}: {texts[0][:40]!r} needs an encoder to be read; or write 'pink hair green eyes'")

    return refuse


def _faces(images: ImageDataset, labels: Sequence[_Label], known: Tensor) -> FaceDataset:
    part = images[known]
    values = {f.name: getattr(part, f.name) for f in dataclasses.fields(ImageDataset)}
    attributes = torch.tensor([label.indices for label in labels])[known]
    return FaceDataset(**{**values, "images": part.images[:]}, attributes=attributes)


def _count(images: ImageDataset, labels: Sequence[_Label], accounts: Sequence[FaceSummary]) -> None:
    """Enter the faces in the accounts of their sources."""
    for account in accounts:
        account.images = Counter()
    for number, own, label in zip(images.sources.tolist(), images.splits, labels, strict=True):
        account = accounts[number]
        if not label.is_face:
            account.reasons[WITHOUT_COLOUR] += 1
            continue
        account.images[own] += 1
        account.unknown.update(slot for slot, index in zip(SLOTS, label.indices, strict=True) if index == 0)
        account.ambiguous.update(label.ambiguous)


def _account(source: SourceSummary) -> FaceSummary:
    return FaceSummary(**{f.name: getattr(source, f.name) for f in dataclasses.fields(SourceSummary)})


def _accounts(images: ImageDataset) -> list[FaceSummary]:
    return [_account(SourceSummary(name)) for name in images.source_names]


def _labels(images: ImageDataset, accounts: Sequence[FaceSummary], read_captions: CaptionReader) -> list[_Label]:
    """What is known of each face."""
    tagged = [images.formats[number] == "anime" for number in images.sources.tolist()]
    texts = (text for by_tags, own in zip(tagged, images.captions, strict=True) if not by_tags for text in own)
    stated = read_attributes(texts, read_captions)
    labels = []
    for by_tags, number, captions in zip(tagged, images.sources.tolist(), images.captions, strict=True):
        if by_tags:
            tags = [tag for caption in captions for tag in caption.split(", ")]
            accounts[number].ignored.update(tag for tag in tags if not any(tag in known for known in _TAGS.values()))
            values = [{_TAGS[slot][tag] for tag in tags if tag in _TAGS[slot]} for slot in SLOTS]
            indices = [{SLOTS[slot].index(value) + 1 for value in own} for slot, own in zip(SLOTS, values, strict=True)]
        else:
            columns = zip(*(stated[caption] for caption in captions), strict=True)
            indices = [{index for index in column if index} for column in columns]
        labels.append(_agreed(indices))
    return labels


def _agreed(indices: Sequence[set[int]]) -> _Label:
    """The one value of each slot; 0 where there is none or where there are several."""
    ambiguous = tuple(slot for slot, own in zip(SLOTS, indices, strict=True) if len(own) > 1)
    return _Label(tuple(next(iter(own)) if len(own) == 1 else 0 for own in indices), ambiguous)


def read_attributes(texts: Iterable[str], read_captions: CaptionReader = read_by_head) -> dict[str, Sequence[int]]:
    """What each text states, ``Attributes.indices``; ``read_captions`` reads those that are not canonical."""
    known = {text: Attributes.from_caption(text) for text in texts}
    stated: dict[str, Sequence[int]] = {
        text: attributes.indices for text, attributes in known.items() if attributes is not None
    }
    free = [text for text in known if text not in stated]
    return stated | dict(zip(free, read_captions(free).tolist(), strict=True)) if free else stated
