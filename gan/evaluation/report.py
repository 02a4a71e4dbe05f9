"""The results of an evaluation as JSON, as a Markdown table and as one HTML page that needs no other file."""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image
from torch import Tensor

from encoder.common.atomic import transaction, write_atomically
from gan.evaluation.metrics import Estimate
from gan.evaluation.registry import METRICS, Scores, where

REPORT_FILES = ("report.html", "results.md", "results.json")


@dataclass(frozen=True, eq=False)
class Sheet:
    """Images to look at.

    Attributes:
        title: What they have in common.
        images: uint8 (N, 3, 64, 64).
        labels: What to write below each.
    """

    title: str
    images: Tensor
    labels: Sequence[str]


@dataclass(frozen=True, eq=False)
class Results:
    """What an evaluation found; what is particular to the images judged is added by the classes made of this one.

    Attributes:
        subject: The name of the model, the folder or the picture.
        source: The data set that the images are compared with, if there is one.
        compared: Number of images a side of every comparison of sets; 0 where there was none.
        seed: Of everything random.
        sets: Scores by set of images; the first is that which is judged.
        sheets: Pictures.
    """

    subject: str
    source: str | None
    compared: int
    seed: int
    sets: dict[str, Scores]
    sheets: Sequence[Sheet]

    noun: ClassVar[str] = "image"
    """What the images are of."""
    common = "caption"
    """What the images of a group have in common."""

    def fields(self) -> dict[str, Any]:
        """Everything but the pictures, in the order of ``results.json``."""
        raise NotImplementedError

    def tables(self) -> list[list[str]]:
        """The lines of further Markdown tables."""
        return []

    def notes(self) -> list[str]:
        """What a reader of the table must know."""
        raise NotImplementedError

    def sections(self) -> list[str]:
        """Further parts of the page, HTML."""
        return []

    def json(self) -> str:
        """``fields``. Equal results are equal bytes: numbers have six digits, and no time is noted."""
        return json.dumps(_plain(self.fields()), indent=2) + "\n"

    def markdown(self) -> str:
        """All tables and notes: a row for each metric, a column for each set of images."""
        columns = list(self.sets)
        lines = [
            "| | | " + " | ".join(map(self._title, columns)) + " |",
            "|---|---|" + "---|" * len(columns),
        ]
        for group, metric in self._rows():
            better = METRICS[metric].better.format(noun=self.noun)
            lines.append(f"| {self._name(group, metric)} | {better} | {self._cells(group, metric)} |")
        return self._page(lines)

    def summary(self) -> str:
        """The tables at a glance, as of the README: distances in one feature space, the last."""
        spaces = [group for group, _ in self._rows() if where(group)]
        lines = ["| | " + " | ".join(map(self._title, self.sets)) + " |", "|---|" + "---|" * len(self.sets)]
        for group, metric in self._rows():
            if (not where(group) or group == spaces[-1]) and METRICS[metric].brief:
                lines.append(f"| {self._name(group, metric)} | {self._cells(group, metric)} |")
        return self._page(lines)

    def html(self) -> str:
        """The page, with its pictures inside."""
        body = [f"<h1>Evaluation of {html.escape(self.subject)}</h1>"]
        body += [f"<p>{html.escape(note)}</p>" for note in self.notes()]
        body += [_table(part) for part in self.markdown().split("\n\n") if part.startswith("|")]
        body += self.sections()
        for sheet in self.sheets:
            body.append(f"<h2>{html.escape(sheet.title)}</h2><div class=sheet>")
            body += map(_figure, sheet.images.permute(0, 2, 3, 1).numpy(), sheet.labels)
            body.append("</div>")
        title = f"<title>Evaluation of {html.escape(self.subject)}</title>"
        head = f"<!doctype html>\n<html lang=en><meta charset=utf-8>{title}<style>{_STYLE}</style>\n"
        return head + "\n".join(body) + "\n</html>\n"

    def _page(self, lines: list[str]) -> str:
        further = [line for table in self.tables() for line in ("", *table)]
        return "\n".join([*lines, *further, "", *self.notes(), ""])

    def _title(self, column: str) -> str:
        return self.subject if column == next(iter(self.sets)) else column

    def _name(self, group: str, metric: str) -> str:
        return METRICS[metric].title.format(noun=self.noun, common=self.common) + where(group)

    def _cells(self, group: str, metric: str) -> str:
        """A metric of every set."""
        return " | ".join(METRICS[metric].format(scores.get(group, {}).get(metric)) for scores in self.sets.values())

    def _rows(self) -> Iterator[tuple[str, str]]:
        """The group and metric of every row: those of the first set, which has them all."""
        for group, scores in next(iter(self.sets.values())).items():
            for metric in scores:
                yield group, metric


def write_report(results: Results, folder: Path) -> None:
    """Write the ``REPORT_FILES`` at once."""
    texts = (results.html(), results.markdown(), results.json())
    with transaction():
        for name, text in zip(REPORT_FILES, texts, strict=True):
            write_atomically(folder / name, lambda path, text=text: path.write_text(text, "utf-8"))  # type: ignore[misc]


def _plain(value: Any) -> Any:
    """What JSON can hold, numbers to six digits."""
    if isinstance(value, Estimate):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; font-size: 13px }
th, td { border: 1px solid #ddd; padding: .2rem .5rem; text-align: left }
.confusion td { text-align: right; width: 3rem }
.bar { display: inline-block; height: .8rem; background: #47c; margin-right: .5rem }
.sheet { display: flex; flex-wrap: wrap; gap: .5rem }
figure { margin: 0; width: 128px; font-size: 11px; line-height: 1.2; text-align: center }
img { width: 128px; image-rendering: pixelated; display: block }
"""


def _table(markdown: str) -> str:
    """A Markdown table as HTML."""
    lines = [line.strip("|").split("|") for line in markdown.splitlines()]
    rows = ["".join(f"<th>{html.escape(cell.strip())}</th>" for cell in lines[0])]
    rows += ["".join(f"<td>{html.escape(cell.strip())}</td>" for cell in line) for line in lines[2:]]
    return "<table>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>"


def _figure(pixels: np.ndarray, label: str) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode()
    return f"<figure><img src='data:image/png;base64,{data}' alt=''>{html.escape(label)}</figure>"
