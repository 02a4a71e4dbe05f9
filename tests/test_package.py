"""The installed package: what a wheel holds, the command ``text2face``, and the README's example."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from PIL import Image

import gan
from encoder.common import installation
from encoder.common.command import command
from encoder.common.errors import InputError
from gan import __main__ as text2face

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def python(*args: object, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *map(str, args)], capture_output=True, text=True, check=False, **options)


@pytest.fixture
def installed(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """The packages as a wheel lays them out, in a folder of their own, and an environment that finds them alone."""
    site = tmp_path / "site"
    for name in PROJECT["tool"]["setuptools"]["packages"]:
        here = ROOT / PROJECT["tool"]["setuptools"]["package-dir"].get(name, name.replace(".", "/"))
        if here.name == "pretrained":
            (site / name).symlink_to(here)
            continue
        (site / name.replace(".", "/")).mkdir(parents=True)
        for path in here.glob("*.py"):
            shutil.copy(path, site / name.replace(".", "/"))
    for name, patterns in PROJECT["tool"]["setuptools"]["package-data"].items():
        here = ROOT / name.replace(".", "/")
        for path in (path for pattern in patterns for path in here.glob(pattern) if path.is_file()):
            copy = site / name.replace(".", "/") / path.relative_to(here)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "TEXT2FACE_CACHE")}
    work = tmp_path / "work"
    work.mkdir()
    return work, {**clean, "PYTHONPATH": str(site), "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "caches")}


def test_what_is_installed_draws_in_any_folder(installed, tmp_path: Path) -> None:
    work, environment = installed
    done = python("-m", "gan", "draw", "--testing-file", "-", "--out", "grid.png", "--quiet", cwd=work, env=environment,
                  input=(ROOT / "testing_tags.txt").read_text() + "99,a lady with seaweed tresses\n")  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with Image.open(work / "grid.png") as made, Image.open(ROOT / "samples" / "cgan_original.png") as shipped:
        assert made.crop((0, 0, *shipped.size)).tobytes() == shipped.tobytes()
    assert (tmp_path / "caches" / "text-to-face-cgan" / "embeddings" / "head.sqlite3").is_file()
    assert [path.name for path in work.iterdir()] == ["grid.png"]


def test_a_wheel_holds_every_package_and_the_command() -> None:
    packages = {path.parent.relative_to(ROOT).as_posix().replace("/", ".")
                for top in ("encoder", "gan") for path in (ROOT / top).rglob("__init__.py")}  # fmt: skip
    listed = PROJECT["tool"]["setuptools"]["packages"]
    assert set(listed) == packages | {"text2face_pretrained"}
    data = PROJECT["tool"]["setuptools"]["package-data"]
    others = {path for top in ("encoder", "gan") for path in (ROOT / top).rglob("*")
              if path.is_file() and path.suffix not in (".py", ".pyc")}  # fmt: skip
    named = {path for name, patterns in data.items() if name in packages
             for pattern in patterns for path in (ROOT / name.replace(".", "/")).glob(pattern)}  # fmt: skip
    assert others <= named
    assert PROJECT["project"]["scripts"] == {"text2face": "gan.__main__:main"}


def test_the_exact_pins_lie_within_the_ranges() -> None:
    from packaging.requirements import Requirement

    lines = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
    pins = dict(line.split("==") for line in lines)
    project = PROJECT["project"]
    extra = [line for name, lines in project["optional-dependencies"].items() if name != "dev" for line in lines]
    for line in [*project["dependencies"], *extra]:
        requirement = Requirement(line)
        if requirement.name in pins:
            assert requirement.specifier.contains(pins[requirement.name]), line
    assert {Requirement(line).name for line in project["dependencies"]} <= set(pins)


def test_the_version_stands_in_one_place(capsys) -> None:
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "gan.__version__"}
    with pytest.raises(SystemExit) as stop:
        text2face.run(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"text2face {gan.__version__}\n"


def test_help_names_the_commands_in_groups_and_imports_nothing_heavy() -> None:
    program = "import sys; from gan import __main__ as m\ntry: m.run(['--help'])\nexcept SystemExit: pass\n"
    done = python("-c", f"{program}print([name for name in ('torch', 'numpy') if name in sys.modules])", cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]"
    for title, names in text2face.GROUPS.items():
        group = done.stdout.partition(f"\n{title}:\n")[2].partition("\n\n")[0]
        assert [line.split()[0] for line in group.splitlines()] == list(names)


@pytest.mark.parametrize(
    ("args", "status", "message"),
    [
        ([], None, "the following arguments are required: COMMAND"),
        (["drow"], None, "invalid choice: 'drow' (choose from"),
        (["draw", "--text", " "], 2, "error: --text: the text is empty"),
        (["draw", "--nonsense"], None, "usage: text2face draw "),
        (["train", "--nonsense"], None, "usage: text2face train "),
        (["evaluate", "--nonsense"], None, "usage: text2face evaluate "),
    ],
)
def test_mistakes_are_told_by_the_name_of_the_command(args, status, message, capsys) -> None:
    if status is None:
        with pytest.raises(SystemExit) as stop:
            text2face.run(args)
        assert stop.value.code == 2
    else:
        assert text2face.run(args) == status
    assert message in capsys.readouterr().err


def test_a_command_that_is_not_there_is_one_line(monkeypatch, capsys) -> None:
    monkeypatch.setitem(text2face.MODULES, "page", "gan.no_such_page")
    assert text2face.run(["page"]) == 2
    assert capsys.readouterr().err == (
        "error: text2face page: this installation has no gan.no_such_page; install a newer version\n"
    )


@pytest.mark.parametrize("shell", text2face.SHELLS)
def test_completion_knows_commands_and_options(shell, capsys) -> None:
    pytest.importorskip("shtab", reason="shtab, which writes completions, is not installed")
    with pytest.raises(SystemExit) as stop:
        text2face.run(["--print-completion", shell])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert "text2face" in out and "evaluate" in out
    assert "--best-of" in out if shell != "tcsh" else "best-of" in out


def test_a_missing_extra_is_one_line_that_names_it(capsys) -> None:
    @command
    def main(name: str) -> int:
        raise ModuleNotFoundError(f"No module named '{name}'", name=name)

    for module, extra in [("pandas", "train"), ("pyarrow.parquet", "train"), ("shtab", "completion")]:
        assert main(module) == 2
        package = module.partition(".")[0]
        command_line = installation.install_command(extra)
        assert capsys.readouterr().err == f"error: this needs the package {package}; type: {command_line}\n"
        with (
            pytest.raises(InputError, match=re.escape(installation.install_command(extra))),
            installation.missing_extra_error(),
        ):
            raise ModuleNotFoundError(name=module)
    with pytest.raises(ModuleNotFoundError):  # a fault of the project
        main("gan.nothing")
    assert set(installation.EXTRAS) <= set(PROJECT["project"]["optional-dependencies"])


def test_drawing_imports_the_core_alone(tmp_path: Path) -> None:
    known = {"train", "hub", "completion"}
    names = [name for extra in known for name in installation.EXTRAS[extra]]
    program = (
        "import sys\n"
        f"sys.modules |= dict.fromkeys({names}, None)\n"  # an import of one of them fails
        "from gan.pipeline import TextToImage\n"
        "TextToImage.from_pretrained('residual-r3gan')('a lady with seaweed tresses', seed=1)\n"
    )
    assert python("-c", program, cwd=ROOT).stderr == ""


def test_the_readme_s_example_runs(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    example = text.partition("```python\n")[2].partition("```")[0]
    assert len(example.splitlines()) <= 12
    done = python("-c", example, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "[7, 8, 9, 10] {'hair': 'pink', 'eyes': 'green', 'length': None}\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["face.png", "grid.png"]
