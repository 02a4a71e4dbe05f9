"""Who is told how a run goes, beside ``stats.jsonl``: its own page, TensorBoard, Weights & Biases, trackio.

A tracker is told only of what the state on the disk has seen: what a killed run had not saved is not told, and told
when the resumed run comes by again. So a resumed run appends to what its trackers have, and nothing stands there twice.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, get_args

from torch import Tensor

from encoder.common.atomic import write_contents
from encoder.common.errors import InputError, reason_of
from gan.training.config import Tracking, TrainingConfig

PROJECT = "text-to-face"
TENSORBOARD_FOLDER = "tensorboard"
ID_FILE = "run-id"
"""What Weights & Biases and trackio know a run by, so that it is one to them however often it is resumed."""
COUNTERS = ("images", "minutes")
"""Statistics that only grow: axes, not curves."""


class Tracker(Protocol):
    """Is told of a run. Whatever a method raises, the run goes on without the tracker."""

    name: str

    def scalars(self, images: int, values: Mapping[str, float]) -> None:
        """The statistics of the run after so many images, counters among them."""

    def grid(self, images: int, picture: Tensor, prompts: Sequence[str]) -> None:
        """A sample grid, uint8 (3, H, W), of a column for each prompt."""

    def live(self, images: int, left: float | None) -> None:
        """The run has shown so many images, and has about ``left`` seconds to go; no state may hold them yet."""

    def flush(self, images: int) -> None:
        """All up to here was told; the state of so many images is on the disk."""

    def close(self, error: BaseException | None) -> None:
        """The run ends, or it broke down."""


def tell(trackers: list[Tracker], *calls: Callable[[Tracker], None]) -> None:
    """Make each call on each tracker; one that fails is taken from the list, with a warning."""
    for call in calls:
        for tracker in tuple(trackers):
            try:
                call(tracker)
            except Exception as error:  # other people's code, and networks: a run of days is not to end by them
                trackers.remove(tracker)
                print(f"warning: {tracker.name}: {_reason(error)}; going on without it", file=sys.stderr, flush=True)


def check_packages(names: Sequence[str]) -> None:
    """Raise ``InputError`` where the package of a tracker is not installed."""
    for name in names:
        if find_spec(name) is None:
            raise InputError(f"--log {name}: the package is not installed; pip install {name}, or leave it out")


def trackers_for(config: TrainingConfig, run_dir: Path) -> list[Tracker]:
    """Those that ``config.log`` names; ``InputError`` where one cannot begin, as for want of a login."""
    found: list[Tracker] = []
    check_packages(config.log)
    for name in config.log:
        try:
            found.append(KINDS[name](config, run_dir))
        except Exception as error:  # as in ``tell``
            raise InputError(f"--log {name}: cannot begin ({_reason(error)}); mend that, or leave it out") from error
    return found


class TensorBoard(Tracker):
    """Curves, sample grids with their prompts, and hyper-parameters for TensorBoard."""

    name = "tensorboard"

    def __init__(self, config: TrainingConfig, run_dir: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        folder = run_dir / TENSORBOARD_FOLDER
        fresh = not any(folder.glob("events.*"))
        self.writer: Any = SummaryWriter(str(folder))
        self.tells_prompts = fresh  # once: they are the same throughout
        if fresh:
            self.writer.add_hparams(settings(config), {}, run_name=".")
            self.writer.add_text("settings", f"```json\n{config.to_json()}```", 0)

    def scalars(self, images: int, values: Mapping[str, float]) -> None:
        for name, value in _curves(values).items():
            self.writer.add_scalar(name, value, images)

    def grid(self, images: int, picture: Tensor, prompts: Sequence[str]) -> None:
        if self.tells_prompts:
            self.tells_prompts = False
            columns = "\n".join(f"{number}. {_markdown(prompt)}" for number, prompt in enumerate(prompts, start=1))
            self.writer.add_text("samples, their columns", columns, images)
        self.writer.add_image("samples", picture, images)

    def flush(self, images: int) -> None:
        self.writer.flush()

    def close(self, error: BaseException | None) -> None:
        self.writer.close()


class Service(Tracker):
    """The same for a service, which sends by itself.

    Args:
        log: Its function of that name.
        image: What it calls an image.
    """

    def __init__(self, log: Callable[..., None], image: Callable[..., object]) -> None:
        self.log, self.image = log, image

    def scalars(self, images: int, values: Mapping[str, float]) -> None:
        self.log(_curves(values), step=images)

    def grid(self, images: int, picture: Tensor, prompts: Sequence[str]) -> None:
        pixels = picture.permute(1, 2, 0).contiguous().cpu().numpy()  # (H, W, 3)
        self.log({"samples": self.image(pixels, caption="columns: " + " | ".join(prompts))}, step=images)


class WeightsAndBiases(Service):
    """Weights & Biases; offline with ``WANDB_MODE=offline``, to be sent later by ``wandb sync``."""

    name = "wandb"

    def __init__(self, config: TrainingConfig, run_dir: Path) -> None:
        import wandb

        self.run: Any = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            name=run_dir.resolve().name,
            id=run_id(run_dir),
            resume="allow",
            dir=str(run_dir),
            config=settings(config),
            settings=wandb.Settings(console="off", silent=True),
        )
        super().__init__(self.run.log, wandb.Image)

    def close(self, error: BaseException | None) -> None:
        self.run.finish(exit_code=0 if error is None else 1)


class Trackio(Service):
    """trackio, whose files lie where ``TRACKIO_DIR`` says."""

    name = "trackio"

    def __init__(self, config: TrainingConfig, run_dir: Path) -> None:
        import trackio

        trackio.init(
            project=os.environ.get("TRACKIO_PROJECT", PROJECT),
            name=f"{run_dir.resolve().name}-{run_id(run_dir)}",
            resume="allow",
            config=settings(config),
            embed=False,
        )
        super().__init__(trackio.log, trackio.Image)
        self.finish: Callable[[], None] = trackio.finish

    def close(self, error: BaseException | None) -> None:
        self.finish()


KINDS: dict[str, Callable[[TrainingConfig, Path], Tracker]] = dict(
    zip(get_args(Tracking), (TensorBoard, WeightsAndBiases, Trackio), strict=True)
)


def settings(config: TrainingConfig) -> dict[str, bool | int | float | str]:
    """Hyper-parameters as trackers take them: numbers and texts alone."""
    return {
        name: value if isinstance(value, (bool, int, float, str)) else json.dumps(value)
        for name, value in asdict(config).items()
    }


def run_id(run_dir: Path) -> str:
    """The name of a run among all, made once and kept with it."""
    path = run_dir / ID_FILE
    try:
        kept = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        kept = ""
    if not kept:
        kept = secrets.token_hex(4)
        write_contents(path, f"{kept}\n")
    return kept


def _curves(values: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if name not in COUNTERS}


def _markdown(text: str) -> str:
    return "".join(f"\\{mark}" if mark in "\\`*_{}[]()#+-.!|<>" else mark for mark in " ".join(text.split()))


def _reason(error: BaseException) -> str:
    return reason_of(error)[:200]
