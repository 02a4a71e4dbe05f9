from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import huggingface_hub
import pytest
import torch
from drawing import encode_image
from making import load, picture, png, write
from PIL import ImageOps

from encoder.common.errors import InputError
from gan.data import load_images
from gan.data.splits import is_held_out, with_both


def many(path: Path, count: int = 60, table: str = "tags.csv") -> Path:
    header = "" if table == "tags.csv" else "file_name,text\n"
    lines = "".join(f"{i}.png,text {i}\n" for i in range(count))
    return write(path, {table: header + lines, **{f"{i}.png": png(i) for i in range(count)}})


def test_a_renamed_folder_keeps_its_split_and_digest(tmp_path: Path) -> None:
    first, _ = load(many(tmp_path / "one"))
    shutil.move(tmp_path / "one", tmp_path / "two")
    second, _ = load(tmp_path / "two")
    third, _ = load(f"name={many(tmp_path / 'three.zip')}")
    assert (first.source_names, second.source_names, third.source_names) == (("one",), ("two",), ("name",))
    assert first.splits == second.splits == third.splits
    assert first.digest == second.digest == third.digest
    assert first.splits == tuple("heldout" if is_held_out(f"{i}.png") else "train" for i in range(60))
    assert first.of("train").digest == second.of("train").digest != first.digest


def test_with_a_column_source_images_are_held_out_by_it(tmp_path: Path) -> None:
    rows = "".join(f"{i}.png,text,{'xy'[i % 2]}\n" for i in range(60))
    files = {"metadata.csv": f"file_name,text,source\n{rows}", **{f"{i}.png": png(i) for i in range(60)}}
    data, _ = load(write(tmp_path / "a", files))
    expected = {f"{'xy'[i % 2]}/{i}.png" for i in range(60) if is_held_out(f"{'xy'[i % 2]}/{i}.png")}
    assert {id for id, split in zip(data.ids, data.splits, strict=True) if split == "heldout"} == expected


def test_the_digest_is_of_pixels_captions_and_order(tmp_path: Path) -> None:
    tags = {"a": "1,x\n2,y\n", "b": "2,y\n1,x\n", "c": "1,x\n2,z\n", "d": "1,x\n2,y\n"}
    digests = set()
    for name, text in tags.items():
        path = write(tmp_path / name, {"tags.csv": text, "1.png": png(1), "2.png": png(3 if name == "d" else 2)})
        digests.add(load(path)[0].digest)
    assert len(digests) == 4
    one, two = tmp_path / "a", tmp_path / "b"
    assert load(one, two)[0].digest != load(two, one)[0].digest


def test_the_digest_of_a_part_is_of_the_images_chosen(tmp_path: Path) -> None:
    data, _ = load(many(tmp_path / "a"))
    assert data[:].digest == data.digest
    assert data[10:50][torch.tensor([3, 1])].digest == data[torch.tensor([13, 11])].digest
    assert data[torch.tensor([11, 13])].digest != data[torch.tensor([13, 11])].digest
    part = data[torch.tensor([13, 11])]
    assert part.ids == ("a/13.png", "a/11.png")
    assert part.captions == (("text 13",), ("text 11",))
    assert torch.equal(part.images[:], data.images[torch.tensor([13, 11])])


def test_several_paths_keep_their_order_and_names(tmp_path: Path) -> None:
    one, two = many(tmp_path / "one", 3), many(tmp_path / "two.zip", 2, "metadata.csv")
    data, summary = load(two, f"x={one}")
    assert data.source_names == ("two", "x")
    assert data.formats == ("imagefolder", "tags")
    assert data.sources.tolist() == [0, 0, 1, 1, 1]
    assert torch.equal(data.images[2:], load(one)[0].images[:])
    assert str(summary).splitlines()[-1] == "loaded: 5 images (all)"
    with pytest.raises(InputError, match="a second source called 'x'; name it, as in NAME="):
        load(f"x={one}", f"x={two}")


def test_copies_stand_on_one_side(tmp_path: Path) -> None:
    names = [f"{i}.png" for i in range(60)]
    heldout = next(name for name in names if is_held_out(name))
    files = {name: png(i) for i, name in enumerate(names)}
    files["copy.png"] = encode_image(ImageOps.mirror(picture(names.index(heldout))), "JPEG")
    tags = "".join(f"{name},x\n" for name in files)
    data, summary = load(write(tmp_path / "a", {"tags.csv": tags, **files}))
    assert data.splits[-1] == "copy"
    assert summary.sources[0].left_out == "1 copies of held-out images"


def test_small_sets_are_trained_on(tmp_path: Path) -> None:
    name = next(f"{i}.png" for i in range(100) if is_held_out(f"{i}.png"))
    path = write(tmp_path / "a", {"tags.csv": f"{name},x\n", name: png(0)})
    data, summary = load_images([path])
    assert len(data) == summary.loaded == 1
    with pytest.raises(InputError, match=r"a: no image in the split 'heldout' \(the set is small"):
        load_images([path], split="heldout")


def test_sets_of_some_size_hold_something_out() -> None:
    identities = [name for name in map(str, range(100)) if not is_held_out(name)][:20]
    assert with_both(["train"] * 20, identities, list(range(20))).count("heldout") == 1
    assert with_both(["train"] * 10, identities[:10], list(range(10))) == ["train"] * 10
    assert with_both(["train"] * 20, identities, [0] * 20) == ["train"] * 20


def test_mixed_sizes_and_kinds(tmp_path: Path) -> None:
    formats = {"a.jpg": "JPEG", "b.webp": "WEBP", "c.bmp": "BMP", "d.gif": "GIF", "e.tif": "TIFF", "f.avif": "AVIF"}
    files = {name: encode_image(picture(9, 50 + 30 * i), kind) for i, (name, kind) in enumerate(formats.items())}
    data, _ = load(write(tmp_path / "a", {"tags.csv": "".join(f"{name},x\n" for name in files), **files}))
    images = data.images[:].float()
    assert images.shape == (6, 3, 64, 64)
    assert (images - images[0]).abs().mean((1, 2, 3)).max() < 12


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_paths_that_cannot_be(name: str) -> None:
    with pytest.raises(InputError, match="cannot be reached"):
        load(name)
    with pytest.raises(InputError):
        load(f"n={name}")


def test_no_path() -> None:
    with pytest.raises(InputError, match="no data"):
        load()
    with pytest.raises(InputError, match="no data"):
        load("")


def test_a_zip_of_macos_names(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {"tags.csv": "顔,x\n".encode(), "顔.png": png(0), "__MACOSX/._顔.png": b"?"}.items():
            info = zipfile.ZipInfo("x" * len(name.encode()))
            archive.writestr(info, data)
    raw = path.read_bytes()
    for name in ("tags.csv", "顔.png", "__MACOSX/._顔.png"):
        raw = raw.replace(b"x" * len(name.encode()), name.encode())
    path.write_bytes(raw)  # UTF-8 without the flag that says so
    assert load(path)[0].ids == ("a/顔",)


def test_links_are_followed_once(tmp_path: Path) -> None:
    write(tmp_path / "far", {"1.png": png(0)})
    write(tmp_path / "a", {"tags.csv": "1,x\n"})
    (tmp_path / "a" / "images").symlink_to(tmp_path / "far")
    (tmp_path / "far" / "loop").symlink_to(tmp_path / "a")
    assert len(load(tmp_path / "a")[0]) == 1


def test_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many(tmp_path / "snapshots" / "0123abc", 3)
    asked = []

    def download(repo_id: str, *, repo_type: str, revision: str | None) -> str:
        asked.append((repo_id, repo_type, revision))
        return str(tmp_path / "snapshots" / "0123abc")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    data, _ = load("hub:someone/pets", "other=hub:someone/pets@v1.0")
    assert asked == [("someone/pets", "dataset", None), ("someone/pets", "dataset", "v1.0")]
    assert data.source_names == ("pets", "other")
    monkeypatch.chdir(tmp_path)
    for address in (
        "someone/pets",
        "https://huggingface.co/datasets/someone/pets/tree/v1.0",
        "hf://datasets/someone/pets",
    ):
        assert load(address)[0].source_names == ("pets",)
    assert asked[2:] == [("someone/pets", "dataset", revision) for revision in (None, "v1.0", None)]
    with pytest.raises(InputError, match=r"https://x\.org/pets\.zip: is not fetched; download it"):
        load("https://x.org/pets.zip")
    (tmp_path / "someone").mkdir()
    with pytest.raises(InputError, match="someone/pets: no such folder"):
        load("someone/pets")
    for address in ("hub:", "hub:a/b/c", "hub:a b", "hub:../x"):
        with pytest.raises(InputError, match="not an address"):
            load(address)


def test_the_hub_without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> str:
        raise OSError("no route\nto the host")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(
        InputError, match=r"hub:a/b: cannot be fetched \(no route\); check the name and the network"
    ) as it:
        load("hub:a/b")
    assert "\n" not in str(it.value)
