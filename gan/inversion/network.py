"""The inverter: a network that sees a picture and says what its generator would draw it from.

It works in passes, as ReStyle (arXiv 2104.02699): each sees the picture and what is still missing in the drawing of the
pass before, and adds to the latents. As in e4e (arXiv 2102.02766) what it adds to the noise's own layout and styles is
kept small, so that a new condition changes the picture as it would change a drawn one.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from encoder.common import weights
from encoder.common.atomic import transaction
from encoder.common.errors import InputError
from encoder.common.records import Within, read_record, write_json
from gan.inversion.latents import Latents, Scales
from gan.networks import fit_weights
from gan.networks.residual import LEAK, DiscriminatorBlock, Generator, activate, conv, initialise, linear
from gan.release import INVERTER_CONFIG, INVERTER_WEIGHTS, WEIGHTS_FILE

WIDTHS = (32, 48, 96, 144, 144)
SIZE = 64
"""Height and width of the pictures that it sees."""


class Inverter(nn.Module):
    """Pictures (N, 3, 64, 64) to latents. Its trunk is that of the residual discriminator, whose weights it can take.

    Args:
        z_dim: As of the generator; so are ``layout_width`` and ``style_dim``.
        layout_width: Channels of the generator's start.
        style_places: Places of the generator that a style modulates.
        style_dim: Size of a style.
        sources: Data sets that the generator knows: it says which one a picture looks like.
        widths: Channels at 32x32, 16x16, 8x8 and, twice, 4x4.
        fine_width: Channels at 64x64.
        dense_width: Numbers that the noise and the styles are read from.
    """

    scales: Tensor
    layouts: Tensor

    def __init__(
        self,
        z_dim: int,
        layout_width: int,
        style_places: int,
        style_dim: int,
        sources: int,
        widths: Sequence[int] = WIDTHS,
        fine_width: int = 64,
        dense_width: int = 128,
    ) -> None:
        super().__init__()
        self.arguments = {"widths": list(widths), "fine_width": fine_width, "dense_width": dense_width}
        self.sizes = (z_dim, style_places * style_dim, sources)
        self.style_places = style_places
        self.stem = nn.Conv2d(3, widths[0], 4, stride=2, padding=1)
        initialise(self.stem)
        down = nn.Conv2d(fine_width, widths[0], 4, stride=2, padding=1, bias=False)
        initialise(down, gain=0.25)
        self.fine = nn.Sequential(conv(3, fine_width, 3), nn.LeakyReLU(LEAK), down)
        self.missing = nn.Conv2d(3, widths[0], 4, stride=2, padding=1, bias=False)
        initialise(self.missing)
        last = len(widths) - 2
        self.blocks = nn.ModuleList(
            DiscriminatorBlock(a, b, pool=i < last) for i, (a, b) in enumerate(itertools.pairwise(widths))
        )
        self.layout = nn.Conv2d(widths[-1], layout_width, 1)
        self.dense = linear(widths[-1] * 4 * 4, dense_width)
        self.out = nn.Linear(dense_width, sum(self.sizes))
        for parameters in (self.layout.named_parameters(), self.out.named_parameters()):  # first, the mean face
            for name, parameter in parameters:
                nn.init.normal_(parameter, std=0.01 if name == "weight" else 0)
        self.register_buffer("scales", torch.ones(2))  # of the layout and the style
        # The mean of what it adds to the layout of each source's faces.
        self.register_buffer("layouts", torch.zeros(sources, layout_width, 4, 4))

    @classmethod
    def of(cls, G: Generator, sources: int, **arguments: Any) -> Inverter:
        """A new one for a generator."""
        result = cls(G.z_dim, G.width, G.style_places, G.style_dim, sources, **arguments)
        result.scales.copy_(torch.tensor(Scales.of(G)))
        return result

    def take_trunk(self, tensors: Mapping[str, Tensor]) -> None:
        """Start from the weights of a discriminator, where the shapes agree; its first layers stay as they are."""
        own = self.state_dict()
        for name, tensor in tensors.items():
            if name in own and name.startswith(("stem", "fine", "blocks")) and own[name].shape == tensor.shape:
                own[name].copy_(tensor)
        for part in (self.stem, self.fine, self.blocks[0]):
            part.requires_grad_(False)

    def forward(self, images: Tensor, missing: Tensor) -> tuple[Latents, Tensor]:
        """One pass.

        Args:
            images: (N, 3, 64, 64), in [-1, 1].
            missing: ``images`` minus what the latents so far draw; in the first pass ``images`` itself.

        Returns:
            What to add to the latents; how much the picture looks like each source, as logits (N, sources).
        """
        x = self.stem(images) + self.fine(images) + self.missing(missing)
        for block in self.blocks:
            x = block(x)
        x = activate(x)
        numbers = self.out(activate(self.dense(x.flatten(1))))
        z, styles, sources = numbers.split(self.sizes, dim=1)
        layout = self.scales[0] * self.layout(x)
        styles = self.scales[1] * styles.unflatten(1, (self.style_places, -1))
        return Latents(z, layout, styles), sources

    def invert(self, G: Generator, images: Tensor, c: Tensor, passes: int = 2) -> Latents:
        """The latents of pictures (N, 3, 64, 64), in [-1, 1], whose conditions are ``c`` (N, c_dim)."""
        latents, _ = self(images, images)
        for _ in range(passes - 1):
            more, _ = self(images, images - latents.draw(G, c))
            latents = latents.plus(more)
        return latents


@dataclass(frozen=True)
class InverterConfig:
    """The part of ``inverter.json`` that is read again; other keys there are notes for people.

    Attributes:
        network: Arguments of the network.
        generator: The digest of the generator's weights that it was trained with.
        passes: How often it looks at a picture.
    """

    network: dict[str, Any]
    generator: str
    passes: Annotated[int, Within(1, 8)] = 2


def load_inverter(folder: Path, G: Generator, sources: int) -> tuple[Inverter, InverterConfig] | None:
    """The inverter of a release, in float32; ``None`` where it has none.

    Raises:
        InputError: A damaged file, or the inverter of another generator.
    """
    path = folder / INVERTER_CONFIG
    if not path.exists():
        return None
    config = read_record(InverterConfig, path, notes=True)
    if config.generator != generator_digest(folder):
        raise InputError(f"{path}: is of other weights than {folder / WEIGHTS_FILE}; train it again, or remove it")
    try:
        with torch.random.fork_rng(devices=[]):  # the weights drawn here are replaced
            inverter = Inverter.of(G, sources, **config.network)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{path}: the network cannot be built ({error}); restore the file") from error
    tensors = {name: tensor.float() for name, tensor in weights.load(folder / INVERTER_WEIGHTS).items()}
    fit_weights(inverter, {"layouts": inverter.layouts, **tensors}, folder / INVERTER_WEIGHTS)
    return inverter.eval().requires_grad_(False), config


def save_inverter(inverter: Inverter, folder: Path, generator: str, notes: Mapping[str, Any]) -> None:
    """Write what ``load_inverter`` reads: weights in float16, and ``inverter.json`` with the ``notes``."""
    with transaction():
        tensors = {name: value.half() for name, value in inverter.state_dict().items()}
        weights.save(tensors, folder / INVERTER_WEIGHTS)
        write_json(folder / INVERTER_CONFIG, {"network": inverter.arguments, "generator": generator, **notes})


def generator_digest(release: Path) -> str:
    """Tells a release's generator from every other one."""
    return weights.plain_digest(release / WEIGHTS_FILE).hex()[:32]
