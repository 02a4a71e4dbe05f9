"""Which captioned images a command reads: the same three options of every command that reads some."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from encoder.common import arguments
from encoder.common.options import Settings, setting

if TYPE_CHECKING:
    from gan.data.dataset import ImageDataset
    from gan.data.summary import Summary

DATA = "captioned images"
"""The title of the options in ``--help``."""


@dataclass(frozen=True, kw_only=True)
class DataSettings(Settings):
    """Captioned images, as ``gan.data.load_images`` takes them."""

    data: tuple[str, ...] = setting(
        help="folders, archives or shards of captioned images",
        group=DATA,
        metavar="PATH",
        parse=arguments.non_empty,
    )
    caption_column: str = setting(
        "",
        "the columns of lists that hold captions, by name, separated by commas; empty: those whose values are texts",
        group=DATA,
        metavar="NAME,...",
    )
    image_column: str = setting(
        "", "the column of lists that names images; empty: the one whose values do", group=DATA, metavar="NAME"
    )

    def load(self, *, progress: bool = True) -> tuple[ImageDataset, Summary]:
        """All images, and the account of what was read; as of ``load_images``."""
        from gan.data.loading import load_images

        return load_images(
            self.data,
            split="all",
            progress=progress,
            caption_column=self.caption_column,
            image_column=self.image_column,
        )
