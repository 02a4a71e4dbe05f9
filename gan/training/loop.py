"""The training loop."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from encoder import load_encoder
from encoder.attributes.vocabulary import Attributes
from encoder.common import precision
from encoder.common.atomic import write_atomically
from encoder.common.errors import InputError
from gan.data.dataset import FaceDataset
from gan.evaluation.sets import Monitor, captions_of
from gan.faces.conditions import Conditions, WrongAttributes, drop
from gan.faces.hue import without_loose_captions
from gan.images import check_folder, save_png, tile, to_uint8
from gan.networks import build_discriminator, build_generator, load_weights
from gan.release import CONFIG_FILE, DISCRIMINATOR_FILE, WEIGHTS_FILE, ReleaseConfig
from gan.sources import condition_dim, join_source
from gan.training.augment import DRAWS, augment
from gan.training.config import TrainingConfig
from gan.training.distributed import ALONE, World
from gan.training.ema import ema_decay, refresh_statistics, update_ema
from gan.training.objectives import OBJECTIVES, Batch
from gan.training.progress import Board, Progress
from gan.training.stages import insert_first_stage
from gan.training.state import STATE_FILE, load_state, save_release, save_state

GRID_CAPTIONS = [Attributes(hair=hair, eyes=eyes) for hair, eyes in [
    ("blue", "blue"), ("blue", "red"), ("green", "blue"), ("green", "red"), ("pink", "green"),
    ("black", "brown"), ("blonde", "blue"), ("red", "yellow"), ("white", "purple"), ("brown", "aqua"),
]]  # fmt: skip
GRID_ROWS = 10
STATISTICS_BATCHES = 20


class NonFiniteError(RuntimeError):
    """A loss or a weight is no longer a number; the last saved state is from before it."""


class Batches:
    """Endless batches of row numbers: every epoch a new order, none left out between epochs. Resumable."""

    def __init__(self, size: int, batch_size: int, generator: torch.Generator) -> None:
        self.size, self.batch_size, self.generator = size, batch_size, generator
        self.order = torch.empty(0, dtype=torch.int64)

    def next(self) -> Tensor:
        """int64 (batch_size,)."""
        while len(self.order) < self.batch_size:
            self.order = torch.cat([self.order, torch.randperm(self.size, generator=self.generator)])
        rows, self.order = self.order[: self.batch_size], self.order[self.batch_size :]
        return rows


class Trainer:
    """One run: the networks, their optimizers and everything random, so that a resume is exact.

    Args:
        config: The settings; ``config.data`` has been loaded as ``faces`` already.
        faces: The training faces.
        run_dir: Where ``config.json``, ``stats.jsonl``, ``samples/``, ``snapshot/``, ``best/`` and ``state.pt`` go.
        monitor: Scores the averaged generator every ``config.evaluate_images``.
        quiet: Do not show progress.
        world: The processes that share the run.
    """

    def __init__(
        self,
        config: TrainingConfig,
        faces: FaceDataset,
        run_dir: Path,
        *,
        monitor: Monitor | None = None,
        quiet: bool = False,
        world: World = ALONE,
    ) -> None:
        faces, loose = without_loose_captions(faces, config.hair_chroma)
        self.config, self.faces, self.run_dir, self.world = config, faces, run_dir, world
        self.quiet = quiet or not world.leads
        if loose and not self.quiet:
            print(f"hair colour left out of {loose:,} captions: the hair has less of it than hair_chroma", flush=True)
        self.monitor, self.best_score = monitor if world.leads else None, math.inf
        if config.batch_size % world.size:
            raise InputError(f"batch_size is {config.batch_size}, which {world.size} processes cannot share evenly")
        if config.device == "cuda" and not torch.cuda.is_available():
            raise InputError("device is cuda, but PyTorch finds none here; use --device cpu")
        self.device = torch.device(config.device)
        torch.backends.cudnn.benchmark = self.device.type == "cuda"  # every batch has the same shapes
        self.images = faces.images.to(self.device)

        kind = "onehot" if config.encoder == "onehot" else config.conditioning
        self.encoder = load_encoder(kind, config.encoder_path or None, cached=config.encoder == "cached")
        c_dim = condition_dim(self.encoder.dim, faces.source_names)

        torch.manual_seed(config.seed)  # of the weights
        self.G = build_generator(config.architecture, z_dim=config.z_dim, c_dim=c_dim, **config.generator)
        insert_first_stage(self.G, config, self.encoder, faces.source_names)
        self.D = build_discriminator(config.architecture, c_dim=c_dim, **config.discriminator)
        self.objective = OBJECTIVES[config.objective]()
        self.objective.prepare(self.D)
        for network in (self.G, self.D):  # channels_last is the convolutions' fastest layout
            network.to(device=self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.G_ema = copy.deepcopy(self.G).eval().requires_grad_(False)
        adam: dict[str, Any] = {"lr": config.lr, "betas": (config.beta1, config.beta2), "eps": 1e-8}
        adam["fused" if self.device.type == "cuda" else "foreach"] = True
        self.opt_G = torch.optim.Adam(self.G.parameters(), **adam)
        self.opt_D = torch.optim.Adam(self.D.parameters(), **adam)

        self.wrong = WrongAttributes(faces.attributes, eyes=config.wrong_eyes)
        self.conditions = Conditions(
            self.encoder,
            count=1 if config.encoder == "onehot" else config.wordings,
            live=config.encoder == "live",
            seed=config.seed,
            progress=not self.quiet,
        )
        self.generator = torch.Generator().manual_seed(config.seed)  # of the order, the captions and the noise
        self.batches = Batches(len(faces), config.batch_size, self.generator)
        self.cur_nimg = 0
        self.images_before = 0  # of the release that the run starts from
        self.d_step = 0
        self.minutes = 0.0

        fixed = torch.Generator().manual_seed(config.seed)
        self.grid_z = torch.randn(GRID_ROWS * len(GRID_CAPTIONS), config.z_dim, generator=fixed)

    # -- one step ----------------------------------------------------------------------------------------------------

    def next_batch(self) -> tuple[Batch, Tensor]:
        """This process's share of the next batch: real images with their texts, and noise z (N, z_dim) for fakes."""
        config, rows = self.config, self.batches.next()
        known = self.faces.attributes[rows]
        stated = drop(known, config.drop_attributes, self.generator)
        wrong = self.wrong.draw(known, stated, self.generator)
        sources, names = self.faces.sources[rows], self.faces.source_names
        c = join_source(self.conditions.draw(stated, self.generator), sources, names)
        c_wrong = join_source(self.conditions.draw(wrong, self.generator), sources, names)
        z = torch.randn(len(rows), config.z_dim, generator=self.generator)
        mirrored = torch.rand(len(rows), 1, 1, 1, generator=self.generator) < config.mirror
        values = (rows, mirrored, z, c, c_wrong, stated)
        rows, mirrored, z, *texts = (self.to_device(self.world.rows(value)) for value in values)
        real_images = self.images[rows].float().div_(127.5).sub_(1)
        real_images = torch.where(mirrored, real_images.flip(3), real_images)
        real_images = F.adaptive_avg_pool2d(real_images, self.G.resolution)
        real_images = real_images.contiguous(memory_format=torch.channels_last)
        return Batch(self.augment(real_images), *texts), z

    def to_device(self, value: Tensor) -> Tensor:
        """A small tensor on the device, without waiting for what the device is still busy with."""
        return value.pin_memory().to(self.device, non_blocking=True) if self.device.type == "cuda" else value

    def augment(self, img: Tensor) -> Tensor:
        """Images (N, 3, H, W) as the discriminator sees them."""
        chance = self.config.at("augment", self.cur_nimg)
        if chance == 0:
            return img
        draws = torch.rand(self.config.batch_size, DRAWS, generator=self.generator)
        return augment(img, chance, self.world.rows(draws)[: len(img)])

    def step(self) -> dict[str, Tensor]:
        """The discriminator's steps and one step of the generator; returns what happened, as scalars."""
        config, objective, G, D = self.config, self.objective, self.G, self.D
        stats: dict[str, Tensor] = {}
        gamma = config.at("gamma", self.cur_nimg)
        for optimizer in (self.opt_G, self.opt_D):
            for group in optimizer.param_groups:
                group["lr"] = config.at("lr", self.cur_nimg)
                group["betas"] = (config.beta1, config.at("beta2", self.cur_nimg))
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
            self.opt_D.step()
            objective.after_discriminator_step(D)
            self.opt_D.zero_grad(set_to_none=True)
            self.d_step += 1
            self.cur_nimg += config.batch_size

        # Step the generator, the discriminator's weights frozen.
        D.requires_grad_(False)
        with autocast:
            loss_G = objective.generator_loss(D, batch, fake_images) + G.regularisation(batch.c)
            if n := int(config.interpolate * len(z)):
                # GAN-INT: no face has these captions.
                between = batch.halfway(n)
                loss_int = objective.generator_loss(D, between, self.augment(G(z[:n], between.c)))
                loss_G = loss_G + config.interpolate * loss_int
        stats["loss_G"] = loss_G.detach()
        loss_G.backward()
        self.world.average_gradients(G)
        self.opt_G.step()
        self.opt_G.zero_grad(set_to_none=True)
        D.requires_grad_(True)

        # Average the generator.
        half_life = config.at("ema_images", self.cur_nimg)
        decay = ema_decay(config.batch_size, self.cur_nimg, half_life, config.ema_rampup)
        update_ema(self.G_ema, G, decay)
        return stats

    # -- the run -----------------------------------------------------------------------------------------------------

    def train(self, should_stop: Callable[[], bool] = lambda: False) -> None:
        """Train until the limits of the config are met or ``should_stop`` says so, and save the state at the end.

        Raises:
            NonFiniteError: A loss or a weight is no longer a number; the state on disk is the last good one.
        """
        config = self.config
        if self.world.leads:
            self.board = Board(self.run_dir / "tensorboard")
        started, minutes_before = time.monotonic(), self.minutes
        with Progress(config.max_images, self.cur_nimg, quiet=self.quiet) as progress:
            totals: dict[str, list[Tensor]] = {}
            tick_start, tick_nimg = time.monotonic(), self.cur_nimg
            while True:
                minutes = (time.monotonic() - started) / 60
                done = self.cur_nimg >= config.max_images or should_stop()
                done = self.world.any(done or 0 < config.max_minutes <= minutes, self.device)
                if self.cur_nimg - tick_nimg >= config.tick_images or done:
                    # Report, and save the state to go on from.
                    self.minutes = minutes_before + minutes
                    if totals:
                        speed = (self.cur_nimg - tick_nimg) / (time.monotonic() - tick_start)
                        self.report(progress, totals, speed)
                    self.check_weights()
                    if self.world.leads:
                        save_state(self.run_dir, self.state())
                    totals, tick_start, tick_nimg = {}, time.monotonic(), self.cur_nimg
                if done:
                    break

                # Train one step.
                before = self.cur_nimg
                for name, value in self.step().items():
                    totals.setdefault(name, []).append(value)
                progress.update(self.cur_nimg - before)

                # Show what the averaged generator draws, and score it.
                if self.is_due(config.snapshot_images, before) and self.cur_nimg < config.max_images:
                    self.snapshot()
                if self.monitor and (self.is_due(config.evaluate_images, before) or self.cur_nimg >= config.max_images):
                    self.log(progress, self.evaluate(self.monitor))
            self.snapshot()

    def is_due(self, interval: int, before: int) -> bool:
        """Whether the step from ``before`` images on reached a multiple of ``interval``."""
        return interval > 0 and before // interval != self.cur_nimg // interval

    def report(self, progress: Progress, totals: dict[str, list[Tensor]], speed: float) -> None:
        """Log the means of a tick; one that is no number ends the run."""
        means = {name: self.world.mean(torch.stack(values).float().mean()).item() for name, values in totals.items()}
        for name, value in means.items():
            self.check_finite(name, value)
        self.log(progress, {"minutes": round(self.minutes, 3), "images_per_second": round(speed, 2), **means})

    def log(self, progress: Progress, statistics: dict[str, float]) -> None:
        """Append one line to ``stats.jsonl``, draw it in TensorBoard and show it."""
        if not self.world.leads:
            return
        line = {"images": self.cur_nimg, **statistics}
        with (self.run_dir / "stats.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        progress.report(line)
        self.board.add(line)

    def check_weights(self) -> None:
        """Raises ``NonFiniteError`` where a network is broken, which a loss shows one step later."""
        for name, network in (("G", self.G), ("D", self.D), ("G_ema", self.G_ema)):
            self.check_finite(f"the norm of {name}'s weights", nn.utils.get_total_norm(network.parameters()).item())

    def check_finite(self, name: str, value: float) -> None:
        """Raises ``NonFiniteError`` where ``value``, called ``name``, is no number."""
        if not math.isfinite(value):
            raise NonFiniteError(
                f"{name} is {value} after {self.cur_nimg} images; the state on disk is the last good one. "
                "Resume from it with the same settings, or start anew with a lower --lr or a higher --gamma"
            )

    def snapshot(self) -> None:
        """Draw the fixed noise under the fixed captions, a column each, and save the averaged generator."""
        if not self.world.leads:
            return
        c = self.encoder.encode([attributes.caption for attributes in GRID_CAPTIONS]).repeat(GRID_ROWS, 1)
        names = self.faces.source_names
        c = join_source(c, torch.arange(len(c)) * len(names) // len(c), names)  # as many rows for each source
        grid = tile(self.draw(self.grid_z, c), per_row=len(GRID_CAPTIONS))
        save_png(self.run_dir / "samples" / f"{self.cur_nimg:08d}.png", grid, {})
        self.save_generator("snapshot")

    def evaluate(self, monitor: Monitor) -> dict[str, float]:
        """Score the averaged generator, every time with the same noise; the best one so far is kept in ``best/``."""
        c = self.encoder.encode(captions_of(monitor.attributes))
        c = join_source(c, monitor.sources, self.faces.source_names)
        z = torch.randn(len(c), self.config.z_dim, generator=torch.Generator().manual_seed(self.config.seed))
        scores = monitor.score(self.draw(z, c))
        if scores["score"] < self.best_score:
            self.best_score = scores["score"]
            self.save_generator("best")
        return scores

    @torch.no_grad()
    def draw(self, z: Tensor, c: Tensor) -> Tensor:
        """What the averaged generator draws of noise (N, z_dim) and conditions (N, c_dim): uint8 (N, 3, H, W)."""
        self.check_weights()
        statistics = torch.Generator().manual_seed(self.config.seed)
        refresh_statistics(self.G_ema, (self.random_inputs(statistics) for _ in range(STATISTICS_BATCHES)))
        batches = zip(z.split(self.config.batch_size), c.split(self.config.batch_size), strict=True)
        return torch.cat([to_uint8(self.G_ema(z.to(self.device), c.to(self.device)).float()).cpu() for z, c in batches])

    def save_generator(self, folder: str) -> None:
        """Save the averaged generator, and the discriminator beside it, in the form of a release."""
        names, images_seen = self.faces.source_names, self.images_before + self.cur_nimg
        save_release(self.run_dir / folder, self.G_ema, self.D, self.config, self.encoder, names, images_seen)

    def random_inputs(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Noise and conditions ``(z, c)`` of random training faces."""
        rows = torch.randint(len(self.faces), (self.config.batch_size,), generator=generator)
        c = self.conditions.draw(self.faces.attributes[rows], generator)
        c = join_source(c, self.faces.sources[rows], self.faces.source_names)
        z = torch.randn(len(rows), self.config.z_dim, generator=generator)
        return z.to(self.device), c.to(self.device)

    # -- the state ---------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        return {
            "config": self.config.to_json(),
            "faces": len(self.faces),
            "space": self.encoder.space,
            "cur_nimg": self.cur_nimg,
            "images_before": self.images_before,
            "d_step": self.d_step,
            "minutes": self.minutes,
            "G": self.G.state_dict(),
            "D": self.D.state_dict(),
            "G_ema": self.G_ema.state_dict(),
            "opt_G": self.opt_G.state_dict(),
            "opt_D": self.opt_D.state_dict(),
            "generator": self.generator.get_state(),
            "order": self.batches.order,
            "best_score": self.best_score,
        }

    def start_from(self, release: Path) -> None:
        """Take the weights of a released folder; ``InputError`` where one of its files is missing or does not fit."""
        load_weights(self.G, release / WEIGHTS_FILE)
        load_weights(self.D, release / DISCRIMINATOR_FILE)
        self.G_ema.load_state_dict(self.G.state_dict())
        self.images_before = ReleaseConfig.read(release).images_seen

    def resume(self) -> None:
        """Go on from ``state.pt``; other settings, other data or another text encoder are refused by name."""
        state = load_state(self.run_dir)
        changes = TrainingConfig.from_json(state["config"]).changes(self.config)
        if state["faces"] != len(self.faces):
            changes.append(f"training faces: {state['faces']} -> {len(self.faces)}")
        if state["space"] != self.encoder.space:
            changes.append(f"text encoder: {state['space']} -> {self.encoder.space}")
        if changes:
            raise InputError(f"{self.run_dir}: cannot resume with changed settings ({'; '.join(changes)}); keep them")
        for name in ("G", "D", "G_ema", "opt_G", "opt_D"):
            getattr(self, name).load_state_dict(state[name])
        self.generator.set_state(state["generator"])
        self.batches.order = state["order"]
        self.cur_nimg, self.d_step, self.minutes = state["cur_nimg"], state["d_step"], state["minutes"]
        self.best_score, self.images_before = state["best_score"], state["images_before"]


def shaped_like_its_start(config: TrainingConfig, run_dir: Path, *, resume: bool) -> TrainingConfig:
    """A run from a release has its networks: what ``config`` leaves open of their arguments is the release's.

    A resumed run takes it from its own state, for the release may be gone.
    """
    if resume:
        saved = TrainingConfig.from_json(load_state(run_dir)["config"])
        generator, discriminator = saved.generator, saved.discriminator
    else:
        release = ReleaseConfig.read(Path(config.init))
        generator, discriminator = release.network, release.discriminator
        if release.architecture != config.architecture:
            raise InputError(
                f"{config.init}: holds the architecture {release.architecture}, and this run is to train "
                f"{config.architecture}; give --architecture {release.architecture}, or leave --init out"
            )
    return dataclasses.replace(
        config, generator=generator | config.generator, discriminator=discriminator | config.discriminator
    )


@contextmanager
def catch_signals() -> Iterator[list[int]]:
    """Yields a list that grows by each SIGINT and SIGTERM, which end nothing by themselves within this context."""
    caught: list[int] = []
    previous = {
        number: signal.signal(number, lambda number, _frame: caught.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield caught
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def train(
    config: TrainingConfig,
    faces: FaceDataset,
    run_dir: Path,
    *,
    monitor: Monitor | None = None,
    resume: bool = False,
    world: World = ALONE,
) -> None:
    """Train a run to its limits; SIGINT and SIGTERM end it early with its state saved.

    Raises:
        InputError: A run is there already, cannot be resumed with these settings, or cannot be written.
        NonFiniteError: As in ``Trainer.train``.
        WorkerLostError: Another process of the run has ended.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    check_folder(run_dir)
    if not resume and (run_dir / STATE_FILE).exists():
        raise InputError(f"{run_dir}: holds a run already; go on with it by --resume, or choose another --run-dir")
    if config.init:
        config = shaped_like_its_start(config, run_dir, resume=resume)
    trainer = Trainer(config, faces, run_dir, monitor=monitor, world=world)
    if resume:
        trainer.resume()
    elif config.init:
        trainer.start_from(Path(config.init))
    if world.leads:
        write_atomically(run_dir / CONFIG_FILE, lambda path: path.write_text(config.to_json(), "utf-8"))
    with catch_signals() as caught:
        trainer.train(should_stop=lambda: bool(caught))
    if caught and world.leads:
        print(f"stopped after {trainer.cur_nimg} images; --resume goes on from here", file=sys.stderr)
