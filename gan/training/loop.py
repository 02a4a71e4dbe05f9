"""The training loop."""

from __future__ import annotations

import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from encoder.common import precision
from encoder.common.atomic import remove_orphans, write_contents
from encoder.common.command import forget_terminal, handling, stop
from encoder.common.errors import InputError
from gan.data import ImageDataset
from gan.release import CONFIG_FILE, ReleaseConfig
from gan.sources import join_source, same_places
from gan.training.augment import ADA_IMAGES, ADA_IMAGES_FROM_RELEASE, ADA_STEPS, AdaptiveChance
from gan.training.batches import Batches
from gan.training.conditions import Conditioner
from gan.training.config import SAMPLES_FOLDER, SNAPSHOT_FOLDER
from gan.training.distributed import SINGLE_PROCESS, World
from gan.training.log import Log
from gan.training.networks import Networks, raise_if_non_finite
from gan.training.networks import NonFiniteError as NonFiniteError
from gan.training.objectives import Batch
from gan.training.report import REPORT_FILE, Report
from gan.training.run import Run
from gan.training.sample_grids import EARLY_GRIDS, STATISTICS_BATCHES, Monitor, SampleGrids
from gan.training.state import STATE_FILE, save_state
from gan.training.trackers import Tracker, trackers_for

ADA_HELDOUT = 512
"""The most held-out images that are held in memory for ``--ada``."""
PATIENCE = 2  # signals: of one Ctrl-C, a process of torchrun gets a second one


class Trainer:
    """One run: the networks, their optimizers and everything random, so that a resume is exact.

    Args:
        run: Its settings, its folder and, where it resumes, its state.
        conditioner: Gives their texts.
        monitor: Scores the averaged generator every ``config.evaluate_images``.
        heldout: Images that are not trained on, for ``config.ada``.
        world: The processes that share the run.

    Raises:
        InputError: The networks cannot be built, do not go with the objective, or do not fit the state or the release;
            or the state is of other settings, data or texts, which it names.
    """

    def __init__(
        self,
        run: Run,
        data: ImageDataset,
        conditioner: Conditioner,
        *,
        monitor: Monitor | None = None,
        heldout: ImageDataset | None = None,
        quiet: bool = False,
        world: World = SINGLE_PROCESS,
    ) -> None:
        self.run, self.data, self.world = run, data, world
        self.config = config = run.config
        self.quiet = quiet or not world.is_main_process
        self.device = torch.device(config.device)
        torch.backends.cudnn.benchmark = self.device.type == "cuda"  # every batch has the same shapes

        self.encoder = conditioner.encoder
        self.networks = Networks(config, self.encoder, data.source_names, conditioner.class_sizes, self.device)
        self.G, self.D, self.objective = self.networks.G, self.networks.D, self.networks.objective

        # Everything random, and how far the run is.
        self.generator = torch.Generator().manual_seed(config.seed)  # of the order, the captions and the noise
        self.batches = Batches(config, data, conditioner, self.generator, self.device, world)
        self.grids = SampleGrids(config, self.batches, run.folder, monitor if world.is_main_process else None)
        self.ada = self._adaptive_chance(heldout) if config.ada and heldout else None
        self.cur_nimg = 0
        self.images_before = 0  # of the release that the run starts from
        self.d_step = 0
        self.minutes = 0.0
        if run.state:
            self._resume(run.state)
            run.state.clear()
        elif run.start and config.release:
            self._start_from(Path(config.release), run.start)
        else:
            some = torch.Generator().manual_seed(config.seed)
            self.networks.fit_to_conditions(self.batches.inputs(some)[1] for _ in range(STATISTICS_BATCHES))

    def step(self) -> dict[str, Tensor]:
        """The discriminator's steps and one step of the generator; returns what happened, as scalars."""
        config, networks, objective, G, D = self.config, self.networks, self.objective, self.G, self.D
        stats: dict[str, Tensor] = {}
        networks.follow_schedules(self.cur_nimg)
        gamma = config.at("gamma", self.cur_nimg)
        autocast = precision.autocast(config.precision, self.device)

        for remaining in reversed(range(objective.d_steps)):
            # Draw fakes for the captions of the real images; the last draw serves the generator's step too.
            batch, z = self.next_batch()
            with autocast, torch.set_grad_enabled(remaining == 0):
                fake_images = self.augment(G(z, batch.c))
            fake = fake_images.detach()
            if self.ada and self.d_step % ADA_STEPS == 0:  # before D learns from this batch
                stats |= self.adapt(self.ada, batch, fake)

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
            networks.opt_D.step()
            objective.after_discriminator_step(D)
            networks.opt_D.zero_grad(set_to_none=True)
            self.d_step += 1
            self.cur_nimg += config.batch_size

        # Step the generator; the discriminator's weights get no gradients.
        with autocast:
            regularisation = G.regularisation(batch.c)
            loss_G = objective.generator_loss(D, batch, fake_images) + regularisation
            if n := int(config.interpolate * len(z)):
                # GAN-INT: no image has these captions.
                between = batch.halfway(n)
                loss_int = objective.generator_loss(D, between, self.augment(G(z[:n], between.c)))
                loss_G = loss_G + config.interpolate * loss_int
        stats["loss_G"] = loss_G.detach()
        if G.regulariser:
            stats[G.regulariser] = regularisation.detach()
        loss_G.backward(inputs=networks.weights_G)
        self.world.average_gradients(G)
        networks.opt_G.step()
        networks.opt_G.zero_grad(set_to_none=True)

        # Average the generator.
        networks.average(self.cur_nimg)
        return stats

    def next_batch(self) -> tuple[Batch, Tensor]:
        """This process's share of the next batch, the real images as the discriminator sees them, and noise."""
        batch, z = self.batches.next(self.G.resolution, self.cur_nimg)
        return batch._replace(real=self.augment(batch.real)), z

    def augment(self, img: Tensor) -> Tensor:
        """Images (N, 3, H, W) as the discriminator sees them."""
        return self.batches.augment(img, self.ada.chance if self.ada else self.config.at("augment", self.cur_nimg))

    @torch.no_grad()
    def adapt(self, ada: AdaptiveChance, batch: Batch, fake: Tensor) -> dict[str, Tensor]:
        """Let the chance of augmentation follow the discriminator's scores of a batch and of held-out images."""
        img, c = (self.batches.share(each) for each in ada.pick(self.config.batch_size, self.generator))
        with precision.autocast(self.config.precision, self.device):
            img = self.augment(F.adaptive_avg_pool2d(img, self.G.resolution))
            scores = self.D(batch.real, batch.c), self.D(img, c), self.D(fake, batch.c)
        train, heldout, drawn = self.world.mean(torch.stack([score.float().mean() for score in scores])).tolist()
        overfitting = ada.update(train, heldout, drawn, ADA_STEPS * self.config.batch_size)
        return {"overfitting": torch.tensor(overfitting), "augment": torch.tensor(ada.chance)}

    def train(self, should_stop: Callable[[], bool] = lambda: False) -> None:
        """Train until the limits of the config are met or ``should_stop`` says so, and save the state at the end.

        Raises:
            NonFiniteError: A loss or a weight is no longer a number; the state on disk is the last good one.
        """
        config = self.config
        trackers: list[Tracker] = []
        if self.world.is_main_process:
            report = Report(config, self.run.folder, self.grids.prompts, self.cur_nimg)
            trackers = [report, *trackers_for(config, self.run.folder)]
        places = self.run.folder, config.max_images, self.cur_nimg, config.max_minutes
        started, minutes_before = time.monotonic(), self.minutes
        with Log(*places, quiet=self.quiet, is_main_process=self.world.is_main_process, trackers=trackers) as log:
            if not self.run.saved:
                self.show_grid(log)
            while True:
                minutes = (time.monotonic() - started) / 60
                done = self.cur_nimg >= config.max_images or should_stop()
                done = self.world.any(done or 0 < config.max_minutes <= minutes, self.device)
                if self.cur_nimg - log.tick_nimg >= config.tick_images or done:
                    # Save the state to go on from, and report.
                    self.minutes, speed = minutes_before + minutes, log.speed(self.cur_nimg)
                    means = {name: self.world.mean(value).item() for name, value in log.means().items()}
                    raise_if_non_finite(means, self.cur_nimg)
                    self.networks.raise_if_non_finite(self.cur_nimg)
                    if self.world.is_main_process:
                        save_state(self.run.folder, self.state())
                    log.tick(self.cur_nimg, self.minutes, speed, means)
                if done:
                    break

                # Train one step.
                before = self.cur_nimg
                log.add(self.step(), self.cur_nimg)

                # Show what the averaged generator draws, and score it.
                last = self.cur_nimg >= config.max_images  # whose snapshot comes below
                if self.is_due(config.snapshot_images, before) and not last:
                    self.snapshot(log)
                elif any(before < images <= self.cur_nimg for images in self.early_grids) and not last:
                    self.show_grid(log)
                if self.grids.monitor and (self.is_due(config.evaluate_images, before) or last):
                    self.networks.raise_if_non_finite(self.cur_nimg)
                    log.write(self.cur_nimg, self.grids.evaluate(self.networks, self.images_seen))
            self.snapshot(log)

    def is_due(self, interval: int, before: int) -> bool:
        """Whether the step from ``before`` images on reached a multiple of ``interval``."""
        return interval > 0 and before // interval != self.cur_nimg // interval

    @property
    def early_grids(self) -> list[int]:
        """Images after which a grid is drawn before the first snapshot."""
        return [images for images in EARLY_GRIDS if images < self.config.snapshot_images]

    @property
    def images_seen(self) -> int:
        """Real images that training has shown, with those of the release that it started from."""
        return self.images_before + self.cur_nimg

    def snapshot(self, log: Log | None = None) -> None:
        """Write a sample grid and the averaged generator, and show the grid."""
        self.show_grid(log)
        if self.world.is_main_process:
            self.grids.save(SNAPSHOT_FOLDER, self.networks, self.images_seen)

    def show_grid(self, log: Log | None = None) -> None:
        """Write a sample grid of the averaged generator, and show it."""
        if self.world.is_main_process:
            self.networks.raise_if_non_finite(self.cur_nimg)
            sample = self.grids.grid(self.networks, self.cur_nimg)
            if log:
                log.grid(self.cur_nimg, sample.grid, self.grids.prompts)
            if sample.collapsed:
                print(f"warning: {sample.path}: {_after_collapse(self.networks)}", file=sys.stderr, flush=True)

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
            **self.networks.state(),
            "generator": self.generator.get_state(),
            "order": self.batches.order.rest,
            "best_score": self.grids.best_score,
            "ahead": self.batches.conditioner.ahead,
            "augment": self.ada.chance if self.ada else 0.0,
        }

    def _adaptive_chance(self, heldout: ImageDataset) -> AdaptiveChance:
        """The chance of augmentation as ``--ada`` begins, with some of the held-out images."""
        heldout = heldout[:ADA_HELDOUT]
        c = self.encoder.encode([captions[0] for captions in heldout.captions])
        c = join_source(c, heldout.sources, heldout.source_names)
        images_to_rise = ADA_IMAGES_FROM_RELEASE if self.config.release else ADA_IMAGES
        return AdaptiveChance(heldout.images[:], c, self.config.augment, images_to_rise)

    def _start_from(self, folder: Path, start: ReleaseConfig) -> None:
        """Take the weights of a release."""
        self.networks.start_from(folder, start)
        self.images_before = start.images_seen
        ours = self.data.source_names
        if not same_places(start.sources, ours) and not self.quiet:
            known = [name for name in ours if name in start.sources] if len(start.sources) > 1 else []
            new = [name for name in ours if name not in known]
            parts = [f"{', '.join(known)} as in {folder}"] if known else []
            parts += [f"{', '.join(new)} as the mean of its {', '.join(start.sources)}"] if new else []
            print(f"sources: {' and '.join(parts)}, to begin with", flush=True)

    def _resume(self, state: dict[str, Any]) -> None:
        """Take a saved state; other settings, other data or another text encoder are refused by name."""
        assert self.run.saved
        changes = self.run.saved.changes(self.config)
        if state["images"] != len(self.data):
            changes.append(f"training images: {state['images']} -> {len(self.data)}")
        elif state["data"] != self.data.digest:
            changes.append("training images: other ones, in another order or with other captions")
        sources = list(self.data.source_names)
        if len(sources) > 1 and state["sources"] != sources:  # of a single one the condition says nothing
            changes.append(f"sources: {', '.join(state['sources'])} -> {', '.join(sources)}")
        if state["space"] != self.encoder.space.name:
            changes.append(f"text encoder: {state['space']} -> {self.encoder.space.name}")
        self.run.refuse(changes)
        path = self.run.folder / STATE_FILE
        self.networks.load_state(state, path)
        _set_random_state(self.generator, state["generator"], path)
        self.batches.order.rest = self.batches.order.checked(state["order"], path)
        self.cur_nimg, self.d_step, self.minutes = state["cur_nimg"], state["d_step"], state["minutes"]
        self.grids.best_score, self.images_before = state["best_score"], state["images_before"]
        if self.ada:
            self.ada.chance = state["augment"]


def _after_collapse(networks: Networks) -> str:
    """What a run whose generator draws one picture has come to, and what will help."""
    cures = [f"a lower --lr than {networks.config.lr:g}"]
    if networks.objective.penalty_interval:
        cures.append(f"a higher --gamma than {networks.config.gamma:g}")
    if networks.G.arguments.get("bounded"):
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


@contextmanager
def catch_signals() -> Iterator[list[int]]:
    """Yields a list that grows by each SIGINT, SIGTERM and SIGHUP, so that a run can save its state first.

    Only a third one ends what is going on within the context; files are whole even then.
    """
    caught: list[int] = []

    def catch(number: int, _frame: FrameType | None) -> None:
        caught.append(number)
        if number == getattr(signal, "SIGHUP", None):
            forget_terminal()
        if len(caught) > PATIENCE:
            stop(number)

    with handling(catch):
        yield caught


class Outcome(NamedTuple):
    """How a run ended: by which signal, 0 for none, and whether it has come to its last image."""

    signal: int
    is_finished: bool


def train(
    run: Run,
    data: ImageDataset,
    conditioner: Conditioner,
    *,
    monitor: Monitor | None = None,
    heldout: ImageDataset | None = None,
    quiet: bool = False,
    world: World = SINGLE_PROCESS,
) -> Outcome:
    """Train an open run to its limits; SIGINT, SIGTERM and SIGHUP end it early with its state saved.

    Raises:
        InputError: As of ``Trainer``, or the run cannot be written.
        NonFiniteError: As of ``Trainer.train``.
        WorkerLostError: Another process of the run has ended.
    """
    config = run.config
    trainer = Trainer(run, data, conditioner, monitor=monitor, heldout=heldout, quiet=quiet, world=world)
    if run.saved and world.is_main_process and trainer.cur_nimg >= config.max_images:
        print(f"{run.folder}: finished after {trainer.cur_nimg} images; a higher --max-images goes on", flush=True)
    with catch_signals() as caught:
        if world.is_main_process:
            remove_orphans(run.folder / STATE_FILE)  # as large as the state; others go when they are written next
            write_contents(run.folder / CONFIG_FILE, config.to_json())
        try:
            trainer.train(should_stop=lambda: bool(caught))
        except NonFiniteError as error:
            raise NonFiniteError(f"{error}; {run.after_breakdown()}") from error
    if world.is_main_process and not quiet:
        folder, prompt = run.folder, trainer.grids.prompts[0]
        asking = f"--text {shlex.quote(prompt)}" if prompt else "--any"
        print(f"pictures: {folder / SAMPLES_FOLDER} and {folder / REPORT_FILE}")
        print(f"next: python infer.py --model {shlex.quote(str(folder / SNAPSHOT_FOLDER))} {asking}", flush=True)
    if not caught or trainer.cur_nimg >= config.max_images:
        return Outcome(0, trainer.cur_nimg >= config.max_images)
    if world.is_main_process:
        print(f"stopped after {trainer.cur_nimg} images; --resume goes on from here", file=sys.stderr)
    return Outcome(caught[0], False)
