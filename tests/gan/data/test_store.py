from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
import torch

from encoder.common.errors import InputError
from gan.data.store import Images, Rows


@pytest.fixture
def values() -> torch.Tensor:
    return torch.randint(0, 256, (40, 3, 4), generator=torch.Generator().manual_seed(0)).byte()


@pytest.fixture
def rows(tmp_path: Path, values: torch.Tensor) -> Rows:
    made = Rows.create(tmp_path / "rows", (3, 4))
    made.append(values[:15])
    made.append(values[15:].numpy())
    made.seal()
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
    assert torch.equal(again.tensor(), values)


def test_rows_of_other_numbers(tmp_path: Path) -> None:
    values = torch.randn(5, 7)
    rows = Rows.create(tmp_path / "rows", (7,), torch.float32)
    rows.append(values)
    rows.seal()
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
    with pytest.raises(InputError, match="rows: was damaged after it had been written; remove it"):
        rows[:]


@pytest.mark.parametrize("place", [0, 100, 479, 480, 639])
def test_a_changed_byte_is_found_where_its_row_is_read(rows: Rows, tmp_path: Path, place: int) -> None:
    data = bytearray((tmp_path / "rows").read_bytes())
    data[place] ^= 4
    (tmp_path / "rows").write_bytes(data)
    again = Rows.open(tmp_path / "rows", (3, 4))
    row = place // 12 if place < 480 else (place - 480) // 4  # of the row itself, or of its checksum
    with pytest.raises(InputError, match="was damaged"):
        again[torch.tensor([row])]
    assert torch.equal(again[torch.tensor([20])], rows[torch.tensor([20])])


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(ValueError, match="cut off"):
        Rows.open(tmp_path / "fifo", (3, 4))


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
    assert torch.equal(some.tensor(), values[order[1:20:2]])


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
