from gan import benchmark
from gan.benchmark import benchmark_training, combinations, gflop_per_image, steps_of_a_round, trainer
from gan.training.objectives import OBJECTIVES


def test_every_architecture_goes_with_every_objective(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(benchmark, "ARCHITECTURES", ("residual", "stackgan2"))
    monkeypatch.setattr(benchmark, "OBJECTIVES", {key: OBJECTIVES[key] for key in ("gan-cls", "wgan-gp")})
    found = dict(combinations(tmp_path))
    assert list(found) == [
        "residual + gan-cls",
        "residual + wgan-gp",
        "stackgan2 + gan-cls",
        "stackgan2, no normalisation in D + wgan-gp",
    ]
    for settings in found.values():
        trainer(**settings, folder=tmp_path, batch_size=2)


def test_rows_come_one_by_one_and_only_some_are_timed(monkeypatch) -> None:
    monkeypatch.setattr(benchmark, "ARCHITECTURES", ("residual",))
    monkeypatch.setattr(benchmark, "OBJECTIVES", {"gan-cls": OBJECTIVES["gan-cls"]})
    monkeypatch.setattr(benchmark, "images_per_second", lambda *_: 7.0)
    plain, row = benchmark_training(0.0, timed=(), batch_size=2)
    assert plain[:3] == ("baseline, plain float32 step", "7", "1.00")
    assert row[:3] == ("residual + gan-cls", "–", "–")
    assert float(row[3]) > 0
    _, row = benchmark_training(0.0, timed=("residual",), batch_size=2)
    assert row[1:3] == ("7", "1.00")


def test_a_round_holds_one_lazy_penalty() -> None:
    assert {key: steps_of_a_round(OBJECTIVES[key]()) for key in ("r3gan", "gan-cls", "wgan-gp")} == {
        "r3gan": 8,
        "gan-cls": 1,
        "wgan-gp": 1,
    }


def test_arithmetic_is_counted_by_image(tmp_path) -> None:
    networks = {"generator": {"widths": [8] * 4}, "discriminator": {"widths": [8] * 5, "feature_dim": 8}}
    plain, penalised = (
        gflop_per_image(trainer("residual", key, tmp_path, batch_size=2, **networks)) for key in ("gan-cls", "wgan-gp")
    )
    assert plain > 0
    assert plain / 2 < penalised < 2 * plain  # with five critic steps there are five times the images
