"""Faces: captioned images of which hair and eyes are known."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor

from encoder.attributes.vocabulary import COLOUR_SLOTS, SLOTS, Attributes
from encoder.common.errors import InputError
from gan.data.dataset import ImageDataset

CaptionReader: TypeAlias = Callable[[Sequence[str]], Tensor]
"""N texts -> int64 (N, 3), what each states, as in ``Attributes.indices``."""

Stated: TypeAlias = tuple[set[int], ...]
"""What the captions of one face state, for each slot of ``SLOTS``: numbers as in ``Attributes.indices``, without 0."""

_TAGS = {
    slot: {f"{value} {'eyes' if slot == 'eyes' else 'hair'}": number for number, value in enumerate(values, start=1)}
    for slot, values in SLOTS.items()
}


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


def faces_of(images: ImageDataset, read_captions: CaptionReader | None = None) -> FaceDataset:
    """The images of which hair or eye colour is known, as faces in memory; ``InputError`` where there is none.

    Captions of a face that state an attribute have to agree on it, or it is unknown.

    Args:
        images: As they were loaded.
        read_captions: Reads the captions that are not canonical; called once, with unique texts. By default the
            conditioning head.
    """
    attributes = torch.tensor([_agreed(stated) for stated in _stated(images, read_captions)])
    known = (attributes[:, : len(COLOUR_SLOTS)] > 0).any(1)
    if not known.any():
        names = ", ".join(images.source_names)
        raise InputError(
            f"{names}: no caption states hair or eyes, as 'pink hair green eyes' does; condition on captions"
        )
    part = images[known]
    values = {field.name: getattr(part, field.name) for field in dataclasses.fields(ImageDataset)}
    return FaceDataset(**{**values, "images": part.images[:]}, attributes=attributes[known])


def share_of_faces(images: ImageDataset, most: int = 512, read_captions: CaptionReader | None = None) -> float:
    """The share, from 0 to 1, of images whose first caption states hair or eyes; of ``most`` of them, spread out."""
    sample = images[torch.linspace(0, len(images) - 1, min(most, len(images))).long()]
    sample = dataclasses.replace(sample, captions=tuple(own[:1] for own in sample.captions))
    stated = _stated(sample, read_captions)
    return sum(any(own[: len(COLOUR_SLOTS)]) for own in stated) / len(sample)


def read_by_head(texts: Sequence[str]) -> Tensor:
    """What free captions state, by the conditioning head: N texts -> int64 (N, 3), ``Attributes.indices``."""
    from encoder.loading import load_encoder

    encoder = load_encoder("head")
    labels = encoder.space.labels(encoder.encode(texts, progress=True))
    assert labels is not None
    return labels


def _stated(images: ImageDataset, read_captions: CaptionReader | None) -> list[Stated]:
    """What the captions of each image state. Those of the Anime Dataset are lists of tags, of which some count."""
    tagged = [images.formats[number] == "anime" for number in images.sources.tolist()]
    texts = (text for by_tags, own in zip(tagged, images.captions, strict=True) if not by_tags for text in own)
    read = read_attributes(texts, read_captions or read_by_head)
    stated: list[Stated] = []
    for by_tags, captions in zip(tagged, images.captions, strict=True):
        if by_tags:
            tags = [tag for caption in captions for tag in caption.split(", ")]
            stated.append(tuple({known[tag] for tag in tags if tag in known} for known in _TAGS.values()))
        else:
            columns = zip(*(read[caption] for caption in captions), strict=True)
            stated.append(tuple(set(column) - {0} for column in columns))
    return stated


def _agreed(stated: Stated) -> list[int]:
    """The one value of each slot; 0 where there is none or where there are several."""
    return [next(iter(values)) if len(values) == 1 else 0 for values in stated]


def read_attributes(texts: Iterable[str], read_captions: CaptionReader = read_by_head) -> dict[str, Sequence[int]]:
    """What each text states, ``Attributes.indices``; ``read_captions`` reads those that are not canonical."""
    known = {text: Attributes.from_caption(text) for text in texts}
    stated: dict[str, Sequence[int]] = {
        text: attributes.indices for text, attributes in known.items() if attributes is not None
    }
    free = [text for text in known if text not in stated]
    return stated | dict(zip(free, read_captions(free).tolist(), strict=True)) if free else stated
