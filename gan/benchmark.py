"""Speed of the command lines, of training and of the evaluation: ``python -m gan.benchmark``. Run it on an otherwise
idle machine.

Command lines are timed as whole processes against ``python -c "import torch"``, in turn, and their peak memory is what
the operating system reports; that of drawing is of all workers together. Training is timed as steps of the loop's own
code against the plain step: float32, three passes of the discriminator, nothing reused. The evaluation is timed part by
part, for 10,000 faces.
"""

from __future__ import annotations

if __name__ == "__main__":  # before PyTorch, whose import takes seconds
    from encoder.common.start import start

    start()

import argparse
import itertools
import math
import os
import random
import signal
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, ClassVar
from unittest import mock

import torch
from torch import Tensor
from torch.nn import functional as F

from encoder.attributes.vocabulary import EYE_COLOURS, HAIR_COLOURS, SLOTS
from encoder.common import arguments
from encoder.common.arguments import MAX_COUNT
from encoder.common.command import command
from encoder.common.errors import BreakdownError, InputError
from encoder.common.memory import tune_malloc
from encoder.common.options import Settings, add_settings, from_args, setting
from encoder.common.records import Within
from gan.drawing.settings import DrawJob, DrawSettings, Dtype
from gan.evaluate import MAX_FACES
from gan.faces.dataset import FaceDataset
from gan.many.folder import INDEX_FILE
from gan.many.plan import PIECE
from gan.many.run import draw_folder
from gan.networks import ARCHITECTURES, build_discriminator, build_generator
from gan.release import ReleaseConfig
from gan.tasks import task_of
from gan.training.config import PRESETS, BatchSize, TrainingConfig
from gan.training.loop import Trainer
from gan.training.objectives import OBJECTIVES, Objective
from gan.training.run import Run

ROOT = Path(__file__).resolve().parent.parent
MAX_SECONDS = 1e6
IMPORT_TORCH = (sys.executable, "-c", "import torch")


WORDINGS = (
    "a girl with {hair} hair and {eyes} eyes number {i}",
    "{hair} haired person looking left, {eyes} eyes, portrait {i}",
    "portrait {i}: eyes of {eyes}, long {hair} locks and a red ribbon in the wind",
)
"""New to every cache, each of them."""


@dataclass(frozen=True)
class BenchmarkSettings(Settings):
    """The options beside what to measure."""

    runs: Annotated[int, Within(1, 1000)] = setting(5, "counted runs of each command (default 5)")
    seconds: Annotated[float, Within(sys.float_info.min, MAX_SECONDS)] = setting(
        20.0, "time for each training step (default 20)"
    )
    architectures: tuple[str, ...] = setting(
        tuple(name for name in ARCHITECTURES if name != PRESETS["gpu"]["architecture"]),
        "which ones to time training with (default: all but the GPU's); the arithmetic is counted for all",
        choices=ARCHITECTURES,
    )
    batch_size: BatchSize = setting(TrainingConfig.batch_size, "of a training step")
    lines: Annotated[int, Within(8, MAX_COUNT)] = setting(4096, "to draw (default 4,096)")
    workers: Annotated[int, Within(1, 1024)] = setting(2, "that draw (default 2)")
    kills: Annotated[int, Within(0, 100)] = setting(10, "of drawing (default 10)")
    dtype: Dtype = setting("float32", "of drawing new lines (default float32)")
    data: str = setting(
        "../shared/data/extra_data.zip",
        "real faces for the evaluation (default: Extra Data)",
        metavar="PATH",
        parse=arguments.non_empty,
    )
    faces: Annotated[int, Within(1, MAX_FACES)] = setting(10_000, "faces to evaluate (default 10,000)")


def start_process(command: Sequence[str], **environment: str) -> subprocess.Popen[bytes]:
    """Start a command in the project's folder, in a group of its own; its output is thrown away."""
    own, nowhere = {**os.environ, **environment}, subprocess.DEVNULL
    return subprocess.Popen(command, cwd=ROOT, env=own, stdout=nowhere, stderr=nowhere, start_new_session=True)


def check_success(process: subprocess.Popen[bytes]) -> None:
    """Raise ``BreakdownError`` where a process has failed."""
    if process.returncode:
        command = " ".join(map(str, process.args))  # type: ignore[arg-type]
        raise BreakdownError(f"{command} failed with status {process.returncode}; run it by itself")


def timed_process(command: Sequence[str], **environment: str) -> tuple[float, float]:
    """Wall seconds and peak memory (MB) of a command that succeeds."""
    started = time.perf_counter()
    process = start_process(command, **environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    check_success(process)
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def benchmark_commands(runs: int) -> list[tuple[str, str, str, str]]:
    """Rows of what, median seconds, median ratio to the ``import torch`` run just before, and peak memory."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        commands: dict[str, tuple[str, ...]] = {
            "`import torch`": IMPORT_TORCH,
            "`bash run_cgan.sh testing_tags.txt`": ("bash", "run_cgan.sh", "testing_tags.txt"),
            "`infer.py --text` (cached)": (
                *(sys.executable, "infer.py", "--text", "pink hair green eyes"), "--out", f"{folder}/a.png",
            ),
            "`infer.py --text` (not cached)": (
                *(sys.executable, "infer.py", "--text", "a girl with rosy locks and eyes like the sea"),
                *("--out", f"{folder}/b.png"),
            ),
        }  # fmt: skip
        for name, command in commands.items():
            pairs = []
            for run in range(runs + 1):
                reference, _ = timed_process(IMPORT_TORCH)
                # A new, empty cache each time: only the vectors that the project ships are found in it.
                seconds, memory = timed_process(command, TEXT2FACE_CACHE=f"{folder}/cache{run}")
                pairs.append((seconds, seconds / reference, memory))
            seconds, ratio, memory = (statistics.median(column) for column in zip(*pairs[1:], strict=True))
            rows.append((name, f"{seconds:.2f} s", f"{ratio:.2f}", f"{memory:.0f} MB"))
    return rows


# -- drawing many images ----------------------------------------------------------------------------------------------


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
    count, spent = 256, []
    for i, repeat in enumerate((1, 1, 2)):  # the first of them pays for the start
        write_lines(folder / "steady.csv", count * repeat, canonical=canonical)
        job = DrawJob(testing_file=folder / "steady.csv", shards=folder / f"steady {dtype} {canonical} {i}", quiet=True)
        with mock.patch.dict(os.environ, TEXT2FACE_CACHE=str(folder / f"steady{i}")):
            started = time.process_time()
            draw_folder(job, DrawSettings(dtype=dtype, threads=1))  # type: ignore[arg-type]
            spent.append(time.process_time() - started)
    return 1000 * (spent[2] - spent[1]) / count


def _infer(folder: Path, out: Path, dtype: str, workers: int) -> subprocess.Popen[bytes]:
    """Start to draw the lines of a folder, of which no text was met before."""
    command = [sys.executable, "infer.py", "--testing-file", str(folder / "lines.csv"), "--shards", str(out)]
    options = ["--dtype", dtype, "--workers", str(workers)]
    return start_process([*command, *options], TEXT2FACE_CACHE=str(out.with_suffix(".cache")))


def _timed(folder: Path, out: Path, dtype: str, workers: int) -> tuple[float, float, float]:
    """Wall and CPU seconds of a command that succeeds, and the largest memory (MB) that its processes had together."""
    before = os.times()
    started, memory = time.perf_counter(), 0.0
    process = _infer(folder, out, dtype, workers)
    while process.poll() is None:
        memory = max(memory, _memory(process.pid))
        time.sleep(0.2)
    check_success(process)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - started, cpu, memory


def _killed(folder: Path, out: Path, dtype: str, workers: int, kills: int, whole: float) -> tuple[float, int]:
    """Seconds until all is drawn by a command that is killed so often, and how many pieces were drawn for it."""
    seconds = 0.0
    for kill in range(kills + 1):
        started = time.perf_counter()
        process = _infer(folder, out, dtype, workers)
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


# -- training and evaluation -------------------------------------------------------------------------------------------


def random_faces(count: int) -> FaceDataset:
    """Noise in the form of faces: the speed of a step does not depend on what it is shown."""
    generator = torch.Generator().manual_seed(0)
    attributes = torch.stack(
        [torch.randint(1, 1 + len(values), (count,), generator=generator) for values in SLOTS.values()], 1
    )
    images = torch.randint(0, 256, (count, 3, 64, 64), generator=generator, dtype=torch.uint8)
    sources = torch.zeros(count, dtype=torch.int64)
    ids = tuple(f"noise/{i}" for i in range(count))
    return FaceDataset(
        images=images,
        attributes=attributes,
        captions=(("noise",),) * count,
        sources=sources,
        source_names=("noise",),
        formats=("extra",),
        ids=ids,
        splits=("train",) * count,
        groups=(None,) * count,
    )


def trainer(architecture: str, objective: str, folder: Path, **settings: Any) -> Trainer:
    """A run of the loop on noise, with the one-hot condition (which needs no text encoder)."""
    config = TrainingConfig(
        data=("noise",),
        encoder="onehot",
        conditioning="attributes",
        architecture=architecture,
        objective=objective,
        **settings,
    )
    run = Run(folder, config, start=ReleaseConfig.read(Path(config.stage1)) if config.stage1 else None)
    return Trainer(run, *task_of("attributes").conditioner(run, random_faces(1024), quiet=True), quiet=True)


def combinations(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """A name and what ``trainer`` takes, of every architecture and objective.

    D has no normalisation where the objective forbids it; a first stage is made, untrained, where one is needed.
    """
    for architecture in ARCHITECTURES:
        common: dict[str, Any] = {"architecture": architecture}
        if first := build_generator(architecture, z_dim=2, c_dim=1).first_stage:
            trainer(first, "gan-cls", folder / first).snapshot()
            common["stage1"] = str(folder / first / "snapshot")
        for objective in OBJECTIVES:
            name, settings = architecture, {**common, "objective": objective}
            try:
                OBJECTIVES[objective]().prepare(build_discriminator(architecture, c_dim=1), (2,))
            except InputError:
                name, settings["discriminator"] = f"{architecture}, no normalisation in D", {"norm": False}
            yield f"{name} + {objective}", settings


def plain_step(run: Trainer) -> Callable[[], object]:
    """GAN-CLS on the run's networks as it is usually written: float32, every pass done anew."""
    G, D = (network.to(memory_format=torch.contiguous_format) for network in (run.G, run.D))  # type: ignore[call-overload]

    def loss(img: Tensor, c: Tensor, target: float) -> Tensor:
        score = D(img, c)
        return F.binary_cross_entropy_with_logits(score, torch.full_like(score, target))

    def step() -> None:
        (real_images, c, c_wrong, _), z = run.next_batch()
        real_images = real_images.contiguous()
        loss_D = loss(real_images, c, 1) + 0.5 * (loss(G(z, c).detach(), c, 0) + loss(real_images, c_wrong, 0))
        run.networks.opt_D.zero_grad()
        loss_D.backward()
        run.networks.opt_D.step()
        loss_G = loss(G(z, c), c, 1)
        run.networks.opt_G.zero_grad()
        loss_G.backward()
        run.networks.opt_G.step()

    return step


def steps_of_a_round(objective: Objective) -> int:
    """After so many steps of the loop the lazy penalty has come in its share; 1 where there is none."""
    interval = objective.penalty_interval or 1
    return interval // math.gcd(interval, objective.d_steps)


def images_per_second(step: Callable[[], object], images: int, seconds: float, at_once: int = 1) -> float:
    """Speed of a step of so many images over at least ``seconds``, ``at_once`` steps a time, after one not counted."""
    step()
    started, steps = time.perf_counter(), 0
    while not steps or time.perf_counter() - started < seconds:
        for _ in range(at_once):
            step()
        steps += at_once
    return steps * images / (time.perf_counter() - started)


class _AllAsOne:
    """In the place of the counter's tracker of modules, whose hooks cannot stand the gradient of a penalty."""

    parents: ClassVar[set[str]] = {"Global"}

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def gflop_per_image(run: Trainer) -> float:
    """Arithmetic of a step (multiplications and additions, 1e9) by image, over a round of a lazy penalty."""
    from torch.utils.flop_counter import FlopCounterMode

    run.d_step, before = 0, run.cur_nimg
    counter = FlopCounterMode(display=False)
    counter.mod_tracker = _AllAsOne()  # type: ignore[assignment]
    with counter:
        for _ in range(steps_of_a_round(run.objective)):
            run.step()
    return float(counter.get_total_flops()) / (run.cur_nimg - before) / 1e9


def benchmark_training(seconds: float, timed: Collection[str], batch_size: int) -> Iterator[tuple[str, str, str, str]]:
    """Rows of what, images/s, speed against the plain step, GFLOP an image; those of the ``timed`` architectures."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        reference = trainer("baseline", "gan-cls", folder, batch_size=batch_size)
        plain = images_per_second(plain_step(reference), batch_size, seconds)
        yield "baseline, plain float32 step", f"{plain:.0f}", "1.00", ""
        for name, settings in combinations(folder):
            gflop = gflop_per_image(trainer(**settings, folder=folder, batch_size=8))
            speed = ("–", "–")
            if settings["architecture"] in timed:
                run = trainer(**settings, folder=folder, batch_size=batch_size)
                images = batch_size * run.objective.d_steps
                rate = images_per_second(run.step, images, seconds, steps_of_a_round(run.objective))
                speed = (f"{rate:.0f}", f"{rate / plain:.2f}")
            yield name, *speed, f"{gflop:.2f}"


def benchmark_evaluation(data: str, faces: int) -> list[tuple[str, str]]:
    """Rows of a part and its seconds, and of all parts, for ``faces`` faces drawn by the default model."""
    from gan.evaluate import Stopwatch, evaluate, parse
    from gan.evaluation.report import write_report

    with tempfile.TemporaryDirectory() as folder:
        watch = Stopwatch()
        write_report(evaluate(parse(["--data", data, "--faces", str(faces), "--out", folder]), watch), Path(folder))
        watch.lap("report")
    return [(part, f"{seconds:.0f}") for part, seconds in {**watch.seconds, "all": watch.total}.items()]


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a Markdown table, each row as soon as it is known."""
    for line in itertools.chain((header, ["---"] * len(header)), rows):
        print("| " + " | ".join(line) + " |", flush=True)
    print(flush=True)


def parser() -> argparse.ArgumentParser:
    result = arguments.Parser(prog="python -m gan.benchmark", description=(__doc__ or "").replace("``", ""))
    result.add_argument(
        "what", nargs="?", choices=("commands", "drawing", "training", "evaluation", "all"), default="all"
    )
    add_settings(result, BenchmarkSettings)
    return result


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables. Returns the exit status (``encoder.common.command``)."""
    options = parser().parse_args(argv)
    what, args = options.what, from_args(BenchmarkSettings, options)
    tune_malloc()
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads\n")
    if what in ("commands", "all"):
        print_table(("command", "wall time", "of `import torch`", "peak memory"), benchmark_commands(args.runs))
    if what in ("drawing", "all"):
        drawn = benchmark_drawing(args.lines, args.workers, args.kills, args.dtype)
        print_table((f"to shards, {args.workers} workers", "faces/s", "CPU ms a face", "memory"), drawn)
    if what in ("training", "all"):
        rows = benchmark_training(args.seconds, args.architectures, args.batch_size)
        batch = f"training step, batch {args.batch_size}"
        print_table((batch, "images/s", "of the plain step", "GFLOP an image"), rows)
    if what in ("evaluation", "all"):
        parts = benchmark_evaluation(args.data, args.faces)
        print_table((f"evaluation of {args.faces:,} faces", "seconds"), parts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
