"""Texts in every form that people's files have, and some that nobody's should."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from .bench import Bench
from .registry import Try, family
from .scene import Scene

CAPTIONS = ("red hair blue eyes", "blue hair red eyes", "green hair, aqua eyes")

SAME: dict[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "bom": lambda text: text.encode("utf-8-sig"),
    "crlf": lambda text: text.replace("\n", "\r\n").encode(),
    "cr": lambda text: text.replace("\n", "\r").encode(),
    "no-last-newline": lambda text: text.rstrip("\n").encode(),
    "blank-lines": lambda text: text.replace("\n", "\n\n").encode(),
}
"""Forms of one and the same file."""
HOSTILE: dict[str, Callable[[str], bytes]] = {
    "utf-16": lambda text: text.encode("utf-16"),
    "utf-16-no-bom": lambda text: text.encode("utf-16-le"),
    "utf-32": lambda text: text.encode("utf-32"),
    "latin-1": lambda text: text.replace("red", "rôse").encode("latin-1"),
    "binary": lambda text: random.Random(0).randbytes(4000),
    "nul": lambda text: text.replace(" ", "\0").encode(),
    "long-line": lambda text: (text + f"2,{'red ' * 250_000}\n").encode(),
    "long-id": lambda text: (text + f"{'9' * 100_000},red hair\n").encode(),
    "empty": lambda text: b"",
    "blank": lambda text: b" \n\t\n\n",
    "quote": lambda text: text.replace(",", ',"').encode(),
    "late-quote": lambda text: (text + '9,"red hair\n').encode(),
    "quotes": lambda text: ('"' * 999 + "\n" + text).encode(),
    "rtl": lambda text: text.replace("red", "\u202eאדום\u202c").encode(),
    "emoji": lambda text: text.replace("red", "👩‍🎤🏽").encode(),
    "combining": lambda text: text.replace("e", "e" + "\u0301" * 50).encode(),
    "surrogates": lambda text: text.replace("red", "\udcff\ud800").encode("utf-8", "surrogatepass"),
    "escapes": lambda text: text.replace("red", r"\ud800\x00%s{0}$(ls)").encode(),
    "columns": lambda text: (",".join(f"c{i}" for i in range(5000)) + "\n" + text).encode(),
    "commas": lambda text: ("," * 100_000 + "\n" + text).encode(),
    "separators": lambda text: text.replace(" ", "\u2028\x1c\x85").encode(),
    "tabs": lambda text: text.replace(",", "\t").encode(),
    "many-lines": lambda text: ("7,red hair\n" * 20_000).encode(),
    "first-line": lambda text: text.split("\n")[0].encode(),
}
"""Forms of which each is refused in one line, or taken for what it says."""


def _table(suffix: str = "") -> str:
    return "".join(f"{i}{suffix},{caption}\n" for i, caption in enumerate(CAPTIONS))


@family("texts/testing-file", quick=3)
def testing_file(bench: Bench, rng: random.Random) -> Iterator[Try]:
    """The file of ``infer.py --testing-file``."""

    def draw(scene: Scene, form: Callable[[str], bytes]) -> tuple[int, bytes]:
        (scene.here / "lines.txt").write_bytes(form(_table()))
        where = ("--testing-file", "lines.txt", "--out", "out.png", "--separate", "faces")
        outcome = scene.run("infer", "--model", bench.release, *where, allowed=(0, 2))
        out = scene.here / "out.png"
        return outcome.status, out.read_bytes() if out.exists() else b""

    def same(scene: Scene, form: Callable[[str], bytes]) -> None:
        def plain() -> bytes:
            own = Scene(bench, bench.folder / "plain-lines")
            return draw(own, str.encode)[1]

        scene.require(draw(scene, form) == (0, bench.once("plain lines", plain)), "picture: not that of the plain file")

    def hostile(scene: Scene, form: Callable[[str], bytes]) -> None:
        status, picture = draw(scene, form)
        scene.require((status == 0) == bool(picture), f"picture: status {status}, and {len(picture)} bytes are written")
        scene.require(status == 0 or not (scene.here / "faces").exists(), "picture: some, though the file is refused")

    for name, form in SAME.items():
        yield Try(name, partial(same, form=form))
    for name, form in HOSTILE.items():
        yield Try(name, partial(hostile, form=form))


def _metadata(text: str) -> str:
    return "file_name,text\n" + text


def _jsonl(text: str) -> str:
    rows = (line.partition(",") for line in text.splitlines())
    return "".join(json.dumps({"file_name": file, "text": caption}) + "\n" for file, _, caption in rows)


TABLES: dict[str, tuple[str, Callable[[str], str]]] = {
    "tags.csv": ("tags.csv", str),
    "metadata.csv": ("metadata.csv", _metadata),
    "metadata.jsonl": ("metadata.jsonl", _jsonl),
    "sidecar": ("images/0.txt", lambda text: text.replace("0.png,", "")),
    "shard": ("shard", str),
    "parquet": ("metadata.parquet", str),
}
"""Where captions stand, by form of data, and how they are written there."""


@family("texts/data", quick=3)
def data(bench: Bench, rng: random.Random) -> Iterator[Try]:
    """Captions of training images."""
    for table in TABLES:
        for name, form in {**SAME, **HOSTILE}.items():
            yield Try(f"{table}/{name}", partial(_load, bench=bench, table=table, form=form, same=name in SAME))


def _load(scene: Scene, bench: Bench, table: str, form: Callable[[str], bytes], same: bool) -> None:
    folder = scene.here / "data"
    (folder / "images").mkdir(parents=True)
    place, write = TABLES[table]
    names = {}
    for i in range(12):
        names[f"images/{i}.png"] = (bench.faces / "images" / f"{i}.png").read_bytes()
    lines = (
        "".join(f"images/{i}.png,{CAPTIONS[i % 3]}\n" for i in range(12))
        if table != "tags.csv"
        else "".join(f"{i},{CAPTIONS[i % 3]}\n" for i in range(12))
    )
    if table == "parquet":
        _write_parquet(folder / place, names, form(lines))
    elif table == "shard":
        _write_shard(folder / "shard.tar", names, form(CAPTIONS[0] + "\n"))
    else:
        for name, image in names.items():
            (folder / name).write_bytes(image)
        (folder / place).write_bytes(form(write(lines if table != "sidecar" else "\n".join(CAPTIONS) + "\n")))
    if table in ("sidecar", "shard"):
        for i in range(1, 12):
            (folder / "images" / f"{i}.txt").write_text(CAPTIONS[i % 3])
    options = [*bench.text_options, "--run-dir", "run", "--max-images", "8"]
    options[options.index("--data") + 1] = "data"
    outcome = scene.run("train_cgan", *options, allowed=(0,) if same else (0, 2))
    if same:
        count = next((line for line in outcome.stdout.splitlines() if line.startswith("loaded:")), "nothing loaded")
        scene.require(count.startswith("loaded: 12 "), f"images: {count}, not 12")


def _write_parquet(path: Path, images: dict[str, bytes], text: bytes) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    for name, image in images.items():
        (path.parent / name).write_bytes(image)
    captions = [line for line in text.decode("utf-8", "replace").splitlines() if line] or [""]
    rows = [{"file_name": name, "text": captions[i % len(captions)]} for i, name in enumerate(images)]
    pq.write_table(pa.Table.from_pylist(rows), path)


def _write_shard(path: Path, images: dict[str, bytes], text: bytes) -> None:
    import io
    import tarfile

    with tarfile.open(path, "w") as archive:
        for i, image in enumerate(images.values()):
            for ending, content in (("png", image), ("txt", text if i == 0 else CAPTIONS[i % 3].encode())):
                info = tarfile.TarInfo(f"{i}.{ending}")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))


WORDS = {
    "empty": "", "blank": " \t ", "nul-escape": "\\0", "control": "\a\b\x1b[31m", "newlines": "red\nhair\r\n",
    "rtl": "\u202eאדום", "emoji": "👩‍🎤🏽", "combining": "e" + "\u0301" * 1000,
    "surrogate": "\udcff", "unpaired": "\ud800",
    "zero-width": "\u200b", "long": "red " * 5000, "longest": "a" * 100_000, "dash": "-", "option": "--out",
    "slash": "../../etc", "quote": "\"'`", "nfkc": "ﷺ" * 1999, "expands": "\ufb03" * 2000, "null-word": "None",
    "json": '{"a": [', "percent": "%s%n", "ideograms": "赤い髪", "dots": "..", "dot": ".", "reserved": "CON",
}  # fmt: skip


@family("texts/words", quick=3)
def words(bench: Bench, rng: random.Random) -> Iterator[Try]:
    """Texts, names of styles and of sources, and ids that become file names, as arguments and in files."""

    def drawn(scene: Scene, word: str) -> None:
        outcome = scene.run("infer", "--model", bench.release, f"--text={word}", "--out", "out.png", allowed=(0, 2))
        scene.require((outcome.status == 0) == (scene.here / "out.png").exists(), "picture: other than the status says")

    def style(scene: Scene, word: str) -> None:
        arguments = ("--model", bench.release, "--text", "red", f"--style={word}", "--out", "out.png")
        scene.run("infer", *arguments, allowed=(2,))

    def named(scene: Scene, word: str) -> None:
        options = [*bench.text_options, "--run-dir", "run", "--max-images", "8"]
        options[options.index("--data") + 1] = f"{word}={bench.captioned}"
        scene.run("train_cgan", *options, allowed=(0, 2))

    def identified(scene: Scene, word: str) -> None:
        (scene.here / "lines.txt").write_text(f"{word},red hair\n1,blue hair\n", "utf-8", "surrogatepass")
        before = {path for path in scene.root.rglob("*") if scene.here / "faces" not in path.parents}
        arguments = ("--testing-file", "lines.txt", "--separate", "faces")
        outcome = scene.run("infer", "--model", bench.release, *arguments, allowed=(0, 2))
        after = {path for path in scene.here.rglob("*") if scene.here / "faces" not in path.parents}
        scene.require(after - before <= {scene.here / "faces"}, f"escaped: {after - before}")
        count = len(list((scene.here / "faces").glob("*"))) if (scene.here / "faces").exists() else 0
        scene.require(count == 0 or outcome.status == 0, f"picture: {count} written, then refused")

    for kind, body in {"text": drawn, "style": style, "source": named, "id": identified}.items():
        for name, word in WORDS.items():
            yield Try(f"{kind}/{name}", partial(body, word=word))
