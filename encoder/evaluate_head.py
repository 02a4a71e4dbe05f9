"""How well the conditioning head understands captions it was not trained on: ``python -m encoder.evaluate_head``.

Every suite is drawn from held-out sentence forms (``grammar.HELD_OUT``). A caption is understood when the hair
colour and the eye colour are both read correctly, an unstated one as unstated.
"""

from __future__ import annotations

if __name__ == "__main__":  # before PyTorch, whose import takes seconds
    from encoder.common.command import start

    start()

import argparse
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from encoder import HEAD_DIR
from encoder.attributes.reading import read
from encoder.attributes.vocabulary import COLOUR_SLOTS, SLOTS
from encoder.base import TextEncoder
from encoder.common import arguments
from encoder.common.command import command
from encoder.language import forms, grammar, lexicon
from encoder.language.grammar import Caption, Grammar


def _swapped(source: Grammar) -> Caption:
    """Two colours that both slots know, either way round: the same words, so that only their binding tells."""
    hair, eyes = source.rng.sample(sorted(set(SLOTS["hair"]) & set(SLOTS["eyes"])), 2)
    return source.fill(source.rng.choice(source.forms.both), COLOUR_SLOTS, colours={"hair": hair, "eyes": eyes})


def _distractors(source: Grammar) -> Caption:
    return source.fill(source.rng.choice(forms.HELD_OUT_DISTRACTED), COLOUR_SLOTS)


def _single(source: Grammar) -> Caption:
    return source.caption((source.rng.choice(COLOUR_SLOTS),))


def _length(source: Grammar) -> Caption:
    """Captions that state a length and captions that do not."""
    return source.caption(length=source.rng.choice((0.0, 1.0)))


def _typos(source: Grammar) -> Caption:
    caption, rng = source.caption(), source.rng
    text = grammar.with_odd_punctuation(grammar.with_typos(caption.text, rng, 0.2), rng)
    return Caption(text, caption.mixtures)


def _nothing(source: Grammar) -> Caption:
    return source.caption(())


@dataclass(frozen=True)
class Suite:
    """A kind of caption.

    Attributes:
        draw: Draws a caption of the kind.
        target: The share that is to be understood, where one was set.
        slots: The attributes that must be read correctly, all of them.
        words: Arguments of the grammar that it draws from, besides held-out forms, plain colours and no likenesses.
    """

    draw: Callable[[Grammar], Caption] = Grammar.caption
    target: float | None = None
    slots: tuple[str, ...] = COLOUR_SLOTS
    words: dict[str, Any] = field(default_factory=dict)

    def captions(self, size: int, seed: int = 1) -> list[Caption]:
        """``size`` captions; the same for the same seed."""
        held_out: dict[str, Any] = {"forms": grammar.HELD_OUT, "plain": 1.0, "likenesses": 0.0}
        source = Grammar(random.Random(seed), **held_out | self.words)
        return [self.draw(source) for _ in range(size)]

    def understood(self, caption: Caption, c: torch.Tensor) -> bool:
        """Whether ``c`` (25,) reads as ``caption`` says; a colour between two values may be read as either."""
        readings = {reading.slot: reading.value for reading in read(c)}
        return all(readings[slot] in (caption.mixtures[slot] or {None}) for slot in self.slots)

    def results(self, encoder: TextEncoder, captions: list[Caption]) -> list[bool]:
        """Of each caption, whether it is understood."""
        return list(map(self.understood, captions, encoder.encode([caption.text for caption in captions])))


MAX_SIZE = 1_000_000
UNSEEN: dict[str, Any] = {"plain": 0.0, "colours": lexicon.HELD_OUT.colours}

SUITES = {
    "held-out sentence forms, plain colours": Suite(target=0.99),
    "colours swapped between hair and eyes": Suite(_swapped, 0.99),
    "distractor colours": Suite(_distractors, 0.95, words={"words": lexicon.HELD_OUT}),
    "held-out nouns": Suite(target=0.90, words={"nouns": lexicon.HELD_OUT, "common_nouns": 0.0}),
    "colour synonyms in held-out forms": Suite(target=0.90, words={"plain": 0.0}),
    "single attributes": Suite(_single, 0.97),
    "typing errors, odd case and punctuation": Suite(_typos, 0.85),
    "hair length too": Suite(_length, slots=tuple(SLOTS)),
    "no attribute": Suite(_nothing, words={"words": lexicon.HELD_OUT}),
    "colour words never seen, one attribute": Suite(_single, words=UNSEEN),
    "colour words never seen, both attributes": Suite(words=UNSEEN),
}
"""The kinds of captions that a head is measured on."""


def print_table(encoder: TextEncoder, size: int = 1000, failures: int = 0) -> None:
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
    error = (encoder.encode([caption.text for caption in captions]) - targets).abs().max()
    print(f"\nlargest error of a value in the canonical captions: {error:.3f}")
    for text, c in zip(misread, encoder.encode(misread), strict=True):
        print(f"misread: {text!r} as {', '.join(str(reading.value) for reading in read(c))}")


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = arguments.Parser(prog="python -m encoder.evaluate_head", description=(__doc__ or "").partition("\n")[0])
    result.add_argument(
        "--head",
        type=arguments.existing_folder,
        default=str(HEAD_DIR),
        help="folder of a head (default: the shipped one)",
    )
    result.add_argument(
        "--size", type=arguments.between(1, MAX_SIZE), default=1000, help="captions a suite (default: %(default)s)"
    )
    result.add_argument(
        "--failures",
        type=arguments.between(0),
        default=0,
        metavar="N",
        help="show up to N misread captions of each suite",
    )
    return result


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Print the table of a head. Returns the exit status (``encoder.common.command``)."""
    args = parser().parse_args(argv)
    from encoder.attributes.head import HeadEncoder

    print_table(HeadEncoder.load(args.head), args.size, args.failures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
