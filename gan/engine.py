"""The engine of drawing: an image for each item, however many, and the metadata of its PNG."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from encoder.common.arguments import MAX_SEED
from encoder.common.errors import InputError
from encoder.files import TextLine
from gan.drawing.settings import DrawJob, DrawSettings, look_defaults
from gan.images import SOFTWARE

if TYPE_CHECKING:
    import torch

    from gan.pipeline import ReadText, TextToImage
    from gan.selection import Selector

WINDOW = 256
"""Texts that are encoded together, in batches of like length; an equal text is encoded once."""

Each = TypeVar("Each")
Result = TypeVar("Result")


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


class Drawn(NamedTuple):
    """The outcome of an item.

    Attributes:
        item: With the seed that drew it, which ``best_of`` may have chosen.
        image: uint8 (3, H, W); ``None`` where it could not be drawn.
        text: What was read in its text; ``None`` likewise.
        error: Why it could not be drawn.
    """

    item: Item
    image: torch.Tensor | None = None
    text: ReadText | None = None
    error: str = ""


class Engine:
    """Draws items by one set of settings. It pickles without its model, which is loaded when it is first used."""

    def __init__(self, settings: DrawSettings) -> None:
        self.settings = settings

    def __getstate__(self) -> dict[str, Any]:
        return {"settings": self.settings}

    @cached_property
    def pipeline(self) -> TextToImage:
        """The release, loaded as the settings say."""
        import torch

        from gan.pipeline import TextToImage

        if self.settings.threads:
            torch.set_num_threads(self.settings.threads)
        settings = vars(self.settings)
        pipeline = TextToImage.from_pretrained(
            self.settings.model,
            exact_texts=self.settings.is_exact,
            **{name: value for name, value in settings.items() if name != "model"},
        )
        pipeline.config.style_index(self.settings.style)
        if self.settings.backend == "onnx":
            from gan.export import generator_by_graph

            pipeline.G = generator_by_graph(pipeline)
        return pipeline

    @cached_property
    def _selector(self) -> Selector:
        from gan.selection import Selector

        return Selector.from_pretrained(self.pipeline.settings.model, self.pipeline)

    def draw(self, items: Iterable[Item]) -> Iterator[Drawn]:
        """The outcome of each item, in order, as the images are drawn.

        Where the text or the image of an item is refused, ``error`` says why, and the others are drawn.

        Raises:
            InputError: The release cannot be loaded.
        """
        size = max(1, self.settings.batch_size // self.settings.best_of)
        for window in batched(items, WINDOW):
            texts = list(dict.fromkeys(item.text for item in window))
            found = dict(zip(texts, _of_each(self.pipeline.read, texts), strict=True))
            for batch in batched(window, size):
                read = [(item, text) for item in batch if not isinstance(text := found[item.text], str)]
                images = iter(_of_each(self._draw, read))
                for item in batch:
                    drawn = text if isinstance(text := found[item.text], str) else next(images)
                    yield Drawn(item, error=drawn) if isinstance(drawn, str) else drawn

    def _draw(self, batch: Sequence[tuple[Item, ReadText]]) -> list[Drawn]:
        import torch

        items, texts = zip(*batch, strict=True)
        c, seeds = torch.stack([text.c for text in texts]), [item.seed for item in items]
        if self.settings.best_of > 1:
            seeds = list(self._selector.best_seeds(c, seeds, self.settings.best_of))
        (images,) = self.pipeline.draw_many(c, seeds, batch_size=len(seeds))
        return [
            Drawn(item._replace(seed=seed), image, text)
            for item, seed, image, text in zip(items, seeds, images, texts, strict=True)
        ]


def _of_each(function: Callable[[list[Each]], Iterable[Result]], values: list[Each]) -> list[Result | str]:
    """The results of ``function``, for all values at once; where it refuses a value, the message of its error."""
    if not values:
        return []
    try:
        return [*function(values)]
    except InputError as error:
        if len(values) == 1:
            return [str(error)]
        return [result for value in values for result in _of_each(function, [value])]


def batched(values: Iterable[Each], size: int) -> Iterator[list[Each]]:
    """Lists of ``size`` values, the last of what is left; read as they are asked for."""
    rest = iter(values)
    while batch := list(itertools.islice(rest, size)):
        yield batch


def items_of(line: TextLine, index: int, job: DrawJob) -> Iterator[Item]:
    """The images of the ``index``-th line, from 0. Seeds count up from ``job.seed`` through all lines, or in each."""
    for k in range(job.num):
        place = index * job.num + k
        seed = (job.seed + (k if job.same_seeds or job.interpolate else place)) % (MAX_SEED + 1)
        yield Item(place, line.number, line.id, line.id if job.num == 1 else f"{line.id}-{k + 1}", line.text, seed)


def metadata(
    pipeline: TextToImage,
    faces: Sequence[Mapping[str, Any]],
    *,
    edits: Sequence[Mapping[str, Any]] = (),
    film: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """What a PNG says, so that it can be drawn again: program, model, its images and settings that are not defaults.

    Args:
        pipeline: What drew it.
        faces: The images: their ``text``, ``seed`` and exact colours.
        edits: In their place, of pictures that were given: how each came about.
        film: Of a film: its steps and frames a second.
    """
    told: dict[str, Any] = {"Edits": edits} if edits else {"Faces": faces}
    if film:
        told["Film"] = film
    result = {
        "Software": SOFTWARE,
        "Model": pipeline.name,
        **{key: json.dumps(value, ensure_ascii=False) for key, value in told.items()},
    }
    if (edits or film) and pipeline.license:  # pictures of texts alone are the bytes that they always were
        result["License"] = pipeline.license
    for name, default in look_defaults().items():
        value = getattr(pipeline.settings, name)
        if value not in (default, getattr(pipeline.config, name, None)):  # the model may have a default of its own
            result[name.capitalize().replace("_", " ")] = str(value)
    return result
