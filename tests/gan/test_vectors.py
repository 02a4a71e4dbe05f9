import pytest
import torch

from encoder.common.errors import InputError
from encoder.pooled import StandardisedEncoder, statistics_of
from gan.data.store import Rows
from gan.training import vectors
from gan.training.vectors import Standardised, raw_vectors, statistics_over
from tests.gan.test_conditions import Recorder

TEXTS = [f"text {i}" for i in range(11)]


@pytest.fixture
def many(tmp_path, monkeypatch):
    """Eleven texts are many, and are read three at a time."""
    monkeypatch.setenv("TEXT2FACE_CACHE", str(tmp_path))
    monkeypatch.setattr(vectors, "FEW", 10)
    monkeypatch.setattr(vectors, "CHUNK", 3)
    return tmp_path / "vectors"


def test_few_vectors_are_a_tensor_and_many_a_file_that_is_found_again(many) -> None:
    encoder = Recorder()
    expected = torch.stack([encoder.vector(text) for text in TEXTS])
    assert torch.equal(raw_vectors(TEXTS[:10], encoder), expected[:10])
    assert not many.exists()
    for _ in range(2):
        rows = raw_vectors(TEXTS, encoder)
        assert isinstance(rows, Rows)
        assert torch.equal(rows[torch.tensor([10, 0, 3])], expected[[10, 0, 3]])
    assert sum(map(len, encoder.calls)) == 10 + 11  # the second time none
    assert len(list(many.iterdir())) == 1
    raw_vectors([*TEXTS[1:], "other"], encoder)
    assert len(list(many.iterdir())) == 2


def test_statistics_and_conditions_of_a_file_are_those_of_a_tensor(many) -> None:
    encoder = Recorder()
    rows, tensor = raw_vectors(TEXTS, encoder), torch.stack([encoder.vector(text) for text in TEXTS])
    for kept in (rows, tensor):
        torch.testing.assert_close(statistics_over(kept), statistics_of(tensor))
    standardised = StandardisedEncoder("pooled", encoder, statistics_of(tensor))
    numbers = torch.tensor([4, 4, 7])
    conditions = Standardised(rows, standardised)[numbers]
    assert torch.equal(conditions, standardised.encode([TEXTS[i] for i in numbers]))


@pytest.mark.parametrize("size", [0, 10, 100])
def test_a_file_that_is_cut_off_is_made_anew(many, size: int) -> None:
    encoder = Recorder()
    raw_vectors(TEXTS, encoder)
    [path] = many.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:size])
    assert len(raw_vectors(TEXTS, encoder)) == len(TEXTS)
    assert path.read_bytes() == whole


def test_no_room_is_one_line(many, monkeypatch) -> None:
    def full(*_args) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Rows, "append", full)
    with pytest.raises(InputError, match=r"cannot be written \(No space left on device\); .*TEXT2FACE_CACHE"):
        raw_vectors(TEXTS, Recorder())
    assert not list(many.iterdir())


@pytest.mark.parametrize("damage", ["flipped", "half", "empty", "older"])
def test_damaged_vectors_are_made_anew(many, caplog, damage) -> None:
    encoder = Recorder()
    expected = torch.stack([encoder.vector(text) for text in TEXTS])
    raw_vectors(TEXTS, encoder)
    [path] = many.iterdir()
    data = path.read_bytes()
    flipped = data[:9] + bytes([data[9] ^ 1]) + data[10:]
    older = expected.numpy().tobytes()  # the rows alone
    path.write_bytes({"flipped": flipped, "half": data[: len(data) // 2], "empty": b"", "older": older}[damage])
    encoder.calls.clear()
    for _ in range(2):
        assert torch.equal(raw_vectors(TEXTS, encoder)[:], expected)
    assert sum(map(len, encoder.calls)) == len(TEXTS)
    assert "text vectors are damaged, and are made anew" in caplog.text
