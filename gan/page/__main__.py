"""The page of a release: ``python -m gan.page --out DIR [--model DIR] [--serve]``."""

from __future__ import annotations

if __name__ == "__main__":  # before PyTorch, whose import takes seconds
    from encoder.common.start import start

    start()

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from encoder.common import arguments
from encoder.common.command import command
from encoder.common.errors import InputError
from encoder.common.options import add_settings, from_args, setting
from encoder.common.records import Within
from gan.export import ExportSettings
from gan.page import FINDING, MODEL, OUTPUT, RUNTIME, Built
from gan.release import ReleaseConfig


@dataclass(frozen=True)
class PageSettings(ExportSettings):
    """What a page is asked for."""

    example: tuple[str, ...] = ()
    levels: Annotated[int, Within(1, 255)] = setting(
        1, "how far a pixel may be from infer.py's, of 255; more makes a smaller page (default 1)"
    )
    space: bool = setting(False, "also write a static Space's README.md and .gitattributes")
    serve: bool = setting(False, "then serve the folder on this machine alone, and open it")
    port: Annotated[int, Within(0, 65535)] = setting(8000, "of --serve (default 8000; 0: any)")


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = arguments.Parser(
        prog="python -m gan.page", description="Write a page that draws in the visitor's browser, for any static host."
    )
    add_settings(result, PageSettings)
    result.add_argument(
        "--example",
        type=arguments.non_empty,
        action="append",
        default=[],
        metavar="TEXT",
        help="a text that the page proposes; may be given several times, the first one is drawn at once",
    )
    return result


@command
def main(argv: Sequence[str] | None = None) -> int:
    """``python -m gan.page``. Returns the exit status (``encoder.common.command``)."""
    settings = from_args(PageSettings, parser().parse_args(argv))
    if not ReleaseConfig.read(settings.model).conditioning.reads_texts:
        raise InputError(f"{settings.model}: draws without texts, and the page draws from one; use infer.py --any")
    from gan.export import check_packages, export
    from gan.page import build

    check_packages()
    with OUTPUT.held(settings.out):
        exported = export(settings.model, encoder_path=settings.encoder_path, with_latents=True)
        built = build(exported, settings.out, examples=settings.example, levels=settings.levels, space=settings.space)
    print(f"{settings.out}: {summary(built)}")
    if settings.serve:
        from gan.page.serve import serve

        serve(settings.out, settings.port)
    return 0


def summary(built: Built) -> str:
    """The sizes of the parts, and how the pictures differ from PyTorch's."""
    networks = {"generator": ("generator",), "text encoder": ("encoder",), "given pictures": FINDING}
    sizes = {"runtime": built.sizes[f"vendor/{RUNTIME}"] / 1e6}
    for part, names in networks.items():
        starts = tuple(f"{MODEL}/{name}." for name in names)
        sizes[part] = sum(size for file, size in built.sizes.items() if file.startswith(starts)) / 1e6
    total = sum(built.sizes.values()) / 1e6
    listed = [f"{part} {size:.1f}" for part, size in sizes.items() if size]
    words, layers = built.bits or (0, 0)
    bits = f" (words in {words} bits, layers in {layers})" if built.bits else ""
    return (
        f"{total:.1f} MB: {', '.join(listed)}{bits}, the rest {total - sum(sizes.values()):.1f}; "
        f"{100 * built.parity.share:.2f} % of the pixels differ from PyTorch's, by {built.parity.levels} of 255 at most"
    )


if __name__ == "__main__":
    sys.exit(main())
