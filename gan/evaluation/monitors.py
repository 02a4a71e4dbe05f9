"""Quick scores for a generator in training."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from encoder.common.errors import InputError
from gan.data.dataset import ImageDataset
from gan.evaluation.captions import MATCHER, Asked, CaptionEvaluator, CaptionJudge
from gan.evaluation.drawing import draw
from gan.evaluation.features import other_spaces
from gan.evaluation.matcher import CaptionPool, Matcher, matcher_for
from gan.evaluation.metrics import frechet_distance, principal_directions
from gan.evaluation.registry import Scores
from gan.evaluation.sets import DIRECTIONS, see
from gan.images import enlarged
from gan.pipeline import TextToImage

FEWEST = 8
"""Held-out images that a score needs at least."""


class CaptionMonitor:
    """A quick score for a generator of captioned images, a ``Monitor``.

    Args:
        heldout: Real images that the generator is not trained on.
        matcher: Trained on the training images.
        count: Images to draw; at most as many as are held out.
        seed: Of the choice of held-out images and of other captions.

    Attributes:
        captions: What to ask for: a caption of each of n held-out images.
        sources: int64 (n,), the sources of those images.
    """

    def __init__(self, heldout: ImageDataset, matcher: Matcher, count: int = 1024, seed: int = 0) -> None:
        if len(heldout) < FEWEST:
            raise InputError(f"{len(heldout)} held-out images are too few to score a generator with; give {FEWEST}")
        self.matcher, self.seed = matcher, seed
        self.pool = CaptionPool(heldout.captions, heldout.groups, matcher.read)
        self.rows = torch.randperm(len(heldout), generator=torch.Generator().manual_seed(seed))[:count]
        self.captions: Sequence[str] = [heldout.captions[row][0] for row in self.rows.tolist()]
        self.sources = heldout.sources[self.rows]
        real = matcher.features(heldout.images[self.rows])
        self.directions = principal_directions(real, min(DIRECTIONS, len(real) // 4))
        self.real = real.double() @ self.directions

    def score(self, images: Tensor) -> dict[str, float]:
        """Judge uint8 images (n, 3, H, W); those of a smaller stage are enlarged.

        Returns:
            ``r_precision``: the share of images nearer to their caption than to 99 others. ``frechet``: distance to the
            held-out images in the matcher's features. ``score``: ``frechet / r_precision``, lower is better: images
            that look right and show what was asked for.
        """
        seen = self.matcher.features(enlarged(images))
        own = [self.pool.number(caption) for caption in self.captions]
        found = self.pool.ranked_first(self.matcher.project(seen), self.rows, torch.tensor(own), self.seed)
        precision = found.double().mean().item()
        frechet = frechet_distance(self.real, seen.double() @ self.directions)
        return {"r_precision": precision, "frechet": frechet, "score": frechet / max(precision, 1e-3)}


class CaptionedJudge:
    """A ``gan.tasks.base.Judge`` by captions.

    Args:
        training: The training images.
        heldout: Images that no generator is trained on; an image is drawn for a caption of each.
        seed: Of the noise and of all intervals.
    """

    def __init__(self, training: ImageDataset, heldout: ImageDataset, seed: int) -> None:
        self.seed = seed
        matcher = matcher_for(training)
        self.monitor = CaptionMonitor(heldout, matcher, seed=seed)
        self.judge = CaptionJudge(heldout, matcher, seed)
        self.asked = Asked.of(heldout, len(heldout), heldout.source_names)
        spaces = {MATCHER: matcher.features, **other_spaces()}
        self.evaluator = CaptionEvaluator(self.asked, heldout, training, spaces, seed)

    def score_model(self, pipeline: TextToImage) -> Scores:
        images = draw(pipeline, self.asked.texts, self.seed, self.asked.styles, "images")
        return self._scores(images, images)

    def score_real(self) -> Scores:
        return self._scores(self.evaluator.heldout, self.evaluator.twins)

    def _scores(self, shown: Tensor, compared: Tensor) -> Scores:
        """How often captions are found for the first images, all else of the second."""
        captions = self.judge.r_precision(self.judge.vectors(shown), self.asked)
        return {"captions": captions, **self.evaluator.compare(see(compared, self.evaluator.spaces))[0]}
