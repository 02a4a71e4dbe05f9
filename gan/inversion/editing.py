"""Pictures edited by a text: what it asks for changes, and what it leaves open stays as it is in the picture."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from encoder.attributes.colour import to_hex
from encoder.attributes.space import COLOUR_DIM, DIM, colour_at, values_at
from encoder.attributes.vocabulary import COLOUR_SLOTS, SLOTS, Attributes
from encoder.attributes.wording import without_kept
from encoder.base import Reading
from encoder.common.errors import InputError
from gan.drawing.exact_conv import fast_convolutions
from gan.images import psnr, to_signed, to_uint8
from gan.inversion.latents import Latents, check_generator
from gan.inversion.network import Inverter, load_inverter
from gan.inversion.optimise import refine
from gan.inversion.pictures import Given
from gan.inversion.reading import judges, read_faces
from gan.networks.residual import Generator
from gan.sources import join_source

if TYPE_CHECKING:
    from gan.pipeline import ReadText, TextToImage

ROUGH = 14.0
"""A reconstruction of fewer dB shows another picture than the given one; of real faces, one in a hundred has fewer."""
FLAT = 4.0
"""A picture shows nothing whose levels deviate less from their mean, of 255."""


class Trial(NamedTuple):
    """How an edit is drawn where a plainer one does not show what is wanted.

    Attributes:
        kept: How much stays of what the picture's styles have beside those of its noise.
        purity: How far the styles go on, away from those of no condition.
        seed: Of noise that half of the style's noise is replaced by; ``None`` leaves it.
    """

    kept: float = 1.0
    purity: float = 0.0
    seed: int | None = None


TRIALS = (
    *(Trial(0.5), Trial(1, 0.6), Trial(0), Trial(0.5, 0.6), Trial(0, 0.6)),
    *(Trial(0, seed=seed) for seed in range(3)),
)
"""From little to much of the face that is lost; the first that shows what is wanted is taken, else the likeliest."""
SURE, UNLIKELY = 0.5, 0.2
"""Probabilities of what is wanted: above the first, an edit shows it; up to the second, no better than others."""
HELD, CHANGED = 0.1, 0.4
"""Of the change of the hair (or the irises): a pixel that changes less is held, one that changes more is edited."""
FAINT = 18.0**2
"""Of the levels of a pixel, squared: a hair that changes less than this hardly changes."""
STYLE_SHIFT = 1.5
"""How far a change of the style moves the layout, in the difference between the mean layouts of both styles."""
VARIATION = 0.5
"""The size of the noise that further pictures of one edit differ by."""
BATCH = 16


@dataclass(frozen=True)
class Inversion:
    """What N given pictures are drawn from.

    Attributes:
        given: The pictures.
        latents: As of ``Latents``.
        c: Their conditions, (N, c_dim).
        reconstructions: uint8 (N, 3, 64, 64), what is drawn from both.
        quality: How near the reconstructions are, in dB (PSNR), (N,).
        faithful: Whether gradient descent has found them; an edit then holds what the text leaves open.
        read: What each shows, by attribute, with exact colours as "#rrggbb" under "hair colour" and "eyes colour", and
            the text and seed of one that the model has drawn; ``None`` for a model of other things than faces.
        warnings: A line each.
    """

    given: list[Given]
    latents: Latents
    c: Tensor
    reconstructions: Tensor
    quality: Tensor
    faithful: bool
    read: list[dict[str, Any] | None]
    warnings: list[str]

    def __len__(self) -> int:
        return len(self.given)


@lru_cache(maxsize=2)
def _inverter(G: Generator, folder: Path, sources: int) -> tuple[Inverter, int] | None:
    """The inverter of a release and its passes, in the type of the generator."""
    found = load_inverter(folder, G, sources)
    return found and (found[0].to(next(G.parameters())), found[1].passes)


def invert(
    pipeline: TextToImage, given: Sequence[Given], *, style: str | None = None, faithful: bool = True
) -> Inversion:
    """What pictures are drawn from; see ``TextToImage.invert``."""
    G = check_generator(pipeline.G, pipeline.name)
    parts = [_invert(pipeline, G, given[i : i + BATCH], style, faithful) for i in range(0, len(given), BATCH)]
    latents, c, read = Latents.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts]), []
    for part in parts:
        read += part[2]
    reconstructions = draw(pipeline, latents, c)
    images = torch.stack([each.pixels for each in given])
    quality = psnr(reconstructions, images)
    warnings = [line for each in given for line in each.warnings]
    for each, own in zip(given, quality.tolist(), strict=True):
        if each.pixels.float().std((1, 2)).max() < FLAT:
            warnings.append(
                f"{each.name}: is of one colour and shows no face; the model draws it only roughly ({own:.1f} dB)"
            )
        elif own < ROUGH:
            warnings.append(
                f"{each.name}: the model draws this picture only roughly ({own:.1f} dB, where faces have about 18 to "
                "24); a face that fills the picture is drawn best"
            )
    return Inversion(list(given), latents, c, reconstructions, quality, faithful, read, warnings)


def _invert(
    pipeline: TextToImage, G: Generator, given: Sequence[Given], style: str | None, faithful: bool
) -> tuple[Latents, Tensor, list[dict[str, Any] | None]]:
    images = torch.stack([each.pixels for each in given])
    text, read = _shown(pipeline, images)
    names, weight = pipeline.config.sources, next(G.parameters())
    found = _inverter(G, pipeline.folder, len(names))
    if found is None and not faithful:
        raise InputError(f"{pipeline.name}: has no inverter; leave faithful on, or train one (python -m gan.inverter)")
    x = (images.double() / 127.5 - 1).to(weight)
    origins = [_origin(pipeline, each) for each in given]
    sources = torch.full((len(given),), pipeline.config.style_index(style))
    with torch.inference_mode(), fast_convolutions(weight.dtype):
        if found is not None and style is None:
            sources = found[0](x, x)[1].argmax(1).cpu()
        for i, origin in enumerate(origins):
            if origin is not None:
                sources[i] = pipeline.config.style_index(origin.pipeline.settings.style)
        c = join_source(text, sources, names).to(weight)
        start = None if found is None else found[0].invert(G, x, c, found[1])
    c, latents = join_source(text, sources, names).to(weight), start
    unknown = torch.tensor([origin is None for origin in origins])
    if faithful and unknown.any():
        begin = None if start is None else Latents(*(part[unknown].float().cpu().clone() for part in start))
        better = refine(_single(G), to_signed(images[unknown]), c[unknown].float().cpu(), begin)
        latents = Latents(*(part.clone() for part in start or Latents.of_noise(G, c.new_zeros(len(c), G.z_dim))))
        for part, own in zip(latents, better, strict=True):
            part[unknown] = own.to(part)
    rows = []
    for i, origin in enumerate(origins):
        if origin is not None:
            rows.append(origin.latents(G, c[i : i + 1]))
            read[i] = {**(read[i] or {}), "text": origin.text, "seed": origin.seed}
        else:
            assert latents is not None
            rows.append(latents.rows(slice(i, i + 1)))
    return Latents.cat(rows), c, read


@lru_cache(maxsize=2)
def _single(G: Generator) -> Generator:
    """A generator in float32 on the CPU."""
    return copy.deepcopy(G).float().cpu().to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _shown(pipeline: TextToImage, images: Tensor) -> tuple[Tensor, list[dict[str, Any] | None]]:
    """The text's part of the conditions of what pictures show, and the same for people."""
    if not pipeline.encoder.space.class_sizes:
        return torch.zeros(len(images), pipeline.encoder.dim), [None] * len(images)
    shown = read_faces(images)
    return shown.conditions(pipeline.encoder), shown.read()


@dataclass(frozen=True)
class _Origin:
    """How this release has drawn a picture that is given."""

    pipeline: TextToImage
    text: str
    seed: int

    @torch.inference_mode()
    def latents(self, G: Generator, c: Tensor) -> Latents:
        """Its latents under the condition of what it shows (1, c_dim): an edit keeps what its text left open."""
        own = self.pipeline
        z = own.noise([self.seed])
        with fast_convolutions(z.dtype):
            layout, w = G.layout_and_style(z, own.settled(own.conditions([self.text]), z), own.layout_noise(z))
            plain_layout, plain_w = G.layout_and_style(z, c)
        return Latents(z, layout - plain_layout, (w - plain_w)[:, None].expand(-1, G.style_places, -1))


def _origin(pipeline: TextToImage, given: Given) -> _Origin | None:
    """How this release has drawn a picture, as its file says and drawing it again proves; ``None`` where it has not."""
    told, texts = given.drawn, given.texts
    if told is None or texts.get("Model") != pipeline.name or "Guidance" in texts:
        return None
    try:
        own = pipeline.with_settings(
            style=texts.get("Style", pipeline.config.sources[0]),
            truncation=float(texts.get("Truncation", 1)),
            layout_seed=int(texts["Layout seed"]) if "Layout seed" in texts else None,
            turn=float(texts.get("Turn", 0)),
            tilt=float(texts.get("Tilt", 0)),
        )
        if torch.equal(own.draw([told["text"]], [told["seed"]])[0], given.pixels):
            return _Origin(own, told["text"], told["seed"])
    except ValueError:  # a text or a number that is none: the file was changed
        pass
    return None


@torch.inference_mode()
def draw(pipeline: TextToImage, latents: Latents, c: Tensor) -> Tensor:
    """The pictures of latents under conditions (N, c_dim): uint8 (N, 3, 64, 64)."""
    parts = []
    with fast_convolutions(pipeline.dtype):
        for i in range(0, len(c), BATCH):
            parts.append(to_uint8(latents.rows(slice(i, i + BATCH)).draw(pipeline.G, c[i : i + BATCH])).cpu())
    return torch.cat(parts)


def changes(pipeline: TextToImage, prompts: Sequence[str]) -> list[ReadText]:
    """The texts of edits as read, without what they ask to keep; an empty one changes nothing."""
    is_face = bool(pipeline.encoder.space.class_sizes)
    asked = [without_kept(prompt) if is_face else prompt for prompt in prompts]
    result = []
    for prompt, text in zip(asked, pipeline.read(asked), strict=True):
        if prompt and text.read and not any(text.read.values()) and (text.c >= 0).all():
            line = f"nothing recognised in {prompt[:60]!r}: hair and eyes stay as they are in the picture"
            text = text._replace(warnings=[line])
        result.append(text)
    return result


@torch.inference_mode()
def edit(
    pipeline: TextToImage,
    inversion: Inversion,
    texts: Sequence[ReadText],
    *,
    style: str | None = None,
    other_style: bool = False,
    variation: Tensor | None = None,
) -> tuple[Tensor, list[dict[str, Any] | None]]:
    """Pictures changed by a text each.

    Args:
        pipeline: Draws them, with the head turned and tilted as its settings say.
        inversion: Of N pictures.
        texts: N texts, as read; an empty one changes nothing.
        style: The drawing style to change them to; by default their own.
        other_style: Change each to the style that follows its own.
        variation: Noise (N, z_dim) that the style differs by.

    Returns:
        uint8 (N, 3, 64, 64), and what is drawn, by attribute.
    """
    G, latents, c = pipeline.G, inversion.latents, inversion.c
    dim = pipeline.encoder.dim
    wanted = torch.stack([_merged(pipeline, text, own[:dim]) for text, own in zip(texts, c, strict=True)]).to(c)
    new = torch.cat([pipeline.settled(wanted, latents.z), c[:, dim:]], dim=1)
    if other_style:
        new[:, dim:] = c[:, dim:].roll(1, 1)
    elif style is not None and len(pipeline.config.sources) > 1:
        new[:, dim:] = 0
        new[:, dim + pipeline.config.style_index(style)] = 1
    found = _inverter(G, pipeline.folder, len(pipeline.config.sources))
    if found and new.shape[1] > dim:
        shift = STYLE_SHIFT * ((new - c)[:, dim:] @ found[0].layouts.flatten(1))
        latents = latents._replace(layout=latents.layout + shift.view_as(latents.layout))
    with fast_convolutions(c.dtype):
        new_w = G.layout_and_style(latents.z, new)[1]
        pose = pipeline.pose().to(c)
        if pose.any():
            layout, turned = (G.layout_and_style(latents.z, new, z)[0] for z in (latents.z, latents.z + pose))
            latents = latents._replace(layout=latents.layout + turned - layout)
        null = torch.cat([pipeline.encoder.space.null(new[:, :dim]), new[:, dim:]], dim=1)
        null_w = G.layout_and_style(latents.z, null)[1]
        varied = torch.zeros_like(new_w)
        if variation is not None:
            varied = G.layout_and_style(latents.z + VARIATION * variation.to(latents.z), new)[1] - new_w

    hold = None
    if inversion.faithful and variation is None and not pose.any():
        hold = Hold.of(pipeline, inversion.reconstructions, c, new)

    def drawn(trial: Trial, rows: Tensor, *, held: bool) -> Tensor:
        further = varied + trial.purity * (new_w - null_w)
        if trial.seed is not None:
            noise = (latents.z + pipeline.noise([trial.seed])) / 2**0.5
            further = further + G.layout_and_style(noise, new)[1] - new_w
        styles = trial.kept * latents.styles + further[:, None]
        pictures = draw(pipeline, latents._replace(styles=styles).rows(rows), new[rows])
        return hold.applied(pictures, rows) if hold and held else pictures

    images = drawn(Trial(), torch.arange(len(c)), held=True)
    changed = (new != c).any(1).cpu()
    if pipeline.encoder.space.class_sizes and changed.any():
        asked = _asked(pipeline, new[:, :dim])
        best = probability(images, asked)
        trials = [(trial, True) for trial in TRIALS]
        if hold:
            trials += [(trial, False) for trial in (Trial(), *TRIALS)]
        for trial, held in trials:
            rows = (changed & (best <= SURE)).nonzero().squeeze(1)
            if not len(rows):
                break
            pictures = drawn(trial, rows, held=held)
            likely = probability(pictures, asked[rows])
            better = likely > best[rows].clamp_min(UNLIKELY)
            images[rows[better]], best[rows[better]] = pictures[better], likely[better]
    readings = pipeline.encoder.space.read(new[:, :dim].float())
    return images, [_values(row) for row in readings]


class Hold(NamedTuple):
    """What N edits hold of their reconstructions: all but what changes as the hair (or the irises) asked for do.

    Attributes:
        reconstructions: uint8 (N, 3, 64, 64).
        parts: Where the hair and the irises are, (N, 2, 64, 64); each sums to 1.
        asked: bool (N, 2), whether each gets another colour.
        possible: bool (N,), whether nothing else changes.
    """

    reconstructions: Tensor
    parts: Tensor
    asked: Tensor
    possible: Tensor

    @classmethod
    def of(cls, pipeline: TextToImage, reconstructions: Tensor, c: Tensor, new: Tensor) -> Hold | None:
        """From the conditions of the pictures and of the edits, (N, c_dim); ``None`` where none can hold any."""
        space, dim = pipeline.encoder.space, pipeline.encoder.dim
        if not space.class_sizes:
            return None
        before, after = (space.read(each[:, :dim].float()) for each in (c, new))
        differs = torch.tensor(
            [[a != b for a, b in zip(*rows, strict=True)] for rows in zip(before, after, strict=True)]
        )
        colours = torch.tensor([each.slot in COLOUR_SLOTS for each in before[0]])
        same_style = (c[:, dim:] == new[:, dim:]).all(1).cpu()
        possible = same_style & ~differs[:, ~colours].any(1) & differs.any(1)
        if not possible.any():
            return None
        with torch.inference_mode():
            parts = judges()[1](to_signed(reconstructions))[1].square()
        parts = F.interpolate(parts, size=reconstructions.shape[2:], mode="bilinear", align_corners=False)
        parts = parts / parts.sum((2, 3), keepdim=True)
        return cls(reconstructions, parts, differs[:, colours], possible)

    def applied(self, pictures: Tensor, rows: Tensor) -> Tensor:
        """Pictures of some rows, with what they hold: uint8 (M, 3, 64, 64)."""
        before = self.reconstructions[rows].float()
        change = pictures.float() - before
        edited = (~self.possible[rows]).float().view(-1, 1, 1, 1).expand(-1, 1, *pictures.shape[2:])
        for i in range(len(COLOUR_SLOTS)):
            part = (change * self.parts[rows, i : i + 1]).sum((2, 3), keepdim=True)  # how the hair changes
            along = (change * part).sum(1, keepdim=True) / (part.square().sum(1, keepdim=True) + FAINT)
            own = ((F.avg_pool2d(along, 3, 1, 1) - HELD) / (CHANGED - HELD)).clamp(0, 1)
            edited = torch.where(self.asked[rows, i].view(-1, 1, 1, 1), torch.maximum(edited, own), edited)
        return (before + edited * change).round().to(torch.uint8)


def probability(pictures: Tensor, asked: Tensor) -> Tensor:
    """How probably faces show hair and eyes as asked, int64 (N, 2) with 0 for any."""
    return judges()[0].read(pictures).probability(asked)


def _asked(pipeline: TextToImage, c: Tensor) -> Tensor:
    """The hair and eyes that edited faces are to show: of the condition, 0 where it names none."""
    labels = pipeline.encoder.space.labels(c.float())
    assert labels is not None
    return labels[:, : len(COLOUR_SLOTS)]


def _values(readings: Sequence[Reading]) -> dict[str, str | None] | None:
    if not readings:
        return None
    result = {reading.slot: reading.value for reading in readings}
    exact = {
        f"{reading.slot} colour": to_hex(torch.tensor(reading.exact_colour).numpy())
        for reading in readings
        if reading.exact_colour
    }
    return {**result, **exact}


def _merged(pipeline: TextToImage, text: ReadText, c: Tensor) -> Tensor:
    """The text's part of a condition (dim,) with what a text states in the place of what it was, ``c`` (dim,)."""
    own = text.c[: len(c)].to(c)
    if not own.any():
        return c
    space = pipeline.encoder.space
    if not space.class_sizes:
        return own
    (readings,), (before,) = space.read(own[None].float()), space.read(c[None].float())
    stated = [
        bool(new.value or new.exact_colour or old.value in new.denied)
        for new, old in zip(readings, before, strict=True)
    ]
    if len(c) not in (DIM, COLOUR_DIM):  # one number for each pair of colours
        values = {
            new.slot: new.value if is_stated else old.value
            for new, old, is_stated in zip(readings, before, stated, strict=True)
        }
        return pipeline.encoder.encode([Attributes(**values).caption])[0].to(c)
    result = c.clone()
    for i, (slot, is_stated) in enumerate(zip(SLOTS, stated, strict=True)):
        if is_stated:
            result[values_at(i)] = own[values_at(i)]
            if slot in COLOUR_SLOTS and len(c) == COLOUR_DIM:
                result[colour_at(i)] = own[colour_at(i)]
    return result
