"""The options of drawing, each a field. A new one needs its field here, and the place that uses it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal

from encoder.common import arguments
from encoder.common.arguments import MAX_BATCH, MAX_COUNT, MAX_SEED, MAX_THREADS
from encoder.common.device import DEVICE_HELP, check_device
from encoder.common.errors import InputError
from encoder.common.options import Settings, setting
from encoder.common.records import Within
from encoder.files import Format
from gan.images import FILMS, check_picture_path
from gan.release import DEFAULT_MODEL, Guidance, release_folder

WHAT, LOOK, PLACES, MACHINE = "what to draw", "how it looks", "where it goes", "what draws it"
BATCH = "many images: --testing-file with --shards or --separate; the same command again goes on"

RANDOM_SEED = -1
"""In the place of a seed: a random one, which the output names."""
Truncation = Annotated[float, Within(0.01, 1.5)]
"""The scale of the noise. Beyond, faces fall apart; from 2 on, they are spots."""
Pose = Annotated[float, Within(-3, 3)]
"""A way through the noise of the layout, of which each number has the standard deviation 1."""
Dtype = Literal["float64", "float32", "bfloat16", "float16"]


@dataclass(frozen=True)
class DrawSettings(Settings):
    """How images are drawn, whatever is asked for."""

    style: str | None = setting(
        None, "the drawing to follow, for a model of several data sets", group=LOOK, metavar="SOURCE"
    )
    truncation: Truncation = setting(
        1.0, "scale of the noise; below 1, images vary less and look more usual (default 1)", group=LOOK
    )
    guidance: Guidance | None = setting(
        None, "how strongly to ask for what the text states; above 1, purer colours (default: the model's)", group=LOOK
    )
    layout_seed: Annotated[int, Within(0, MAX_SEED)] | None = setting(
        None,
        "take pose and shape from this seed, and shade and manner from that of the image (default: both from it)",
        group=LOOK,
    )
    turn: Pose = setting(0.0, "turn the head, -3 (left) to 3 (right) (default 0: as the seed has it)", group=LOOK)
    tilt: Pose = setting(0.0, "tilt the head, -3 (left) to 3 (right) (default 0: as the seed has it)", group=LOOK)
    best_of: Annotated[int, Within(1, 100)] = setting(
        1, "draw N images for each and keep the best one (default 1)", group=LOOK
    )
    dtype: Dtype = setting(
        "float64", "float64: the same pixels everywhere; others: faster (default float64)", group=MACHINE
    )
    backend: Literal["torch", "onnx"] = setting(
        "torch", "what draws: PyTorch, or ONNX Runtime in float32 (default torch)", group=MACHINE
    )
    model: Path = setting(
        DEFAULT_MODEL,
        "a released model's folder, the name of a shipped one, or OWNER/NAME of the Hub",
        group=MACHINE,
        metavar="MODEL",
        parse=release_folder,
    )
    encoder_path: Path | None = setting(
        None, "another folder of the text encoder", group=MACHINE, metavar="DIR", parse=arguments.existing_folder
    )
    device: str = setting("cpu", f"{DEVICE_HELP} (default cpu)", group=MACHINE, metavar="DEVICE")
    threads: Annotated[int, Within(0, MAX_THREADS)] | None = setting(
        None, "threads of PyTorch in each process; 0: its own choice (default: one each of several --workers)",
        group=MACHINE,
    )  # fmt: skip
    batch_size: Annotated[int, Within(1, MAX_BATCH)] = setting(32, "images drawn together (default 32)", group=MACHINE)

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            object.__setattr__(self, name, _plain(name, value))
        super().__post_init__()
        check_device(self.device)
        if self.backend == "onnx" and (self.dtype, self.device) != ("float32", "cpu"):
            raise InputError("backend onnx draws in float32 on the CPU; give dtype float32 and device cpu")
        if self.backend == "onnx" and self.layout_settings:
            raise InputError(
                f"backend onnx has no layout of its own; leave {' and '.join(self.layout_settings)} out, or the backend"
            )

    @property
    def layout_settings(self) -> list[str]:
        """The names of the settings that are given and move the layout."""
        given = {"layout_seed": self.layout_seed is not None, "turn": self.turn, "tilt": self.tilt}
        return [name for name, is_given in given.items() if is_given]

    @property
    def is_exact(self) -> bool:
        """Whether the pixels of a text and seed are the same in any batch, process and machine."""
        return self.dtype == "float64"


def look_defaults() -> dict[str, Any]:
    """The defaults of the settings that an image depends on beside its text, its seed and its model.

    ``best_of`` is none of them: it chooses the seed.
    """
    return {
        each.name: each.default
        for each in fields(DrawSettings)
        if each.metadata["setting"].group == LOOK and each.name != "best_of"
    }


def _plain(name: str, value: Any) -> Any:
    """A setting as a caller from Python may give it: types and devices of PyTorch, numbers of NumPy, paths as texts."""
    if isinstance(value, str) and name in ("model", "encoder_path"):
        return Path(value)
    if type(value).__module__ == "torch" and name in ("dtype", "device"):
        return str(value).removeprefix("torch.")
    return value.item() if getattr(value, "ndim", None) == 0 else value


def random_seed() -> int:
    """A random seed of 32 bits; the random generators of PyTorch and Python are left alone."""
    return int.from_bytes(os.urandom(4))


def _seed(text: str) -> int:
    """``random`` or a whole number."""
    return RANDOM_SEED if text == "random" else arguments.integer(text)


@dataclass(frozen=True)
class DrawJob(Settings):
    """What to draw, and where it goes."""

    text: tuple[str, ...] = field(default=())
    testing_file: Path | None = field(default=None)
    any: bool = field(default=False)
    interpolate: tuple[str, ...] = field(default=())
    edit: tuple[Path, ...] = setting(
        (), "change these pictures by --text; files, or folders of them", group=WHAT, metavar="PICTURE"
    )
    faithful: bool = setting(
        True, "draw the pictures of --edit as they are, in seconds each; without, faster and rougher", group=WHAT
    )
    other_style: bool = setting(False, "draw each picture of --edit in the style that it does not have", group=WHAT)
    num: Annotated[int, Within(1, 10_000)] = setting(1, "images per text (default 1)", group=WHAT)
    steps: Annotated[int, Within(2, 100)] | None = setting(
        None, "images of --interpolate (default 8); of a film, from each key to the next (default 12)", group=WHAT
    )
    fps: Annotated[int, Within(1, 50)] | None = setting(
        None, "frames of a film a second (default 12); makes a .png a film, an animated PNG", group=WHAT
    )
    loop: bool = setting(
        False, "a film that goes back to its first key and plays for ever; without, it plays once", group=WHAT
    )
    seed: Annotated[int, Within(RANDOM_SEED, MAX_SEED)] = setting(
        0,
        "seed of the first image; each further one has the next (default 0); -1 or random: a random one, printed",
        group=WHAT,
        parse=_seed,
    )
    same_seeds: bool = setting(
        False, "start every text from --seed again: images differ only in what is asked", group=WHAT
    )
    format: Format | None = setting(
        None, "format of the testing file; by default its name or its first lines tell", group=WHAT
    )
    out: Path | None = setting(
        None,
        "all images in one picture (default samples/faces.png), - is stdout; a film of --interpolate: .webp (lossy, at "
        "quality 95, method 6), .gif (256 colours) or .png",
        group=PLACES,
        metavar="FILE",
        parse=arguments.path_type(check_picture_path),
    )
    layout: Literal["tiles", "course"] = setting(
        "tiles",
        "of the one picture: tiles side by side, or the 5x5 figure with white gaps of the assignment's save_imgs()",
        group=PLACES,
    )
    separate: Path | None = setting(
        None,
        "a file per image: ID.png, or ID-1.png ... with --num",
        group=PLACES,
        metavar="DIR",
        parse=arguments.output_folder,
    )
    json: bool = setting(False, "print a JSON object per image: text, seed, file, read, warnings", group=PLACES)
    quiet: bool = setting(False, "print nothing but errors, and what --json asks for", group=PLACES)
    shards: Path | None = setting(
        None, "WebDataset shards, to train on", group=BATCH, metavar="DIR", parse=arguments.output_folder
    )
    shard_size: Annotated[int, Within(64, MAX_COUNT)] = setting(1024, "images a shard (default 1024)", group=BATCH)
    workers: Annotated[int, Within(1, 1024)] = setting(1, "processes that draw (default 1)", group=BATCH)
    strict: bool = setting(False, "stop at the first line that cannot be drawn", group=BATCH)

    @property
    def is_batch_job(self) -> bool:
        """Whether images go to a folder that a later run can continue."""
        return bool(self.testing_file and not self.out and (self.shards or (self.separate and not self.json)))

    @property
    def is_film(self) -> bool:
        """Whether ``interpolate`` draws a film. Else it draws two keys as one strip."""
        shown = self.fps is not None or self.loop or (self.out is not None and self.out.suffix.lower() in FILMS)
        return bool(self.interpolate) and (len(self.interpolate) > 2 or shown)

    @property
    def folder(self) -> Path:
        """Where the images of a batch job go."""
        folder = self.shards or self.separate
        assert folder is not None
        return folder
