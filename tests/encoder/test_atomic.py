import os
import stat
from pathlib import Path

import pytest

from encoder.common.atomic import write_atomically
from encoder.common.errors import InputError


def test_writes_and_replaces(tmp_path) -> None:
    path = tmp_path / "new" / "deep" / "a.txt"
    for text in ("first", "second"):
        write_atomically(path, lambda temporary, text=text: temporary.write_text(text))
        assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644  # others may read it


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), RuntimeError("unexpected pos 704\nat line 2")]
)
def test_a_failed_write_keeps_the_old_file(tmp_path, error) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write(temporary) -> None:
        temporary.write_text("half of the n")
        raise error

    with pytest.raises(InputError, match=r"a\.txt: cannot be written \((No space left on device|unexpected pos 704)\)"):
        write_atomically(path, write)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_any_other_error_leaves_nothing_behind(tmp_path) -> None:
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "a.txt", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    assert os.listdir(tmp_path) == []


def test_a_folder_that_cannot_be_made(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_atomically(tmp_path / "file" / "a.txt", lambda path: path.write_text("new"))


def test_a_file_is_on_the_disk_before_it_takes_its_place(tmp_path, monkeypatch) -> None:
    done = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: done.append(os.readlink(f"/proc/self/fd/{handle}")) or sync(handle))
    monkeypatch.setattr(os, "replace", lambda a, b: done.append("replaced") or replace(a, b))
    write_atomically(tmp_path / "a.txt", lambda path: path.write_text("new"))
    assert [Path(each).name for each in done][1:] == ["replaced", tmp_path.name]
    assert Path(done[0]).name.startswith(".a.txt.")
    done.clear()
    write_atomically(tmp_path / "a.txt", lambda path: path.write_text("newer"), durable=False)
    assert done == ["replaced"]
