"""Finds hair and irises in faces, and measures their colours: ``python -m gan.localiser`` trains what finds them.

The localiser learns from captions alone. Each of its places reads a colour from the few pixels around it, and what it
says of a face is its places' readings, weighted by an attention (as in Ilse et al., arXiv 1802.04712): it is right
where it attends to the one part of a face that shows the colour.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from encoder.attributes.colour import WEIGHTS, oklab
from encoder.attributes.vocabulary import COLOUR_SLOTS, SLOTS
from encoder.common import weights
from encoder.common.atomic import transaction
from encoder.common.records import Count, read_record, write_json
from encoder.common.threads import parallel_map
from encoder.paths import PRETRAINED
from gan.images import channels_last, to_signed
from gan.networks import load_weights

LOCALISER_DIR = PRETRAINED / "localiser"
CONFIG_FILE = "config.json"
WEIGHTS_FILE = "localiser.safetensors"
FILES = (CONFIG_FILE, WEIGHTS_FILE, "README.md")

WIDTHS = (24, 48, 48, 48)
SIZES = tuple(len(SLOTS[slot]) for slot in COLOUR_SLOTS)

HAIR_ROWS = 28
"""Hair is measured above this row: below, what has its colour may be clothes."""
REACH = (0.12, 0.10)
"""How far from the colour attended to, in OKLab, the pixels of hair and of an iris may be."""
LEAST = (150, 6)
"""Pixels that a measurement of hair, and of one iris, needs."""
LEAST_ATTENTION = 0.15
"""The share of the attention that an iris gets, where it is one: the eye is open and in sight."""
PLAIN = 0.02
"""The chroma up to which an iris is taken for gray or black."""
SAME_HUE = 0.7
"""The cosine of the angle between two hues that are one."""
PUREST = 12
"""Pixels of an iris that say its colour."""
IRIS = (5, 4)
"""The rows and columns to each side of where an iris is attended to that may belong to it."""
APART = 9
"""Pixels by which two irises are apart, at least."""


class Colours(NamedTuple):
    """The colours of the hair and the eyes of N faces, measured.

    Attributes:
        lab: float32 (N, 2, 3), OKLab of hair and of eyes.
        sure: bool (N, 2), whether each could be measured.
        area: int64 (N, 2), pixels of that colour: of hair, and of the larger iris.
    """

    lab: Tensor
    sure: Tensor
    area: Tensor


class Localiser(nn.Module):
    """A small convolutional network at 32x32 with a view of 20 pixels: colours read at every place, and attentions."""

    def __init__(self, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        self.widths = widths
        strides = (2, 1, 1, 1)
        layers: list[nn.Module] = []
        for i, (width_in, width, stride) in enumerate(zip((3, *widths), widths, strides, strict=False)):
            last = i == len(widths) - 1
            kernel, padding, dilation = (4, 1, 1) if stride == 2 else (3, 2, 2) if last else (3, 1, 1)
            layers += [
                nn.Conv2d(width_in, width, kernel, stride, padding, dilation, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
        self.body = nn.Sequential(*layers)
        self.out = nn.Conv2d(widths[-1], len(SIZES) + sum(SIZES), 1)

    def forward(self, images: Tensor) -> tuple[list[Tensor], Tensor]:
        """Images (N, 3, 64, 64) in [-1, 1] to the probabilities of hair (N, 12) and eyes (N, 11), and two attentions.

        Returns:
            The probabilities; the attentions (N, 2, 32, 32), of which each sums to 1.
        """
        maps = self.out(self.body(images)).float()
        attention = maps[:, : len(SIZES)].flatten(2).softmax(2)  # (N, 2, 1024)
        readings = maps[:, len(SIZES) :].flatten(2).split(SIZES, dim=1)
        probabilities = [
            torch.einsum("np,nvp->nv", attention[:, i], reading.softmax(1)) for i, reading in enumerate(readings)
        ]
        return probabilities, attention.unflatten(2, maps.shape[2:])

    def measure(self, images: Tensor, batch_size: int = 64) -> Colours:
        """The colours of the hair and eyes of faces, uint8 (N, 3, 64, 64), in evaluation mode."""
        self.eval()
        parts = list(parallel_map(self._measure, images.split(batch_size)))
        return Colours(*(torch.cat(values) for values in zip(*parts, strict=True)))

    @torch.inference_mode()
    def _measure(self, images: Tensor) -> Colours:
        attention = self(to_signed(images).contiguous(memory_format=torch.channels_last))[1]
        attention = F.interpolate(attention, size=images.shape[2:], mode="bilinear", align_corners=False)
        attention /= attention.sum((2, 3), keepdim=True)
        pixels = torch.from_numpy(oklab(images.permute(0, 2, 3, 1).numpy() / 255)).float()  # (N, 64, 64, 3)
        hair, hair_area = _hair(pixels, attention[:, 0])
        eyes, eyes_area, open_ = _eyes(pixels, attention[:, 1])
        area = torch.stack([hair_area, eyes_area], 1)
        sure = torch.stack([hair_area >= LEAST[0], open_ & (eyes_area >= LEAST[1])], 1)
        return Colours(torch.stack([hair, eyes], 1), sure, area)


def distance(a: Tensor, b: Tensor) -> Tensor:
    """How far apart OKLab colours (..., 3) look, as in ``encoder.attributes.colour``: (...)."""
    return ((a - b) * torch.tensor(WEIGHTS)).norm(dim=-1)


def _median_near(pixels: Tensor, reference: Tensor, allowed: Tensor, reach: float) -> tuple[Tensor, Tensor]:
    """The median colour of the allowed pixels (N, H, W) that are near a reference (N, 3), and their number (N,)."""
    near = allowed & (distance(pixels, reference[:, None, None]) < reach)
    median = torch.where(near[..., None], pixels, torch.nan).flatten(1, 2).nanmedian(1).values
    return torch.where(median.isfinite(), median, reference), near.sum((1, 2))


def _attended(pixels: Tensor, attention: Tensor) -> Tensor:
    """The colour attended to, (N, 3), mostly that of the peak."""
    sharp = attention.square()
    return (pixels * (sharp / sharp.sum((1, 2), keepdim=True).clamp_min(1e-12))[..., None]).sum((1, 2))


def _hair(pixels: Tensor, attention: Tensor) -> tuple[Tensor, Tensor]:
    top = torch.arange(pixels.shape[1])[:, None] < HAIR_ROWS
    colour = _attended(pixels, attention)
    for _ in range(2):  # from what the attention rests on to what most of the hair is
        colour, area = _median_near(pixels, colour, top.expand(pixels.shape[:3]), REACH[0])
    return colour, area


def _iris(pixels: Tensor, attended: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
    """The colour of an iris: of its purest pixels, for at this size most are mixed with lashes, light and skin."""
    colour, area = _median_near(pixels, attended, inside, REACH[1])
    lightness, chroma = pixels[..., 0], pixels[..., 1:]  # (N, 64, 64), (N, 64, 64, 2)
    purity = chroma.norm(dim=-1)
    along = (chroma * attended[:, None, None, 1:]).sum(-1) / attended[:, None, None, 1:].norm(dim=-1)
    alike = inside & (along > SAME_HUE * purity) & (lightness < attended[:, None, None, 0] + REACH[0])
    purest = torch.where(alike, purity, -1).flatten(1).topk(PUREST, dim=1)  # (N, PUREST)
    picked = pixels.flatten(1, 2).gather(1, purest.indices[..., None].expand(-1, -1, 3))
    picked = torch.where((purest.values >= 0)[..., None], picked, torch.nan).nanmedian(1).values
    coloured = (attended[:, 1:].norm(dim=1) > PLAIN) & (alike.sum((1, 2)) >= PUREST)
    return torch.where(coloured[:, None], picked, colour), area


def _eyes(pixels: Tensor, attention: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    rows, columns = torch.meshgrid(*map(torch.arange, attention.shape[1:]), indexing="ij")
    rest, found = attention, []
    for _ in COLOUR_SLOTS:  # two eyes
        peak = rest.flatten(1).argmax(1)[:, None, None]
        below, beside = (rows - peak // attention.shape[2]).abs(), (columns - peak % attention.shape[2]).abs()
        inside = (below <= IRIS[0]) & (beside <= IRIS[1])
        share = (attention * inside).sum((1, 2))
        colour, area = _iris(pixels, _attended(pixels, attention * inside), inside)
        found.append((colour, area, share))
        rest = rest.masked_fill((below <= APART) & (beside <= APART), 0)
    (first, area, share), (second, other_area, other_share) = found
    both = (other_share >= LEAST_ATTENTION) & (other_area >= LEAST[1]) & (distance(first, second) < 2 * REACH[1])
    colour = torch.where(both[:, None], (first + second) / 2, first)
    return colour, torch.where(both, torch.maximum(area, other_area), area), share >= LEAST_ATTENTION


@dataclass(frozen=True)
class LocaliserConfig:
    """The part of ``config.json`` that is read again; other keys there are notes for people.

    Attributes:
        widths: Channels of the network's four layers.
    """

    widths: tuple[Count, Count, Count, Count]


def load_localiser(path: str | Path = LOCALISER_DIR) -> Localiser:
    """The localiser of a folder, in evaluation mode; ``InputError`` where a file is missing or damaged."""
    path = Path(path)
    model = Localiser(read_record(LocaliserConfig, path / CONFIG_FILE, notes=True).widths)
    load_weights(model, path / WEIGHTS_FILE)
    return channels_last(model.eval().requires_grad_(False))


def save_localiser(model: Localiser, path: Path, notes: dict[str, object]) -> None:
    """Write a folder that ``load_localiser`` reads: weights, and ``config.json`` with the ``notes``."""
    with transaction():
        weights.save(model.state_dict(), path / WEIGHTS_FILE)
        write_json(path / CONFIG_FILE, {"widths": list(model.widths), **notes})
