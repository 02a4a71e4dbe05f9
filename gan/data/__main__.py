"""What would be trained on, without training: ``python -m gan.data PATH``."""

from __future__ import annotations

if __name__ == "__main__":  # before PyTorch, whose import takes seconds
    from encoder.common.start import start

    start()

import argparse
import json
import sys
import textwrap
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encoder.common import arguments
from encoder.common.command import command
from encoder.common.options import add_settings, from_args
from gan.data.settings import DataSettings
from gan.images import STDOUT, check_png_path, save_png

if TYPE_CHECKING:
    from gan.data import ImageDataset, Summary

EXAMPLES, ON_SHEET = 5, 40
ACROSS, CELL, LINES = 5, 128, 3  # of the sheet: images a row, pixels an image, lines a caption
_SCRIPTS = {
    "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "CJK": "Chinese", "HANGUL": "Korean", "CYRILLIC": "Cyrillic",
    "ARABIC": "Arabic", "HEBREW": "Hebrew", "GREEK": "Greek", "THAI": "Thai", "DEVANAGARI": "Devanagari",
}  # fmt: skip
_WORDS = {
    "English": "a an the of with and on in is are her his hair eyes",
    "German": "ein eine einer der die das und mit auf im ist",
    "French": "un une des la le les et avec dans sur du",
    "Spanish": "un una el los las y con en de del",
}


def parser() -> argparse.ArgumentParser:
    result = arguments.Parser(
        prog="python -m gan.data", description="Show what train_cgan.py would train on, without training."
    )
    result.add_argument(
        "paths", nargs="+", type=arguments.non_empty, metavar="PATH", help="as of --data of train_cgan.py"
    )
    add_settings(result, DataSettings, without=("data",))
    result.add_argument(
        "--examples",
        type=arguments.between(0),
        default=EXAMPLES,
        metavar="N",
        help="images to show; 0: all (default 5)",
    )
    result.add_argument(
        "--sheet",
        type=arguments.path_type(check_png_path),
        metavar="PNG",
        help="draw images with their captions to a file",
    )
    result.add_argument("--json", action="store_true", help="print JSON")
    return result


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Load the images and show what they are. Returns the exit status (``encoder.common.command``)."""
    args = parser().parse_args(argv)
    images, summary = from_args(DataSettings, args, data=tuple(args.paths)).load(progress=not args.json)
    report = describe(images, summary, args.examples)
    if args.sheet:
        sheet(
            args.sheet,
            images,
            min(args.examples or len(images), len(images)) if args.examples != EXAMPLES else ON_SHEET,
        )
    stream = sys.stderr if args.sheet == STDOUT else sys.stdout
    if args.json:
        print(json.dumps(report, ensure_ascii=False, indent=2), file=stream)
    else:
        print(_as_text(report, summary), file=stream)
    return 0


def describe(images: ImageDataset, summary: Summary, examples: int = EXAMPLES) -> dict[str, Any]:
    """What a data set holds, as JSON has it.

    Args:
        images: All of it.
        summary: What was read.
        examples: How many images to show, spread over all; 0 is all.
    """
    from gan.data.summary import SourceSummary
    from gan.tasks import task_of_data

    total = SourceSummary(None).add(summary.sources)
    said: list[str] = []
    task = task_of_data(images, said.append)
    pixels = sorted(
        (tuple(map(int, size.split("x"))) for size in total.sizes.elements()), key=lambda size: size[0] * size[1]
    )
    return {
        "images": len(images),
        "captions": sum(map(len, images.captions)),
        "heldout": images.splits.count("heldout"),
        "duplicates": total.copies,
        "styles": {source.name: source.images.total() for source in summary.sources},
        "formats": dict(zip(images.source_names, images.formats, strict=True)),
        "languages": dict(Counter(language_of(text) for own in images.captions for text in own).most_common()),
        "sizes": {
            "smallest": pixels[0],
            "median": pixels[len(pixels) // 2],
            "largest": pixels[-1],
            "below 64 pixels": sum(min(size) < 64 for size in pixels),
        },
        "conditioning": "attributes" if "attributes" in task.conditionings else task.alias,
        "why": " ".join(said),
        "notes": total.notes,
        "left_out": dict(total.reasons),
        "left_out_examples": total.examples,
        "examples": [
            {"id": images.ids[i], "captions": list(images.captions[i])}
            for i in _spread(len(images), examples or len(images))
        ],
    }


def _spread(count: int, most: int) -> list[int]:
    """At most ``most`` of ``count`` positions, from the first one on."""
    return [i * count // min(most, count) for i in range(min(most, count))]


def language_of(text: str) -> str:
    """The language of a caption by its letters, or by its commonest words; ``"other"`` where neither tells."""
    letters = Counter(unicodedata.name(letter, "?").split()[0] for letter in text[:200] if not letter.isascii())
    for script, language in _SCRIPTS.items():
        if letters[script] and (language != "Chinese" or not letters["HIRAGANA"]):
            return language
    words = set(text.lower().replace(",", " ").split())
    counts = {language: len(words & set(known.split())) for language, known in _WORDS.items()}
    best = max(counts, key=lambda language: counts[language])
    return best if counts[best] else "English" if text.isascii() else "other"


def _as_text(report: dict[str, Any], summary: Summary) -> str:
    """A report for a person."""
    sizes, share = report["sizes"], report["captions"] / report["images"]
    at = [f"{width}x{height}" for width, height in (sizes["smallest"], sizes["median"], sizes["largest"])]
    lines = [
        f"{report['images']:,} images with {report['captions']:,} captions ({share:.1f} each)",
        f"held out for evaluation: {report['heldout']:,}; copies of another image, mirrored ones too: "
        f"{report['duplicates']:,}",
        f"sizes: {at[0]} to {at[2]}, half of them {at[1]} or larger; smaller than 64: {sizes['below 64 pixels']:,}",
        f"languages: {_counts(report['languages'])}",
        *([f"styles: {_counts(report['styles'])}"] if len(report["styles"]) > 1 else []),
        report["why"],
        *map(str, summary.sources),
    ]
    for example in report["examples"]:
        lines.append(f"{example['id']}: {' | '.join(example['captions'])}")
    return "\n".join(lines)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def sheet(path: Path, images: ImageDataset, count: int) -> None:
    """Write a picture of ``count`` images, spread over all, each with its first captions below it."""
    import numpy as np
    import torch
    from PIL import Image, ImageDraw, ImageFont

    font, line, gap = ImageFont.load_default(10), 12, 6
    height = CELL + (LINES + 1) * line + gap
    chosen = _spread(len(images), count)
    size = (ACROSS * (CELL + gap) + gap, -(-len(chosen) // ACROSS) * height + gap)
    page = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(page)
    for place, i in enumerate(chosen):
        left, top = gap + place % ACROSS * (CELL + gap), gap + place // ACROSS * height
        pixels = images.images[torch.tensor([i])][0].permute(1, 2, 0).numpy()
        page.paste(Image.fromarray(pixels).resize((CELL, CELL), Image.Resampling.NEAREST), (left, top))
        for number, text in enumerate(_wrapped(images.captions[i])):
            draw.text((left, top + CELL + 2 + number * line), text, "black", font)
    save_png(path, torch.from_numpy(np.array(page)).permute(2, 0, 1), {})


def _wrapped(captions: Iterable[str]) -> list[str]:
    """The first lines of some captions, short enough for a cell."""
    return textwrap.wrap(" | ".join(captions), 24, max_lines=LINES, placeholder=" ...")


if __name__ == "__main__":
    sys.exit(main())
