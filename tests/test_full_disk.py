"""A disk that fills up: one line, what stood there before stays, and nothing half written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from test_train_cgan import SMALL, one_error

import train_cgan
from encoder.cache import EmbeddingCache
from encoder.common.errors import InputError
from encoder.tuned import IDENTITY, Tuned, save
from gan.data.entries import entries_dir
from gan.faces.classifier import AttributeClassifier, load_classifier, save_classifier
from gan.images import save_png
from gan.training.log import append_line, read_stats


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_run_keeps_its_last_state(tmp_path, faces_zip, full_disk, capsys, monkeypatch) -> None:
    monkeypatch.setattr("gan.training.sample_grids.GRID_ROWS", 1)
    run = tmp_path / "run"
    arguments = [*SMALL, "--data", str(faces_zip), "--run-dir", str(run)]
    assert train_cgan.main([*arguments, "--max-images", "8"]) == 0
    before = contents(run)
    capsys.readouterr()
    with full_disk(100_000):
        assert train_cgan.main([*arguments, "--max-images", "16", "--resume"]) == 2
    assert one_error(capsys.readouterr().err).startswith(f"error: {run / 'state.pt'}: cannot be written (")
    written = {"config.json": b"", "report.html": b""}
    assert contents(run) | written == before | written
    assert "Broke down: " in (run / "report.html").read_text("utf-8")
    assert train_cgan.main([*arguments, "--max-images", "16", "--resume"]) == 0
    assert [line["images"] for line in read_stats(run / "stats.jsonl")] == [8, 16]


def test_a_line_of_statistics_is_whole_or_not_there(tmp_path, full_disk) -> None:
    path = tmp_path / "stats.jsonl"
    append_line(path, json.dumps({"images": 8}) + "\n")
    with full_disk(path.stat().st_size + 5), pytest.raises(InputError, match=r"stats\.jsonl: cannot be written"):
        append_line(path, json.dumps({"images": 16}) + "\n")
    assert path.read_text() == '{"images": 8}\n'


def test_a_picture_stays_as_it_was(tmp_path, full_disk) -> None:
    path = tmp_path / "a.png"
    save_png(path, torch.zeros(3, 64, 64, dtype=torch.uint8), {})
    before = contents(tmp_path)
    with full_disk(5_000), pytest.raises(InputError, match=r"a\.png: cannot be written \(File too large\)"):
        save_png(path, torch.ones(3, 64, 64, dtype=torch.uint8), {})
    assert contents(tmp_path) == before


def test_a_classifier_and_a_text_encoder_stay_as_they_were(tmp_path, full_disk) -> None:
    notes = {"accuracy": {}, "heldout": {}, "train": {}, "epochs": 1, "seed": 0}
    tuned = Tuned({}, torch.zeros(40, 384), torch.zeros(40))
    save_classifier(AttributeClassifier((4, 8)), tmp_path / "classifier", notes)
    save(tuned, tmp_path / "encoder", activation=IDENTITY)
    before = contents(tmp_path)
    with full_disk(200):  # the weights of neither fit
        with pytest.raises(InputError, match="cannot be written"):
            save_classifier(AttributeClassifier((4, 8)), tmp_path / "classifier", notes)
        with pytest.raises(InputError, match="cannot be written"):
            save(Tuned({}, torch.ones(40, 384), torch.ones(40)), tmp_path / "encoder")
    with full_disk(100_000), pytest.raises(InputError, match="cannot be written"):  # the vocabulary does not, the last
        save(Tuned({}, torch.ones(40, 384), torch.ones(40)), tmp_path / "encoder")
    assert contents(tmp_path) == before
    load_classifier(tmp_path / "classifier")


def test_texts_are_encoded_though_their_vectors_cannot_be_kept(tmp_path, full_disk, caplog) -> None:
    cache = EmbeddingCache(tmp_path / "head.sqlite3")
    cache.put("ab", {"kept": torch.zeros(25)})
    with full_disk(1_000):
        cache.put("ab", {f"text {i}": torch.zeros(25) for i in range(1000)})
    assert "going on without it" in caplog.text
    assert EmbeddingCache(tmp_path / "head.sqlite3").get("ab", ["kept", "text 1"]).keys() == {"kept"}
    assert [path.name for path in tmp_path.iterdir()] == ["head.sqlite3"]


def test_data_that_find_no_room_are_one_line(tmp_path, faces_zip, full_disk, capsys, monkeypatch) -> None:
    monkeypatch.setenv("TEXT2FACE_CACHE", str(tmp_path / "cache"))
    with full_disk(100_000):
        assert train_cgan.main([*SMALL, "--data", str(faces_zip), "--run-dir", str(tmp_path / "run")]) == 2
    assert "no room for the decoded images (File too large); set TEXT2FACE_CACHE" in one_error(capsys.readouterr().err)
    assert list(entries_dir().iterdir()) == []
    assert not (tmp_path / "run").exists()
