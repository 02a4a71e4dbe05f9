from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
import torch

from encoder.common.errors import InputError
from gan.data import store
from gan.data.store import Images, Rows


@pytest.fixture
def values() -> torch.Tensor:
    return torch.randint(0, 256, (40, 3, 4), generator=torch.Generator().manual_seed(0)).byte()


@pytest.fixture
def rows(tmp_path: Path, values: torch.Tensor) -> Rows:
    made = Rows.create(tmp_path / "rows", (3, 4))
    made.append(values[:15])
    made.append(values[15:].numpy())
    made.finish()
    return made


@pytest.mark.parametrize(
    "index",
    [
        slice(None), slice(3, 9), slice(30, 100), slice(None, None, -3), slice(5, 5), torch.tensor([3, 2, 2, 39, 0]),
        torch.tensor([-1, 4]), torch.arange(40) % 3 == 0, torch.zeros(40, dtype=torch.bool),
        torch.empty(0, dtype=torch.int64),
    ],
)  # fmt: skip
def test_rows_are_indexed_as_a_tensor_is(rows: Rows, values: torch.Tensor, index: slice | torch.Tensor) -> None:
    expected = values[list(range(40))[index]] if isinstance(index, slice) else values[index]
    assert torch.equal(rows[index], expected)
    assert torch.equal(Images((rows,))[index], expected)
    assert rows[index].dtype == torch.uint8


def test_rows_are_read_again(rows: Rows, values: torch.Tensor, tmp_path: Path) -> None:
    again = Rows.open(tmp_path / "rows", (3, 4))
    (tmp_path / "rows").unlink()  # as another process that replaces them does
    assert len(again) == 40
    assert torch.equal(again[:], values)


def test_rows_of_other_numbers(tmp_path: Path) -> None:
    values = torch.randn(5, 7)
    rows = Rows.create(tmp_path / "rows", (7,), torch.float32)
    rows.append(values)
    rows.finish()
    assert torch.equal(Rows.open(tmp_path / "rows", (7,), torch.float32)[torch.tensor([4, 0])], values[[4, 0]])


def test_bad_indices_and_files(rows: Rows, tmp_path: Path) -> None:
    for index in (torch.tensor([40]), torch.tensor([-41]), torch.zeros(39, dtype=torch.bool), torch.tensor(3)):
        with pytest.raises(IndexError):
            rows[index]
    with pytest.raises(ValueError, match="rows of"):
        rows.append(torch.zeros(2, 4, 3, dtype=torch.uint8))
    os.truncate(tmp_path / "rows", 100)
    with pytest.raises(ValueError, match="cut off"):
        Rows.open(tmp_path / "rows", (3, 4))
    with pytest.raises(OSError, match="cut off while they were in use"):
        rows[:]


def test_every_flipped_byte_is_noticed(rows: Rows, values: torch.Tensor, tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "rows"
    sound = path.read_bytes()
    for i in range(len(sound)):
        path.write_bytes(sound[:i] + bytes([sound[i] ^ 32]) + sound[i + 1 :])
        with pytest.raises(ValueError, match="rows: "):
            Rows.open(path, (3, 4))
    path.write_bytes(bytes([sound[0] ^ 32]) + sound[1:])
    monkeypatch.setattr(store, "CHECKED", 0)  # of a large file most rows are checked when they are read
    large = Rows.open(path, (3, 4))
    assert torch.equal(large[1:], values[1:])
    with pytest.raises(InputError, match="row 0 is damaged on the disk; it is made anew when you start again"):
        large[torch.tensor([7, 0])]
    assert not path.exists()


def test_images_of_several_files(tmp_path: Path, values: torch.Tensor) -> None:
    parts = []
    for i, part in enumerate(values.split(15)):
        parts.append(Rows.create(tmp_path / str(i), (3, 4)))
        parts[-1].append(part)
    images = Images(tuple(parts))
    order = torch.randperm(40, generator=torch.Generator().manual_seed(0))
    assert images.shape == (40, 3, 4)
    assert torch.equal(images[order], values[order])
    some = images.select(order[:20]).select(torch.arange(20) % 2 == 1)
    assert torch.equal(some[:], values[order[1:20:2]])


def test_rows_are_read_in_threads_and_in_a_child(rows: Rows, values: torch.Tensor) -> None:
    wrong = []

    def read(seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        for _ in range(50):
            index = torch.randint(40, (10,), generator=generator)
            if not torch.equal(rows[index], values[index]):
                wrong.append(seed)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    child = os.fork()
    if child == 0:
        os._exit(0 if bytes(rows[7:9].numpy()) == bytes(values[7:9].numpy()) else 1)
    assert os.waitpid(child, 0)[1] == 0
