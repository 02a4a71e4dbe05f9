"""What all tries start from: small data, runs, releases and caches, made once, each by the project's own commands."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from tests.drawing import draw_face, write_source

from .processes import ROOT, How, Outcome, run, start_function, wait

TINY = (
    *("--batch-size", "8", "--z-dim", "4", "--precision", "float32", "--threads", "1"),
    *("--generator", json.dumps({"widths": [8, 8, 8, 8], "detail_width": 4, "style_dim": 8})),
    *("--discriminator", json.dumps({"widths": [8, 8, 8, 8, 8], "feature_dim": 8})),
    *("--tick-images", "16", "--snapshot-images", "16", "--schedule-images", "100"),
)
"""Options of ``train_cgan`` for a run of a second."""

AS_NEEDED = {"gan.training.conditioning.AHEAD": 4, "gan.training.vectors.BLOCK": 2, "gan.training.vectors.FEW": 4}
"""Patches: a few captions are encoded before the first step, and the others between steps."""
TEXT = "a paper of red hair"
IMAGES = 48  # of a run


Thing = TypeVar("Thing")


class Bench:
    """Makes a thing when a try first asks for it.

    Args:
        folder: Where all of it goes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache = folder / "cache"
        self.cache.mkdir(parents=True)
        self._kept: dict[object, Any] = {}

    @cached_property
    def faces(self) -> Path:
        """A folder of 64 captioned faces."""
        colours = list(itertools.product(("red", "blue", "green", "pink"), ("aqua", "brown", "black", "purple"))) * 4
        tags = "".join(f"{i},{hair} hair {eyes} eyes\n" for i, (hair, eyes) in enumerate(colours))
        images = {f"images/{i}.png": draw_face(hair, eyes, seed=i) for i, (hair, eyes) in enumerate(colours)}
        return write_source(self.folder / "faces", tags, images)

    @cached_property
    def captioned(self) -> Path:
        """A folder of 64 images of two sources, with captions that speak of anything."""
        folder = self.folder / "captioned"
        folder.mkdir()
        lines = ["file_name,text,source"]
        for i, (colour, other) in enumerate(itertools.product(("red", "blue", "green", "pink") * 2, repeat=2)):
            draw_face(colour, other, seed=i).save(folder / f"{i}.png")
            lines.append(f'{i}.png,"a {colour} paper, number {i}, with {other}",{("paper", "card")[i % 2]}')
        (folder / "metadata.csv").write_text("\n".join(lines) + "\n")
        return folder

    @cached_property
    def encoder(self) -> Path:
        """A text encoder of a few thousand numbers, as ``encoder.align`` writes them."""
        folder = self.folder / "text"

        def make() -> None:
            import torch

            from encoder.minilm import MiniLM
            from encoder.tuned import Tuned, save
            from tests.tiny_bert import LAYERS, make_tiny_bert

            base = make_tiny_bert(folder / "encoder")
            torch.manual_seed(0)
            model = MiniLM.load(base)
            layers = {name: tensor.half() for name, tensor in model.layer_tensors(LAYERS - 1).items()}
            save(
                Tuned(layers, torch.randn(8, model.dim), torch.randn(8)), folder / "aligned", unit_norm=True, base=base
            )

        self._made(start_function_to_end(make, self.how()))
        return folder / "aligned"

    @cached_property
    def face_run(self) -> Path:
        """A run on faces by the pair of colours, half way."""
        return self._trained(self.folder / "face-run", self.face_options)

    @cached_property
    def text_run(self) -> Path:
        """A run on captions by the tiny text encoder, half way."""
        return self._trained(self.folder / "text-run", self.text_options)

    @property
    def face_options(self) -> tuple[str, ...]:
        """Of ``face_run``, but where it goes and how long."""
        return (*TINY, "--encoder", "onehot", "--data", str(self.faces))

    @property
    def text_options(self) -> tuple[str, ...]:
        """Of ``text_run``, but where it goes and how long."""
        path = ("--conditioning", "aligned", "--encoder-path", str(self.encoder))
        return (*TINY, *path, "--data", str(self.captioned))

    @cached_property
    def release(self) -> Path:
        """A released generator with its own text encoder."""
        folder = (
            self.folder / "releases" / "text"
        )  # as deep as a copy in a scene: its index finds the encoder from there
        shutil.copytree(self.text_run / "snapshot", folder)
        return folder

    @cached_property
    def head_release(self) -> Path:
        """A released generator, with random weights, of which the conditioning head reads the texts."""
        folder = self.folder / "head-release"

        def make() -> None:
            from encoder.loading import load_encoder
            from gan.networks import build_generator
            from gan.training.state import save_weights

            encoder = load_encoder("head")
            arguments = json.loads(TINY[TINY.index("--generator") + 1])
            config = {
                "architecture": "residual", "z_dim": 4, "c_dim": encoder.dim, "sources": ["extra"],
                "conditioning": {"kind": "head", "dim": encoder.dim, "space": encoder.space.name}, "network": arguments,
            }  # fmt: skip
            G = build_generator("residual", z_dim=4, c_dim=encoder.dim, **arguments)
            save_weights(G, folder / "generator.safetensors")
            (folder / "config.json").write_text(json.dumps(config))

        self._made(start_function_to_end(make, self.how()))
        return folder

    @cached_property
    def pretrained(self) -> Path:
        """The shipped encoder and head beside each other, as links."""
        folder = self.folder / "pretrained"
        for name in ("encoder", "head", "cache"):
            mirror(ROOT / "pretrained" / name, folder / name)
        return folder

    def how(self, **changes: object) -> How:
        """How what is made here is made."""
        folder = self.folder / "work"
        folder.mkdir(exist_ok=True)
        settings = {"folder": folder, "environment": {"TEXT2FACE_CACHE": str(self.cache)}, "seconds": 300.0, **changes}
        return How(**settings)  # type: ignore[arg-type]

    def once(self, key: object, make: Callable[[], Thing]) -> Thing:
        """What ``make`` gives, kept under a key."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def make(self, module: str, *arguments: object, **changes: object) -> Outcome:
        """Run a command that has to succeed; ``changes`` are fields of ``How``."""
        return self._made(run(module, list(map(str, arguments)), self.how(**changes)))

    def _trained(self, folder: Path, options: tuple[str, ...], **changes: object) -> Path:
        self.make("train_cgan", *options, "--run-dir", folder, "--max-images", IMAGES, **changes)
        return folder

    @staticmethod
    def _made(outcome: Outcome) -> Outcome:
        if outcome.status:
            raise RuntimeError(f"the campaign cannot start: status {outcome.status}\n{outcome.stderr}")
        return outcome


def start_function_to_end(body: Callable[[], object], how: How) -> Outcome:
    """A function in a process of its own, to its end."""
    return wait(start_function(body, how), how)


def mirror(source: Path, target: Path) -> None:
    """A copy of a folder of which every file is a link: cheap, and its parts can be replaced."""
    for path in source.rglob("*"):
        place = target / path.relative_to(source)
        if path.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            os.symlink(path.resolve(), place)
