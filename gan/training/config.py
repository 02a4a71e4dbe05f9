"""The configuration of a training run: one frozen dataclass, saved beside the run before it starts."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from dataclasses import dataclass
from typing import Any, Literal, get_args

from encoder.common.arguments import MAX_BATCH, MAX_COUNT, MAX_SEED, MAX_SIZE, MAX_THREADS
from encoder.common.errors import InputError
from encoder.common.precision import Precision
from encoder.common.records import parse_json, record

SNAPSHOT_FOLDER = "snapshot"
"""Where a run keeps its generator, in the form of a release: what another run starts from."""

SAMPLES_FOLDER = "samples"
"""Where a run keeps its sample grids, each called by the images that training had shown."""

MAX_AMOUNT, MAX_RARE = 1e30, 1000
"""Limits: float32 has no larger numbers to spare, and an epoch no more room."""

Encoding = Literal["cached", "live", "onehot"]
DEVICES = ("cpu", "cuda")
LOGS = ("tensorboard", "wandb", "trackio")
CONDITIONINGS = ("auto", "attributes", "captions", "pooled", "aligned", "head")

RUNTIME_FIELDS = (
    "data", "device", "threads", "max_images", "max_minutes", "tick_images", "snapshot_images", "evaluate_images",
    "log",
)  # fmt: skip
"""What a resumed run may change: where and for how long it runs, never what it computes."""

COUNTS = {
    "wordings": 10_000, "z_dim": MAX_SIZE, "batch_size": MAX_BATCH, "schedule_images": MAX_COUNT,
    "ema_images": MAX_COUNT, "ema_images_end": MAX_COUNT, "max_images": MAX_COUNT, "tick_images": MAX_COUNT,
    "snapshot_images": MAX_COUNT,
}  # fmt: skip
"""What is at least 1, and the most that it may be."""

PRESETS: dict[str, dict[str, Any]] = {
    "cpu": {},
    "gpu": {
        "architecture": "grouped",
        "device": "cuda",
        "batch_size": 256,
        "lr": 2e-4,
        "lr_end": 5e-5,
        "beta2": 0.9,
        "beta2_end": 0.99,
        "gamma": 2.0,
        "gamma_end": 0.2,
        "augment_end": 0.3,
        "ema_images_end": 500_000,
        "schedule_images": 5_000_000,
        "max_images": 5_000_000,
        "tick_images": 51_200,
        "snapshot_images": 500_000,
    },
}
"""Settings that suit a kind of machine, by name: ``cpu`` is the defaults, ``gpu`` follows R3GAN's for 64x64 faces."""


@dataclass(frozen=True)
class TrainingConfig:
    """All that a run depends on. Times are counted in images shown to the discriminator.

    Attributes:
        data: Captioned images: folders, archives, shards (see ``gan.data``).
        encoder: ``cached`` looks vectors up on disk, ``live`` encodes in the loop (the same vectors), ``onehot`` is
            the assignment's own condition.
        conditioning: What the condition is. ``attributes``: what captions say of hair, eyes and length, through the
            conditioning head (also called ``head``). ``captions``: an image's own captions through a text encoder,
            ``pooled`` (a sentence embedding) or ``aligned`` (one fitted to the images, the default). ``auto``:
            ``attributes`` where most captions state hair or eyes, else ``captions``.
        encoder_path: The folder of the text encoder: with ``pooled`` of any sentence-transformer, with ``aligned`` of
            one that ``python -m encoder.align`` wrote; empty is the bundled one, or one fitted at the start of the run.
        wordings: Captions that each combination of attributes is known by; a face meets one of them at random.
        drop_attributes: The chance that a known colour is left out of the text, or that an image is shown without its
            caption.
        near_captions: The share of pairs of captions that are so alike that neither is a wrong text for the other.
        wrong_eyes: The chance that a wrong text errs in the eyes alone; the others err in hair, eyes or both alike.
        hair_chroma: Leave a hair colour out of a face's caption where the hair, measured, has less chroma of that hue
            (see ``gan.faces.hue``); 0 believes every caption.
        colours: The chance that a text states the measured colour of hair, and of eyes (see ``gan.faces.localiser``),
            beside or instead of its value; above 0, the condition has room for it.
        rare: The most times that a face of a rare colour is shown where one of a usual colour is shown once.
        interpolate: GAN-INT (arXiv 1605.05396): the share of faces drawn for a caption half-way between two as well.
        architecture: A file of ``gan.networks``.
        stage1: The snapshot folder of a first stage (a stackgan1 run), for architectures that refine one (stackgan2).
        objective: A key of ``gan.training.objectives.OBJECTIVES``.
        init: A released folder whose weights training starts from; empty is new weights.
        generator: Arguments of the architecture's generator.
        discriminator: Arguments of the architecture's discriminator.
        z_dim: Size of the noise.
        batch_size: Real images of one discriminator step.
        lr: Learning rate of both networks at the start (Adam).
        lr_end: Learning rate after ``schedule_images``, on a cosine.
        beta1: Adam's first decay.
        beta2: Adam's second decay at the start.
        beta2_end: Adam's second decay after ``schedule_images``, on a cosine.
        gamma: Weight of the objective's penalty at the start.
        gamma_end: Weight after ``schedule_images``, on a cosine.
        mirror: The chance that a real face is shown mirrored; 0.5 doubles the faces, 0 leaves them as they are.
        augment: The chance at the start that an image is moved before the discriminator sees it, and that it is cut.
        augment_end: The chance after ``schedule_images``, on a cosine.
        schedule_images: Length of the schedules.
        ema_images: Half-life of the averaged generator, at most, at the start.
        ema_images_end: Half-life of the averaged generator, at most, after ``schedule_images``, on a cosine.
        ema_rampup: Half-life of the averaged generator as a share of the images seen, while that is shorter.
        precision: What both networks compute in (penalties stay in float32): ``bfloat16``, ``float32``, or ``auto``,
            which is bfloat16 where the processor has instructions for it and float32 elsewhere.
        seed: Of the weights, the noise, the order of images and the captions.
        device: ``cpu`` or ``cuda``.
        threads: CPU threads; 0 leaves PyTorch's choice.
        max_images: Stop after so many images.
        max_minutes: Stop after so many minutes of this process; 0 is no limit.
        tick_images: Report and save the state every so many images.
        snapshot_images: Draw a sample grid and save the generator every so many images.
        evaluate_images: Score the averaged generator against held-out faces every so many images, and keep the best
            one; 0 is never.
        log: Who else is told of statistics, sample grids and settings, beside ``stats.jsonl`` and ``report.html``:
            ``tensorboard``, ``wandb`` and ``trackio``, whose packages are extras.
    """

    data: tuple[str, ...]
    encoder: Encoding = "cached"
    conditioning: str = "auto"
    encoder_path: str = ""
    wordings: int = 8
    drop_attributes: float = 0.1
    near_captions: float = 0.01
    wrong_eyes: float = 0.0
    hair_chroma: float = 0.0
    colours: float = 0.0
    rare: float = 1.0
    interpolate: float = 0.0
    architecture: str = "residual"
    stage1: str = ""
    objective: str = "r3gan"
    init: str = ""
    generator: dict[str, Any] = dataclasses.field(default_factory=dict)
    discriminator: dict[str, Any] = dataclasses.field(default_factory=dict)
    z_dim: int = 64
    batch_size: int = 8
    lr: float = 4e-4
    lr_end: float = 5e-5
    beta1: float = 0.0
    beta2: float = 0.99
    beta2_end: float = 0.99
    gamma: float = 2.0
    gamma_end: float = 0.5
    mirror: float = 0.0
    augment: float = 0.0
    augment_end: float = 0.0
    schedule_images: int = 200_000
    ema_images: int = 10_000
    ema_images_end: int = 10_000
    ema_rampup: float = 0.05
    precision: Precision = "auto"
    seed: int = 0
    device: str = "cpu"
    threads: int = 0
    max_images: int = 200_000
    max_minutes: float = 0.0
    tick_images: int = 6_400
    snapshot_images: int = 20_000
    evaluate_images: int = 0
    log: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._check_types()
        for name, most in COUNTS.items():
            self._require(name, 1 <= getattr(self, name) <= most, f"at least 1 and at most {most:,}")
        for name, most in {"threads": MAX_THREADS, "evaluate_images": MAX_COUNT}.items():
            self._require(name, 0 <= getattr(self, name) <= most, f"0 or more, and at most {most:,}")
        self._require("rare", 1 <= self.rare <= MAX_RARE, f"at least 1 and at most {MAX_RARE}")
        self._require("lr", 0 < self.lr <= MAX_AMOUNT, f"above 0 and at most {MAX_AMOUNT:g}")
        for name in ("lr_end", "gamma", "gamma_end", "hair_chroma", "max_minutes", "ema_rampup"):
            self._require(name, 0 <= getattr(self, name) <= MAX_AMOUNT, f"0 or more, and at most {MAX_AMOUNT:g}")
        chances = (
            "drop_attributes",
            "colours",
            "near_captions",
            "wrong_eyes",
            "interpolate",
            "mirror",
            "augment",
            "augment_end",
        )
        for name in (*chances, "beta1", "beta2", "beta2_end"):
            self._require(name, 0 <= getattr(self, name) < 1, "at least 0 and below 1")
        self._require("seed", 0 <= self.seed <= MAX_SEED, "at least 0 and below 2**63")
        choices = {
            "encoder": get_args(Encoding),
            "conditioning": CONDITIONINGS,
            "precision": get_args(Precision),
            "device": DEVICES,
        }
        for name, values in choices.items():
            self._require(name, getattr(self, name) in values, f"one of {', '.join(values)}")
        self._require("log", all(name in LOGS for name in self.log), f"of {', '.join(LOGS)}")
        for name in ("generator", "discriminator"):
            keys = getattr(self, name).keys()
            self._require(name, not {"z_dim", "c_dim"} & keys, "without z_dim and c_dim, which the run sets")

    def _check_types(self) -> None:
        """Hold every field to the type of its default; only a whole number may stand for another one."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name in ("data", "log"):
                fits = isinstance(value, (tuple, list)) and all(isinstance(each, str) for each in value)
                self._require(field.name, fits, "a list of paths" if field.name == "data" else "a list of names")
            elif field.name in ("generator", "discriminator"):
                self._require(field.name, isinstance(value, dict), "a JSON object of the network's arguments")
            elif isinstance(field.default, str):
                self._require(field.name, isinstance(value, str), "a text")
            elif isinstance(field.default, int):
                self._require(field.name, isinstance(value, int) and not isinstance(value, bool), "a whole number")
            else:
                fits = isinstance(value, (int, float)) and not isinstance(value, bool)
                self._require(field.name, fits and _is_float(value), "a number, as large as a float can be")

    def _require(self, name: str, met: bool, what: str) -> None:
        if not met:  # comparisons with NaN are false, so that it meets nothing
            raise InputError(f"{name} is {_shown(getattr(self, name))}; it must be {what}")

    def at(self, name: str, cur_nimg: int) -> float:
        """The value of a scheduled setting after ``cur_nimg`` images: half a cosine from ``name`` to ``name_end``."""
        start, end = getattr(self, name), getattr(self, f"{name}_end")
        progress = min(cur_nimg / self.schedule_images, 1.0)
        return float(end + (start - end) * 0.5 * (1 + math.cos(math.pi * progress)))

    def to_json(self) -> str:
        """The configuration as indented JSON, keys in the order of the fields."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str = "the configuration") -> TrainingConfig:
        """The inverse of ``to_json``; ``InputError`` names ``source`` where the text is anything else."""
        return record(cls, parse_json(text, source), source)

    def changes(self, other: TrainingConfig) -> list[str]:
        """What keeps ``other`` from going on with this run: ``"lr: 0.0004 -> 0.0002"``, runtime settings aside."""
        mine, theirs = (json.loads(config.to_json()) for config in (self, other))  # in JSON a tuple equals a list
        return [
            f"{name}: {mine[name]} -> {theirs[name]}"
            for name in mine
            if name not in RUNTIME_FIELDS and mine[name] != theirs[name]
        ]


def _is_float(value: float) -> bool:
    """Whether arithmetic with floats takes a number: not a whole one that is too large."""
    return not isinstance(value, int) or abs(value) <= sys.float_info.max


def _shown(value: Any) -> str:
    """A value as messages show it: in one line that is not too long."""
    try:
        text = " ".join(str(value).splitlines())
    except (ValueError, RecursionError):  # an integer of more digits, or more brackets, than Python writes
        text = "too large to show"
    return text if len(text) <= 100 else f"{text[:100]}..."
