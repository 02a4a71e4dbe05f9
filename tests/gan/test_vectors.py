import pytest
import torch

from encoder.common.errors import InputError
from encoder.pooled import statistics_of
from gan.training import vectors
from gan.training.conditions.captions import CaptionTable, first_epoch
from gan.training.vectors import TextVectors
from tests.gan.test_conditions import Recorder

TEXTS = [f"text {i}" for i in range(11)]
QUEUE = torch.tensor([5, 3, 1, 9, 7, 0, 10, 2, 4, 6, 8])
CAPTIONS = [tuple(f"{image}-{turn}" for turn in range(1 + image % 3)) for image in range(9)]


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("few", [100, 10], ids=["in memory", "in a file"])
def test_texts_are_encoded_when_they_are_asked_for_with_their_block_of_the_queue(few, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(vectors, "FEW", few)
    monkeypatch.setattr(vectors, "BLOCK", 3)
    encoder = Recorder()
    expected = torch.stack([encoder.vector(text) for text in TEXTS])
    kept = TextVectors(TEXTS, encoder, queue=QUEUE, folder=tmp_path)
    numbers = torch.tensor([8, 3, 3])
    assert torch.equal(kept[numbers], expected[numbers])
    assert encoder.calls == [[TEXTS[i] for i in (5, 3, 1)], [TEXTS[i] for i in (6, 8)]]
    assert torch.equal(kept[torch.arange(11)], expected)
    assert torch.equal(kept[numbers], expected[numbers])
    assert sorted(text for call in encoder.calls for text in call) == sorted(TEXTS)
    assert [path for path in tmp_path.iterdir() if not path.name.startswith(".")] == []  # the file has no name


def test_no_room_is_one_line(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(vectors, "FEW", 10)

    def full(**_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(vectors.tempfile, "TemporaryFile", full)
    with pytest.raises(InputError, match=r"no room for the vectors of the captions \(No space left on device\)"):
        TextVectors(TEXTS, Recorder(), folder=tmp_path)[torch.tensor([0])]


def test_statistics_are_those_of_all_vectors_at_once(monkeypatch) -> None:
    monkeypatch.setattr("encoder.pooled._CHUNK", 3)
    tensor = torch.stack([Recorder().vector(text) for text in TEXTS])
    expected = torch.stack([tensor.double().mean(0), tensor.double().std(0, correction=0).clamp_min(1e-6)])
    torch.testing.assert_close(statistics_of(tensor), expected)


@pytest.mark.parametrize("ahead", [2, 4, 12])
def test_a_step_shows_texts_from_the_front_of_the_queue_alone(ahead: int) -> None:
    table = CaptionTable(CAPTIONS, ahead=ahead, seed=3)
    queue = table.queue().tolist()
    assert sorted(queue) == list(range(len(table.texts)))
    order = first_epoch(9, 3)
    assert [table.texts[number].partition("-")[0] for number in queue[:9]] == [str(row) for row in order.tolist()]
    seen: set[int] = set()
    for images in range(40):
        allowed = set(queue[: images + ahead])
        if images < 9:  # the images of the first epoch have texts when their turn comes
            assert int(table.pick(order[images, None], images, seeded())) in allowed
        rows = table.pick_images(200, images, seeded())
        now = set(table.pick(rows, images, seeded()).tolist())
        assert now <= allowed
        seen |= now
    assert seen == set(queue)
    assert set(table.at_start().tolist()) <= set(queue[:ahead])
    everything = CaptionTable(CAPTIONS)
    assert everything.ahead == CaptionTable(CAPTIONS, ahead=27).ahead == 0
    rows = torch.arange(9).repeat(20)
    assert torch.equal(everything.pick_images(50, 0, seeded()), torch.randint(9, (50,), generator=seeded()))
    assert set(everything.pick(rows, 0, seeded()).tolist()) == set(range(len(everything.texts)))
