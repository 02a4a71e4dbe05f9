from __future__ import annotations

import pytest

from encoder.common import progress
from encoder.common.progress import EVERY, FIRST, SHARE, Progress, duration


class Clock:
    """Goes on only when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_what_is_soon_done_says_nothing(clock, capsys) -> None:
    with Progress("encoding", 10, "text") as bar:
        for _ in range(10):
            clock.now += FIRST / 20
            bar.update()
    assert capsys.readouterr() == ("", "")


def test_without_a_terminal_it_says_within_ten_seconds_what_it_does_and_then_now_and_then(clock, capsys) -> None:
    times, before = [], clock.now
    with Progress("encoding", 3744, "text") as bar:
        for _ in range(117):
            clock.now += 0.4
            bar.update(32)
            if err := capsys.readouterr().err:
                times.append((clock.now - before, err))
    assert times[0][1] == "encoding: 256 of 3,744 texts, 3 s, 44 s left\n"
    assert [time for time, _ in times] == pytest.approx([3.2, 13.2, 23.2, 33.2, 43.2])
    assert capsys.readouterr().err == "encoding: 3,744 texts in 47 s\n"


def test_lines_of_a_long_work_grow_rare(clock, capsys) -> None:
    with Progress("drawing", None, "face") as bar:
        for _ in range(24 * 3600):
            clock.now += 1
            bar.update()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "drawing: 3 faces, 3 s"
    assert lines[-1] == "drawing: 86,400 faces in 86400 s"
    assert len(lines) < 20 + 20 * 7  # linear up to EVERY / SHARE seconds, then a twentieth longer each time
    assert EVERY / SHARE == 200


def test_an_error_has_the_last_word(clock, capsys) -> None:
    with pytest.raises(ValueError), Progress("drawing", 100, "face") as bar:
        clock.now += 60
        bar.update(50)
        raise ValueError
    assert capsys.readouterr().err == "drawing: 50 of 100 faces, 60 s, 60 s left\n"


def test_the_time_left_is_that_of_the_items_or_of_the_limit(clock) -> None:
    bar = Progress("training", 100, "image", initial=20, limit=90.0, longest=60.0)
    clock.now += 30
    assert bar.left == 60
    bar.update(40)
    assert bar.left == 30
    bar.started -= 24 * 3600
    bar.wait()
    assert bar.next == clock.now + 60
    assert [duration(seconds) for seconds in (40, 35 * 60, 7199, 12_000)] == ["40 s", "35 min", "120 min", "3 h 20 min"]


def test_another_line_puts_the_next_one_off(clock, capsys) -> None:
    with Progress("training", 100, "image") as bar:
        clock.now += FIRST - 1
        bar.wait()
        clock.now += EVERY - 1
        bar.update()
        assert capsys.readouterr().err == ""
        clock.now += 1
        bar.update()
    assert capsys.readouterr().err == "training: 2 of 100 images, 12 s, 10 min left\ntraining: 2 images in 12 s\n"


def test_a_terminal_has_a_bar(clock, capsys, monkeypatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert list(Progress("encoding", 3, "text").over("abc")) == ["a", "b", "c"]
    assert "encoding: 100%" in capsys.readouterr().err


@pytest.mark.parametrize("terminal", [False, True])
def test_what_is_not_to_be_shown_is_not(clock, capsys, monkeypatch, terminal) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    with Progress("encoding", 3, "text", shown=False) as bar:
        clock.now += 1000
        bar.update()
    assert capsys.readouterr() == ("", "")
    assert bar.done == 1
