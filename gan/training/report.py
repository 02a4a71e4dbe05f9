"""A run's own page, ``report.html``: one file, to be opened in any browser, offline. It is often written anew."""

from __future__ import annotations

import base64
import html
import io
import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import MISSING, asdict, fields
from pathlib import Path

from PIL import Image
from torch import Tensor

from encoder.common.atomic import write_atomically
from encoder.common.errors import InputError
from encoder.common.progress import duration
from gan.training.config import SAMPLES_FOLDER, TrainingConfig
from gan.training.log import STATS_FILE, read_stats
from gan.training.trackers import Tracker

REPORT_FILE = "report.html"
TIME = "%Y-%m-%d %H:%M:%S"
STRIPS = 24  # sample grids of which the film shows a row: the first, the last and others between them, evenly
POINTS = 200  # of a curve, at most: of a longer one, means
DOTS = 60  # points up to which each is marked plainly
SPEED = "images_per_second"
LOSSES = ("loss_D", "loss_G")
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 560, 220, 56, 14, 12, 28  # of a chart and of its margins


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
        config: The settings.
        run_dir: Of the run.
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
        """See ``Tracker``."""
        self.lines.append({**values, "images": images})

    def grid(self, images: int, picture: Tensor, prompts: Sequence[str]) -> None:
        """See ``Tracker``."""
        cell = picture.shape[2] // len(prompts)
        self.strips[images] = _jpeg(Image.fromarray(picture[:, :cell].permute(1, 2, 0).contiguous().cpu().numpy()))

    def live(self, images: int, left: float | None) -> None:
        """See ``Tracker``; grids are shown before a state is saved, for they come from the disk."""
        self.images, self.left = images, "" if left is None else f", about {duration(left)} left"
        grids = _grids(self.run_dir / SAMPLES_FOLDER)
        self.kept |= {number: path for number, path in grids.items() if number <= images}
        self.write()

    def flush(self, images: int) -> None:
        """See ``Tracker``."""
        self.state, self.state_time = images, time.strftime(TIME)
        self.images = max(self.images, images)
        self.write()

    def close(self, error: BaseException | None) -> None:
        """See ``Tracker``."""
        if error is not None:
            self.status = f"broke down: {str(error) or type(error).__name__}"
        else:
            self.status = "finished" if self.state >= self.config.max_images else "stopped"
        self.write()

    def write(self) -> None:
        """Write the page, whole or not at all."""
        page = self.html()
        write_atomically(self.run_dir / REPORT_FILE, lambda path: path.write_text(page, "utf-8"), durable=False)

    # -- the page ----------------------------------------------------------------------------------------------------

    def html(self) -> str:
        """The page, pictures inside."""
        title = html.escape(f"Training of {self.run_dir.resolve().name}")
        again = "<meta http-equiv=refresh content=30>" if self.status in ("preparing", "running") else ""
        body = [
            f"<h1>{title}</h1>",
            f"<p class='status {self.status.split(':')[0].replace(' ', '-')}'>{html.escape(self._sentence())}</p>",
            self._figures(),
            self._charts(),
            self._film(),
            self._settings(),
        ]
        return (
            f"<!doctype html>\n<html lang=en><meta charset=utf-8>{again}\n"
            "<meta name=viewport content='width=device-width, initial-scale=1'><meta name=color-scheme "
            f"content='light dark'>\n<title>{title}</title><style>{_STYLE}</style>\n<main>\n"
            + "\n".join(filter(None, body))
            + "\n</main>\n</html>\n"
        )

    def _sentence(self) -> str:
        if self.status == "preparing":
            return "Preparing: the images are read and their texts encoded. The first pictures come after that."
        if self.status == "running":
            now = time.strftime(TIME)
            return f"Running: {self.images:,} of {self.config.max_images:,} images{self.left}, at {now}."
        seen = f"{self.state:,} of {self.config.max_images:,} images"
        if self.status == "finished":
            return f"Finished: {seen}."
        if self.status == "stopped":
            return f"Stopped: {seen}. --resume goes on from here."
        return f"{self.status[0].upper()}{self.status[1:]}."

    def _figures(self) -> str:
        """What is looked for first."""
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
            found["best score"] = (
                f"{best['score']:.4g}",
                f"after {best['images']:,} images, kept in best/; less is better",
            )
        cells = (
            f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}<small>{html.escape(note)}</small></dd></div>"
            for name, (value, note) in found.items()
        )
        return f"<dl>{''.join(cells)}</dl>"

    def _charts(self) -> str:
        names = list(dict.fromkeys(name for line in self.lines for name in line if name not in ("images", "minutes")))
        curves = {
            name: [
                (line["images"], line[name])
                for line in self.lines
                if isinstance(line.get(name), (int, float)) and math.isfinite(line[name])
            ]
            for name in names
        }
        scores = [name for name in names if name not in (*LOSSES, "penalty", SPEED)]
        panels = [("Losses", [name for name in LOSSES if name in curves])]
        panels += [(name, [name]) for name in ("penalty", *scores, SPEED) if name in curves]
        right = max((line["images"] for line in self.lines), default=0)
        drawn = [
            chart(title.replace("_", " "), {name: curves[name] for name in own}, right) for title, own in panels if own
        ]
        return f"<h2>Over the images seen</h2><div class=charts>{''.join(drawn)}</div>" if drawn else ""

    def _film(self) -> str:
        """A row of each of some sample grids, one below the other: the same noise and prompts as training goes on."""
        numbers = sorted({*self.kept, *self.strips})
        if not numbers or not self.prompts:
            return ""
        if len(numbers) > STRIPS:
            numbers = [numbers[round(i * (len(numbers) - 1) / (STRIPS - 1))] for i in range(STRIPS)]
        rows = []
        for number in numbers:
            if number not in self.strips and (strip := _strip_of(self.kept[number], len(self.prompts))):
                self.strips[number] = strip
            if number not in self.strips:
                continue
            data = base64.b64encode(self.strips[number]).decode()
            rows.append(
                f"<tr><th><a href='{SAMPLES_FOLDER}/{number:08d}.png'>{number:,}</a></th>"
                f"<td colspan={len(self.prompts)}>"
                f"<img src='data:image/jpeg;base64,{data}' alt='after {number:,} images'></td></tr>"
            )
        heads = "".join(f"<th scope=col>{html.escape(prompt)}</th>" for prompt in self.prompts)
        return (
            "<h2>Sample grids</h2><p>The first row of each, of the same noise and prompts; the number of images seen "
            "leads to the whole grid.</p><div class=wide><table class=film>"
            f"<tr><th>images</th>{heads}</tr>{''.join(rows)}</table></div>"
        )

    def _settings(self) -> str:
        values, usual = asdict(self.config), {}
        for field in fields(TrainingConfig):
            made = field.default_factory() if field.default_factory is not MISSING else field.default
            usual[field.name] = None if made is MISSING else made
        other = {name: value for name, value in values.items() if value != usual[name]}
        rows = (
            f"<tr><th>{html.escape(name)}</th><td>{html.escape(json.dumps(value))}</td></tr>"
            for name, value in other.items()
        )
        everything = html.escape(self.config.to_json())
        return (
            f"<h2>Settings that differ from the defaults</h2><div class=wide><table>{''.join(rows)}</table></div>"
            f"<details><summary>All settings</summary><pre>{everything}</pre></details>"
        )


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


# -- charts ----------------------------------------------------------------------------------------------------------


def chart(title: str, curves: Mapping[str, Sequence[tuple[float, float]]], right: float = 0) -> str:
    """Curves over the images seen as inline SVG, with a legend that tells their last values.

    Args:
        title: What they show.
        curves: By name, points (images, value), in order, all finite.
        right: Where the axis of images ends, at least.
    """
    curves = {name: thinned(points) for name, points in curves.items() if points}
    if not curves:
        return ""
    xs = [right, *(x for points in curves.values() for x, _ in points)]
    ys = [y for points in curves.values() for _, y in points]
    right, (low, high) = max(xs) or 1, _range(min(ys), max(ys))

    def place(x: float, y: float) -> tuple[float, float]:
        across = LEFT + x / right * (WIDTH - LEFT - RIGHT)
        return across, TOP + (high - y) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = []
    for y in ticks(low, high, 4):
        _, down = place(0, y)
        parts.append(
            f"<line x1={LEFT} x2={WIDTH - RIGHT} y1={down:.1f} y2={down:.1f} class=rule />"
            f"<text x={LEFT - 6} y={down + 4:.1f} text-anchor=end>{y:.6g}</text>"
        )
    for x in ticks(0, right, 5):
        across, _ = place(x, low)
        parts.append(f"<text x={across:.1f} y={HEIGHT - 8} text-anchor=middle>{short(x)}</text>")
    for number, (name, points) in enumerate(curves.items()):
        placed = [place(x, y) for x, y in points]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        parts.append(f"<polyline points='{line}' class='curve c{number % 4}' />")
        radius = 3 if len(points) <= DOTS else 1.5
        for (x, y), (across, down) in zip(points, placed, strict=True):
            label = f"<title>{html.escape(name)} {y:.5g} after {x:,.0f} images</title>"
            parts.append(f"<circle cx={across:.1f} cy={down:.1f} r={radius} class='dot c{number % 4}'>{label}</circle>")
    legend = "".join(
        f"<span class=c{number % 4}><i></i>{html.escape(name)} {points[-1][1]:.4g}</span>"
        for number, (name, points) in enumerate(curves.items())
    )
    drawing = f"<svg viewBox='0 0 {WIDTH} {HEIGHT}' role=img aria-label='{html.escape(title)}'>{''.join(parts)}</svg>"
    return f"<figure><figcaption><b>{html.escape(title)}</b>{legend}</figcaption>{drawing}</figure>"


def thinned(points: Sequence[tuple[float, float]], most: int = POINTS) -> list[tuple[float, float]]:
    """At most so many points: of neighbouring ones, the mean."""
    size = -(-len(points) // most)
    parts = [points[start : start + size] for start in range(0, len(points), size)]
    return [(sum(x for x, _ in part) / len(part), sum(y for _, y in part) / len(part)) for part in parts]


def ticks(low: float, high: float, count: int) -> list[float]:
    """Round numbers from ``low`` to ``high``, about ``count`` of them."""
    rough = (high - low) / count
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def short(images: float) -> str:
    """A number of images as axes have it: ``64k``, ``1.5M``."""
    for size, mark in ((1e6, "M"), (1e3, "k")):
        if images >= size:
            return f"{images / size:.4g}{mark}"
    return f"{images:.4g}"


def _range(low: float, high: float) -> tuple[float, float]:
    """What an axis spans: the values with a little room; zero too, where they come near it."""
    if 0 <= low < 0.5 * high:
        low = 0.0
    room = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    return (low if low == 0 else low - room), high + room


_STYLE = """
:root { --page: #fbfbfa; --ink: #1d2126; --soft: #5c6570; --rule: #e3e5e8; --card: #fff;
  --c0: #1f6fd0; --c1: #d0661f; --c2: #2a8a57; --c3: #8a4fc0; --bad: #b3261e; --good: #1b7a45 }
@media (prefers-color-scheme: dark) { :root { --page: #14171a; --ink: #e7eaee; --soft: #9aa5b1; --rule: #2c3238;
  --card: #1b1f24; --c0: #6cabff; --c1: #ffa266; --c2: #67cf98; --c3: #c79bf2; --bad: #ff8a80; --good: #6fd99f } }
body { background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; margin: 0 }
main { margin: 0 auto; max-width: 76rem; padding: 1.5rem 1rem 3rem }
h1 { font-size: 1.5rem; margin: 0 0 .3rem } h2 { font-size: 1.1rem; margin: 2rem 0 .6rem }
a { color: var(--c0) }
.status { font-weight: 600 } .broke-down { color: var(--bad) } .finished { color: var(--good) }
dl { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1rem 0 }
dl div { background: var(--card); border: 1px solid var(--rule); border-radius: .5rem; padding: .6rem 1rem }
dt { color: var(--soft); font-size: 13px } dd { font-size: 1.25rem; margin: 0 }
dd small { color: var(--soft); display: block; font-size: 12px }
.charts { display: grid; gap: .8rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr)) }
figure { background: var(--card); border: 1px solid var(--rule); border-radius: .5rem; margin: 0; padding: .6rem .8rem }
figcaption { display: flex; flex-wrap: wrap; font-size: 13px; gap: .2rem 1rem }
figcaption i { background: currentColor; border-radius: 50%; display: inline-block; height: .6em; margin-right: .4em;
  width: .6em }
svg { display: block; height: auto; width: 100% } svg text { fill: var(--soft); font-size: 12px }
.rule { stroke: var(--rule) } .curve { fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linejoin: round }
.dot { fill: currentColor } .dot:hover { stroke: currentColor; stroke-width: 5 }
.c0 { color: var(--c0) } .c1 { color: var(--c1) } .c2 { color: var(--c2) } .c3 { color: var(--c3) }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-size: 13px } th { font-weight: 500; text-align: left; vertical-align: top }
td, th { border-top: 1px solid var(--rule); padding: .25rem .6rem .25rem 0 }
.film { min-width: 46rem; table-layout: fixed; width: 100% } .film th:first-child { width: 5rem }
.film th { color: var(--soft); font-size: 11px; line-height: 1.25; padding: .2rem; vertical-align: bottom }
.film tr th:first-child { font-size: 13px; vertical-align: middle } .film td { border: 0; padding: 0 }
.film img { display: block; image-rendering: pixelated; width: 100% }
pre { background: var(--card); border: 1px solid var(--rule); border-radius: .5rem; overflow-x: auto; padding: .8rem }
"""
