"""How well the conditioning head understands captions it was not trained on: ``python -m encoder.evaluate_head``.

Every suite is drawn from the held-out sentence forms of ``encoder.language``. A caption is understood when the hair
colour and the eye colour are both read correctly, an unstated one as unstated.
"""

from __future__ import annotations

if __name__ == "__main__":  # before PyTorch, whose import takes seconds
    from encoder.common.start import start

    start()

import argparse
import functools
import itertools
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch

from encoder.attributes import words
from encoder.attributes.colour import NUMBERS, distance, unscale
from encoder.attributes.colour_names import look, without
from encoder.attributes.reader import AttributeEncoder
from encoder.attributes.space import COLOUR_DIM, DIM, VALUE_SPACE, stated_values
from encoder.attributes.vocabulary import COLOUR_SLOTS, SLOTS
from encoder.attributes.words import Mixture
from encoder.base import Encoder
from encoder.common import arguments
from encoder.common.command import command
from encoder.common.options import Settings, from_args, parser_of, setting
from encoder.common.records import Within
from encoder.language import grammar
from encoder.language.grammar import Caption, Grammar
from encoder.language.lexicon import forms, lexicon
from encoder.loading import load_source
from encoder.paths import HEAD_DIR


def _swapped(source: Grammar) -> Caption:
    """Two colours that both slots know, either way round: the same words, so that only their binding tells."""
    hair, eyes = source.rng.sample(sorted(set(SLOTS["hair"]) & set(SLOTS["eyes"])), 2)
    return source.fill(source.rng.choice(source.forms.both), COLOUR_SLOTS, colours={"hair": hair, "eyes": eyes})


def _distractors(source: Grammar) -> Caption:
    return source.fill(source.rng.choice(forms("held out").distracted), COLOUR_SLOTS)


def _single(source: Grammar) -> Caption:
    return source.caption((source.rng.choice(COLOUR_SLOTS),))


def _length(source: Grammar) -> Caption:
    """Captions that state a length and captions that do not."""
    return source.caption(length=source.rng.choice((0.0, 1.0)))


def _typos(source: Grammar) -> Caption:
    caption, rng = source.caption(), source.rng
    text = grammar.with_odd_punctuation(grammar.with_typos(caption.text, rng, 0.2), rng)
    return replace(caption, text=text)


def _misspelt(source: Grammar) -> Caption:
    caption = source.caption()
    return replace(caption, text=grammar.misspelt(caption.text, source.rng, 0.3))


def _tags(source: Grammar) -> Caption:
    """Lists of tags that state both colours, one, or none."""
    return source.tags(source.rng.choice((COLOUR_SLOTS, COLOUR_SLOTS, COLOUR_SLOTS, ("hair",), ("eyes",), ())))


def _nothing(source: Grammar) -> Caption:
    return source.caption(())


@dataclass(frozen=True)
class Suite:
    """A kind of caption.

    Attributes:
        draw: Draws a caption of the kind.
        target: The share that is to be understood, where one was set.
        slots: The attributes that must be read correctly, all of them.
        dim: The size of the smallest head that was trained on such captions.
        words: Arguments of the grammar that it draws from, besides held-out forms, plain colours and no likenesses.
    """

    draw: Callable[[Grammar], Caption] = Grammar.caption
    target: float | None = None
    slots: tuple[str, ...] = COLOUR_SLOTS
    dim: int = DIM
    words: Callable[[], dict[str, Any]] = dict

    def captions(self, size: int, seed: int = 1) -> list[Caption]:
        """``size`` captions; the same for the same seed."""
        held_out: dict[str, Any] = {"forms": forms("held out"), "plain": 1.0, "likenesses": 0.0}
        source = Grammar(random.Random(seed), **held_out | self.words())
        return [self.draw(source) for _ in range(size)]

    def understood(self, caption: Caption, c: torch.Tensor) -> bool:
        """Whether ``c`` (25,) reads as ``caption`` says; a colour between two values may be read as either."""
        readings = stated_values(VALUE_SPACE.read(c[None])[0])
        return all(readings[slot] in (caption.mixtures[slot] or {None}) for slot in self.slots)

    def results(self, encoder: Encoder, captions: list[Caption]) -> list[bool]:
        """Of each caption, whether it is understood."""
        return list(map(self.understood, captions, encoder.encode([caption.text for caption in captions])))


def _unseen() -> dict[str, Any]:
    return {"plain": 0.0, "colours": lexicon("held out").colours}


SUITES = {
    "held-out sentence forms, plain colours": Suite(target=0.99),
    "colours swapped between hair and eyes": Suite(_swapped, 0.99),
    "distractor colours": Suite(_distractors, 0.95, words=lambda: {"words": lexicon("held out")}),
    "held-out nouns": Suite(target=0.90, words=lambda: {"nouns": lexicon("held out"), "common_nouns": 0.0}),
    "colour synonyms in held-out forms": Suite(target=0.90, words=lambda: {"plain": 0.0}),
    "single attributes": Suite(_single, 0.97),
    "typing errors, odd case and punctuation": Suite(_typos, 0.85),
    "hair length too": Suite(_length, slots=tuple(SLOTS)),
    "one colour for hair and eyes": Suite(Grammar.shared, 0.95, dim=COLOUR_DIM, words=lambda: {"plain": 0.7}),
    "lists of tags": Suite(_tags, 0.95, dim=COLOUR_DIM, words=lambda: {"words": lexicon("held out"), "plain": 0.7}),
    "negations": Suite(Grammar.negated, 0.95, dim=COLOUR_DIM),
    "misspelt by ear": Suite(_misspelt),
    "no attribute": Suite(_nothing, words=lambda: {"words": lexicon("held out")}),
    "colour words never seen, one attribute": Suite(_single, words=_unseen),
    "colour words never seen, both attributes": Suite(words=_unseen),
}
"""The kinds of captions that a head is measured on."""


def quick(folder: Path) -> AttributeEncoder:
    """The head in a folder and the rules around it, in float32: several times faster, the same in the fifth digit."""
    return AttributeEncoder(load_source("head", folder, dtype="float32"))


def print_table(encoder: Encoder, size: int = 1000, failures: int = 0) -> None:
    """Print the share understood of every suite, in Markdown, and up to ``failures`` misread captions of each."""
    print(f"| captions ({size} each) | read correctly | to reach |\n|---|---|---|")
    misread: list[str] = []
    for name, suite in SUITES.items():
        captions = suite.captions(size)
        results = suite.results(encoder, captions)
        target = f"{100 * suite.target:.0f} %" if suite.target else ""
        print(f"| {name} | {100 * sum(results) / size:.1f} % | {target} |", flush=True)
        misread += [caption.text for caption, right in zip(captions, results, strict=True) if not right][:failures]

    captions = grammar.canonical()
    results = Suite(slots=tuple(SLOTS)).results(encoder, captions)
    print(f"| canonical captions ({len(captions)}) | {100 * sum(results) / len(captions):.1f} % | 100 % |")
    targets = torch.stack([caption.target for caption in captions])
    error = (encoder.encode([caption.text for caption in captions])[:, :DIM] - targets).abs().max()
    print(f"\nlargest error of a value in the canonical captions: {error:.3f}")
    for text, readings in zip(misread, VALUE_SPACE.read(encoder.encode(misread)), strict=True):
        print(f"misread: {text!r} as {', '.join(map(str, stated_values(readings).values()))}")


@dataclass(frozen=True)
class ColourScores:
    """How well a head of 33 numbers reads exact colours.

    Attributes:
        told: The share of captions, of which half state exact colours and half plain ones, in which both slots are
            read so.
        distances: In OKLab, the lightness counted by 0.6: from each colour that was stated to the one read.
        missed: The share of these colours in whose place none was read; they have no distance.
    """

    told: float
    distances: np.ndarray
    missed: float


def measure_colours(
    encoder: Encoder, named: dict[str, dict[str, Mixture]], size: int = 500, *, listed: bool = True
) -> ColourScores:
    """How an encoder of 33 numbers reads the listed names among ``named`` in ``size`` captions of held-out forms.

    Where ``listed`` is false, the rules around a head read them as if no list had them.
    """
    looks = {slot: {word: mixture for word, mixture in table.items() if look(word)} for slot, table in named.items()}
    halves = ({"plain": 0.0, "colours": looks}, {"plain": 1.0})
    suites = [Suite(words=functools.partial(dict, **half)) for half in halves]
    captions = [caption for suite in suites for caption in suite.captions(size // 2, seed=3)]
    with without([] if listed else [word for table in looks.values() for word in table]):
        c = encoder.encode([caption.text for caption in captions])
    target, read_as = (
        numbers.unflatten(1, (-1, NUMBERS)).double().numpy()
        for numbers in (torch.stack([caption.exact_colours for caption in captions]), c[:, DIM:])
    )
    stated, known, found = target[..., 0] == 1, ~np.isnan(target[..., 0]), read_as[..., 0] > 0.5
    both = stated & found
    shown = read_as[both][:, 1:] / read_as[both][:, :1]
    return ColourScores(
        told=float(((stated == found) | ~known).all(1).mean()),
        distances=distance(unscale(shown), unscale(target[both][:, 1:])),
        missed=float((stated & ~found).sum() / stated.sum()),
    )


def print_colours(folder: Path, size: int = 500) -> None:
    """Print how far exact colours are from those read, by the head alone and with the rules, in Markdown."""
    print("| exact colours | told from plain ones | distance: mean | median | 90 % | not read |")
    print("|---|---|---|---|---|---|")
    alone, ruled = load_source("head", folder, dtype="float32"), quick(folder)
    names = {
        "names seen": lexicon("train").colours,
        "rare names seen": words.rare(),
        "names never seen": lexicon("held out").colours,
        "rare names never seen": words.rare(kept_back=True),
    }
    for (kind, named), (how, encoder, listed) in itertools.product(
        names.items(),
        (("head alone", alone, True), ("by the rules too", ruled, True), ("as if no list had them", ruled, False)),
    ):
        if listed or "never" in kind:
            result = measure_colours(encoder, named, size, listed=listed)
            shares = [f"{100 * share:.1f} %" for share in (result.told, result.missed)]
            far = [result.distances.mean(), *np.quantile(result.distances, (0.5, 0.9))]
            print(f"| {kind}, {how} | {shares[0]} | {' | '.join(f'{each:.3f}' for each in far)} | {shares[1]} |")


@dataclass(frozen=True)
class HeadEvaluation(Settings):
    """The options of an evaluation."""

    head: Path = setting(
        HEAD_DIR, "folder of a head (default: the shipped one)", metavar="DIR", parse=arguments.existing_folder
    )
    size: Annotated[int, Within(1, 1_000_000)] = setting(1000, "captions a suite (default 1,000)")
    failures: Annotated[int, Within(0, arguments.MAX_COUNT)] = setting(0, "show up to N misread captions of each suite")


def parser() -> argparse.ArgumentParser:
    return parser_of(HeadEvaluation, "python -m encoder.evaluate_head", (__doc__ or "").partition("\n")[0])


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Print the table of a head. Returns the exit status (``encoder.common.command``)."""
    config = from_args(HeadEvaluation, parser().parse_args(argv))
    encoder = quick(config.head)
    print_table(encoder, config.size, config.failures)
    if encoder.dim == COLOUR_DIM:
        print_colours(config.head)
    return 0


if __name__ == "__main__":
    sys.exit(main())
