import os
import subprocess
import sys
from pathlib import Path

import pytest

from encoder import train_head
from encoder.common.atomic import transaction, write_atomically
from encoder.common.errors import InputError
from encoder.common.folders import LOCK_FILE, MARK_FILE, OutputFolder, locked

ROOT = Path(__file__).parents[2]
OUTPUT = OutputFolder("gan.example", ("config.json", "row-*"))


def write(path: Path, text: str) -> None:
    write_atomically(path, lambda temporary: temporary.write_text(text))


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_an_earlier_output_is_replaced_and_nothing_else_is_touched(tmp_path) -> None:
    folder = tmp_path / "new" / "out"
    with OUTPUT.held(folder):
        assert names(folder) == [LOCK_FILE, MARK_FILE]
        write(folder / "config.json", "1")
    assert names(folder) == [MARK_FILE, "config.json"]
    (folder / "row-1").mkdir()
    with OUTPUT.held(folder):
        write(folder / "config.json", "2")
    assert (folder / "config.json").read_text() == "2"
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"out: holds notes\.txt, which is no output of gan\.example; choose another"):
        OUTPUT.check(folder)
    with OUTPUT.held(folder, known=True):  # a run that goes on
        write(folder / "config.json", "3")
    assert names(folder) == [MARK_FILE, "config.json", "notes.txt"]


@pytest.mark.parametrize("name", ["thesis.txt", ".thesis", "config.json", "photos/cat.jpg", "row-1/a"])
def test_a_folder_of_other_things_is_refused_untouched(tmp_path, name) -> None:
    path = tmp_path / name  # a file that is called like one of the output's is still somebody else's
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    with pytest.raises(InputError, match="which is no output of"), OUTPUT.held(tmp_path):
        pytest.fail("worked")
    assert names(tmp_path) == [name]
    assert path.read_text() == "mine"


def test_the_output_of_another_command_is_refused(tmp_path) -> None:
    with OutputFolder("gan.other", ("config.json",)).held(tmp_path):
        write(tmp_path / "config.json", "1")
    with pytest.raises(InputError, match=r"holds an output of gan\.other, not of gan\.example"):
        OUTPUT.check(tmp_path)
    with pytest.raises(InputError, match="not a folder"):
        OUTPUT.check(tmp_path / "config.json")
    with pytest.raises(InputError, match="cannot be read"):
        OUTPUT.check(tmp_path / ("long" * 100))


def test_work_that_fails_leaves_no_folder(tmp_path) -> None:
    for folder in (tmp_path, tmp_path / "out"):
        with pytest.raises(KeyError), OUTPUT.held(folder):
            raise KeyError
    assert os.listdir(tmp_path) == []


def test_what_was_begun_is_begun_again(tmp_path) -> None:
    (tmp_path / MARK_FILE).write_text("gan.example\n")
    (tmp_path / LOCK_FILE).write_text("12345\n")
    (tmp_path / ".config.json.ab_12cd9.tmp").write_text("half")  # as a killed process leaves them
    (tmp_path / "row-1").mkdir()
    (tmp_path / "row-1" / ".state.pt.ab_12cd9.tmp").write_text("half")
    (tmp_path / "row-1" / ".mine.tmp").write_text("whole")
    with OUTPUT.held(tmp_path):
        assert names(tmp_path) == [LOCK_FILE, MARK_FILE, "row-1/.mine.tmp"]


def test_files_take_their_places_together(tmp_path) -> None:
    write(tmp_path / "weights", "1")
    write(tmp_path / "config", "1")
    with transaction():
        write(tmp_path / "weights", "2")
        with transaction():
            write(tmp_path / "inner" / "weights", "2")
            write(tmp_path / "inner" / "config", "2")
        write(tmp_path / "config", "2")
        assert (tmp_path / "weights").read_text() == (tmp_path / "config").read_text() == "1"
        assert not (tmp_path / "inner" / "config").exists()
    assert names(tmp_path) == ["config", "inner/config", "inner/weights", "weights"]
    assert {(tmp_path / name).read_text() for name in names(tmp_path)} == {"2"}


def test_of_files_that_belong_together_none_is_replaced_if_one_fails(tmp_path) -> None:
    write(tmp_path / "weights", "1")
    with pytest.raises(InputError, match="config: cannot be written"), transaction():
        write(tmp_path / "weights", "2")
        write_atomically(tmp_path / "config", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    assert names(tmp_path) == ["weights"]
    assert (tmp_path / "weights").read_text() == "1"


def test_a_kill_at_any_moment_leaves_no_mixture(tmp_path, monkeypatch) -> None:
    for survived in range(3):
        folder = tmp_path / str(survived)
        for name in ("a", "b", "config"):
            write(folder / name, "1")
        replace, left = os.replace, [survived]

        def replace_or_die(source, target, replace=replace, left=left) -> None:
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            replace(source, target)

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt), transaction():
            patch.setattr(os, "replace", replace_or_die)
            for name in ("a", "b", "config"):
                write(folder / name, "2")
        assert not (folder / "config").exists()
        assert [(folder / name).read_text() for name in "ab"] == ["2"] * survived + ["1"] * (2 - survived)


def test_a_command_says_who_is_at_work_in_its_folder(tmp_path, capsys) -> None:
    with OutputFolder("encoder.train_head", ()).held(tmp_path / "head"):
        assert train_head.main(["--out", str(tmp_path / "head")]) == 2
    at_work = f"head: process {os.getpid()} is at work there; wait until it ends, or choose another folder\n"
    assert capsys.readouterr().err.endswith(at_work)


# -- locks -----------------------------------------------------------------------------------------------------------

WAIT = "import sys; from pathlib import Path; from encoder.common.folders import locked\n"
WAIT += "with locked(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"


def test_a_folder_is_held_by_one_process_until_that_ends(tmp_path) -> None:
    folder = tmp_path / "new" / "run"
    command = [sys.executable, "-c", WAIT, str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        at_work = f"run: process {holder.pid} is at work there; wait until it ends"
        with pytest.raises(InputError, match=at_work), locked(folder):
            pytest.fail("worked")
        holder.kill()
    with locked(folder):
        assert (folder / LOCK_FILE).read_text() == f"{os.getpid()}\n"
    with pytest.raises(KeyError), locked(folder):  # and again
        raise KeyError
    with locked(folder):
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"), locked(tmp_path / "file" / "run"):
        pass


HOLD = """
import sys, time
from pathlib import Path
from encoder.common.errors import InputError
from encoder.common.folders import locked
folder = Path(sys.argv[1])
for _ in range(20):
    with locked(folder, wait=True):
        count = int((folder / "count").read_text()) if (folder / "count").exists() else 0
        time.sleep(0.0005)
        (folder / "count").write_text(str(count + 1))
"""


def test_four_processes_wait_for_each_other(tmp_path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "new")]
    processes = [subprocess.Popen(command, cwd=ROOT) for _ in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    assert (tmp_path / "new" / "count").read_text() == "80"  # none was lost
    assert names(tmp_path / "new") == ["count"]
