import dataclasses
import json
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image

from gan import compare
from gan.compare import COMPARISONS, ROWS, ComparisonSettings, Result, Row, course_of, main, mean_of
from gan.evaluation import sets as evaluation
from gan.evaluation.metrics import Estimate
from gan.networks import build_discriminator
from gan.pipeline import TextToFace
from gan.tasks.faces import Faces
from gan.training import loop as training
from gan.training import sample_grids
from gan.training.conditions.faces import PROMPTS
from gan.training.objectives import OBJECTIVES

N = 32
SMALL = {"encoder": "onehot", "batch_size": 4, "z_dim": 4, "precision": "float32"}
TINY = {
    "plain": Row(
        [
            {
                **SMALL,
                "objective": "r3gan",
                "generator": {"widths": [8, 8, 8, 8], "detail_width": 4, "style_dim": 8},
                "discriminator": {"widths": [8, 8, 8, 8, 8], "feature_dim": 8},
            }
        ]
    ),
    "staged": Row(
        [
            {
                **SMALL,
                "architecture": "stackgan1",
                "objective": "gan-cls",
                "generator": {"widths": [8, 8, 8, 4]},
                "discriminator": {"widths": [4, 8, 8]},
            },
            {
                **SMALL,
                "architecture": "stackgan2",
                "objective": "gan-cls",
                "generator": {"width": 8},
                "discriminator": {"widths": [4, 4, 8, 8]},
            },
        ]
    ),
}
CALLS = ("gan.compare.train", "gan.compare.train_and_score")


@pytest.fixture(autouse=True)
def small_scale(monkeypatch, reader) -> None:
    monkeypatch.setattr(compare, "MIN_FACES", N)
    monkeypatch.setattr(evaluation, "MIN_FACES", N)
    monkeypatch.setattr(evaluation, "DIRECTIONS", 4)
    monkeypatch.setattr("gan.faces.classifier.load_classifier", lambda path: reader)
    monkeypatch.setattr("gan.evaluation.judge.other_spaces", lambda: {})
    monkeypatch.setattr(compare, "TIMED_SECONDS", 0.0)
    monkeypatch.setattr(sample_grids, "GRID_ROWS", 2)
    monkeypatch.setattr(sample_grids, "STATISTICS_BATCHES", 2)


@pytest.fixture
def run(drawn_source, tmp_path):
    """Run the comparison of tiny rows on drawn faces: its exit status."""

    def run(*arguments: str, rows: Mapping[str, Row] = TINY, out: str = "out") -> int:
        options = ["--data", str(drawn_source), "--images", "16", "--faces", str(N), "--out", str(tmp_path / out)]
        return main([*options, *arguments], rows)

    return run


def refuse(*_: Any, **__: Any) -> None:
    raise AssertionError("done already")


def test_rows_are_trained_scored_and_shown_and_then_stay(run, tmp_path, capsys, monkeypatch) -> None:
    assert run() == 0
    out = tmp_path / "out"
    table = (out / "comparison.md").read_text("utf-8")
    printed = capsys.readouterr().out
    assert table in printed
    assert "plain: 16 images, about " in printed
    assert "all: about " in printed
    lines = {line.split("|")[1].strip(): line for line in table.splitlines() if line.startswith("|")}
    assert {"real faces", "plain", "staged"} < set(lines)
    assert "| 16 |" in lines["plain"]
    assert "| 16 |" in lines["staged"]  # 8 a stage
    results = json.loads((out / "comparison.json").read_text())
    assert [results["staged"]["settings"][f"stage{i}"]["max_images"] for i in (1, 2)] == [8, 8]
    for name in ("plain", "staged"):
        assert results[name]["scores"]["colours"].keys() == {"hair", "eyes", "both"}
        assert results[name]["scores"]["classifier"]["frechet"]["value"] > 0
        assert [point["images"] for point in results[name]["course"]][-1] == (16 if name == "plain" else 8)
    assert results["staged"]["course"][0]["minutes"] > 0

    curves = (out / "comparison.svg").read_text("utf-8")
    assert ElementTree.fromstring(curves).tag.endswith("svg")
    assert curves.count("<polyline") == 6 * 2  # three scores over images and over minutes, of two rows
    assert "frechet" not in curves and "Fréchet distance, over minutes" in curves
    assert {"comparison-2.png", "comparison-5.png"} <= {path.name for path in out.iterdir()}

    with Image.open(out / "comparison.png") as page:
        pixels = np.asarray(page.convert("RGB"))
    for name, top in (("plain", 34), ("staged", 34 + 128 + 6)):
        with Image.open(out / name / "faces.png") as faces:
            assert (pixels[top : top + 128, 120:] == np.asarray(faces.convert("RGB"))).all()
        assert (pixels[top : top + 128, :120] < 128).any()  # a name

    before = (out / "comparison.json").read_bytes()
    for call in CALLS:
        monkeypatch.setattr(call, refuse)
    monkeypatch.setattr(Faces, "judge", refuse)
    assert run() == 0
    assert (out / "comparison.json").read_bytes() == before
    capsys.readouterr()
    for options, why in ((["--images", "20"], "(run); keep them or give another --out"), (["--seed", "1"], "(seed")):
        assert run("--rows", "plain", *options) == 2
        assert f"result.json: is the result of other settings {why}" in capsys.readouterr().err

    # The pictures of all rows have the same captions and seeds.
    model = TextToFace.from_pretrained(out / "plain" / "run" / "snapshot", dtype=torch.float32)
    expected = model.draw(list(PROMPTS) * 2, [0] * 10 + [1] * 10)
    with Image.open(out / "plain" / "faces.png") as faces:
        shown = torch.from_numpy(np.asarray(faces).copy())
    assert torch.equal(shown[:64, 64:128].permute(2, 0, 1), expected[1])
    assert torch.equal(shown[64:, :64].permute(2, 0, 1), expected[10])


def test_a_stopped_comparison_goes_on_where_it_was(run, tmp_path, capsys, monkeypatch) -> None:
    sound_step, steps = training.Trainer.step, 0

    def step(self: training.Trainer) -> dict[str, torch.Tensor]:
        nonlocal steps
        steps += 1
        if steps in (1, 3):  # the first of two in either stage
            signal.raise_signal(signal.SIGINT)
        return sound_step(self)

    monkeypatch.setattr(training.Trainer, "step", step)
    monkeypatch.setattr("gan.compare.say_how_long", lambda missing: None)  # it takes steps, too
    for _ in range(2):
        assert run("--rows", "staged") == 130
        assert "stopped; the same command goes on from here" in capsys.readouterr().err
        assert not (tmp_path / "out" / "staged" / "result.json").exists()
    assert run("--rows", "staged") == 0
    assert run("--rows", "staged", out="whole") == 0
    for name in ("stage1/snapshot/generator.safetensors", "stage2/snapshot/generator.safetensors", "faces.png"):
        parts, whole = ((tmp_path / out / "staged" / name).read_bytes() for out in ("out", "whole"))
        assert parts == whole, name


def test_a_damaged_result_is_one_line(run, tmp_path, capsys) -> None:
    (tmp_path / "out" / "real-faces").mkdir(parents=True)
    (tmp_path / "out" / "real-faces" / "result.json").write_text("{")
    (tmp_path / "out" / ".made-by").write_text("gan.compare\n")
    assert run() == 2
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / 'out' / 'real-faces' / 'result.json'}: not JSON")


def test_a_row_that_breaks_down_is_told_and_the_others_go_on(run, tmp_path, monkeypatch) -> None:
    sound_step = training.Trainer.step

    def step(self: training.Trainer) -> dict[str, torch.Tensor]:
        stats = sound_step(self)
        return stats | {"loss_D": torch.tensor(float("nan"))} if self.config.architecture == "residual" else stats

    monkeypatch.setattr(training.Trainer, "step", step)
    assert run() == 0
    table = (tmp_path / "out" / "comparison.md").read_text("utf-8")
    assert "plain broke down: loss_D is nan after 16 images" in table
    results = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert results["plain"]["scores"] == {}
    assert results["staged"]["scores"]


def test_too_few_faces_to_compare(run, capsys) -> None:
    assert run("--faces", "8") == 2
    assert "8 held-out faces are too few to compare with" in capsys.readouterr().err


def test_the_course_of_a_run_has_the_time_of_each_score(tmp_path) -> None:
    lines: list[dict[str, float]] = [
        {"images": 50, "score": 9.0},
        {"images": 100, "minutes": 2.0},
        {"images": 150, "score": 8.0},
        {"images": 150, "score": 7.0},  # again, after a resume
        {"images": 200, "minutes": 6.0},
    ]
    (tmp_path / "stats.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    points = [(point["images"], point["score"], point["minutes"]) for point in course_of(tmp_path)]
    assert points == [(50, 9.0, 1.0), (150, 7.0, 4.0)]


def test_equal_time_is_that_of_the_shortest_row() -> None:
    scores = {"colours": {"both": Estimate(0.5, 0.4, 0.6)}}

    def course(*minutes: float) -> list[dict[str, float]]:
        return [{"images": 1, "minutes": m, "both": m / 100, "frechet": 10 * m} for m in minutes]

    table = compare.table(
        {
            "real faces": compare.Result({"scored faces": 2000}, scores=scores),
            "quick": compare.Result({}, 6000, 10.0, scores, course(5, 10)),
            "slow": compare.Result({}, 6000, 40.0, scores, course(11, 20, 40)),
        }
    )
    header, _, real, quick, slow, *_ = table.splitlines()
    assert "both after 10 min" in header
    assert real.startswith("| real faces | – | – | – | 50.0 % [40.0, 60.0] | – | – |")
    assert quick.endswith("| 10.0 % (10 min) | 100 |")
    assert slow.startswith("| slow | 6,000 | 40.0 | 2 |")  # 6000 images in 2400 seconds
    assert slow.endswith("| 11.0 % (11 min) | 110 |")


def test_distances_are_those_of_the_last_feature_space() -> None:
    scores = {
        "colours": {"both": Estimate(0.5, 0.4, 0.6)},
        "classifier": {"frechet": Estimate(1, 0, 2)},
        "another network": {"frechet": Estimate(30, 29, 31)},
    }
    header, _, real, *_ = compare.table(
        {"real faces": compare.Result({"scored faces": 2000}, scores=scores)}
    ).splitlines()
    assert "Fréchet distance, another network" in header
    assert "classifier" not in header
    assert "| 30 [29, 31] |" in real


def test_captioned_images_are_compared_by_their_captions(
    shapes_source, small_matcher, tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.setattr("gan.evaluation.matcher.matcher_for", small_matcher)
    stage = {**TINY["plain"].stages[0], "encoder": "live", "conditioning": "pooled"}
    rows = {
        "plain": Row([stage]),
        "classes": Row([{**stage, "objective": "acgan"}]),
        "none": Row([{**stage, "conditioning": "none"}]),
    }
    options = ["--data", str(shapes_source), "--images", "16", "--out", str(tmp_path / "out")]
    assert main(options, rows) == 0
    output = capsys.readouterr()
    assert "classes: left out, for the data name no classes" in output.err
    assert "| R-precision | Fréchet distance, matcher | diversity, matcher | R-precision after" in output.out
    results = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert list(results) == ["real images", "plain", "none"]
    networks = [results[name]["settings"]["run"]["generator"] for name in ("plain", "none")]
    assert networks[0] == networks[1]
    assert networks[0]["bounded"] is False
    scores = {name: result["scores"]["captions"]["r_precision"]["value"] for name, result in results.items()}
    assert max(scores["plain"], scores["none"]) < scores["real images"]
    assert results["plain"]["course"][-1].keys() >= {"r_precision", "frechet", "score", "minutes"}
    assert (tmp_path / "out" / "comparison.png").is_file()
    for call in CALLS:
        monkeypatch.setattr(call, refuse)
    assert main(options, rows) == 0  # done already


def test_a_row_of_several_seeds_is_their_mean() -> None:
    def result(seed: int, both: float, failure: str = "") -> Result:
        scores = {} if failure else {"colours": {"both": Estimate(both, both - 0.0196, both + 0.0196)}}
        course = [] if failure else [{"images": 8, "minutes": 1.0 + seed, "both": both, "frechet": 1.0}]
        return Result({"seed": seed}, 8, 2.0, scores, course, failure)

    mean = mean_of([result(0, 0.5), result(1, 0.6)])
    both = mean.scores["colours"]["both"]
    assert both.value == pytest.approx(0.55)
    assert both.high - both.value == pytest.approx(1.96 * 0.005**0.5 / 2**0.5)  # the seeds differ more than samples
    alike = mean_of([result(0, 0.5), result(1, 0.5)]).scores["colours"]["both"]
    assert alike.high - alike.value == pytest.approx(0.0196 / 2**0.5)
    assert mean.course == [{"images": 8, "minutes": 1.5, "both": 0.55, "frechet": 1.0}]
    broken = mean_of([result(0, 0.5), result(1, 0, "loss_D is nan")])
    assert broken.failure == "from seed 1 loss_D is nan"
    assert broken.scores["colours"]["both"].value == 0.5
    real = Result({"scored faces": 32}, scores=mean.scores)
    table = compare.table({"real faces": real, "a": mean, "b": broken})
    assert table.startswith("| | seeds | images |")
    assert "| a | 2 | 8 |" in table
    assert "b broke down: from seed 1 loss_D is nan." in table


def test_further_seeds_are_runs_of_their_own(tmp_path) -> None:
    args = ComparisonSettings(data=("faces.zip",), out=tmp_path, preset="faces", seed=3)
    rows = {name: ROWS[name] for name in ("residual-r3gan", "stackgan")}
    trainings = compare.trainings_of(args, rows, "attributes")
    assert [(folder, each.seed) for folder, each in trainings.items()] == [
        *(("residual-r3gan", 3), ("stackgan", 3), ("residual-r3gan-seed4", 4)),
    ]
    assert trainings["residual-r3gan-seed4"].runs.keys() == {tmp_path / "residual-r3gan-seed4" / "run"}
    plain = dataclasses.replace(args, preset="objectives")
    assert list(compare.trainings_of(plain, rows, "attributes")) == list(rows)
    assert len(compare.trainings_of(dataclasses.replace(plain, seeds=2), rows, "attributes")) == 4


def test_results_of_earlier_versions_stand_where_nothing_changed() -> None:
    assert not compare._differs({"lr": 0.1}, {"lr": 0.1, "new": 1})
    assert compare._differs({"lr": 0.1}, {"lr": 0.2, "new": 1})


def test_rows_and_presets_are_listed(capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--list"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert "| baseline-wgan-gp | baseline | wgan-gp | of the data | 0.0001 | 10 | 5 | 2 |" in printed
    assert "| dfgan | dfgan | ma-gp | of the data | 0.0001, D 0.0004 | 2 | 1 | 1 |" in printed
    assert "| assignment | baseline | gan-cls | one-hot | 0.0002 | – | 1 | 1 |" in printed
    assert all(f"--preset {name}: {', '.join(rows)}" in printed for name, rows in COMPARISONS.items())


# -- the rows of the project -----------------------------------------------------------------------------------------


def test_every_objective_is_compared() -> None:
    assert {compare.resolved(stage)["objective"] for row in ROWS.values() for stage in row.stages} == set(OBJECTIVES)


@pytest.mark.parametrize("name", ROWS)
def test_every_row_can_be_trained(name, tmp_path) -> None:
    args = ComparisonSettings(data=("faces.zip",), out=tmp_path)
    runs = compare.configs_of(ROWS[name].stages, Path("out"), args)
    for config in runs.values():
        own = OBJECTIVES[config.objective].settings
        assert {key: getattr(config, key) for key in own} == own  # the paper's
        D = build_discriminator(config.architecture, c_dim=4, **config.discriminator)
        OBJECTIVES[config.objective]().prepare(D, (12, 11))
    assert sum(config.max_images for config in runs.values()) == 100_000


def test_every_row_has_the_batch_that_is_asked_for(tmp_path) -> None:
    args = ComparisonSettings(data=("faces.zip",), batch_size=6, out=tmp_path)
    for name, row in ROWS.items():
        assert {config.batch_size for config in compare.configs_of(row.stages, Path(name), args).values()} == {6}
