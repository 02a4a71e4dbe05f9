"""The results of an evaluation of faces: what ``gan.evaluation.report`` shows, and colours one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from encoder.attributes.vocabulary import SLOTS
from gan.evaluation.metrics import Estimate
from gan.evaluation.registry import METRICS, format_estimate
from gan.evaluation.report import Results
from gan.evaluation.sets import DIRECTIONS
from gan.faces.names import Row
from gan.faces.values import Values, worst

SUBJECT = "these faces"
"""The name of the set that is judged, among the sets of the table."""
_WORST = {
    "ceiling": "Furthest below the ceiling, as a share of it",
    "opening": "Drawn with the narrowest eyes",
    "varied": "Least varied",
}


@dataclass(frozen=True, eq=False)
class FaceResults(Results):
    """All that an evaluation of faces found.

    Attributes:
        faces: Number of faces whose colours were read.
        ceiling: What the classifier reads right of held-out real faces, by source: shares of hair, eyes and both.
        each_colour: Share read right, by slot and by colour asked for.
        values: What ``gan.faces.values.judge_values`` says, by slot and value; nothing without real faces.
        confusion: By slot, counts of the colours read (columns) by those asked for (rows), in the order of ``SLOTS``.
        wordings: What ``gan.faces.judging.judge_wording`` says, by suite of wordings.
        names: What ``gan.faces.names.judge`` says, by slot and kind of names.
        face_score: Faces that a cascade finds in 25, if it was asked.
    """

    faces: int
    ceiling: dict[str, dict[str, float]]
    each_colour: dict[str, dict[str, Estimate]]
    values: Values
    confusion: dict[str, list[list[int]]]
    wordings: dict[str, dict[str, Estimate]]
    names: dict[str, Row]
    face_score: float | None

    noun: ClassVar[str] = "face"

    def fields(self) -> dict[str, Any]:
        """See ``Results``."""
        first = ("subject", "source", "faces", "compared", "seed", "ceiling", "sets")
        rest = ("each_colour", "values", "confusion", "wordings", "names", "face_score")
        return {name: getattr(self, name) for name in (*first, *rest)}

    def tables(self) -> list[list[str]]:
        """Those of wordings, of colours by name and of each value."""
        rows = {f"{value} {slot}": row for slot, values in self.values.items() for value, row in values.items()}
        tables = (("drawn from", self.wordings), ("colours by name", self.names), ("one by one", rows))
        return [_table(first, rows) for first, rows in tables if rows]

    def notes(self) -> list[str]:
        """See ``Results``."""
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
        if self.names:
            notes.append(
                "Colours by name are asked for as of 'salmon hair', of names that the conditioning head was trained on "
                "and of others. Distances, in OKLab with the lightness counted by 0.6, are from how a name looks to "
                "what the localiser measures in the face drawn; with the names shuffled, to what it measures in the "
                "face of another name; of the training images, to the nearest colour that they have. Faces whose hair "
                "or eyes cannot be measured are left out. The intervals are over names."
            )
        if self.values:
            notes.append(
                "One by one, values have as their ceiling what the classifier reads right of held-out real faces; eyes "
                "are as open as the area of their irises, 0 where shut, beside that in real faces of the same colour; "
                "diversity is the mean distance of two faces of the value, beside that of two real ones. "
                + " ".join(
                    f"{_WORST[metric]}: {', '.join(f'{name} {number:.2f}' for name, number in rows)}."
                    for metric, rows in worst(self.values).items()
                    if rows
                )
            )
        if self.face_score is not None:
            notes.append(f"The cascade finds {self.face_score:.1f} faces in 25; 20 is the course's pass.")
        return notes

    def sections(self) -> list[str]:
        """Each colour by itself."""
        return [
            part
            for slot, colours in self.each_colour.items()
            for part in (
                f"<h2>{slot.capitalize()}, colour by colour</h2>{_bars(colours)}",
                _confusion_table(self.confusion[slot], SLOTS[slot]),
            )
        ]


def _table(first: str, rows: Mapping[str, Mapping[str, Estimate | None]]) -> list[str]:
    """A Markdown table of estimates: a column for each metric that a row has."""
    metrics = list(dict.fromkeys(metric for row in rows.values() for metric in row))
    titles = [METRICS[metric].column or METRICS[metric].title for metric in metrics]
    lines = ["| " + " | ".join([first, *titles]) + " |"]
    lines.append("|---|" + "---|" * len(metrics))
    for name, row in rows.items():
        lines.append(f"| {name} | " + " | ".join(format_estimate(metric, row.get(metric)) for metric in metrics) + " |")
    return lines


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
