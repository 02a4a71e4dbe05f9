"""Speed, memory and losses of the drawing of many images, as whole processes; a part of ``python -m gan.benchmark``."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from unittest import mock

from encoder.attributes.vocabulary import EYE_COLOURS, HAIR_COLOURS
from encoder.common.errors import BreakdownError
from gan.many.folder import INDEX_FILE
from gan.many.plan import PIECE

ROOT = Path(__file__).resolve().parents[2]
WORDINGS = (
    "a girl with {hair} hair and {eyes} eyes number {i}",
    "{hair} haired person looking left, {eyes} eyes, portrait {i}",
    "portrait {i}: eyes of {eyes}, long {hair} locks and a red ribbon in the wind",
)
"""New to every cache, each of them."""


def write_lines(path: Path, count: int, *, canonical: bool = False) -> None:
    """A file of lines ``id,text``: captions of the vocabulary, or as many different texts."""
    rng = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        for i in range(count):
            hair, eyes = rng.choice(HAIR_COLOURS), rng.choice(EYE_COLOURS)
            wording = "{hair} hair {eyes} eyes" if canonical else WORDINGS[i % len(WORDINGS)]
            file.write(f'{i},"{wording.format(hair=hair, eyes=eyes, i=i)}"\n')


def benchmark_drawing(count: int, workers: int, kills: int, dtype: str) -> Iterator[tuple[str, str, str, str]]:
    """Rows of what, faces a second, CPU milliseconds a face, and the largest memory of all processes together.

    Args:
        count: New lines, drawn in ``dtype``; an eighth as many tell how time and memory grow, and so many canonical
            ones are drawn in float64.
        workers: Processes that draw.
        kills: Of the command that draws the new lines once more.
        dtype: As of ``infer.py``.
    """
    fewer = count // 8
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, canonical, kind in ((f"new lines, {dtype}", False, dtype), ("canonical, float64", True, "float64")):
            yield f"{name}, one thread, the start aside", "", f"{_steady(folder, kind, canonical):.1f}", ""
        for name, canonical, kind, lines in (
            (f"new lines, {dtype}", False, dtype, fewer),
            ("canonical lines, float64", True, "float64", fewer),
            (f"new lines, {dtype}", False, dtype, count),
        ):
            write_lines(folder / "lines.csv", lines, canonical=canonical)
            out = folder / f"{lines} {name}"
            seconds, cpu, memory = _timed(folder, out, kind, workers)
            yield f"{lines:,} {name}", f"{lines / seconds:.1f}", f"{1000 * cpu / lines:.1f}", f"{memory:.0f} MB"
        if kills:
            killed = folder / "killed"
            seconds_killed, drawn = _killed(folder, killed, dtype, workers, kills, seconds)
            if _contents(out, dtype) != _contents(killed, dtype):
                raise BreakdownError("a killed command's shards are not those of one that was not")
            again, longer = drawn / -(-count // PIECE) - 1, seconds_killed / seconds - 1
            lost = f"{100 * again:.1f} % drawn again, {100 * longer:.1f} % longer"
            yield f"the same, killed {kills} times", f"{count / seconds_killed:.1f}", "", lost


def _steady(folder: Path, dtype: str, canonical: bool) -> float:
    """CPU milliseconds of an image from its text to its place in a shard, in this process, once all is loaded."""
    from gan.drawing.settings import DrawJob, DrawSettings
    from gan.many.run import draw_folder

    count, spent = 256, []
    for i, repeat in enumerate((1, 1, 2)):  # the first of them pays for the start
        write_lines(folder / "steady.csv", count * repeat, canonical=canonical)
        job = DrawJob(testing_file=folder / "steady.csv", shards=folder / f"steady {dtype} {canonical} {i}", quiet=True)
        with mock.patch.dict(os.environ, TEXT2FACE_CACHE=str(folder / f"steady{i}")):
            started = time.process_time()
            draw_folder(job, DrawSettings(dtype=dtype, threads=1))  # type: ignore[arg-type]
            spent.append(time.process_time() - started)
    return 1000 * (spent[2] - spent[1]) / count


def _command(folder: Path, out: Path, dtype: str, workers: int) -> list[str]:
    return [
        *(sys.executable, str(ROOT / "infer.py"), "--testing-file", str(folder / "lines.csv"), "--shards", str(out)),
        *("--dtype", dtype, "--workers", str(workers)),
    ]


def _start(command: list[str], cache: Path) -> subprocess.Popen[bytes]:
    own = {**os.environ, "TEXT2FACE_CACHE": str(cache)}
    nowhere = subprocess.DEVNULL
    return subprocess.Popen(command, cwd=ROOT, env=own, stdout=nowhere, stderr=nowhere, start_new_session=True)


def _timed(folder: Path, out: Path, dtype: str, workers: int) -> tuple[float, float, float]:
    """Wall and CPU seconds of a command that succeeds, and the largest memory (MB) that its processes had together."""
    before = os.times()
    started, memory = time.perf_counter(), 0.0
    process = _start(_command(folder, out, dtype, workers), out.with_suffix(".cache"))  # no text was met before
    while process.poll() is None:
        memory = max(memory, _memory(process.pid))
        time.sleep(0.2)
    if process.returncode:
        raise BreakdownError(f"{' '.join(map(str, process.args))} failed; run it by itself")  # type: ignore[arg-type]
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - started, cpu, memory


def _killed(folder: Path, out: Path, dtype: str, workers: int, kills: int, whole: float) -> tuple[float, int]:
    """Seconds until all is drawn by a command that is killed so often, and how many pieces were drawn for it."""
    seconds = 0.0
    for kill in range(kills + 1):
        started = time.perf_counter()
        process = _start(_command(folder, out, dtype, workers), out.with_suffix(".cache"))
        try:
            process.wait(whole / (kills + 1) if kill < kills else None)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        seconds += time.perf_counter() - started
    return seconds, len((out / INDEX_FILE).read_bytes().splitlines()) - 1


def _contents(out: Path, dtype: str) -> dict[str, object]:
    """What lies in each shard: to the byte where drawing is exact, else the faces by name, texts and seeds."""
    shards = sorted(out.glob("*.tar"))
    if dtype == "float64":
        return {path.name: sha256(path.read_bytes()).digest() for path in shards}
    contents: dict[str, object] = {}
    for path in shards:
        with tarfile.open(path) as tar:
            names = tar.getnames()
            notes = [tar.extractfile(name) for name in names if name.endswith(".json")]
            contents[path.name] = names, [file.read() for file in notes if file]
    return contents


def _memory(pid: int) -> float:
    """The memory of a process and of those that it started, in MB, shared pages by their shares; 0 without Linux."""
    total, waiting = 0.0, [pid]
    while waiting:
        here = Path(f"/proc/{waiting.pop()}")
        try:
            for task in (here / "task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
            fields = dict(line.split()[:2] for line in (here / "smaps_rollup").read_text().splitlines()[1:])
            total += int(fields["Pss:"]) / 1024
        except (OSError, ValueError, KeyError):  # it has ended
            continue
    return total
