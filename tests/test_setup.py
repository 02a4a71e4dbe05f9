"""The choice of a Python in ``environment.sh``, on a project folder that holds nothing else."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HERE = Path(sys.executable).parent  # of the Python of these tests, which has the packages


@pytest.fixture
def project(tmp_path) -> Path:
    shutil.copy(ROOT / "environment.sh", tmp_path)
    (tmp_path / "requirements.txt").write_text("a-package-that-nobody-has-published==1.0\n")
    return tmp_path


def script(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)


def choose(project: Path, *first_on_path: Path) -> subprocess.CompletedProcess[str]:
    """What ``use_python`` chooses with these folders before those of the system."""
    command = 'set -euo pipefail; root=$PWD; . environment.sh; use_python; echo "$python"'
    path = os.pathsep.join(map(str, [*first_on_path, "/usr/bin", "/bin"]))
    return subprocess.run(
        ["bash", "-c", command],
        cwd=project,
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_whole_venv_comes_first(project) -> None:
    script(project / ".venv" / "bin" / "python", "echo chosen")
    assert choose(project, HERE).stdout == "chosen\n"


def test_an_interrupted_installation_is_not_trusted(project) -> None:
    script(project / ".venv" / "bin" / "python", "echo chosen")
    (project / ".cache").mkdir()
    (project / ".cache" / "installing").touch()
    assert Path(choose(project, HERE).stdout).parent == HERE


def test_a_python_without_the_packages_is_passed_over(project) -> None:
    script(project / ".venv" / "bin" / "python", "exit 1")
    assert Path(choose(project, HERE).stdout).parent == HERE


def test_a_failed_installation_is_said_and_remembered(project) -> None:
    bare = project / "bin"  # no packages; makes a .venv whose pip fails
    script(
        bare / "python3",
        'if [ "$2" = venv ]; then',
        '  mkdir -p "$3/bin"; printf "#!/bin/sh\\necho no network >&2; exit 1\\n" >"$3/bin/python"',
        '  chmod +x "$3/bin/python"',
        "elif [ $# -gt 2 ]; then exit 1; fi",
    )
    script(bare / "python", "exit 1")
    done = choose(project, bare)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Installing the packages of requirements.txt into" in done.stderr
    assert "no network\nerror: the packages could not be installed" in done.stderr
    assert (project / ".cache" / "installing").exists()
