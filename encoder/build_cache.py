"""Rebuilds the shipped caches, after a shipped encoder has changed: ``python -m encoder.build_cache``."""

from __future__ import annotations

if __name__ == "__main__":  # before PyTorch, whose import takes seconds
    from encoder.common.start import start

    start()

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from encoder.attributes.vocabulary import canonical_captions
from encoder.cache import EmbeddingCache
from encoder.common import arguments
from encoder.common.atomic import write_atomically
from encoder.common.command import command
from encoder.common.errors import InputError
from encoder.common.folders import OutputFolder
from encoder.loading import KINDS, cache_name, load_source

CACHED_KINDS = ("head", "pooled")
OUTPUT = OutputFolder("encoder.build_cache", tuple(map(cache_name, KINDS)))


def build_cache(kind: str, folder: Path) -> Path:
    """Write the vectors of every canonical caption for the shipped encoder of a kind, in place of the file before.

    The same encoder and SQLite release give the same bytes; any release gives the same vectors.

    Returns:
        The file written.

    Raises:
        InputError: The encoder is missing or broken, or the file cannot be written.
    """
    captions = sorted(canonical_captions())
    encoder = load_source(kind)
    vectors = encoder.encode(captions, progress=True)
    path = folder / cache_name(kind)

    def write(temporary: Path) -> None:
        cache = EmbeddingCache(temporary)
        cache.put(encoder.fingerprint, dict(zip(captions, vectors, strict=True)))
        if len(cache.get(encoder.fingerprint, captions)) < len(captions):
            raise OSError("the vectors do not read back")

    write_atomically(path, write)
    return path


def parser() -> argparse.ArgumentParser:
    result = arguments.Parser(prog="python -m encoder.build_cache", description=(__doc__ or "").replace("``", ""))
    result.add_argument("kinds", nargs="*", metavar="KIND", help="head or pooled; both by default")
    result.add_argument(
        "--out",
        type=arguments.output_folder,
        default="runs/cache",
        metavar="DIR",
        help="folder of the caches (default runs/cache); the shipped ones lie in pretrained/cache",
    )
    return result


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line. Returns the exit status (``encoder.common.command``)."""
    args = parser().parse_args(argv)
    for kind in args.kinds:
        if kind not in CACHED_KINDS:
            raise InputError(
                f"{kind!r} is not a kind of encoder whose cache is shipped; {' or '.join(CACHED_KINDS)} is"
            )
    with OUTPUT.held(args.out):
        for kind in args.kinds or CACHED_KINDS:
            print(build_cache(kind, args.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
