from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from releases import write_aligned, write_head, write_one_hot, write_pooled
from tiny_bert import make_tiny_bert
from tokenizers import Tokenizer

from encoder.common.errors import InputError
from encoder.common.installation import install_command
from encoder.loading import load_source
from encoder.paths import PRETRAINED
from gan import export as module
from gan.export import export, main, parser, run, session, tokens, write
from gan.images import to_uint8
from gan.networks import ARCHITECTURES
from gan.pipeline import TextToImage

for package in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(package, reason="the extra [onnx] is not installed")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bert(tmp_path_factory.mktemp("bert") / "encoder")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_draws_the_same_pictures_in_any_batch(architecture, tmp_path) -> None:
    release = write_one_hot(tmp_path / "release", architecture)
    assert main(["--model", str(release), "--out", str(tmp_path / "out")]) == 0
    graph = session((tmp_path / "out" / "generator.onnx").read_bytes())
    pipeline = TextToImage.from_pretrained(release, dtype=torch.float32)
    for n in (1, 3, 25):
        z, c = pipeline.noise(range(n)), pipeline.conditions(["pink hair green eyes"] * n)
        found = to_uint8(run(graph, z=z, c=c)).int()
        wanted = pipeline.draw_conditions(c, z).int()
        assert (found - wanted).abs().max() <= 1
        assert found.float().std() > 1  # a picture
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert (config["architecture"], config["resolution"]) == (architecture, pipeline.G.resolution)
    assert not (tmp_path / "out" / "encoder.onnx").exists()


@pytest.mark.parametrize("kind", ["head of 25", "head of 33", "aligned", "attention", "pooled"])
def test_every_text_encoder_reads_the_same(kind, base, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(module, "_generator_graph", lambda *_: b"")  # as tested above
    monkeypatch.setattr(module.Exported, "compared", lambda self: self)
    path = None
    if kind.startswith("head"):
        release, path = write_head(tmp_path / "made", base, int(kind[-2:]))
    elif kind in ("aligned", "attention"):
        release = write_aligned(tmp_path / "made", base, queries=3 if kind == "attention" else 0)
    else:
        release, path = write_pooled(tmp_path / "made", base), base
    exported = export(release, encoder_path=path)
    assert exported.encoder
    assert exported.model
    texts = ["red hair", "long blue hair and green eyes", "x", "pink " * 40]  # the last is cut
    ids, mask = tokens(exported.model, texts)
    found = run(session(exported.encoder), ids=ids, mask=mask)
    wanted = exported.pipeline.encoder.encode(texts)
    if kind == "head of 33":  # behind the head, rules look at the exact colours
        found, wanted = found[:, :25], wanted[:, :25]
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    assert exported.config["reads"] == exported.config["conditioning"]["dim"]
    write(exported, tmp_path / "out")
    tokenizer = Tokenizer.from_file(str(tmp_path / "out" / "tokenizer.json"))
    assert [tokenizer.encode(text).ids for text in texts] == exported.model.token_ids(texts)


def test_other_pictures_are_refused(tmp_path, monkeypatch, capsys) -> None:
    release = write_one_hot(tmp_path / "release", "stackgan1")  # the quickest
    graph_of = module._generator_graph

    def graph_of_another(pipeline: TextToImage, _: object) -> bytes:
        graph = graph_of(pipeline)
        with torch.no_grad():
            pipeline.G.to_rgb.bias.add_(0.1)
        return graph

    monkeypatch.setattr(module, "_generator_graph", graph_of_another)
    assert main(["--model", str(release), "--out", str(tmp_path / "out")]) == 1
    assert "levels of 255" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_missing_package_is_told_before_any_work(tmp_path, monkeypatch, capsys) -> None:
    release = write_one_hot(tmp_path / "release")
    monkeypatch.setattr(module, "find_spec", lambda name: None if name == "onnxscript" else name)
    assert main(["--model", str(release), "--out", str(tmp_path / "out")]) == 2
    assert f"type: {install_command('onnx')}\n" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_encoder_of_another_library_is_refused(base, tmp_path, monkeypatch) -> None:
    release = write_pooled(tmp_path / "made", base)

    source = load_source("pooled", base)
    foreign = SimpleNamespace(dim=source.dim, fingerprint=source.fingerprint)  # the same vectors, of no own network
    monkeypatch.setattr("encoder.loading.load_source", lambda *_args, **_kwargs: foreign)
    with pytest.raises(InputError, match="sentence-transformers"):
        export(release, encoder_path=base)


def test_a_shipped_model_is_known_by_its_name() -> None:
    assert parser().parse_args(["--out", "graphs", "--model", "avatars"]).model == PRETRAINED / "avatars"
