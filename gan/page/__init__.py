"""A page that draws in the visitor's browser, without a server: a folder of files for any static host.

The release and its text encoder are ONNX, run by ONNX Runtime Web; the tokenizer is Hugging Face's in JavaScript. Both
libraries lie in ``vendor``, as published (``vendor/fetch.sh``). What is of this project's own is in ``static``: plain
modules, copied as they are.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encoder.common.atomic import at_once, write_atomically
from encoder.common.outputs import Output

if TYPE_CHECKING:
    from gan.export import Exported

HERE = Path(__file__).parent
STATIC, VENDOR = HERE / "static", HERE / "vendor"
MODEL = "model"
RUNTIME = "ort-wasm-simd-threaded.wasm.gz"
CARD, ATTRIBUTES = "README.md", ".gitattributes"
OUTPUT = Output("gan.page", ("index.html", "style.css", "icon.svg", "js", "vendor", MODEL, CARD, ATTRIBUTES))
MAX_LEVELS = 3
"""How far a pixel may be from PyTorch's by the text encoder in eight bits, in levels of 255."""

FACES = (
    "pink hair green eyes",
    "a girl with golden locks and eyes like emeralds",
    "short aqua hair, red eyes",
    "silver hair and violet eyes",
    "long black hair",
)
"""What a page of faces proposes to begin with."""


@dataclass(frozen=True)
class Built:
    """A page that was written: bytes by part, as they are sent."""

    sizes: dict[str, int]
    levels: int
    share: float


def build(exported: Exported, out: Path, *, examples: Sequence[str] = (), space: bool = False) -> Built:
    """Write the page of a release, all at once.

    Args:
        exported: The release, as graphs.
        out: The folder.
        examples: Texts to begin with; those of faces by default, of other images none.
        space: Also write what a static Space of the Hugging Face hub needs.

    Raises:
        BreakdownError: With its text encoder in eight bits the release draws other pictures.
        InputError: A file cannot be written.
    """
    from gan.export import compare
    from gan.page.quantise import quantised

    encoder = exported.encoder and quantised(exported.encoder)
    parity = exported.parity
    if encoder:
        parity = compare(exported.pipeline, exported.generator, encoder, exported.model, most=MAX_LEVELS)
    packed = {f"{MODEL}/generator.onnx.gz": _packed(exported.generator)}
    if encoder and exported.model:
        packed[f"{MODEL}/encoder.onnx.gz"] = _packed(encoder)
        packed[f"{MODEL}/tokenizer.json.gz"] = _packed((exported.model.folder / "tokenizer.json").read_bytes())
    config = {**exported.config, "nothing": _nothing(exported), "noun": _noun(exported), "examples": list(examples)}
    if exported.pipeline.encoder.class_sizes:
        from gan.page.rules import rules

        packed[f"{MODEL}/rules.json.gz"] = _packed(_compact(rules()))
        config["examples"] = list(examples or FACES)
    files = {path.relative_to(STATIC).as_posix(): path for path in sorted(STATIC.rglob("*")) if path.is_file()}
    files |= {f"vendor/{path.name}": path for path in sorted(VENDOR.iterdir()) if path.suffix in (".mjs", ".gz", ".txt")}
    written = {name: path.read_bytes() for name, path in files.items()} | packed
    loaded = {f"../vendor/{RUNTIME}": written[f"vendor/{RUNTIME}"]}
    loaded |= {Path(name).name: data for name, data in packed.items()}
    config["files"] = {name: len(data) for name, data in loaded.items()}
    if space:
        written |= _space(exported)
    written[f"{MODEL}/config.json"] = _compact(config)  # the last: without it the page says that it is not whole
    with at_once():
        for name, data in written.items():
            write_atomically(out / name, lambda path, data=data: path.write_bytes(data))
    return Built({name: len(data) for name, data in written.items()}, parity.levels, parity.share)


def _packed(data: bytes) -> bytes:
    """Data as the page unpacks it itself, so that a host need not know of it; the same data give the same bytes."""
    return gzip.compress(data, 9, mtime=0)


def _compact(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _nothing(exported: Exported) -> list[list[float]] | None:
    """The matrix (dim, dim) of ``TextEncoder.null``, a linear map; None where that is zero."""
    import torch

    matrix = exported.pipeline.encoder.null(torch.eye(exported.pipeline.encoder.dim)).T
    return matrix.tolist() if matrix.any() else None


def _noun(exported: Exported) -> str:
    return "face" if exported.pipeline.encoder.class_sizes else "image"


def _space(exported: Exported) -> dict[str, bytes]:
    """The card of a static Space, and which files the hub keeps apart."""
    head = {
        "title": f"Text to {_noun(exported)}",
        "emoji": "🎨",
        "colorFrom": "pink",
        "colorTo": "indigo",
        "sdk": "static",
        "app_file": "index.html",
        "pinned": "false",
        "license": "mit",
        "short_description": "Type a text, get a 64x64 picture, in your browser",
    }
    lines = ["---", *(f"{key}: {value}" for key, value in head.items())]
    lines += ["custom_headers:", "  cross-origin-embedder-policy: require-corp", "  cross-origin-opener-policy: same-origin"]
    lines += ["  cross-origin-resource-policy: cross-origin", "---", "", f"# Text to {_noun(exported)}", ""]
    lines += [
        f"Draws 64x64 pictures from text by the generator `{exported.config['name']}`, in the visitor's browser: nothing "
        "is sent anywhere.",
        "",
        "Made by `python -m gan.page --space`.",
        "",
    ]
    return {CARD: "\n".join(lines).encode(), ATTRIBUTES: b"*.gz filter=lfs diff=lfs merge=lfs -text\n"}
