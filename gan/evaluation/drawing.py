"""What a released generator draws for an evaluation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from encoder.common.progress import Progress
from encoder.common.threads import parallel_cat
from gan.images import channels_last, enlarged
from gan.networks import build_generator
from gan.pipeline import TextToImage


def draw(
    pipeline: TextToImage, texts: Sequence[str], seed: int, style: str | Sequence[str | None] | None, what: str
) -> Tensor:
    """One image of each text, uint8 (N, 3, 64, 64), the i-th with the seed ``seed + i``; and how far it is.

    Args:
        pipeline: Draws.
        texts: N texts.
        seed: Of the first image.
        style: The source whose drawing to follow, of all or of each; ``None`` is the model's default.
        what: What is drawn, to be shown.
    """
    texts = as_asked(pipeline, texts)
    styles = [style] * len(texts) if style is None or isinstance(style, str) else list(style)
    c, z = _conditions(pipeline, texts, styles), pipeline.noise(range(seed, seed + len(texts)))
    bar = Progress(what, len(texts), "image")
    return enlarged(parallel_cat(pipeline.draw_conditions, c.split(32), z.split(32), bar=bar))


def as_asked(pipeline: TextToImage, texts: Sequence[str]) -> list[str]:
    """What a generator is asked for where images of N texts are wanted: nothing of one that was trained without."""
    return list(texts) if pipeline.encoder.space.reads_texts else [""] * len(texts)


def _conditions(pipeline: TextToImage, texts: Sequence[str], styles: Sequence[str | None]) -> Tensor:
    """The conditions (N, c_dim) of texts, each in a style of its own."""
    parts, rows = [], []
    for style in dict.fromkeys(styles):
        own = [i for i, other in enumerate(styles) if other == style]
        parts.append(pipeline.conditions([texts[i] for i in own], style=style, progress=True))
        rows += own
    return torch.cat(parts)[torch.tensor(rows).argsort()]


def untrained(pipeline: TextToImage, seed: int) -> TextToImage:
    """The same generator with new weights."""
    config = pipeline.config
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        G = build_generator(config.architecture, z_dim=config.z_dim, c_dim=config.c_dim, **config.network)
    return TextToImage(channels_last(G), config, pipeline.encoder, dtype=pipeline.dtype, guidance=pipeline.guidance)
