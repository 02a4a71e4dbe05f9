"""The project's commands in forked processes: torch is imported once, and every try has a process of its own."""

from __future__ import annotations

import errno
import os
import random
import resource
import runpy
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = (
    "infer", "train_cgan",
    "encoder.align", "encoder.build_cache", "encoder.evaluate_head", "encoder.fetch", "encoder.train_head",
    "gan.benchmark", "gan.classifier", "gan.compare", "gan.data", "gan.evaluate", "gan.export", "gan.inverter",
    "gan.localiser", "gan.page",
)  # fmt: skip
"""Every command line, by its module."""

_MEMORY = 8 << 30  # bytes of addresses that a try may add: an absurd size is to fail, not to stop the machine
_LIBRARIES = (
    "pandas",
    "pyarrow.parquet",
    "huggingface_hub",
    "safetensors.torch",
    "tokenizers",
    "torch._dynamo",
    "tqdm",
)

_POLITE = (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, signal.SIGTERM)

# What a write is, among the events of ``sys.addaudithook``: the moments at which files change.
_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate", "sqlite3.connect"}
_REFUSED_BY_A_FULL_DISK = {"open", "os.rename", "os.mkdir"}


@dataclass(frozen=True)
class Outcome:
    """What a process did.

    Attributes:
        status: Its exit status; below 0, the number of the signal that ended it.
        seconds: How long it took.
        hung: It was ended for taking too long.
    """

    status: int
    stdout: str
    stderr: str
    seconds: float
    hung: bool = False


@dataclass(frozen=True)
class Anomaly:
    """What goes wrong in a process at the n-th change of a file, or nothing, where it only counts them.

    Attributes:
        at: The number of the change, from 1; 0 is never.
        signal: Sent to the process at that moment; without one, the disk is full from then on.
        tally: Where the number of all changes is written, if at all.
    """

    at: int = 0
    signal: int | None = None
    tally: Path | None = None


@dataclass(frozen=True)
class How:
    """How a command runs.

    Attributes:
        folder: Where.
        environment: Variables that are added.
        seconds: After which it is ended as hung.
        anomaly: See there.
        kill_after: Seconds after which it is killed.
        file_size: The largest file that it may write, in bytes.
        encoding: Of its output.
        closed: Nobody reads its output: a closed pipe.
        patches: Values by dotted name that replace the project's own.
    """

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 60.0
    anomaly: Anomaly | None = None
    kill_after: float | None = None
    file_size: int | None = None
    encoding: str = "utf-8"
    closed: bool = False
    patches: Mapping[str, Any] = field(default_factory=dict)


def prepare() -> None:
    """Import what the commands import, and nothing else: no thread may run yet in a process that forks."""
    # torch._dynamo, which an optimizer imports, takes longer than a whole try.
    os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1"}
    sys.path.insert(0, str(ROOT))
    warnings.filterwarnings("ignore", message=".*found in sys.modules.*", category=RuntimeWarning)  # runpy's
    for name in (*_LIBRARIES, *COMMANDS):
        import_module(name)
    for package in ("gan.networks", "gan.data.formats", "gan.faces", "gan.evaluation", "gan.training", "encoder"):
        for path in sorted((ROOT / package.replace(".", "/")).glob("*.py")):
            if path.stem != "__init__":
                import_module(f"{package}.{path.stem}")


def run(module: str, arguments: Sequence[str], how: How) -> Outcome:
    """A command, to its end."""
    return wait(start(module, arguments, how), how)


@dataclass
class Started:
    """A process that runs, and the files of its output."""

    process: int
    began: float
    out: Path
    err: Path


def start(module: str, arguments: Sequence[str], how: How) -> Started:
    """Begin a command: ``python -m MODULE ARGUMENTS``, as far as a forked process can be told from one."""
    return start_function(lambda: _run_module(module, arguments), how)


def start_function(body: Callable[[], object], how: How) -> Started:
    """Begin a function in a process of its own."""
    streams = how.folder.parent / f"streams-{time.monotonic_ns()}"
    streams.mkdir(parents=True)
    out, err = streams / "stdout", streams / "stderr"
    sys.stdout.flush()
    sys.stderr.flush()
    began = time.monotonic()
    process = os.fork()
    if process:
        return Started(process, began, out, err)
    status = 70
    try:
        _become(how, out, err)
        status = _status_of(body)
    finally:
        os._exit(status)


def wait(started: Started, how: How) -> Outcome:
    """The end of a process, which comes at the latest when ``how`` says so."""
    hung = killed = False
    pause = 0.002
    while True:
        process, code, _ = os.wait4(started.process, os.WNOHANG)
        if process:
            break
        age = time.monotonic() - started.began
        if how.kill_after is not None and age >= how.kill_after and not killed:
            killed = True
            _kill(started.process)
        elif age >= how.seconds and not hung:
            hung = True
            _kill(started.process)
        left = how.kill_after - age if how.kill_after is not None and not killed else pause
        time.sleep(max(0.0, min(pause, left)))
        pause = min(0.02, pause * 1.2)
    seconds = time.monotonic() - started.began
    _end(started.process)  # what it has started itself
    texts = [
        path.read_bytes().decode("utf-8", "replace") if path.exists() else "" for path in (started.out, started.err)
    ]
    status = os.waitstatus_to_exitcode(code)
    if -status in _POLITE:
        status = 128 - status  # as a shell says it
    return Outcome(status, texts[0], texts[1], seconds, hung)


def _kill(process: int) -> None:
    """Kill a process that nobody has waited for yet, with its group, which a slow machine may not have made yet."""
    os.kill(process, signal.SIGKILL)
    _end(process)


def _end(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _become(how: How, out: Path, err: Path) -> None:
    """Make a forked process one that a shell might have started."""
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN if number == signal.SIGPIPE else signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(how.folder)
    os.environ.update(how.environment)
    if how.closed:
        reader, writer = os.pipe()
        os.close(reader)
    else:
        writer = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    errors = os.open(err, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for handle, number in ((nothing, 0), (writer, 1), (errors, 2)):
        os.dup2(handle, number)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding=how.encoding, errors="strict", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding=how.encoding, errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + _MEMORY, used + _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if how.file_size is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # as Python has it
        resource.setrlimit(resource.RLIMIT_FSIZE, (how.file_size, how.file_size))
    random.seed()
    for name, value in how.patches.items():
        place, _, attribute = name.rpartition(".")
        setattr(import_module(place), attribute, value)
    if how.anomaly:
        sys.addaudithook(_hook(how.anomaly, how.folder.parent))


def _hook(anomaly: Anomaly, place: Path) -> Callable[[str, tuple[Any, ...]], None]:
    """Counts the changes below ``place``, and does what the anomaly says."""
    count, inside = 0, False
    prefix = str(place)

    def hook(event: str, args: tuple[Any, ...]) -> None:
        nonlocal count, inside
        if inside or (event != "open" and event not in _CHANGES):
            return
        if event == "open" and not args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return
        if not isinstance(args[0], (str, bytes, os.PathLike)):
            return
        path = os.path.abspath(os.fsdecode(args[0]))
        if not path.startswith(prefix):
            return
        count += 1
        if anomaly.tally is not None:
            inside = True
            anomaly.tally.write_text(str(count))
            inside = False
        if anomaly.at and anomaly.signal is not None and count == anomaly.at:
            os.kill(os.getpid(), anomaly.signal)
        if anomaly.at and anomaly.signal is None and count >= anomaly.at and event in _REFUSED_BY_A_FULL_DISK:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

    return hook


def _run_module(module: str, arguments: Sequence[str]) -> None:
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _status_of(body: Callable[[], object]) -> int:
    """Run a function; the exit status that the interpreter would end with."""
    status = 0
    try:
        body()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException as error:
        traceback.print_exc()
        status = 130 if isinstance(error, KeyboardInterrupt) else 1
    try:
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
        status = 120
    sys.stderr.flush()
    return status & 0xFF
