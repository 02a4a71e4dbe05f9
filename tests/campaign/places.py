"""Disks that are full, output that nobody reads, and two processes at once."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial

from . import oracle
from .bench import Bench
from .kill import WORKS, Work, undisturbed
from .processes import COMMANDS, Anomaly
from .registry import Try, family
from .scene import Scene

SIZES = (1_000, 20_000, 200_000)  # bytes of the largest file that can be written
CHANGES = 12


def _full(scene: Scene, work: Work, at: int = 0, size: int | None = None) -> None:
    """The work fails with a message, what was there is kept, and with room it can be done."""
    work.prepare(scene)
    before = oracle.contents(scene.here / "work")
    outcome = work.run(scene, allowed=(0, 2), keeps=False, anomaly=Anomaly(at) if at else None, file_size=size)
    if outcome.status == 2 and not work.go_on:
        after = oracle.contents(scene.here / "work")
        scene.require(before.keys() <= after.keys(), "lost: an earlier output, where the disk was full")
    further = work.go_on if work.go_on and (scene.here / "work" / "state.pt").exists() else ()
    if outcome.status == 2:
        whole = undisturbed(scene.bench, work)
        work.run(scene, *further, allowed=(0,), keeps=False)
        scene.require(work.result(scene) == whole.result, "result: another one than that of an undisturbed process")


def _at_once(scene: Scene, work: Work) -> None:
    """Two of the same: both are done, or one says that the other is at work."""
    work.prepare(scene)
    whole = undisturbed(scene.bench, work)
    both = [scene.start(work.module, *work.arguments, patches=work.patches) for _ in range(2)]
    statuses = sorted(scene.wait(started).status for started in both)
    scene.require(statuses in ([0, 0], [0, 2]), f"status: {statuses} of two processes at once")
    scene.require(work.result(scene) == whole.result, "result: another one than that of an undisturbed process")
    scene.faults += oracle.left_behind(scene.root)


def _enter(name: str) -> None:
    @family(f"full/{name}", quick={"drawing": 2, "data-cache": 1}.get(name, 0))
    def full(bench: Bench, rng: random.Random) -> Iterator[Try]:
        """No room from the n-th change of a file on, and no room for large files."""
        work = WORKS[name](bench)
        changes = undisturbed(bench, work).changes
        for at in sorted(rng.sample(range(1, changes + 1), min(CHANGES, changes))):
            yield Try(f"change-{at}", partial(_full, work=work, at=at))
        for size in SIZES:
            yield Try(f"size-{size}", partial(_full, work=work, size=size))

    @family(f"two-at-once/{name}", quick=int(name in ("drawing", "data-cache")))
    def two(bench: Bench, rng: random.Random) -> Iterator[Try]:
        """The same command twice at the same time."""
        for i in range(3):
            yield Try(str(i), partial(_at_once, work=WORKS[name](bench)))


for _work in WORKS:
    _enter(_work)


@family("streams", quick=2)
def streams(bench: Bench, rng: random.Random) -> Iterator[Try]:
    """Output in an encoding that lacks its letters, and into a closed pipe."""

    def helped(scene: Scene, module: str) -> None:
        scene.run(module, "--help", closed=True, allowed=(0, 1, 2, 141))

    def drawn(scene: Scene, encoding: str) -> None:
        scene.run(
            "infer", "--model", bench.release, "--text", "赤い髪", "--out", "顔.png", encoding=encoding, allowed=(0,)
        )

    def trained(scene: Scene, encoding: str) -> None:
        scene.copy(bench.faces, "顔")
        options = [*bench.face_options, "--max-images", "8", "--run-dir", "走"]
        options[options.index("--data") + 1] = "顔"
        scene.run("train_cgan", *options, encoding=encoding, allowed=(0,))

    for module in COMMANDS:
        yield Try(f"closed/{module}", partial(helped, module=module))
    for encoding in ("ascii", "cp1252", "latin-1"):
        yield Try(f"{encoding}/infer", partial(drawn, encoding=encoding))
        yield Try(f"{encoding}/train_cgan", partial(trained, encoding=encoding))
