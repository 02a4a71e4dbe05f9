"""How long a large set takes to load and to train on, and how much memory:
``python -m tests.gan.data.large --folder DIR``.

The set is made of smooth noise, unlike each other, in a folder that is kept for the next time.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import os
import resource
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from encoder.common import arguments
from encoder.common.command import command

ROOT = Path(__file__).parents[3]


CAPTIONS = 20_000  # different ones


def pictures(count: int) -> Iterator[tuple[str, bytes, str]]:
    """(key, JPEG, caption) of each image."""
    rng = np.random.default_rng(0)
    for i in range(count):
        small = rng.integers(0, 256, (5, 5, 3), dtype=np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(small).resize((64, 64), Image.Resampling.BICUBIC).save(buffer, "JPEG")
        yield f"{i:07d}", buffer.getvalue(), f"picture of kind {i % CAPTIONS} with some colours"


def write(form: str, path: Path, count: int) -> None:
    """The set in one of the forms that are read."""
    if form == "tar":
        with tarfile.open(path, "w") as archive:
            for key, data, caption in pictures(count):
                for name, content in ((f"{key}.jpg", data), (f"{key}.txt", caption.encode())):
                    info = tarfile.TarInfo(name)
                    info.size = len(content)
                    archive.addfile(info, io.BytesIO(content))
                archive.members.clear()
    elif form == "zip":
        captions = []
        with zipfile.ZipFile(path, "w") as archive:
            for key, data, caption in pictures(count):
                archive.writestr(f"images/{key}.jpg", data)
                captions.append(json.dumps({"file_name": f"images/{key}.jpg", "text": [caption]}))
            archive.writestr("metadata.jsonl", "\n".join(captions))
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = pa.schema(
            [("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])), ("text", pa.string())]
        )
        with pq.ParquetWriter(path, schema) as writer:
            rows = []
            for key, data, caption in pictures(count):
                rows.append({"image": {"bytes": data, "path": f"{key}.jpg"}, "text": caption})
                if len(rows) == 10_000 or int(key) == count - 1:
                    writer.write_table(pa.Table.from_pylist(rows, schema))
                    rows = []


def load(path: Path) -> None:
    """Load the set in this process and say what that took."""
    from gan.data import load_images

    start = time.perf_counter()
    data, _ = load_images([path], split="all")
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with open("/proc/self/status") as status:
        now = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))
    cpu = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    print(
        f"{len(data):,} images loaded in {seconds:.1f} s ({cpu:.1f} s of the CPU), peak {peak:.0f} MB, then {now:.0f}"
    )


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = arguments.Parser(prog="python -m tests.gan.data.large", description=__doc__)
    result.add_argument("--form", choices=("tar", "zip", "parquet"), default="tar")
    result.add_argument("--count", type=arguments.between(1, 10**9), default=400_000)
    result.add_argument(
        "--folder", type=arguments.output_folder, required=True, help="where the set and what is decoded are kept"
    )
    result.add_argument("--load", type=arguments.path_type(), help=argparse.SUPPRESS)
    return result


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Make the set where it is missing, load it twice, and begin to train on it twice. Returns the exit status."""
    args = parser().parse_args(argv)
    if args.load:
        load(args.load)
        return 0
    args.folder = args.folder.resolve()
    args.folder.mkdir(parents=True, exist_ok=True)
    path = args.folder / f"{args.count}.{args.form}"
    if not path.exists():
        write(args.form, path.with_suffix(".tmp"), args.count)
        path.with_suffix(".tmp").rename(path)
    environment = {**os.environ, "TEXT2FACE_CACHE": str(args.folder / "cache"), "PYTHONPATH": str(ROOT)}
    for name in ("first start", "second start"):
        print(name, end=": ", flush=True)
        command = [sys.executable, "-m", "tests.gan.data.large", "--folder", str(args.folder), "--load", str(path)]
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
    for run in (1, 2):
        start = time.perf_counter()
        command = [sys.executable, str(ROOT / "train_cgan.py"), "--data", str(path), "--conditioning", "pooled"]
        command += ["--run-dir", str(args.folder / f"run{time.time():.0f}"), "--max-images", "64", "--tick-images", "8"]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        first = next((time.perf_counter() - start for line in process.stdout if line.startswith("images ")), math.nan)
        process.stdout.read()
        _, _, usage = os.wait4(process.pid, 0)
        print(
            f"training, start {run}: first step after {first:.1f} s, peak {usage.ru_maxrss / 1024:.0f} MB", flush=True
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
