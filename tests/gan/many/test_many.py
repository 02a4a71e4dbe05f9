from __future__ import annotations

import contextlib
import io
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from forked import Forked
from many import ROOT, lines, run, start
from PIL import Image

import infer
from gan.draw import parse
from gan.drawing.settings import DrawJob, DrawSettings
from gan.engine import WINDOW, Engine, Item
from gan.many.drawer import Drawer
from gan.many.plan import differences, recipe_of
from gan.pipeline import TextToImage


@pytest.fixture(autouse=True)
def work(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)


def draw(model: Path, count: int, *args: object, to: str = "--shards", folder: str = "out") -> int:
    Path("lines.csv").write_text(lines(count))
    arguments = ["--testing-file", "lines.csv", to, folder, "--model", model, "--shard-size", 64]
    return infer.main([*map(str, arguments), *map(str, args)])


@pytest.fixture(scope="module")
def drawn(model, tmp_path_factory) -> Callable[[str], None]:
    """``drawn(to)``: 100 images in ``out``, which are drawn once for each ``to``."""
    folder = tmp_path_factory.mktemp("drawn")

    def copy(to: str) -> None:
        if not (folder / "out" / to).exists():
            with contextlib.chdir(folder):
                assert draw(model, 100, to=to, folder=f"out/{to}") == 0
        shutil.copytree(folder / "out" / to, "out")

    return copy


def contents(folder: str | Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir()) if path.name != ".index.jsonl"}


def samples(folder: str | Path = "out") -> dict[str, dict[str, bytes]]:
    found: dict[str, dict[str, bytes]] = {}
    for path in sorted(Path(folder).glob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar:
                key, _, ending = member.name.partition(".")
                assert ending not in found.setdefault(key, {})  # no image twice
                found[key][ending] = tar.extractfile(member).read()  # type: ignore[union-attr]
    return found


def pixels(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as picture:
        return np.asarray(picture)


def test_shards_hold_the_faces_of_their_texts(model, capsys) -> None:
    assert draw(model, 150) == 0
    assert capsys.readouterr().out.startswith("out: 150 faces in ")
    assert sorted(path.name for path in Path("out").iterdir()) == [
        ".index.jsonl", ".made-by", "000000.tar", "000001.tar", "000002.tar"
    ]  # fmt: skip
    found = samples()
    texts = [line.partition(",")[2] for line in lines(150).splitlines()]
    expected = TextToImage.from_pretrained(model).draw(texts, range(150))
    assert len(found) == 150
    for i, (key, parts) in enumerate(sorted(found.items())):
        about = json.loads(parts["json"])
        assert (int(key), about["id"], about["line"], about["seed"]) == (i, str(i), i + 1, i)
        assert parts["txt"].decode() == texts[i] + "\n"
        assert about["read"]["hair"] == texts[i].split()[0]
        assert np.array_equal(pixels(parts["png"]), expected[i].permute(1, 2, 0).numpy())
        assert len(parts["png"]) < 12_500


def test_a_second_run_draws_nothing(model, drawn, capsys, monkeypatch) -> None:
    drawn("--shards")
    before = contents("out")
    monkeypatch.setattr(Engine, "_draw", lambda *_: pytest.fail("drawn again"))
    assert draw(model, 100) == 0
    assert contents("out") == before
    assert "100 of them were there" in capsys.readouterr().out


def flip(path: Path) -> None:
    data = path.read_bytes()
    middle = len(data) // 2
    path.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


def change(index: Path) -> None:
    index.write_text(index.read_text().replace('"sha256": "', '"sha256": "0', 1))


def tear(index: Path) -> None:
    index.write_bytes(index.read_bytes()[:-20])


@pytest.mark.parametrize(
    ("to", "damage"),
    [
        ("--shards", {"000000.tar": [flip], "000001.tar": [cut]}),
        ("--shards", {"000000.tar": [lengthen], "000001.tar": [Path.unlink]}),
        ("--separate", {"10.png": [flip], "70.png": [cut]}),
        ("--separate", {"10.png": [lengthen], "70.png": [Path.unlink]}),
        *((to, {".index.jsonl": [change, tear]}) for to in ("--shards", "--separate")),
    ],
)
def test_what_is_not_as_the_index_says_is_drawn_again(model, drawn, to, damage) -> None:
    drawn(to)
    before = contents("out")
    index = Path("out/.index.jsonl")
    for name, kinds in damage.items():
        for damaged in kinds:
            damaged(Path("out", name))
    assert draw(model, 100, to=to) == 0
    assert contents("out") == before
    assert all(json.loads(line) for line in index.read_text().splitlines())


def test_only_what_changed_is_drawn_again(model, drawn) -> None:
    drawn("--shards")
    before = contents("out")
    stamps = {path.name: path.stat().st_mtime_ns for path in Path("out").glob("*.tar")}
    text = lines(100).replace("80,blue", "80,aqua")
    assert text != lines(100)
    Path("lines.csv").write_text(text)
    assert (
        infer.main(["--testing-file", "lines.csv", "--shards", "out", "--model", str(model), "--shard-size", "64"]) == 0
    )
    after = contents("out")
    assert [name for name in after if after[name] != before[name]] == ["000001.tar"]
    assert Path("out/000000.tar").stat().st_mtime_ns == stamps["000000.tar"]


@pytest.mark.parametrize("options", [["--seed", 1], ["--num", 2], ["--dtype", "float32"], ["--shard-size", 128]])
def test_other_options_in_one_folder_are_refused(model, drawn, options, capsys) -> None:
    drawn("--shards")
    before = contents("out")
    assert draw(model, 10, *options) == 2
    assert "out: holds images that were drawn with other settings (" in capsys.readouterr().err
    assert contents("out") == before


def test_bad_lines_are_told_and_the_rest_is_drawn(model, capsys) -> None:
    Path("bad.csv").write_text("1,red hair\n2,\nno comma\n3,blue hair\n3,pink hair\na/b,red hair\n4,green hair\n")
    arguments = ["--testing-file", "bad.csv", "--separate", "out", "--model", str(model)]
    assert infer.main(arguments) == 0
    assert "warning: 4 could not be drawn: out/errors.jsonl" in capsys.readouterr().err
    reasons = [json.loads(line) for line in Path("out/errors.jsonl").read_text().splitlines()]
    assert [reason["line"] for reason in reasons] == [2, 3, 5, 6]
    assert "comes twice" in reasons[2]["reason"]
    assert sorted(path.name for path in Path("out").glob("*.png")) == ["1.png", "3.png", "4.png"]
    with Image.open("out/4.png") as picture:
        assert json.loads(picture.info["Faces"]) == [{"text": "green hair", "seed": 6}]  # bad lines have theirs
    Path("bad.csv").write_text("1,red hair\n2,pink hair\n")
    assert infer.main(arguments) == 0
    assert not Path("out/errors.jsonl").exists()
    Path("bad.csv").write_text("1,red hair\n2,\n")
    assert infer.main([*arguments, "--strict"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: bad.csv, line 2: the text is empty")


def test_a_text_that_the_encoder_refuses_is_a_bad_line(model, monkeypatch) -> None:
    from encoder.common.errors import InputError

    conditions = TextToImage.conditions

    def refusing(self: TextToImage, texts: list[str], **kwargs: object) -> torch.Tensor:
        if "red hair red eyes" in texts:
            raise InputError("'red hair red eyes': is not liked")
        return conditions(self, texts, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(TextToImage, "conditions", refusing)
    for _ in range(2):  # the second run knows it from the index
        assert draw(model, 100) == 0
        bad = [json.loads(line)["line"] for line in Path("out/errors.jsonl").read_text().splitlines()]
        assert bad == [i + 1 for i, line in enumerate(lines(100).splitlines()) if line.endswith("red hair red eyes")]
        assert len(samples()) == 100 - len(bad)


def test_a_full_disk_is_one_line_and_is_gone_on_from(model, drawn, full_disk, capsys) -> None:
    drawn("--shards")
    Path("out").rename("whole")
    capsys.readouterr()
    with full_disk(200_000):
        assert draw(model, 100) == 2
    *progress, error = capsys.readouterr().err.splitlines()
    assert error.startswith("error: out/000000.tar: cannot be written (File too large)")
    assert all(line.startswith("drawing: ") for line in progress)  # on a slow machine
    assert not list(Path("out").glob("*.tar"))
    assert draw(model, 100) == 0
    assert contents("out") == contents("whole")


def test_a_folder_is_one_commands(model, capsys) -> None:
    Path("out").mkdir()
    Path("out/mine.txt").write_text("x")
    assert draw(model, 10) == 2
    assert "holds mine.txt" in capsys.readouterr().err
    assert os.listdir("out") == ["mine.txt"]


@pytest.mark.parametrize("args", [["--workers", "2"], ["--strict"], ["--shards", "x"], ["--format", "texts"]])
def test_options_of_many_images_go_with_files(model, args, capsys) -> None:
    assert infer.main(["--text", "red hair", "--model", str(model), *args]) == 2
    assert "goes with --testing-file" in capsys.readouterr().err
    assert not list(Path().iterdir())


def test_the_shards_train(model) -> None:
    from gan.data.loading import load_images

    Path("bad.csv").write_text(lines(80) + "x,\n")
    assert (
        infer.main(["--testing-file", "bad.csv", "--shards", "out", "--model", str(model), "--shard-size", "64"]) == 0
    )
    data, _ = load_images(["out"], split="all")
    assert len(data.images) == 80


# -- processes of their own ------------------------------------------------------------------------------------------


def arguments(model: Path, count: int, folder: str, *more: object) -> list[object]:
    Path("lines.csv").write_text(lines(count))
    return ["--testing-file", "lines.csv", "--shards", folder, "--model", model, "--shard-size", 256, *more]


def test_killed_at_any_moment_nothing_is_lost_or_twice(model) -> None:
    assert run(*arguments(model, 640, "whole")).returncode == 0
    random_moment = random.Random(0)
    kills = 0
    for _ in range(3):
        process = start(*arguments(model, 640, "out", "--workers", 2), pause=0.004)
        index = Path("out/.index.jsonl")
        size = index.stat().st_size if index.exists() else 0
        while process.returncode is None and (index.stat().st_size if index.exists() else 0) <= size:
            time.sleep(0.01)  # until it has begun to draw
        time.sleep(random_moment.uniform(0, 0.1))
        if process.returncode is not None:
            break
        process.kill()
        process.wait()
        kills += 1
    assert kills > 1
    command = [sys.executable, ROOT / "infer.py", *arguments(model, 640, "out", "--workers", 2)]
    subprocess.run(list(map(str, command)), check=True)  # as a user starts it, and its workers
    assert contents("out") == contents("whole")
    assert len(samples()) == 640
    drawn = [json.loads(line) for line in Path("out/.index.jsonl").read_text().splitlines()][1:]
    assert len({(piece["shard"], piece["piece"]) for piece in drawn}) == len(drawn) == 10  # and none was drawn twice


def workers_of(process: Forked) -> list[int]:
    try:
        return list(map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()))
    except FileNotFoundError:
        return []


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="there is no /proc here")
@pytest.mark.parametrize("deaths", [1, 2])
def test_workers_that_are_killed(model, deaths) -> None:
    process = start(*arguments(model, 600, "out", "--workers", 2))
    while process.returncode is None and len(workers_of(process)) < 2:
        time.sleep(0.01)
    for pid in workers_of(process)[:deaths]:
        os.kill(pid, signal.SIGKILL)
    _, err = process.wait()
    assert "Traceback" not in err
    if deaths == 1:
        assert process.returncode == 0
        warnings = [line for line in err.splitlines() if not line.startswith("drawing: ")]  # on a slow machine
        assert warnings == ["warning: a worker was ended by SIGKILL, perhaps because memory ran out; 1 go on"]
    else:
        assert process.returncode == 1
        assert "what is drawn is kept: run the same command again to go on" in err.splitlines()[-1]
        assert run(*arguments(model, 600, "out")).returncode == 0
    assert len(samples()) == 600


def test_two_commands_in_one_folder(model) -> None:
    process = start(*arguments(model, 600, "out"))
    while process.returncode is None and not Path("out/.index.jsonl").exists():
        time.sleep(0.01)
    second = run(*arguments(model, 600, "out"))
    process.kill()
    process.wait()
    assert second.returncode == 2
    assert f"process {process.pid} is at work there" in second.stderr


def peak_of(args: list[str]) -> int:
    """Print the peak of the memory that a command takes, in kilobytes."""
    status = infer.main(args)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return status


def test_memory_does_not_grow_with_the_lines(model) -> None:
    peaks = []
    for count in (200, 1500):
        args = arguments(model, count, f"out{count}", "--dtype", "float32")
        peaks.append(int(Forked(peak_of, list(map(str, args))).wait()[0].split()[-1]) / 1024)
    assert peaks[1] < peaks[0] + 10, peaks  # MB; the further images alone would be 16, uncompressed


# -- as a function ---------------------------------------------------------------------------------------------------


def test_a_drawer_takes_and_gives_columns(model) -> None:
    import pickle

    import pyarrow as pa

    whole = Drawer(model, batch_size=3)
    batch = {"text": np.array(["red hair", "blue hair"] * 4), "seed": np.arange(8), "mine": np.arange(8.0)}
    result = whole(batch)
    again = pickle.loads(pickle.dumps(whole))
    assert "pipeline" in vars(whole._engine) and "pipeline" not in vars(again._engine)
    assert again({"text": ["blue hair"], "seed": [3]})["png"] == [result["png"][3]]
    assert next(again.rows([{"text": "blue hair", "seed": 3, "x": 1}]))["png"] == result["png"][3]
    table = pa.table(result)
    assert table.schema.field("png").type == pa.binary() and table.schema.field("seed").type == pa.int64()
    assert result["mine"] == list(range(8)) and result["error"] == [None] * 8


def test_a_text_that_is_missing_or_cannot_be_drawn_from_is_told(model) -> None:
    drawer = Drawer(model)
    for missing in (None, float("nan")):
        result = drawer({"text": [missing, "blue hair", missing], "seed": [1, 2, 3]})
        assert result["error"] == ["the text is missing", None, "the text is missing"]
        assert result["png"] == [None, drawer({"text": ["blue hair"], "seed": [2]})["png"][0], None]
        assert drawer({"text": np.array([missing] * 2), "seed": [0, 1]})["error"] == ["the text is missing"] * 2
    assert drawer({"text": ["blue hair"], "seed": [-1]})["seed"][0] >= 0  # by chance
    result = drawer({"text": ["blue hair", " ", "a" * 2001, "\ud800"], "seed": [1, 2, 3, 4]})
    assert result["png"][0] and result["png"][1:] == [None] * 3
    for error, reason in zip(result["error"], (None, "is empty", "2,001 characters", "Unicode"), strict=True):
        assert error is None if reason is None else reason in error


def test_texts_are_encoded_once(model, monkeypatch) -> None:
    seen: list[str] = []
    read = TextToImage.read

    def counting(self: TextToImage, texts: list[str]) -> list[object]:
        seen.extend(texts)
        return read(self, texts)  # type: ignore[return-value]

    monkeypatch.setattr(TextToImage, "read", counting)
    items = [Item(i, i, "", "", text, i) for i, text in enumerate(["red hair", "blue hair"] * 64)]
    assert len(list(Engine(DrawSettings(model=model)).draw(items))) == 128 <= WINDOW
    assert sorted(seen) == ["blue hair", "red hair"]


def test_onnx_runtime_draws_within_a_level(model) -> None:
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package, reason="needs: pip install '.[onnx]'")
    batch = {"text": ["blue hair red eyes", "green hair", "pink hair and purple eyes"], "seed": [0, 1, 2]}
    ours, theirs = (Drawer(model, dtype="float32", backend=backend)(batch)["png"] for backend in ("torch", "onnx"))
    for one, other in zip(ours, theirs, strict=True):
        a, b = (np.asarray(Image.open(io.BytesIO(png))).astype(int) for png in (one, other))
        assert abs(a - b).max() <= 1
        assert a.std() > 1


def test_onnx_runtime_draws_in_float32_alone(model, tmp_path, capsys) -> None:
    pytest.importorskip("onnxruntime", reason="needs: pip install '.[onnx]'")
    (tmp_path / "lines.txt").write_text("1,blue hair\n")
    common = ["--model", str(model), "--testing-file", str(tmp_path / "lines.txt"), "--backend", "onnx"]
    assert infer.main([*common, "--shards", str(tmp_path / "out")]) == 2
    assert "backend onnx draws in float32 on the CPU; give dtype float32" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    _, settings = parse([*common, "--out", str(tmp_path / "out.png"), "--dtype", "float32"])  # one picture may
    assert settings.backend == "onnx"


def test_a_folder_from_before_there_were_backends_goes_on(model) -> None:
    assert draw(model, 70) == 0
    index = Path("out/.index.jsonl")
    before = contents("out")
    head, *entries = index.read_text().splitlines(keepends=True)
    old = {"recipe": {key: value for key, value in json.loads(head)["recipe"].items() if key != "backend"}}
    index.write_text(json.dumps(old) + "\n" + entries[0])
    assert draw(model, 70) == 0
    assert contents("out") == before
    assert index.read_text().splitlines(keepends=True)[1:] == entries  # the first is not drawn again
    recipe = recipe_of(DrawJob(shards=Path("out")), DrawSettings(model=model, backend="onnx", dtype="float32"))
    assert differences(recipe, old["recipe"] | {"dtype": "float32", "shard_size": 1024}) == [
        "backend 'torch', not 'onnx'"
    ]
