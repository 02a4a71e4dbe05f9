from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from tiny_bert import make_tiny_bert

from encoder import build_cache, fetch
from encoder.common.errors import InputError
from encoder.paths import SHIPPED_CACHE_DIR
from encoder.pooled import load_sentence_encoder


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub with one model, ``tiny/bert``."""
    model = make_tiny_bert(tmp_path / "hub")

    def snapshot_download(name: str, *, local_dir: Path, ignore_patterns: list[str]) -> str:
        local_dir.mkdir()
        if name != "tiny/bert":
            raise RuntimeError(f"404: no {name}\nmore lines")
        shutil.copytree(model, local_dir, dirs_exist_ok=True)
        (local_dir / ".cache" / "huggingface").mkdir(parents=True)
        return str(local_dir)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    return model


def test_fetched_folder_is_an_encoder(hub: Path, tmp_path: Path, capsys) -> None:
    folder = tmp_path / "new" / "model"
    assert fetch.main(["tiny/bert", str(folder)]) == 0
    assert str(folder) in capsys.readouterr().out
    assert load_sentence_encoder(folder).encode(["pink hair"]).shape == (1, 32)
    assert not (folder / ".cache").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_failure_is_one_line_and_leaves_nothing(hub: Path, tmp_path: Path, capsys) -> None:
    assert fetch.main(["no/such", str(tmp_path / "new" / "model")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: no/such: cannot be fetched (404: no no/such)") and error.count("\n") == 1
    assert list((tmp_path / "new").iterdir()) == []


def test_without_a_network_the_error_is_one_line(tmp_path: Path, monkeypatch, capsys) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError("no network")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(f"socket.{name}", refuse)
    assert fetch.main(["sentence-transformers/all-MiniLM-L6-v2", str(tmp_path / "model")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_only_sentence_transformers_and_only_new_folders(hub: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="exists already"):
        fetch.fetch("tiny/bert", tmp_path)
    (hub / "modules.json").unlink()
    with pytest.raises(InputError, match="not a sentence-transformer"):
        fetch.fetch("tiny/bert", tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_build_cache_leaves_other_folders_alone(tmp_path: Path, capsys) -> None:
    (tmp_path / "head.sqlite3").write_text("mine")
    assert build_cache.main(["--out", str(tmp_path)]) == 2
    assert "holds head.sqlite3, which is no output of encoder.build_cache" in capsys.readouterr().err
    assert (tmp_path / "head.sqlite3").read_text() == "mine"
    build_cache.OUTPUT.check(SHIPPED_CACHE_DIR)


def test_a_folder_that_appears_meanwhile_is_left_alone(hub: Path, tmp_path: Path, monkeypatch) -> None:
    folder, rename = tmp_path / "model", os.rename

    def lose_the_race(source: Path, target: Path) -> None:
        folder.mkdir()
        (folder / "theirs").write_text("theirs")
        rename(source, target)

    monkeypatch.setattr(os, "rename", lose_the_race)
    with pytest.raises(InputError, match="model: another process has made it meanwhile; use it, or give a new folder"):
        fetch.fetch("tiny/bert", folder)
    assert [path.name for path in folder.iterdir()] == ["theirs"]


def test_build_cache_says_what_is_wrong_in_one_line(tmp_path: Path, capsys) -> None:
    assert build_cache.main(["sentences", "--out", str(tmp_path)]) == 2
    (tmp_path / "file").write_text("")
    assert build_cache.main(["pooled", "--out", str(tmp_path / "file")]) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 2 and "'sentences' is not a kind" in errors[0] and "file" in errors[1]
