"""From texts to faces: the one way in which a released generator is loaded and drawn from."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import nn

from encoder import load_encoder
from encoder.base import TextEncoder
from encoder.common.errors import InputError
from gan.exact_conv import FastFloat64
from gan.images import to_uint8
from gan.networks import build_generator, load_weights
from gan.release import ENCODER_FOLDER, WEIGHTS_FILE, Conditioning, ReleaseConfig
from gan.sources import join_source

SEEDS = 2**32
"""Seeds that the random generator tells apart."""


def guide(c: torch.Tensor, null: torch.Tensor, scale: float) -> torch.Tensor:
    """Ask more strongly for what a text states, the guidance of diffusion models taken to the condition.

    As classifier-free guidance moves a prediction away from the one without a text (Ho & Salimans 2022, equation 6),
    this moves a condition away from the one that asks for nothing in particular: ``null + scale * (c - null)``.

    Args:
        c: Conditions, (N, dim).
        null: As ``TextEncoder.null`` gives it, (N, dim).
        scale: 1 changes nothing; above it, a face's hair and eyes have the purer colour.

    Returns:
        (N, dim).
    """
    return null + scale * (c - null)


def seeded_noise(seed: int, size: int) -> torch.Tensor:
    """Standard normal noise of a seed from 0 to 2**63 - 1, float64 (``size``,), on the CPU."""
    low, high = seed % SEEDS, seed // SEEDS
    noise = torch.randn(size, generator=torch.Generator().manual_seed(low), dtype=torch.float64)
    if high:  # the generator itself keeps 32 bits of a seed alone
        noise = (noise + torch.randn(size, generator=torch.Generator().manual_seed(high), dtype=torch.float64)) / 2**0.5
    return noise


def seed_list(seeds: int | Iterable[int]) -> list[int]:
    """Seeds in any form as a list of integers; ``ValueError`` for one that is not from 0 to 2**63 - 1."""
    if hasattr(seeds, "tolist"):  # an array or a tensor, of one number or of several
        seeds = seeds.tolist()
    return [_seed(seed) for seed in (seeds if isinstance(seeds, Iterable) else [seeds])]


def _seed(value: Any) -> int:
    try:
        seed = -1 if isinstance(value, bool) else operator.index(value)  # whole numbers of numpy and PyTorch too
    except TypeError:
        seed = -1
    if not 0 <= seed < 2**63:
        raise ValueError(f"{value!r} is not a seed; give whole numbers from 0 to 2**63 - 1")
    return seed


class TextToFace:
    """Draws faces from texts with a released generator.

    A picture depends on its text, its seed and the weights alone: noise comes from a generator of its own for each
    image, on the CPU, and in float64 (the default) the pixels agree for any batch size, number of threads and
    processor.

    Example:
        >>> faces = TextToFace.from_pretrained("pretrained/residual-r3gan")
        >>> faces.draw(["pink hair green eyes"], seeds=[0]).shape
        torch.Size([1, 3, 64, 64])
    """

    def __init__(
        self,
        G: nn.Module,
        config: ReleaseConfig,
        encoder: TextEncoder,
        *,
        name: str = "unnamed",
        dtype: torch.dtype = torch.float64,
        device: str | torch.device = "cpu",
        truncation: float = 1.0,
        guidance: float | None = None,
    ) -> None:
        self.config = config
        self.truncation = truncation
        self.guidance = config.guidance if guidance is None else guidance
        self.encoder = encoder
        self.name = name
        self.dtype = dtype
        self.device = torch.device(device)
        self.G: Any = G.to(device=self.device, dtype=dtype).eval().requires_grad_(False)

    @classmethod
    def from_pretrained(
        cls,
        model_dir: str | Path,
        *,
        encoder: TextEncoder | None = None,
        encoder_path: str | Path | None = None,
        dtype: torch.dtype = torch.float64,
        device: str | torch.device = "cpu",
        truncation: float = 1.0,
        guidance: float | None = None,
    ) -> TextToFace:
        """Load a released folder.

        Args:
            model_dir: A folder with ``config.json`` and ``generator.safetensors``.
            encoder: The text encoder; by default the one that the config names.
            encoder_path: The sentence-transformer folder of the default encoder; the bundled one where it is ``None``.
            dtype: Any floating type. Pictures are the same everywhere in float64 only; float32 is faster.
            device: ``"cpu"`` or ``"cuda"``.
            truncation: Scale of the noise: below 1 faces vary less and are more like the usual one.
            guidance: How strongly to ask for what a text states (``guide``); what the config says where it is ``None``.

        Raises:
            InputError: A missing, truncated or foreign file, or an encoder other than the generator was trained with.
        """
        model_dir = Path(model_dir)
        config = ReleaseConfig.read(model_dir)
        conditioning = config.conditioning
        if encoder is None:
            encoder = _load_encoder(conditioning, model_dir / ENCODER_FOLDER, encoder_path)
        if (encoder.dim, encoder.space) != (conditioning.dim, conditioning.space):
            raise InputError(
                f"{model_dir}: these weights were trained with the text encoder {conditioning.space} "
                f"(kind {conditioning.kind}, {conditioning.dim} numbers), not with {encoder.space} "
                f"(kind {encoder.kind}, {encoder.dim} numbers); use that encoder, or train with this one"
            )
        G = _load_generator(model_dir, config)
        name = model_dir.resolve().name
        return cls(G, config, encoder, name=name, dtype=dtype, device=device, truncation=truncation, guidance=guidance)

    def noise(self, seeds: int | Iterable[int]) -> torch.Tensor:
        """Standard normal noise ``z (N, z_dim)`` times the truncation, each row from its own seed alone, as ``draw``.

        Drawn in float64 whatever the generator's type: PyTorch's float32 normal differs with the processor's vector
        instructions.
        """
        rows = [seeded_noise(seed, self.config.z_dim) for seed in seed_list(seeds)]
        z = torch.stack(rows) if rows else torch.empty(0, self.config.z_dim, dtype=torch.float64)
        return (self.truncation * z).to(self.device, self.dtype)

    def conditions(
        self, texts: str | Sequence[str], *, style: str | None = None, progress: bool = False
    ) -> torch.Tensor:
        """The generator's conditions ``c (N, c_dim)`` of N texts.

        Args:
            texts: Any texts, or one.
            style: The source whose drawing to follow, for a generator with several; the first by default.
            progress: Whether the encoder shows a progress bar.

        Raises:
            InputError: An unknown style, or a text that cannot be encoded.
        """
        index = self.config.style_index(style)
        texts = [texts] if isinstance(texts, str) else list(texts)
        c = self.encoder.encode(texts, progress=progress) if texts else torch.empty(0, self.encoder.dim)
        c = join_source(c, torch.full((len(c),), index), self.config.sources)
        return c.to(self.device, self.dtype)

    def remarks(self, texts: Sequence[str], c: torch.Tensor) -> list[str]:
        """What the writer of N texts, whose conditions are ``c (N, c_dim)``, should know: one line each."""
        return self.encoder.remarks(texts, c[:, : self.encoder.dim])

    @torch.inference_mode()
    def draw_conditions(self, c: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """One batch of faces, uint8 (N, 3, 64, 64) on the CPU, of ``c (N, c_dim)``, guided, and ``z (N, z_dim)``."""
        z, c = (x.to(self.device, self.dtype) for x in (z, c))
        if self.guidance != 1:
            text, style = c.split([self.encoder.dim, c.shape[1] - self.encoder.dim], dim=1)
            c = torch.cat([guide(text, self.encoder.null(text), self.guidance), style], dim=1)
        with FastFloat64() if self.dtype == torch.float64 else nullcontext():
            img = self.G(z, c)
        if not img.isfinite().all():
            raise InputError(
                f"{self.name}: what it draws is not a picture, for some pixels are no numbers; "
                f"truncation is {self.truncation:g} and guidance {self.guidance:g}: take them nearer to 1"
            )
        return to_uint8(img).cpu()

    def draw_many(self, c: torch.Tensor, seeds: int | Iterable[int], *, batch_size: int = 25) -> Iterator[torch.Tensor]:
        """Draw one face of each condition ``c (N, c_dim)`` and seed, holding the pictures of one batch at a time.

        Yields:
            uint8 (at most ``batch_size``, 3, 64, 64), in the order of ``c``.
        """
        seeds = seed_list(seeds)
        if len(c) != len(seeds):
            raise ValueError(f"{len(c)} conditions and {len(seeds)} seeds")
        for i in range(0, len(c), batch_size):
            yield self.draw_conditions(c[i : i + batch_size], self.noise(seeds[i : i + batch_size]))

    def draw(
        self,
        texts: str | Sequence[str],
        seeds: int | Iterable[int],
        *,
        style: str | None = None,
        batch_size: int = 25,
    ) -> torch.Tensor:
        """Draw one face of each text.

        Args:
            texts: N texts, or one.
            seeds: N seeds, or one, as integers, an array or a tensor; from 0 to 2**63 - 1. The same text and seed give
                the same face, alone or among others.
            style: As in ``conditions``.
            batch_size: Faces drawn together.

        Returns:
            uint8 (N, 3, H, W), 64x64 for most generators.

        Raises:
            ValueError: There are not as many seeds as texts, or a seed is out of range.
            InputError: As of ``conditions``, or ``truncation`` or ``guidance`` are so large that there is no picture.
        """
        texts = [texts] if isinstance(texts, str) else list(texts)
        seeds = seed_list(seeds)
        if len(texts) != len(seeds):
            raise ValueError(f"{len(texts)} texts and {len(seeds)} seeds; give a seed for each text")
        if not texts:
            return torch.empty((0, 3, self.G.resolution, self.G.resolution), dtype=torch.uint8)
        return torch.cat(list(self.draw_many(self.conditions(texts, style=style), seeds, batch_size=batch_size)))

    def interpolate(self, c: torch.Tensor, *, seed: int = 0, steps: int = 8) -> torch.Tensor:
        """Faces on the straight line between two conditions, at one seed.

        Args:
            c: The conditions of the first and of the last face, (2, c_dim).
            seed: The seed of every face.
            steps: Number of faces, at least 2.

        Returns:
            uint8 (``steps``, 3, 64, 64).
        """
        if len(c) != 2 or steps < 2:
            raise ValueError(f"{len(c)} conditions and {steps} steps; give two conditions and at least two steps")
        a, b = c
        weight = torch.linspace(0, 1, steps, dtype=self.dtype, device=self.device)[:, None]  # (steps, 1)
        return self.draw_conditions(torch.lerp(a, b, weight), self.noise([seed]).expand(steps, -1))


def _load_encoder(conditioning: Conditioning, own: Path, path: str | Path | None) -> TextEncoder:
    """The text encoder of a release, with what it has of its own of it in the folder ``own``."""
    kind = conditioning.kind
    if not own.is_dir():
        if kind in ("pooled", "aligned"):
            raise InputError(f"{own}: the text encoder of the release is missing; restore the folder")
        encoder = load_encoder(kind, path=path)
        if kind != "head" or encoder.space == conditioning.space:
            return encoder
        from gan.faces.colours import in_space

        return in_space(encoder, conditioning.space)
    from encoder.pooled import STATISTICS_FILE, load_statistics

    return load_encoder(
        kind, path or (own if kind == "aligned" else None), statistics=load_statistics(own / STATISTICS_FILE)
    )


def _load_generator(model_dir: Path, config: ReleaseConfig) -> nn.Module:
    """The generator with its weights in float32, as released."""
    try:
        with torch.random.fork_rng(devices=[]):  # the weights drawn here are replaced below
            G = build_generator(config.architecture, z_dim=config.z_dim, c_dim=config.c_dim, **config.network)
    except (TypeError, KeyError, ValueError) as error:
        raise InputError(f"{model_dir}: the network of the config cannot be built ({error})") from error
    load_weights(G, model_dir / WEIGHTS_FILE)
    return G
