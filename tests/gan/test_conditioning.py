from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from encoder import align as module
from encoder.paths import ENCODER_DIR
from gan.data.dataset import ImageDataset
from gan.training.conditioning import fit_text_encoder, unknown_letters


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by the images of each fit, which takes a moment and writes the least that makes it found again."""
    made: list[int] = []

    def align(
        images: object, captions: object, config: module.AlignConfig, state: Path
    ) -> tuple[None, SimpleNamespace]:
        made.append(len(captions))  # type: ignore[arg-type]
        time.sleep(0.2)
        return None, SimpleNamespace(steps=1)

    def write_encoder(_tuned: None, folder: Path, record: dict[str, object]) -> None:
        (folder / module.RECORD).write_text(json.dumps(record))
        (folder / "model.safetensors.index.json").write_text("{}")

    monkeypatch.setattr(module, "align", align)
    monkeypatch.setattr(module, "write_encoder", write_encoder)
    return made


def test_of_the_processes_of_a_run_one_fits_the_text_encoder(fits, shapes: ImageDataset, tmp_path, capsys) -> None:
    folder = tmp_path / "run" / "encoder"
    with ThreadPoolExecutor(4) as pool:  # locks are of open files, so threads are held off as processes are
        results = pool.map(lambda rank: fit_text_encoder(shapes, folder, quiet=rank > 0), range(4))
    assert list(results) == [folder] * 4
    assert fits == [len(shapes)]
    assert capsys.readouterr().out == f"fitting a text encoder to the images, once, in at most 5 minutes: {folder}\n"
    fit_text_encoder(shapes, folder, seed=1, keep=True)  # a run that goes on keeps its own
    assert len(fits) == 1
    fit_text_encoder(shapes, folder, seed=1)
    assert len(fits) == 2


@pytest.mark.parametrize(
    ("captions", "share"),
    [
        (["a red fox", "une fleur très jolie"], ""),
        (["一朵紅色的花", "a yellow flower"], "32%"),
        (["赤い花", "黄色い花"], "100%"),
    ],
)
def test_captions_in_letters_that_the_encoder_does_not_know_are_said(captions: list[str], share: str) -> None:
    line = unknown_letters(captions, ENCODER_DIR)
    assert (f"does not know {share} of the letters" in line) if share else not line
