"""The checkout as others have it: cloned with other line endings, or that of another user, who may write nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def test_a_clone_with_windows_line_endings_has_every_byte(tmp_path) -> None:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("needs git and a checkout")
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    # Of the files as they are now: the text files, and one that is none.
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    small = [name for name in names.split("\0") if name and (ROOT / name).stat().st_size < 300_000]
    for name in small:
        (origin / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, origin / name)
    author = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for command in (["init", "-q"], ["add", "-A", "-f"], [*author, "commit", "-q", "-m", "all"]):
        subprocess.run(["git", *command], cwd=origin, check=True)
    converting = ("-c", "core.autocrlf=true", "-c", "core.eol=crlf")
    subprocess.run(["git", *converting, "clone", "-q", str(origin), str(clone)], check=True)
    assert {"run_cgan.sh", "environment.sh", "pretrained/encoder/vocab.txt", "testing_tags.txt"} <= set(small)
    assert [name for name in small if (clone / name).read_bytes() != (ROOT / name).read_bytes()] == []


@pytest.fixture
def theirs() -> Iterator[Path]:
    """The scripts of a checkout in which a user without rights may write nothing."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root and setpriv, to become another user")
    with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as name:
        root = Path(name)
        root.chmod(0o755)
        for script in ("run_cgan.sh", "environment.sh", "requirements.txt", "testing_tags.txt"):
            shutil.copy(ROOT / script, root)
            (root / script).chmod(0o644)
        (root / "samples").mkdir(mode=0o755)
        yield root


def as_nobody(root: Path, cwd: Path, python: str = "exit 1") -> tuple[int, str, str]:
    """What ``run_cgan.sh`` gives another user in a folder, with this script for the only Python."""
    (root / "bin").mkdir(exist_ok=True)
    for name in ("python3", "python", "python3.14", "python3.13", "python3.12", "python3.11"):
        (root / "bin" / name).write_text(f"#!/bin/sh\n{python}\n")
        (root / "bin" / name).chmod(0o755)
    done = subprocess.run(
        [*NOBODY, "bash", str(root / "run_cgan.sh"), "testing_tags.txt"],
        cwd=cwd,
        env={"PATH": f"{root / 'bin'}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_a_picture_that_can_be_written_nowhere_is_one_line(theirs) -> None:
    code, out, err = as_nobody(theirs, theirs)
    assert (code, out) == (2, "")
    assert err == f"error: {theirs}/samples cannot be written, nor can {theirs}; run this in a folder of your own\n"


def test_the_picture_is_drawn_in_a_folder_of_their_own(theirs) -> None:
    own = theirs / "home"
    own.mkdir()
    own.chmod(0o777)
    # What looks for the packages is given this file's name; what draws, the drawing.
    python = f'if [ "$1" = -c ]; then echo "{theirs}/bin/python3"; else echo "$@"; fi'
    assert as_nobody(theirs, own, python) == (
        0,
        f"{theirs}/infer.py --out={own}/cgan.png --testing-file={theirs}/testing_tags.txt\n",
        "",
    )


def test_packages_that_cannot_be_installed_are_one_line(theirs) -> None:
    own = theirs / "home"
    own.mkdir()
    own.chmod(0o777)
    code, out, err = as_nobody(theirs, own, "test $# -eq 2")  # a Python that lacks them
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"error: {theirs} cannot be written, so the packages cannot be installed there; install")
    assert f"pip install -r {theirs}/requirements.txt" in err
    assert not (theirs / ".cache").exists()
