"""Processes that are killed, or asked to end, at any moment: what they leave is whole, and the work can be done."""

from __future__ import annotations

import itertools
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from encoder.attributes.vocabulary import canonical_captions

from . import oracle
from .bench import AS_NEEDED, IMAGES, Bench
from .damage import stats_faults, weights
from .processes import Anomaly
from .registry import Try, family
from .scene import Scene

MOMENTS = 50
_TWO = dict(itertools.islice(canonical_captions().items(), 2))
FEW_CAPTIONS = {"encoder.attributes.vocabulary.canonical_captions": lambda: _TWO}
"""Patches: a cache of two captions."""
UNWORDED = {"gan.evaluation.faces.judge.judge_wordings": lambda *_: {}}
"""Patches: an evaluation without its longest part, which writes nothing."""


@dataclass(frozen=True)
class Work:
    """Something that is done by one command, and again after it was killed.

    Attributes:
        module: The command.
        arguments: Its arguments; ``work/`` is where it writes.
        result: What it has made, to be compared: it depends on nothing but the arguments.
        go_on: Further arguments by which it goes on where it has begun.
        patches: As of ``How``.
        prepare: What is there before.
    """

    module: str
    arguments: tuple[object, ...]
    result: Callable[[Scene], object]
    go_on: tuple[object, ...] = ()
    patches: dict[str, Any] = field(default_factory=dict)
    prepare: Callable[[Scene], None] = lambda scene: None

    def run(self, scene: Scene, *further: object, **how: Any) -> oracle.Outcome:
        """Do it."""
        return scene.run(self.module, *self.arguments, *further, patches=self.patches, **how)


@dataclass(frozen=True)
class Whole:
    """A work that nothing has disturbed: its result, the seconds that it takes, and how often it changes a file."""

    result: object
    seconds: float
    changes: int


def undisturbed(bench: Bench, work: Work) -> Whole:
    """The work done once in peace."""

    def measure() -> Whole:
        scene = Scene(bench, bench.folder / f"whole-{time.monotonic_ns()}")
        work.prepare(scene)
        tally = scene.root / "tally"
        outcome = work.run(scene, allowed=(0,), anomaly=Anomaly(tally=tally))
        if scene.faults:
            raise RuntimeError(f"{work.module} fails in peace: {scene.faults}\n{outcome.stderr}")
        return Whole(work.result(scene), outcome.seconds, int(tally.read_text() or 0))

    return bench.once((work.module, work.arguments), measure)


def moments(bench: Bench, work: Work, rng: random.Random, body: Callable[..., None]) -> Iterator[Try]:
    """Half of the tries at changes of files, half at shares of the time."""
    whole = undisturbed(bench, work)
    for change in sorted(rng.sample(range(1, whole.changes + 1), min(MOMENTS // 2, whole.changes))):
        yield Try(f"change-{change}", partial(body, work=work, whole=whole, at=change, share=None))
    for share in sorted(rng.sample(range(1000), MOMENTS // 2)):
        yield Try(f"time-{share}", partial(body, work=work, whole=whole, at=0, share=share / 1000))


def _killed(scene: Scene, work: Work, whole: Whole, at: int, share: float | None) -> None:
    work.prepare(scene)
    before = oracle.contents(scene.here / "work")
    after = share * whole.seconds if share is not None else None
    anomaly = Anomaly(at, signal.SIGKILL) if at else None
    outcome = work.run(scene, killed=True, anomaly=anomaly, kill_after=after)
    if outcome.status not in (-signal.SIGKILL, 0):
        scene.faults.append(f"status: {outcome.status}, of a process that was killed; {outcome.stderr[-160:]}")
    scene.require(not oracle.contents(scene.here / "work").keys() < before.keys(), "lost: a file that was there before")
    further = work.go_on if work.go_on and (scene.here / "work" / "state.pt").exists() else ()
    if outcome.status == 0 and not work.go_on:
        return
    work.run(scene, *further, allowed=(0,), keeps=False)
    scene.require(work.result(scene) == whole.result, "result: another one than that of an undisturbed process")
    if work.module == "train_cgan":
        scene.faults += stats_faults(scene.here / "work")
        scene.faults += [
            f"orphan: {fault}" for fault in oracle.left_behind(scene.here / "work")
        ]  # a run's own it removes


def _asked_to_end(scene: Scene, work: Work, whole: Whole, number: int, at: int) -> None:
    work.prepare(scene)
    statuses = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
    work.run(scene, anomaly=Anomaly(at, number), allowed=(0, statuses[signal.Signals(number)]), keeps=False)
    further = work.go_on if work.go_on and (scene.here / "work" / "state.pt").exists() else ()
    work.run(scene, *further, allowed=(0,), keeps=False)
    scene.require(work.result(scene) == whole.result, "result: another one than that of an undisturbed process")


# -- what is killed ----------------------------------------------------------------------------------------------------


def _training(bench: Bench) -> Work:
    arguments = (*bench.face_options, "--run-dir", "work", "--max-images", IMAGES)
    return Work("train_cgan", arguments, lambda scene: weights(scene.here / "work"), ("--resume",))


def _saving(bench: Bench) -> Work:
    every = ("--tick-images", "8", "--snapshot-images", "8")
    arguments = (*bench.face_options, *every, "--run-dir", "work", "--max-images", IMAGES)
    return Work("train_cgan", arguments, lambda scene: weights(scene.here / "work"), ("--resume",))


def _drawing(bench: Bench) -> Work:
    def earlier(scene: Scene) -> None:
        (scene.here / "work").mkdir()
        (scene.here / "work" / "1.png").write_bytes(b"an earlier picture")

    arguments = (
        "--model",
        bench.release,
        "--text",
        "red",
        "--text",
        "blue",
        "--separate",
        "work",
        "--out",
        "work/a.png",
    )
    return Work("infer", arguments, _files("work"), prepare=earlier)


def _evaluation(bench: Bench) -> Work:
    arguments = ("--model", bench.head_release, "--faces", "4", "--out", "work")
    return Work("gan.evaluate", arguments, _names("work"), patches=UNWORDED)


def _text_cache(bench: Bench) -> Work:
    texts = [part for i in range(40) for part in ("--text", f"face number {i}")]
    arguments = ("--model", bench.release, *texts, "--out", "work/out.png")
    return Work("infer", arguments, _files("work"), prepare=_without_cache)


def _data_cache(bench: Bench) -> Work:
    arguments = (*bench.face_options, "--run-dir", "work", "--max-images", "8")
    return Work(
        "train_cgan", arguments, lambda scene: weights(scene.here / "work"), ("--resume",), prepare=_without_cache
    )


def _vectors(bench: Bench) -> Work:
    arguments = (*bench.text_options, "--run-dir", "work", "--max-images", "8")
    result = lambda scene: weights(scene.here / "work")  # noqa: E731
    return Work("train_cgan", arguments, result, ("--resume",), AS_NEEDED, _without_cache)


def _shipped_cache(bench: Bench) -> Work:
    return Work("encoder.build_cache", ("head", "--out", "work"), _files("work"), patches=FEW_CAPTIONS)


def _head(bench: Bench) -> Work:
    silent = {"encoder.evaluate_head.print_table": lambda *_: None}
    arguments = ("--steps", "1", "--frozen", "5", "--out", "work")
    return Work("encoder.train_head", arguments, _files("work"), patches=silent)


def _align(bench: Bench) -> Work:
    arguments = ("--data", bench.captioned, "--epochs", "1", "--dim", "8", "--no-compare", "--out", "work")
    return Work("encoder.align", arguments, _files("work", but=("README.md",)))


def _without_cache(scene: Scene) -> None:
    shutil.rmtree(scene.cache)


def _files(folder: str, but: tuple[str, ...] = ()) -> Callable[[Scene], object]:
    """The files of a folder with their bytes, hidden ones (what a killed process leaves) aside."""
    return lambda scene: {
        name: data
        for name, data in oracle.contents(scene.here / folder).items()
        if not name.startswith(".") and "/." not in name and name not in but
    }


def _names(folder: str) -> Callable[[Scene], object]:
    """The names of the files of a folder that are not empty, for contents that tell of times."""
    files = _files(folder)
    return lambda scene: sorted(name for name, data in files(scene).items() if data)  # type: ignore[attr-defined]


WORKS: dict[str, Callable[[Bench], Work]] = {
    "training": _training,
    "saving": _saving,
    "drawing": _drawing,
    "evaluation": _evaluation,
    "text-cache": _text_cache,
    "data-cache": _data_cache,
    "vectors": _vectors,
    "shipped-cache": _shipped_cache,
    "head": _head,
    "align": _align,
}
"""Every work that writes files, by name."""
QUICK = {"training": 2, "drawing": 2, "text-cache": 1}


def _enter(name: str) -> None:
    @family(f"kill/{name}", quick=QUICK.get(name, 0))
    def killed(bench: Bench, rng: random.Random) -> Iterator[Try]:
        """Killed, and done again."""
        yield from moments(bench, WORKS[name](bench), rng, _killed)

    @family(f"signals/{name}", quick=int(name == "drawing"))
    def ended(bench: Bench, rng: random.Random) -> Iterator[Try]:
        """Ctrl-C, a polite end and a closed terminal, at changes of files."""
        work = WORKS[name](bench)
        whole = undisturbed(bench, work)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            for change in sorted(rng.sample(range(1, whole.changes + 1), min(4, whole.changes))):
                body = partial(_asked_to_end, work=work, whole=whole, number=number, at=change)
                yield Try(f"{number.name}-{change}", body)


for _name in WORKS:
    _enter(_name)
