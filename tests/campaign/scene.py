"""What a try is written with: a folder of its own, the commands, and what is found wrong."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import oracle
from .bench import Bench
from .processes import How, Outcome, Started, run, start, wait

CANARY = "a thesis that is nobody else's\n"


class Scene:
    """A folder with files that are not the project's, and the account of one try.

    Args:
        bench: What tries start from.
        root: A new folder.

    Attributes:
        here: Where commands run.
        cache: Their cache, with what the bench's holds.
        faults: What is wrong so far.
    """

    def __init__(self, bench: Bench, root: Path) -> None:
        self.bench, self.root = bench, root
        self.here, self.cache = root / "here", root / "cache"
        self.faults: list[str] = []
        self.here.mkdir(parents=True)
        shutil.copytree(bench.cache, self.cache)
        (root / "text").symlink_to(bench.folder / "text")  # what the text encoders of releases build on
        self.canaries = [self.here / "thesis.txt", self.here / "photos" / "thesis.txt"]
        for path in self.canaries:
            path.parent.mkdir(exist_ok=True)
            path.write_text(CANARY)

    def how(self, **changes: Any) -> How:
        """How a command runs here; ``changes`` are fields of ``How``."""
        return replace(How(self.here, {"TEXT2FACE_CACHE": str(self.cache)}), **changes)

    def run(
        self,
        module: str,
        *arguments: object,
        killed: bool = False,
        keeps: bool = True,
        allowed: Iterable[int] | None = None,
        **changes: Any,
    ) -> Outcome:
        """Run a command, and judge what holds of every command.

        Args:
            module: The command.
            arguments: Its arguments.
            killed: The try kills it.
            keeps: Where it fails, all that was there stays as it was.
            allowed: The exit statuses that are right here; by default all that are documented.
            changes: Fields of ``How``.
        """
        before = oracle.contents(self.here) if keeps else {}
        orphans = set(oracle.left_behind(self.root))
        outcome = run(module, [str(argument) for argument in arguments], self.how(**changes))
        self.judge(outcome, killed=killed, allowed=allowed)
        if not killed and not outcome.hung:
            self.faults += sorted(set(oracle.left_behind(self.root)) - orphans)
        if outcome.status == 2:
            self.faults += oracle.changed(before, oracle.contents(self.here))
        return outcome

    def judge(self, outcome: Outcome, *, killed: bool = False, allowed: Iterable[int] | None = None) -> None:
        """Enter what is wrong with an outcome, whatever the command was."""
        self.faults += oracle.faults_of(outcome, killed=killed)
        if not killed and not outcome.hung and allowed is not None and outcome.status not in allowed:
            said = outcome.stderr.strip().splitlines()
            self.faults.append(f"status: {outcome.status}, not {tuple(allowed)}; {said[-1][:160] if said else ''}")
        for path in self.canaries:
            if not path.is_file() or path.read_text() != CANARY:
                self.faults.append(f"deleted: {path.relative_to(self.here)}, which is not the project's")

    def start(self, module: str, *arguments: object, **changes: Any) -> Started:
        """Begin a command, to be waited for with others."""
        return start(module, [str(argument) for argument in arguments], self.how(**changes))

    def wait(self, started: Started) -> Outcome:
        """The end of a command, judged."""
        outcome = wait(started, self.how())
        self.faults += oracle.faults_of(outcome)
        return outcome

    def require(self, met: bool, fault: str) -> None:
        """Enter a fault unless something is as it should be."""
        if not met:
            self.faults.append(fault)

    def copy(self, source: Path, name: str) -> Path:
        """A copy of the bench's that this try may spoil."""
        target = self.here / name
        shutil.copytree(source, target, symlinks=True)
        return target
