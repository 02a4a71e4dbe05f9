"""Who is told of a run: what each is given, that nothing is told twice, and that none of them ends a run."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from encoder.common.errors import InputError
from gan.training.config import TrainingConfig
from gan.training.log import Log
from gan.training.trackers import KINDS, Tracker, check_packages, run_id, settings, trackers_for

CONFIG = TrainingConfig(data=("faces.zip",), generator={"widths": [8]})
LINE = {"images": 8, "minutes": 0.5, "images_per_second": 30.0, "loss_D": 0.25}
PROMPTS = ["red hair", "a_b *c*"]


def picture(value: int = 0) -> torch.Tensor:
    return torch.full((3, 128, 128), value, dtype=torch.uint8)


class Recorder(Tracker):
    """A tracker that keeps what it is told."""

    name = "recorder"

    def __init__(self) -> None:
        self.told: list[Any] = []

    def scalars(self, images: int, values: Any) -> None:
        self.told.append(("scalars", images, values["loss_D"]))

    def grid(self, images: int, picture: torch.Tensor, prompts: Any) -> None:
        self.told.append(("grid", images, tuple(picture.shape), list(prompts)))

    def flush(self, images: int) -> None:
        self.told.append(("flush", images))

    def close(self, error: BaseException | None) -> None:
        self.told.append(("close", type(error).__name__))


def test_what_no_state_has_seen_is_not_told(tmp_path) -> None:
    recorder = Recorder()
    with pytest.raises(KeyError), Log(tmp_path, 100, 8, quiet=True, trackers=[recorder]) as log:
        log.add({"loss_D": torch.tensor(0.25)}, 16)
        log.grid(16, picture(), PROMPTS)
        assert recorder.told == [("flush", 8)]
        log.tick(16, 1.0, 8.0, {"loss_D": 0.25})
        assert recorder.told[1:] == [("grid", 16, (3, 128, 128), PROMPTS), ("scalars", 16, 0.25), ("flush", 16)]
        log.write(24, {"loss_D": 9.0})
        raise KeyError
    assert recorder.told[4:] == [("close", "KeyError")]


def test_a_run_that_ends_well_tells_all(tmp_path) -> None:
    recorder = Recorder()
    with Log(tmp_path, 100, 0, quiet=True, trackers=[recorder]) as log:
        log.add({"loss_D": torch.tensor(0.25)}, 16)
        log.grid(16, picture(), PROMPTS)
    assert [each[0] for each in recorder.told] == ["flush", "grid", "flush", "close"]


def tell(folder: Path, trackers: list[Tracker], images: int) -> Log:
    """Tell trackers of a run that is begun or resumed, trained to ``images`` and ended."""
    with Log(folder, 100, images - 8, quiet=True, trackers=trackers) as log:
        log.write(images, {name: value for name, value in LINE.items() if name != "images"})
        log.grid(images, picture(images), PROMPTS)
        log.tick(images, 0.5, 30.0, {})
    return log


def test_a_tracker_that_fails_is_done_without_and_the_others_go_on(tmp_path, capsys) -> None:
    class Full(Recorder):
        name = "full"

        def scalars(self, images: int, values: Any) -> None:
            raise OSError(28, "No space left on device")

    recorder = Recorder()
    log = tell(tmp_path, [Full(), recorder], 8)
    assert capsys.readouterr().err == "warning: full: No space left on device; going on without it\n"
    assert log.trackers == [recorder]
    assert [each[0] for each in recorder.told] == ["flush", "scalars", "grid", "flush", "flush", "close"]


def test_a_missing_package_is_told_before_any_work(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("gan.training.trackers.find_spec", lambda name: None)
    with pytest.raises(InputError, match="--log wandb: the package is not installed; pip install wandb"):
        check_packages(["wandb"])


def test_one_that_cannot_begin_is_told_in_a_line(monkeypatch, tmp_path) -> None:
    def refuse(*_: object) -> Any:
        raise RuntimeError("no key\nhere")

    monkeypatch.setattr("gan.training.trackers.find_spec", lambda name: True)
    monkeypatch.setitem(KINDS, "wandb", refuse)
    with pytest.raises(InputError, match=r"--log wandb: cannot begin \(no key\); mend that, or leave it out$"):
        trackers_for(TrainingConfig(data=("a",), log=("wandb",)), tmp_path)


def test_a_run_has_one_id(tmp_path) -> None:
    assert run_id(tmp_path / "a") == run_id(tmp_path / "a") != run_id(tmp_path / "b")
    assert settings(CONFIG)["generator"] == '{"widths": [8]}'


def stand_in(monkeypatch: pytest.MonkeyPatch, name: str) -> list[Any]:
    """A module of that name that records what is asked of it; what the real ones do with it is tested below."""
    told: list[Any] = []
    run = SimpleNamespace(
        log=lambda values, step: told.append((step, values)), finish=lambda **_: told.append("finished")
    )

    def init(**given: Any) -> Any:
        told.append(given)
        return run

    module = SimpleNamespace(
        init=init,
        log=run.log,
        finish=run.finish,
        Image=lambda array, caption: ("image", array.shape, caption),
        Settings=lambda **given: given,
    )
    monkeypatch.setitem(sys.modules, name, module)
    return told


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_what_the_services_are_given(monkeypatch, tmp_path, name) -> None:
    told = stand_in(monkeypatch, name)
    for _ in range(2):  # begun, and resumed
        tell(tmp_path, [KINDS[name](CONFIG, tmp_path)], 8)
    first, scalars, grid, end, again = told[:5]
    assert first["resume"] == "allow"
    assert first["config"]["lr"] == CONFIG.lr
    assert first == again  # the same run to the service
    assert scalars == (8, {"images_per_second": 30.0, "loss_D": 0.25})
    assert grid == (8, {"samples": ("image", (128, 128, 3), "columns: red hair | a_b *c*")})
    assert end == "finished"


# -- the real packages, where they are installed --------------------------------------------------------------------


def tell_twice(name: str, folder: Path) -> None:
    """Tell the tracker of that name of a run that is begun, and resumed."""
    for images in (8, 16):
        assert tell(folder, [KINDS[name](CONFIG, folder)], images).trackers  # none was given up


def test_tensorboard_has_curves_grids_prompts_and_settings_once(tmp_path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    tell_twice("tensorboard", tmp_path)
    found = EventAccumulator(str(tmp_path / "tensorboard"))
    found.Reload()
    tags = found.Tags()
    assert sorted(tags["scalars"]) == ["images_per_second", "loss_D"]  # no counters
    assert [event.step for event in found.Scalars("loss_D")] == [8, 16]
    assert [(event.step, event.width) for event in found.Images("samples")] == [(8, 128), (16, 128)]
    assert {"samples, their columns/text_summary", "settings/text_summary"} <= set(tags["tensors"])
    (columns,) = found.Tensors("samples, their columns/text_summary")
    assert columns.tensor_proto.string_val[0].decode() == "1. red hair\n2. a\\_b \\*c\\*"
    hyper = found.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    assert b"gamma_end" in hyper


def test_wandb_offline_keeps_one_run(tmp_path, monkeypatch) -> None:
    pytest.importorskip("wandb", reason="wandb is not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    tell_twice("wandb", tmp_path)
    runs = list((tmp_path / "wandb").glob("offline-run-*"))
    assert {path.name.rpartition("-")[2] for path in runs} == {run_id(tmp_path)}
    assert len(list((tmp_path / "wandb").rglob("media/images/samples_*.png"))) == 2
    assert all(any(path.glob("*.wandb")) for path in runs)


def test_trackio_keeps_one_run(tmp_path, monkeypatch) -> None:
    pytest.importorskip("trackio", reason="trackio is not installed")
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "kept"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    tell_twice("trackio", tmp_path)
    from trackio.sqlite_storage import SQLiteStorage

    (name,) = SQLiteStorage.get_runs("text-to-face")
    steps = [row["step"] for row in SQLiteStorage.get_logs("text-to-face", name) if "loss_D" in row]
    assert steps == [8, 16]
