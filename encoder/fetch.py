"""Bring in another sentence-transformer from the hub, once, by those who have a network.

    python -m encoder.fetch sentence-transformers/all-mpnet-base-v2 my-encoder
    python train_cgan.py --encoder-path my-encoder

Models and data sets of the hub by their names aside, nothing else in this project asks a network for anything.
"""

from __future__ import annotations

if __name__ == "__main__":  # before PyTorch, whose import takes seconds
    from encoder.common.start import start

    start()

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from encoder.common import arguments
from encoder.common.arguments import check_new_folder, kind_of
from encoder.common.command import command
from encoder.common.errors import InputError, reason_of

_UNUSED = ["onnx/*", "openvino/*", "*.onnx", "*.h5", "*.ot", "*.msgpack"]  # the same weights for other frameworks


def fetch(name: str, folder: Path) -> None:
    """Download a sentence-transformer into a new folder, which appears only when it is complete.

    Args:
        name: The model's name on the hub, ``"owner/model"``.
        folder: Must not exist yet.

    Raises:
        InputError: The folder exists or cannot be made, the model cannot be had, or it is not a sentence-transformer.
    """
    check_new_folder(folder)
    from huggingface_hub import snapshot_download

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetching-") as temporary:
            arriving = Path(temporary) / folder.name
            snapshot_download(name, local_dir=arriving, ignore_patterns=_UNUSED)
            shutil.rmtree(arriving / ".cache", ignore_errors=True)  # the hub's own bookkeeping
            if not (arriving / "modules.json").is_file():
                raise InputError(f"{name}: not a sentence-transformer (it has no modules.json); choose another model")
            os.rename(arriving, folder)
    except (InputError, MemoryError):
        raise
    except Exception as error:  # the hub's, its HTTP library's and the file system's share no class
        if kind_of(folder) is not None:
            raise InputError(
                f"{folder}: another process has made it meanwhile; use it, or give a new folder"
            ) from error
        raise InputError(f"{name}: cannot be fetched ({reason_of(error)}); check the name and the network") from error


def parser() -> argparse.ArgumentParser:
    result = arguments.Parser(
        prog="python -m encoder.fetch", description="Download a sentence-transformer from the hub into a folder."
    )
    result.add_argument(
        "name",
        metavar="NAME",
        type=arguments.non_empty,
        help="the model's name on the hub, such as intfloat/e5-small-v2",
    )
    result.add_argument("folder", metavar="DIR", type=arguments.new_folder, help="a new folder, for --encoder-path")
    return result


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line. Returns the exit status (``encoder.common.command``)."""
    args = parser().parse_args(argv)
    fetch(args.name, args.folder)
    print(f"{args.folder}: ready for --encoder-path")
    return 0


if __name__ == "__main__":
    sys.exit(main())
