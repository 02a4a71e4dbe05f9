"""Rebuild the shipped caches: ``python -m encoder.build_cache``. Needed whenever a shipped encoder has changed."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from encoder import SHIPPED_CACHE_DIR, cache_name, load_source
from encoder.cache import EmbeddingCache
from encoder.captions import canonical_captions
from encoder.errors import InputError

CACHED_KINDS = ("head", "pooled")


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
    path = folder / cache_name(kind)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".building-") as building:
            vectors = encoder.encode(captions, progress=True)
            cache = EmbeddingCache(Path(building) / path.name)
            cache.put(encoder.fingerprint, dict(zip(captions, vectors, strict=True)))
            if len(cache.get(encoder.fingerprint, captions)) < len(captions):
                raise InputError(f"{path}: the cache could not be written")
            os.replace(cache.path, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error
    return path


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m encoder.build_cache", description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help="head or pooled; both by default")
    parser.add_argument("--out", type=Path, default=SHIPPED_CACHE_DIR, metavar="DIR", help="default: pretrained/cache")
    args = parser.parse_args(argv)
    try:
        for kind in args.kinds or CACHED_KINDS:
            print(build_cache(kind, args.out))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
