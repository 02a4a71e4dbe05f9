"""What is drawn, in which shard, and what it is made from."""

from __future__ import annotations

import hashlib
import itertools
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from encoder import ENCODER_DIR, HEAD_DIR
from encoder.base import files_digest
from encoder.common.arguments import MAX_SEED
from encoder.files import ID
from gan.many.lines import Bad, Line
from gan.release import CONFIG_FILE, DISCRIMINATOR_FILE, ENCODER_FOLDER, WEIGHTS_FILE, ReleaseConfig

PIECE = 64
"""Images that are written and entered into the index together: what is lost, at most, when a worker is killed."""
_LONGEST = 200  # bytes of a file's name, which others write a little more behind

Kind = Literal["shards", "separate"]


class Job(NamedTuple):
    """One image.

    Attributes:
        place: Its number, from 0: ``--num`` for each line, bad ones counted too, so that mending one moves no other.
        line: The number of its line.
        id: As the line has it.
        name: Of its files, without an ending.
        text: What to draw.
        seed: Of the noise.
    """

    place: int
    line: int
    id: str
    name: str
    text: str
    seed: int


class Piece(NamedTuple):
    """Up to ``PIECE`` images; ``made_from`` is a digest of all that they depend on."""

    number: int
    made_from: str
    jobs: list[Job]


class Shard(NamedTuple):
    """The images of one file, or of so many files."""

    number: int
    pieces: list[Piece]


@dataclass(frozen=True)
class Recipe:
    """What every image of a folder is made with; one folder has one.

    Attributes:
        kind: What the folder holds.
        model: Digest of the generator's files, and of the discriminator where it chooses.
        encoder: Digest of the files of the text encoder.
        shard_size: Places of a shard.
        num: Images a line; ``seed`` and ``same_seeds`` as of ``infer.py``, and so are the others.
    """

    kind: Kind
    model: str
    encoder: str
    shard_size: int
    num: int = 1
    seed: int = 0
    same_seeds: bool = False
    style: str | None = None
    truncation: float = 1.0
    guidance: float | None = None
    best_of: int = 1
    dtype: str = "float64"
    backend: str = "torch"

    def differences(self, other: dict[str, object]) -> list[str]:
        """How another one differs, in words."""
        mine = asdict(self)
        other = {"backend": "torch", **other}  # of a folder from before there was another one
        return [f"{key} {other.get(key)!r:.40}, not {mine[key]!r:.40}" for key in mine if other.get(key) != mine[key]]


def digests(model: Path, encoder_path: Path | None, best_of: int) -> tuple[str, str]:
    """``Recipe.model`` and ``Recipe.encoder`` of a released folder; PyTorch is not imported."""
    kind = ReleaseConfig.read(model).conditioning.kind
    names = [CONFIG_FILE, WEIGHTS_FILE, *([DISCRIMINATOR_FILE] if best_of > 1 else [])]
    folders = [folder for folder in (model / ENCODER_FOLDER, encoder_path) if folder and folder.is_dir()]
    folders += [HEAD_DIR] if kind == "head" and encoder_path is None else []
    folders += [ENCODER_DIR] if kind != "onehot" else []
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    ours = [path for path in files if path.suffix != ".md" and not path.name.startswith(".")]
    return files_digest(path for path in (model / name for name in names) if path.is_file()), files_digest(ours)


@dataclass
class Names:
    """Whether a file's name comes for the first time, in bounded memory: the names lie in a temporary file.

    Some file systems do not tell upper from lower case.
    """

    _known: sqlite3.Connection = field(default_factory=lambda: sqlite3.connect(""))

    def __post_init__(self) -> None:
        self._known.execute("PRAGMA journal_mode = OFF")
        self._known.execute("PRAGMA cache_size = -16384")  # KB
        self._known.execute("CREATE TABLE names (name TEXT PRIMARY KEY) WITHOUT ROWID")

    def add(self, name: str) -> bool:
        """Whether it is new."""
        return self._known.execute("INSERT OR IGNORE INTO names VALUES (?)", (name.lower(),)).rowcount > 0


def plan(lines: Iterable[Line | Bad], recipe: Recipe, refuse: Callable[[Bad], None]) -> Iterator[Shard]:
    """Shard after shard, as lines are read; one that cannot be drawn is given to ``refuse``."""
    settings = asdict(recipe)
    if recipe.backend == "torch":
        del settings["backend"]  # as before there was another one

    def piece(number: int, jobs: list[Job]) -> Piece:
        return Piece(number, hashlib.sha256(json.dumps([settings, jobs]).encode()).hexdigest(), jobs)

    for number, jobs in itertools.groupby(_jobs(lines, recipe, refuse), lambda job: job.place // recipe.shard_size):
        pieces = itertools.groupby(jobs, lambda job: job.place % recipe.shard_size // PIECE)
        yield Shard(number, [piece(place, list(some)) for place, some in pieces])


def _jobs(lines: Iterable[Line | Bad], recipe: Recipe, refuse: Callable[[Bad], None]) -> Iterator[Job]:
    names = Names() if recipe.kind == "separate" else None
    for i, line in enumerate(lines):
        bad = line if isinstance(line, Bad) else names and _unfit(line, names)
        if bad:
            refuse(bad)
            continue
        assert isinstance(line, Line)
        for k in range(recipe.num):
            place = i * recipe.num + k
            seed = (recipe.seed + (k if recipe.same_seeds else place)) % (MAX_SEED + 1)
            name = f"{place:08d}"
            if names:
                name = line.id if recipe.num == 1 else f"{line.id}-{k + 1}"
            yield Job(place, line.number, line.id, name, line.text, seed)


def _unfit(line: Line, names: Names) -> Bad | None:
    """Why the id of a line cannot be the name of a file, if it cannot."""
    if not ID.fullmatch(line.id):
        return Bad(line.number, f"{line.id[:40]!r} is not an id; use letters, digits, '-', '_' and '.'")
    if len(line.id.encode()) > _LONGEST:
        return Bad(line.number, f"the id {line.id[:40]}... is too long for the name of a file")
    if not names.add(line.id):
        return Bad(line.number, f"the id {line.id} comes twice, and a file is written for each; give each its own id")
    return None
