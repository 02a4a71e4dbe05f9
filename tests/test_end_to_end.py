"""The main job as a person runs it, with what the project ships."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "samples" / "cgan_original.png"


@pytest.mark.parametrize(
    ("command", "name"),
    [(["run_cgan.sh", "testing_tags.txt"], "cgan"), (["run_gan.sh"], "gan"), (["extra_run.sh"], "extra")],
    ids=["cgan", "gan", "extra"],
)
def test_a_script_reproduces_the_shipped_grid_from_any_folder(tmp_path: Path, command: list[str], name: str) -> None:
    made = ROOT / "samples" / f"{name}.png"
    made.unlink(missing_ok=True)
    threads = {"OMP_NUM_THREADS": "2"}  # on which no picture depends
    bash = ["bash", ROOT / command[0], *command[1:]]
    subprocess.run(bash, cwd=tmp_path, env={**os.environ, **threads}, check=True, stdin=subprocess.DEVNULL)
    assert made.read_bytes() == (ROOT / "samples" / f"{name}_original.png").read_bytes()
    with Image.open(made) as picture:
        assert picture.size == (320, 384 if name == "extra" else 320)


def drawn_again(model: str, folder: Path) -> np.ndarray:
    """The pixels of ``samples/MODEL.png``, drawn again by the command of its page, cell by cell, of 64x64."""
    text = (ROOT / "docs" / "drawing.md").read_text("utf-8")
    command = next(part for part in text.split("```bash\n") if part.startswith(f"python infer.py --model {model}"))
    words = shlex.split(command.partition("```")[0].replace("\\\n", " "))
    words[0], words[words.index(f"samples/{model}.png")] = sys.executable, str(folder / "made.png")
    subprocess.run(words, cwd=ROOT, check=True)
    with Image.open(folder / "made.png") as made, Image.open(ROOT / "samples" / f"{model}.png") as shipped:
        assert made.tobytes() == shipped.tobytes()
        cells = np.asarray(made.convert("RGB"), dtype=float).reshape(-1, 64, 5, 64, 3).swapaxes(1, 2)
    return cells.reshape(-1, 64, 64, 3)


def test_the_emoji_picture_is_drawn_again_by_its_command_and_the_colours_are_as_asked(tmp_path: Path) -> None:
    red, green, blue = drawn_again("emoji", tmp_path)[:, 20:44, 20:44].mean((1, 2)).T  # the middle of each
    assert red[1] > 1.5 * max(green[1], blue[1])  # "a red heart"
    assert green[2] > max(red[2], blue[2])  # "green apple"


def test_the_avatars_are_drawn_again_by_their_command_and_each_thing_has_its_colour(tmp_path: Path) -> None:
    first = drawn_again("avatars", tmp_path)[0]  # "long pink hair and a green shirt on a blue background"
    hair, shirt, background = first[14:18, 28:36], first[58:63, 24:34], first[4:24, 2:8]
    (red, green, blue), (_, leaf, _), (_, _, sky) = (part.mean((0, 1)) for part in (hair, shirt, background))
    assert red > blue > green
    assert leaf == shirt.mean((0, 1)).max()
    assert sky == background.mean((0, 1)).max()


def test_the_grid_does_not_depend_on_the_processor(tmp_path: Path) -> None:
    out = tmp_path / "grid.png"
    without_avx = {"OMP_NUM_THREADS": "1", "ATEN_CPU_CAPABILITY": "default", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"}
    command = [sys.executable, "infer.py", "--testing-file", "testing_tags.txt", "--out", out]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **without_avx}, check=True)
    assert out.read_bytes() == SHIPPED.read_bytes()


def test_the_shipped_grid_is_drawn_by_one_thread_without_loading_the_encoder(tmp_path: Path) -> None:
    program = (
        "import sys, infer; infer.main(['--testing-file', 'testing_tags.txt', '--out', sys.argv[1]]);"
        "heavy = {'pandas', 'transformers', 'sentence_transformers', 'tokenizers', 'torchvision'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    command, environment = [sys.executable, "-c", program, str(tmp_path / "grid.png")], {"OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "grid.png").read_bytes() == SHIPPED.read_bytes()
