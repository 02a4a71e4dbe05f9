"""Trains the conditioning head from nothing: ``python -m encoder.train_head``.

The upper layers of the bundled sentence-transformer are fine-tuned, with a linear map on the state of the first token,
to tell what a caption of ``encoder.grammar`` states: binary cross-entropy on the 25 values of ``c``. The embeddings and
the lower layers stay as published, which keeps words that training never saw near those that it did.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from encoder import ENCODER_DIR, HEAD_DIR, grammar
from encoder.captions import SLOTS, normalise
from encoder.errors import InputError
from encoder.head import DENSE, DIM, INDEX, TUNED
from encoder.minilm import MiniLM

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_TOKENIZER_FILES = (
    "config_sentence_transformers.json", "sentence_bert_config.json", "special_tokens_map.json", "tokenizer.json",
    "tokenizer_config.json", "vocab.txt",
)  # fmt: skip


@dataclass(frozen=True)
class HeadConfig:
    """Settings of the head's training.

    Attributes:
        steps: Optimiser steps.
        batch_size: Captions a step.
        frozen: The lowest layers, which stay as published, as do the embeddings.
        lr_layers: Peak learning rate of the fine-tuned layers.
        lr_dense: Peak learning rate of the new linear map.
        weight_decay: Of AdamW.
        seed: Of everything random.
    """

    steps: int = 3000
    batch_size: int = 64
    frozen: int = 3
    lr_layers: float = 1.5e-4
    lr_dense: float = 1e-3
    weight_decay: float = 0.01
    seed: int = 0


def training_captions(rng: random.Random) -> Iterator[grammar.Caption]:
    """Captions without end: all kinds of sentences from the training half of the grammar, many with typing errors."""
    canonical = grammar.canonical()
    grammars = [grammar.Grammar(rng, plain=plain) for plain in (0.2, 0.5, 0.8)]
    stated = (("hair", "eyes"), ("hair",), ("eyes",), ())
    while True:
        if rng.random() < 0.06:
            caption = rng.choice(canonical)
        else:
            source = rng.choice(grammars)
            slots = rng.choices(stated, weights=(62, 13, 13, 12))[0]
            if len(slots) < 2 and rng.random() < 0.35:  # a form that speaks of hair and eyes, but states one or none
                caption = source.fill(rng.choice(source.forms.both), slots, length=0.3, framed=0.3)
            else:
                caption = source.caption(slots, length=0.3, framed=0.35)
        text = caption.text
        if rng.random() < 0.25:
            text = grammar.with_odd_punctuation(text, rng)
        if rng.random() < 0.35:
            text = grammar.with_typos(text, rng, rng.choice((0.1, 0.2, 0.4)))
        yield grammar.Caption(normalise(text), caption.mixtures)


def train(config: HeadConfig, base: Path = ENCODER_DIR) -> SentenceTransformer:
    """Train a head on the sentence-transformer in ``base``; the same config gives the same weights on the same machine."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Pooling, Transformer
    from tqdm import tqdm

    torch.manual_seed(config.seed)
    transformer = Transformer(str(base), model_kwargs={"local_files_only": True})
    dense = Dense(transformer.get_embedding_dimension(), DIM, activation_function=torch.nn.Sigmoid())
    torch.nn.init.constant_(dense.linear.bias, -2.0)  # most values are not stated
    model = SentenceTransformer(
        modules=[transformer, Pooling(transformer.get_embedding_dimension(), pooling_mode="cls"), dense], device="cpu"
    )
    bert = transformer.auto_model
    bert.embeddings.requires_grad_(False)
    for layer in bert.encoder.layer[: config.frozen]:
        layer.requires_grad_(False)
    layers = bert.encoder.layer[config.frozen :]
    groups = [
        {"params": list(layers.parameters()), "lr": config.lr_layers},
        {"params": list(dense.parameters()), "lr": config.lr_dense},
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, step / 100) * 0.5 * (1 + math.cos(math.pi * min(1.0, step / config.steps)))
    )

    model.train()
    batches = _batches(config, MiniLM.load(base))
    interval = 0.5 if sys.stderr.isatty() else 30.0  # seconds between lines of a log
    bar = tqdm(range(config.steps), desc="training the head", unit="step", dynamic_ncols=True, mininterval=interval)
    for _ in bar:
        ids, mask, targets = next(batches)
        with torch.autocast("cpu", torch.bfloat16):
            states = bert(input_ids=ids, attention_mask=mask).last_hidden_state
            logits = dense.linear(states[:, 0])
        loss = F.binary_cross_entropy_with_logits(logits.float(), targets, reduction="sum") / len(targets)
        if not math.isfinite(loss.item()):
            raise InputError(f"the loss became {loss.item()}; lower the learning rate")
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for group in groups for p in group["params"]], 1.0)
        optimizer.step()
        schedule.step()
        bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
    return model.eval()


def _batches(config: HeadConfig, tokenizer: MiniLM) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Token ids (N, T), mask (N, T) and targets (N, 25), captions of like length together."""
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
            padded = torch.nn.utils.rnn.pad_sequence([torch.tensor(ids[i]) for i in rows], batch_first=True)
            mask = torch.arange(padded.shape[1]) < torch.tensor([[len(ids[i])] for i in rows])
            yield padded, mask.long(), torch.stack([pool[i].target for i in rows])


def save(model: SentenceTransformer, config: HeadConfig, folder: Path, base: Path = ENCODER_DIR) -> None:
    """Write a head in the format of sentence-transformers; weights that are those of ``base`` stay in its file.

    The fine-tuned ones are kept in float16. The folder is replaced as a whole: it is the old one or the new one.
    """
    from safetensors.torch import load_file, save_file

    folder.parent.mkdir(parents=True, exist_ok=True)
    new = folder.with_name(folder.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    (new / "1_Pooling").mkdir(parents=True)
    for name in _TOKENIZER_FILES:
        shutil.copy(base / name, new / name)
    dim = model[2].in_features
    _write_json(new / "config.json", json.loads((base / "config.json").read_text()) | {"dtype": "float32"})
    types = (
        "base.modules.transformer.Transformer",
        "sentence_transformer.modules.pooling.Pooling",
        "base.modules.dense.Dense",
    )
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.{kind}"}
        for i, (path, kind) in enumerate(zip(("", "1_Pooling", DENSE), types, strict=True))
    ]
    _write_json(new / "modules.json", modules)
    _write_json(new / "1_Pooling" / "config.json", {"word_embedding_dimension": dim, "pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False})  # fmt: skip
    (new / DENSE).mkdir()
    model[2].save(str(new / DENSE))

    tuned = {
        name: tensor.detach().half().contiguous()
        for name, tensor in model[0].auto_model.state_dict().items()
        if name.startswith(
            tuple(f"encoder.layer.{i}." for i in range(config.frozen, len(model[0].auto_model.encoder.layer)))
        )
    }
    save_file(tuned, new / TUNED, metadata={"format": "pt"})
    base_weights = base / "model.safetensors"
    kept = [name for name in load_file(base_weights) if name not in tuned and not name.startswith("pooler.")]
    to_base = os.path.relpath(base_weights, folder)
    _write_json(
        new / INDEX,
        {"metadata": {}, "weight_map": {name: to_base for name in kept} | {name: TUNED for name in tuned}},
    )
    if folder.exists():
        if (folder / "README.md").exists():
            shutil.copy(folder / "README.md", new / "README.md")
        shutil.rmtree(folder)
    os.replace(new, folder)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Train, save, and print the table of held-out captions."""
    parser = argparse.ArgumentParser(prog="python -m encoder.train_head", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--out", type=Path, default=HEAD_DIR, help="folder of the head (default: the shipped one, which is replaced)"
    )
    parser.add_argument("--steps", type=int, default=HeadConfig.steps, help="optimiser steps (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=HeadConfig.seed, help="default: %(default)s")
    parser.add_argument(
        "--frozen", type=int, default=HeadConfig.frozen, help="lowest layers left as published (default: %(default)s)"
    )
    args = parser.parse_args()
    from encoder.evaluate_head import print_table
    from encoder.head import HeadEncoder

    config = HeadConfig(steps=args.steps, seed=args.seed, frozen=args.frozen)
    start = time.time()
    model = train(config)
    save(model, config, args.out)
    print(f"trained in {(time.time() - start) / 60:.1f} min; saved in {args.out}")
    print_table(HeadEncoder.load(args.out))


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
