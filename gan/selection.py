"""The best of several faces of one text: rejection sampling with the classifier and the discriminator."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from encoder.common.errors import InputError
from gan.faces.classifier import AttributeClassifier, load_classifier
from gan.images import enlarged, to_signed
from gan.networks import ImageTextDiscriminator, build_discriminator, load_weights
from gan.pipeline import TextToImage
from gan.release import DISCRIMINATOR_FILE


def candidate_seeds(seed: int, count: int) -> list[int]:
    """``count`` seeds for one face: ``seed`` itself, then others that follow from it."""
    digests = (hashlib.sha256(f"{seed}/{i}".encode()).digest() for i in range(1, count))
    return [seed, *(int.from_bytes(digest[:8], "little") >> 1 for digest in digests)]


class Selector:
    """Draws several candidates of a face and keeps the best one.

    How good a candidate is, in nats: ``log p(asked | image)`` by the classifier and, where the discriminator was
    released beside the generator, its score ``D(image, c)``: up to a constant, the log-odds that such a face is real.

    Args:
        pipeline: Draws the candidates.
        classifier: Reads their colours, where texts ask for those.
        D: The generator's discriminator, if there is one.
    """

    def __init__(
        self, pipeline: TextToImage, classifier: AttributeClassifier | None, D: ImageTextDiscriminator | None = None
    ) -> None:
        self.pipeline, self.classifier = pipeline, classifier
        self.D = D.eval().requires_grad_(False) if D is not None else None

    @classmethod
    def from_pretrained(cls, model_dir: Path, pipeline: TextToImage) -> Selector:
        """The selector of a released folder, with the project's classifier; ``InputError`` for a damaged file."""
        config, D = pipeline.config, None
        if (model_dir / DISCRIMINATOR_FILE).is_file():
            with torch.random.fork_rng(devices=[]):  # the weights drawn here are replaced
                D = build_discriminator(config.architecture, c_dim=config.c_dim, **config.discriminator)
            load_weights(D, model_dir / DISCRIMINATOR_FILE)
        classifier = load_classifier() if pipeline.encoder.space.class_sizes else None  # it reads the colours of faces
        if classifier is None and D is None:
            raise InputError(f"{model_dir}: has no {DISCRIMINATOR_FILE} to choose images by; leave --best-of out")
        return cls(pipeline, classifier, D)

    def asked(self, c: Tensor) -> Tensor:
        """The hair and eye colours that conditions (N, c_dim) ask for: int64 (N, 2), 0 where it is unknown."""
        labels = self.pipeline.encoder.space.labels(c[:, : self.pipeline.encoder.dim].float())
        return torch.zeros(len(c), 2, dtype=torch.int64) if labels is None else labels[:, :2]

    @torch.inference_mode()
    def merit(self, images: Tensor, asked: Tensor, c: Tensor) -> Tensor:
        """How good each of N faces is, in nats, higher is better: float32 (N,).

        Args:
            images: uint8 (N, 3, H, W).
            asked: int64 (N, 2), as from ``asked``.
            c: The conditions that they were drawn for, (N, c_dim).
        """
        merit = torch.zeros(len(images))
        if self.classifier is not None:
            merit += self.classifier.read(enlarged(images)).probability(asked).clamp_min(1e-6).log()
        if self.D is not None:
            merit = merit + self.D(to_signed(images), c.float().cpu())
        return merit

    def best_seeds(self, c: Tensor, seeds: Sequence[int], count: int) -> Iterator[int]:
        """The seed of the best of ``count`` faces of each condition, one after the other.

        Args:
            c: N conditions, (N, c_dim).
            seeds: N seeds; the first candidate of each is the face that the seed gives by itself.
            count: Candidates of each face, at least 1.
        """
        for wanted, row, seed in zip(self.asked(c), c, seeds, strict=True):
            candidates = candidate_seeds(seed, count)
            conditions = row.expand(count, -1)
            images = torch.cat(list(self.pipeline.draw_many(conditions, candidates)))
            yield candidates[int(self.merit(images, wanted.expand(count, -1), conditions).argmax())]
