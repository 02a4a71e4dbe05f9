"""A page that draws in the visitor's browser, without a server: a folder of files for any static host.

The release and its text encoder are ONNX, run by ONNX Runtime Web; the tokenizer is Hugging Face's in JavaScript. Both
libraries lie in ``vendor``, as published (``vendor/fetch.sh``). What is of this project's own is in ``static``: plain
modules, copied as they are (``.mjs`` as ``.js``).
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encoder.attributes.vocabulary import canonical_captions
from encoder.common.atomic import transaction, write_contents
from encoder.common.folders import OutputFolder
from encoder.common.templates import render
from encoder.text import normalise
from gan.engine import metadata
from gan.images import encode_png
from gan.tasks import task_of_release

if TYPE_CHECKING:
    from gan.export import Exported, Parity
    from gan.page.packing import Packed
    from gan.pipeline import TextToImage

HERE = Path(__file__).parent
STATIC, VENDOR = HERE / "static", HERE / "vendor"
SERVED = {".mjs": ".js", ".gz": ".gz", ".txt": ".txt"}
"""What of the latter is served, and how its name ends there: many hosts do not send ``.mjs`` as a script."""
MODEL = "model"
RUNTIME = "ort-wasm-simd-threaded.wasm.gz"
CARD, ATTRIBUTES = "README.md", ".gitattributes"
MANIFEST, OFFLINE = "manifest.json", "sw.js"
INDEX = "index.html"
PAGE = (INDEX, "style.css", "icon.svg")
OUTPUT = OutputFolder("gan.page", (*PAGE, MANIFEST, OFFLINE, "js", "vendor", MODEL, CARD, ATTRIBUTES))
FACES = (
    "pink hair green eyes",
    "a girl with golden locks and eyes like emeralds",
    "short aqua hair, red eyes",
    "silver hair and violet eyes",
    "long black hair",
)
"""What a page of faces proposes to begin with."""
FIRST = 12
"""Pictures of the first example that travel with the page, from seed 0 on: they are shown before any script runs."""
FINDING = ("shown", "inverter")
"""The networks that find a picture that is given."""
VERSION = "js/version.js"
SHIPPED = {
    "avatars": {
        "examples": [
            "a woman with long pink hair and a green shirt on a blue background",
            "a man with a red shirt and glasses on a yellow background",
            "a person with dark skin and green hair on a purple background",
            "a green monster with three eyes on an orange background",
        ],
        "credits": "Personas by Draftbit, Avatar Illustration System by Micah Lanier, Custom Avatar by Ashley Seo, "
        "Dylan! by Natalia Spivak (CC BY 4.0); Open Peeps by Pablo Stanley, Voxel Art and Critters by DiceBear (CC0)",
    },
    "emoji": {
        "examples": ["a red heart", "green apple", "smiling cat with heart-eyes", "blue fish", "a slice of pizza"],
        "credits": "Noto Emoji (Google, Apache-2.0), Twemoji (Twitter and other contributors, CC BY 4.0), "
        "Fluent Emoji (Microsoft, MIT)",
    },
}
"""By a release's name: what its page proposes, and whose pictures it was trained on."""


@dataclass(frozen=True)
class Built:
    """A page that was written.

    Attributes:
        sizes: Bytes by file, as they are sent.
        bits: Of a number of the text encoder's table of words, and of its layers; None where there is no such network.
        parity: Of pictures by the page's graphs.
    """

    sizes: dict[str, int]
    bits: tuple[int, int] | None
    parity: Parity


def build(
    exported: Exported, out: Path, *, examples: Sequence[str] = (), levels: int = 1, space: bool = False
) -> Built:
    """Write the page of a release, all at once.

    Args:
        exported: The release, as graphs.
        out: The folder.
        examples: Texts to begin with; those of faces by default, of other images none.
        levels: How far a pixel may be from PyTorch's for the smaller text encoder, in levels of 255.
        space: Also write what a static Space of the Hugging Face hub needs.

    Raises:
        InputError: A file cannot be written.
    """
    from gan.page.networks import editing
    from gan.page.packing import packed

    exported, networks, bits = _smallest(exported, levels)
    graphs, facts = editing(exported.pipeline) or ((), None)
    networks |= {name: packed(graph) for name, graph in zip(FINDING, graphs, strict=False)}
    reads_attributes = bool(exported.pipeline.encoder.space.class_sizes)
    shipped = SHIPPED.get(exported.config["name"], {})
    shown = list(examples or (FACES if reads_attributes else shipped.get("examples", ())))
    written = _static_files()
    config = exported.config | {
        "version": _digest(*written.values()),
        "nothing": _nothing(exported),
        "noun": _noun(exported),
        "examples": shown,
        "credits": shipped.get("credits", ""),
        "license": exported.pipeline.license,
        "pose": _pose(exported.pipeline),
        "editing": facts,
        "tensors": {name: network.tensors for name, network in networks.items()},
    }
    model = _model_files(exported, networks, shown)
    if reads_attributes:
        from gan.page.rules import rules

        model["rules.json.gz"] = _gzipped(_compact(rules()))
        config["palette"] = exported.pipeline.config.palette
    loaded = {f"../vendor/{RUNTIME}": written[f"vendor/{RUNTIME}"]} | model
    config["files"] = {name: {"bytes": len(data), "version": _digest(data)} for name, data in loaded.items()}
    written |= {f"{MODEL}/{name}": data for name, data in (model | {"config.json": _compact(config)}).items()}
    first = [
        {"file": f"{MODEL}/{name}?{_digest(model[name])}", "label": f"{shown[0]}, seed {seed}"}
        for seed, name in enumerate(name for name in model if name.endswith(".png"))
    ]
    written[INDEX] = render(STATIC / INDEX, first=first, size=config["resolution"]).encode()
    written[VERSION] = written[VERSION].replace(b'""', f'"{config["version"]}"'.encode())
    written[MANIFEST] = written[MANIFEST].replace(b"to picture", f"to {config['noun']}".encode())
    kept = {name: _digest(data) for name, data in written.items() if name != OFFLINE}
    written[OFFLINE] = written[OFFLINE].replace(b"FILES = {}", b"FILES = " + _compact(kept))
    if space:
        written |= _space(exported)
    with transaction():
        for name, data in written.items():
            write_contents(out / name, data)
    return Built({name: len(data) for name, data in written.items()}, bits, exported.parity)


def _static_files() -> dict[str, bytes]:
    """The page's own files and those of the libraries, by their paths in the page."""
    files = {path.relative_to(STATIC).as_posix(): path for path in sorted(STATIC.rglob("*")) if path.is_file()}
    vendored = [path for path in sorted(VENDOR.iterdir()) if path.suffix in SERVED]
    files |= {f"vendor/{path.stem}{SERVED[path.suffix]}": path for path in vendored}
    return {name: path.read_bytes() for name, path in files.items()}


def _model_files(exported: Exported, networks: dict[str, Packed], examples: Sequence[str]) -> dict[str, bytes]:
    """The networks, and what the page shows before it has them: conditions of texts, pictures of the first example."""
    files: dict[str, bytes] = {}
    for name, network in networks.items():
        files |= {f"{name}.onnx.gz": _gzipped(network.graph), f"{name}.bin.gz": _gzipped(network.weights)}
    if exported.encoder and exported.model:
        is_head = exported.pipeline.config.conditioning.kind == "head"
        texts = [*(canonical_captions() if is_head else ()), *examples]
        seen: dict[str, Any] = {}  # what the graph gives for each text, so that the page can draw it without the graph
        exported.conditions(texts, seen=seen)
        known = {normalise(text): [float(str(x)) for x in c.numpy()] for text, c in seen.items()}  # float32's digits
        files["tokenizer.json.gz"] = _gzipped((exported.model.folder / "tokenizer.json").read_bytes())
        files["known.json.gz"] = _gzipped(_compact(known))
    return files | (_pictures(exported.pipeline, examples[0]) if examples else {})


def _smallest(exported: Exported, levels: int) -> tuple[Exported, dict[str, Packed], tuple[int, int] | None]:
    """The release with its text encoder in the fewest bits that draw the same pictures, to ``levels`` of 255.

    Returns:
        The release, its networks as the page gets them, and the bits.
    """
    from gan.page.packing import TEXT_BITS, packed

    networks = {"generator": packed(exported.generator)}
    smaller = replace(exported, generator=networks["generator"].rounded)
    if exported.encoder is None:
        return smaller.compared(), networks, None
    texts = _free_captions()
    for words, layers in TEXT_BITS:
        networks["encoder"] = packed(exported.encoder, layers, words)
        smaller = replace(smaller, encoder=networks["encoder"].rounded)
        smaller = replace(smaller, parity=smaller.differences(texts))
        if smaller.parity.levels <= levels:
            break
    return smaller, networks, (words, layers)


def _free_captions() -> list[str]:
    """Captions in many wordings, some misspelt: those that a text encoder is less sure of are changed most by it."""
    from encoder.language import grammar

    rng = random.Random(0)
    source = grammar.Grammar(rng, grammar.forms("held out"), foreign=0.3)
    captions = [source.caption().text for _ in range(48)]
    return [grammar.with_typos(text, rng) if i % 4 == 0 else text for i, text in enumerate(captions)]


def _pictures(pipeline: TextToImage, text: str) -> dict[str, bytes]:
    """The first pictures of a text, in the first style, as ``infer.py`` saves them."""
    images = pipeline.draw([text] * FIRST, range(FIRST))
    colours = pipeline.read([text])[0].colours
    return {
        f"first/{seed}.png": encode_png(image, metadata(pipeline, [{"text": text, "seed": seed, **colours}]))
        for seed, image in enumerate(images)
    }


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]


def _gzipped(data: bytes) -> bytes:
    """Data as the page unpacks it itself, so that a host need not know of it; the same data give the same bytes."""
    return gzip.compress(data, 9, mtime=0)


def _compact(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _nothing(exported: Exported) -> list[list[float]] | None:
    """The matrix (dim, dim) of ``ConditionSpace.null``, a linear map; None where that is zero."""
    import torch

    matrix = exported.pipeline.encoder.space.null(torch.eye(exported.pipeline.encoder.dim)).T
    return matrix.tolist() if matrix.any() else None


def _pose(pipeline: TextToImage) -> dict[str, list[float]]:
    """What a step of ``turn`` and of ``tilt`` adds to the noise of a layout, (z_dim,)."""
    return {name: pipeline.with_settings(**{name: 1.0}).pose().tolist() for name in pipeline.config.pose}


def _noun(exported: Exported) -> str:
    return task_of_release(exported.pipeline.config).noun


def _space(exported: Exported) -> dict[str, bytes]:
    """The card of a static Space, and which files the hub keeps apart."""
    card = render(HERE / "templates" / "space.md", noun=_noun(exported), name=exported.config["name"])
    return {CARD: card.encode(), ATTRIBUTES: b"*.gz filter=lfs diff=lfs merge=lfs -text\n"}
