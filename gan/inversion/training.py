"""The training of an inverter: on real faces, whose drawing must look like them, and on drawn ones, whose latents are
known.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from encoder.common import weights
from encoder.common.errors import BreakdownError, InputError
from encoder.common.progress import Progress
from gan.data import ImageDataset
from gan.images import channels_last, psnr, to_signed, to_uint8
from gan.inversion.latents import Latents, Scales
from gan.inversion.network import Inverter
from gan.inversion.optimise import pixel_loss
from gan.networks.residual import Generator
from gan.supervised import batches

STATE_FILE = "state.safetensors"
LATENT, SOURCE, NEAR, NATURAL = 0.05, 0.02, 0.003, 0.01
"""How much count: the latents of drawn faces, the source, what is added to the noise's own, noise that is too large."""
WARM_UP = 100  # steps
EMA = 0.998
CHECK = 200  # steps
BETAS = (0.9, 0.99)
MEASURED = 600
"""Faces of each source whose mean layout is taken."""

ReadConditions = Callable[[Tensor, Tensor], Tensor]
"""Uint8 images (N, 3, 64, 64) and the positions of their sources (N,) -> the conditions of what they show."""


class Losses(NamedTuple):
    """What the training makes small, each a mean over the batch."""

    pixels: Tensor
    latents: Tensor
    source: Tensor
    near: Tensor

    @property
    def total(self) -> Tensor:
        return self.pixels + LATENT * self.latents + SOURCE * self.source + self.near


def losses(
    inverter: Inverter,
    G: Generator,
    images: Tensor,
    c: Tensor,
    sources: Tensor,
    z: Tensor,
    passes: int,
) -> Losses:
    """The losses of a batch.

    Args:
        inverter: In training.
        G: Its generator, frozen.
        images: Real faces (N, 3, 64, 64), in [-1, 1].
        c: The conditions of what they show (N, c_dim); the drawn faces have the same, in another order.
        sources: Their data sets, int64 (N,).
        z: The noise of the drawn faces (M, z_dim), at most N.
        passes: How often the inverter looks at a real face.
    """
    scales = Scales(*inverter.scales.tolist())
    latents, guess = inverter(images, images)
    source = F.cross_entropy(guess, sources)
    drawn = latents.draw(G, c)
    found = [pixel_loss(drawn, images).mean()]
    for _ in range(passes - 1):  # each pass learns from what the one before left
        more, _ = inverter(images, images - drawn.detach())
        latents = Latents(*(part.detach() for part in latents)).plus(more)
        drawn = latents.draw(G, c)
        found.append(pixel_loss(drawn, images).mean())
    near = (NEAR * latents.added(scales) + NATURAL * latents.excess_noise()).mean()

    turned, known_sources = c.roll(1, 0)[: len(z)], sources.roll(1, 0)[: len(z)]
    with torch.no_grad():
        layout, w = G.layout_and_style(z, turned)
        pictures = G.synthesise(layout, [w] * G.style_places)
    guessed, guess = inverter(pictures, pictures)
    own_layout, own_w = G.layout_and_style(guessed.z, turned)
    known = (
        (guessed.z - z).square().mean()
        + ((own_layout + guessed.layout - layout) / scales.layout).square().mean()
        + ((own_w[:, None] + guessed.styles - w[:, None]) / scales.style).square().mean()
    )
    source = (source + F.cross_entropy(guess, known_sources)) / 2
    return Losses(torch.stack(found).mean(), known, source, near)


def train(
    inverter: Inverter,
    G: Generator,
    faces: ImageDataset,
    heldout: ImageDataset,
    read: ReadConditions,
    *,
    steps: int,
    batch_size: int = 8,
    learning_rate: float = 1e-3,
    passes: int = 2,
    seed: int = 0,
    state: Path | None = None,
    save: Callable[[Inverter, int, float], None],
    progress: bool = True,
) -> Inverter:
    """Train an inverter; returns the average of its weights.

    Args:
        inverter: A new one.
        G: Its generator, frozen, in float32.
        faces: Real ones, with sources as the generator's.
        heldout: Others, to tell how good it is.
        read: Gives the conditions of faces.
        steps: Batches.
        batch_size: Real faces of one, beside half as many drawn ones.
        learning_rate: At its highest; it falls to 0 as a cosine.
        passes: How often it looks at a face.
        seed: Of everything random.
        state: A file to go on from where it is there, and that is written now and then.
        save: Gets the average, the steps and the median PSNR of held-out faces, now and then and at the end.
        progress: Show how far it is.

    Raises:
        BreakdownError: The loss is not finite.
    """
    average = copy.deepcopy(inverter).requires_grad_(False)
    channels_last(inverter), channels_last(G)
    optimizer = torch.optim.AdamW(_learning(inverter), lr=learning_rate, betas=BETAS, weight_decay=0.01)
    done = load_state(state, inverter, average, optimizer) if state and state.exists() else 0
    generator = torch.Generator().manual_seed(seed + done)
    order = batches(len(faces), min(batch_size, len(faces)), generator)

    def rate(step: int) -> float:
        return min((done + step + 1) / WARM_UP, 1) * (1 + math.cos(math.pi * min(1, (done + step) / steps))) / 2

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    with Progress("inverter", steps, "step", shown=progress, initial=done) as bar:
        for step in range(done + 1, steps + 1):
            rows = next(order)
            pixels, sources = faces.images[rows], faces.sources[rows]
            if torch.rand((), generator=generator) < 0.5:
                pixels = pixels.flip(3)
            z = torch.randn(-(-len(rows) // 2), G.z_dim, generator=generator)
            batch = losses(inverter, G, to_signed(pixels), read(pixels, sources), sources, z, passes)
            if not batch.total.isfinite():
                raise BreakdownError(f"the inverter's loss is {batch.total.item()} in step {step}")
            optimizer.zero_grad(set_to_none=True)
            batch.total.backward()
            torch.nn.utils.clip_grad_norm_(inverter.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            weight = 1 - min(EMA, (1 + step) / (10 + step))
            _average(average, inverter, weight)
            if step % 20 == 0:
                bar.note({name: f"{value.item():.4f}" for name, value in batch._asdict().items()})
            bar.update()
            if step % CHECK == 0 or step == steps:
                quality = evaluate(average, G, heldout, read, passes)
                print(f"{step} steps: {quality:.2f} dB of held-out faces", flush=True)
                if state:
                    save_state(state, inverter, average, optimizer, step)
                save(average, step, quality)
    return average


@torch.inference_mode()
def evaluate(inverter: Inverter, G: Generator, faces: ImageDataset, read: ReadConditions, passes: int) -> float:
    """The median PSNR of faces drawn from the inverter's latents."""
    found = []
    for rows in torch.arange(len(faces)).split(32):
        images, sources = faces.images[rows], faces.sources[rows]
        c = read(images, sources)
        found.append(psnr(to_uint8(inverter.invert(G, to_signed(images), c, passes).draw(G, c)), images))
    return torch.cat(found).median().item()


@torch.inference_mode()
def set_layouts(inverter: Inverter, G: Generator, faces: ImageDataset, read: ReadConditions, passes: int) -> None:
    """Set the mean layout of each source, from some of its faces."""
    for source in range(len(inverter.layouts)):
        rows, found = (faces.sources[:] == source).nonzero().squeeze(1)[:MEASURED], []
        for part in rows.split(32):
            images, sources = faces.images[part], faces.sources[part]
            found.append(inverter.invert(G, to_signed(images), read(images, sources), passes).layout)
        if found:
            inverter.layouts[source] = torch.cat(found).mean(0)


def _learning(inverter: Inverter) -> list[nn.Parameter]:
    return [parameter for parameter in inverter.parameters() if parameter.requires_grad]


@torch.no_grad()
def _average(average: Inverter, inverter: Inverter, weight: float) -> None:
    torch._foreach_lerp_(list(average.parameters()), list(inverter.parameters()), weight)


def _named(inverter: Inverter, average: Inverter, optimizer: torch.optim.Optimizer) -> Iterator[tuple[str, Tensor]]:
    """All tensors of a state, by name."""
    yield from ((f"weights.{name}", value) for name, value in inverter.state_dict().items())
    yield from ((f"average.{name}", value) for name, value in average.state_dict().items())
    for name, parameter in inverter.named_parameters():
        if not parameter.requires_grad:
            continue
        moments = optimizer.state[parameter]
        for moment in ("exp_avg", "exp_avg_sq", "step"):
            yield f"{moment}.{name}", moments[moment]


def save_state(path: Path, inverter: Inverter, average: Inverter, optimizer: torch.optim.Optimizer, step: int) -> None:
    tensors = {name: value.detach() for name, value in _named(inverter, average, optimizer)}
    weights.save({**tensors, "steps": torch.tensor(step)}, path)


def load_state(path: Path, inverter: Inverter, average: Inverter, optimizer: torch.optim.Optimizer) -> int:
    """Go on from a state; returns the steps done. ``InputError`` where it does not fit."""
    tensors = dict.fromkeys(("weights.layouts", "average.layouts"), inverter.layouts) | weights.load(path)
    for parameter in _learning(inverter):
        optimizer.state[parameter] = {
            "step": torch.zeros(()), "exp_avg": torch.zeros_like(parameter), "exp_avg_sq": torch.zeros_like(parameter),
        }  # fmt: skip
    try:
        for name, value in _named(inverter, average, optimizer):
            value.data.copy_(tensors[name])
    except (KeyError, RuntimeError) as error:
        raise InputError(f"{path}: is of another network ({error}); choose another --out") from error
    return int(tensors["steps"])
