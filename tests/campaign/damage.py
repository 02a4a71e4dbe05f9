"""Files that are missing, cut off, changed by a bit, or something else altogether."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from . import oracle
from .bench import IMAGES, TEXT, Bench, mirror
from .registry import Try, family
from .scene import Scene

Damage = Callable[[Path], None]
_PLACE = re.compile(r"[0-9a-f]{32,}[/.]")  # in the caches' names: of the place of this campaign's data


def damages(path: Path, rng: random.Random, places: int) -> Iterator[tuple[str, Damage]]:
    """Every damage of a file, cut and changed at so many places each."""
    yield "missing", Path.unlink
    yield "empty", lambda path: path.write_bytes(b"")
    yield "folder", _folder
    yield "dangling", lambda path: _instead(path, lambda: path.symlink_to("nowhere"))
    yield "fifo", lambda path: _instead(path, lambda: os.mkfifo(path))
    size = path.stat().st_size
    for place in sorted({rng.randrange(size) for _ in range(places)} if size else ()):
        yield f"cut-{place}", partial(_cut, size=place)
    for place in sorted({rng.randrange(size) for _ in range(places)} if size else ()):
        yield f"flip-{place}", partial(_flip, place=place, bit=1 << rng.randrange(8))
    if path.suffix in (".json", ".jsonl"):
        yield from _versions(path)


def _versions(path: Path) -> Iterator[tuple[str, Damage]]:
    """JSON of another version: a key more, or one less."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except ValueError:
        return
    if isinstance(value, dict):
        yield "version-more", lambda path: path.write_text(json.dumps({**value, "format_version": 999}))
        for key in list(value)[:12]:
            less = {name: own for name, own in value.items() if name != key}
            yield f"version-no-{key}", partial(_write_json, value=less)
            yield f"version-list-{key}", partial(_write_json, value={**value, key: [value[key]]})


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value))


def _instead(path: Path, make: Callable[[], object]) -> None:
    path.unlink()
    make()


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def _flip(path: Path, place: int, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= bit
    path.write_bytes(data)


def spoil(path: Path, damage: Damage) -> None:
    """Damage a file; where it is a link, a copy in its place."""
    if path.is_symlink():
        target = path.resolve()
        path.unlink()
        shutil.copyfile(target, path)
    damage(path)


def each(
    folder: Path, rng: random.Random, places: int, body: Callable[..., None], files: Iterable[str] | None = None
) -> Iterator[Try]:
    """A try for each damage of each file of a folder; ``body(scene, name, damage)``."""
    names = files or sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    for name in names:
        label = _PLACE.sub("", name)
        for kind, damage in damages(folder / name, rng, places):
            yield Try(f"{label}/{kind}", partial(body, name=name, damage=damage))


# -- releases ----------------------------------------------------------------------------------------------------------

DRAW = ("--text", TEXT, "--num", "2", "--style", "card", "--best-of", "2", "--out", "out.png")
FREE = ("--text", "a girl with rosy locks and eyes like the sea", "--out", "out.png")
CACHED = ("--text", "hair as red as a cherry, eyes of jade", "--text", "pink hair green eyes", "--out", "out.png")


@family("damage/release", quick=3)
def release(bench: Bench, rng: random.Random) -> Iterator[Try]:
    """Every file of a release with its own text encoder."""

    def body(scene: Scene, name: str, damage: Damage) -> None:
        model = scene.here / bench.release.name  # which the picture tells
        mirror(bench.release, model)
        spoil(model / name, damage)
        _draw(scene, name, bench.release, DRAW, "--model", model)

    yield from each(bench.release, rng, 20, body)


@family("damage/head")
def head(bench: Bench, rng: random.Random) -> Iterator[Try]:
    """The shipped head and the encoder that it builds on."""

    def body(scene: Scene, name: str, damage: Damage) -> None:
        copy = scene.here / "pretrained"
        for folder in ("encoder", "head"):
            mirror(bench.pretrained / folder, copy / folder)
        spoil(copy / name, damage)
        shutil.rmtree(scene.cache)  # a vector that is looked up cannot show what is damaged
        _draw(scene, name, bench.head_release, FREE, "--model", bench.head_release, "--encoder-path", copy / "head")

    for folder in ("head", "encoder"):
        for name in oracle.contents(bench.pretrained / folder):
            path = bench.pretrained / folder / name
            if path.suffix != ".md":
                large = path.stat().st_size > 1 << 20
                yield from each(bench.pretrained, rng, 2 if large else 4, body, [f"{folder}/{name}"])


def _draw(scene: Scene, name: str, sound: Path, options: tuple[str, ...], *changed: object, **how: object) -> None:
    """Draw with a damaged file; right is a picture as of the sound model, or a message that names the file."""

    def expected() -> bytes:
        scene.bench.make("infer", "--model", sound, *options)
        return (scene.bench.how().folder / "out.png").read_bytes()

    picture = scene.bench.once((sound, options), expected)
    out = scene.here / "out.png"
    out.write_bytes(b"an earlier picture")
    outcome = scene.run("infer", *(changed or ("--model", sound)), *options, **how)
    scene.faults += oracle.judge_damage(outcome, _names(name), out.read_bytes() == picture)


def _names(name: str) -> tuple[str, ...]:
    """What a message may call a file: itself, or the folder below the model's or the run's that it is part of."""
    path = Path(name)
    sorts = {"config.json": ("of the config",)} if len(path.parts) == 1 else {}
    if path.parts[0] == "encoder":
        sorts = {path.name: ("the text encoder",)}  # sound, but another one
    return path.name, *sorts.get(path.name, ()), *(part for part in path.parts[:-1] if part not in ("encoder", "head"))


# -- runs --------------------------------------------------------------------------------------------------------------


@family("damage/run", quick=1)
def training(bench: Bench, rng: random.Random) -> Iterator[Try]:
    """What a run goes on from: its state, config and statistics; and what it has released."""
    go_on = (*bench.text_options, "--resume", "--max-images", IMAGES + 16)

    def expected() -> dict[str, bytes | None]:
        copy = bench.folder / "resumed"
        shutil.copytree(bench.text_run, copy)
        bench.make("train_cgan", *go_on, "--run-dir", copy)
        return weights(copy)

    def body(scene: Scene, name: str, damage: Damage) -> None:
        kept = bench.once("resumed", expected)
        run = scene.copy(bench.text_run, "run")
        spoil(run / name, damage)
        begins = name.startswith("snapshot/")  # it goes on, its config is written, and it may fail where it writes
        outcome = scene.run("train_cgan", *go_on, "--run-dir", run, keeps=not begins)
        scene.faults += oracle.judge_damage(outcome, _names(name), outcome.status == 0 and weights(run) == kept)
        if outcome.status == 0:
            scene.faults += stats_faults(run)

    files = [name for name in oracle.contents(bench.text_run) if not name.startswith(("samples/", "tensorboard/", "."))]
    yield from each(bench.text_run, rng, 10, body, [name for name in files if not name.startswith("snapshot/")])
    yield from each(bench.text_run, rng, 1, body, [name for name in files if name.startswith("snapshot/")])


def weights(run: Path) -> dict[str, bytes | None]:
    """The released weights of a run."""
    return {name: data for name, data in oracle.contents(run / "snapshot").items() if name.endswith(".safetensors")}


def stats_faults(run: Path) -> Iterator[str]:
    """What is wrong with the statistics of a run that has ended."""
    path = run / "stats.jsonl"
    if not path.is_file():
        yield "statistics: stats.jsonl is missing"
        return
    images = []
    for line in path.read_bytes().splitlines():
        try:
            images.append(json.loads(line)["images"])
        except (ValueError, KeyError, TypeError):
            yield f"statistics: {line[:60]!r} is no line of stats.jsonl"
            return
    if images != sorted(set(images)):
        yield f"statistics: lines of {images} images"


# -- caches ------------------------------------------------------------------------------------------------------------


@family("damage/text-cache", quick=2)
def text_cache(bench: Bench, rng: random.Random) -> Iterator[Try]:
    """The vectors of texts, in the user's cache and in the shipped one."""

    def own(scene: Scene, name: str, damage: Damage) -> None:
        spoil(scene.cache / name, damage)
        _draw(scene, name, bench.head_release, CACHED)

    def shipped(scene: Scene, name: str, damage: Damage) -> None:
        copy = scene.here / "shipped"
        mirror(bench.pretrained / "cache", copy)
        spoil(copy / name.partition("/")[2], damage)
        _draw(scene, name, bench.head_release, CACHED, patches={"encoder.loading.SHIPPED_CACHE_DIR": copy})

    bench.once("cached", lambda: bench.make("infer", "--model", bench.head_release, *CACHED))
    yield from each(bench.cache, rng, 20, own, ["head.sqlite3"])
    yield from each(bench.pretrained, rng, 20, shipped, ["cache/head.sqlite3"])


@family("damage/data-cache", quick=2)
def data_cache(bench: Bench, rng: random.Random) -> Iterator[Try]:
    """The decoded images that are kept."""
    _ = bench.face_run

    def body(scene: Scene, name: str, damage: Damage) -> None:
        _train(scene, name, damage, bench.face_run, bench.face_options)

    yield from each(bench.cache, rng, 20, body, _kept_in(bench, "data"))


def _kept_in(bench: Bench, folder: str) -> list[str]:
    return [name for name in oracle.contents(bench.cache) if name.startswith(f"{folder}/")]


def _train(scene: Scene, name: str, damage: Damage, sound: Path, options: tuple[str, ...], **how: object) -> None:
    """Train with a damaged file of the cache; right are the weights of the sound run, or a message."""
    spoil(scene.cache / name, damage)
    run = scene.here / "run"
    outcome = scene.run("train_cgan", *options, "--run-dir", run, "--max-images", IMAGES, **how)
    same = outcome.status == 0 and weights(run) == weights(sound)
    scene.faults += oracle.judge_damage(outcome, (Path(name).name, Path(name).parent.name), same)
