"""The page of a run: what it tells, that it needs no other file, and that it goes on with a resumed run."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch

from gan.evaluation.charts import POINTS, figure, short, thinned, ticks
from gan.images import save_png
from gan.training.config import TrainingConfig
from gan.training.log import Log
from gan.training.report import STRIPS, Report

CONFIG = TrainingConfig(data=("faces.zip",), lr=2e-4, max_images=100)
PROMPTS = ["red <hair>", "blue hair"]


class Checker(HTMLParser):
    """Follows the tags of a page: those that stay open, and all that it refers to."""

    EMPTY = frozenset({"meta", "img", "line", "polyline"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.places: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.places += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.EMPTY:  # which may be closed by themselves
            assert self.open.pop() == tag


def page_of(run: Path) -> tuple[str, list[str]]:
    """The page of a run, and what it refers to; its tags must be closed."""
    page = (run / "report.html").read_text("utf-8")
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    return page, checker.places


def grid(value: int) -> torch.Tensor:
    return torch.full((3, 128, 128), value, dtype=torch.uint8)


def tick(log: Log, images: int) -> None:
    log.add({"loss_D": torch.tensor(0.5), "loss_G": torch.tensor(1.5)}, images)
    save_png(log.run_dir / "samples" / f"{images:08d}.png", grid(images), {})
    log.grid(images, grid(images), PROMPTS)
    log.write(images, {"score": 100.0 / images})
    log.tick(images, images / 10, 8.0, {"loss_D": 0.5, "loss_G": 1.5})


def test_the_page_of_a_run_that_is_stopped_and_goes_on(tmp_path) -> None:
    with Log(tmp_path, 100, 0, quiet=True, trackers=[Report(CONFIG, tmp_path, PROMPTS, 0)]) as log:
        assert "none yet" in page_of(tmp_path)[0]
        save_png(tmp_path / "samples" / "00000000.png", grid(0), {})
        log.grid(0, grid(0), PROMPTS)
        page, places = page_of(tmp_path)
        assert places[0] == "samples/00000000.png"  # at once, before there is a state
        assert "Running: 0 of 100 images, at " in page
        tick(log, 40)
        page, places = page_of(tmp_path)
        assert "Running: 40 of 100 images" in page
        assert "<meta http-equiv=refresh" in page
        assert "red &lt;hair&gt;" in page
        assert "<b>Losses</b>" in page
        assert [place.split(",")[0] for place in places[2:]] == ["samples/00000040.png", "data:image/jpeg;base64"]
        assert (tmp_path / places[0]).exists()
    assert "Stopped: 40 of 100 images." in page_of(tmp_path)[0]

    with Log(tmp_path, 100, 40, quiet=True, trackers=[Report(CONFIG, tmp_path, PROMPTS, 40)]) as log:
        tick(log, 100)
    page, places = page_of(tmp_path)
    assert "Finished: 100 of 100 images." in page
    assert "refresh" not in page
    grids = [place for place in places if place.startswith("samples")]
    assert grids == ["samples/00000000.png", "samples/00000040.png", "samples/00000100.png"]
    assert "score 2.5 after 40 images" in page  # from the statistics on the disk
    assert re.search(r"best score</dt><dd>1<small>after 100 images", page)
    assert "<th>lr</th><td>0.0002</td>" in page
    assert "http:" not in page
    assert "https:" not in page


def test_a_run_that_breaks_down_says_so_beside_its_last_good_state(tmp_path) -> None:
    with (
        pytest.raises(ValueError),
        Log(tmp_path, 100, 0, quiet=True, trackers=[Report(CONFIG, tmp_path, PROMPTS, 0)]) as log,
    ):
        tick(log, 40)
        log.add({"loss_D": torch.tensor(math.nan)}, 48)
        raise ValueError("loss_D is nan after 48 images")
    page = page_of(tmp_path)[0]
    assert "Broke down: loss_D is nan after 48 images." in page
    assert "last good state</dt><dd>40 images" in page


def test_a_page_that_cannot_be_written_is_done_without(tmp_path, capsys) -> None:
    (tmp_path / "report.html").mkdir()
    with Log(tmp_path, 100, 0, quiet=True, trackers=[Report(CONFIG, tmp_path, PROMPTS, 0)]) as log:
        tick(log, 40)
    assert re.fullmatch(r"warning: report\.html: .*; going on without it\n", capsys.readouterr().err)


def test_a_folder_whose_name_is_no_text_has_a_page_too(tmp_path) -> None:
    run = tmp_path / "run\udcff"  # as Python reads a name that is not UTF-8
    run.mkdir()
    Report(CONFIG, run, PROMPTS, 0).write()
    assert "run?" in page_of(run)[0]


def test_a_long_run_keeps_a_small_page(tmp_path) -> None:
    report = Report(CONFIG, tmp_path, PROMPTS, 0)
    for images in range(1, 2001):
        report.scalars(images, {"loss_D": math.sin(images), "minutes": 1.0})
        if images % 20 == 0:
            report.grid(images, grid(images % 256), PROMPTS)
    report.flush(2000)
    page, places = page_of(tmp_path)
    assert page.count("<circle") <= POINTS
    shown = [int(place[8:-4]) for place in places if place.startswith("samples")]
    assert len(shown) == STRIPS
    assert (shown[0], shown[-1]) == (20, 2000)


@pytest.mark.parametrize("points", [[(0, 0.0)], [(8, 5.0), (16, 5.0)], [(1, -3.0), (10**9, 1e-30)], [(5, 1e30)]])
def test_any_curve_is_drawn_within_its_frame(points) -> None:
    drawing = figure("x", {"a": points})
    places = [float(number) for number in re.findall(r"c[xy]='([\d.]+)", drawing)]
    assert len(places) == 2 * len(points)
    assert all(0 <= place <= 560 for place in places)


def test_axes_have_round_numbers() -> None:
    assert ticks(0, 200_000, 5) == pytest.approx([0, 50_000, 100_000, 150_000, 200_000])
    assert ticks(0.83, 1.41, 4) == pytest.approx([1.0, 1.2, 1.4])
    assert [short(x) for x in (0, 640, 6_400, 1_500_000)] == ["0", "640", "6.4k", "1.5M"]
    assert thinned([(1, 1.0), (2, 3.0), (3, 5.0)], most=2) == [(1.5, 2.0), (3.0, 5.0)]
