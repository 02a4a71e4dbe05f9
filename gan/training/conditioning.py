"""What the condition of a run is: attributes of faces, or an image's own captions through a text encoder."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import torch

from encoder import tuned
from encoder.attributes.space import COLOUR_SPACE, VALUE_SPACE, colours_to_learn
from encoder.common.errors import InputError
from encoder.common.folders import locked
from encoder.common.records import read_json
from encoder.loading import load_encoder, load_source
from encoder.paths import ENCODER_DIR
from encoder.pooled import STATISTICS_FILE, StandardisedEncoder, load_statistics, save_statistics
from gan.data import ImageDataset
from gan.release import ENCODER_FOLDER, ReleaseConfig
from gan.training.conditions import Conditioner
from gan.training.conditions.captions import CaptionConditions, check_captions
from gan.training.config import SNAPSHOT_FOLDER, TrainingConfig
from gan.training.state import STATE_FILE
from gan.training.vectors import FEW, Standardised, raw_vectors, statistics_over

KNOWLEDGE_FILE = "faces.safetensors"
"""What a run keeps of its faces, beside what their captions say."""
SETTLED = ("attributes", "pooled", "aligned")
CAPTIONS_OF_GRID = 10
FIT_STEPS = 300, 1500
"""The fewest and the most steps that a text encoder is fitted by at the start of a run."""


def build_conditioner(
    config: TrainingConfig, data: ImageDataset, run_dir: Path, *, prompts: Sequence[str] = (), quiet: bool = False
) -> tuple[ImageDataset, Conditioner]:
    """The conditioner of a run, and the training images in its order.

    Args:
        config: The settings, ``conditioning`` settled.
        data: The training images.
        run_dir: Of the run, where a text encoder that is fitted to the images is kept.
        prompts: Captions of images that are not trained on, for sample grids.
        quiet: Say nothing.

    Raises:
        InputError: ``conditioning`` is not settled, there is nothing to tell texts apart by, or the text encoder is
            not that of the release which the run starts from.
    """
    if config.conditioning not in SETTLED:
        raise InputError(f"conditioning is {config.conditioning}; settle it to one of {', '.join(SETTLED)}")
    if config.conditioning == "attributes":
        data, conditioner = _by_attributes(config, data, run_dir, quiet)
    else:
        conditioner = _by_captions(config, data, run_dir, prompts, quiet)
    if config.init and not (run_dir / STATE_FILE).exists():  # a run that is gone on with may have lost the release
        theirs, ours = ReleaseConfig.read(Path(config.init)).conditioning, conditioner.encoder.space.name
        if theirs.space != ours and not colours_to_learn(theirs.space, ours):
            raise InputError(
                f"{config.init}: was trained with the text encoder {theirs.space}, and this run's is "
                f"{ours}; give the same --encoder and --encoder-path as for that one, "
                "or leave --init out"
            )
    return data, conditioner


def _by_attributes(
    config: TrainingConfig, data: ImageDataset, run_dir: Path, quiet: bool
) -> tuple[ImageDataset, Conditioner]:
    from encoder.attributes.reader import in_space
    from gan.faces.dataset import FaceDataset
    from gan.faces.hue import drop_inconsistent_captions
    from gan.training.conditions.faces import AttributeConditions
    from gan.training.conditions.measurements import measurements

    assert isinstance(data, FaceDataset)
    faces, loose = drop_inconsistent_captions(data, config.hair_chroma)
    if loose and not quiet:
        print(f"hair colour left out of {loose:,} captions: the hair has less of it than hair_chroma", flush=True)
    onehot = config.encoder == "onehot"
    encoder = load_encoder("onehot" if onehot else "head", config.encoder_path or None, config.encoder == "cached")
    wordings = 1 if onehot else config.wordings
    encoder = in_space(encoder, _space(config, run_dir))
    known = None
    if config.colours:
        known = measurements(
            faces,
            encoder,
            run_dir / KNOWLEDGE_FILE,
            wordings=wordings,
            seed=config.seed,
            progress=not quiet,
        )
    return faces, AttributeConditions(
        faces.attributes,
        encoder,
        wordings=wordings,
        drop=config.drop_attributes,
        wrong_eyes=config.wrong_eyes,
        live=config.encoder == "live",
        seed=config.seed,
        progress=not quiet,
        colours=known.colours if known else None,
        colour_chance=config.colours,
        rare=config.rare,
        vectors=known.vectors if known and config.encoder == "cached" else None,
    )


def _space(config: TrainingConfig, run_dir: Path) -> str:
    """The space of attributes that a run is in: with particular colours only where it shows some, or began with some.

    What is never shown would be drawn in any way.
    """
    if config.colours:
        return COLOUR_SPACE.name
    begun = [str(run_dir / SNAPSHOT_FOLDER)] if (run_dir / STATE_FILE).exists() else []
    for folder in filter(None, [*begun, config.init, config.stage1]):
        with contextlib.suppress(InputError):  # a release that cannot be read is told of where it is needed
            begun_in = ReleaseConfig.read(Path(folder)).conditioning.space
            return begun_in if begun_in == COLOUR_SPACE.name else VALUE_SPACE.name
    return VALUE_SPACE.name


def _by_captions(
    config: TrainingConfig, data: ImageDataset, run_dir: Path, prompts: Sequence[str], quiet: bool
) -> Conditioner:
    check_captions(data.captions)
    path, own = config.encoder_path or None, run_dir / ENCODER_FOLDER
    start = config.init or config.stage1
    if start and not (run_dir / STATE_FILE).exists():
        adopt(Path(start), own)
    if config.conditioning == "aligned" and path is None:
        begun = (run_dir / STATE_FILE).exists()  # its encoder stays, whatever the data have become
        path = str(own if start else fit_text_encoder(data, own, seed=config.seed, quiet=quiet, keep=begun))
    captions = list(dict.fromkeys(text for own in data.captions for text in own))
    texts = load_source(config.conditioning, path, cached=config.encoder == "cached")
    fast = load_source(config.conditioning, path, exact=False)  # for many texts, whose vectors lie in a file
    vectors = raw_vectors(captions, texts if len(captions) <= FEW else fast, progress=not quiet)
    folder = Path(path) if config.conditioning == "aligned" and path else None
    measured = statistics_over(vectors)
    if not measured.isfinite().all():
        raise InputError(f"{path or ENCODER_DIR}: gives vectors that are not finite; restore its weights")
    statistics = load_statistics(own / STATISTICS_FILE) if start else measured
    encoder = StandardisedEncoder(config.conditioning, texts, statistics, folder)
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


def adopt(release: Path, folder: Path) -> None:
    """Keep the text encoder of a release, and what its vectors are standardised by, as a run's own.

    A run from the weights of a release starts with its texts too, so that the weights go on to mean what they meant;
    in ``folder`` they stay though the release may go.

    Raises:
        InputError: The release holds none, or a file of it is broken or cannot be written.
    """
    theirs = release / ENCODER_FOLDER
    statistics = load_statistics(theirs / STATISTICS_FILE)
    if (theirs / tuned.MODULES).exists():
        tuned.copy(theirs, folder)
    save_statistics(folder / STATISTICS_FILE, statistics)


def fit_text_encoder(
    data: ImageDataset, folder: Path, *, seed: int = 0, quiet: bool = False, keep: bool = False
) -> Path:
    """The text encoder that is fitted to training images (``encoder.align``): made once, then found in ``folder``.

    Of several processes of a run one makes it, and the others wait.

    One that was fitted to other images, by a run that came to nothing, is made anew, unless it is to be kept.
    """
    from encoder.align import RECORD, AlignConfig, align, write_encoder

    made_of = {"digest": data.digest, "seed": seed}

    def is_made() -> bool:
        return (folder / tuned.INDEX).exists() and (keep or _made_of(folder / RECORD, made_of))

    if is_made():
        return folder
    if not quiet:
        print(f"fitting a text encoder to the images, once: {folder}", flush=True)
    with locked(folder, wait=True):
        if is_made():  # by another process of the run
            return folder
        fitting = AlignConfig(seed=seed)
        steps_an_epoch = max(1, len(data) // fitting.batch_size)
        steps = min(max(fitting.epochs * steps_an_epoch, FIT_STEPS[0]), FIT_STEPS[1])
        fitting = dataclasses.replace(fitting, epochs=max(1, steps // steps_an_epoch))
        made, fit = align(data.images, data.captions, fitting)
        record = {"data": list(data.source_names), "images": len(data), "steps": fit.steps}
        write_encoder(made, folder, {**record, **made_of, "config": dataclasses.asdict(fitting)})
    return folder


def _made_of(path: Path, values: dict[str, object]) -> bool:
    """Whether the record of a fitted text encoder says that it was made of this."""
    record = read_json(path) if path.is_file() else None
    return isinstance(record, dict) and values.items() <= record.items()
