"""The configuration of a training run: one frozen dataclass, saved beside the run before it starts."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from encoder.common import arguments
from encoder.common.arguments import MAX_BATCH, MAX_COUNT, MAX_SEED, MAX_SIZE, MAX_THREADS
from encoder.common.device import DEVICE_HELP, check_device
from encoder.common.errors import InputError
from encoder.common.options import setting
from encoder.common.precision import Precision
from encoder.common.records import Chance, Within, parse_json, record
from gan.data.settings import DATA, DataSettings

SNAPSHOT_FOLDER = "snapshot"
"""Where a run keeps its generator, in the form of a release: what another run starts from."""

AUTO, NONE = "auto", "none"
"""Values of ``init`` that are no folder."""

SAMPLES_FOLDER = "samples"
"""Where a run keeps its sample grids, each named by the number of images that training had shown."""

MAX_AMOUNT = 1e30
"""The largest number: float32 has none to spare beyond."""

Images = Annotated[int, Within(1, MAX_COUNT)]
Interval = Annotated[int, Within(0, MAX_COUNT)]
Amount = Annotated[float, Within(0, MAX_AMOUNT)]
BatchSize = Annotated[int, Within(1, MAX_BATCH)]
Seed = Annotated[int, Within(0, MAX_SEED)]
Threads = Annotated[int, Within(0, MAX_THREADS)]

Tracking = Literal["tensorboard", "wandb", "trackio"]

RUNTIME_FIELDS = (
    "data", "caption_column", "image_column", "device", "threads", "max_images", "max_minutes", "tick_images",
    "snapshot_images", "evaluate_images", "log",
)  # fmt: skip
"""What a resumed run may change: where and for how long it runs, never what it computes."""

PRESETS: dict[str, dict[str, Any]] = tomllib.loads(Path(__file__).with_name("presets.toml").read_text("utf-8"))
"""Settings by name."""


def _architectures() -> Collection[str]:
    from gan.networks import ARCHITECTURES

    return ARCHITECTURES


def _objectives() -> Collection[str]:
    from gan.training.objectives import OBJECTIVES

    return OBJECTIVES


WHAT, WHERE, HOW_LONG = "what to train on", "where the run goes", "how long it runs, and what it shows"
START, NETWORKS, STEPS = "what it starts from", "networks", "objective and optimisation"
IMAGES, AVERAGE, FACES = "what the networks see", "the averaged generator, which is released", "faces alone"


@dataclass(frozen=True)
class TrainingConfig(DataSettings):
    """All that a run depends on. Times are counted in images shown to the discriminator."""

    data: tuple[str, ...] = setting(
        ("../shared/data/extra_data.zip",),
        "folders, archives or shards of captioned images",
        group=DATA,
        metavar="PATH",
        parse=arguments.non_empty,
    )
    conditioning: str = setting(
        "auto",
        "what the condition is: attributes (hair, eyes and length, as captions state them; also called head); an "
        "image's own captions through a text encoder, pooled (a sentence embedding) or aligned (one fitted to the "
        "images); captions (aligned, or that of the release it starts from); none (no texts); auto (attributes where "
        "most captions state hair or eyes, else captions)",
        group=WHAT,
        metavar="KIND",
    )
    encoder: Literal["cached", "live", "onehot"] = setting(
        "cached",
        "cached looks vectors up on disk; live encodes in the loop, in float64; onehot is the assignment's "
        "own condition",
        group=WHAT,
    )
    encoder_path: str = setting(
        "",
        "the folder of the text encoder: for pooled, any sentence-transformer; for aligned, one that python -m "
        "encoder.align wrote; empty is the bundled one, or one that is fitted at the start of the run",
        group=WHAT,
        metavar="DIR",
    )
    drop_attributes: Chance = setting(
        0.1,
        "the chance that a known attribute is left out of the text, or that an image is shown without its caption",
        group=WHAT,
    )
    near_captions: Chance = setting(
        0.01, "the share of pairs of captions that are too alike to be wrong texts for each other's images", group=WHAT
    )

    device: str = setting("cpu", DEVICE_HELP, group=WHERE, metavar="DEVICE")
    threads: Threads = setting(0, "CPU threads; 0 is PyTorch's choice", group=WHERE)
    precision: Precision = setting(
        "auto",
        "of both networks (penalties stay in float32); auto is bfloat16 where the processor has instructions for it, "
        "else float32",
        group=WHERE,
    )

    max_images: Images = setting(200_000, "stop after so many images", group=HOW_LONG)
    max_minutes: Amount = setting(0.0, "stop after so many minutes of this process; 0 is no limit", group=HOW_LONG)
    tick_images: Images = setting(6_400, "report and save the state every so many images", group=HOW_LONG)
    snapshot_images: Images = setting(
        20_000, "draw a sample grid and save the generator every so many images", group=HOW_LONG
    )
    evaluate_images: Interval = setting(
        0,
        "score the averaged generator against held-out images every so many images, and keep the best one; 0 is never",
        group=HOW_LONG,
    )
    log: tuple[Tracking, ...] = setting(
        (), "also send statistics, sample grids and settings to these; each needs its package", group=HOW_LONG
    )
    seed: Seed = setting(0, "of the weights, the noise, the order of images and the captions", group=HOW_LONG)

    init: str = setting(
        AUTO,
        "a released folder whose weights, text encoder included, training starts from; none: new weights; auto: a "
        "shipped one that fits, where the data are captions of any kind, else none",
        group=START,
        metavar="DIR",
    )
    stage1: str = setting(
        "",
        "the snapshot folder of a first stage (a stackgan1 run), for an architecture that refines one (stackgan2)",
        group=START,
        metavar="DIR",
    )

    architecture: str = setting("residual", "both networks", group=NETWORKS, choices=_architectures)
    generator: dict[str, Any] = setting(
        default_factory=dict, help="arguments of the architecture's generator", group=NETWORKS, metavar="JSON"
    )
    discriminator: dict[str, Any] = setting(
        default_factory=dict, help="arguments of the architecture's discriminator", group=NETWORKS, metavar="JSON"
    )
    z_dim: Annotated[int, Within(1, MAX_SIZE)] = setting(64, "the size of the noise", group=NETWORKS)

    objective: str = setting("r3gan", "the losses of both networks", group=STEPS, choices=_objectives)
    batch_size: BatchSize = setting(8, "real images of one discriminator step", group=STEPS)
    schedule_images: Images = setting(200_000, "the length of the schedules: from X to X-end on a cosine", group=STEPS)
    lr: Annotated[float, Within(sys.float_info.min, MAX_AMOUNT)] = setting(
        4e-4, "learning rate of both networks (Adam) at the start", group=STEPS
    )
    lr_end: Amount = setting(5e-5, "learning rate at the end of the schedule", group=STEPS)
    beta1: Chance = setting(0.0, "Adam's first decay", group=STEPS)
    beta2: Chance = setting(0.99, "Adam's second decay at the start", group=STEPS)
    beta2_end: Chance = setting(0.99, "Adam's second decay at the end of the schedule", group=STEPS)
    gamma: Amount = setting(2.0, "weight of the objective's penalty at the start", group=STEPS)
    gamma_end: Amount = setting(0.5, "weight of the penalty at the end of the schedule", group=STEPS)

    mirror: Chance = setting(0.0, "the chance that a real image is shown mirrored", group=IMAGES)
    augment: Chance = setting(
        0.0,
        "the chance that the discriminator sees an image moved, and that it sees it cut, at the start",
        group=IMAGES,
    )
    augment_end: Chance = setting(0.0, "that chance at the end of the schedule", group=IMAGES)
    ada: bool = setting(
        False,
        "let that chance follow how far the discriminator overfits, by held-out images (ADA, arXiv 2006.06676), from "
        "--augment on; for few images",
        group=IMAGES,
    )
    interpolate: Chance = setting(
        0.0,
        "GAN-INT (arXiv 1605.05396): the share of images also drawn for a caption half-way between two",
        group=IMAGES,
    )

    ema_images: Images = setting(10_000, "the longest half-life of the average, in images, at the start", group=AVERAGE)
    ema_images_end: Images = setting(
        10_000, "the longest half-life of the average at the end of the schedule", group=AVERAGE
    )
    ema_rampup: Amount = setting(
        0.05, "the half-life as a share of the images seen, while that is shorter; 0 is no ramp-up", group=AVERAGE
    )

    wordings: Annotated[int, Within(1, 10_000)] = setting(
        8, "captions for each combination of attributes; a face is shown with one of them at random", group=FACES
    )
    wrong_eyes: Chance = setting(
        0.0,
        "the chance that a wrong text is wrong about the eyes alone; the others are wrong about hair, eyes or both",
        group=FACES,
    )
    hair_chroma: Amount = setting(
        0.0,
        "leave a hair colour out of a caption where the measured hair has less chroma of that hue; 0 keeps all",
        group=FACES,
    )
    colours: Chance = setting(
        0.0,
        "the chance that a text states the measured colour of hair, and of eyes, beside or instead of its value; "
        "above 0, the condition has room for exact colours",
        group=FACES,
    )
    rare: Annotated[float, Within(1, 1000)] = setting(
        1.0, "how often a face of a rare colour is shown, at most, for once that one of a usual colour is", group=FACES
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_device(self.device)
        object.__setattr__(self, "log", tuple(dict.fromkeys(self.log)))
        object.__setattr__(self, "init", self.init or NONE)  # states of earlier versions say so by an empty text
        for name in ("generator", "discriminator"):
            if {"z_dim", "c_dim"} & getattr(self, name).keys():
                shown = str(getattr(self, name))[:100]
                raise InputError(f"{name} is {shown}; it must be without z_dim and c_dim, which the run sets")

    def at(self, name: str, cur_nimg: int) -> float:
        """The value of a scheduled setting after ``cur_nimg`` images: half a cosine from ``name`` to ``name_end``."""
        start, end = getattr(self, name), getattr(self, f"{name}_end")
        progress = min(cur_nimg / self.schedule_images, 1.0)
        return float(end + (start - end) * 0.5 * (1 + math.cos(math.pi * progress)))

    @property
    def release(self) -> str:
        """The folder whose weights training starts from; empty where there is none, or ``init`` is still ``auto``."""
        return "" if self.init in (AUTO, NONE) else self.init

    def to_json(self) -> str:
        """The configuration as indented JSON, keys in the order of the fields."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str = "the configuration") -> TrainingConfig:
        """The inverse of ``to_json``; ``InputError`` names ``source`` where the text is anything else."""
        return record(cls, parse_json(text, source), source)

    def changes(self, other: TrainingConfig) -> list[str]:
        """What keeps ``other`` from resuming this run: ``"lr: 0.0004 -> 0.0002"``, runtime settings aside."""
        before, after = (json.loads(config.to_json()) for config in (self, other))  # in JSON a tuple equals a list
        return [
            f"{name}: {before[name]} -> {after[name]}"
            for name in before
            if name not in RUNTIME_FIELDS and before[name] != after[name]
        ]
