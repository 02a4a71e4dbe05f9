import os
import subprocess
import sys
from pathlib import Path

import pytest

from encoder.common.errors import InputError
from encoder.common.folders import locked

ROOT = Path(__file__).parents[2]
HOLD = "import sys; from pathlib import Path; from encoder.common.folders import locked\n"
HOLD += "with locked(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"


def test_a_folder_is_held_by_one_process_until_that_ends(tmp_path) -> None:
    folder = tmp_path / "new" / "run"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with (
        pytest.raises(InputError, match=f"run: process {holder.pid} is at work there; wait until it ends"),
        locked(folder),
    ):
        pass
    holder.kill()
    holder.wait()
    with locked(folder):
        assert (folder / ".lock").read_text() == f"{os.getpid()}\n"
    with locked(folder):  # and again
        pass


def test_what_is_raised_within_frees_it(tmp_path) -> None:
    with pytest.raises(KeyError), locked(tmp_path):
        raise KeyError
    with locked(tmp_path):
        pass


def test_a_folder_that_cannot_be_made(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"), locked(tmp_path / "file" / "run"):
        pass
