"""A release as ONNX, for other programs and languages: ``python -m gan.export --model DIR --out DIR``.

It writes

- ``generator.onnx``: ``z (N, z_dim)`` and ``c (N, c_dim)``, float32, to ``img (N, 3, H, W)`` in [-1, 1];
- ``encoder.onnx``: token ids ``ids (N, T)`` and ``mask (N, T)``, int64, 1 on the tokens of the texts, to the text's
  part of the condition, ``c (N, dim)``; a one-hot condition and that of a model without texts have none;
- ``tokenizer.json``, as the ``tokenizers`` libraries read it; it cuts long texts where the release does;
- ``config.json``: what a program must know beside these.

N and T are free. What stands in the files is compared with PyTorch's pictures before they take their places. The rules
before the tokenizer (``encoder.attributes.reader``) are not in the graph; ``gan.page`` has them in JavaScript.
"""

from __future__ import annotations

if __name__ == "__main__":  # before PyTorch, whose import takes seconds
    from encoder.common.start import start

    start()

import argparse
import logging
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from encoder.common import arguments
from encoder.common.atomic import transaction, write_contents
from encoder.common.command import command
from encoder.common.errors import BreakdownError, InputError
from encoder.common.folders import OutputFolder
from encoder.common.installation import install_command
from encoder.common.options import Settings, from_args, parser_of, setting
from encoder.common.records import write_json
from gan.release import DEFAULT_MODEL, ENCODER_FOLDER, ReleaseConfig, release_folder

if TYPE_CHECKING:
    import torch
    from torch import nn

    from encoder.minilm import MiniLM
    from gan.pipeline import TextToImage

GENERATOR, ENCODER, TOKENIZER, CONFIG = "generator.onnx", "encoder.onnx", "tokenizer.json", "config.json"
OUTPUT = OutputFolder("gan.export", (GENERATOR, ENCODER, TOKENIZER, CONFIG))

OPSET = 20
BATCHES = (1, 2, 25)
"""Sizes that the pictures are compared at."""
MAX_LEVELS = 1
"""How far a pixel may be from PyTorch's, in levels of 255: float32 sums differ with their order."""
_PACKAGES = ("onnx", "onnxscript", "onnxruntime")


class Parity(NamedTuple):
    """How a graph's pictures differ from PyTorch's.

    Attributes:
        levels: The largest difference of a pixel, of 255.
        share: The share of pixels that differ.
    """

    levels: int
    share: float


@dataclass(frozen=True)
class Exported:
    """A release as graphs, serialised.

    Attributes:
        pipeline: The release, in float32.
        generator: ONNX.
        encoder: ONNX; None where no network reads the texts.
        model: Its tokenizer makes the inputs of ``encoder``; None likewise.
        config: The contents of ``config.json``.
        parity: How the graphs' pictures differ from PyTorch's.
    """

    pipeline: TextToImage
    generator: bytes
    encoder: bytes | None
    model: MiniLM | None
    config: dict[str, Any]
    parity: Parity

    def conditions(self, texts: Sequence[str], *, seen: dict[str, torch.Tensor] | None = None) -> torch.Tensor:
        """The conditions (N, dim) of texts by the graph of the text encoder, within the rules around a head.

        ``seen`` takes what the graph gives for each text that the rules let it read.
        """
        import torch

        from encoder.attributes.reader import AttributeEncoder

        assert self.encoder is not None and self.model is not None
        model, graph = self.model, session(self.encoder)

        class Graph:
            fingerprint = ""
            dim, space = self.pipeline.encoder.dim, self.pipeline.encoder.space

            def encode(self, texts: Sequence[str], *, progress: bool = False) -> torch.Tensor:
                if not texts:
                    return torch.zeros(0, self.dim)
                ids, mask = tokens(model, texts)
                c = run(graph, ids=ids, mask=mask)
                if seen is not None:
                    seen.update(zip(texts, c, strict=True))
                return c

        is_head = self.config["conditioning"]["kind"] == "head"
        return (AttributeEncoder(Graph()) if is_head else Graph()).encode(texts)

    def differences(self, texts: Sequence[str]) -> Parity:
        """How the graphs' pictures of texts, in one batch, differ from PyTorch's, in the first style and the last."""
        import torch

        from gan.images import to_uint8
        from gan.sources import join_source

        pipeline, n, sources = self.pipeline, len(texts), self.pipeline.config.sources
        z, c = pipeline.noise(range(n)), pipeline.encoder.encode(texts)
        read = c if self.encoder is None else self.conditions(texts)
        generator, found = session(self.generator), []
        for source in {0, len(sources) - 1}:
            theirs, ours = (join_source(each, torch.full((n,), source), sources) for each in (c, read))
            with torch.inference_mode():
                wanted = to_uint8(pipeline.G(z, theirs)).int()
            images = to_uint8(run(generator, z=z, c=ours, **self._latents(z))).int()
            if wanted.shape != images.shape:
                raise BreakdownError(f"a batch of {n} gives {list(images.shape)}, not {list(wanted.shape)}")
            found.append((wanted - images).abs())
        difference = torch.cat(found)
        return Parity(int(difference.max()), float((difference > 0).float().mean()))

    def _latents(self, z: torch.Tensor) -> dict[str, torch.Tensor]:
        """The further inputs of a generator's graph that takes latents, for a drawing from noise (N, z_dim) alone."""
        if "latents" not in self.config:
            return {}
        return {"layout_z": z} | {name: z.new_zeros(len(z), *shape) for name, shape in self.config["latents"].items()}

    def compared(self) -> Exported:
        """With the ``parity`` of batches of ``BATCHES`` canonical captions.

        Raises:
            BreakdownError: A pixel differs by more than ``MAX_LEVELS``.
        """
        from encoder.attributes.vocabulary import canonical_captions

        captions = list(canonical_captions())
        found = [self.differences(captions[n :: len(captions) // 25][:n]) for n in BATCHES]
        levels = max(parity.levels for parity in found)
        if levels > MAX_LEVELS:
            raise BreakdownError(
                f"the graphs draw other pictures than PyTorch: a pixel differs by {levels} levels of 255"
            )
        share = sum(parity.share * n for parity, n in zip(found, BATCHES, strict=True)) / sum(BATCHES)
        return replace(self, parity=Parity(levels, share))


def check_packages() -> None:
    """Raise ``InputError`` where the packages of the extra are missing."""
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise InputError(f"ONNX needs the packages {', '.join(missing)}; type: {install_command('onnx')}")


def export(model_dir: Path, *, encoder_path: Path | None = None, with_latents: bool = False) -> Exported:
    """A release as graphs, compared with PyTorch's pictures.

    Args:
        model_dir: The release.
        encoder_path: As of ``TextToImage.from_pretrained``.
        with_latents: Let the graph of a residual generator also take ``layout_z``, the noise of the layout, and what is
            added to ``layout`` and ``styles``, as in ``gan.inversion.latents``. It then gives ``w``, the style, too.

    Raises:
        InputError: The release is broken, its text encoder runs by another library, or a package is missing.
        BreakdownError: The graphs draw other pictures.
    """
    check_packages()
    import torch

    from gan.networks.residual import Generator
    from gan.pipeline import TextToImage

    pipeline = TextToImage.from_pretrained(model_dir, encoder_path=encoder_path, dtype=torch.float32)
    config = pipeline.config
    facts = {
        "name": pipeline.name,
        "architecture": config.architecture,
        "z_dim": config.z_dim,
        "c_dim": config.c_dim,
        "resolution": int(pipeline.G.resolution),
        "conditioning": vars(config.conditioning),
        "sources": list(config.sources),
        "guidance": config.guidance,
    }
    encoder = model = None
    if config.conditioning.has_text_network:
        own = model_dir / ENCODER_FOLDER if config.conditioning.kind == "aligned" else None
        network, model, reads = _text_network(pipeline, encoder_path or own)
        ids = torch.ones(2, 4, dtype=torch.int64)
        mask = torch.ones_like(ids)  # another tensor: one that is given twice becomes one input of the graph
        with torch.no_grad():
            network(ids, mask)  # a model checks its weights at the first text, which must not be in the graph
        encoder = graph(network, {"ids": ids, "mask": mask}, ["c"], {0: "N", 1: "T"})
        facts |= {"max_length": model.max_length, "reads": reads}
    G, latents = pipeline.G, None
    if with_latents and isinstance(G, Generator):
        latents = {"layout": [G.width, 4, 4], "styles": [G.style_places, G.style_dim]}
        facts["latents"] = latents
    generator = _generator_graph(pipeline, latents)
    return Exported(pipeline, generator, encoder, model, facts, Parity(0, 0.0)).compared()


def _generator_graph(pipeline: TextToImage, latents: dict[str, list[int]] | None = None) -> bytes:
    """The generator as ONNX: noise and conditions (N, dim), with the shapes of latents these too, to images."""
    import torch
    from torch import Tensor, nn

    class OfLatents(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.G = pipeline.G

        def forward(
            self, z: Tensor, c: Tensor, layout_z: Tensor, layout: Tensor, styles: Tensor
        ) -> tuple[Tensor, Tensor]:
            start, w = self.G.layout_and_style(z, c, layout_z)
            return self.G.synthesise(start + layout, (w[:, None] + styles).unbind(1)), w

    shapes = {"z": [pipeline.config.z_dim], "c": [pipeline.config.c_dim]}
    if latents:
        shapes |= {"layout_z": shapes["z"], **latents}
    inputs = {name: torch.zeros(2, *shape, dtype=torch.float32) for name, shape in shapes.items()}
    return graph(OfLatents() if latents else pipeline.G, inputs, ["img", "w"] if latents else ["img"], {0: "N"})


def _text_network(pipeline: TextToImage, path: Path | None) -> tuple[nn.Module, MiniLM, int]:
    """The network of a release's text encoder, the model whose tokenizer it needs, and how many numbers it gives.

    The network maps token ids and mask, int64 (N, T), to the text's part of the condition (N, dim).

    Raises:
        InputError: The encoder is a model that another library runs.
    """
    from torch import nn

    from encoder.loading import load_source
    from encoder.pooled import StandardisedEncoder

    dim = pipeline.config.conditioning.dim
    source: Any = load_source(pipeline.config.conditioning.kind, path, dtype="float32")
    if not hasattr(source, "readout"):
        raise InputError(f"{path}: sentence-transformers runs this text encoder, which cannot be written as ONNX")
    model: MiniLM = source.model
    statistics = pipeline.encoder.statistics.float() if isinstance(pipeline.encoder, StandardisedEncoder) else None

    class TextNetwork(nn.Module):
        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            x, is_token = model.embed(ids), mask.bool()
            for i in range(model.layers):
                x = model.layer(i, x, is_token)
            c: torch.Tensor = source.readout(x, is_token)
            if statistics is not None:
                c = (c - statistics[0]) / statistics[1]
            # A head may read more than the generator takes, or less: exact colours, behind the values.
            return nn.functional.pad(c, (0, dim - c.shape[1])) if c.shape[1] < dim else c[:, :dim]

    return TextNetwork(), model, min(int(source.dim), dim)


def graph(network: nn.Module, inputs: dict[str, torch.Tensor], outputs: Sequence[str], axes: dict[int, str]) -> bytes:
    """A network as ONNX, its inputs by name; ``axes`` of each are free."""
    import torch

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # its notes and warnings are for developers
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network.eval(),
            tuple(inputs.values()),
            dynamo=True,
            dynamic_shapes=tuple(axes for _ in inputs),
            input_names=list(inputs),
            output_names=list(outputs),
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    for node in model.graph.node:  # where in the code each came from, which names the machine's folders
        del node.metadata_props[:]
        node.doc_string = ""
    return bytes(model.SerializeToString())


def session(graph: bytes) -> Any:
    """An ONNX Runtime session of a graph on the CPU."""
    import onnxruntime
    import torch

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def run(graph: Any, **inputs: torch.Tensor) -> torch.Tensor:
    """What a ``session`` makes of its inputs."""
    import torch

    return torch.from_numpy(graph.run(None, {name: value.numpy() for name, value in inputs.items()})[0])


def generator_by_graph(pipeline: TextToImage) -> nn.Module:
    """The generator of a pipeline in float32, on the CPU, drawn from by ONNX Runtime.

    Raises:
        InputError: The packages of the extra are missing.
    """
    check_packages()
    from torch import nn

    opened = session(_generator_graph(pipeline))

    class Graph(nn.Module):
        resolution = pipeline.G.resolution

        def forward(self, z: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
            return run(opened, z=z, c=c)

    return Graph().eval()


def tokens(model: MiniLM, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """The inputs of a text encoder's graph for texts that no rule changes: ids and mask, int64 (N, T)."""
    from encoder.minilm import pad
    from encoder.text import normalise

    ids, mask = pad(model.token_ids([normalise(text) for text in texts]))
    return ids, mask.long()


def write(exported: Exported, out: Path) -> None:
    """Write the files, all at once."""
    with transaction():
        write_contents(out / GENERATOR, exported.generator)
        if exported.encoder is not None and exported.model is not None:
            write_contents(out / ENCODER, exported.encoder)
            write_contents(out / TOKENIZER, exported.model.tokenizer_json())
        write_json(out / CONFIG, exported.config)


@dataclass(frozen=True)
class ExportSettings(Settings):
    """What a program that turns a release into something else is asked: which one, and where that goes."""

    out: Path = setting(help="a folder of its own", metavar="DIR", parse=arguments.output_folder)
    model: Path = setting(
        DEFAULT_MODEL,
        "a released model: its folder, shipped name or OWNER/NAME of the Hub (default: the released faces)",
        metavar="MODEL",
        parse=release_folder,
    )
    encoder_path: Path | None = setting(
        None, "another folder of the text encoder", metavar="DIR", parse=arguments.existing_folder
    )


def parser() -> argparse.ArgumentParser:
    return parser_of(ExportSettings, "python -m gan.export", "Write a release's generator and text encoder as ONNX.")


@command
def main(argv: Sequence[str] | None = None) -> int:
    """``python -m gan.export``. Returns the exit status (``encoder.common.command``)."""
    settings = from_args(ExportSettings, parser().parse_args(argv))
    ReleaseConfig.read(settings.model)
    check_packages()
    with OUTPUT.held(settings.out):
        exported = export(settings.model, encoder_path=settings.encoder_path)
        write(exported, settings.out)
    print(f"{settings.out}: {summary(exported)}")
    return 0


def summary(exported: Exported) -> str:
    """The sizes of the graphs, and how their pictures differ from PyTorch's."""
    sizes = [f"generator {len(exported.generator) / 1e6:.1f} MB"]
    if exported.encoder is not None:
        sizes.append(f"text encoder {len(exported.encoder) / 1e6:.1f} MB")
    parity = exported.parity
    batches = ", ".join(map(str, BATCHES[:-1])) + f" and {BATCHES[-1]}"
    return (
        f"{', '.join(sizes)}; of the pixels of batches of {batches}, {100 * parity.share:.4f} % differ from PyTorch's, "
        f"by {parity.levels} of 255 at most"
    )


if __name__ == "__main__":
    sys.exit(main())
