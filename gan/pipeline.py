"""From texts to images: the one way in which a released generator is loaded and drawn from."""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import nn

from encoder.base import Encoder, Reading
from encoder.common.device import find_device
from encoder.common.errors import InputError
from encoder.loading import Dtype, load_encoder
from encoder.paths import ENCODER_DIR, HEAD_DIR
from encoder.text import check_text
from gan.drawing.exact_conv import fast_convolutions
from gan.drawing.settings import RANDOM_SEED, DrawSettings, random_seed
from gan.images import as_pil, to_uint8
from gan.networks import build_generator, load_weights
from gan.release import (
    ENCODER_FOLDER,
    WEIGHTS_FILE,
    Conditioning,
    ReleaseConfig,
    encoder_folder,
    find_release,
    release_license,
    release_name,
)
from gan.sources import join_source

if TYPE_CHECKING:
    from gan.drawing.output import Edited, Output
    from gan.inversion.editing import Inversion

SEEDS = 2**32
"""Seeds that the random generator tells apart."""


def guide(c: torch.Tensor, null: torch.Tensor, scale: float) -> torch.Tensor:
    """Ask more strongly for what a text states, the guidance of diffusion models taken to the condition.

    As classifier-free guidance moves a prediction away from the one without a text (Ho & Salimans 2022, equation 6),
    this moves a condition away from the one that asks for nothing in particular: ``null + scale * (c - null)``.

    Args:
        c: Conditions, (N, dim).
        null: As ``ConditionSpace.null`` gives it, (N, dim).
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


def seed_list(seeds: int | str | Iterable[Any]) -> list[int]:
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


class ReadText(NamedTuple):
    """What the text encoder makes of a text.

    Attributes:
        c: Its condition (c_dim,), with the style.
        read: What it states, by attribute, with ``None`` for what it leaves open; ``None`` for a model of other things
            than faces.
        colours: The exact colours that it asks for, each "#rrggbb", by attribute; mostly none.
        warnings: A line each.
    """

    c: torch.Tensor
    read: dict[str, str | None] | None
    colours: dict[str, str]
    warnings: list[str]


class TextToImage:
    """Draws images from texts with a released generator.

    A picture depends on its text, its seed and the weights alone: noise comes from a generator of its own for each
    image, on the CPU, and in float64 (the default) the pixels agree for any batch size, number of threads and
    processor.

    Example:
        >>> pipe = TextToImage.from_pretrained("residual-r3gan")
        >>> pipe("pink hair green eyes", seed=7, num_images=4).images[0].size
        (64, 64)
        >>> pipe.draw(["pink hair green eyes"], seeds=[0]).shape
        torch.Size([1, 3, 64, 64])
    """

    def __init__(
        self,
        G: nn.Module,
        config: ReleaseConfig,
        encoder: Encoder,
        *,
        name: str = "unnamed",
        folder: Path | None = None,
        **settings: Any,
    ) -> None:
        self.config, self.encoder = config, encoder
        self.settings = _on_a_device(DrawSettings(**settings))
        self.name, self._folder = name, folder
        self.G: Any = G.to(dtype=self.dtype).to(device=self.device).eval().requires_grad_(False)

    @classmethod
    def from_pretrained(
        cls,
        model_dir: str | Path,
        *,
        revision: str | None = None,
        encoder: Encoder | None = None,
        exact_texts: bool = True,
        **settings: Any,
    ) -> TextToImage:
        """Load a release.

        Args:
            model_dir: A folder with ``config.json`` and ``generator.safetensors``, the name of a shipped one, or a
                model of the Hugging Face Hub, ``"owner/name"``; see ``gan.release.find_release``.
            revision: Of a model of the Hub: a branch, a tag or a commit.
            encoder: The text encoder; by default the one that the config names.
            exact_texts: Whether the default encoder computes in float64, so that a text's condition is the same
                everywhere; otherwise in float32, twice as fast.
            settings: Fields of ``gan.drawing.settings.DrawSettings``: ``encoder_path``, by default the folder within
                the release or beside it, or else the bundled one; ``dtype``, of PyTorch or by name (pictures are the
                same everywhere in float64 only); ``device``; and ``style``, ``truncation``, ``guidance``,
                ``layout_seed``, ``turn``, ``tilt`` and ``batch_size``, which calls may change.

        Raises:
            InputError: A missing, truncated or foreign file, or an encoder other than the generator was trained with.
        """
        folder = find_release(model_dir, revision)
        config = ReleaseConfig.read(folder)
        conditioning = config.conditioning
        if encoder is None:
            encoder = _load_encoder(conditioning, folder, settings.get("encoder_path"), exact_texts)
        if (encoder.dim, encoder.space.name) != (conditioning.dim, conditioning.space):
            raise InputError(
                f"{folder}: these weights were trained with the text encoder {conditioning.space} "
                f"(kind {conditioning.kind}, {conditioning.dim} numbers), not with {encoder.space.name} "
                f"(kind {encoder.space.kind}, {encoder.dim} numbers); use that encoder, or train with this one"
            )
        G = _load_generator(folder, config)
        return cls(G, config, encoder, name=release_name(folder), folder=folder, **{**settings, "model": folder})

    @property
    def folder(self) -> Path:
        """Where the release lies; ``InputError`` where it was made by hand."""
        if self._folder is None:
            raise InputError("this pipeline was not made by from_pretrained, so there is no release to save")
        return self._folder

    @cached_property
    def license(self) -> str | None:
        """That the card of the release names; ``None`` where it names none."""
        return release_license(self._folder) if self._folder else None

    @property
    def made_by(self) -> dict[str, str | None]:
        """What ``--json`` says of the model."""
        return {"model": self.name, "license": self.license}

    @property
    def dtype(self) -> torch.dtype:
        """The floating type that the generator computes in."""
        dtype: torch.dtype = getattr(torch, self.settings.dtype)
        return dtype

    @property
    def device(self) -> torch.device:
        """Where the generator computes."""
        return torch.device(self.settings.device)

    @property
    def guidance(self) -> float:
        """How strongly to ask for what a text states (``guide``)."""
        return self.config.guidance if self.settings.guidance is None else self.settings.guidance

    def with_settings(self, **settings: Any) -> TextToImage:
        """The same pipeline with other settings, such as ``guidance``; those that are ``None`` stay."""
        changed = {name: value for name, value in settings.items() if value is not None}
        if not changed:
            return self
        result, ours = copy.copy(self), self.settings
        result.settings = replace(ours, **changed)
        if (result.settings.dtype, result.settings.device) != (ours.dtype, ours.device):
            raise TypeError("dtype and device are those of the whole pipeline; change them with to()")
        return result

    def __repr__(self) -> str:
        return (
            f"TextToImage({self.name!r}, architecture={self.config.architecture!r}, "
            f"encoder={self.encoder.space.kind!r}, styles={list(self.config.sources)}, "
            f"resolution={self.G.resolution}, device='{self.device}', dtype={self.dtype})"
        )

    def to(
        self, device: str | torch.device | torch.dtype | None = None, dtype: torch.dtype | str | None = None
    ) -> TextToImage:
        """Move the generator to a device, or to another floating type, or both, as ``torch.nn.Module.to``; itself.

        Texts are read on the CPU whatever the device. A narrower type rounds the weights: to undo it, load the release
        again.
        """
        if isinstance(device, torch.dtype):
            device, dtype = None, device
        changed: dict[str, Any] = {"device": device, "dtype": dtype}
        changed = {name: value for name, value in changed.items() if value is not None}
        self.settings = _on_a_device(replace(self.settings, **changed))
        self.G.to(dtype=self.dtype).to(device=self.device)
        return self

    def save_pretrained(
        self, folder: str | Path, *, license: str | None = None, scores: str | Path | None = None
    ) -> Path:
        """Write the release that was loaded to a folder that is whole: with its text encoder and a card.

        Args:
            folder: New, empty, or an earlier such folder.
            license: For the card of a model that has none yet.
            scores: The ``results.md`` of ``gan.evaluate``, likewise.

        Raises:
            InputError: A file cannot be written, or the folder holds something else.
        """
        from gan.drawing.publish import save

        folder = Path(folder)
        save(self.folder, folder, license=license, scores=scores, encoder_path=self.settings.encoder_path)
        return folder

    def push_to_hub(
        self,
        repo: str,
        *,
        message: str = "A release of text-to-face-cgan",
        private: bool = False,
        token: str | None = None,
        license: str | None = None,
        scores: str | Path | None = None,
    ) -> str:
        """Upload what ``save_pretrained`` writes to a model of the Hugging Face Hub; returns its address.

        Args:
            repo: ``"owner/name"``; made where it is missing.
            message: Of the commit.
            private: Whether a new model is shown to its owner alone.
            token: With the right to write; by default the one that ``hf auth login`` has kept.
            license: As of ``save_pretrained``; so is ``scores``.

        Raises:
            InputError: The hub cannot be reached or refuses it.
        """
        from gan.drawing.publish import push

        return push(
            self.folder,
            repo,
            message=message,
            private=private,
            token=token,
            license=license,
            scores=scores,
            encoder_path=self.settings.encoder_path,
        )

    def __call__(
        self,
        prompt: str | Sequence[str],
        *,
        seed: int | str | Iterable[int] | None = None,
        num_images: int | None = None,
        **settings: Any,
    ) -> Output:
        """Draw images of one text or of several.

        Args:
            prompt: A text, or a list of texts; empty ones for a model that was trained without texts.
            seed: A whole number from 0 to 2**63 - 1, from which the seeds of all images count up, text after text; or
                the seed of each image, as a list, an array or a tensor; or ``None``, ``"random"`` or -1: random
                seeds, which are returned.
            num_images: Of each text; 1, or as many as there are seeds for one text.
            settings: ``style``, ``guidance``, ``truncation``, ``layout_seed``, ``turn``, ``tilt`` and ``batch_size`` of
                this call, as of ``from_pretrained``; the pipeline's own where they are left out or ``None``.

        Returns:
            The images with their texts and seeds, what was read in each text, and warnings about texts.

        Raises:
            InputError: A text or a setting that cannot be drawn; the message says what was wanted.
            ValueError: Seeds or numbers that do not fit; likewise.
        """
        from gan.drawing.output import Output

        prompts = _texts_of(prompt)
        if self.encoder.space.reads_texts:
            prompts = [check_text(text, "prompt") for text in prompts]
        seeds = _seeds_for(len(prompts), seed, num_images)
        pipeline = self.with_settings(**settings)
        each = len(seeds) // len(prompts)
        read = [found for found in pipeline.read(prompts) for _ in range(each)]
        batches = pipeline.draw_many(torch.stack([found.c for found in read]), seeds)
        return Output(
            images=[as_pil(image) for batch in batches for image in batch],
            texts=[text for text in prompts for _ in range(each)],
            seeds=seeds,
            read=[found.read for found in read],
            warnings=list(dict.fromkeys(line for found in read for line in found.warnings)),
        )

    def invert(self, images: Any, *, style: str | None = None, faithful: bool = True) -> Inversion:
        """What pictures are drawn from, so that ``edit`` can change them.

        A picture that this release has drawn is found again by what its PNG says.

        Args:
            images: Files, folders of them, pictures of Pillow or uint8 pixels (H, W, 3), one or many. Of any size: the
                square in the middle is taken.
            style: The data set whose drawing they follow; by default the inverter says which.
            faithful: Improve what the inverter says by gradient descent, in seconds a picture. This is done in float32,
                so the last bits differ between machines. Without it the result is the same everywhere.

        Raises:
            InputError: A picture that cannot be read, another architecture than the residual one, or no inverter beside
                the release where ``faithful`` is off.
        """
        from gan.inversion.editing import invert
        from gan.inversion.pictures import given_pictures

        return invert(self, given_pictures(images), style=style, faithful=faithful)

    def edit(
        self,
        images: Any,
        prompt: str | Sequence[str],
        *,
        style: str | None = None,
        other_style: bool = False,
        faithful: bool = True,
        num_images: int = 1,
    ) -> Edited:
        """Change pictures by a text. What the text leaves open stays as it is in the picture.

        Args:
            images: As of ``invert``, or what it has returned.
            prompt: A text for all pictures, or one for each; an empty one gives the reconstruction.
            style: Another style to draw them in.
            other_style: Draw each in the style that it does not have.
            faithful: As of ``invert``.
            num_images: Of each picture: the edit, then variations near it.

        Returns:
            The edited pictures in order, with the pictures that were given and their reconstructions.

        Raises:
            InputError: As of ``invert``, or a text that cannot be read, or texts that are not as many as pictures.
        """
        from gan.drawing.output import Edited
        from gan.inversion.editing import Inversion, changes, edit

        inversion = images if isinstance(images, Inversion) else self.invert(images, faithful=faithful)
        prompts = _texts_of(prompt) * (len(inversion) if isinstance(prompt, str) else 1)
        if len(prompts) != len(inversion):
            raise InputError(f"{len(prompts)} texts for {len(inversion)} pictures; give one text, or one for each")
        _check_number(num_images)
        prompts = [text.strip() and check_text(text, "prompt") for text in prompts]
        texts = changes(self.with_settings(style=self.config.sources[0]), prompts)
        drawn = [
            edit(
                self,
                inversion,
                texts,
                style=style,
                other_style=other_style,
                variation=self.noise([k] * len(inversion)) if k else None,
            )
            for k in range(num_images)
        ]
        order = [(k, i) for i in range(len(inversion)) for k in range(num_images)]
        lines = [*inversion.warnings, *(line for text in texts for line in text.warnings)]
        return Edited(
            images=[as_pil(drawn[k][0][i]) for k, i in order],
            texts=[prompts[i] for _, i in order],
            seeds=[k for k, _ in order],
            read=[drawn[k][1][i] for k, i in order],
            warnings=list(dict.fromkeys(lines)),
            given=[as_pil(each.pixels) for each in inversion.given],
            reconstructions=[as_pil(image) for image in inversion.reconstructions],
            quality=inversion.quality.tolist(),
            shown=inversion.read,
        )

    def noise(self, seeds: int | Iterable[int]) -> torch.Tensor:
        """Standard normal noise ``z (N, z_dim)`` times the truncation, each row from its own seed alone, as ``draw``.

        Drawn in float64 whatever the generator's type: PyTorch's float32 normal differs with the processor's vector
        instructions.
        """
        rows = [seeded_noise(seed, self.config.z_dim) for seed in seed_list(seeds)]
        z = torch.stack(rows) if rows else torch.empty(0, self.config.z_dim, dtype=torch.float64)
        return (self.settings.truncation * z).to(dtype=self.dtype).to(device=self.device)

    def conditions(self, texts: str | Sequence[str], *, progress: bool = False, **settings: Any) -> torch.Tensor:
        """The generator's conditions ``c (N, c_dim)`` of N texts.

        Args:
            texts: Any texts, or one. An empty one asks for nothing, so that the seed decides all.
            progress: Whether the encoder shows a progress bar.
            settings: ``style``, as of the call.

        Raises:
            InputError: An unknown style, or a text that cannot be encoded, as by a model that was trained without.
        """
        index = self.config.style_index(self.with_settings(**settings).settings.style)
        texts = [texts] if isinstance(texts, str) else list(texts)
        c = torch.zeros(len(texts), self.encoder.dim, dtype=torch.float32)
        asking = [i for i, text in enumerate(texts) if text.strip()]
        if asking and not self.encoder.space.reads_texts:
            raise InputError(
                f"{self.name} was trained without texts and cannot draw {texts[asking[0]][:60]!r}; "
                "ask for nothing: --any, or an empty text"
            )
        if asking:
            c[asking] = self.encoder.encode([texts[i] for i in asking], progress=progress)
        c = join_source(c, torch.full((len(c),), index), self.config.sources)
        return c.to(dtype=self.dtype).to(device=self.device)

    def read(self, texts: Sequence[str]) -> list[ReadText]:
        """What the text encoder makes of N texts."""
        from encoder.attributes.space import exact_colours, stated_values

        c = self.conditions(texts)
        return [
            ReadText(row, stated_values(readings) or None, exact_colours(readings), self._warnings(text, readings))
            for text, row, readings in zip(texts, c, self.encoder.space.read(c[:, : self.encoder.dim]), strict=True)
        ]

    def _warnings(self, text: str, readings: Sequence[Reading]) -> list[str]:
        """What the writer of a text should know: a line each."""
        if not text.strip():
            return []
        lines = self.encoder.space.warnings_for([text], [readings])
        if self.config.palette and any(reading.exact_colour for reading in readings):
            from encoder.attributes import palette

            lines += palette.warnings_for([text], [readings], self.config.palette)
        return lines

    @torch.inference_mode()
    def draw_conditions(self, c: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """One batch of images, uint8 (N, 3, 64, 64) on the CPU, of ``c (N, c_dim)``, guided, and ``z (N, z_dim)``."""
        guidance = self.guidance
        z, c = (x.to(dtype=self.dtype).to(device=self.device) for x in (z, c))
        if guidance != 1:
            c = self._with_text(c, lambda text: guide(text, self.encoder.space.null(text), guidance))
        layout = () if (layout_z := self.layout_noise(z)) is None else (layout_z,)
        with fast_convolutions(self.dtype):
            img = self.G(z, c, *layout)
        if not img.isfinite().all():
            raise InputError(
                f"{self.name}: some pixels are not finite numbers; truncation or guidance ({guidance:g}) is too "
                "large: choose values nearer to 1"
            )
        return to_uint8(img).cpu()

    def layout_noise(self, z: torch.Tensor) -> torch.Tensor | None:
        """Noise (N, z_dim) of the layouts of images drawn from ``z (N, z_dim)``; ``None`` where it is ``z`` itself.

        Raises:
            InputError: The architecture or the release has no means for what the settings ask for.
        """
        asked = self.settings.layout_settings
        if not asked:
            return None
        if not self.G.separate_layout:
            raise InputError(f"{self.name}: draws layout and manner from one noise; leave {' and '.join(asked)} out")
        seed = self.settings.layout_seed
        return (z if seed is None else self.noise([seed]).to(z).expand_as(z)) + self.pose().to(z)

    def pose(self) -> torch.Tensor:
        """What ``turn`` and ``tilt`` add to the noise of a layout, float64 (z_dim,); see ``ReleaseConfig.pose``."""
        result = torch.zeros(self.config.z_dim, dtype=torch.float64)
        for name in ("turn", "tilt"):
            if amount := getattr(self.settings, name):
                number = self.config.pose.get(name)
                if number is None:
                    raise InputError(f"{self.name}: its config names no direction of {name} (pose); leave {name} out")
                result += (amount if number > 0 else -amount) * self.G.layout_direction(abs(number))
        return result

    def draw_many(self, c: torch.Tensor, seeds: int | Iterable[int], **settings: Any) -> Iterator[torch.Tensor]:
        """Draw one image of each condition ``c (N, c_dim)`` and seed, holding one batch at a time.

        Yields:
            uint8 (at most ``batch_size``, 3, 64, 64), in the order of ``c``.
        """
        seeds, pipeline = seed_list(seeds), self.with_settings(**settings)
        if len(c) != len(seeds):
            raise ValueError(f"{len(c)} conditions and {len(seeds)} seeds")
        size = pipeline.settings.batch_size
        for i in range(0, len(c), size):
            z = pipeline.noise(seeds[i : i + size])
            yield pipeline.draw_conditions(pipeline.settled(c[i : i + size], z), z)

    def draw(self, texts: str | Sequence[str], seeds: int | Iterable[int], **settings: Any) -> torch.Tensor:
        """Draw one image of each text.

        Args:
            texts: N texts, or one.
            seeds: N seeds, or one, as integers, an array or a tensor; from 0 to 2**63 - 1. The same text and seed give
                the same image, alone or among others.
            settings: As of the call.

        Returns:
            uint8 (N, 3, H, W), 64x64 for most generators.

        Raises:
            ValueError: There are not as many seeds as texts, or a seed is out of range.
            InputError: As of ``conditions``, or ``truncation`` or ``guidance`` are so large that there is no picture.
        """
        texts, seeds = [texts] if isinstance(texts, str) else list(texts), seed_list(seeds)
        if len(texts) != len(seeds):
            raise ValueError(f"{len(texts)} texts and {len(seeds)} seeds; give a seed for each text")
        pipeline = self.with_settings(**settings)
        nothing = torch.empty((0, 3, self.G.resolution, self.G.resolution), dtype=torch.uint8)
        return torch.cat([nothing, *(pipeline.draw_many(pipeline.conditions(texts), seeds) if texts else ())])

    def interpolate(
        self, keys: torch.Tensor | Inversion | Sequence[str], *, seed: int | Iterable[int] = 0, steps: int = 8
    ) -> torch.Tensor:
        """Images on the straight line between two keys.

        Args:
            keys: Of the first and of the last image: two texts, their conditions (2, c_dim), or two pictures as
                ``invert`` gives them.
            seed: Of every image, or of the first and the last; pictures have none.
            steps: Number of images, at least 2.

        Returns:
            uint8 (``steps``, 3, 64, 64).
        """
        keys = self._keys(keys)
        if len(keys) != 2 or steps < 2:
            raise ValueError(f"{len(keys)} conditions and {steps} steps; give two conditions and at least two steps")
        weight = torch.linspace(0, 1, steps, dtype=self.dtype, device=self.device)

        def line(ends: torch.Tensor) -> torch.Tensor:
            return torch.lerp(ends[:1], ends[1:], weight.view(-1, *[1] * (ends.ndim - 1)))

        return self._draw_way(keys, seed, line)

    def film(
        self,
        keys: torch.Tensor | Inversion | Sequence[str],
        *,
        seed: int | Iterable[int] = 0,
        steps: int = 12,
        loop: bool = False,
    ) -> torch.Tensor:
        """Frames on the way from key to key, slow at the keys.

        Args:
            keys: Two texts or more, their conditions (N, c_dim), or pictures as ``invert`` gives them.
            seed: Of every frame, or of each key; pictures have none.
            steps: Frames from each key to the next, as of ``gan.drawing.film.eased``.
            loop: Whether the way goes on from the last key to the first.

        Returns:
            uint8 (N * ``steps``, 3, 64, 64) with ``loop``, else ((N - 1) * ``steps`` + 1, 3, 64, 64).
        """
        from gan.drawing.film import eased

        keys = self._keys(keys)
        if len(keys) < 2 or steps < 1:
            raise ValueError(f"{len(keys)} conditions and {steps} steps; give two conditions or more, and a step")
        return self._draw_way(keys, seed, lambda values: eased(values, steps, loop=loop))

    def _keys(self, keys: torch.Tensor | Inversion | Sequence[str]) -> torch.Tensor | Inversion:
        """Keys with the conditions of texts in their place."""
        if not isinstance(keys, Sequence):
            return keys
        return self.conditions([check_text(text, "keys") for text in _texts_of(keys)])

    def _draw_way(
        self,
        keys: torch.Tensor | Inversion,
        seed: int | Iterable[int],
        way: Callable[[torch.Tensor], torch.Tensor],
    ) -> torch.Tensor:
        """The images of a way: ``way`` takes the keys' numbers (K, ...) to those of the images."""
        if not isinstance(keys, torch.Tensor):
            from gan.inversion.editing import draw

            return draw(self, type(keys.latents)(*map(way, keys.latents)), way(keys.c))
        z, size = self.noise(seed).expand(len(keys), -1), self.settings.batch_size
        batches = zip(way(self.settled(keys, z)).split(size), way(z).split(size), strict=True)
        return torch.cat([self.draw_conditions(c, noise) for c, noise in batches])

    def settled(self, c: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """``c (N, c_dim)`` of texts, as it is drawn with ``z (N, z_dim)``: see ``ConditionSpace.resolve_negations``."""
        return self._with_text(c.to(z), lambda text: self.encoder.space.resolve_negations(text, z))

    def _with_text(self, c: torch.Tensor, change: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        """``c (N, c_dim)`` with its text's part (N, ``encoder.dim``) changed, and the style that follows kept."""
        text, style = c.tensor_split([self.encoder.dim], dim=1)
        return torch.cat([change(text), style], dim=1)


TextToFace = TextToImage
"""The former name."""


def _texts_of(prompt: Any) -> list[str]:
    """One text or several as a list."""
    prompts = [prompt] if isinstance(prompt, str) else prompt
    if not isinstance(prompts, Sequence) or not prompts or not all(isinstance(text, str) for text in prompts):
        raise InputError(f"prompt is {prompt!r:.60}; give a text, or a list of one text or more")
    return list(prompts)


def _check_number(num_images: Any) -> None:
    if isinstance(num_images, bool) or not hasattr(num_images, "__index__") or num_images < 1:
        raise ValueError(f"num_images is {num_images!r}; give a whole number of at least 1")


def _seeds_for(texts: int, seed: int | str | Iterable[int] | None, num_images: int | None) -> list[int]:
    """The seeds of all images of so many texts, text after text; see the call."""
    is_several = getattr(seed, "ndim", 0) > 0 or (isinstance(seed, Iterable) and not hasattr(seed, "ndim"))
    is_random = seed is None or (seed == "random" if isinstance(seed, str) else not is_several and seed == RANDOM_SEED)
    seeds = [] if seed is None or is_random else seed_list(seed)
    if num_images is None:
        num_images = len(seeds) if seeds and texts == 1 else 1
    _check_number(num_images)
    count = texts * num_images
    if is_random:
        return [random_seed() for _ in range(count)]
    if not is_several:
        return [(seeds[0] + i) % 2**63 for i in range(count)]
    if len(seeds) != count:
        raise ValueError(
            f"{len(seeds)} seeds for {texts} text{'s' if texts > 1 else ''} and {num_images} "
            f"image{'s' if num_images > 1 else ''} of each; give {count} seeds, or one to count from"
        )
    return seeds


def _on_a_device(settings: DrawSettings) -> DrawSettings:
    """The settings with a device that is here; ``InputError`` where theirs is not."""
    return replace(settings, device=str(find_device(settings.device, float64=settings.is_exact)))


def _load_encoder(conditioning: Conditioning, release: Path, path: str | Path | None, exact: bool) -> Encoder:
    """The text encoder of a release."""
    kind, own = conditioning.kind, release / ENCODER_FOLDER
    dtype: Dtype = "float64" if exact else "float32"
    if kind in ("pooled", "aligned") and not own.is_dir():
        raise InputError(f"{own}: the text encoder of the release is missing; restore the folder")
    found = encoder_folder(release, kind)
    if path is None and found not in (ENCODER_DIR, HEAD_DIR):  # which are meant by none
        path = found
    if kind in ("pooled", "aligned"):
        from encoder.pooled import STATISTICS_FILE, load_statistics

        return load_encoder(kind, path, statistics=load_statistics(own / STATISTICS_FILE), dtype=dtype)
    encoder = load_encoder(kind, path=path, dtype=dtype)
    if kind != "head" or encoder.space.name == conditioning.space:
        return encoder
    from encoder.attributes.reader import in_space

    return in_space(encoder, conditioning.space)


def _load_generator(model_dir: Path, config: ReleaseConfig) -> nn.Module:
    """The generator with its weights in float32, as released."""
    try:
        with torch.random.fork_rng(devices=[]):  # the weights drawn here are replaced below
            G = build_generator(config.architecture, z_dim=config.z_dim, c_dim=config.c_dim, **config.network)
    except (TypeError, KeyError, ValueError) as error:
        raise InputError(f"{model_dir}: the network of the config cannot be built ({error})") from error
    load_weights(G, model_dir / WEIGHTS_FILE)
    return G
