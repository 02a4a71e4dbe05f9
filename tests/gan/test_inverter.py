"""The training of an inverter: it learns, goes on where it stopped, and its folder is read with the release."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from releases import write_one_hot

from encoder.common.errors import InputError
from gan.inversion.network import Inverter, generator_digest, load_inverter, save_inverter
from gan.inversion.training import STATE_FILE, train
from gan.pipeline import TextToImage

SMALL: dict[str, Any] = {"widths": [4, 4, 4, 4, 4], "fine_width": 2, "dense_width": 8}


class Faces(NamedTuple):
    """As much of a data set as the training asks for."""

    images: torch.Tensor
    sources: torch.Tensor

    def __len__(self) -> int:  # type: ignore[override]
        return len(self.images)


def test_a_training_goes_on_and_its_inverter_is_read_with_the_release(tmp_path: Path) -> None:
    release = write_one_hot(tmp_path / "release")
    pipe = TextToImage.from_pretrained(release, dtype="float32")
    c = pipe.conditions(["pink hair green eyes"])
    faces: Any = Faces(pipe.draw(["pink hair green eyes"] * 6, range(6)), torch.zeros(6, dtype=torch.int64))
    saved: list[int] = []

    def run(steps: int, inverter: Inverter) -> Inverter:
        return train(
            inverter, pipe.G, faces, faces, lambda images, _: c.expand(len(images), -1),
            steps=steps, batch_size=3, state=tmp_path / STATE_FILE, progress=False,
            save=lambda _, step, quality: saved.append(step),
        )  # fmt: skip

    first = run(2, Inverter.of(pipe.G, 1, **SMALL))
    average = run(4, Inverter.of(pipe.G, 1, **SMALL))
    assert saved == [2, 4]
    assert not torch.equal(first.out.weight, average.out.weight)
    save_inverter(average, release, generator_digest(release), {"passes": 3})
    found = load_inverter(release, pipe.G, 1)
    assert found is not None and found[1].passes == 3
    for name, value in found[0].state_dict().items():
        assert torch.allclose(value, average.state_dict()[name], atol=1e-3), name
    with pytest.raises(InputError, match="is of another network"):
        run(6, Inverter.of(pipe.G, 1, **{**SMALL, "dense_width": 9}))
