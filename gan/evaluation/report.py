"""The results of an evaluation as JSON, as a Markdown table and as one HTML page that needs no other file.

The prose and the page are templates, in the folder ``templates``.
"""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

from PIL import Image
from torch import Tensor

from encoder.common.atomic import transaction, write_contents
from encoder.common.templates import render
from gan.evaluation.metrics import Estimate
from gan.evaluation.registry import METRICS, Row, Scores, where

REPORT_FILES = ("report.html", "results.md", "results.json")
Table: TypeAlias = tuple[Sequence[str], Sequence[Sequence[str]]]
"""The cells of a header and of rows."""
VERDICTS = ((0.95, "as asked as real images"), (0.8, "good"), (0.5, "fair"), (-math.inf, "poor"))
"""The least share of the way from chance to real images, and what it is called."""
TEMPLATES = Path(__file__).parent / "templates"


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

    def figures(self) -> Iterator[tuple[str, str]]:
        """Each image as a PNG in base64, and its label."""
        for pixels, label in zip(self.images.permute(0, 2, 3, 1).numpy(), self.labels, strict=True):
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, "PNG")
            yield base64.b64encode(buffer.getvalue()).decode(), label


@dataclass(frozen=True, eq=False)
class Results:
    """All that an evaluation found.

    Attributes:
        subject: The name of the model, the folder or the picture.
        source: The data set that the images are compared with, if there is one.
        noun: What one image shows: ``"face"`` or ``"image"``; it names the template of the notes too.
        main: The metric of the first group that the verdict goes by.
        common: What the images of a group have in common, within which diversity is measured.
        images: Number of images whose contents were judged.
        compared: Number of images a side of every comparison of sets; 0 where there was none.
        seed: Of everything random.
        sets: Scores by set of images; the first is that which is judged.
        sheets: Pictures.
        details: Further fields of ``results.json``.
        tables: Further tables: the title of the first column, and rows by name.
        extra: What the notes and the page show besides.
    """

    subject: str
    source: str | None
    noun: str
    main: str
    common: str
    images: int
    compared: int
    seed: int
    sets: dict[str, Scores]
    sheets: Sequence[Sheet]
    details: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, Mapping[str, Row]] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    def json(self) -> str:
        """Equal results are equal bytes: numbers have six digits, and no time is noted."""
        fields = {
            "subject": self.subject,
            "source": self.source,
            f"{self.noun}s": self.images,
            "common": self.common,
            "compared": self.compared,
            "seed": self.seed,
            "verdict": self.verdict,
            "sets": self.sets,
            **self.details,
        }
        return json.dumps(_plain(fields), indent=2) + "\n"

    def markdown(self) -> str:
        """All tables and notes: a row for each metric, a column for each set of images."""
        return self._page(self._table_of_sets())

    def summary(self) -> str:
        """The tables at a glance, as of the README: distances in one feature space, the last."""
        return self._page(self._table_of_sets(brief=True))

    def html(self) -> str:
        """The page, with its pictures inside."""
        return self._render("report.html", tables=[self._table_of_sets(), *self._further_tables()], notes=self.notes)

    @cached_property
    def notes(self) -> list[str]:
        """What a reader of the tables must know, a paragraph each."""
        text = self._render(f"{self.noun}s.txt")
        return [" ".join(paragraph.split()) for paragraph in text.split("\n\n") if paragraph.strip()]

    def _render(self, template: str, **others: Any) -> str:
        return render(TEMPLATES / template, results=self, metrics=METRICS, **self.extra, **others)

    @cached_property
    def verdict(self) -> str:
        """In one line what the numbers say, and what they are worth."""
        subject = next(iter(self.sets))
        group = next(iter(self.sets[subject]))
        found = {name: scores.get(group, {}).get(self.main) for name, scores in self.sets.items()}
        own, real = found[subject], found.get(f"real {self.noun}s")
        chance = found.get("chance") or found.get("captions permuted")
        title = self._name(group, self.main)
        if own is None:
            return f"No verdict: nothing was asked for that can be read as '{title}'."
        if real is None or chance is None:
            return f"No verdict without real images (--data): {title}, {_percent(own)} of {self.images:,} {self.noun}s."
        shares = f"{title}, {_percent(own)}; real {self.noun}s {_percent(real)}, chance {_percent(chance)}"
        if real.low <= chance.high:
            return f"No verdict: the judge does not tell real {self.noun}s from chance; give more images. {shares}."
        reached = (own.value - chance.value) / (real.value - chance.value)
        word = next(word for least, word in VERDICTS if reached >= least)
        worth = f"{self.compared:,} held-out {self.noun}s a side"
        if not self.compared:
            worth = f"too few held-out {self.noun}s to compare sets, so a rough number"
        return (
            f"Verdict: {word}, {100 * reached:.0f} % of the way from chance to real {self.noun}s ({worth}). {shares}."
        )

    def _page(self, first: Table) -> str:
        tables = "\n\n".join("\n".join(table(*each)) for each in (first, *self._further_tables()))
        return "\n".join([self.verdict, "", tables, "", *self.notes, ""])

    def _table_of_sets(self, *, brief: bool = False) -> Table:
        """The table of all sets; a ``brief`` one does without a column of what is better, and without some metrics."""
        measured = [(group, metric) for group, scores in next(iter(self.sets.values())).items() for metric in scores]
        spaces = [group for group, _ in measured if where(group)]
        rows = []
        for group, metric in measured:
            shown = METRICS[metric]
            if brief and (not shown.brief or (where(group) and group != spaces[-1])):
                continue
            better = [] if brief else [shown.better.format(noun=self.noun)]
            cells = [shown.format(scores.get(group, {}).get(metric)) for scores in self.sets.values()]
            rows.append([self._name(group, metric), *better, *cells])
        return ["", *([] if brief else [""]), self.subject, *list(self.sets)[1:]], rows

    def _further_tables(self) -> list[Table]:
        """A column for each metric that a row has."""
        found: list[Table] = []
        for first, rows in self.tables.items():
            metrics = [METRICS[name] for name in dict.fromkeys(metric for row in rows.values() for metric in row)]
            cells = [[name, *(metric.format(row.get(metric.name)) for metric in metrics)] for name, row in rows.items()]
            if rows:
                found.append(([first, *(metric.column or metric.title for metric in metrics)], cells))
        return found

    def _name(self, group: str, metric: str) -> str:
        return METRICS[metric].title.format(noun=self.noun, common=self.common, **self.extra) + where(group)


def write_report(results: Results, folder: Path) -> None:
    """Write the ``REPORT_FILES``, all or none."""
    texts = (results.html(), results.markdown(), results.json())
    with transaction():
        for name, text in zip(REPORT_FILES, texts, strict=True):
            write_contents(folder / name, text)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table."""
    first, *lines = ("|" + "|".join(f" {cell} " if cell else " " for cell in row) + "|" for row in (header, *rows))
    return [first, "|" + "---|" * len(header), *lines]


def _percent(estimate: Estimate) -> str:
    return f"{100 * estimate.value:.1f} %"


def _plain(value: Any) -> Any:
    """What JSON can hold, numbers to six digits."""
    if isinstance(value, Estimate):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value
