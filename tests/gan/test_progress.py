import pytest
from gan.training.progress import Progress

LINE = {"images": 6400, "images_per_second": 93.14159, "loss_D": 0.5}


def test_plain_lines_where_there_is_no_terminal(capsys) -> None:
    with Progress(100, 0) as progress:
        progress.update(50)
        progress.report(LINE)
    assert capsys.readouterr().out == "images 6400  images_per_second 93.1  loss_D 0.5\n"


def test_a_bar_on_a_terminal(capsys, monkeypatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with Progress(10_000, 2_000) as progress:
        progress.update(3_000)
        progress.report(LINE)
        assert progress.bar.n == 5_000
    out, err = capsys.readouterr()
    assert out == ""
    assert "loss_D=0.5" in err
    assert "50%" in err


@pytest.mark.parametrize("terminal", [False, True])
def test_quiet_shows_nothing(capsys, monkeypatch, terminal) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    with Progress(100, 0, quiet=True) as progress:
        progress.update(50)
        progress.report(LINE)
    assert capsys.readouterr() == ("", "")
