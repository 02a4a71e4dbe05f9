"""How well the conditioning head understands captions it was not trained on: ``python -m encoder.evaluate_head``.

Every suite is drawn from held-out sentence forms (``encoder.grammar.HELD_OUT``). A caption is understood when the hair
colour and the eye colour are both read correctly, an unstated one as unstated.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from encoder import HEAD_DIR, forms, grammar, lexicon
from encoder.base import TextEncoder
from encoder.captions import SLOTS
from encoder.errors import InputError
from encoder.grammar import Caption, Grammar
from encoder.reading import read

Suite = Callable[[random.Random], Caption]


def _held_out(rng: random.Random, **changes: object) -> Grammar:
    """Held-out forms with plain colours, without likenesses."""
    return Grammar(rng, **({"forms": grammar.HELD_OUT, "plain": 1.0, "likenesses": 0.0} | changes))  # type: ignore[arg-type]


def _forms(rng: random.Random) -> Caption:
    return _held_out(rng).caption()


def _swapped(rng: random.Random) -> Caption:
    """Two colours that both slots know, either way round: the same words, so that only their binding tells."""
    hair, eyes = rng.sample(sorted(set(SLOTS["hair"]) & set(SLOTS["eyes"])), 2)
    source = _held_out(rng)
    return source.fill(rng.choice(source.forms.both), ("hair", "eyes"), colours={"hair": hair, "eyes": eyes})


def _distractors(rng: random.Random) -> Caption:
    form = rng.choice(forms.HELD_OUT_DISTRACTED)
    return _held_out(rng, words=lexicon.HELD_OUT).fill(form, ("hair", "eyes"))


def _nouns(rng: random.Random) -> Caption:
    return _held_out(rng, nouns=lexicon.HELD_OUT, common_nouns=0.0).caption()


def _synonyms(rng: random.Random) -> Caption:
    return _held_out(rng, plain=0.0).caption()


def _unseen_synonym(rng: random.Random) -> Caption:
    slot = rng.choice(("hair", "eyes"))
    source = _held_out(rng, plain=0.0, colours=lexicon.HELD_OUT.colours)
    return source.caption((slot,))


def _single(rng: random.Random) -> Caption:
    return _held_out(rng).caption((rng.choice(("hair", "eyes")),))


def _typos(rng: random.Random) -> Caption:
    caption = _forms(rng)
    text = grammar.with_odd_punctuation(grammar.with_typos(caption.text, rng, 0.2), rng)
    return Caption(text, caption.mixtures)


def _nothing(rng: random.Random) -> Caption:
    return _held_out(rng, words=lexicon.HELD_OUT).caption(())


SUITES: dict[str, tuple[Suite, float | None]] = {
    "held-out sentence forms, plain colours": (_forms, 0.99),
    "colours swapped between hair and eyes": (_swapped, 0.99),
    "distractor colours": (_distractors, 0.95),
    "held-out nouns": (_nouns, 0.90),
    "colour synonyms in held-out forms": (_synonyms, 0.90),
    "colour words never seen (one attribute)": (_unseen_synonym, None),
    "single attributes": (_single, 0.97),
    "typing errors, odd case and punctuation": (_typos, 0.85),
    "no attribute": (_nothing, None),
}
"""Suite -> how a caption of it is drawn, and the share that must be read correctly."""


def suite(name: str, size: int = 1000, seed: int = 1) -> list[Caption]:
    """The captions of a suite; the same for the same arguments."""
    rng = random.Random(f"{seed} {name}")
    return [SUITES[name][0](rng) for _ in range(size)]


def understood(caption: Caption, c: torch.Tensor) -> bool:
    """Whether ``c`` (25,) reads as ``caption`` says: a colour between two values may be read as either."""
    readings = {reading.slot: reading.value for reading in read(c)}
    return all(readings[slot] in (caption.mixtures[slot] or {None}) for slot in ("hair", "eyes"))


def accuracy(encoder: TextEncoder, captions: list[Caption]) -> float:
    """The share of captions that are understood."""
    c = encoder.encode([caption.text for caption in captions])
    return sum(map(understood, captions, c)) / len(captions)


def print_table(encoder: TextEncoder, size: int = 1000, failures: int = 0) -> None:
    """Print the share understood of every suite, in Markdown, and up to ``failures`` misread captions of each."""
    print(f"| captions ({size} each) | read correctly | to reach |\n|---|---|---|")
    misread: list[str] = []
    for name, (_, target) in SUITES.items():
        captions = suite(name, size)
        c = encoder.encode([caption.text for caption in captions])
        results = [understood(caption, row) for caption, row in zip(captions, c, strict=True)]
        print(
            f"| {name} | {100 * sum(results) / size:.1f} % | {f'{100 * target:.0f} %' if target else ''} |", flush=True
        )
        wrong = [i for i, result in enumerate(results) if not result]
        for i in wrong[:failures]:
            values = ", ".join(str(reading.value) for reading in read(c[i])[:2])
            misread.append(f"{captions[i].text!r} read as {values}")
    canonical = grammar.canonical()
    c = encoder.encode([caption.text for caption in canonical])
    targets = torch.stack([caption.target for caption in canonical])
    print(f"| canonical captions ({len(canonical)}) | {100 * accuracy(encoder, canonical):.1f} % | 100 % |")
    print(f"\ncanonical captions: largest error of a value {(c - targets).abs().max():.3f}")
    print("\n".join(misread))


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
