"""A run on the disk: whether there is one, with which settings, and what it starts from.

``Run.open`` asks the disk once, and refuses what cannot be trained before any work. Nothing after it asks again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from encoder.common.arguments import check_existing_folder, check_folder, kind_of
from encoder.common.device import find_device
from encoder.common.errors import InputError
from encoder.common.folders import OutputFolder
from encoder.common.memory import tune_malloc
from gan.release import CONFIG_FILE, ENCODER_FOLDER, ReleaseConfig
from gan.training.config import AUTO, SAMPLES_FOLDER, SNAPSHOT_FOLDER, TrainingConfig
from gan.training.distributed import SINGLE_PROCESS, World
from gan.training.log import STATS_FILE, check_stats, read_stats
from gan.training.networks import check_networks
from gan.training.report import REPORT_FILE
from gan.training.state import STATE_FILE, load_state
from gan.training.trackers import ID_FILE, TENSORBOARD_FOLDER, check_packages

MEASUREMENTS_FILE = "faces.safetensors"
"""What a run has measured of its faces."""
VECTORS_FOLDER = "captions"
"""Where a run keeps the vectors of its captions, so that it goes on with the same ones."""
BEST_FOLDER = "best"
"""Where a run keeps the generator with the best score, in the form of a release."""

OUTPUT = OutputFolder(
    "train_cgan.py",
    (
        CONFIG_FILE,
        STATE_FILE,
        STATS_FILE,
        REPORT_FILE,
        MEASUREMENTS_FILE,
        ENCODER_FOLDER,
        VECTORS_FOLDER,
        SAMPLES_FOLDER,
        SNAPSHOT_FOLDER,
        BEST_FOLDER,
        TENSORBOARD_FOLDER,
        ID_FILE,
        "wandb",
    ),
)

SETTLED_BY_DATA = ("conditioning:", "generator:")
"""Changes that are compared when the data are known."""
Resume = bool | Literal["auto"]


@dataclass(frozen=True, eq=False)
class Run:
    """A run that may begin, or that may resume.

    Attributes:
        folder: Where its files go.
        state: The saved state that it resumes from, as of ``gan.training.state.State``; ``None`` where it is new. A
            ``Trainer`` empties it once it has taken everything from it, since it is a second copy of the networks.
        saved: The settings in ``state``.
        cur_nimg: Images that ``state`` has shown.
        space: The name of the condition space of ``state`` or ``start``, if any.
        start: The release that a new run starts from, by ``--init`` or else ``--stage1``.
    """

    folder: Path
    config: TrainingConfig
    state: dict[str, Any] | None = None
    saved: TrainingConfig | None = None
    cur_nimg: int = 0
    space: str = ""
    start: ReleaseConfig | None = None

    @classmethod
    @contextmanager
    def open(
        cls, folder: Path, config: TrainingConfig, *, resume: Resume = False, world: World = SINGLE_PROCESS
    ) -> Iterator[Run]:
        """Hold the folder of a run while it trains, and prepare this process for it.

        Args:
            resume: Resume the run that is there, or begin it again where it was ended before its first state was saved;
                ``"auto"``: where there is one, else begin it.
            world: The processes that share the run; the first one holds the folder.

        Raises:
            InputError: A run is there already or there is none to resume; its settings have changed; the release that
                it starts from does not fit; a package, a folder or a device is missing; or another process is at work
                in the folder.
        """
        check_folder(folder)
        check_stats(folder / STATS_FILE)
        check_packages(config.log)
        config = dataclasses.replace(config, device=str(find_device(config.device)))
        if config.encoder_path:
            check_existing_folder(Path(config.encoder_path))
        exists = kind_of(folder / STATE_FILE) is not None
        if exists and not resume:
            raise InputError(f"{folder}: holds a run already; resume it by --resume, or choose another --run-dir")
        if not exists and resume is True and not _ended_early(folder):
            load_state(folder)  # says that there is none
        world.check_batch(config.batch_size)
        new = None if exists else _new(folder, config)
        tune_malloc()
        if config.threads:
            torch.set_num_threads(config.threads)
        with OUTPUT.held(folder, known=exists) if world.is_main_process else nullcontext():
            world.any(False, torch.device(config.device))  # nothing is written before the folder is held
            yield new or _resumed(folder, config)

    def settled(self, config: TrainingConfig) -> Run:
        """The same run with the settings that its data have settled."""
        return dataclasses.replace(self, config=config)

    def from_release(self, release: Path) -> Run:
        """The same new run, to start from a release; ``InputError`` where the release does not fit the settings."""
        start, config = ReleaseConfig.read(release), self.config
        if start.architecture != config.architecture:
            raise InputError(
                f"{release}: holds the architecture {start.architecture}, and this run is to train "
                f"{config.architecture}; give --architecture {start.architecture}, or --init none"
            )
        if start.z_dim != config.z_dim:
            raise InputError(f"{release}: was trained with --z-dim {start.z_dim}; give this run the same")
        config = _with_networks(dataclasses.replace(config, init=str(release)), start.network, start.discriminator)
        check_networks(config, start)
        return dataclasses.replace(self, config=config, space=start.conditioning.space, start=start)

    def refuse(self, changes: list[str]) -> None:
        """Raise ``InputError`` where something has changed since the state was saved."""
        if not changes:
            return
        snapshot = self.folder / SNAPSHOT_FOLDER
        other = "start another run: --run-dir NEW"
        if (snapshot / CONFIG_FILE).exists():
            other = f"start another run from its generator, where that fits: --init {snapshot} --run-dir NEW"
        what = "; ".join(changes)
        raise InputError(f"{self.folder}: cannot resume with changed settings ({what}); keep them, or {other}")

    def after_breakdown(self) -> str:
        """What a run that broke down has left, and what helps."""
        cure, snapshot = f"a lower --lr than {self.config.lr:g}", self.folder / SNAPSHOT_FOLDER
        has_state = kind_of(self.folder / STATE_FILE) is not None
        if (snapshot / CONFIG_FILE).exists():
            other = f"start another run from the last snapshot with {cure}: --init {snapshot} --run-dir NEW"
        elif has_state:
            other = f"start another run with {cure}, in another --run-dir; there is no snapshot to start from"
        else:
            return f"nothing was saved yet; start again with {cure}"
        if not has_state:
            return other
        again = "computes the same again" if self.config.device == "cpu" else "is likely to end so again"
        return f"{STATE_FILE} is from before it, but --resume {again}; {other}"


def _ended_early(folder: Path) -> bool:
    """Whether a run began in a folder and was ended before its first state, so that nothing is lost by a new start."""
    has_snapshot = kind_of(folder / SNAPSHOT_FOLDER) is not None
    return OUTPUT.owns(folder) and not has_snapshot and not read_stats(folder / STATS_FILE)


def progress(folder: Path) -> tuple[int, float]:
    """Images and minutes of the run in a folder; zeros where there is none."""
    if kind_of(folder / STATE_FILE) is None:
        return 0, 0.0
    state = load_state(folder)
    return state["cur_nimg"], state["minutes"]


def _resumed(folder: Path, config: TrainingConfig) -> Run:
    """A run with its state. Its networks and its condition are as saved, for the release that it started from may be
    gone; so what only the data settle is compared later, when they are known."""
    state = load_state(folder)
    saved = TrainingConfig.from_json(state["config"], f"{folder / STATE_FILE}: config")
    if config.init == AUTO:
        config = dataclasses.replace(config, init=saved.init)
    if config.release:
        config = _with_networks(config, saved.generator, saved.discriminator)
    run = Run(folder, config, state, saved, int(state["cur_nimg"]), str(state["space"]))
    run.refuse([change for change in saved.changes(config) if not change.startswith(SETTLED_BY_DATA)])
    return run


def _new(folder: Path, config: TrainingConfig) -> Run:
    """A run that begins. One from a release has its networks: what the settings leave open is the release's."""
    for release in filter(None, (config.release, config.stage1)):
        check_existing_folder(Path(release), "model folder")
    if config.release:
        return Run(folder, config).from_release(Path(config.release))
    check_networks(config, None)
    if not config.stage1:
        return Run(folder, config)
    start = ReleaseConfig.read(Path(config.stage1))
    return Run(folder, config, space=start.conditioning.space, start=start)


def _with_networks(config: TrainingConfig, generator: dict[str, Any], discriminator: dict[str, Any]) -> TrainingConfig:
    """The settings with other defaults for the arguments of the networks."""
    return dataclasses.replace(
        config, generator=generator | config.generator, discriminator=discriminator | config.discriminator
    )
