"""The training loop."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from encoder.common import precision
from encoder.common.arguments import check_folder
from encoder.common.atomic import remove_orphans, write_atomically
from encoder.common.errors import InputError
from encoder.common.folders import OutputFolder
from encoder.common.memory import tune_malloc
from gan.data import ImageDataset
from gan.release import CONFIG_FILE, ENCODER_FOLDER, ReleaseConfig
from gan.sources import same_places
from gan.training.batches import Batches
from gan.training.conditioning import KNOWLEDGE_FILE, build_conditioner
from gan.training.config import SAMPLES_FOLDER, SNAPSHOT_FOLDER, TrainingConfig
from gan.training.distributed import ALONE, World
from gan.training.log import STATS_FILE, Log, check_stats
from gan.training.objectives import Batch
from gan.training.players import NonFiniteError as NonFiniteError
from gan.training.players import Players, check_finite
from gan.training.previews import Monitor, Previews
from gan.training.report import REPORT_FILE, Report
from gan.training.signals import catch_signals
from gan.training.state import STATE_FILE, begun_with, load_state, save_state
from gan.training.trackers import ID_FILE, TENSORBOARD_FOLDER, Tracker, trackers_for

OUTPUT = OutputFolder(
    "train_cgan.py",
    (
        CONFIG_FILE,
        STATE_FILE,
        STATS_FILE,
        REPORT_FILE,
        KNOWLEDGE_FILE,
        ENCODER_FOLDER,
        SAMPLES_FOLDER,
        SNAPSHOT_FOLDER,
        "best",
        TENSORBOARD_FOLDER,
        ID_FILE,
        "wandb",
    ),
)


class Trainer:
    """One run: the networks, their optimizers and everything random, so that a resume is exact.

    Args:
        config: The settings; ``config.data`` has been loaded as ``data`` already.
        data: The training images; faces, with their attributes, where ``config.conditioning`` is by attributes.
        run_dir: Where ``config.json``, ``stats.jsonl``, ``samples/``, ``snapshot/``, ``best/`` and ``state.pt`` go.
        prompts: What sample grids are drawn for, where the captions do not say.
        monitor: Scores the averaged generator every ``config.evaluate_images``.
        quiet: Do not show progress.
        world: The processes that share the run.
    """

    def __init__(
        self,
        config: TrainingConfig,
        data: ImageDataset,
        run_dir: Path,
        *,
        prompts: Sequence[str] = (),
        monitor: Monitor | None = None,
        quiet: bool = False,
        world: World = ALONE,
    ) -> None:
        self.config, self.run_dir, self.world = config, run_dir, world
        self.quiet = quiet or not world.leads
        world.share(config.batch_size)
        if config.device == "cuda" and not torch.cuda.is_available():
            raise InputError("device is cuda, but PyTorch finds none here; use --device cpu")
        self.device = torch.device(config.device)
        torch.backends.cudnn.benchmark = self.device.type == "cuda"  # every batch has the same shapes

        self.data, conditioner = build_conditioner(config, data, run_dir, prompts=prompts, quiet=self.quiet)
        self.encoder = conditioner.encoder
        self.players = Players(config, self.encoder, data.source_names, conditioner.class_sizes, self.device)
        self.G, self.D, self.objective = self.players.G, self.players.D, self.players.objective

        # Everything random, and how far the run is.
        self.generator = torch.Generator().manual_seed(config.seed)  # of the order, the captions and the noise
        self.batches = Batches(config, self.data, conditioner, self.generator, self.device, world)
        self.previews = Previews(config, self.batches, run_dir, monitor if world.leads else None)
        self.cur_nimg = 0
        self.images_before = 0  # of the release that the run starts from
        self.d_step = 0
        self.minutes = 0.0

    def step(self) -> dict[str, Tensor]:
        """The discriminator's steps and one step of the generator; returns what happened, as scalars."""
        config, players, objective, G, D = self.config, self.players, self.objective, self.G, self.D
        stats: dict[str, Tensor] = {}
        players.follow_schedules(self.cur_nimg)
        gamma = config.at("gamma", self.cur_nimg)
        autocast = precision.autocast(config.precision, self.device)

        for remaining in reversed(range(objective.d_steps)):
            # Draw fakes for the captions of the real images; the last draw serves the generator's step too.
            batch, z = self.next_batch()
            with autocast, torch.set_grad_enabled(remaining == 0):
                fake_images = self.augment(G(z, batch.c))
            fake = fake_images.detach()

            # Step the discriminator.
            with autocast:
                loss_D = objective.discriminator_loss(D, batch, fake)
            stats["loss_D"] = loss_D.detach()
            loss_D.backward()
            if objective.penalty_interval and self.d_step % objective.penalty_interval == 0:
                penalty = objective.penalty(D, batch, fake.float(), gamma=gamma, generator=self.generator)
                stats["penalty"] = penalty.detach()
                (penalty * objective.penalty_interval).backward()
            self.world.average_gradients(D)
            players.opt_D.step()
            objective.after_discriminator_step(D)
            players.opt_D.zero_grad(set_to_none=True)
            self.d_step += 1
            self.cur_nimg += config.batch_size

        # Step the generator; the discriminator's weights get no gradients.
        with autocast:
            loss_G = objective.generator_loss(D, batch, fake_images) + G.regularisation(batch.c)
            if n := int(config.interpolate * len(z)):
                # GAN-INT: no image has these captions.
                between = batch.halfway(n)
                loss_int = objective.generator_loss(D, between, self.augment(G(z[:n], between.c)))
                loss_G = loss_G + config.interpolate * loss_int
        stats["loss_G"] = loss_G.detach()
        loss_G.backward(inputs=players.weights_G)
        self.world.average_gradients(G)
        players.opt_G.step()
        players.opt_G.zero_grad(set_to_none=True)

        # Average the generator.
        players.average(self.cur_nimg)
        return stats

    def next_batch(self) -> tuple[Batch, Tensor]:
        """This process's share of the next batch, the real images as the discriminator sees them, and noise."""
        batch, z = self.batches.next(self.G.resolution)
        return batch._replace(real=self.augment(batch.real)), z

    def augment(self, img: Tensor) -> Tensor:
        """Images (N, 3, H, W) as the discriminator sees them."""
        return self.batches.augment(img, self.cur_nimg)

    def train(self, should_stop: Callable[[], bool] = lambda: False) -> None:
        """Train until the limits of the config are met or ``should_stop`` says so, and save the state at the end.

        Raises:
            NonFiniteError: A loss or a weight is no longer a number; the state on disk is the last good one.
        """
        config = self.config
        trackers: list[Tracker] = []
        if self.world.leads:
            report = Report(config, self.run_dir, self.previews.prompts, self.cur_nimg)
            trackers = [report, *trackers_for(config, self.run_dir)]
        places = self.run_dir, config.max_images, self.cur_nimg
        started, minutes_before = time.monotonic(), self.minutes
        with Log(*places, quiet=self.quiet, leads=self.world.leads, trackers=trackers) as log:
            while True:
                minutes = (time.monotonic() - started) / 60
                done = self.cur_nimg >= config.max_images or should_stop()
                done = self.world.any(done or 0 < config.max_minutes <= minutes, self.device)
                if self.cur_nimg - log.tick_nimg >= config.tick_images or done:
                    # Save the state to go on from, and report.
                    self.minutes, speed = minutes_before + minutes, log.speed(self.cur_nimg)
                    means = {name: self.world.mean(value).item() for name, value in log.means().items()}
                    check_finite(means, self.cur_nimg)
                    self.players.check(self.cur_nimg)
                    if self.world.leads:
                        save_state(self.run_dir, self.state())
                    log.tick(self.cur_nimg, self.minutes, speed, means)
                if done:
                    break

                # Train one step.
                before = self.cur_nimg
                log.add(self.step(), self.cur_nimg)

                # Show what the averaged generator draws, and score it.
                if self.is_due(config.snapshot_images, before) and self.cur_nimg < config.max_images:
                    self.snapshot(log)
                last = self.cur_nimg >= config.max_images
                if self.previews.monitor and (self.is_due(config.evaluate_images, before) or last):
                    self.players.check(self.cur_nimg)
                    log.write(self.cur_nimg, self.previews.evaluate(self.players, self.images_seen))
            self.snapshot(log)

    def is_due(self, interval: int, before: int) -> bool:
        """Whether the step from ``before`` images on reached a multiple of ``interval``."""
        return interval > 0 and before // interval != self.cur_nimg // interval

    @property
    def images_seen(self) -> int:
        """Real images that training has shown, with those of the release that it started from."""
        return self.images_before + self.cur_nimg

    def snapshot(self, log: Log | None = None) -> None:
        """Write a sample grid and the averaged generator, and show the grid."""
        if self.world.leads:
            self.players.check(self.cur_nimg)
            sample = self.previews.snapshot(self.players, self.cur_nimg, self.images_seen)
            if log:
                log.grid(self.cur_nimg, sample.grid, self.previews.prompts)
            if sample.collapsed:
                print(f"warning: {sample.path}: {_after_collapse(self.players)}", file=sys.stderr, flush=True)

    # -- the state ---------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        return {
            "config": self.config.to_json(),
            "data": self.data.digest,
            "images": len(self.data),
            "sources": list(self.data.source_names),
            "space": self.encoder.space.name,
            "cur_nimg": self.cur_nimg,
            "images_before": self.images_before,
            "d_step": self.d_step,
            "minutes": self.minutes,
            **self.players.state(),
            "generator": self.generator.get_state(),
            "order": self.batches.order.rest,
            "best_score": self.previews.best_score,
        }

    def start_from(self, release: Path) -> None:
        """Take the weights of a released folder; ``InputError`` where one of its files is missing or does not fit."""
        self.players.start_from(release)
        theirs = ReleaseConfig.read(release)
        self.images_before = theirs.images_seen
        ours = self.data.source_names
        if not same_places(theirs.sources, ours) and not self.quiet:
            known = [name for name in ours if name in theirs.sources] if len(theirs.sources) > 1 else []
            new = [name for name in ours if name not in known]
            parts = [f"{', '.join(known)} as in {release}"] if known else []
            parts += [f"{', '.join(new)} as the mean of its {', '.join(theirs.sources)}"] if new else []
            print(f"sources: {' and '.join(parts)}, to begin with", flush=True)

    def resume(self) -> None:
        """Go on from ``state.pt``; other settings, other data or another text encoder are refused by name."""
        state = load_state(self.run_dir)
        path = self.run_dir / STATE_FILE
        changes = TrainingConfig.from_json(state["config"], f"{path}: config").changes(self.config)
        if state["images"] != len(self.data):
            changes.append(f"training images: {state['images']} -> {len(self.data)}")
        elif state["data"] != self.data.digest:
            changes.append("training images: other ones, in another order or with other captions")
        sources = list(self.data.source_names)
        if len(sources) > 1 and state["sources"] != sources:  # of a single one the condition says nothing
            changes.append(f"sources: {', '.join(state['sources'])} -> {', '.join(sources)}")
        if state["space"] != self.encoder.space.name:
            changes.append(f"text encoder: {state['space']} -> {self.encoder.space.name}")
        if changes:
            raise InputError(
                f"{self.run_dir}: cannot resume with changed settings ({'; '.join(changes)}); keep them, or "
                f"{_another_start(self.run_dir)}"
            )
        self.players.load_state(state, path)
        _set_random_state(self.generator, state["generator"], path)
        self.batches.order.rest = self.batches.order.checked(state["order"], path)
        self.cur_nimg, self.d_step, self.minutes = state["cur_nimg"], state["d_step"], state["minutes"]
        self.previews.best_score, self.images_before = state["best_score"], state["images_before"]


def _another_start(run_dir: Path) -> str:
    """The way to train on otherwise, with what is on the disk."""
    snapshot = run_dir / SNAPSHOT_FOLDER
    if (snapshot / CONFIG_FILE).exists():
        return f"start another run from what it draws, where that fits: --init {snapshot} --run-dir NEW"
    return "start another run: --run-dir NEW"


def _after_breakdown(run_dir: Path, config: TrainingConfig) -> str:
    """What a run that broke down has left, and what will help."""
    cure = f"a lower --lr than {config.lr:g}"
    if (run_dir / SNAPSHOT_FOLDER / CONFIG_FILE).exists():
        start = (
            f"start another run from the last snapshot with {cure}: --init {run_dir / SNAPSHOT_FOLDER} --run-dir NEW"
        )
    elif (run_dir / STATE_FILE).exists():
        start = f"start another run with {cure}, in another --run-dir; there is no snapshot to begin it from"
    else:
        return f"nothing was saved yet; start again with {cure}"
    if not (run_dir / STATE_FILE).exists():
        return start
    again = "computes the same again" if config.device == "cpu" else "is likely to end so again"
    return f"{STATE_FILE} is from before it, but --resume {again}; {start}"


def _after_collapse(players: Players) -> str:
    """What a run whose generator draws one picture has come to, and what will help."""
    cures = [f"a lower --lr than {players.config.lr:g}"]
    if players.objective.penalty_interval:
        cures.append(f"a higher --gamma than {players.config.gamma:g}")
    if players.G.arguments.get("bounded"):
        cures.append("--generator '{\"bounded\": false}'")
    return (
        "its pictures are nearly the same ones, whatever is asked for; a run seldom comes back from that, "
        f"so look at it, and start another one with {' or '.join(cures)}"
    )


def _set_random_state(generator: torch.Generator, state: Tensor, path: Path) -> None:
    try:
        generator.set_state(state)
    except (RuntimeError, TypeError) as error:
        raise InputError(f"{path}: generator is not the state of a random generator; start the run anew") from error


def shaped_like_its_start(config: TrainingConfig, run_dir: Path, *, resume: bool) -> TrainingConfig:
    """A run from a release has its networks: what ``config`` leaves open of their arguments is the release's.

    A resumed run takes it from its own state, for the release may be gone.

    Raises:
        InputError: The release is of another architecture or of other sizes than the run.
    """
    if resume:
        saved = begun_with(run_dir)
        generator, discriminator = saved.generator, saved.discriminator
    else:
        release = ReleaseConfig.read(Path(config.init))
        generator, discriminator = release.network, release.discriminator
        if release.architecture != config.architecture:
            raise InputError(
                f"{config.init}: holds the architecture {release.architecture}, and this run is to train "
                f"{config.architecture}; give --architecture {release.architecture}, or leave --init out"
            )
        if release.z_dim != config.z_dim:
            raise InputError(f"{config.init}: was trained with --z-dim {release.z_dim}; give this run the same")
    return dataclasses.replace(
        config, generator=generator | config.generator, discriminator=discriminator | config.discriminator
    )


def check_run_dir(run_dir: Path, *, resume: bool) -> bool:
    """Raise InputError where a run can neither begin nor go on in a folder; returns whether there is one to go on with.

    What lies beside the files of a run that goes on is left alone.
    """
    check_folder(run_dir)
    check_stats(run_dir / STATS_FILE)
    begun = (run_dir / STATE_FILE).exists()
    if begun and not resume:
        raise InputError(f"{run_dir}: holds a run already; go on with it by --resume, or choose another --run-dir")
    if not begun:
        OUTPUT.check(run_dir)
    return begun


def train(
    config: TrainingConfig,
    data: ImageDataset,
    run_dir: Path,
    *,
    prompts: Sequence[str] = (),
    monitor: Monitor | None = None,
    resume: bool = False,
    world: World = ALONE,
) -> int:
    """Train a run to its limits; SIGINT, SIGTERM and SIGHUP end it early with its state saved.

    Returns:
        The number of the signal that ended it, 0 where none did.

    Raises:
        InputError: A run is there already, cannot be resumed with these settings, or cannot be written.
        NonFiniteError: As in ``Trainer.train``.
        WorkerLostError: Another process of the run has ended.
    """
    tune_malloc()
    if config.threads:
        torch.set_num_threads(config.threads)
    begun = check_run_dir(run_dir, resume=resume)
    with OUTPUT.held(run_dir, known=begun) if world.leads else nullcontext():
        world.any(False, torch.device(config.device))  # nothing is written before the first process holds the folder
        if config.init:
            config = shaped_like_its_start(config, run_dir, resume=resume)
        trainer = Trainer(config, data, run_dir, prompts=prompts, monitor=monitor, world=world)
        if resume:
            trainer.resume()
            if world.leads and trainer.cur_nimg >= config.max_images:
                print(f"{run_dir}: finished after {trainer.cur_nimg} images; a higher --max-images goes on", flush=True)
        elif config.init:
            trainer.start_from(Path(config.init))
        with catch_signals() as caught:
            if world.leads:
                remove_orphans(run_dir / STATE_FILE)  # as large as the state; the others go when they are written next
                write_atomically(run_dir / CONFIG_FILE, lambda path: path.write_text(config.to_json(), "utf-8"))
            try:
                trainer.train(should_stop=lambda: bool(caught))
            except NonFiniteError as error:
                raise NonFiniteError(f"{error}; {_after_breakdown(run_dir, config)}") from error
    if not caught or trainer.cur_nimg >= config.max_images:
        return 0
    if world.leads:
        print(f"stopped after {trainer.cur_nimg} images; --resume goes on from here", file=sys.stderr)
    return caught[0]
