import json

import pytest
import torch

from encoder.common.errors import InputError
from gan.training.log import Log, read_stats

MEANS = {"loss_D": 0.5}


def test_plain_lines_where_there_is_no_terminal(tmp_path, capsys) -> None:
    with Log(tmp_path, 100, 0) as log:
        log.add({"loss_D": torch.tensor(0.25)}, 25)
        log.add({"loss_D": torch.tensor(0.75)}, 50)
        means = {name: value.item() for name, value in log.means().items()}
        assert means == MEANS
        log.tick(50, 1.25, log.speed(50), means)
        assert (log.tick_nimg, log.means()) == (50, {})
    start, end = capsys.readouterr().out.split("  loss_D ")
    assert start.startswith("images 50  minutes 1.25  images_per_second ")
    assert end == "0.5\n"
    (line,) = (tmp_path / "stats.jsonl").read_text().splitlines()
    assert {"images": 50, "minutes": 1.25, "loss_D": 0.5}.items() <= json.loads(line).items()


def test_a_tick_without_a_step_writes_nothing(tmp_path, capsys) -> None:
    with Log(tmp_path, 100, 0) as log:
        log.tick(0, 0.0, log.speed(0), {})
    assert not (tmp_path / "stats.jsonl").exists()
    assert capsys.readouterr().out == ""


def test_a_bar_on_a_terminal(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with Log(tmp_path, 10_000, 2_000) as log:
        log.add({}, 5_000)
        log.write(5_000, MEANS)
        assert log.progress.done == 5_000
    out, err = capsys.readouterr()
    assert out == ""
    assert "loss_D=0.5" in err
    assert "50%" in err


@pytest.mark.parametrize("terminal", [False, True])
def test_quiet_shows_nothing(tmp_path, capsys, monkeypatch, terminal) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    with Log(tmp_path, 100, 0, quiet=True) as log:
        log.add({}, 50)
        log.write(50, MEANS)
    assert capsys.readouterr() == ("", "")


def test_a_resume_cuts_the_statistics_back_to_its_state(tmp_path) -> None:
    path = tmp_path / "stats.jsonl"
    path.write_text('{"images": 10, "a": 1}\n{"images": 20, "a": 2}\n{"images": 30, "a": 3}\n{"images": 40, "a')
    assert [line["images"] for line in read_stats(path)] == [10, 20, 30]
    with Log(tmp_path, 100, 20, quiet=True) as log:
        assert path.read_text() == '{"images": 10, "a": 1}\n{"images": 20, "a": 2}\n'
        log.write(30, {"a": 4.0})
    assert read_stats(path)[-1] == {"images": 30, "a": 4.0}
    assert read_stats(tmp_path / "none.jsonl") == []


def test_what_is_no_file_is_refused(tmp_path) -> None:
    (tmp_path / "stats.jsonl").mkdir()
    with pytest.raises(InputError, match=r"stats\.jsonl: not a file"):
        read_stats(tmp_path / "stats.jsonl")
