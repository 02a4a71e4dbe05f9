import io
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import WITH_COLOURS

import infer
from encoder.common import progress
from encoder.common.device import find_device
from encoder.common.errors import InputError
from gan.drawing.film import eased
from gan.drawing.settings import DrawSettings, Truncation
from gan.pipeline import TextToImage
from gan.release import Guidance

ROOT = Path(infer.__file__).parent
TESTING_FILE = "\n".join(f"{7 * i},{'blue' if i % 2 else 'red'} hair green eyes" for i in range(25))


@pytest.fixture
def model(make_release, tiny_network, tiny_encoder, tmp_path, monkeypatch) -> Path:
    """A tiny released model as the default one, in an otherwise empty working directory."""
    folder = make_release()
    monkeypatch.setattr(DrawSettings.__dataclass_fields__["model"], "default", folder)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return folder


def pixels(path: str | Path) -> np.ndarray:
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture)


def faces_of(path: str | Path) -> list[dict[str, object]]:
    with Image.open(path) as picture:
        return json.loads(picture.info["Faces"])


def cell(path: str | Path, i: int) -> np.ndarray:
    """The i-th image of a picture of five a row."""
    row, column = divmod(i, 5)
    return pixels(path)[64 * row : 64 * row + 64, 64 * column : 64 * column + 64]


def test_testing_file_to_a_grid_of_five_a_row(model, capsys) -> None:
    Path("lines.txt").write_text(TESTING_FILE)
    assert infer.main(["--testing-file", "lines.txt", "--out", "new/grid.png"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("new/grid.png: 25 faces in ")
    assert (out.count("\n"), err) == (1, "")
    assert pixels("new/grid.png").shape == (320, 320, 3)
    texts = [line.partition(",")[2] for line in TESTING_FILE.split("\n")]
    expected = TextToImage.from_pretrained(model).draw(texts, range(25))
    for i in (0, 4, 5, 24):
        assert np.array_equal(cell("new/grid.png", i), expected[i].permute(1, 2, 0).numpy())
    assert faces_of("new/grid.png") == [{"text": text, "seed": i} for i, text in enumerate(texts)]
    assert infer.main(["--testing-file", "lines.txt", "--out", "again.png"]) == 0
    assert Path("again.png").read_bytes() == Path("new/grid.png").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "shape", "faces"),
    [
        (["--text", "red hair"], (64, 64, 3), [("red hair", 0)]),
        (
            ["--text", "red hair", "--text", "青い髪", "--num", "3", "--seed", "10"],
            (128, 320, 3),
            list(zip(["red hair"] * 3 + ["青い髪"] * 3, range(10, 16), strict=True)),
        ),
        (
            ["--text", "a", "--text", "b", "--num", "2", "--seed", "3", "--same-seeds"],
            (64, 256, 3),
            [("a", 3), ("a", 4), ("b", 3), ("b", 4)],
        ),
    ],
)
def test_texts_num_and_seed(model, arguments, shape, faces) -> None:
    assert infer.main(arguments) == 0
    assert pixels("samples/faces.png").shape == shape
    assert [(face["text"], face["seed"]) for face in faces_of("samples/faces.png")] == faces


def test_nothing_is_asked_by_zeros_and_with_other_texts_too(model, tiny_encoder) -> None:
    assert infer.main(["--any", "--num", "6", "--seed", "3", "--out", "any.png"]) == 0
    assert faces_of("any.png") == [{"text": "", "seed": seed} for seed in range(3, 9)]
    pipeline = TextToImage.from_pretrained(model)
    unasked = torch.cat(list(pipeline.draw_many(torch.zeros(6, tiny_encoder.dim), range(3, 9))))
    for i in range(6):
        assert np.array_equal(cell("any.png", i), unasked[i].permute(1, 2, 0).numpy())
    mixed = pipeline.draw(["", "red hair", " "], [3, 4, 5])
    assert torch.equal(mixed[[0, 2]], unasked[[0, 2]])
    assert not torch.equal(mixed[1], unasked[1])
    assert [text.warnings for text in pipeline.read(["", " "])] == [[], []]


def test_separate_files_carry_the_ids_and_the_faces_of_the_grid(model, capsys) -> None:
    Path("lines.txt").write_text("3,red hair\n12, red hair\n")
    assert infer.main(["--testing-file", "lines.txt", "--separate", "faces", "--out", "grid.png"]) == 0
    assert sorted(path.name for path in Path("faces").iterdir()) == ["12.png", "3.png"]
    assert np.array_equal(pixels("faces/3.png"), cell("grid.png", 0))
    assert np.array_equal(pixels("faces/12.png"), cell("grid.png", 1))
    assert not np.array_equal(cell("grid.png", 0), cell("grid.png", 1))  # the same text with another seed
    assert faces_of("faces/12.png") == [{"text": "red hair", "seed": 1}]
    assert "grid.png and faces: 2 faces" in capsys.readouterr().out


def test_separate_alone_makes_no_grid_and_numbers_the_faces_of_a_line(model) -> None:
    assert infer.main(["--text", "red hair", "--separate", "faces", "--num", "2"]) == 0
    assert [path.name for path in Path().iterdir()] == ["faces"]
    assert sorted(path.name for path in Path("faces").iterdir()) == ["1-1.png", "1-2.png"]


def test_many_lines_are_written_as_they_are_drawn(model, monkeypatch) -> None:
    Path("lines.txt").write_text("\n".join(f"{i},red hair" for i in range(200)))
    written: list[int] = []
    draw = TextToImage.draw_conditions

    def counting(self: TextToImage, c: torch.Tensor, z: torch.Tensor, **keys: object) -> torch.Tensor:
        written.append(len(list(Path("faces").glob("*.png"))))
        return draw(self, c, z, **keys)

    monkeypatch.setattr(TextToImage, "draw_conditions", counting)
    monkeypatch.setattr(progress, "FIRST", 0)
    monkeypatch.setattr(progress, "EVERY", 0)
    assert infer.main(["--testing-file", "lines.txt", "--separate", "faces"]) == 0
    assert written == [i // 64 * 64 for i in range(0, 200, 32)]


def test_a_bar_of_many_faces_of_one_picture(model, capsys, monkeypatch) -> None:
    monkeypatch.setattr("encoder.common.progress.FIRST", 0)
    Path("lines.txt").write_text("\n".join(f"{i},red hair" for i in range(200)))
    assert infer.main(["--testing-file", "lines.txt", "--out", "a.png"]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("drawing: 1 of 200 faces, ")
    assert lines[-1].startswith("drawing: 200 faces in ")


def test_the_layout_of_the_course(model, capsys) -> None:
    texts = ["--text", "red hair", "--num", "25"]
    assert infer.main([*texts, "--layout", "course", "--out", "figure.png"]) == 0
    assert infer.main([*texts, "--out", "grid.png"]) == 0
    figure = pixels("figure.png")
    assert figure.shape == (480, 640, 3)
    assert (figure[57 : 57 + 64, 91 : 91 + 64] == cell("grid.png", 0)).all()
    assert faces_of("figure.png") == faces_of("grid.png")
    for refused in (["--num", "26"], ["--separate", "faces"]):
        assert infer.main(["--text", "red hair", "--layout", "course", *refused]) == 2
        assert "--layout" in capsys.readouterr().err


def test_interpolation_is_one_strip(model) -> None:
    assert infer.main(["--interpolate", "red hair", "blue hair", "--steps", "7", "--seed", "4", "--out", "a.png"]) == 0
    strip = pixels("a.png")
    assert strip.shape == (64, 448, 3)
    assert infer.main(["--text", "red hair", "--seed", "4", "--out", "b.png"]) == 0
    assert np.array_equal(strip[:, :64], pixels("b.png"))
    assert faces_of("a.png") == [{"text": "red hair", "seed": 4}, {"text": "blue hair", "seed": 4}]
    assert infer.main(["--interpolate", "seed:4 red hair", "seed:9", "--steps", "3", "--out", "c.png"]) == 0
    assert np.array_equal(pixels("c.png")[:, :64], pixels("b.png"))
    assert infer.main(["--any", "--seed", "9", "--out", "b.png"]) == 0
    assert np.array_equal(pixels("c.png")[:, 128:], pixels("b.png"))
    assert faces_of("c.png") == [{"text": "red hair", "seed": 4}, {"text": "", "seed": 9}]


@pytest.mark.parametrize("ending", ["webp", "gif", "png"])
@pytest.mark.parametrize("loop", [[], ["--loop"]])
def test_a_film_goes_from_text_to_text_with_the_same_bytes_each_run(model, ending, loop) -> None:
    texts = ["red hair", "blue hair", "green hair"]
    for name in ("a", "b"):
        film = ["--interpolate", *texts, "--steps", "4", "--fps", "20", "--seed", "4", *loop]
        assert infer.main([*film, "--out", f"{name}.{ending}"]) == 0
    assert Path(f"a.{ending}").read_bytes() == Path(f"b.{ending}").read_bytes()
    with Image.open(f"a.{ending}") as film:
        assert (film.n_frames, film.size) == (12 if loop else 9, (64, 64))
        told = film.info
        if ending != "png":
            told = json.loads(film.info["comment"] if ending == "gif" else film.getexif()[0x010E])
        assert [face["text"] for face in json.loads(told["Faces"])] == texts
        assert json.loads(told["Film"]) == {"steps": 4, "fps": 20, "loop": bool(loop)}
        assert film.info.get("loop", 1) == (0 if loop else 1)
        film.seek(4)
        middle = np.asarray(film.convert("RGB")).astype(int)
    assert infer.main(["--text", texts[1], "--seed", "4", "--out", "c.png"]) == 0
    assert abs(middle - pixels("c.png")).mean() < (0.1 if ending == "png" else 8)


def test_frames_are_slow_at_the_keys() -> None:
    keys = torch.tensor([[0.0], [1.0]])
    assert eased(keys, 4, loop=True).flatten().tolist() == [0, 0.15625, 0.5, 0.84375, 1, 0.84375, 0.5, 0.15625]
    assert eased(keys, 2, loop=False).flatten().tolist() == [0, 0.5, 1]


def test_style_is_passed_on(make_release, model) -> None:
    folder = make_release("two", c_dim=27, sources=["extra", "anime"])
    for style in ("extra", "anime"):
        args = ["--text", "red hair", "--model", str(folder), "--style", style, "--out", f"{style}.png"]
        assert infer.main(args) == 0
    assert not np.array_equal(pixels("extra.png"), pixels("anime.png"))


PALETTE = {"hair": "#12806a #01153e #ff796c", "eyes": "#01153e #c0c0c0"}


@pytest.fixture
def with_colours(make_release, model, colour_encoder) -> Path:
    """A tiny release of which texts may ask for any colour, and whose training images had few."""
    return make_release("colours", **WITH_COLOURS, palette=PALETTE)


def test_the_picture_says_which_exact_colours_were_read(with_colours) -> None:
    texts = ["#12806a hair", "navy hair, #c0c0c0 eyes", "blue hair, red eyes"]
    arguments = [part for text in texts for part in ("--text", text)]
    arguments = [*arguments, "--model", str(with_colours), "--out", "a.png", "--separate", "faces"]
    assert infer.main(arguments) == 0
    expected = [
        {"text": texts[0], "seed": 0, "hair": "#12806a"},
        {"text": texts[1], "seed": 1, "hair": "#01153e", "eyes": "#c0c0c0"},
        {"text": texts[2], "seed": 2},
    ]
    assert faces_of("a.png") == expected
    assert faces_of("faces/2.png") == expected[1:2]
    assert infer.main(["--interpolate", *texts[:2], "--model", str(with_colours), "--out", "b.png"]) == 0
    assert [face.get("hair") for face in faces_of("b.png")] == ["#12806a", "#01153e"]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("#12806a hair", []),
        ("navy hair, silver eyes", []),
        ("dark navy hair", []),
        ("pink hair, blue eyes", []),
        ("green hair", []),  # a value: the training images' own greens
        ("fluorescent green hair", ["the hair colour 'fluorescent green' (#08ff08) is 0."]),
        ("#08ff08 hair, magenta eyes", ["the hair colour #08ff08 is 0.", "the eye colour 'magenta' (#d828a8) is 0."]),
    ],
)
def test_what_is_drawn_as_asked_is_not_told_and_what_the_training_images_lack_is(
    with_colours, capsys, text, lines
) -> None:
    assert infer.main(["--text", text, "--model", str(with_colours), "--out", "a.png"]) == 0
    told = capsys.readouterr().err.splitlines()
    assert len(told) == len(lines)
    for line, start in zip(told, lines, strict=True):
        assert line.startswith(f"warning: {start}")
        assert line.endswith(" from the nearest colour that the training images have; it is drawn as near as they come")


def test_without_a_palette_no_distance_is_told(make_release, model, colour_encoder, capsys) -> None:
    folder = make_release("silent", **WITH_COLOURS)
    assert infer.main(["--text", "fluorescent green hair", "--model", str(folder), "--out", "a.png"]) == 0
    assert capsys.readouterr().err == ""


def test_what_was_not_understood_is_said_once(model, tiny_encoder, capsys, monkeypatch) -> None:
    monkeypatch.setattr(tiny_encoder, "encode", lambda texts, **_: torch.zeros(len(texts), 25))
    args = ["--text", "quux", "--text", "quux", "--text", "red hair", "--out", "a.png"]
    assert infer.main(args) == 0
    assert capsys.readouterr().err == "warning: nothing recognised in 'quux': hair and eyes are left to chance\n"


def break_weights(model: Path) -> None:
    weights = model / "generator.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])


def set_space(model: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    config["conditioning"]["space"] = "pooled-1234"
    (model / "config.json").write_text(json.dumps(config))


FILE = ["--testing-file", "lines.txt"]


@pytest.mark.parametrize(
    ("content", "args", "message"),
    [
        (None, FILE, "lines.txt: no such file"),
        ("", FILE, "lines.txt: the file holds no lines"),
        ("\n \n", FILE, "lines.txt: the file holds no lines"),
        ("1,red hair\nred hair\n", FILE, "lines.txt, line 2: no comma"),
        ("1,red hair\n\n2,\n", FILE, "lines.txt, line 3: the text is empty"),
        ("1," + "x" * 100_000, FILE, "lines.txt, line 1: the text has 100,000 characters"),
        ("1,a\n2,b\n1,c\n", [*FILE, "--separate", "faces", "--out", "a.png"], "the id 1 comes twice"),
        (None, ["--text", " "], "--text: the text is empty"),
        (None, ["--text", "x" * 100_000], "--text: the text has 100,000 characters"),
        (None, ["--interpolate", "a", ""], "--interpolate: the text is empty"),
        ("", ["--interpolate", "a", "lines.txt"], "lines.txt: is no picture that can be read"),
        (None, ["--interpolate", "a", "my face.png"], "my face.png: no such file"),
        (None, ["--interpolate", "a", f"seed:{2**63}"], "has too large a seed; give one from 0 to"),
        (None, ["--interpolate", "a", "seed:-1"], "'seed:-1' names no seed; write seed:N, or seed:N and a text"),
        (None, ["--interpolate", "Seed: blue", "a"], "'Seed: blue' names no seed"),
        ("version https://git-lfs.github.com/spec/v1\n", ["--interpolate", "a", "lines.txt"], "a Git LFS pointer"),
        (None, ["--interpolate", "a", "./"], "./ is a folder; give its pictures one by one"),
        ("", ["--interpolate", "a", "lines.txt", "--turn", "1"], "--interpolate with pictures keeps their pose"),
        ("", ["--text", "a", "--out", "lines.txt/a.png"], "lines.txt: is a file, so the folder"),
        ("", ["--text", "a", "--separate", "lines.txt"], "lines.txt: is a file, so the folder"),
        (None, ["--text", "a", "--out", "a.jpg"], "a.jpg: pictures are written as PNG"),
        (None, ["--text", "a", "--out", "a.webp"], "a.webp: pictures are written as PNG"),
        (None, ["--interpolate", "a", "b", "--fps", "51"], "--fps is 51; it must be an integer from 1 to 50"),
        (None, ["--text", "a", "--out", "."], ".: is a folder"),
        (None, ["--text", "a", "--model", "nowhere"], "nowhere: no such model folder"),
        (None, ["--text", "a", "--style", "oil"], "style 'oil' is unknown"),
        (None, ["--text", "a", "--num", "0"], "--num is 0; it must be an integer from 1 to 10,000"),
        (None, ["--text", "a", "--seed", "-2"], "--seed is -2; it must be an integer from -1 to"),
        (None, ["--text", "a", "--truncation", "0"], "--truncation is 0.0; it must be a number from 0.01 to 1.5"),
        (None, ["--text", "a", "--truncation", "nan"], "--truncation is nan; it must be a number from 0.01 to 1.5"),
        (None, ["--text", "a", "--guidance", "inf"], "--guidance is inf; it must be a number from 0.01 to 3"),
        (None, ["--text", "a", "--guidance", "1e308"], "--guidance is 1e+308; it must be a number from 0.01 to 3"),
        (None, ["--text", "a", "--device", "tpu"], "device is 'tpu'; it must be auto, cpu, mps, cuda or cuda:N"),
        (break_weights, ["--text", "a"], "generator.safetensors: the weights cannot be read"),
        (set_space, ["--text", "a"], "trained with the text encoder pooled-1234"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(model, capsys, content, args, message) -> None:
    if callable(content):
        content(model)
    elif content is not None:
        Path("lines.txt").write_text(content)
    before = sorted(Path().iterdir())
    assert infer.main(args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") == 1
    assert sorted(Path().iterdir()) == before


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["--text", "a", *FILE],
        ["--any", "--text", "a"],
        ["--text", "a", "--steps", "3"],
        ["--text", "a", "--truncation", "x"],
        ["--interpolate", "a", "b", "--num", "2"],
        ["--interpolate", "a"],
        ["--text", "a", "--fps", "3"],
        ["--text", "a", "--loop"],
    ],
)
def test_wrong_arguments_exit_with_usage(model, capsys, args) -> None:
    with pytest.raises(SystemExit) as stopped:
        infer.main(args)
    assert stopped.value.code == 2
    assert "usage: infer.py" in capsys.readouterr().err


def test_a_device_that_is_not_there(model, capsys, monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert infer.main(["--text", "a", "--device", "cuda:7"]) == 2
    line = "error: device is 'cuda:7', which PyTorch does not find here; it finds cpu, cuda:0, cuda:1\n"
    assert capsys.readouterr().err == line


@pytest.mark.parametrize(
    ("name", "gpus", "mps", "float64", "found"),
    [
        ("auto", 0, False, True, "cpu"),
        ("auto", 2, False, True, "cuda"),
        ("auto", 0, True, False, "mps"),
        ("auto", 0, True, True, "cpu"),  # Apple's GPUs have no float64
        ("cuda:1", 2, False, True, "cuda:1"),
        ("mps", 0, True, False, "mps"),
        ("mps", 0, True, True, "device mps has no float64; give dtype float32, or device cpu"),
        ("mps", 0, False, False, "device is 'mps', which PyTorch does not find here; it finds cpu"),
        ("cuda", 0, True, False, "device is 'cuda', which PyTorch does not find here; it finds cpu, mps"),
    ],
)
def test_a_device_by_its_name(monkeypatch, name, gpus, mps, float64, found) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    try:
        assert str(find_device(name, float64=float64)) == found
    except InputError as error:
        assert str(error) == found


@pytest.mark.parametrize("seed", ["-1", "random"])
def test_a_random_seed_is_told(model, capsys, seed) -> None:
    chosen = set()
    for more in (["--json"], []):
        assert infer.main(["--text", "a", "--num", "2", "--seed", seed, "--out", "a.png", *more]) == 0
        out, err = capsys.readouterr()
        first, second = (face["seed"] for face in faces_of("a.png"))
        assert second == first + 1
        assert (err if more else out).endswith(f", seed {first}\n")
        assert [json.loads(line)["seed"] for line in out.splitlines() if more] == ([first, second] if more else [])
        chosen.add(first)
    assert len(chosen) == 2


def test_a_batch_job_goes_on_with_its_random_seed(model, capsys) -> None:
    seeds = []
    for lines in ("1,a\n", "1,a\n2,b\n"):
        Path("lines.txt").write_text(lines)
        assert infer.main([*FILE, "--separate", "faces", "--seed", "random"]) == 0
        seeds.append(int(capsys.readouterr().out.rpartition(", seed ")[2]))
    assert seeds == [faces_of("faces/1.png")[0]["seed"]] * 2
    assert faces_of("faces/2.png")[0]["seed"] == seeds[0] + 1


def test_ctrl_c_is_no_traceback(model, capsys, monkeypatch) -> None:
    def interrupt(*_args: object, **_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(TextToImage, "draw_conditions", interrupt)
    assert infer.main(["--text", "blue hair"]) == 130
    assert capsys.readouterr().err == "interrupted\n"
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("run_cgan.sh", "usage: bash run_cgan.sh TESTING_FILE [OPTION ...]"),
        ("run_cgan.sh a b", "usage: bash run_cgan.sh TESTING_FILE [OPTION ...]"),
        ("run_gan.sh testing_tags.txt", "usage: bash run_gan.sh"),
        ("extra_run.sh a b", "usage: bash extra_run.sh [FOLDER]"),
        ("extra_run.sh ''", "usage: bash extra_run.sh [FOLDER]"),
        (f"run_cgan.sh {ROOT / 'testing_tags.txt'} --out a.jpg", "error: a.jpg: pictures are written as PNG"),
        ("run_cgan.sh nowhere.txt", "error: nowhere.txt: no such file; give another one"),
    ],
)
def test_a_script_that_is_called_otherwise_is_one_line(tmp_path, command, message) -> None:
    script, *args = shlex.split(command)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # the Python of these tests comes first
    bash = ["bash", str(ROOT / script), *args]
    environment = {**os.environ, "PATH": path}
    done = subprocess.run(
        bash, cwd=tmp_path, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    assert done.returncode == 2 and done.stderr.startswith(message) and done.stderr.count("\n") == 1


# -- in scripts and pipes ----------------------------------------------------------------------------------------------


def test_json_is_an_object_a_face(model, tiny_encoder, capsys, monkeypatch) -> None:
    monkeypatch.setattr(tiny_encoder, "encode", lambda texts, **_: torch.eye(25)[[0] * len(texts)])
    args = ["--text", "orange hair", "--text", "青い髪", "--num", "2", "--seed", "5"]
    for places, files in (
        (["--out", "a.png"], ["a.png"] * 4),
        (["--separate", "faces"], [f"faces/{i}-{k}.png" for i in (1, 2) for k in (1, 2)]),
        (["--testing-file", "lines.txt", "--separate", "all"], [f"all/{i}-{k}.png" for i in (1, 2) for k in (1, 2)]),
    ):
        Path("lines.txt").write_text("1,orange hair\n2,青い髪\n")
        own = args[4:] if "lines.txt" in places else args
        assert infer.main([*own, *places, "--json"]) == 0
        out, err = capsys.readouterr()
        records = [json.loads(line) for line in out.splitlines()]
        assert [record["file"] for record in records] == files
        assert all(Path(file).is_file() for file in files)
        assert [record["seed"] for record in records] == [5, 6, 7, 8]
        assert [record["text"] for record in records] == ["orange hair"] * 2 + ["青い髪"] * 2
        assert all(record["read"] == {"hair": "orange", "eyes": None, "length": None} for record in records)
        assert records[0]["warnings"] == []
        assert ": 4 faces in " in err.splitlines()[-1]
    monkeypatch.setattr(tiny_encoder, "encode", lambda texts, **_: torch.zeros(len(texts), 25))
    assert infer.main(["--text", "quux", "--json", "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["warnings"] == ["nothing recognised in 'quux': hair and eyes are left to chance"]
    assert err == ""


def test_a_picture_and_lines_in_a_pipe(model, monkeypatch, capfdbinary) -> None:
    lines = io.TextIOWrapper(io.BytesIO(b"1,red hair\n2,blue hair\n"))
    monkeypatch.setattr("sys.stdin", lines)
    assert infer.main(["--testing-file", "-", "--out", "-"]) == 0
    out, err = capfdbinary.readouterr()
    assert err.startswith(b"stdout: 2 faces in ")
    assert infer.main(["--text", "red hair", "--text", "blue hair", "--out", "file.png", "--quiet"]) == 0
    assert out == Path("file.png").read_bytes()
    assert capfdbinary.readouterr() == (b"", b"")


def test_quiet_says_errors_alone(model, capsys, monkeypatch) -> None:
    assert infer.main(["--text", "quux", "--quiet", "--out", "a.png"]) == 0
    assert capsys.readouterr() == ("", "")
    assert infer.main(["--text", "a", "--quiet", "--style", "oil"]) == 2
    assert "style 'oil' is unknown" in capsys.readouterr().err


def test_a_picture_to_a_terminal_or_among_json_is_refused(model, capsys, monkeypatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    for more in ([], ["--json"]):
        with pytest.raises(SystemExit) as stopped:
            infer.main(["--text", "a", "--out", "-", *more])
        assert stopped.value.code == 2
        assert "--out - writes the picture to stdout" in capsys.readouterr().err


def test_the_page_takes_what_the_command_line_takes() -> None:
    (truncation,), (guidance,) = (get_args(kind)[1:] for kind in (Truncation, Guidance))
    limits = f"truncation: [{truncation.low}, {truncation.high}], guidance: [{guidance.low}, {guidance.high}]"
    assert limits in (ROOT / "gan" / "page" / "static" / "js" / "settings.js").read_text("utf-8")


# -- choosing and truncating -----------------------------------------------------------------------------------------


def test_best_of_draws_a_face_that_its_seed_draws_again(model) -> None:
    text = ["--text", "pink hair green eyes"]
    assert infer.main([*text, "--best-of", "4", "--num", "2", "--out", "best.png"]) == 0
    chosen = faces_of("best.png")
    assert [face["text"] for face in chosen] == [text[1]] * 2
    for i, face in enumerate(chosen):
        assert infer.main([*text, "--seed", str(face["seed"]), "--best-of", "1", "--out", "again.png"]) == 0
        assert np.array_equal(cell("best.png", i), pixels("again.png"))


def test_truncated_faces_vary_less_and_say_so(model) -> None:
    variation = {}
    for truncation in ("1", "0.3"):
        arguments = ["--text", "pink hair", "--num", "10", "--truncation", truncation, "--out", "faces.png"]
        assert infer.main(arguments) == 0
        faces = pixels("faces.png").reshape(2, 64, 5, 64, 3).swapaxes(1, 2).reshape(10, -1)
        variation[truncation] = faces.std(axis=0).mean()
        with Image.open("faces.png") as picture:
            assert picture.info.get("Truncation") == (None if truncation == "1" else truncation)
    assert variation["0.3"] < 0.6 * variation["1"]


def test_guided_faces_are_others_and_say_so(model) -> None:
    for guidance in ("1", "2"):
        assert infer.main(["--text", "pink hair", "--guidance", guidance, "--out", f"{guidance}.png"]) == 0
        with Image.open(f"{guidance}.png") as picture:
            assert picture.info.get("Guidance") == (None if guidance == "1" else "2.0")
    assert not np.array_equal(pixels("1.png"), pixels("2.png"))
