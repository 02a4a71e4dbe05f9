import dataclasses

import pytest

from encoder.common.errors import InputError
from gan.training.config import RUNTIME_FIELDS, TrainingConfig

CONFIG = TrainingConfig(data=("a.zip", "b"), generator={"widths": [8, 8]})


def test_json_round_trip() -> None:
    assert TrainingConfig.from_json(CONFIG.to_json()) == CONFIG


def test_an_unknown_setting_is_an_error() -> None:
    text = CONFIG.to_json().replace('"lr":', '"learning_rate":')
    with pytest.raises(InputError, match="the configuration: unknown key learning_rate"):
        TrainingConfig.from_json(text)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", 0), ("z_dim", 0), ("wordings", 0), ("max_images", -1), ("tick_images", 0), ("lr", 0.0),
        ("lr", float("nan")), ("lr", float("inf")), ("gamma", -0.1), ("gamma", float("nan")), ("ema_images", 0),
        ("max_minutes", -1.0), ("drop_attributes", 1.0), ("drop_attributes", float("nan")), ("beta1", 1.0),
        ("beta2", -0.1), ("lr", -1.0), ("threads", -1), ("evaluate_images", -1), ("seed", -1), ("seed", 2**64),
        ("encoder", "telepathy"), ("generator", [1]), ("wrong_eyes", 1.0),
        ("batch_size", 8.0), ("batch_size", True), ("batch_size", None), ("batch_size", "8"), ("batch_size", 10**9),
        ("threads", 100_000), ("max_images", 10**20), ("seed", 1.0), ("lr", "0.1"), ("lr", None), ("lr", True),
        pytest.param("gamma", 10**5000, id="gamma-huge"), ("wordings", [8]), ("encoder_path", None),
        ("init", 3), ("device", "tpu"),
        ("conditioning", 1), ("generator", None), ("discriminator", '{"a": 1}'), ("data", "a.zip"), ("data", (1,)),
        ("schedule_images", float("nan")), ("ema_images", float("inf")), ("precision", ["auto"]),
    ],
)  # fmt: skip
def test_a_bad_value_is_named(name, value) -> None:
    with pytest.raises(InputError, match=rf"^{name}\S* is .*; it must be ") as caught:
        dataclasses.replace(CONFIG, **{name: value})
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 250


def test_a_whole_number_stands_for_any_other() -> None:
    assert dataclasses.replace(CONFIG, lr=1, gamma=0).lr == 1


def test_changes_name_what_was_changed() -> None:
    other = dataclasses.replace(CONFIG, lr=0.1, generator={"widths": [8, 9]}, max_images=5)
    assert CONFIG.changes(other) == ["generator: {'widths': [8, 8]} -> {'widths': [8, 9]}", "lr: 0.0004 -> 0.1"]
    assert CONFIG.changes(dataclasses.replace(CONFIG, generator={"widths": (8, 8)})) == []


def test_runtime_settings_are_no_changes() -> None:
    runtime = {"data": ("c",), "device": "cuda", "threads": 2, "max_images": 7, "max_minutes": 8.0}
    runtime |= {"tick_images": 9, "snapshot_images": 10, "evaluate_images": 11, "log": ("wandb",)}
    runtime |= {"caption_column": "x", "image_column": "y"}
    assert set(runtime) == set(RUNTIME_FIELDS)
    assert CONFIG.changes(dataclasses.replace(CONFIG, **runtime)) == []
