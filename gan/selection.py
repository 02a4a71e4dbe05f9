"""The best of several faces of one text: rejection sampling with the classifier and the discriminator."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

from gan.classifier import AttributeClassifier, Reading
from gan.networks import ImageTextDiscriminator


def candidate_seeds(seed: int, count: int) -> list[int]:
    """``count`` seeds for one face: ``seed`` itself, then others that follow from it."""
    digests = (hashlib.sha256(f"{seed}/{i}".encode()).digest() for i in range(1, count))
    return [seed, *(int.from_bytes(digest[:8], "little") >> 1 for digest in digests)]


def asked_probability(reading: Reading, asked: Tensor) -> Tensor:
    """The probability (N,) that faces have the colours asked for, int64 (N, 2); of an unstated colour it is 1."""
    probability = torch.ones(len(asked))
    for values, wanted in ((reading.hair_probabilities, asked[:, 0]), (reading.eyes_probabilities, asked[:, 1])):
        shares = torch.cat([torch.ones(len(values), 1), values], 1)
        probability *= shares.gather(1, wanted[:, None]).squeeze(1)
    return probability


@torch.inference_mode()
def merit(
    images: Tensor, asked: Tensor, c: Tensor, classifier: AttributeClassifier, D: ImageTextDiscriminator | None
) -> Tensor:
    """How good faces are, in nats, higher is better: ``log p(asked | image)``, and ``D(image, c)`` where there is a D.

    A discriminator's score is, up to a constant of its own, the log of how much likelier a face is among real ones.

    Args:
        images: uint8 (N, 3, 64, 64).
        asked: int64 (N, 2), hair and eyes as in ``Attributes.indices``.
        c: The conditions that the faces were drawn for, (N, c_dim).
        classifier: Reads the colours.
        D: The discriminator of the generator's release.

    Returns:
        float32 (N,).
    """
    result = asked_probability(classifier.read(images), asked).clamp_min(1e-6).log()
    if D is not None:
        result = result + D(images.float() / 127.5 - 1, c.float())
    return result


def best_of(merits: Tensor, count: int) -> Sequence[int]:
    """The rows of the best of every ``count`` candidates that follow each other: N of N * ``count``."""
    rows = merits.view(-1, count).argmax(1) + torch.arange(0, len(merits), count)
    return [int(row) for row in rows]
