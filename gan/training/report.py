"""A run's own page, ``report.html``: one file, to be opened in any browser, offline. It is often written anew."""

from __future__ import annotations

import base64
import io
import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from PIL import Image
from torch import Tensor

from encoder.common.atomic import write_contents
from encoder.common.errors import InputError
from encoder.common.progress import duration
from encoder.common.templates import render
from gan.evaluation.charts import figure
from gan.training.config import SAMPLES_FOLDER, TrainingConfig
from gan.training.log import STATS_FILE, read_stats
from gan.training.trackers import Tracker

REPORT_FILE = "report.html"
TIME = "%Y-%m-%d %H:%M:%S"
STRIPS = 24  # sample grids of which the film shows a row: the first, the last and others between them, evenly
SPEED = "images_per_second"
LOSSES = ("loss_D", "loss_G")
TEMPLATE = Path(__file__).parent / "templates" / "report.html"


@contextmanager
def preparing(config: TrainingConfig, run_dir: Path, images: int) -> Iterator[None]:
    """Write the page of a run before its images and texts are prepared, until training has one of its own.

    A run that cannot begin leaves no new page. One that is ended before training has a page that says so.
    """
    path = run_dir / REPORT_FILE
    page, is_new = Report(config, run_dir, (), images), not path.exists()
    page.status = "preparing"
    with suppress(OSError, InputError):  # as later, where the run goes on without it
        page.write()
    try:
        yield
    except BaseException as error:
        with suppress(OSError, InputError):
            if f"class='status {page.status}'" not in path.read_text("utf-8"):
                pass  # training has written its own
            elif is_new and isinstance(error, Exception):
                path.unlink()
            else:
                page.close(error if isinstance(error, Exception) else None)
        raise


class Report(Tracker):
    """Writes the page of a run.

    Args:
        prompts: Of the columns of its sample grids.
        images: Those of the state that it goes on from, or 0.
    """

    name = REPORT_FILE

    def __init__(self, config: TrainingConfig, run_dir: Path, prompts: Sequence[str], images: int) -> None:
        self.config, self.run_dir = config, run_dir
        self.lines = [line for line in read_stats(run_dir / STATS_FILE) if line["images"] <= images]
        self.strips: dict[int, bytes] = {}
        self.prompts = prompts
        self.kept = {number: path for number, path in _grids(run_dir / SAMPLES_FOLDER).items() if number <= images}
        self.state, self.state_time = images, ""
        self.images, self.left = images, ""
        self.status = "running"

    def scalars(self, images: int, values: Mapping[str, float]) -> None:
        self.lines.append({**values, "images": images})

    def grid(self, images: int, picture: Tensor, prompts: Sequence[str]) -> None:
        cell = picture.shape[2] // len(prompts)
        self.strips[images] = _jpeg(Image.fromarray(picture[:, :cell].permute(1, 2, 0).contiguous().cpu().numpy()))

    def live(self, images: int, left: float | None) -> None:
        # Grids are shown before a state is saved, for they come from the disk.
        self.images, self.left = images, "" if left is None else f", about {duration(left)} left"
        grids = _grids(self.run_dir / SAMPLES_FOLDER)
        self.kept |= {number: path for number, path in grids.items() if number <= images}
        self.write()

    def flush(self, images: int) -> None:
        self.state, self.state_time = images, time.strftime(TIME)
        self.images = max(self.images, images)
        self.write()

    def close(self, error: BaseException | None) -> None:
        if error is not None:
            self.status = f"broke down: {str(error) or type(error).__name__}"
        else:
            self.status = "finished" if self.state >= self.config.max_images else "stopped"
        self.write()

    def write(self) -> None:
        """Write the page, whole or not at all."""
        write_contents(self.run_dir / REPORT_FILE, self.html().encode("utf-8", "replace"), durable=False)

    # -- the page ----------------------------------------------------------------------------------------------------

    def html(self) -> str:
        """The page, pictures inside."""
        return render(
            TEMPLATE,
            name=self.run_dir.resolve().name,
            status=self.status,
            images=self.images,
            left=self.left,
            now=time.strftime(TIME),
            state=self.state,
            config=self.config,
            figures=self._figures(),
            charts=self._charts(),
            film=self._film(),
            prompts=self.prompts,
            samples=SAMPLES_FOLDER,
            changed=self._changed_settings(),
        )

    def _figures(self) -> dict[str, tuple[str, str]]:
        """What is looked for first: a value and a note, by name."""
        state = f"{self.state:,} images" if self.state else "none yet"
        found = {"last good state": (state, f"saved {self.state_time}" if self.state and self.state_time else "")}
        ticks = [line for line in self.lines if "minutes" in line]
        if ticks:
            hours, minutes = divmod(round(ticks[-1]["minutes"]), 60)
            found["time of training"] = (f"{hours} h {minutes} min" if hours else f"{minutes} min", "")
            found["speed"] = (f"{ticks[-1].get(SPEED, math.nan):.3g} images/s", "in the last tick")
        scored = [line for line in self.lines if math.isfinite(line.get("score", math.nan))]
        if scored:
            best = min(scored, key=lambda line: line["score"])
            note = f"after {best['images']:,} images, kept in best/; less is better"
            found["best score"] = (f"{best['score']:.4g}", note)
        return found

    def _charts(self) -> list[str]:
        names = dict.fromkeys(name for line in self.lines for name in line if name not in ("images", "minutes"))
        curves = {
            name: [
                (line["images"], line[name])
                for line in self.lines
                if isinstance(line.get(name), (int, float)) and math.isfinite(line[name])
            ]
            for name in names
        }
        scores = [name for name in names if name not in (*LOSSES, "penalty", SPEED)]
        panels = {"Losses": LOSSES} | {name.replace("_", " "): (name,) for name in ("penalty", *scores, SPEED)}
        right = max((line["images"] for line in self.lines), default=0)
        drawn = (figure(title, {name: curves.get(name, ()) for name in own}, right) for title, own in panels.items())
        return [chart for chart in drawn if chart]

    def _film(self) -> dict[int, str]:
        """A row of each of some sample grids, as JPEG in base64, by the images seen."""
        numbers = sorted({*self.kept, *self.strips}) if self.prompts else []
        if len(numbers) > STRIPS:
            numbers = [numbers[round(i * (len(numbers) - 1) / (STRIPS - 1))] for i in range(STRIPS)]
        for number in numbers:
            if number not in self.strips and (strip := _strip_of(self.kept[number], len(self.prompts))):
                self.strips[number] = strip
        return {n: base64.b64encode(self.strips[n]).decode() for n in numbers if n in self.strips}

    def _changed_settings(self) -> dict[str, str]:
        """The settings that differ from the defaults, as JSON."""
        usual = json.loads(TrainingConfig().to_json())
        own = json.loads(self.config.to_json())
        return {name: json.dumps(value) for name, value in own.items() if value != usual[name]}


def _grids(folder: Path) -> dict[int, Path]:
    """The sample grids of a folder by the images seen."""
    return {int(path.stem): path for path in folder.glob("*.png") if path.stem.isascii() and path.stem.isdigit()}


def _strip_of(path: Path, columns: int) -> bytes | None:
    """The first row of a sample grid on the disk as JPEG; ``None`` where it cannot be read."""
    try:
        with Image.open(path) as picture:
            return _jpeg(picture.convert("RGB").crop((0, 0, picture.width, picture.width // columns)))
    except (OSError, ValueError, ZeroDivisionError, Image.DecompressionBombError):
        return None


def _jpeg(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()
