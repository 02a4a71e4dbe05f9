"""``python -m gan.data``: what would be trained on, without training."""

from __future__ import annotations

import importlib
import io
import json
import os
import sys
from pathlib import Path

import pytest
from making import png, write
from PIL import Image

import train_cgan
from encoder.common.options import from_args
from gan.data.__main__ import language_of, main
from gan.data.settings import DataSettings


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("gan.tasks.faces.share_of_faces", lambda *_: 0.25, raising=False)
    rows = "".join(f"{i}.png,a drawing of thing {i},{'xy'[i % 2]}\n" for i in range(20))
    table = f"file_name,text,source\n{rows}gone.png,a text,x\n20.png,a copy,x\n0.png,une fleur rouge et une feuille,x\n"
    return write(tmp_path / "set", {"metadata.csv": table, **{f"{i}.png": png(i) for i in range(20)}, "20.png": png(2)})


def test_json(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(path), "--json", "--examples", "0"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["images"], report["captions"]) == (21, 22)
    assert report["left_out"] == {"without image": 1}
    assert report["left_out_examples"] == {"without image": ["gone.png"]}
    assert len(report["examples"]) == 21
    assert report["examples"][0] == {
        "id": "x/0.png",
        "captions": ["a drawing of thing 0", "une fleur rouge et une feuille"],
    }
    assert report["styles"] == {"x": 11, "y": 10}
    assert report["duplicates"] == 1
    assert report["heldout"] >= 1
    assert report["languages"] == {"English": 21, "French": 1}
    assert report["sizes"] == {"smallest": [64, 64], "median": [64, 64], "largest": [64, 64], "below 64 pixels": 0}
    assert report["conditioning"] in ("captions", "attributes") and report["why"]


def test_what_a_person_reads(path: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main([str(path), "--examples", "2", "--sheet", str(tmp_path / "sheet.png")]) == 0
    out = capsys.readouterr().out
    for text in (
        "21 images with 22 captions",
        "copies of another image",
        "styles: x 11, y 10",
        "without image (gone.png)",
    ):
        assert text in out
    assert out.count("a drawing of thing") == 2
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size[0] > 5 * 128


def test_a_sheet_on_stdout_stands_there_alone(path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main([str(path), "--sheet", "-", "--json"]) == 0
    out, err = capsysbinary.readouterr()
    assert Image.open(io.BytesIO(out)).size[0] > 5 * 128 and json.loads(err)["images"] == 21


def test_a_dry_run_looks_at_the_data(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train_cgan.main(["--dry-run", "--data", str(path), "--caption-column", "text"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["caption_column"] == "text"
    assert "1 without image (gone.png)" in err and "conditioning: " in err
    for arguments, message in [
        (["--data", "nowhere"], "nowhere: no such folder"),
        (["--data", str(path), "--caption-column", "x"], "no column 'x'"),
        (["--data", str(path), "--evaluate-images", "9"], "held-out images are too few to score a generator with"),
    ]:
        assert train_cgan.main(["--dry-run", *arguments]) == 2
        out, err = capsys.readouterr()
        assert out == "" and message in err and err.count("error: ") == 1


def test_bad_input(path: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for arguments, message in [
        ([str(tmp_path / "none")], "none: no such folder or zip"),
        ([str(path), "--caption-column", "x"], "metadata.csv: no column 'x'; its columns are file_name, text, source"),
        ([str(path), "--sheet", "a.jpg"], "a.jpg: pictures are written as PNG"),
    ]:
        assert main(arguments) == 2
        out, err = capsys.readouterr()
        assert out == "" and message in err and len(err.splitlines()) == 1


def test_training_on_windows_ends_in_one_line(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    for name in ("preadv", "pread", "pwrite", "O_NONBLOCK", "O_DIRECTORY"):
        monkeypatch.delattr(os, name)
    assert train_cgan.main(["--data", str(path), "--run-dir", str(tmp_path / "run")]) == 2
    message = "images are read on Linux and macOS alone; on Windows, use the Windows Subsystem for Linux"
    assert capsys.readouterr().err == f"error: {message}\n"


@pytest.mark.parametrize("name", ["train", "evaluate", "compare", "align", "classifier", "localiser"])
def test_every_command_that_reads_images_takes_the_same_options(path: Path, name: str) -> None:
    arguments = ["--data", str(path), "x", "--caption-column", "text", "--image-column", "file_name"]
    options, _ = importlib.import_module(f"gan.{name}").parser().parse_known_args([*arguments, "--out", "new"])
    settings = from_args(DataSettings, options)
    assert settings == DataSettings(data=(str(path), "x"), caption_column="text", image_column="file_name")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("a red cat", "English"), ("eine rote Katze mit Hut", "German"), ("un gato con el sombrero", "Spanish"),
        ("ピンクの髪の女の子", "Japanese"), ("粉色的头发", "Chinese"), ("분홍 머리", "Korean"),
        ("рыжий кот", "Cyrillic"),
        ("pink hair", "English"), ("čččč", "other"),
    ],
)  # fmt: skip
def test_languages(text: str, language: str) -> None:
    assert language_of(text) == language
