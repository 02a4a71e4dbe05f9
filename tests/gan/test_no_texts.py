"""Networks that are trained without texts, from the command line to the picture."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import infer
import train_cgan
from encoder.common.errors import InputError
from encoder.loading import load_encoder
from gan.evaluation.drawing import draw
from gan.page import __main__ as page
from gan.pipeline import TextToImage
from gan.training import sample_grids
from gan.training.state import load_state

SMALL = [
    *("--batch-size", "4", "--z-dim", "4", "--precision", "float32", "--max-images", "8", "--conditioning", "none"),
    *("--generator", '{"widths": [8, 8, 8, 8], "detail_width": 4, "style_dim": 8}'),
    *("--discriminator", '{"widths": [8, 8, 8, 8, 8], "feature_dim": 8}'),
]


@pytest.fixture(scope="module")
def run(faces_zip, tmp_path_factory) -> Iterator[Path]:
    """A finished run of two steps."""
    folder = tmp_path_factory.mktemp("run") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sample_grids, "GRID_ROWS", 1)
        patch.setattr(sample_grids, "STATISTICS_BATCHES", 2)
        assert train_cgan.main(["--data", str(faces_zip), "--run-dir", str(folder), *SMALL]) == 0
        yield folder


def test_a_model_without_texts_draws_nothing_in_particular_and_refuses_texts(run, tmp_path, capsys) -> None:
    pipe = TextToImage.from_pretrained(run / "snapshot")
    assert (pipe.config.conditioning.kind, pipe.config.c_dim) == ("none", 1)
    images = pipe.draw(["", " "], seeds=[0, 1])
    assert not torch.equal(images[0], images[1])
    assert pipe("", seed=1).images[0].tobytes() == images[1].permute(1, 2, 0).numpy().tobytes()
    with pytest.raises(InputError, match=r"snapshot was trained without texts and cannot draw 'pink hair'; ask for"):
        pipe(["", "pink hair"])
    options = ["--model", str(run / "snapshot"), "--out", str(tmp_path / "out.png")]
    assert infer.main(["--text", "pink hair", *options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("cannot draw 'pink hair'; ask for nothing: --any, or an empty text")
    assert infer.main(["--any", "--num", "2", *options]) == 0
    assert "2 images in" in capsys.readouterr().out
    assert page.main(["--model", str(run / "snapshot"), "--out", str(tmp_path / "page")]) == 2
    assert "draws without texts, and the page draws from one; use infer.py --any" in capsys.readouterr().err


def test_an_evaluation_draws_as_many_images_as_there_are_captions(run) -> None:
    pipe = TextToImage.from_pretrained(run / "snapshot", dtype=torch.float32)
    asked, nothing = (draw(pipe, texts, 0, None, "faces") for texts in (["red hair", "blue eyes"], ["", ""]))
    assert torch.equal(asked, nothing)


def test_a_run_without_texts_goes_on_and_says_how_to_draw(run, faces_zip, capsys) -> None:
    more = [*SMALL, "--max-images", "12", "--resume", "--run-dir", str(run)]
    assert train_cgan.main(["--data", str(faces_zip), *more]) == 0
    assert "snapshot --any" in capsys.readouterr().out
    assert load_state(run)["cur_nimg"] == 12


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--objective", "gan-cls"], "gan-cls learns from wrong texts, .* give another --objective: cgan, .*r3gan"),
        (["--interpolate", "0.5"], "--interpolate is about texts, and --conditioning none has none; leave it out"),
        (["--colours", "0.5"], "--colours is about texts"),
        (["--encoder", "onehot"], "--encoder onehot does not go with --conditioning none"),
    ],
)
def test_what_needs_texts_is_refused(faces_zip, tmp_path, capsys, options, message) -> None:
    assert train_cgan.main(["--data", str(faces_zip), "--run-dir", str(tmp_path / "run"), *SMALL, *options]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert re.search(message, line)


def test_the_condition_is_the_same_for_every_text() -> None:
    encoder = load_encoder("none")
    assert encoder.encode(["pink hair", ""]).tolist() == [[0], [0]]
    with pytest.raises(InputError, match="a condition of the kind none reads no folder; leave it out"):
        load_encoder("none", path="somewhere")
