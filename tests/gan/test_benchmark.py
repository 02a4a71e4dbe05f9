from gan import benchmark
from gan.benchmark import every_trainer, gflop_per_image, trainer
from gan.objectives import OBJECTIVES


def test_every_architecture_goes_with_every_objective(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(benchmark, "ARCHITECTURES", ("residual", "stackgan2"))
    monkeypatch.setattr(benchmark, "OBJECTIVES", {key: OBJECTIVES[key] for key in ("gan-cls", "wgan-gp")})
    assert [name for name, _ in every_trainer(tmp_path, batch_size=2)] == [
        "residual + gan-cls",
        "residual + wgan-gp",
        "stackgan2 + gan-cls",
        "stackgan2, no normalisation in D + wgan-gp",
    ]


def test_arithmetic_is_counted_by_image(tmp_path) -> None:
    networks = {"generator": {"widths": [8] * 4}, "discriminator": {"widths": [8] * 5, "feature_dim": 8}}
    plain, penalised = (
        gflop_per_image(trainer("residual", key, tmp_path, batch_size=2, **networks)) for key in ("gan-cls", "wgan-gp")
    )
    assert plain > 0
    assert plain / 2 < penalised < 2 * plain  # with five critic steps there are five times the images
