"""The results of an evaluation as JSON, as a Markdown table and as one HTML page that needs no other file."""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from encoder.attributes.vocabulary import SLOTS
from encoder.common.atomic import write_atomically
from gan.evaluation.metrics import Estimate
from gan.evaluation.sets import DIRECTIONS, Scores

SUBJECT = "these faces"
"""The name of the set that is judged, among the sets of the table."""

METRICS = {
    "hair": ("hair colour as asked", "more is better"),
    "eyes": ("eye colour as asked", "more is better"),
    "both": ("both as asked", "more is better"),
    "hue": ("hair of the hue asked for, measured", "more is better"),
    "frechet": ("Fréchet distance", "less is better"),
    "kernel": ("kernel distance × 1000", "less is better"),
    "density": ("density", "more is better"),
    "coverage": ("coverage", "more is better"),
    "diversity": ("diversity within a caption, real faces 1", "1 is best"),
    "closeness": ("nearest training face over the 50 nearest", "as real faces"),
    "copies": ("nearer to one than 99 % of real faces", "as real faces"),
}
"""Metric -> its name, and which way is good."""

PERCENT = {"hair", "eyes", "both", "hue", "canonical", "coverage", "copies"}
LEFT_OUT = {"copies"}
"""Metrics that the short table does without."""


@dataclass(frozen=True, eq=False)
class Sheet:
    """Faces to look at.

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
    """All that an evaluation found.

    Attributes:
        subject: The name of the model, the folder or the picture.
        source: The data set that the faces are compared with, if there is one.
        faces: Number of faces whose colours were read.
        compared: Number of faces a side of every comparison of sets; 0 where there was none.
        seed: Of everything random.
        ceiling: What the classifier reads right of held-out real faces, by source: shares of hair, eyes and both.
        sets: Scores by set of faces; the first is ``SUBJECT``.
        each_colour: Share read right, by slot and by colour asked for.
        confusion: By slot, counts of the colours read (columns) by those asked for (rows), in the order of ``SLOTS``.
        wordings: What ``gan.evaluation.sets.judge_wording`` says, by suite of wordings.
        face_score: Faces that a cascade finds in 25, if it was asked.
        sheets: Pictures.
    """

    subject: str
    source: str | None
    faces: int
    compared: int
    seed: int
    ceiling: dict[str, dict[str, float]]
    sets: dict[str, Scores]
    each_colour: dict[str, dict[str, Estimate]]
    confusion: dict[str, list[list[int]]]
    wordings: dict[str, dict[str, Estimate]]
    face_score: float | None
    sheets: Sequence[Sheet]

    def json(self) -> str:
        """Everything but the pictures. Equal results are equal bytes: numbers have six digits, and no time is noted."""
        fields = {name: value for name, value in vars(self).items() if name != "sheets"}
        return json.dumps(_plain(fields), indent=2) + "\n"

    def markdown(self) -> str:
        """All tables and notes: a row for each metric, a column for each set of faces."""
        columns = list(self.sets)
        lines = [
            "| | | " + " | ".join(map(self._title, columns)) + " |",
            "|---|---|" + "---|" * len(columns),
        ]
        for group, metric in self._rows():
            name, better = METRICS[metric]
            lines.append(f"| {name}{_where(group)} | {better} | " + " | ".join(self._cells(group, metric)) + " |")
        return "\n".join([*lines, *self._wordings(), "", *self.notes(), ""])

    def summary(self) -> str:
        """The tables at a glance, as of the README: distances in one feature space, the last."""
        *_, last = (group for group, _ in self._rows() if group != "training set")
        lines = ["| | " + " | ".join(map(self._title, self.sets)) + " |", "|---|" + "---|" * len(self.sets)]
        for group, metric in self._rows():
            if group in ("colours", "training set", last) and metric not in LEFT_OUT:
                name = METRICS[metric][0] + _where(group)
                lines.append(f"| {name} | " + " | ".join(self._cells(group, metric)) + " |")
        return "\n".join([*lines, *self._wordings(), "", *self.notes(), ""])

    def _title(self, column: str) -> str:
        return self.subject if column == SUBJECT else column

    def _cells(self, group: str, metric: str) -> list[str]:
        """A metric of every set."""
        return [format_estimate(metric, scores.get(group, {}).get(metric)) for scores in self.sets.values()]

    def _rows(self) -> Iterator[tuple[str, str]]:
        """The group and metric of every row: those of the subject, which has them all."""
        for group, scores in self.sets[SUBJECT].items():
            for metric in scores:
                yield group, metric

    def _wordings(self) -> list[str]:
        """The lines of the table of wordings."""
        if not self.wordings:
            return []
        lines = ["", "| drawn from | hair | eyes | both | both, canonical wording | difference, points |"]
        lines.append("|---|---|---|---|---|---|")
        for suite, shares in self.wordings.items():
            lines.append(f"| {suite} | " + " | ".join(format_estimate(m, e) for m, e in shares.items()) + " |")
        return lines

    def notes(self) -> list[str]:
        """What a reader of the table must know."""
        notes = [f"{self.faces:,} faces of {self.subject}; in brackets, 95 % confidence intervals."]
        ceilings = [
            f"{source} " + " / ".join(f"{100 * shares[slot]:.1f} %" for slot in ("hair", "eyes", "both"))
            for source, shares in self.ceiling.items()
        ]
        notes.append(
            "Colours are read by the attribute classifier, whose own accuracy on held-out real faces, the ceiling, is "
            f"(hair / eyes / both): {'; '.join(ceilings)}."
        )
        if self.compared:
            notes.append(
                f"Sets are compared with held-out faces of {self.source}, {self.compared:,} a side, in the features of "
                f"the network named, Fréchet distances on their {DIRECTIONS} main directions: only numbers of as many "
                "faces, the same network and the same data can be compared. These are not FIDs. Of real faces, colours "
                "and nearest neighbours are those of the held-out faces, and distances those of as many training faces "
                "with the same colours: the floor. The classifier was trained to see through blur, so its features do "
                "not tell it; EfficientNet's do."
            )
        else:
            notes.append("Too few faces, or no real ones, to compare sets.")
        if self.wordings:
            notes.append(
                "The wordings ask for the pairs of colours that the data have, each as often as another, in sentences "
                "that the conditioning head was not trained on; the canonical wordings ask for the same with the same "
                "noise, and the difference is of these pairs of faces."
            )
        if self.face_score is not None:
            notes.append(f"The cascade finds {self.face_score:.1f} faces in 25; 20 is the course's pass.")
        return notes

    def html(self) -> str:
        """The page, with its pictures inside."""
        body = [f"<h1>Evaluation of {html.escape(self.subject)}</h1>"]
        body += [f"<p>{html.escape(note)}</p>" for note in self.notes()]
        body += [_table(part) for part in self.markdown().split("\n\n") if part.startswith("|")]
        for slot, colours in self.each_colour.items():
            body.append(f"<h2>{slot.capitalize()}, colour by colour</h2>{_bars(colours)}")
            body.append(_confusion_table(self.confusion[slot], SLOTS[slot]))
        for sheet in self.sheets:
            body.append(f"<h2>{html.escape(sheet.title)}</h2><div class=sheet>")
            body += map(_figure, sheet.images.permute(0, 2, 3, 1).numpy(), sheet.labels)
            body.append("</div>")
        title = f"<title>Evaluation of {html.escape(self.subject)}</title>"
        head = f"<!doctype html>\n<html lang=en><meta charset=utf-8>{title}<style>{_STYLE}</style>\n"
        return head + "\n".join(body) + "\n</html>\n"


def write_report(results: Results, folder: Path) -> None:
    """Write ``results.json``, ``results.md`` and ``report.html``, each whole or not at all."""
    for name, text in {
        "results.json": results.json(),
        "results.md": results.markdown(),
        "report.html": results.html(),
    }.items():
        write_atomically(folder / name, lambda path, text=text: path.write_text(text, "utf-8"))  # type: ignore[misc]


def format_estimate(metric: str, estimate: Estimate | None) -> str:
    """An estimate with its interval, as it stands in tables; a dash where there is none."""
    if estimate is None:
        return "–"
    scale = 100 if metric in {*PERCENT, "difference"} else 1000 if metric == "kernel" else 1
    numbers = [scale * number for number in (estimate.value, estimate.low, estimate.high)]
    if metric == "difference":  # percentage points
        value, low, high = (f"{number:+.1f}" for number in numbers)
        return f"{value} [{low}, {high}]"
    value, low, high = (f"{number:.1f}" if metric in PERCENT else f"{number:.3g}" for number in numbers)
    return f"{value}{' %' if metric in PERCENT else ''} [{low}, {high}]"


def _where(group: str) -> str:
    return "" if group in ("colours", "training set") else f", {group}"


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


def _bars(colours: dict[str, Estimate]) -> str:
    rows = [
        f"<tr><td>{colour}</td><td><span class=bar style='width:{300 * estimate.value:.0f}px'></span>"
        f"{format_estimate('both', estimate)}</td></tr>"
        for colour, estimate in colours.items()
    ]
    return f"<table>{''.join(rows)}</table>"


def _confusion_table(counts: Sequence[Sequence[int]], colours: Sequence[str]) -> str:
    """Rows are the colours asked for, columns those read; the darker, the larger the share of the row."""
    rows = ["<tr><th>asked ＼ read</th>" + "".join(f"<th>{colour}</th>" for colour in colours) + "</tr>"]
    for colour, row in zip(colours, counts, strict=True):
        shares = [count / max(1, sum(row)) for count in row]
        cells = [
            f"<td style='background:rgba(68,119,204,{share:.2f})'>{count or ''}</td>"
            for count, share in zip(row, shares, strict=True)
        ]
        rows.append(f"<tr><th>{colour}</th>{''.join(cells)}</tr>")
    return f"<table class=confusion>{''.join(rows)}</table>"


def _figure(pixels: np.ndarray, label: str) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode()
    return f"<figure><img src='data:image/png;base64,{data}' alt=''>{html.escape(label)}</figure>"
