"""What a batch job draws: shards of items, and digests of what each piece of a shard is made from."""

from __future__ import annotations

import hashlib
import itertools
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from encoder.base import files_digest
from encoder.files import ID, RejectedLine, TextLine
from encoder.paths import ENCODER_DIR, HEAD_DIR
from gan.drawing.settings import DrawJob, DrawSettings
from gan.engine import Item, items_of
from gan.release import CONFIG_FILE, DISCRIMINATOR_FILE, ENCODER_FOLDER, WEIGHTS_FILE, ReleaseConfig

PIECE = 64
"""Images that are written and entered into the index together."""
_LONGEST_NAME = 200  # bytes of a file's name, to which other programs add a little
_NO_EFFECT = ("model", "encoder_path", "device", "threads", "batch_size")
"""Settings that a recipe leaves out: digests name the files, and the others are not meant to change images."""
_DIGESTED = (
    "kind", "model", "encoder", "shard_size", "num", "seed", "same_seeds", "style", "truncation", "guidance",
    "best_of", "dtype",
)  # fmt: skip
"""The first format's keys of a recipe. A later one counts only where it is not the default, so that folders go on."""


class Piece(NamedTuple):
    """Up to ``PIECE`` images; ``made_from`` is a digest of all that they depend on."""

    number: int
    made_from: str
    items: list[Item]


class Shard(NamedTuple):
    """The images of one tar, or of so many files."""

    number: int
    pieces: list[Piece]


def recipe_of(job: DrawJob, settings: DrawSettings) -> dict[str, Any]:
    """What all images of a folder are made with; a folder has one recipe. PyTorch is not imported.

    ``model`` is a digest of the generator's files, and of the discriminator where it chooses; ``encoder`` of those of
    the text encoder.
    """
    model, path = settings.model, settings.encoder_path
    conditioning = ReleaseConfig.read(model).conditioning
    names = [CONFIG_FILE, WEIGHTS_FILE, *([DISCRIMINATOR_FILE] if settings.best_of > 1 else [])]
    folders = [folder for folder in (model / ENCODER_FOLDER, path) if folder and folder.is_dir()]
    folders += [HEAD_DIR] if conditioning.kind == "head" and path is None else []
    folders += [ENCODER_DIR] if conditioning.has_text_network else []
    files = [file for folder in folders for file in sorted(folder.rglob("*")) if file.is_file()]
    ours = [file for file in files if file.suffix != ".md" and not file.name.startswith(".")]
    return {
        "kind": "shards" if job.shards else "separate",
        "model": files_digest(file for file in (model / name for name in names) if file.is_file()),
        "encoder": files_digest(ours),
        **{name: getattr(job, name) for name in ("shard_size", "num", "seed", "same_seeds")},
        **{name: value for name, value in vars(settings).items() if name not in _NO_EFFECT},
    }


def differences(recipe: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """How the recipe of a folder, ``other``, differs, in words; it may be older than some of the settings."""
    defaults = {name: getattr(DrawSettings, name) for name in recipe if hasattr(DrawSettings, name)}
    other = {**{name: value for name, value in defaults.items() if name not in _DIGESTED}, **other}
    return [f"{key} {other.get(key)!r:.40}, not {mine!r:.40}" for key, mine in recipe.items() if other.get(key) != mine]


def plan(
    lines: Iterable[TextLine | RejectedLine],
    job: DrawJob,
    recipe: dict[str, Any],
    reject: Callable[[RejectedLine], None],
) -> Iterator[Shard]:
    """Shard after shard, as lines are read; ``reject`` gets each line that cannot be drawn."""
    made_with = {key: value for key, value in recipe.items() if key in _DIGESTED or value != getattr(DrawSettings, key)}

    def piece(number: int, items: list[Item]) -> Piece:
        return Piece(number, hashlib.sha256(json.dumps([made_with, items]).encode()).hexdigest(), items)

    items = _items(lines, job, reject)
    for number, of_shard in itertools.groupby(items, lambda item: item.place // job.shard_size):
        pieces = itertools.groupby(of_shard, lambda item: item.place % job.shard_size // PIECE)
        yield Shard(number, [piece(place, list(some)) for place, some in pieces])


def _items(
    lines: Iterable[TextLine | RejectedLine], job: DrawJob, reject: Callable[[RejectedLine], None]
) -> Iterator[Item]:
    names = None if job.shards else FileNames()
    for i, line in enumerate(lines):
        reason = line.reason if isinstance(line, RejectedLine) else names.refusal(line.id) if names else ""
        if isinstance(line, RejectedLine) or reason:
            reject(RejectedLine(line.number, reason))
        elif names:
            yield from items_of(line, i, job)
        else:
            yield from (item._replace(name=f"{item.place:08d}") for item in items_of(line, i, job))


class FileNames:
    """The names of files so far, in bounded memory: they lie in a temporary file."""

    def __init__(self) -> None:
        self._known = sqlite3.connect("")
        self._known.execute("PRAGMA journal_mode = OFF")
        self._known.execute("PRAGMA cache_size = -16384")  # KB
        self._known.execute("CREATE TABLE names (name TEXT PRIMARY KEY) WITHOUT ROWID")

    def refusal(self, id: str) -> str:
        """Why an id cannot be the name of a new file; nothing where it can."""
        if not ID.fullmatch(id):
            return f"{id[:40]!r} is not an id; use letters, digits, '-', '_' and '.'"
        if len(id.encode()) > _LONGEST_NAME:
            return f"the id {id[:40]}... is too long for the name of a file"
        # Some file systems do not tell upper from lower case.
        if not self._known.execute("INSERT OR IGNORE INTO names VALUES (?)", (id.lower(),)).rowcount:
            return f"the id {id} comes twice, and a file is written for each; give each its own id"
        return ""
