from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from . import oracle
from .processes import ROOT, Anomaly, How, Outcome, run, start_function, wait
from .registry import matches, may_match


def test_a_quick_campaign_finds_nothing() -> None:
    command = [sys.executable, "-m", "tests.campaign", "--quick"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1].split("|")
    assert int(last[2]) > 20  # tried
    assert int(last[3]) == 0


SAID = [
    (0, "", []),
    (0, "warning: the shade is not known\n", []),
    (2, "usage: infer.py [-h]\n               [--num N]\ninfer.py: error: argument --num: no\n", []),
    (130, "interrupted\n", []),
    (0, "encoding: 2,539 of 3,107 texts, 35 s\nencoding: 3,107 texts in 39 s\n", []),
    (0, "training: 8 of 8 images, 3 s, 0 s left\ntraining: 8 images in 6 s\n", []),
    (0, "aligning:  50%|#####     | 1/2 [00:00<00:00,  3.20step/s]\raligning: 100%|\n", []),
    (1, "Traceback (most recent call last):\n  File x\nValueError: no\n", ["crash: ValueError: no"]),
    (-11, "", ["status: -11"]),
    (3, "", ["status: 3"]),
    (2, "", ["message: 0 lines"]),
    (2, "error: one\nerror: two\n", ["message: 2 lines"]),
    (0, "error: none of it is done\n", ["status: 0 after 'error:"]),
    (0, "x.py:3: UserWarning: odd\n", ["message: 'x.py:3: UserWarning: odd'"]),
]


@pytest.mark.parametrize(("status", "stderr", "expected"), SAID)
def test_the_oracle_tells_right_from_wrong(status: int, stderr: str, expected: list[str]) -> None:
    faults = list(oracle.faults_of(Outcome(status, "", stderr, 0.1)))
    assert len(faults) == len(expected)
    assert all(fault.startswith(start) for fault, start in zip(faults, expected, strict=True))


def test_damage_is_refused_by_name_or_without_effect() -> None:
    def faults(status: int, stderr: str, same: bool) -> list[str]:
        return [
            fault.partition(":")[0]
            for fault in oracle.judge_damage(Outcome(status, "", stderr, 0.1), ("state.pt",), same)
        ]

    assert faults(0, "", True) == []
    assert faults(0, "", False) == ["accepted"]
    assert faults(2, "error: run/state.pt: is damaged", False) == []
    assert faults(2, "error: something is damaged", False) == ["unnamed"]
    assert faults(1, "error: state.pt", False) == ["status"]


def test_files_that_are_lost_changed_or_left(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").write_text("2")
    before = oracle.contents(tmp_path)
    (tmp_path / "a").unlink()
    (tmp_path / "b").write_text("3")
    (tmp_path / ".c.tmp").touch()
    assert list(oracle.changed(before, oracle.contents(tmp_path))) == ["lost: a", "changed: b"]
    assert list(oracle.left_behind(tmp_path)) == ["left behind: .c.tmp"]


@pytest.fixture
def how(tmp_path: Path) -> How:
    (tmp_path / "here").mkdir()
    return How(tmp_path / "here", seconds=20.0)


def ended(body, how: How, **changes) -> Outcome:
    how = How(**{**vars(how), **changes})
    return wait(start_function(body, how), how)


def write(count: int) -> None:
    for i in range(count):
        Path(f"{i}.txt").write_text("x")


def test_a_process_ends_as_a_shell_would_see_it(how: How) -> None:
    def fail() -> None:
        raise ValueError("no")

    assert ended(lambda: print("done"), how).stdout == "done\n"
    assert ended(lambda: sys.exit(2), how).status == 2
    assert ended(fail, how).status == 1
    assert "ValueError: no" in ended(fail, how).stderr
    assert ended(lambda: os.kill(os.getpid(), signal.SIGTERM), how).status == 143
    assert ended(signal.pause, how, seconds=0.2).hung
    assert ended(signal.pause, how, kill_after=0.1).status == -signal.SIGKILL
    assert ended(lambda: print("done"), how, closed=True).status == 120


def test_a_process_is_killed_or_without_room_at_a_change(how: How) -> None:
    tally = how.folder.parent / "tally"
    ended(lambda: write(5), how, anomaly=Anomaly(tally=tally))
    assert tally.read_text() == "5"
    for file in how.folder.iterdir():
        file.unlink()
    assert ended(lambda: write(5), how, anomaly=Anomaly(3, signal.SIGKILL)).status == -signal.SIGKILL
    assert len(list(how.folder.iterdir())) == 2
    full = ended(lambda: write(9), how, anomaly=Anomaly(4))
    assert "No space left on device" in full.stderr
    assert len(list(how.folder.iterdir())) == 3


def test_a_command_runs_as_a_module(how: How) -> None:
    outcome = run("encoder.fetch", ["--help"], how)
    assert outcome.status == 0
    assert outcome.stdout.startswith("usage: python -m encoder.fetch")


def test_tries_are_chosen_by_name() -> None:
    assert matches("kill/head", "time-3", "kill")
    assert matches("kill/head", "time-3", "kill/head/time-3")
    assert matches("kill/head", "time-3", "kill/*/time-*")
    assert not matches("kill/head", "time-3", "kill/he")
    assert may_match("kill/head", "kill/head/time-3")
    assert may_match("kill/head", "k*")
    assert not may_match("kill/head", "damage")
