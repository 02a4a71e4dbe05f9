from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
import torch
from forked import Forked
from making import load, png, write

from encoder.common.errors import InputError
from gan.data import entries, index
from gan.data.store import Rows

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where entries are kept in a test."""
    monkeypatch.setenv("TEXT2FACE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "data"


@pytest.fixture(params=["set", "set.zip"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    files = {"tags.csv": "0,zero\n1,one\n2,\n", **{f"images/{i}.png": png(i) for i in range(3)}}
    return write(tmp_path / "data" / request.param, files)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with every image that is decoded."""
    sizes: list[int] = []

    def decode(data: bytes) -> object:
        sizes.append(len(data))
        return real(data)

    real = index.decode
    monkeypatch.setattr(index, "decode", decode)
    return sizes


def entry(cache: Path) -> Path:
    [folder] = cache.iterdir()
    return folder


def test_images_are_decoded_once(path: Path, cache: Path, decoded: list[int]) -> None:
    first, before = load(path)
    second, after = load(path)
    assert len(decoded) == 2
    assert sorted(file.name for file in entry(cache).iterdir()) == ["images.bin", "index.json"]
    assert torch.equal(first.images[:], second.images[:])
    assert str(before) == str(after)
    for name in ("captions", "source_names", "formats", "ids", "splits", "groups", "digest"):
        assert getattr(first, name) == getattr(second, name)


def test_what_has_changed_is_read_anew(path: Path, cache: Path, decoded: list[int]) -> None:
    load(path)
    if path.is_dir():
        (path / "images" / "1.png").write_bytes(png(9) + b" ")
    else:
        write(path, {"tags.csv": "1,other\n", "1.png": png(9)})
    assert len(load(path)[0].digest) == 64
    assert len(decoded) > 2
    entry(cache)


@pytest.mark.parametrize("file", ["index.json", "images.bin"])
@pytest.mark.parametrize("damage", ["flipped", "half", "gone", "empty", "folder"])
def test_damaged_entries_are_made_anew(
    path: Path, cache: Path, decoded: list[int], caplog: pytest.LogCaptureFixture, file: str, damage: str
) -> None:
    whole = load(path)[0]
    target = entry(cache) / file
    data = target.read_bytes()
    middle = len(data) // 2
    target.unlink()
    if damage == "folder":
        target.mkdir()
    elif damage != "gone":
        flipped = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
        target.write_bytes({"empty": b"", "half": data[:middle], "flipped": flipped}[damage])
    again = load(path)[0]
    assert (again.digest, len(decoded)) == (whole.digest, 4)
    assert torch.equal(again.images[:], whole.images[:])
    assert damage == "gone" or "decoded images are damaged, and are made anew" in caplog.text
    load(path)
    assert len(decoded) == 4


def test_an_index_of_other_things_is_not_served(path: Path, cache: Path, decoded: list[int]) -> None:
    load(path)
    _, text = (entry(cache) / "index.json").read_bytes().split(b"\n", 1)
    for line in (b"[]", b"{}", b"[" * 100_000, json.dumps({"stamp": "x", "checksum": "y"}).encode(), b"\xff"):
        (entry(cache) / "index.json").write_bytes(line + b"\n" + text)
        assert len(load(path)[0]) == 2


def test_a_cache_that_cannot_be_written(
    path: Path, cache: Path, decoded: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    cache.parent.mkdir()
    cache.write_text("a file")
    data, _ = load(path)
    assert len(data.images[:]) == 2
    assert "cannot be kept there" in caplog.text
    assert len(caplog.records) == 1


def test_a_full_disk(
    path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = os.pwrite

    def write_here(handle: int, data: bytes, at: int) -> int:
        if str(cache) in os.readlink(f"/proc/self/fd/{handle}"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(handle, data, at)

    monkeypatch.setattr(os, "pwrite", write_here)
    data, _ = load(path)
    assert len(data.images[:]) == 2
    assert "No space left" in caplog.text
    assert list(cache.iterdir()) == []

    def never(handle: int, data: bytes, at: int) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", never)
    with pytest.raises(InputError, match="no room for the decoded images"):
        load(path)


def test_what_a_killed_process_has_left_is_removed(path: Path, cache: Path) -> None:
    left = cache / "other" / ".images.bin.abcd1234.tmp"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    load(path)
    assert not left.exists()


def test_bad_data_leave_nothing(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(InputError, match="no usable image"):
        load(write(tmp_path / "set", {"tags.csv": "1,x\n", "2.png": png(0)}))
    assert list(cache.iterdir()) == []


def load_thrice(path: Path) -> None:
    """Load images, without their index before each time but the first."""
    for _ in range(3):
        data, _ = load(path)
        assert data.images[:].shape == (2, 3, 64, 64)
        for kept in entries.entries_dir().glob("*/index.json"):
            kept.unlink(missing_ok=True)
    print(data.digest)


def test_two_processes_at_once(path: Path, cache: Path) -> None:
    running = [Forked(load_thrice, path) for _ in range(2)]
    (first, first_errors), (second, second_errors) = (process.wait() for process in running)
    assert [process.returncode for process in running] == [0, 0], first_errors + second_errors
    assert first == second


def test_an_entry_that_is_replaced_stays_open_to_its_readers(path: Path, cache: Path, decoded: list[int]) -> None:
    load(path)
    before = Rows.open(entry(cache) / "images.bin", index.SHAPE)
    whole = before[:]

    def build(rows: Rows) -> index.Index:
        rows.append(whole[:1])
        return index.Index("tags", None, keys=["only"], captions=[["x"]], sources=[-1], groups=[None], copies=[0])

    assert entries._make(entry(cache), "other", build)[1].keys == ["only"]
    assert entries._make(entry(cache), "other", lambda _: pytest.fail("made twice"))[1].keys == ["only"]
    assert torch.equal(before[:], whole)
    # The images of one set are never read by the index of another.
    (entry(cache) / "index.json").write_bytes(
        (entry(cache) / "index.json").read_bytes().replace(b'"images": ', b'"images": 1')
    )
    assert entries._read(entry(cache), "other") is None
    assert load(path)[0].ids == ("set/0", "set/1")
