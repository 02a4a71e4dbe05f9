from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from encoder.common.errors import InputError
from gan import pipeline
from gan.evaluate import EvaluationConfig, judge_of, main
from gan.evaluation import drawing, matcher
from gan.evaluation import judge as judging
from gan.evaluation import sets as evaluation
from gan.evaluation.captions import CaptionJudge, ranks_of_own
from gan.evaluation.faces import colours as colours  # names its metrics
from gan.evaluation.faces.judge import FaceJudge
from gan.evaluation.judge import Monitor
from gan.evaluation.metrics import Estimate
from gan.evaluation.registry import METRICS, register
from gan.evaluation.sets import matching
from gan.images import thumbnails
from gan.tasks import task_of_data

N = 16
SUBJECT, REAL = "these images", "real images"


@pytest.fixture
def small_scale(monkeypatch, small_matcher, tiny_network) -> None:
    monkeypatch.setattr(evaluation, "MIN_FACES", N)
    monkeypatch.setattr(evaluation, "DIRECTIONS", 4)
    monkeypatch.setattr(judging, "other_spaces", lambda: {})
    monkeypatch.setattr(matcher, "matcher_for", small_matcher)
    monkeypatch.setattr(drawing, "build_generator", pipeline.build_generator)


def test_thumbnails_are_means_of_blocks() -> None:
    image = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    image[0, 0, :8, 8:16] = 255
    small = thumbnails(image, 8).view(3, 8, 8)
    assert small[0, 0, 1] == 1
    assert (small == 1).sum() == 1
    assert (small == -1).sum() == 191


def test_the_own_real_image_is_looked_for_in_its_source() -> None:
    real = torch.tensor([[0.0], [1.0], [2.0], [1.1]])
    sources = torch.tensor([0, 0, 0, 1])
    images = torch.tensor([[1.2], [1.2], [0.1], [9.0]])
    ranks = ranks_of_own(images, real, torch.tensor([1, 2, 2, 3]), sources)
    # 1.2: nearest is 1.1, of another source; then 1; 2 is second. 0.1: 2 is third. The last has no rival.
    assert ranks.tolist() == [0, 1, 2, 0]


def test_captions_come_in_turn_with_their_styles(shapes, small_matcher) -> None:
    heldout = shapes.of("heldout")[:3]
    asked = CaptionJudge(small_matcher(shapes.of("train")), heldout, heldout).asked(torch.arange(7), ("paper",))
    assert asked.rows.tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert [asked.texts[i] for i in (0, 3, 6)] == [heldout.captions[0][i] for i in (0, 1, 0)]
    names = [heldout.source_names[source] for source in heldout.sources.tolist()]
    assert asked.styles[:3] == [name if name == "paper" else None for name in names]


def test_images_of_one_caption_are_a_group_else_those_of_one_class_or_source(shapes, small_matcher) -> None:
    heldout, training = shapes.of("heldout"), shapes.of("train")
    model = small_matcher(training)
    judge = CaptionJudge(model, training, heldout)
    asked = judge.asked(torch.arange(len(heldout)))
    grouping = judge.grouping(asked)
    assert grouping.name == "caption"
    assert grouping.wanted[0] == (asked.texts[0], int(heldout.sources[0]))
    assert grouping.numbers[0] == 0
    row = grouping.training.index(grouping.wanted[0])
    assert asked.texts[0] in training.captions[row]
    assert training.sources[row] == heldout.sources[0]

    other = dataclasses.replace(asked, texts=[f"number {i}" for i in range(len(heldout))])
    assert judge.grouping(other).name == "source"
    trained, classed = (
        dataclasses.replace(part, groups=tuple(captions[0].split()[-1] for captions in part.captions))
        for part in (training, heldout)
    )
    grouping = CaptionJudge(model, trained, classed).grouping(other)
    assert grouping.name == "class"
    assert set(grouping.wanted) <= set(grouping.training)


def test_images_stand_in_for_a_group_without_any() -> None:
    rows = matching(["a", "b", "b", "c"], ["a", "x", "y", "a"], torch.Generator().manual_seed(0))
    assert rows[0] in (0, 3)
    assert len(set(rows[1:].tolist())) == 3  # three different ones


def test_a_metric_is_named_once() -> None:
    with pytest.raises(ValueError, match="two metrics are called 'frechet'"):
        register(METRICS["frechet"])
    assert METRICS["coverage"].format(Estimate(0.5, 0.4, 0.62)) == "50.0 % [40.0, 62.0]"
    assert METRICS["kernel"].format(Estimate(0.0178, 0.0164, 0.0192)) == "17.8 [16.4, 19.2]"
    assert METRICS["difference"].format(Estimate(-0.006, -0.014, 0)) == "-0.6 [-1.4, +0.0]"
    assert METRICS["frechet"].format(None) == "–"


def test_real_images_are_found_and_permuted_ones_are_not(shapes, small_matcher) -> None:
    heldout = shapes.of("heldout")
    judge = CaptionJudge(small_matcher(shapes.of("train")), shapes.of("train"), heldout)
    asked = judge.asked(torch.arange(len(heldout)))
    images = heldout.images[:]
    scores = judge.scores(images, judge.read(images), asked)
    assert scores["first"].value == scores["five"].value == 1
    chance = judge.chance(asked)
    assert chance["five"].value == pytest.approx(5 * chance["first"].value)
    images = images[torch.randperm(len(images), generator=torch.Generator().manual_seed(0))]
    permuted = judge.scores(images, judge.read(images), asked)
    assert permuted["r_precision"].value < scores["r_precision"].value / 2
    assert permuted["first"].value < 0.2
    assert permuted["r_precision"].low <= chance["r_precision"].value + 0.1


@pytest.fixture
def judged(small_scale, tiny_network, tiny_encoder, make_release, shapes_source, tmp_path) -> Path:
    """Where the report of a model of two styles lies, and of as many images as twice those held out."""
    model = make_release(c_dim=27, sources=["card", "paper"])
    arguments = ["--model", str(model), "--data", str(shapes_source), "--faces", "70"]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 0
    return tmp_path / "out"


def test_a_model_of_captions_is_judged(judged, shapes) -> None:
    heldout = len(shapes.of("heldout"))
    results = json.loads((judged / "results.json").read_text())
    assert (results["images"], results["captions"], results["compared"]) == (70, min(70, heldout), min(70, heldout))
    sets = results["sets"]
    assert list(sets) == [
        *(SUBJECT, REAL, "untrained generator", "captions permuted", "one image repeated"),
        *("real images, blurred by 0.8 px", "chance"),
    ]
    assert sets[REAL]["captions"].keys() == {"r_precision"}
    assert sets[REAL]["captions"]["r_precision"]["value"] > 3 * sets["chance"]["captions"]["r_precision"]["value"]
    assert sets[SUBJECT]["captions"].keys() == {"r_precision", "first", "five"}
    assert {"frechet", "kernel", "density", "coverage"} <= sets[SUBJECT]["matcher"].keys()
    assert sets[REAL]["matcher"]["frechet"]["value"] < sets[SUBJECT]["matcher"]["frechet"]["value"]
    assert sets[SUBJECT]["training set"].keys() == {"closeness", "copies"}

    page = (judged / "report.html").read_text("utf-8")
    assert page.count("data:image/png;base64,") == 6 * 24
    page = re.sub(r"base64,[^']*", "", page)
    for text in (page, (judged / "results.md").read_text("utf-8")):
        assert "nearest to its own caption among " in text
        for word in ("hair", "eye", "face", "colour"):
            assert word not in text.replace("--faces", ""), word


def test_few_held_out_images_are_still_looked_for(
    small_scale, tiny_network, tiny_encoder, make_release, shapes_source, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(evaluation, "MIN_FACES", 1000)
    arguments = ["--model", str(make_release()), "--data", str(shapes_source), "--faces", "12"]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 0
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["compared"] == 0
    assert all(scores.keys() == {"captions"} for scores in results["sets"].values())


def test_pictures_are_judged_by_hair_and_eyes_alone(shapes_source, tmp_path, capsys) -> None:
    (tmp_path / "captions.txt").write_text("1,a red circle\n")
    arguments = ["--images", str(tmp_path), "--captions", str(tmp_path / "captions.txt"), "--data", str(shapes_source)]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 2
    assert "is not of faces" in capsys.readouterr().err


def test_a_model_of_captions_is_judged_by_them_also_where_they_state_hair(
    drawn_source, small_matcher, monkeypatch
) -> None:
    monkeypatch.setattr(matcher, "matcher_for", lambda data: small_matcher(data, 1))
    for kind, judge in (("aligned", CaptionJudge), ("head", FaceJudge)):
        model = SimpleNamespace(config=SimpleNamespace(conditioning=SimpleNamespace(kind=kind)))
        assert type(judge_of(EvaluationConfig(data=(str(drawn_source),)), model)) is judge


def test_the_monitor_prefers_images_that_show_their_captions(shapes, small_matcher, monkeypatch) -> None:
    monkeypatch.setattr(matcher, "matcher_for", small_matcher)
    heldout = shapes.of("heldout")
    monitor = task_of_data(shapes).judge(shapes.of("train"), heldout).monitor
    assert len(monitor.captions) == len(monitor.sources) == len(heldout)
    good = heldout.images[monitor.asked.rows]
    scores = monitor.score(good)
    assert scores["score"] == pytest.approx(scores["frechet"] / scores["r_precision"])
    assert scores["r_precision"] > monitor.score(good.roll(1, 0))["r_precision"]
    one = good[:1].expand(len(good), -1, -1, -1)
    assert scores["frechet"] < monitor.score(one)["frechet"]
    assert monitor.score(good[:, :, ::2, ::2])["score"] < monitor.score(one)["score"]
    with pytest.raises(InputError, match="too few"):
        Monitor(CaptionJudge(monitor.judge.matcher, shapes, heldout[:3]))
