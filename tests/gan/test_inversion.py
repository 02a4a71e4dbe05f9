"""A picture as the prompt: found in the model, edited by a text, from Python and by ``infer.py --edit``."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from releases import write_generator, write_one_hot
from tiny import ColourEncoder

from encoder.attributes.vocabulary import SLOTS
from encoder.common.errors import InputError
from gan.draw import main
from gan.images import as_pil, psnr, to_pixels
from gan.inversion import editing, optimise
from gan.inversion.judging import EDITS, layouts_alike, measure
from gan.inversion.latents import Latents
from gan.inversion.network import Inverter, generator_digest, save_inverter
from gan.pipeline import TextToImage

TEXT = "pink hair green eyes"
SMALL = {"widths": [4, 4, 4, 4, 4], "fine_width": 2, "dense_width": 8}


@pytest.fixture(autouse=True)
def few_steps(monkeypatch) -> None:
    monkeypatch.setattr(optimise, "NOISE_STEPS", 4)
    monkeypatch.setattr(optimise, "STEPS", 4)


def with_inverter(release: Path, sources: int) -> Path:
    """The release with an inverter of random weights."""
    pipe = TextToImage.from_pretrained(release)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        inverter = Inverter.of(pipe.G, sources, **SMALL)
        torch.nn.init.normal_(inverter.out.weight, std=0.3)
    save_inverter(inverter, release, generator_digest(release), {"passes": 2})
    return release


@pytest.fixture
def pipe(tmp_path, monkeypatch) -> TextToImage:
    """A release of faces in two styles, whose texts name values and exact colours, with an inverter."""
    encoder = ColourEncoder()
    monkeypatch.setattr("gan.pipeline.load_encoder", lambda *_args, **_kwargs: encoder)
    conditioning = {"kind": "head", "dim": encoder.dim, "space": encoder.space.name}
    release = write_generator(tmp_path / "release", conditioning, sources=("extra", "anime"))
    return TextToImage.from_pretrained(with_inverter(release, 2))


def test_latents_of_noise_alone_draw_what_the_noise_draws(pipe) -> None:
    z, c = pipe.noise([1, 2]), pipe.conditions(["pink hair", "green eyes"])
    assert torch.equal(Latents.of_noise(pipe.G, z).draw(pipe.G, c), pipe.G(z, c))


def test_gradient_descent_comes_nearer_from_any_start(pipe, monkeypatch) -> None:
    monkeypatch.setattr(optimise, "STEPS", 30)
    given = as_pil(pipe.draw(["black hair"], [5])[0])
    rough, faithful = pipe.invert(given, faithful=False), pipe.invert(given)
    assert faithful.quality[0] > rough.quality[0] + 1
    for name in ("inverter.json", "inverter.safetensors"):
        (pipe.folder / name).unlink()
    alone = TextToImage.from_pretrained(pipe.folder)
    assert alone.invert(given).quality[0] > 10
    with pytest.raises(InputError, match="release: has no inverter; leave faithful on, or train one"):
        alone.invert(given, faithful=False)


def test_edits_are_judged(pipe) -> None:
    images = pipe.draw(["black hair"] * 2, [1, 2])
    figures = dict(measure(pipe, images, faithful=False))
    assert figures == dict(measure(pipe, images, faithful=False)) | {k: v for k, v in figures.items() if "CPU" in k}
    quality = pipe.invert([as_pil(image) for image in images], faithful=False).quality
    assert figures["reconstruction, median"] == f"{quality.median():.1f} dB"
    shares = {name: figure.split(" of ")[1] for name, figure in figures.items() if "%" in figure}
    assert [count for name, count in shares.items() if "gray" not in name][:4] == [str(2 * EDITS)] * 3 + ["2"]
    assert sum(name.startswith("other style: ") for name in shares) == 3
    assert layouts_alike(pipe).endswith("% of 64")


def test_pictures_are_found_alone_as_among_others(pipe) -> None:
    images = [as_pil(image) for image in pipe.draw(["black hair"] * 3, [1, 2, 3])]
    together = pipe.edit(images, "green hair", faithful=False)
    for i, image in enumerate(images):
        alone = pipe.edit(image, "green hair", faithful=False)
        assert alone.images[0].tobytes() == together.images[i].tobytes()
        assert alone.shown == [together.shown[i]]


def test_an_edit_changes_what_the_text_names_and_keeps_the_rest(pipe) -> None:
    image = as_pil(pipe.draw(["black hair"], [1])[0])
    inversion = pipe.invert(image, faithful=False)
    (shown,) = inversion.read
    assert {"hair", "eyes", "length"} <= shown.keys()
    out = pipe.edit(inversion, "#12806a hair")
    assert out.read[0]["hair colour"] == "#12806a"
    assert (out.read[0]["eyes"], out.read[0]["length"]) == (shown["eyes"], shown["length"])
    assert out.given[0].tobytes() == image.tobytes() and len(out.quality) == 1
    own = inversion.c[0, : pipe.encoder.dim]
    for value in ("red", "blue", "green"):  # the denied value of the picture alone changes it
        denied = torch.zeros_like(own)
        denied[SLOTS["hair"].index(value)] = -0.2
        same = torch.equal(editing._merged(pipe, pipe.read([""])[0]._replace(c=denied), own), own)
        assert same == (value != shown["hair"])
    kept = pipe.edit(inversion, "same hair, red eyes")
    assert kept.read[0]["hair"] == shown["hair"] and kept.read[0]["eyes"] == "red" and not kept.warnings
    unknown = pipe.edit(inversion, "quux").warnings
    assert unknown == ["nothing recognised in 'quux': hair and eyes stay as they are in the picture"]
    same = pipe.edit(inversion, "")
    assert same.images[0].tobytes() == same.reconstructions[0].tobytes() != out.images[0].tobytes()
    other = pipe.edit(inversion, "", style="anime" if inversion.c[0, -2] else "extra")
    assert other.images[0].tobytes() != same.images[0].tobytes()
    three = pipe.edit(inversion, "#12806a hair", num_images=3)
    assert three.images[0].tobytes() == out.images[0].tobytes() and three.seeds == [0, 1, 2]
    assert len({each.tobytes() for each in three.images}) == 3
    pipe.config.pose["tilt"] = 1
    tilted = pipe.with_settings(tilt=2).edit(inversion, "")
    assert tilted.reconstructions[0].tobytes() == same.reconstructions[0].tobytes() != tilted.images[0].tobytes()
    del pipe.config.pose["tilt"]
    assert three.grid().size == (64, 5 * 64)


def test_an_edit_holds_what_does_not_change_as_the_hair() -> None:
    before = torch.full((3, 3, 64, 64), 100, dtype=torch.uint8)
    pictures = before.clone()
    pictures[:, 0, :, :32] = 200  # the hair turns red
    pictures[:, 1, :, 40:] = 130  # the face gets greener
    parts = torch.zeros(3, 2, 64, 64)
    parts[:, :, 10, 10] = 1
    asked, possible = torch.tensor([[True, False], [False, False], [True, False]]), torch.tensor([True, True, False])
    found = editing.Hold(before, parts, asked, possible).applied(pictures, torch.arange(3))
    assert torch.equal(found[0, :, 1:-1, 1:31], pictures[0, :, 1:-1, 1:31])
    assert torch.equal(found[0, :, :, 34:], before[0, :, :, 34:])
    assert torch.equal(found[1], before[1])  # no colour is asked for
    assert torch.equal(found[2], pictures[2])  # the style or the length changes too


def test_what_an_edit_holds_follows_from_the_two_conditions(pipe) -> None:
    own = "black hair, green eyes, long hair"
    texts = [
        "blue hair, green eyes, long hair",
        "black hair, red eyes, long hair",
        "black hair, green eyes, short hair",
    ]
    c, new, images = pipe.conditions([own] * 4), pipe.conditions([*texts, own]), pipe.draw([own] * 4, range(4))
    hold = editing.Hold.of(pipe, images, c, new)
    assert hold.asked[:2].tolist() == [[True, False], [False, True]]
    assert hold.possible.tolist() == [True, True, False, False]
    assert editing.Hold.of(pipe, images, c, c) is None
    new[:, -2:] = new[:, -2:].flip(1)  # the other style
    assert editing.Hold.of(pipe, images, c, new) is None
    assert pipe.invert(images[:1]).faithful and not pipe.invert(images[:1], faithful=False).faithful


def test_a_text_for_all_or_one_for_each(pipe) -> None:
    inversion = pipe.invert(pipe.draw(["black hair"] * 2, [1, 2]), faithful=False)
    out = pipe.edit(inversion, ["green hair", ""])
    assert out.images[1].tobytes() == out.reconstructions[1].tobytes()
    assert out.texts == ["green hair", ""] and out.grid().size == (128, 192)
    with pytest.raises(InputError, match="3 texts for 2 pictures; give one text, or one for each"):
        pipe.edit(inversion, ["a", "b", "c"])


@pytest.mark.parametrize("options", [[], ["--style", "anime", "--truncation", "0.7", "--layout-seed", "3"]])
def test_a_picture_of_this_model_is_found_again_exactly(pipe, tmp_path, options) -> None:
    drawn = tmp_path / "drawn.png"
    assert (
        main(["--model", str(pipe.folder), "--text", "black hair", "--seed", "9", "--out", str(drawn), *options]) == 0
    )
    inversion = pipe.invert(drawn)
    assert inversion.quality[0] > 70 and not inversion.warnings
    assert inversion.read[0]["text"] == "black hair" and inversion.read[0]["seed"] == 9
    assert torch.equal(inversion.latents.z, (0.7 if options else 1) * pipe.noise([9]))
    with Image.open(drawn) as image:
        changed = Image.new("RGB", image.size, "red")
        changed.info = image.info
    assert "seed" not in pipe.invert(changed, faithful=False).read[0]


def test_the_assignments_own_condition_can_be_edited(tmp_path) -> None:
    pipe = TextToImage.from_pretrained(write_one_hot(tmp_path / "release"))
    inversion = pipe.invert(as_pil(pipe.draw([TEXT], [1])[0]))
    out = pipe.edit(inversion, "a face")
    assert out.images[0].tobytes() == out.reconstructions[0].tobytes()
    out = pipe.edit(inversion, "red hair green eyes")
    assert (out.read[0]["hair"], out.read[0]["eyes"]) == ("red", "green")


def test_other_architectures_and_other_weights_are_refused(tmp_path, pipe) -> None:
    other = TextToImage.from_pretrained(pipe.folder)
    other.G = torch.nn.Identity()
    with pytest.raises(InputError, match="pictures can be given to models of the residual architecture only"):
        other.invert(Image.new("RGB", (64, 64)))
    config = pipe.folder / "inverter.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "generator": "0" * 32}))
    with pytest.raises(InputError, match="is of other weights than"):
        TextToImage.from_pretrained(pipe.folder).invert(Image.new("RGB", (64, 64)))


@pytest.mark.parametrize(
    "image",
    [
        Image.new("L", (1, 1), 90),
        Image.new("CMYK", (70, 64), (10, 200, 30, 4)),
        Image.new("I;16", (64, 200), 40000),
        Image.new("RGBA", (32, 32), (200, 10, 10, 90)),
        Image.new("P", (10, 10)),
        np.zeros((64, 64), np.uint8),
        np.zeros((10, 20, 4), np.uint8),
        torch.zeros(3, 64, 64, dtype=torch.uint8),
    ],
)
def test_pictures_of_any_size_and_mode(pipe, image) -> None:
    inversion = pipe.invert(image, faithful=False)
    assert inversion.given[0].pixels.shape == (3, 64, 64)
    if isinstance(image, Image.Image) and image.mode == "RGBA":
        assert inversion.given[0].pixels[0, 0, 0] > 220  # on white


def test_what_is_no_picture_is_refused_in_one_line_and_what_is_no_face_is_told(pipe, tmp_path, capsys) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "text.png").write_text("a")
    Image.new("1", (20_000, 20_000)).save(tmp_path / "large.png")
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "notes.txt").write_text("a")
    Image.new("RGB", (90, 60), "red").save(
        tmp_path / "moves.gif", save_all=True, append_images=[Image.new("RGB", (90, 60), "blue")]
    )
    start = ["--model", str(pipe.folder), "--text", "green hair", "--no-faithful", "--out", str(tmp_path / "a.png")]
    for name, message in {
        "broken.png": "is no picture that can be read",
        "text.png": "is no picture that can be read; give a JPEG, PNG,",
        "large.png": "is no picture that can be read (Image size (400000000 pixels) exceeds limit",
        "nothing.png": "no such file",
        "pipe.png": "not a regular file",
        "none": "holds no picture",
    }.items():
        assert main([*start, "--edit", str(tmp_path / name)]) == 2
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1, error
    assert main([*start, "--edit", str(tmp_path / "moves.gif")]) == 0
    error = capsys.readouterr().err
    assert "has 2 frames, of which the first is taken" in error and "only roughly" in error
    Image.new("RGB", (1, 1), "red").save(tmp_path / "red.png")
    assert main([*start, "--edit", str(tmp_path / "red.png")]) == 0
    assert "red.png: is of one colour and shows no face" in capsys.readouterr().err
    for wrong in (3.5, [], [None], np.zeros((2, 2), float), b"\x89PNG", io.BytesIO(b"a")):
        with pytest.raises(InputError, match="give a picture's file"):
            pipe.invert(wrong)


def test_pictures_of_one_name_get_files_of_their_own(pipe, tmp_path) -> None:
    image, given = as_pil(pipe.draw(["black hair"], [1])[0]), []
    for name in ("a/a.png", "b/a.png", "b/a-2.png", "b/A.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        image.save(tmp_path / name)
        given.append(str(tmp_path / name))
    options = [
        "--model",
        str(pipe.folder),
        "--no-faithful",
        "--separate",
        str(tmp_path / "edits"),
        "--text",
        "red eyes",
    ]
    assert main([*options, "--edit", *given]) == 0
    assert sorted(path.name for path in (tmp_path / "edits").iterdir()) == ["A-4.png", "a-2.png", "a-3.png", "a.png"]


def test_the_command_writes_a_grid_files_and_json(pipe, tmp_path, capsys) -> None:
    (pipe.folder / "README.md").write_text("---\nlicense: cc0-1.0\n---\n# A model\n")
    folder = tmp_path / "given"
    folder.mkdir()
    for i, image in enumerate(pipe.draw(["black hair"] * 2, [1, 2])):
        as_pil(image).save(folder / f"{i}.png")
    out, separate = tmp_path / "grid.png", tmp_path / "each"
    options = ["--model", str(pipe.folder), "--no-faithful", "--edit", str(folder), "--json", "--out", str(out)]
    assert (
        main([*options, "--text", "green hair", "--text", "red eyes", "--num", "2", "--separate", str(separate)]) == 0
    )
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 8
    assert [(each["picture"], each["variation"]) for each in lines[:3]] == [("0.png", 0), ("0.png", 1), ("1.png", 0)]
    assert lines[0]["read"]["hair"] == "green" and lines[0]["shown"].keys() >= {"hair", "eyes", "length"}
    assert lines[4]["file"] == str(separate / "0-2-1.png")
    with Image.open(out) as grid:
        assert grid.size == (128, 6 * 64)  # given, reconstructions, two texts with two variations each
        assert grid.info["Model"] == "release" and len(json.loads(grid.info["Edits"])) == 8
        assert "Faces" not in grid.info
    with Image.open(separate / "1-1-1.png") as one, Image.open(out) as grid:
        assert psnr(to_pixels(one)[None], to_pixels(grid)[None, :, 128:192, 64:])[0] > 70
    assert lines[0]["model"] == "release" and lines[0]["license"] == "cc0-1.0"
    with Image.open(out) as grid:
        assert grid.info["License"] == "cc0-1.0"
    assert main([*options, "--separate", str(folder)]) == 2
    assert "0.png: is a picture that is given; choose another --separate" in capsys.readouterr().err
    assert main([*options[:-2], "--out", str(folder / "0.png")]) == 2
    assert "0.png: is a picture that is given; choose another --out" in capsys.readouterr().err
    assert main(options) == 0  # without a text: the reconstructions
    with Image.open(out) as grid:
        pixels = to_pixels(grid)
        assert torch.equal(pixels[:, 64:128], pixels[:, 128:])


def test_pictures_texts_and_seeds_are_keys_of_a_film(pipe, tmp_path, capsys) -> None:
    picture, film, key = tmp_path / "a.png", tmp_path / "film.png", tmp_path / "key.png"
    as_pil(pipe.draw(["black hair"], [1])[0]).save(picture)
    model = ["--model", str(pipe.folder)]
    keys = [str(picture), "green hair", "seed:9 red eyes"]
    assert main([*model, "--no-faithful", "--interpolate", *keys, "--steps", "2", "--out", str(film), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert main([*model, "--interpolate", *keys, "--out", str(picture)]) == 2
    assert "a.png: is a picture that is given; choose another --out" in capsys.readouterr().err
    assert lines[0]["picture"] == "a.png" and lines[0]["read"].keys() >= {"hair", "eyes", "length"}
    assert [(each["text"], each["seed"]) for each in lines[1:]] == [("green hair", 0), ("red eyes", 9)]
    inversion = pipe.invert(picture, faithful=False)
    with Image.open(film) as frames:
        assert frames.n_frames == 5
        assert torch.equal(to_pixels(frames.convert("RGB")), inversion.reconstructions[0])
        assert [face.get("picture") for face in json.loads(frames.info["Faces"])] == ["a.png", None, None]
        for number, (text, seed) in {2: ("green hair", "0"), 4: ("red eyes", "9")}.items():
            assert main([*model, "--text", text, "--seed", seed, "--out", str(key)]) == 0
            frames.seek(number)
            with Image.open(key) as drawn:
                assert psnr(to_pixels(frames.convert("RGB"))[None], to_pixels(drawn)[None])[0] > 60
    strip = pipe.interpolate(pipe.invert([picture, picture], faithful=False), steps=3)
    assert torch.equal(strip[1], inversion.reconstructions[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--edit a.png --any", "--edit goes with --text, not with --any; leave it out"),
        ("--edit a.png --text x --best-of 2", "--edit goes with --text, not with --best-of"),
        ("--edit a.png --text x --layout-seed 2", "--edit goes with --text, not with --layout-seed"),
        ("--text x --no-faithful", "--no-faithful goes with --edit, and with pictures of --interpolate"),
        ("--text x --other-style", "--other-style goes with --edit"),
        ("--num 2", "one of the arguments --text --testing-file --any --interpolate --edit is required"),
    ],
)
def test_options_that_do_not_go_together(options, message, capsys) -> None:
    with pytest.raises(SystemExit):
        main(options.split())
    assert message in capsys.readouterr().err
