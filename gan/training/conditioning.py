"""What the condition of a run is: attributes of faces, or an image's own captions through a text encoder."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from encoder import load_encoder, load_source
from encoder.common.errors import InputError
from encoder.pooled import StandardisedEncoder
from gan.data import ImageDataset
from gan.networks import caption_arguments
from gan.release import ENCODER_FOLDER
from gan.training.conditions import CaptionConditions, Conditioner
from gan.training.config import TrainingConfig
from gan.training.vectors import FEW, Standardised, raw_vectors, statistics_over

SETTLED = ("attributes", "pooled", "aligned")
SAMPLE = 512  # images whose captions are looked at
CAPTIONS_OF_GRID = 10
FIT_STEPS = 300, 1500
"""The fewest and the most steps that a text encoder is fitted by at the start of a run."""


def choose(
    config: TrainingConfig, data: ImageDataset, say: Callable[[str], None]
) -> tuple[TrainingConfig, ImageDataset]:
    """Settle ``config.conditioning``, and bring the data into the form that it asks for.

    Args:
        config: The settings as asked for; ``auto`` takes attributes where most captions speak of hair and eyes.
        data: All images.
        say: Told in one line what ``auto`` took, and why.

    Returns:
        The settings with ``attributes``, ``pooled`` or ``aligned``, and with the arguments of the generator that suit
        captions where none are given; the images, which are ``FaceDataset`` for ``attributes``.

    Raises:
        InputError: Attributes are asked for, and no caption states any.
    """
    from gan.faces.dataset import faces_of, share_of_faces

    conditioning = {"head": "attributes", "captions": "aligned"}.get(config.conditioning, config.conditioning)
    if config.encoder == "onehot":
        conditioning = "attributes"
    if conditioning == "auto":
        share = share_of_faces(data, SAMPLE)
        conditioning = "attributes" if share > 0.5 else "aligned"
        took = "attributes (hair, eyes, length)" if share > 0.5 else "captions, as they are written"
        say(f"conditioning: {took}, for {100 * share:.0f} % of the captions state hair or eyes")
    config = dataclasses.replace(config, conditioning=conditioning)
    if conditioning != "attributes":
        # A run from a release has its networks.
        generator = {} if config.init else caption_arguments(config.architecture)
        return dataclasses.replace(config, generator=generator | config.generator), data
    faces = faces_of(data)
    if len(faces) < len(data):
        say(f"{len(data) - len(faces):,} of {len(data):,} images state neither hair nor eyes and are left out")
    return config, faces


def build_conditioner(
    config: TrainingConfig, data: ImageDataset, run_dir: Path, *, prompts: Sequence[str] = (), quiet: bool = False
) -> tuple[ImageDataset, Conditioner]:
    """The conditioner of a run, and the training images in its order.

    Args:
        config: The settings, ``conditioning`` settled by ``choose``.
        data: The training images.
        run_dir: Of the run, where a text encoder that is fitted to the images is kept.
        prompts: Captions of images that are not trained on, for sample grids.
        quiet: Say nothing.

    Raises:
        InputError: ``conditioning`` is not settled, or there is nothing to tell texts apart by.
    """
    if config.conditioning not in SETTLED:
        raise InputError(f"conditioning is {config.conditioning}; settle it by choose, to one of {', '.join(SETTLED)}")
    if config.conditioning == "attributes":
        return _by_attributes(config, data, quiet)
    return data, _by_captions(config, data, run_dir, prompts, quiet)


def _by_attributes(config: TrainingConfig, data: ImageDataset, quiet: bool) -> tuple[ImageDataset, Conditioner]:
    from gan.faces.conditions import AttributeConditions
    from gan.faces.dataset import FaceDataset
    from gan.faces.hue import without_loose_captions

    assert isinstance(data, FaceDataset)
    faces, loose = without_loose_captions(data, config.hair_chroma)
    if loose and not quiet:
        print(f"hair colour left out of {loose:,} captions: the hair has less of it than hair_chroma", flush=True)
    onehot = config.encoder == "onehot"
    encoder = load_encoder("onehot" if onehot else "head", config.encoder_path or None, config.encoder == "cached")
    return faces, AttributeConditions(
        faces.attributes,
        encoder,
        wordings=1 if onehot else config.wordings,
        drop=config.drop_attributes,
        wrong_eyes=config.wrong_eyes,
        live=config.encoder == "live",
        seed=config.seed,
        progress=not quiet,
    )


def _by_captions(
    config: TrainingConfig, data: ImageDataset, run_dir: Path, prompts: Sequence[str], quiet: bool
) -> Conditioner:
    path = config.encoder_path or None
    if config.conditioning == "aligned" and path is None:
        path = str(fit_text_encoder(data, run_dir / ENCODER_FOLDER, seed=config.seed, quiet=quiet))
    captions = list(dict.fromkeys(text for own in data.captions for text in own))
    texts = load_source(config.conditioning, path, cached=config.encoder == "cached")
    fast = load_source(config.conditioning, path, exact=False)  # for many texts, whose vectors lie in a file
    vectors = raw_vectors(captions, texts if len(captions) <= FEW else fast, progress=not quiet)
    folder = Path(path) if config.conditioning == "aligned" and path else None
    encoder = StandardisedEncoder(config.conditioning, texts, statistics_over(vectors), folder)
    chosen = list(dict.fromkeys(prompts)) or captions
    order = torch.randperm(len(chosen), generator=torch.Generator().manual_seed(config.seed))
    return CaptionConditions(
        data.captions,
        encoder,
        groups=data.groups,
        near=config.near_captions,
        drop=config.drop_attributes,
        vectors=Standardised(vectors, encoder),
        live=config.encoder == "live",
        prompts=[chosen[i] for i in order[:CAPTIONS_OF_GRID].tolist()],
        seed=config.seed,
        progress=not quiet,
    )


def fit_text_encoder(data: ImageDataset, folder: Path, *, seed: int = 0, quiet: bool = False) -> Path:
    """The text encoder that is fitted to training images (``encoder.align``): made once, then found in ``folder``."""
    from encoder.align import AlignConfig, align, write_encoder

    if not (folder / "modules.json").exists():
        if not quiet:
            print(f"fitting a text encoder to the images, once: {folder}", flush=True)
        fitting = AlignConfig(seed=seed)
        steps_an_epoch = max(1, len(data) // fitting.batch_size)
        steps = min(max(fitting.epochs * steps_an_epoch, FIT_STEPS[0]), FIT_STEPS[1])
        fitting = dataclasses.replace(fitting, epochs=max(1, steps // steps_an_epoch))
        tuned, fit = align(data.images, data.captions, fitting)
        record = {"data": list(data.source_names), "images": len(data), "steps": fit.steps}
        write_encoder(tuned, folder, {**record, "config": dataclasses.asdict(fitting)})
    return folder
