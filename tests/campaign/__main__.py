"""The command line of the campaign; ``--help`` says what it takes."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import damage, kill, options, places, texts  # noqa: F401  (they enter their families)
from .bench import Bench
from .processes import ROOT, prepare
from .registry import REGISTRY, Entry, Try, matches, may_match
from .scene import Scene

SHIPPED = ("pretrained", "samples")
"""Folders of the project that no command may change."""


@dataclass
class Account:
    """What became of the tries of a kind."""

    kind: str
    tried: int = 0
    failed: int = 0
    seconds: float = 0.0
    faults: dict[str, int] = field(default_factory=dict)


def main(argv: Sequence[str] | None = None) -> int:
    """Try, report, and return the exit status: 1 where something failed."""
    args = _parser().parse_args(argv)
    prepare()
    accounts = []
    cannot_start = False
    with tempfile.TemporaryDirectory(prefix="campaign-") as temporary:
        bench = Bench(Path(temporary).resolve() / "bench")
        for entry in REGISTRY:
            try:
                chosen = _chosen(entry, bench, args)
            except RuntimeError as error:  # a command that has to succeed first fails: the other families go on
                print(f"error: {entry.kind}: {' '.join(str(error).split())}", file=sys.stderr)
                cannot_start = True
                continue
            if args.list:
                for one in chosen:
                    print(f"{entry.kind}/{one.name}")
            elif chosen:
                accounts.append(_account(entry, chosen, bench, Path(temporary).resolve(), args.seed))
    if accounts:
        print("\n".join(_table(accounts)))
    return int(cannot_start or any(account.failed for account in accounts))


def _chosen(entry: Entry, bench: Bench, args: argparse.Namespace) -> list[Try]:
    if (args.only and not may_match(entry.kind, args.only)) or (args.quick and not entry.quick):
        return []
    tries = entry.tries(bench, args.seed)
    if args.quick:
        tries = entry.sample(tries, args.seed)
    return [one for one in tries if not args.only or matches(entry.kind, one.name, args.only)]


def _account(entry: Entry, tries: Sequence[Try], bench: Bench, folder: Path, seed: int) -> Account:
    account = Account(entry.kind)
    began = time.monotonic()
    for one in tries:
        faults = _faults(one, bench, folder)
        account.tried += 1
        account.failed += bool(faults)
        for fault in faults[:1]:
            family = fault.partition(":")[0]
            account.faults[family] = account.faults.get(family, 0) + 1
        if faults:
            print(f"python -m tests.campaign --seed {seed} --only {_quoted(f'{entry.kind}/{one.name}')}")
            print("".join(f"    {fault}\n" for fault in dict.fromkeys(faults)), end="", flush=True)
    account.seconds = time.monotonic() - began
    print(f"{entry.kind}: {account.tried} tried, {account.failed} failed", file=sys.stderr)
    return account


def _faults(one: Try, bench: Bench, folder: Path) -> list[str]:
    before = list(_shipped())
    with tempfile.TemporaryDirectory(dir=folder, prefix="scene-") as root:
        scene = Scene(bench, Path(root) / "root")
        try:
            one.body(scene)
        except Exception:  # of the campaign itself: the others go on
            scene.faults.append(f"campaign: {traceback.format_exc()}")
    if list(_shipped()) != before:
        scene.faults.append(f"changed: a file of {' or '.join(SHIPPED)}")
    return scene.faults


def _shipped() -> Iterator[tuple[str, int, int]]:
    for name in SHIPPED:
        for path in sorted((ROOT / name).rglob("*")):
            about = path.stat()
            yield str(path), about.st_size, about.st_mtime_ns if path.is_file() else 0


def _table(accounts: Sequence[Account]) -> Iterator[str]:
    yield "| kind | tried | failed | first fault of each | seconds |"
    yield "|---|---:|---:|---|---:|"
    for account in accounts:
        faults = ", ".join(f"{name} {count}" for name, count in sorted(account.faults.items()))
        yield f"| {account.kind} | {account.tried} | {account.failed} | {faults} | {account.seconds:.0f} |"
    tried, failed = (sum(getattr(account, name) for account in accounts) for name in ("tried", "failed"))
    yield f"| all | {tried} | {failed} | | {sum(account.seconds for account in accounts):.0f} |"


def _quoted(text: str) -> str:
    import shlex

    return shlex.quote(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description="Hostile tries of every command.")
    parser.add_argument("--only", metavar="NAME", help="tries whose name begins so, or is of this pattern: 'kill/*'")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default 0)")
    parser.add_argument("--quick", action="store_true", help="a few of each kind, as the tests do")
    parser.add_argument("--list", action="store_true", help="print the names of the tries and stop")
    return parser


if __name__ == "__main__":
    sys.exit(main())
