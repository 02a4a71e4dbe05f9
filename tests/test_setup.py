"""The choice of a Python: in ``environment.sh``, on a project folder that holds nothing else, and by the commands."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from encoder.common import installation

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


# -- commands that are started with another Python -------------------------------------------------------------------

OLD = [path for path in (Path.home() / ".pyenv/versions").glob("3.[89]*/bin/python")][:1]


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    """The code of a checkout, beside a Python without packages."""
    folder = tmp_path_factory.mktemp("my clone")
    for name in ("encoder", "gan"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "vendor", "static"))
    for name in ("infer.py", "train_cgan.py", "run_cgan.sh"):
        shutil.copy(ROOT / name, folder)
    venv.create(folder / "bare", with_pip=False)
    return folder


def run_in(clone: Path, *command: str | Path, cwd: Path | None = None) -> tuple[int, str, str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd or clone, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("arguments", [["infer.py"], ["train_cgan.py"], ["-m", "gan.page"], ["-m", "encoder.align"]])
def test_a_python_without_packages_is_one_line(clone, arguments) -> None:
    python = clone / "bare/bin/python"
    status, out, err = run_in(clone, python, *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(
        f"error: {python} lacks the package torch; type: bash '{clone}/run_cgan.sh' testing_tags.txt ("
    )
    assert err.endswith(f"or install them here: '{python}' -m pip install -r '{clone}/requirements.txt'\n")


@pytest.mark.parametrize("python", [*OLD, "bare/bin/python"], ids=["old", "bare"][-len(OLD) - 1 :])
def test_the_checkout_s_venv_takes_over(clone, python) -> None:
    script(clone / ".venv/bin/python", f'exec {sys.executable} "$@"')
    try:
        for arguments in (["infer.py"], ["-m", "encoder.fetch"], ["-m", "gan"]):
            assert run_in(clone, clone / python, *arguments, "--help")[1].startswith("usage: ")
        status, out, err = run_in(clone, clone / python, clone / "infer.py", "--text", "a", cwd=clone.parent)
        assert (status, out) == (2, "")
        assert err.startswith(f"error: {clone}/pretrained/residual-r3gan: no such model folder; ")
        (clone / ".cache").mkdir()
        (clone / ".cache/installing").touch()
        assert run_in(clone, clone / python, "infer.py", "--help")[0] == 2  # the installation was interrupted
    finally:
        shutil.rmtree(clone / ".venv")
        shutil.rmtree(clone / ".cache", ignore_errors=True)


@pytest.mark.skipif(not OLD, reason="there is no older Python here")
@pytest.mark.parametrize("arguments", [["infer.py"], ["-m", "gan.evaluate"], ["-m", "encoder.fetch"], ["-m", "gan"]])
def test_an_older_python_is_one_line(clone, arguments) -> None:
    status, out, err = run_in(clone, OLD[0], *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"error: Python 3.11 or newer is needed, and {OLD[0]} is 3.")
    assert "; type: bash " in err


def test_the_scripts_and_the_commands_need_the_same_packages() -> None:
    assert f'\ncore="{" ".join(installation.CORE)}"\n' in (ROOT / "environment.sh").read_text("utf-8")


def test_hints_name_what_works_in_a_clone_and_installed(monkeypatch) -> None:
    monkeypatch.setattr(installation.sys, "executable", "/py")
    assert installation.install_command("train") == f"/py -m pip install -r {ROOT}/requirements.txt"
    assert installation.install_command("eval") == f"/py -m pip install '{ROOT}[eval]'"
    monkeypatch.setattr(installation, "ROOT", ROOT / "nothing")
    monkeypatch.setattr("importlib.metadata.packages_distributions", lambda: {"encoder": ["faces"]})
    assert installation.install_command("train") == "/py -m pip install 'faces[train]'"
    assert installation.install_command() == "/py -m pip install faces"
