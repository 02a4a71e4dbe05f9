import copy
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from encoder.attributes.onehot import OneHotEncoder
from encoder.common.errors import InputError
from gan.networks import build_discriminator, build_generator, load_weights
from gan.pipeline import TextToFace
from gan.release import DISCRIMINATOR_FILE, ReleaseConfig
from gan.training.config import TrainingConfig
from gan.training.run import Run
from gan.training.state import STATE_FILE, load_state, save_release, save_state

SMALL = {"widths": [8, 8, 8, 8], "detail_width": 4, "style_dim": 8}
SMALL_D = {"widths": [8, 8, 8, 8, 8], "feature_dim": 8, "fine_width": 4}
STATE = {
    "config": "{}",
    "data": "0f",
    "images": 5,
    "sources": ["a"],
    "space": "tiny",
    "cur_nimg": 64,
    "images_before": 0,
    "d_step": 8,
    "minutes": 1.5,
    "G": {"weight": torch.arange(6.0).reshape(2, 3)},
    "D": {},
    "G_ema": {},
    "opt_G": {},
    "opt_D": {},
    "generator": torch.Generator().get_state(),
    "order": torch.arange(3),
    "best_score": float("inf"),
}


def test_state_round_trip(tmp_path) -> None:
    save_state(tmp_path / "run", STATE)
    state = load_state(tmp_path / "run")
    assert torch.equal(state["G"].pop("weight"), STATE["G"]["weight"])
    for name in ("generator", "order"):
        assert torch.equal(state.pop(name), STATE[name])
    assert (state.pop("ahead"), state.pop("augment")) == (0, 0.0)  # earlier versions' states lack them
    assert {**STATE, "G": {}}.items() >= state.items()


def test_a_failed_save_keeps_the_last_state(tmp_path, monkeypatch) -> None:
    save_state(tmp_path, STATE)

    def full_disk(_state: object, file: io.BytesIO) -> None:
        file.write(b"half of it")
        raise RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(InputError, match=r"state\.pt: cannot be written .*PytorchStreamWriter"):
        save_state(tmp_path, {**STATE, "cur_nimg": 128})
    assert load_state(tmp_path)["cur_nimg"] == 64
    assert [path.name for path in tmp_path.iterdir()] == [STATE_FILE]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-100],
        lambda data: b"",
        lambda data: b"garbage",
        lambda _: b"PK",
        lambda data: data[:20],
        lambda data: data + b"x",
        lambda data: b"x" + data[1:],
        lambda data: data[:-1] + b"x",
        lambda data: data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :],
    ],
)
def test_a_damaged_state_is_named_in_one_line(tmp_path, damage) -> None:
    save_state(tmp_path, STATE)
    path = tmp_path / STATE_FILE
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=r"state\.pt: the training state is damaged \(\w.*\); start") as caught:
        load_state(tmp_path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300 + len(str(path))


def test_every_flipped_byte_of_a_state_is_noticed(tmp_path) -> None:
    save_state(tmp_path, STATE)
    path = tmp_path / STATE_FILE
    sound = path.read_bytes()
    for i in [*range(60), *range(60, len(sound), 97)]:
        path.write_bytes(sound[:i] + bytes([sound[i] ^ 4]) + sound[i + 1 :])
        with pytest.raises(InputError, match="the training state is damaged"):
            load_state(tmp_path)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({}, "the key config is missing"),
        ([], "what it holds is a list; it must be an object"),
        ({**STATE, "G": 5}, "G is 5; it must be an object"),
        ({**STATE, "G": {"weight": 5}}, r"G\.weight is 5; it must be a Tensor"),
        ({**STATE, "cur_nimg": -1}, "cur_nimg is -1; it must be an integer"),
        ({**STATE, "minutes": float("nan")}, "minutes is nan; it must be a number"),
        ({**STATE, "sources": "ab"}, "sources is 'ab'; it must be a list"),
        ({**STATE, "order": [1, 2]}, "order is a list; it must be a Tensor"),
        ({name: value for name, value in STATE.items() if name != "G_ema"}, "the key G_ema is missing"),
    ],
)
def test_a_state_that_holds_something_else_is_named(tmp_path, state, message) -> None:
    save_state(tmp_path, state)
    with pytest.raises(InputError, match=rf"state\.pt: {message}"):
        load_state(tmp_path)


@pytest.mark.parametrize(("make", "reason"), [(os.mkdir, "Is a directory"), (os.mkfifo, "not a file")])
def test_a_state_that_is_no_file_is_not_waited_for(tmp_path, make, reason) -> None:
    make(tmp_path / STATE_FILE)
    with pytest.raises(InputError, match=rf"state\.pt: the training state cannot be read \({reason}"):
        load_state(tmp_path)


def test_a_config_within_a_state_is_checked(tmp_path) -> None:
    for text, message in {
        "": "config: not JSON",
        '{"data": "ab"}': "config: data is 'ab'; it must be a list",
        '{"data": ["a"], "lr": "x"}': "config: lr is 'x'; it must be a number",
        '{"data": ["a"], "z_dim": 1e999}': "config: z_dim is inf; it must be an integer",
        '{"data": ["a"], "encoder": []}': "config: encoder is a list; it must be one of",
        "[" * 100_000: "config: not JSON",
    }.items():
        save_state(tmp_path, {**STATE, "config": text})
        opened = Run.open(tmp_path, TrainingConfig(), resume=True)
        with pytest.raises(InputError, match=rf"state\.pt: {message}"), opened:
            pass


def released(folder: Path, **further: Any) -> Path:
    """A small release."""
    G = build_generator("residual", z_dim=4, c_dim=132, **SMALL)
    D = build_discriminator("residual", c_dim=132, **SMALL_D)
    config = TrainingConfig(data=("a.zip",), z_dim=4, generator=SMALL)
    save_release(folder, G, D, config, OneHotEncoder(), ("a",), images_seen=1, **further)
    return folder


@pytest.mark.parametrize("name", ["config.json", "generator.safetensors", "discriminator.safetensors"])
@pytest.mark.parametrize("damage", ["missing", "empty", "half", "last byte", "folder", "flipped", "NUL"])
def test_a_damaged_file_of_a_release_is_named(tmp_path, name, damage) -> None:
    path = released(tmp_path / "model") / name
    data, middle = path.read_bytes(), len(path.read_bytes()) // 2
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage != "missing":
        flipped = data[:middle] + bytes([data[middle] ^ 16]) + data[middle + 1 :]
        cut = {"empty": b"", "half": data[:middle], "last byte": data[:-3], "flipped": flipped, "NUL": b"\0" + data}
        if (name, damage) == ("config.json", "flipped"):
            cut["flipped"] = data.replace(b'"z_dim": 4', b'"z_dim": -4', 1)
        path.write_bytes(cut[damage])
    with pytest.raises(InputError, match=name) as caught:
        pipeline = TextToFace.from_pretrained(tmp_path / "model")
        load_weights(
            build_discriminator("residual", c_dim=132, **pipeline.config.discriminator), tmp_path / "model" / name
        )
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"sources": "ab"}, {"sources": []}, {"sources": ["a", "a"]}, {"z_dim": float("inf")}, {"z_dim": "4"},
        {"z_dim": 0}, {"c_dim": 131}, {"network": []}, {"network": {"widths": "wide"}}, {"network": {"widths": 5}},
        {"network": {"widths": [8, 8]}}, {"network": {"width": 5}}, {"conditioning": 1}, {"images_seen": -1},
        {"conditioning": {"kind": "onehot", "dim": -132, "space": ""}}, {"architecture": "x"}, {"architecture": None},
        {"conditioning": {"kind": "bag of words", "dim": 132, "space": ""}},
    ],
)  # fmt: skip
def test_a_config_that_cannot_be_is_one_line(tmp_path, change) -> None:
    path = released(tmp_path) / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InputError) as caught:
        TextToFace.from_pretrained(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_missing_state(tmp_path) -> None:
    with pytest.raises(InputError, match="no training state to resume from; start without --resume"):
        load_state(tmp_path)


def test_a_state_runs_no_code(tmp_path) -> None:
    torch.save({"cur_nimg": Path("anything that is not a tensor")}, tmp_path / STATE_FILE)
    with pytest.raises(InputError, match="damaged"):
        load_state(tmp_path)


def test_release_is_what_the_pipeline_reads(tmp_path) -> None:
    encoder = OneHotEncoder()
    torch.manual_seed(0)
    G = build_generator("residual", z_dim=4, c_dim=encoder.dim + 2, **SMALL).eval()
    D = build_discriminator("residual", c_dim=encoder.dim + 2, **SMALL_D)
    config = TrainingConfig(
        data=("/somewhere/private/a.zip", "b=/somewhere/private/b"),
        init="/somewhere/private/c",
        encoder_path="/somewhere/private/d",
        z_dim=4,
        generator=SMALL,
        discriminator=SMALL_D,
    )
    save_release(tmp_path / "model", G, D, config, encoder, ("a", "b"), images_seen=1234)

    release = ReleaseConfig.read(tmp_path / "model")
    assert (release.architecture, release.z_dim, release.c_dim) == ("residual", 4, 134)
    assert release.sources == ("a", "b")
    assert release.network == SMALL | {"text_layout": False, "bounded": True}  # all of them, defaults included
    assert release.discriminator == SMALL_D
    text = (tmp_path / "model" / "config.json").read_text()
    assert json.loads(text)["images_seen"] == 1234
    assert "somewhere" not in text

    faces = TextToFace.from_pretrained(tmp_path / "model")
    assert faces.encoder.space.kind == "onehot"
    z = faces.noise([0])
    c = faces.conditions(["pink hair green eyes"], style="b")
    expected = copy.deepcopy(G).double()(z, c)
    assert torch.equal(faces.draw_conditions(c, z), ((expected + 1) * 127.5).round().byte())

    again = build_discriminator("residual", c_dim=encoder.dim + 2, **release.discriminator)
    load_weights(again, tmp_path / "model" / DISCRIMINATOR_FILE)
    for name, value in D.state_dict().items():
        assert torch.equal(again.state_dict()[name], value.half().float())


def test_a_release_of_one_source_has_no_place_for_it(tmp_path) -> None:
    assert ReleaseConfig.read(released(tmp_path)).c_dim == 132


def test_a_release_keeps_the_palette_of_its_training_images(tmp_path) -> None:
    assert "palette" not in json.loads((released(tmp_path / "plain") / "config.json").read_text())
    folder = released(tmp_path / "model", palette={"hair": "#12806a #ffffff", "eyes": "#000000"})
    assert ReleaseConfig.read(folder).palette == {"hair": "#12806a #ffffff", "eyes": "#000000"}


@pytest.mark.parametrize("colours", ["", "#12806", "teal", "#12806a  #ffffff", "#12806a,#ffffff", "#12806a "])
def test_a_damaged_palette_is_named(tmp_path, colours) -> None:
    folder = released(tmp_path / "model", palette={"hair": colours})
    with pytest.raises(InputError, match=r"config\.json: palette\.hair is no list of colours"):
        ReleaseConfig.read(folder)
