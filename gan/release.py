"""A released generator: a folder with ``config.json``, ``generator.safetensors`` and a model card.

It may also hold ``discriminator.safetensors``, to train from and to rank candidates by, and ``encoder/``, its own text
encoder. With ``encoder/base`` it needs nothing beside it.

Importing this module costs nothing, so that a command line can check a folder before it imports PyTorch.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from encoder.base import NO_TEXTS
from encoder.common.arguments import check_existing_folder, kind_of, resolved_by
from encoder.common.errors import InputError, reason_of
from encoder.common.installation import missing_extra_error
from encoder.common.records import Amount, Count, Within, read_record
from encoder.paths import ENCODER_DIR, HEAD_DIR, PRETRAINED
from gan.sources import condition_dim

DEFAULT_MODEL = PRETRAINED / "residual-r3gan"
CONFIG_FILE = "config.json"
WEIGHTS_FILE = "generator.safetensors"
DISCRIMINATOR_FILE = "discriminator.safetensors"
ENCODER_FOLDER = "encoder"
"""The text encoder of a release, where it has its own."""
INVERTER_FILES = INVERTER_CONFIG, INVERTER_WEIGHTS = "inverter.json", "inverter.safetensors"
CARD_FILE = "README.md"
CARD_YAML = re.compile(r"---\r?\n(.*?\r?\n)---\r?\n", re.DOTALL)
"""What a model card begins with."""
Guidance = Annotated[float, Within(0.01, 3)]
"""How strongly to ask for what a text states. Beyond, hair and skin of faces run into one flat colour."""
HUB_ID = re.compile(r"(?P<repo>\w[\w.-]*/\w[\w.-]*)(?:@(?P<revision>\w[\w./-]*))?")
"""A model of the hub, and the revision that is wanted of it."""
_READ = ("*.json", "*.safetensors", "*.txt", "*.md")  # all that is read; never a pickle


def find_release(model: str | Path, revision: str | None = None) -> Path:
    """The folder of a release, wherever it is.

    Args:
        model: A folder; the name of a shipped one, ``"emoji"``; or a model of the Hugging Face Hub, ``"owner/name"`` or
            ``"owner/name@revision"``, which is downloaded once.
        revision: Of a model of the hub: a branch, a tag or a commit.

    Raises:
        InputError: There is none, or it cannot be downloaded.
    """
    folder, name = Path(model), str(model)
    hub = HUB_ID.fullmatch(name)
    if kind_of(folder) is None and (PRETRAINED / name / WEIGHTS_FILE).is_file():
        folder = PRETRAINED / name
    elif kind_of(folder) is None and hub and kind_of(folder.parent) is None:  # else a folder with a spelling mistake
        return _fetch(hub["repo"], revision or hub["revision"])
    check_existing_folder(folder, "model folder")
    if revision is not None:
        raise InputError(f"{folder}: is a folder, and revision {revision} goes with a model of the hub; leave it out")
    return folder


release_folder = resolved_by(find_release)
"""The type of an option ``--model``, for argparse."""


def _fetch(repo: str, revision: str | None = None) -> Path:
    """The folder of a model of the hub, in the cache of ``huggingface_hub``; no token is needed for a public one.

    Raises:
        InputError: There is no such model or revision, or neither a network nor an earlier copy of it.
    """
    with missing_extra_error():
        from huggingface_hub import errors, snapshot_download
    name = f"{repo}@{revision}" if revision else repo
    try:
        return Path(snapshot_download(repo, revision=revision, allow_patterns=list(_READ)))
    except errors.RevisionNotFoundError as error:
        raise InputError(f"{name}: the hub's model has no such revision; give another, or none") from error
    except errors.RepositoryNotFoundError as error:
        raise InputError(
            f"{name}: no such folder here, and no such model on the hub, or a private one; check the name, or log in"
        ) from error
    except Exception as error:  # what the network, the hub and its client raise is of many kinds
        offline = isinstance(error, errors.LocalEntryNotFoundError)
        reason = reason_of(error).rstrip(".")[:200]
        if offline:
            reason = "there is no network, and no copy from an earlier call"
        raise InputError(
            f"{name}: no such folder here, and it could not be downloaded from the Hub ({reason}); give a folder"
        ) from error


def release_name(folder: Path) -> str:
    """What a release is called: its folder's name, or of one in the hub's cache its model's."""
    folder = folder.resolve()
    return folder.parents[1].name.rpartition("--")[2] if folder.parent.name == "snapshots" else folder.name


def release_license(folder: Path) -> str | None:
    """The licence that a release's card names in its YAML: ``"mit"``; ``None`` where it names none."""
    try:
        front = CARD_YAML.match((folder / CARD_FILE).read_text("utf-8", errors="replace"))
    except OSError:
        return None
    found = front and re.search(r"^license: *[\"']?([\w.+-]+)", front[1], re.MULTILINE)
    return found[1] if found else None


def encoder_folder(release: Path, kind: str) -> Path | None:
    """The text encoder of a release: within it, else beside it, as the shipped ones have their head, else the bundled.

    Args:
        release: The folder of a generator.
        kind: Of its encoder.

    Returns:
        The folder of the conditioning head, of the aligned encoder, or of the sentence-transformer whose embeddings are
        pooled; ``None`` for a kind that needs none.
    """
    own = release / ENCODER_FOLDER
    places = {
        "head": (own, release.resolve().parent / HEAD_DIR.name, HEAD_DIR),
        "pooled": (own / "base", ENCODER_DIR),
        "aligned": (own,),
    }.get(kind, ())
    return next((place for place in places if (place / "modules.json").is_file()), places[-1] if places else None)


@dataclass(frozen=True)
class Conditioning:
    """What a generator takes as its text condition: the kind of encoder, its size and the space of its vectors."""

    kind: str
    dim: Count
    space: str

    @property
    def reads_texts(self) -> bool:
        """Whether pictures depend on their texts."""
        return self.kind != NO_TEXTS

    @property
    def has_text_network(self) -> bool:
        """Whether a network reads the texts."""
        return self.reads_texts and self.kind != "onehot"


@dataclass(frozen=True)
class ReleaseConfig:
    """The part of ``config.json`` that drawing and ``--init`` need; other keys there are notes for people.

    Attributes:
        architecture: A file of ``gan.networks``.
        z_dim: Size of the noise.
        c_dim: Size of the generator's condition: the text's, and one place a source where there are several sources.
        conditioning: What the text's part of the condition is.
        sources: The data sets that the generator was trained on; with several, ``style`` chooses among them.
        network: Arguments of the architecture's generator.
        discriminator: Arguments of the architecture's discriminator.
        images_seen: Real images that training has shown, with those of the release that it started from.
        guidance: How strongly to ask for what a text states, as in ``gan.pipeline.guide``; training writes none, 1.
        palette: The colours of hair and of eyes that the training images have, by slot, as "#rrggbb #rrggbb ...":
            one of each kind (``encoder.attributes.palette``). None where training measured no colours.
        pose: Which direction of the layout's noise turns and tilts the head, under "turn" and "tilt", as
            ``StyledGenerator.layout_direction`` counts them; negative where it does so the other way round. Training
            writes none.
    """

    architecture: str
    z_dim: Count
    c_dim: Count
    conditioning: Conditioning
    sources: tuple[str, ...]
    network: dict[str, Any] = field(default_factory=dict)
    discriminator: dict[str, Any] = field(default_factory=dict)
    images_seen: Amount = 0
    guidance: Guidance = 1.0
    palette: dict[str, str] = field(default_factory=dict)
    pose: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.sources or len(set(self.sources)) < len(self.sources):
            raise InputError(
                f"sources is {', '.join(self.sources) or 'empty'}; it must name each source once; correct it"
            )
        if self.c_dim != condition_dim(self.conditioning.dim, self.sources):
            raise InputError(
                f"c_dim is {self.c_dim}, but the text condition has {self.conditioning.dim} numbers and "
                f"there are {len(self.sources)} styles; restore the file"
            )
        for slot, colours in self.palette.items():
            if not re.fullmatch(r"#[0-9a-f]{6}( #[0-9a-f]{6})*", colours):
                raise InputError(f"palette.{slot} is no list of colours #rrggbb with a space between; restore the file")
        for name, number in self.pose.items():
            if not 1 <= abs(number) <= self.z_dim:
                raise InputError(f"pose.{name} is {number}; it must be from 1 to {self.z_dim}, or the negative of one")

    @classmethod
    def read(cls, model_dir: Path) -> ReleaseConfig:
        """Read ``config.json`` of a released folder, and see that the weights are there.

        Raises:
            InputError: No such folder, a file of it missing, or a config that is broken or contradicts itself.
        """
        if not os.path.isdir(model_dir):
            raise InputError(f"{model_dir}: no such model folder; give a folder that holds {CONFIG_FILE}")
        for name in (CONFIG_FILE, WEIGHTS_FILE):
            if not os.path.isfile(model_dir / name):
                raise InputError(f"{model_dir}: {name} is missing, so this is not a released model; restore the file")
        return read_record(cls, model_dir / CONFIG_FILE, notes=True)

    def style_index(self, style: str | None) -> int:
        """The place of ``style`` among the sources, 0 where it is ``None``; an unknown one is an ``InputError``."""
        if style is None:
            return 0
        if style not in self.sources:
            raise InputError(f"style {style!r} is unknown to this model; it knows: {', '.join(self.sources)}")
        return self.sources.index(style)
