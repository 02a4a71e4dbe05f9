"""How well the conditioning head understands captions it was not trained on: ``python -m encoder.evaluate_head``.

Every suite is drawn from held-out sentence forms (``encoder.grammar.HELD_OUT``). A caption is understood when the hair
colour and the eye colour are both read correctly, an unstated one as unstated.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from encoder import HEAD_DIR, forms, grammar, lexicon
from encoder.base import TextEncoder
from encoder.captions import COLOUR_SLOTS, SLOTS
from encoder.errors import InputError
from encoder.grammar import Caption, Grammar
from encoder.reading import read


def _held_out(rng: random.Random, **changes: Any) -> Grammar:
    """Held-out forms with plain colours, without likenesses, but for ``changes``."""
    return replace(Grammar(rng, forms=grammar.HELD_OUT, plain=1.0, likenesses=0.0), **changes)


def _forms(rng: random.Random) -> Caption:
    return _held_out(rng).caption()


def _swapped(rng: random.Random) -> Caption:
    """Two colours that both slots know, either way round: the same words, so that only their binding tells."""
    hair, eyes = rng.sample(sorted(set(SLOTS["hair"]) & set(SLOTS["eyes"])), 2)
    source = _held_out(rng)
    return source.fill(rng.choice(source.forms.both), COLOUR_SLOTS, colours={"hair": hair, "eyes": eyes})


def _distractors(rng: random.Random) -> Caption:
    form = rng.choice(forms.HELD_OUT_DISTRACTED)
    return _held_out(rng, words=lexicon.HELD_OUT).fill(form, COLOUR_SLOTS)


def _nouns(rng: random.Random) -> Caption:
    return _held_out(rng, nouns=lexicon.HELD_OUT, common_nouns=0.0).caption()


def _synonyms(rng: random.Random) -> Caption:
    return _held_out(rng, plain=0.0).caption()


def _unseen_synonym(rng: random.Random) -> Caption:
    return _held_out(rng, plain=0.0, colours=lexicon.HELD_OUT.colours).caption((rng.choice(COLOUR_SLOTS),))


def _unseen_synonyms(rng: random.Random) -> Caption:
    return _held_out(rng, plain=0.0, colours=lexicon.HELD_OUT.colours).caption()


def _single(rng: random.Random) -> Caption:
    return _held_out(rng).caption((rng.choice(COLOUR_SLOTS),))


def _length(rng: random.Random) -> Caption:
    """Captions that state a length and captions that do not."""
    return _held_out(rng).caption(length=rng.choice((0.0, 1.0)))


def _typos(rng: random.Random) -> Caption:
    caption = _forms(rng)
    text = grammar.with_odd_punctuation(grammar.with_typos(caption.text, rng, 0.2), rng)
    return Caption(text, caption.mixtures)


def _nothing(rng: random.Random) -> Caption:
    return _held_out(rng, words=lexicon.HELD_OUT).caption(())


@dataclass(frozen=True)
class Suite:
    """A kind of caption.

    Attributes:
        draw: Draws a caption of the kind.
        target: The share that is to be understood, where one was set.
        slots: The attributes that must be read correctly, all of them.
    """

    draw: Callable[[random.Random], Caption]
    target: float | None = None
    slots: tuple[str, ...] = COLOUR_SLOTS

    def captions(self, size: int, seed: int = 1) -> list[Caption]:
        """``size`` captions; the same for the same seed."""
        rng = random.Random(seed)
        return [self.draw(rng) for _ in range(size)]

    def understood(self, caption: Caption, c: torch.Tensor) -> bool:
        """Whether ``c`` (25,) reads as ``caption`` says; a colour between two values may be read as either."""
        readings = {reading.slot: reading.value for reading in read(c)}
        return all(readings[slot] in (caption.mixtures[slot] or {None}) for slot in self.slots)

    def results(self, encoder: TextEncoder, captions: list[Caption]) -> list[bool]:
        """Of each caption, whether it is understood."""
        return list(map(self.understood, captions, encoder.encode([caption.text for caption in captions])))


SUITES = {
    "held-out sentence forms, plain colours": Suite(_forms, 0.99),
    "colours swapped between hair and eyes": Suite(_swapped, 0.99),
    "distractor colours": Suite(_distractors, 0.95),
    "held-out nouns": Suite(_nouns, 0.90),
    "colour synonyms in held-out forms": Suite(_synonyms, 0.90),
    "single attributes": Suite(_single, 0.97),
    "typing errors, odd case and punctuation": Suite(_typos, 0.85),
    "hair length too": Suite(_length, slots=tuple(SLOTS)),
    "no attribute": Suite(_nothing),
    "colour words never seen, one attribute": Suite(_unseen_synonym),
    "colour words never seen, both attributes": Suite(_unseen_synonyms),
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
    results = Suite(_forms, slots=tuple(SLOTS)).results(encoder, captions)
    print(f"| canonical captions ({len(captions)}) | {100 * sum(results) / len(captions):.1f} % | 100 % |")
    targets = torch.stack([caption.target for caption in captions])
    error = (encoder.encode([caption.text for caption in captions]) - targets).abs().max()
    print(f"\nlargest error of a value in the canonical captions: {error:.3f}")
    for text, c in zip(misread, encoder.encode(misread), strict=True):
        print(f"misread: {text!r} as {', '.join(str(reading.value) for reading in read(c))}")


def main() -> None:
    """Print the table of a head."""
    parser = argparse.ArgumentParser(prog="python -m encoder.evaluate_head", description=__doc__.partition("\n")[0])
    parser.add_argument("--head", type=Path, default=HEAD_DIR, help="folder of a head (default: the shipped one)")
    parser.add_argument("--size", type=int, default=1000, help="captions a suite (default: %(default)s)")
    parser.add_argument(
        "--failures", type=int, default=0, metavar="N", help="show up to N misread captions of each suite"
    )
    args = parser.parse_args()
    from encoder.head import HeadEncoder

    print_table(HeadEncoder.load(args.head), args.size, args.failures)


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
