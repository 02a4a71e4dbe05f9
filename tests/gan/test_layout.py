"""Layout and manner apart: pose and shape from one seed, shade and manner from another."""

from __future__ import annotations

import json

import pytest
import torch
from releases import write_one_hot

from encoder.common.errors import InputError
from gan.draw import main
from gan.engine import metadata
from gan.pipeline import TextToImage

TEXT = "pink hair green eyes"


@pytest.mark.parametrize("architecture", ["residual", "grouped"])
def test_the_layout_comes_from_its_seed_and_the_style_from_the_images_own(tmp_path, architecture) -> None:
    pipe = TextToImage.from_pretrained(write_one_hot(tmp_path / "release", architecture))
    own = pipe.draw([TEXT] * 2, [1, 2])
    assert torch.equal(pipe.draw([TEXT], [1], layout_seed=1), own[:1])
    mixed = pipe.draw([TEXT] * 2, [1, 2], layout_seed=2)
    assert torch.equal(mixed[1], own[1])
    assert not torch.equal(mixed[0], own[0]) and not torch.equal(mixed[0], own[1])
    z, c = pipe.noise([1, 2]), pipe.conditions([TEXT] * 2)
    (layouts, styles), (other, same) = pipe.G.layout_and_style(z, c), pipe.G.layout_and_style(z, c, z.flip(0))
    assert torch.equal(other, layouts.flip(0)) and torch.equal(same, styles)


def test_a_picture_tells_its_layout_seed_and_pose(tmp_path) -> None:
    pipe = TextToImage.from_pretrained(write_one_hot(tmp_path / "release"), layout_seed=3, turn=-1.5)
    told = metadata(pipe, [])
    assert (told["Layout seed"], told["Turn"]) == ("3", "-1.5") and "Tilt" not in told


@pytest.mark.parametrize("architecture", ["residual", "grouped"])
def test_turn_and_tilt_go_along_the_directions_that_the_config_names(tmp_path, architecture) -> None:
    release = write_one_hot(tmp_path / "release", architecture)
    plain = TextToImage.from_pretrained(release)
    with pytest.raises(InputError, match=r"release: its config names no direction of turn \(pose\); leave turn out"):
        plain.draw([TEXT], [1], turn=1)
    config = json.loads((release / "config.json").read_text())
    for pose, right in (({"turn": 0}, False), ({"turn": 17}, False), ({"turn": -2, "tilt": 1}, True)):
        (release / "config.json").write_text(json.dumps(config | {"pose": pose}))
        if not right:
            with pytest.raises(InputError, match=r"pose\.turn is \d+; it must be from 1 to 16"):
                TextToImage.from_pretrained(release)
    pipe, z = TextToImage.from_pretrained(release), plain.noise([1, 2])
    weight, second = pipe.G.start.weight, pipe.G.layout_direction(2)
    sizes = [(weight @ pipe.G.layout_direction(k)).norm() for k in (1, 2, 3)]
    assert torch.allclose(torch.stack(sizes), torch.linalg.svdvals(weight)[:3]) and second.abs().max() == second.max()
    moved = pipe.with_settings(turn=1.5).layout_noise(z)
    assert torch.allclose(moved, z - 1.5 * second)
    assert torch.equal(pipe.draw([TEXT], [1], turn=0, tilt=0), plain.draw([TEXT], [1]))
    assert not torch.equal(pipe.draw([TEXT], [1], tilt=2), plain.draw([TEXT], [1]))


def test_models_without_a_layout_are_refused_in_one_line(tmp_path, capsys) -> None:
    release = write_one_hot(tmp_path / "release", "baseline")
    with pytest.raises(InputError, match="release: draws layout and manner from one noise; leave layout_seed out"):
        TextToImage.from_pretrained(release).draw([TEXT], [1], layout_seed=2)
    options = ["--model", str(release), "--text", TEXT, "--out", str(tmp_path / "a.png")]
    assert main([*options, "--layout-seed", "2"]) == 2
    assert "draws layout and manner from one noise" in capsys.readouterr().err
    for given in ("--layout-seed", "--turn", "--tilt"):
        assert main([*options, given, "2", "--backend", "onnx", "--dtype", "float32"]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert main([*options, "--tilt", "-1"]) == 2
    assert "leave tilt out" in capsys.readouterr().err
