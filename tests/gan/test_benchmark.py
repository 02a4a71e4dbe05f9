from gan import benchmark
from gan.benchmark import every_trainer, gflop_per_image
from gan.objectives import OBJECTIVES


def test_every_architecture_goes_with_every_objective(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(benchmark, "ARCHITECTURES", ("residual", "stackgan2"))
    monkeypatch.setattr(benchmark, "OBJECTIVES", {key: OBJECTIVES[key] for key in ("gan-cls", "wgan-gp")})
    runs = dict(every_trainer(tmp_path, batch_size=2))
    assert list(runs) == [
        "residual + gan-cls",
        "residual + wgan-gp",
        "stackgan2 + gan-cls",
        "stackgan2, no normalisation in D + wgan-gp",
    ]
    # By image: with five critic steps there are five times the images.
    plain, penalised = (gflop_per_image(runs[f"residual + {key}"]) for key in ("gan-cls", "wgan-gp"))
    assert 1 < plain < 10
    assert plain / 2 < penalised < 2 * plain
