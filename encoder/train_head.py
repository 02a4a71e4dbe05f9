"""Trains the conditioning head from nothing: ``python -m encoder.train_head``.

The upper layers of the bundled sentence-transformer are fine-tuned, with a linear map on the state of the first token,
to tell what a caption of the grammar states: binary cross-entropy on the 25 values of ``c``. With ``--colours`` there
are eight more numbers, the exact colours of hair and eyes: cross-entropy on whether one is asked for, and the
distance to it in OKLab. The embeddings and the lower layers stay as published, which keeps words that training never
saw near those that it did.
"""

from __future__ import annotations

if __name__ == "__main__":  # before PyTorch, whose import takes seconds
    from encoder.common.start import start

    start()

import argparse
import math
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import torch
import torch.nn.functional as F

from encoder.attributes import words
from encoder.attributes.head import HeadEncoder, coordinates
from encoder.attributes.space import COLOUR_DIM, DIM
from encoder.attributes.vocabulary import COLOUR_SLOTS
from encoder.attributes.wording import plain
from encoder.common import arguments
from encoder.common.arguments import MAX_BATCH, MAX_COUNT
from encoder.common.command import command
from encoder.common.errors import InputError
from encoder.common.folders import OutputFolder
from encoder.common.memory import tune_malloc
from encoder.common.options import Settings, from_args, parser_of, setting
from encoder.common.precision import autocast
from encoder.common.progress import Progress
from encoder.common.records import Amount, Chance, Within
from encoder.language import grammar
from encoder.minilm import MiniLM, pad
from encoder.paths import ENCODER_DIR
from encoder.text import normalise
from encoder.tuned import NAMES, SIGMOID, Tuned
from encoder.tuned import save as save_tuned

OUTPUT = OutputFolder("encoder.train_head", NAMES)


@dataclass(frozen=True)
class HeadConfig(Settings):
    """Settings of the head's training; those without a help text have no option."""

    out: Path = setting(
        Path("runs/head"),
        "folder of the head, new or an earlier output, which is replaced (default runs/head)",
        metavar="DIR",
        parse=arguments.output_folder,
    )
    steps: Annotated[int, Within(1, MAX_COUNT)] = setting(2400, "optimiser steps (default 2,400)")
    seed: Amount = setting(0, "of everything random (default 0)")
    frozen: Annotated[int, Within(0, 1000)] = setting(
        3, "lowest layers left as published, as the embeddings are (default 3 of 6)"
    )
    colours: bool = setting(False, "a head of 33 numbers, which reads exact colours (navy, #12806a) too")
    init: Path | None = setting(
        None, "a head to begin with, of 25 or 33 numbers", metavar="DIR", parse=arguments.existing_folder
    )
    lr: Annotated[float, Within(sys.float_info.min, 1)] = setting(
        3e-4, "peak learning rate of the layers (default 0.0003)"
    )
    lr_linear: Annotated[float, Within(0, 1)] = 1e-3
    """Peak learning rate of the new linear map."""
    batch_size: Annotated[int, Within(1, MAX_BATCH)] = 64
    """Captions a step."""
    dropout: Chance = 0.1
    """Of the states that enter the fine-tuned layers."""
    weight_decay: Annotated[float, Within(0)] = 0.01
    """Of AdamW."""


def training_captions(rng: random.Random) -> Iterator[grammar.Caption]:
    """Captions without end: all kinds of sentences from the training half of the grammar, many with typing errors."""
    canonical = grammar.canonical()
    common: dict[str, Any] = {"common_nouns": 0.15, "foreign": 0.08, "made_up": 0.15}
    grammars = [grammar.Grammar(rng, plain=plain, **common) for plain in (0.1, 0.4, 0.7)]
    grammars.append(grammar.Grammar(rng, plain=0.1, colours=words.rare(), **common))
    kinds = {"canonical": 5, "shared": 7, "negated": 16, "tags": 18, "distracted": 8, "sentence": 50}
    distracted = [form for form in grammar.forms("train").both if "{X}" in form or "{x}" in form or "{thing}" in form]
    stated = (("hair", "eyes"), ("hair",), ("eyes",), ())
    while True:
        source = rng.choice(grammars)
        slots = rng.choices(stated, weights=(56, 13, 13, 18))[0]
        match rng.choices(list(kinds), weights=list(kinds.values()))[0]:
            case "canonical":
                caption = rng.choice(canonical)
            case "shared":
                caption = source.shared(length=0.2, framed=0.3)
            case "negated":
                caption = source.negated(length=0.2, framed=0.2)
            case "tags":
                caption = source.tags(slots, length=0.3, denied=0.15)
            case "distracted":
                caption = source.fill(rng.choice(distracted), COLOUR_SLOTS, length=0.2, framed=0.1)
            case _ if len(slots) < 2 and rng.random() < 0.45:  # a form for both colours, of which it states one or none
                caption = source.fill(rng.choice(source.forms.both), slots, length=0.3, framed=0.3)
            case _:
                caption = source.caption(slots, length=0.3, framed=0.35)
        text = caption.text
        if rng.random() < 0.25:
            text = grammar.with_odd_punctuation(text, rng)
        if rng.random() < 0.4:
            text = grammar.with_typos(text, rng, rng.choice((0.1, 0.2, 0.4)))
        if rng.random() < 0.16:
            text = grammar.misspelt(text, rng, rng.choice((0.2, 0.4)))
        yield replace(caption, text=plain(normalise(text)))


def train(config: HeadConfig, base: Path = ENCODER_DIR) -> Tuned:
    """Train a head on the sentence-transformer in the folder ``base``; the same on every run with as many threads."""
    torch.manual_seed(config.seed)
    published = MiniLM.load(base)
    if config.frozen > published.layers - 1:
        raise InputError(
            f"frozen is {config.frozen}; {base} has {published.layers} layers, and one must be left to tune"
        )
    begun = HeadEncoder.load(config.init).tuned if config.init else None
    layers = {
        name: (begun.layers.get(name, tensor) if begun else tensor).float().clone().requires_grad_()
        for name, tensor in published.layer_tensors(config.frozen).items()
    }
    model = published.with_tensors(layers)
    linear = torch.nn.Linear(model.dim, COLOUR_DIM if config.colours else DIM)
    with torch.no_grad():
        linear.bias[:DIM] = -2.0  # most values are not stated
        if begun:
            known = min(len(begun.bias), len(linear.bias))
            linear.weight[:known], linear.bias[:known] = begun.weight[:known], begun.bias[:known]
    groups = [
        {"params": list(layers.values()), "lr": config.lr},
        {"params": list(linear.parameters()), "lr": config.lr_linear},
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, step / 100) * 0.5 * (1 + math.cos(math.pi * step / config.steps))
    )

    batches = _batches(config, model)
    bar = Progress("training the head", config.steps, "step")
    for step in bar.over(range(config.steps)):
        ids, mask, captions = next(batches)
        with autocast():
            with torch.no_grad():
                x = model.embed(ids)
                for i in range(config.frozen):
                    x = model.layer(i, x, mask)  # (N, T, width)
            x = F.dropout(x, config.dropout)
            for i in range(config.frozen, model.layers):
                x = model.layer(i, x, mask, tokens=1 if i == model.layers - 1 else None)
            logits = linear(x[:, 0])  # (N, 25) or (N, 33)
        loss = _loss(logits.float(), captions)
        if not math.isfinite(loss.item()):
            raise InputError(f"the loss became {loss.item()} at step {step}; lower the learning rate")
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([*layers.values(), *linear.parameters()], 1.0)
        optimizer.step()
        schedule.step()
        bar.note({"loss": f"{loss.item():.3f}"})

    halves = {name: tensor.detach().half() for name, tensor in layers.items()}
    return Tuned(halves, linear.weight.detach(), linear.bias.detach())


def _loss(logits: torch.Tensor, captions: list[grammar.Caption]) -> torch.Tensor:
    """The loss a caption, of logits (N, 25) or (N, 33)."""
    targets = torch.stack([caption.target for caption in captions])  # (N, 25)
    loss = F.binary_cross_entropy_with_logits(logits[:, :DIM], targets, reduction="sum")
    if logits.shape[1] > DIM:
        targets = torch.stack([caption.exact_colours for caption in captions]).unflatten(1, (2, -1))  # (N, 2, 4)
        stated, lab = coordinates(torch.sigmoid(logits[:, DIM:]))
        known = ~targets[..., 0].isnan()
        loss = loss + F.binary_cross_entropy(stated[known].squeeze(1), targets[known][:, 0], reduction="sum")
        named = targets[..., 0] == 1
        loss = loss + F.smooth_l1_loss(lab[named], targets[named][:, 1:], beta=0.3, reduction="sum")
    return loss / len(captions)


def _batches(
    config: HeadConfig, tokenizer: MiniLM
) -> Iterator[tuple[torch.Tensor, torch.Tensor, list[grammar.Caption]]]:
    """Token ids (N, T), mask (N, T) and the N captions, those of like length together."""
    rng = random.Random(config.seed)
    captions = training_captions(rng)
    while True:
        pool = [next(captions) for _ in range(32 * config.batch_size)]
        ids = tokenizer.token_ids([caption.text for caption in pool])
        order = sorted(range(len(pool)), key=lambda i: len(ids[i]))
        starts = list(range(0, len(pool), config.batch_size))
        rng.shuffle(starts)
        for start in starts:
            rows = order[start : start + config.batch_size]
            yield *pad([ids[i] for i in rows]), [pool[i] for i in rows]


def save(head: Tuned, folder: Path, base: Path = ENCODER_DIR) -> None:
    """Write a head in the format of sentence-transformers, as ``encoder.tuned.save`` does."""
    save_tuned(head, folder, activation=SIGMOID, base=base)


def parser() -> argparse.ArgumentParser:
    return parser_of(HeadConfig, "python -m encoder.train_head", (__doc__ or "").partition("\n")[0])


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Train, save, and print the table of held-out captions. Returns the exit status (``encoder.common.command``)."""
    config = from_args(HeadConfig, parser().parse_args(argv))
    tune_malloc()
    from encoder.evaluate_head import print_colours, print_table, quick

    start = time.monotonic()
    with OUTPUT.held(config.out):
        save(train(config), config.out)
    print(f"trained in {(time.monotonic() - start) / 60:.1f} min; saved in {config.out}")
    print_table(quick(config.out))
    if config.colours:
        print_colours(config.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
