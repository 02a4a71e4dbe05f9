"""What the condition of a run is: attributes of faces, or an image's own captions through a text encoder."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import torch

from encoder import tuned
from encoder.attributes.reader import in_space
from encoder.attributes.space import COLOUR_SPACE, VALUE_SPACE
from encoder.base import Encoder
from encoder.common.errors import InputError
from encoder.common.folders import locked
from encoder.common.precision import fast_dtype
from encoder.common.records import read_json
from encoder.loading import cache_name, load_encoder, load_source
from encoder.minilm import MiniLM, UnsupportedModelError
from encoder.paths import ENCODER_DIR
from encoder.pooled import STATISTICS_FILE, StandardisedEncoder, load_statistics, save_statistics, statistics_of
from gan.data import ImageDataset
from gan.faces.dataset import FaceDataset
from gan.faces.hue import drop_inconsistent_captions
from gan.release import ENCODER_FOLDER
from gan.training.conditions import Conditioner
from gan.training.conditions.captions import CaptionConditions, CaptionTable
from gan.training.conditions.faces import AttributeConditions
from gan.training.conditions.measurements import measurements
from gan.training.run import MEASUREMENTS_FILE, VECTORS_FOLDER, Run
from gan.training.vectors import TextVectors

AHEAD = 2048
"""Captions that are encoded before the first step. The others follow as training comes to them."""
CAPTIONS_OF_GRID = 10
UNKNOWN_LETTERS = 0.05
"""The share of unknown letters in captions from which a run warns."""
FIT_STEPS = 300, 1500
"""The fewest and the most steps that a text encoder is fitted by at the start of a run."""
FIT_CAPTIONS = 20_000
"""The most captions that it is fitted to: a sample where there are more."""
FIT_MINUTES = 5.0
"""The longest that this takes; ``encoder.align --minutes`` and ``--encoder-path`` are for a longer fit."""


def attribute_conditioner(run: Run, faces: FaceDataset, *, quiet: bool = False) -> tuple[FaceDataset, Conditioner]:
    """The conditioner of a run on faces, and the faces without the hair colours that they lack.

    Args:
        run: Its settings, ``conditioning`` settled, and its folder, where measured colours are kept.

    Raises:
        InputError: All texts are the same, or the text encoder cannot be read.
    """
    config = run.config
    faces, loose = drop_inconsistent_captions(faces, config.hair_chroma)
    if loose and not quiet:
        print(f"hair colour left out of {loose:,} captions: the hair has less of it than hair_chroma", flush=True)
    kind = "onehot" if config.encoder == "onehot" else "head"
    encoder = load_encoder(kind, config.encoder_path or None, config.encoder == "cached")
    encoder = in_space(encoder, _space(run))
    known = None
    if config.colours:
        known = measurements(
            faces,
            encoder,
            run.folder / MEASUREMENTS_FILE,
            wordings=config.wordings,
            seed=config.seed,
            progress=not quiet,
        )
    return faces, AttributeConditions(
        faces.attributes,
        encoder,
        config,
        colours=known.colours if known else None,
        vectors=known.vectors if known and config.encoder == "cached" else None,
        progress=not quiet,
    )


def _space(run: Run) -> str:
    """The space of attributes that a run is in: with exact colours only where it shows some, or began with some.

    A generator would draw a colour that it was never shown in any way.
    """
    with_colours = run.config.colours or run.space == COLOUR_SPACE.name
    return COLOUR_SPACE.name if with_colours else VALUE_SPACE.name


def unknown_letters(captions: Sequence[str], folder: Path) -> str:
    """A line for captions in letters that a text encoder does not know; empty where it knows nearly all.

    Args:
        captions: Texts; the first 2,000 are looked at.
        folder: Of the sentence-transformer that reads them.
    """
    try:
        share = MiniLM.load(folder).unknown_letters(captions[:2000])
    except UnsupportedModelError:  # sentence-transformers runs it, by a tokenizer of its own
        return ""
    if share < UNKNOWN_LETTERS:
        return ""
    return (
        f"warning: the text encoder does not know {share:.0%} of the letters of the captions, so it hardly tells them "
        "apart; translate them, or give a multilingual encoder: --conditioning pooled --encoder-path DIR"
    )


def caption_conditioner(
    run: Run, data: ImageDataset, *, prompts: Sequence[str] = (), quiet: bool = False
) -> Conditioner:
    """The conditioner of a run on captioned images.

    Args:
        run: Its settings, ``conditioning`` settled, and its folder, where its text encoder is kept.
        prompts: Captions of images that are not trained on, for sample grids.

    Raises:
        InputError: All texts are the same, or the text encoder cannot be read or written.
    """
    config, saved = run.config, run.state
    table = CaptionTable(data.captions, ahead=saved["ahead"] if saved else AHEAD, seed=config.seed)
    path, own = config.encoder_path or None, run.folder / ENCODER_FOLDER
    start = config.release or config.stage1
    if run.start:
        copy_encoder_of_release(Path(start), own)
    if config.conditioning == "aligned" and path is None:
        # A resumed run keeps its encoder, whatever the data have become.
        path = str(
            own if start else fit_text_encoder(data, own, seed=config.seed, quiet=quiet, keep=run.saved is not None)
        )
    reader = Path(path) if path and config.conditioning == "pooled" else ENCODER_DIR
    if not quiet and (line := unknown_letters(table.texts, reader)):
        print(line, flush=True)
    texts = load_source(config.conditioning, path, cached=config.encoder == "cached")
    vectors = _training_vectors(run, table, texts, path)
    at_start = table.at_start()
    vectors.encode(at_start, progress=not quiet)
    measured = statistics_of(vectors[at_start])
    if not measured.isfinite().all():
        raise InputError(f"{path or ENCODER_DIR}: gives vectors that are not finite; restore its weights")
    statistics = load_statistics(own / STATISTICS_FILE) if start else measured
    folder = Path(path) if config.conditioning == "aligned" and path else None
    encoder = StandardisedEncoder(config.conditioning, texts, statistics, folder)
    if run.start and config.release and encoder.space.name != run.space:  # --encoder-path names another one
        save_statistics(own / STATISTICS_FILE, measured)
        encoder = StandardisedEncoder(config.conditioning, texts, measured, folder)
    chosen = list(dict.fromkeys(prompts)) or table.texts
    order = torch.randperm(len(chosen), generator=torch.Generator().manual_seed(config.seed))
    return CaptionConditions(
        table,
        encoder,
        config,
        groups=data.groups,
        vectors=lambda numbers: encoder.standardise(vectors[numbers]),
        prompts=[chosen[i] for i in order[:CAPTIONS_OF_GRID].tolist()],
    )


def _training_vectors(run: Run, table: CaptionTable, exact: Encoder, path: str | None) -> TextVectors:
    """The vectors of captions before they are standardised, in the fastest precision of this machine.

    They are kept in the run's folder, so that they are the same on resume.
    """
    kind, queue = run.config.conditioning, table.queue() if table.ahead else None
    kept = run.folder / VECTORS_FOLDER / cache_name(kind)
    if run.config.encoder == "live" or (run.saved and not kept.exists()):  # an earlier version's: float64, none kept
        return TextVectors(table.texts, exact, queue=queue)
    source = load_source(kind, path, cached=True, dtype=fast_dtype(), own_cache=kept)
    return TextVectors(table.texts, source, queue=queue, folder=kept.parent)


def copy_encoder_of_release(release: Path, folder: Path) -> None:
    """Keep the text encoder of a release, and what its vectors are standardised by, as a run's own.

    A run from the weights of a release starts with its texts too, so that the weights go on to mean what they meant;
    in ``folder`` they stay though the release may go.

    Raises:
        InputError: The release holds none, or a file of it is broken or cannot be written.
    """
    source = release / ENCODER_FOLDER
    statistics = load_statistics(source / STATISTICS_FILE)
    if (source / tuned.MODULES).exists():
        tuned.copy(source, folder)
    save_statistics(folder / STATISTICS_FILE, statistics)


def fit_text_encoder(
    data: ImageDataset, folder: Path, *, seed: int = 0, quiet: bool = False, keep: bool = False
) -> Path:
    """The text encoder that is fitted to training images (``encoder.align``): made once, then found in ``folder``.

    Of several processes of a run one makes it, and the others wait. It is saved every minute; one that was interrupted
    goes on. One that was fitted to other images, by a run that came to nothing, is made anew, unless it is to be kept.
    """
    from encoder.align import RECORD, STATE, AlignConfig, align, write_encoder

    made_of = {"digest": data.digest, "seed": seed}

    def is_made() -> bool:
        return (folder / tuned.INDEX).exists() and (keep or _made_of(folder / RECORD, made_of))

    if is_made():
        return folder
    if not quiet:
        print(f"fitting a text encoder to the images, once, in at most {FIT_MINUTES:g} minutes: {folder}", flush=True)
    with locked(folder, wait=True):
        if is_made():  # by another process of the run
            return folder
        fitting = AlignConfig(max_minutes=FIT_MINUTES, max_captions=FIT_CAPTIONS, seed=seed)
        steps_an_epoch = max(1, len(data) // fitting.batch_size)
        steps = min(max(fitting.epochs * steps_an_epoch, FIT_STEPS[0]), FIT_STEPS[1])
        fitting = dataclasses.replace(fitting, epochs=max(1, steps // steps_an_epoch))
        made, fit = align(data.images, data.captions, fitting, state=folder / STATE)
        record = {"data": list(data.source_names), "images": len(data), "steps": fit.steps}
        write_encoder(made, folder, {**record, **made_of, "config": dataclasses.asdict(fitting)})
    return folder


def _made_of(path: Path, values: dict[str, object]) -> bool:
    """Whether the record of a fitted text encoder says that it was made of this."""
    record = read_json(path) if path.is_file() else None
    return isinstance(record, dict) and values.items() <= record.items()
