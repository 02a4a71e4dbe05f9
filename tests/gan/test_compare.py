import json
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gan import compare
from gan.compare import ROWS, ComparisonSettings, Stages, course_of, main
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
TINY: dict[str, Stages] = {
    "plain": [
        {
            **SMALL,
            "objective": "r3gan",
            "generator": {"widths": [8, 8, 8, 8], "detail_width": 4, "style_dim": 8},
            "discriminator": {"widths": [8, 8, 8, 8, 8], "feature_dim": 8},
        }
    ],
    "staged": [
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
    ],
}
CALLS = ("gan.compare.train", "gan.compare.train_and_score")


@pytest.fixture(autouse=True)
def small_scale(monkeypatch, reader) -> None:
    monkeypatch.setattr(compare, "MIN_FACES", N)
    monkeypatch.setattr(evaluation, "MIN_FACES", N)
    monkeypatch.setattr(evaluation, "DIRECTIONS", 4)
    monkeypatch.setattr("gan.faces.classifier.load_classifier", lambda path: reader)
    monkeypatch.setattr("gan.evaluation.judge.other_spaces", lambda: {})
    monkeypatch.setattr(sample_grids, "GRID_ROWS", 1)
    monkeypatch.setattr(sample_grids, "STATISTICS_BATCHES", 2)


@pytest.fixture
def run(drawn_source, tmp_path):
    """Run the comparison of tiny rows on drawn faces: its exit status."""

    def run(*arguments: str, rows: Mapping[str, Stages] = TINY, out: str = "out") -> int:
        options = ["--data", str(drawn_source), "--images", "16", "--faces", str(N), "--out", str(tmp_path / out)]
        return main([*options, *arguments], rows)

    return run


def refuse(*_: Any, **__: Any) -> None:
    raise AssertionError("done already")


def test_rows_are_trained_scored_and_shown_and_then_stay(run, tmp_path, capsys, monkeypatch) -> None:
    assert run() == 0
    out = tmp_path / "out"
    table = (out / "comparison.md").read_text("utf-8")
    assert table in capsys.readouterr().out
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


def test_the_pictures_of_all_rows_have_the_same_captions_and_seeds(run, tmp_path) -> None:
    assert run("--rows", "plain") == 0
    model = TextToFace.from_pretrained(tmp_path / "out" / "plain" / "run" / "snapshot", dtype=torch.float32)
    captions = list(PROMPTS)
    expected = model.draw(captions * 2, [0] * 10 + [1] * 10)
    with Image.open(tmp_path / "out" / "plain" / "faces.png") as faces:
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
    for _ in range(2):
        assert run("--rows", "staged") == 130
        assert "stopped; the same command goes on from here" in capsys.readouterr().err
        assert not (tmp_path / "out" / "staged" / "result.json").exists()
    assert run("--rows", "staged") == 0
    assert run("--rows", "staged", out="whole") == 0
    for name in ("stage1/snapshot/generator.safetensors", "stage2/snapshot/generator.safetensors", "faces.png"):
        parts, whole = ((tmp_path / out / "staged" / name).read_bytes() for out in ("out", "whole"))
        assert parts == whole, name


def test_results_of_other_settings_are_refused(run, capsys) -> None:
    assert run("--rows", "plain") == 0
    assert run("--rows", "plain", "--images", "20") == 2
    err = capsys.readouterr().err.strip().splitlines()[-1]
    assert "result.json: is the result of other settings (run); keep them or give another --out" in err
    assert run("--rows", "plain", "--seed", "1") == 2
    assert "other settings (seed" in capsys.readouterr().err


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
    stage = {**TINY["plain"][0], "encoder": "live", "conditioning": "pooled"}
    rows: dict[str, Stages] = {"plain": [stage], "classes": [{**stage, "objective": "acgan"}]}
    options = ["--data", str(shapes_source), "--images", "16", "--out", str(tmp_path / "out")]
    assert main(options, rows) == 0
    output = capsys.readouterr()
    assert "classes: left out, for the data name no classes" in output.err
    assert "| R-precision | Fréchet distance, matcher | diversity, matcher | R-precision after" in output.out
    results = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert list(results) == ["real images", "plain"]
    scores = {name: result["scores"]["captions"]["r_precision"]["value"] for name, result in results.items()}
    assert scores["plain"] < scores["real images"]
    assert results["plain"]["course"][-1].keys() >= {"r_precision", "frechet", "score", "minutes"}
    assert (tmp_path / "out" / "comparison.png").is_file()
    for call in CALLS:
        monkeypatch.setattr(call, refuse)
    assert main(options, rows) == 0  # done already


# -- the rows of the project -----------------------------------------------------------------------------------------


def test_every_objective_is_compared() -> None:
    assert {stage["objective"] for stages in ROWS.values() for stage in stages} == set(OBJECTIVES)


@pytest.mark.parametrize("name", ROWS)
def test_every_row_can_be_trained(name, tmp_path) -> None:
    args = ComparisonSettings(data=("faces.zip",), out=tmp_path)
    runs = compare.configs_of(ROWS[name], Path("out"), args)
    for config in runs.values():
        own = OBJECTIVES[config.objective].settings
        assert {key: getattr(config, key) for key in own} == own  # the paper's
        D = build_discriminator(config.architecture, c_dim=4, **config.discriminator)
        OBJECTIVES[config.objective]().prepare(D, (12, 11))
    assert sum(config.max_images for config in runs.values()) == 100_000


def test_every_row_has_the_batch_that_is_asked_for(tmp_path) -> None:
    args = ComparisonSettings(data=("faces.zip",), batch_size=6, out=tmp_path)
    for name, stages in ROWS.items():
        assert {config.batch_size for config in compare.configs_of(stages, Path(name), args).values()} == {6}
