from __future__ import annotations

import logging
import os
import random
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from forked import CONTEXT

from encoder.base import ConditionSpace
from encoder.cache import CachedEncoder, EmbeddingCache

TEXTS = [f"text {i}" for i in range(1200)]  # more than one query holds


def vector(text: str) -> torch.Tensor:
    """What the counting encoder makes of a text."""
    return torch.tensor([len(text), *map(ord, (text + "   ")[:3])], dtype=torch.float32) / 7


class CountingEncoder:
    """Remembers the texts that it was asked for."""

    dim, space = 4, ConditionSpace("counting", "counting")

    def __init__(self, fingerprint: str = "ab") -> None:
        self.fingerprint = fingerprint
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str], *, progress: bool = False) -> torch.Tensor:
        self.asked += texts
        return torch.stack([vector(text) for text in texts])


def filled(path: Path, texts: Sequence[str] = TEXTS) -> Path:
    EmbeddingCache(path).put("ab", {text: vector(text) for text in texts})
    return path


def test_what_was_put_is_got_bit_for_bit(tmp_path) -> None:
    cache = EmbeddingCache(tmp_path / "new" / "folder" / "c.sqlite3")
    assert cache.get("ab", TEXTS) == {}
    assert not cache.path.parent.exists()  # looking up makes nothing
    cache.put("ab", {text: vector(text) for text in TEXTS})
    found = EmbeddingCache(cache.path).get("ab", [*TEXTS, "unknown"])
    assert found.keys() == set(TEXTS)
    assert all(torch.equal(found[text], vector(text)) and found[text].dtype == torch.float32 for text in TEXTS)


def test_fingerprints_are_kept_apart(tmp_path) -> None:
    cache = EmbeddingCache(tmp_path / "c.sqlite3")
    cache.put("ab", {"x": torch.zeros(2)})
    cache.put("cd", {"x": torch.ones(3)})
    assert cache.get("ab", ["x"])["x"].tolist() == [0, 0]
    assert cache.get("cd", ["x"])["x"].tolist() == [1, 1, 1]
    assert cache.get("ef", ["x"]) == {}


def test_only_misses_are_encoded_once_and_in_normalised_form(tmp_path) -> None:
    inner = CountingEncoder()
    encoder = CachedEncoder(inner, [EmbeddingCache(tmp_path / "c.sqlite3")])
    c = encoder.encode(["b", "a", "  B ", "a"])
    assert inner.asked == ["b", "a"]
    assert torch.equal(c, torch.stack([vector(text) for text in ("b", "a", "b", "a")]))
    assert torch.equal(encoder.encode(["a", "C", "b"]), torch.stack([vector(text) for text in ("a", "c", "b")]))
    assert inner.asked == ["b", "a", "c"]
    assert encoder.encode([]).shape == (0, 4)
    assert (encoder.dim, encoder.space, encoder.fingerprint) == (4, inner.space, "ab")


def test_shipped_cache_is_asked_first_and_never_written(tmp_path) -> None:
    shipped = filled(tmp_path / "shipped.sqlite3", ["a"])
    before = shipped.read_bytes()
    user = EmbeddingCache(tmp_path / "user.sqlite3")
    inner = CountingEncoder()
    encoder = CachedEncoder(inner, [EmbeddingCache(shipped, read_only=True), user])
    encoder.encode(["a"])
    assert not user.path.exists()
    encoder.encode(["a", "b"])
    assert inner.asked == ["b"]
    assert user.get("ab", ["a", "b"]).keys() == {"b"}
    assert shipped.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shipped.sqlite3", "user.sqlite3"]


@pytest.mark.parametrize("column", ["vector", "checksum"])
def test_damaged_entries_are_made_afresh_with_one_warning(tmp_path, caplog, column: str) -> None:
    path = filled(tmp_path / "c.sqlite3")
    with sqlite3.connect(path) as connection:  # one bit of every third entry
        rows = connection.execute(f"SELECT key, {column} FROM vectors").fetchall()[::3]
        for key, value in rows:
            connection.execute(
                f"UPDATE vectors SET {column} = ? WHERE key = ?", (bytes([value[0] ^ 1]) + value[1:], key)
            )
    connection.close()
    inner = CountingEncoder()
    encoder = CachedEncoder(inner, [EmbeddingCache(path)])
    expected = torch.stack([vector(text) for text in TEXTS])
    assert torch.equal(encoder.encode(TEXTS), expected)
    assert len(inner.asked) == len(rows) == 400
    assert torch.equal(encoder.encode(TEXTS), expected)
    assert len(inner.asked) == 400  # repaired
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert str(path) in caplog.text and "400" in caplog.text


def test_entries_that_changed_places_are_not_served(tmp_path) -> None:
    path = filled(tmp_path / "c.sqlite3", ["a", "b"])
    with sqlite3.connect(path) as connection:
        (one, first, first_sum), (two, second, second_sum) = connection.execute("SELECT * FROM vectors").fetchall()
        connection.execute("DELETE FROM vectors")
        connection.executemany(
            "INSERT INTO vectors VALUES (?, ?, ?)", [(one, second, second_sum), (two, first, first_sum)]
        )
    connection.close()
    assert EmbeddingCache(path).get("ab", ["a", "b"]) == {}


def damages(data: bytes) -> dict[str, bytes]:
    middle = len(data) // 2
    return {
        "truncated": data[:middle],
        "text": b"this is no database, but it is longer than the header of one would be" * 9,
        "zeros": bytes(len(data)),
        "empty": b"",
        "header": b"x" + data[1:],
        "pages": data[:4096] + bytes(reversed(data[4096:])),
        "scribbled": data[:middle] + b"\xff" * 3000 + data[middle + 3000 :],
    }


@pytest.mark.parametrize("damage", list(damages(b"")))
@pytest.mark.parametrize("read_only", [False, True])
def test_damaged_file_is_never_served_and_a_writable_one_is_repaired(
    tmp_path, caplog, damage: str, read_only: bool
) -> None:
    path = filled(tmp_path / "c.sqlite3")
    data = damages(path.read_bytes())[damage]
    path.write_bytes(data)
    caches = [EmbeddingCache(path, read_only=read_only)]
    inner = CountingEncoder()
    expected = torch.stack([vector(text) for text in TEXTS])
    assert torch.equal(CachedEncoder(inner, caches).encode(TEXTS), expected)
    assert inner.asked
    assert len(caplog.records) <= 1
    if read_only:
        assert path.read_bytes() == data
        assert len(caplog.records) == 1
    else:
        again = CountingEncoder()
        assert torch.equal(CachedEncoder(again, [EmbeddingCache(path)]).encode(TEXTS), expected)
        assert again.asked == []


@pytest.mark.parametrize("read_only", [True, False])
def test_random_damage_is_never_served(tmp_path, read_only: bool) -> None:
    rng = random.Random(0)
    texts = TEXTS[:60]
    expected = torch.stack([vector(text) for text in texts])
    path = filled(tmp_path / "c.sqlite3", texts)
    sound = path.read_bytes()
    served = 0
    for _ in range(60):
        damaged = bytearray(sound)
        for _ in range(rng.randrange(1, 30)):
            start, size = rng.randrange(len(damaged)), rng.choice([1, 1, 1, 200])
            damaged[start : start + size] = rng.randbytes(len(damaged[start : start + size]))
        path.write_bytes(damaged)
        inner = CountingEncoder()
        assert torch.equal(CachedEncoder(inner, [EmbeddingCache(path, read_only=read_only)]).encode(texts), expected)
        served += len(texts) - len(inner.asked)
    assert 0 < served < 60 * len(texts)


@pytest.mark.parametrize("where", ["folder", "below a file", "fifo", "too long"])
def test_cache_that_cannot_be_written_is_done_without(tmp_path, caplog, where: str) -> None:
    if where == "folder":
        path = tmp_path / "c.sqlite3"
        path.mkdir()
    elif where == "fifo":
        path = tmp_path / "c.sqlite3"
        os.mkfifo(path)
    elif where == "too long":
        path = tmp_path / ("a" * 5000)
    else:
        (tmp_path / "file").write_text("")
        path = tmp_path / "file" / "c.sqlite3"
    inner = CountingEncoder()
    encoder = CachedEncoder(inner, [EmbeddingCache(path)])
    for _ in range(2):
        assert torch.equal(encoder.encode(["a"]), vector("a")[None])
    assert inner.asked == ["a", "a"]
    assert len(caplog.records) == 1
    assert str(path) in caplog.text


def test_interrupted_write_leaves_what_was_there(tmp_path) -> None:
    path = filled(tmp_path / "c.sqlite3", ["a"])
    process = CONTEXT.Process(target=write_half_and_die, args=(path,))
    process.start()
    process.join()
    assert process.exitcode == 9
    assert EmbeddingCache(path).get("ab", ["a", "b"]).keys() == {"a"}


def write_half_and_die(path: Path) -> None:
    import os

    connection = sqlite3.connect(path)
    connection.execute("PRAGMA cache_size = 1")  # pages reach the file before the commit
    rows = [(bytes([0, *i.to_bytes(2)]), bytes(2000), bytes(8)) for i in range(500)]
    connection.executemany("INSERT INTO vectors VALUES (?, ?, ?)", rows)
    connection.execute("DELETE FROM vectors")
    os._exit(9)


def test_several_processes_write_and_read_at_once(tmp_path) -> None:
    path = tmp_path / "c.sqlite3"
    with CONTEXT.Pool(3) as pool:
        outcomes = pool.starmap(write_and_read, [(path, worker) for worker in range(3)])
    assert outcomes == [0] * 3
    assert EmbeddingCache(path).get("ab", TEXTS).keys() == set(TEXTS)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def write_and_read(path: Path, worker: int) -> int:
    """Write overlapping parts of ``TEXTS``; returns how many wrong vectors or warnings came up."""
    torch.set_num_threads(1)
    cache = EmbeddingCache(path)
    wrong = 0
    for start in range(0, len(TEXTS), 200):
        some = [TEXTS[(start + 100 * worker + i) % len(TEXTS)] for i in range(200)]
        cache.put("ab", {text: vector(text) for text in some})
        found = cache.get("ab", TEXTS)
        wrong += len(set(some) - found.keys()) + sum(not torch.equal(found[text], vector(text)) for text in found)
    return wrong + cache._warned


@pytest.mark.parametrize("wrong", [torch.tensor([1.0, 2.0, float("nan"), 4.0]), torch.ones(3), torch.ones(5)])
def test_vectors_that_are_not_finite_or_of_another_size_are_made_afresh(tmp_path, caplog, wrong) -> None:
    cache = EmbeddingCache(tmp_path / "c.sqlite3")
    cache.put("ab", {"a": wrong})
    inner = CountingEncoder()
    for _ in range(2):
        encoder = CachedEncoder(inner, [EmbeddingCache(cache.path)], inner.dim)
        assert torch.equal(encoder.encode(["a", "b"]), torch.stack([vector("a"), vector("b")]))
    assert inner.asked == ["a", "b"]
    assert "1 of its vectors are damaged" in caplog.text


def test_a_full_cache_lets_go_of_what_came_first(tmp_path) -> None:
    cache = EmbeddingCache(tmp_path / "a.sqlite3", most=10)
    for i in range(25):
        cache.put("ab", {f"text {i}": torch.full((25,), float(i))})
        cache.put("ab", {"often": torch.zeros(25)})
    kept = cache.get("ab", [*(f"text {i}" for i in range(25)), "often"])
    assert set(kept) == {"often", "text 24", "text 23", "text 22", "text 21", "text 20"}
