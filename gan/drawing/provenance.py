"""Which image is drawn from what: its text and seed, and what a PNG says of them, so that it can be drawn again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from encoder.common.arguments import MAX_SEED
from encoder.files import TextLine
from gan.drawing.settings import DrawJob, look_defaults

if TYPE_CHECKING:
    from gan.pipeline import TextToImage


class Item(NamedTuple):
    """One image to draw. The index of a folder holds digests of items, so their fields keep their order.

    Attributes:
        place: Its number in the job, from 0: ``num`` for each line, rejected lines counted, so that correcting one
            changes no other seed.
        line: The number of its line, from 1.
        id: As the line has it.
        name: Of its own file, without an ending.
        text: What to draw.
        seed: Of the noise.
    """

    place: int
    line: int
    id: str
    name: str
    text: str
    seed: int


def items_of(line: TextLine, index: int, job: DrawJob) -> Iterator[Item]:
    """The images of a line, the ``index``-th from 0: seeds count up from ``job.seed`` through all lines, or anew."""
    for k in range(job.num):
        place = index * job.num + k
        seed = (job.seed + (k if job.same_seeds else place)) % (MAX_SEED + 1)
        yield Item(place, line.number, line.id, line.id if job.num == 1 else f"{line.id}-{k + 1}", line.text, seed)


def metadata(pipeline: TextToImage, faces: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What a PNG says: the program, the model, its images (text, seed, exact colours), and unusual settings."""
    result = {
        "Software": "text-to-face-cgan",
        "Model": pipeline.name,
        "Faces": json.dumps(faces, ensure_ascii=False),
    }
    for name, default in look_defaults().items():
        value = getattr(pipeline.settings, name)
        if value not in (default, getattr(pipeline.config, name, None)):  # the model may have a default of its own
            result[name.capitalize()] = str(value)
    return result
