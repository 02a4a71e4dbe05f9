import os
import stat
from pathlib import Path

import pytest

from encoder.common import atomic
from encoder.common.atomic import remove_orphans, write_atomically
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


def test_what_a_killed_writer_has_left_is_removed_and_nothing_else(tmp_path) -> None:
    dead = tmp_path / ".a.txt.ab12_xyz.tmp"
    others = [tmp_path / name for name in (".a.txt.x.tmp", ".b.txt.ab12_xyz.tmp", "a.txt.ab12_xyz.tmp", ".a.txt.tmp")]
    for path in (dead, *others):
        path.write_text("half")
    (tmp_path / ".a.txt.folder__.tmp").mkdir()

    def write(temporary: Path) -> None:
        assert not dead.exists()
        remove_orphans(tmp_path / "a.txt")  # as another process that starts now
        assert temporary.exists()
        temporary.write_text("new")

    write_atomically(tmp_path / "a.txt", write)
    assert (tmp_path / "a.txt").read_text() == "new"
    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "a.txt", *others, tmp_path / ".a.txt.folder__.tmp"])


def test_a_file_that_another_took_for_an_orphan_is_made_again(tmp_path, monkeypatch) -> None:
    names: list[str] = []
    lock = atomic.lock

    def swept(handle: int, *, wait: bool = False) -> bool:
        names.append(os.readlink(f"/proc/self/fd/{handle}"))
        if len(names) == 1:
            os.unlink(names[0])
        return lock(handle)

    monkeypatch.setattr(atomic, "lock", swept)
    write_atomically(tmp_path / "a.txt", lambda path: path.write_text("new"))
    assert len(set(names)) == 2
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
