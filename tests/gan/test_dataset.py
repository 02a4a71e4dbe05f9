"""Faces of captioned images, and how images are split."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from drawing import draw_face, encode_image, load_faces, write_source
from PIL import Image, ImageOps

from encoder.attributes.vocabulary import Attributes
from encoder.common.errors import InputError
from gan.data import Summary, load_images
from gan.data.decoding import decode_image
from gan.data.splits import is_held_out, split_all
from gan.faces.dataset import FaceDataset, faces_of, share_of_faces

PINK_GREEN = Attributes("pink", "green").indices
BLUE_RED = Attributes("blue", "red").indices
ONE = "1,pink hair green eyes\n"


def pixels(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)


@pytest.fixture(params=["folder", "zip"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where a test writes its source: a folder once, a zip once."""
    return tmp_path / ("source.zip" if request.param == "zip" else "source")


def test_extra_data(path: Path) -> None:
    pink, blue = draw_face("pink", "green"), draw_face("blue", "red")
    write_source(path, "10,pink hair green eyes\n9,blue hair red eyes\n", {"images/9.png": blue, "images/10.png": pink})
    data = load_faces(path)
    assert data.ids == ("extra/10", "extra/9")
    assert data.source_names == ("extra",)
    assert data.sources.tolist() == [0, 0]
    assert data.attributes.tolist() == [[*PINK_GREEN], [*BLUE_RED]]
    assert (data.attributes.dtype, data.sources.dtype, data.images.dtype) == (torch.int64, torch.int64, torch.uint8)
    assert torch.equal(data.images, torch.stack([pixels(pink), pixels(blue)]))  # row by row, every pixel as it was


def test_anime_dataset(path: Path) -> None:
    tags = (
        "1,pink hair:9\tgreen eyes:9\tlong hair:9\n"
        "2,pink hair:9\tblue hair:9\tgreen eyes:9\taikatsu!:98\t\n"
        "3,pink hair:9\tred eyes:3\tgreen eyes:9\tlong hair:9\tshort hair:9\n"
        "4,green eyes:9\thiten (goane ryu):64\n"
        "5,pink hair:9\n"
        "6,long hair:9\taikatsu!:98\n"
        "7,pink hair:9\tblue hair:9\n"
    )
    write_source(path, tags, {f"faces/{i}.png": draw_face("pink", "green", size=96, seed=i) for i in range(1, 8)})
    data = load_faces(path)
    pink, green, long = Attributes("pink", "green", "long").indices
    assert data.ids == tuple(f"anime/{i}" for i in range(1, 6))
    assert data.attributes.tolist() == [[pink, green, long], [0, green, 0], [pink, 0, 0], [0, green, 0], [pink, 0, 0]]


def test_free_captions_are_read_once_and_canonical_ones_never(path: Path) -> None:
    asked = []

    def read_captions(texts: Sequence[str]) -> torch.Tensor:
        asked.append(list(texts))
        return torch.tensor([BLUE_RED if "blue" in text else (0, 0, 0) for text in texts])

    tags = (
        "a,her eyes are red and her hair is blue\nb,her eyes are red and her hair is blue\n"
        "c,Pink hair green eyes\nd,no idea\ne,not asked for: it has no image\nf,pink hair\n"
    )
    write_source(path, tags, {f"{id}.png": draw_face("blue", "red") for id in "abcdf"})
    data = faces_of(load_images([f"mine={path}"], split="all")[0], read_captions)
    assert asked == [["her eyes are red and her hair is blue", "no idea"]]
    assert data.ids == ("mine/a", "mine/b", "mine/c", "mine/f")
    assert data.attributes.tolist() == [[*BLUE_RED], [*BLUE_RED], [*PINK_GREEN], [PINK_GREEN[0], 0, 0]]


def test_the_captions_of_a_face_have_to_agree(path: Path) -> None:
    tags = "1,pink hair\n1,green eyes\n2,pink hair green eyes\n2,blue hair\n3,pink hair\n3,blue hair\n"
    write_source(path, tags, {f"{i}.png": draw_face("pink", "red", seed=i) for i in (1, 2, 3)})
    assert load_faces(path).attributes.tolist() == [[*PINK_GREEN], [0, PINK_GREEN[1], 0]]


def test_faces_of_captioned_images(path: Path) -> None:
    tags = "1,pink hair\n2,a red car\n3,blue hair red eyes\n4,a house\n"
    write_source(path, tags, {f"{i}.png": draw_face("pink", "red", seed=i) for i in (1, 2, 3, 4)})

    def read(texts: Sequence[str]) -> torch.Tensor:
        return torch.zeros(len(texts), 3, dtype=torch.int64)

    images, _ = load_images([path], split="all")
    assert share_of_faces(images, 512, read) == 0.5
    faces = faces_of(images, read)
    assert faces.ids == ("source/1", "source/3")
    assert isinstance(faces.images, torch.Tensor)
    assert faces.digest == images[torch.tensor([0, 2])].digest
    with pytest.raises(InputError, match="source: no caption states hair or eyes"):
        faces_of(images[torch.tensor([1, 3])], read)


def test_several_sources(tmp_path: Path) -> None:
    image = {"images/1.png": draw_face("pink", "green")}
    extra = write_source(tmp_path / "a=b", ONE, image)
    anime = write_source(tmp_path / "b.zip", "1,pink hair:9\tgreen eyes:9\n", image)
    data = load_faces(anime, extra, f"again={extra}")
    assert data.source_names == ("anime", "extra", "again")
    assert data.sources.tolist() == [0, 1, 2]
    assert data.ids == ("anime/1", "extra/1", "again/1")
    with pytest.raises(InputError, match="second source called 'extra'; name it, as in NAME="):
        load_faces(extra, extra)


@pytest.mark.parametrize("place", ["faces/", "images/", "", "packed/faces/", "packed/images/", "packed/"])
def test_where_the_images_may_be(tmp_path: Path, place: str) -> None:
    images = {f"{place}1.png": draw_face("pink", "green"), "__MACOSX/._1.png": b"", f"{place}._1.png": b""}
    if place.startswith("packed/"):
        path = write_source(tmp_path / "a", "", images | {"packed/tags.csv": ONE.encode()})
        (path / "tags.csv").unlink()
    else:
        path = write_source(tmp_path / "a.zip", ONE, images)
    data, summary = load_images([path], split="all")
    assert len(data) == 1
    assert summary.sources[0].left_out == ""


def test_damaged_images_are_counted_and_named(path: Path) -> None:
    whole = encode_image(draw_face("pink", "green"), "JPEG")
    images: dict[str, bytes] = {f"images/{i}.jpg": whole for i in range(1, 5)}
    images |= {"images/2.jpg": whole[:300], "images/4.jpg": b"not an image", "images/5.jpg": b""}
    tags = "1,pink hair green eyes\n3,blue hair red eyes\n" + "".join(f"{i},red hair red eyes\n" for i in (2, 4, 5))
    data, summary = load_images([write_source(path, tags, images)], split="all")
    assert data.ids == ("extra/1", "extra/3")
    assert (data.images[:].numpy() == decode_image(whole)).all()
    assert summary.sources[0].images.total() == summary.loaded == 2
    assert "left out: 3 damaged (2.jpg, 4.jpg, 5.jpg)" in str(summary)


def test_a_damaged_entry_of_a_zip(tmp_path: Path) -> None:
    image = encode_image(draw_face("blue", "red"))
    images = {"1.png": draw_face("pink", "green"), "2.png": image}
    path = write_source(tmp_path / "a.zip", f"{ONE}2,blue hair red eyes\n", images)
    whole = path.read_bytes()
    at = whole.index(image) + len(image) // 2
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :])
    data, summary = load_images([path], split="all")
    assert data.ids == ("extra/1",)
    assert summary.sources[0].examples["damaged"] == ["2.png"]


def test_many_damaged_images_are_not_all_named(tmp_path: Path) -> None:
    ids = range(1, 9)
    images = {f"{i}.png": b"" for i in ids} | {"9.png": encode_image(draw_face("pink", "green"))}
    path = write_source(tmp_path / "a", "".join(f"{i},pink hair green eyes\n" for i in [*ids, 9]), images)
    assert "8 damaged (1.png, 2.png, 3.png, 4.png, 5.png, ...)" in str(load_images([path], split="all")[1])


def test_rows_without_image_and_images_without_row(path: Path) -> None:
    image = draw_face("pink", "green")
    images = {"images/1.png": image, "images/7.png": image, "images/8.png": image}
    data, summary = load_images([write_source(path, f"{ONE}2,red hair red eyes\n", images)], split="all")
    assert data.ids == ("extra/1",)
    assert summary.sources[0].left_out == "1 without image (2), 2 without caption (7.png, 8.png)"


def test_a_zip_that_is_cut_off(faces_zip: Path, tmp_path: Path) -> None:
    whole = faces_zip.read_bytes()
    path = tmp_path / "cut.zip"
    for size in (0, 100, len(whole) // 2, len(whole) - 10):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"cut\.zip: not a folder and not a whole zip"):
            load_images([path])


@pytest.mark.parametrize(
    ("tags", "image", "message"),
    [
        ("2,pink hair green eyes\n", None, r": no usable image \(1 without image \(2\), 1 without caption \(1\.png\)"),
        ("1,long hair:9\n", None, r"anime: no caption states hair or eyes"),
        (ONE, b"?", r": no usable image \(1 damaged \(1\.png\)\)"),
        ("1 pink hair\n", None, r": holds no captioned images: tags\.csv: has one column; write"),
        (b"1,pi\xffnk hair green eyes\n", None, r"tags\.csv, line 1: not UTF-8"),
        ("", None, r"tags\.csv: holds no rows"),
    ],
)
def test_sources_without_a_usable_face(path: Path, tags: str | bytes, image: bytes | None, message: str) -> None:
    write_source(path, tags, {"1.png": draw_face("pink", "green") if image is None else image})
    with pytest.raises(InputError, match=message) as caught:
        load_faces(path)
    assert str(caught.value).startswith((str(path), "anime"))
    assert "\n" not in str(caught.value)


def test_paths_that_are_no_source(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("a", "b"):
        write_source(tmp_path / name, ONE, {"1.png": draw_face("pink", "green")})
    with pytest.raises(InputError, match="missing: no such folder or zip"):
        load_images([tmp_path / "missing"])
    with pytest.raises(InputError, match=r"empty: holds no captioned images: no files; what is read: a table or JSON"):
        load_images([tmp_path / "empty"])
    with pytest.raises(InputError, match=r"several folders with a tags\.csv \(a, b\); give each"):
        load_images([tmp_path])
    with pytest.raises(InputError, match="extra: no image in the split 'heldout'"):
        load_images([tmp_path / "a"], split="heldout")


def test_split(faces_zip: Path) -> None:
    parts = {split: load_images([faces_zip], split=split) for split in ("train", "heldout", "all")}  # type: ignore[arg-type]
    train, heldout, everything = ({*parts[split][0].ids} for split in ("train", "heldout", "all"))
    copies = everything - train - heldout
    assert len(everything) == len(train) + len(heldout) + len(copies) == 132
    for _, summary in parts.values():
        images = summary.sources[0].images
        assert (images["train"], images["heldout"], images["copy"]) == (len(train), len(heldout), len(copies))
        assert f"{len(train)} training + {len(heldout)} held-out images" in str(summary)


def test_the_split_never_changes() -> None:
    assert [i for i in range(51) if is_held_out(f"extra/{i}")] == [16, 18, 40, 47, 48, 50]
    share = sum(is_held_out(f"anime/{i}") for i in range(16_000)) / 16_000
    assert share == pytest.approx(1 / 16, rel=0.1)


def test_one_held_out_face_stands_for_its_copies() -> None:
    assert split_all(["extra/1", "extra/2"], [0, 0]) == ["train", "train"]
    assert split_all(["extra/1", "extra/16", "extra/18"], [0, 0, 0]) == ["copy", "heldout", "copy"]
    assert split_all(["extra/18", "extra/16", "extra/1"], [0, 0, 0]) == ["copy", "heldout", "copy"]


def test_no_face_has_a_mirrored_copy_in_the_other_split(path: Path) -> None:
    """16, 18 and 40 are held out by their ids; 3 is 16 mirrored and encoded anew, and 40 is 16 again."""
    first = draw_face("pink", "green", seed=1)
    faces = {1: "blue", 3: "pink", 16: "pink", 18: "red", 20: "green", 40: "pink"}
    images = {f"images/{i}.png": draw_face(hair, "green", seed=i) for i, hair in faces.items()}
    images |= {"images/16.png": first, "images/40.png": first}
    images["images/3.jpg"] = images.pop("images/3.png") and encode_image(ImageOps.mirror(first), "JPEG")
    write_source(path, "".join(f"{i},{hair} hair green eyes\n" for i, hair in faces.items()), images)
    train, summary = load_images([path], split="train")
    assert train.ids == ("extra/1", "extra/20")
    assert load_faces(path, split="heldout").ids == ("extra/16", "extra/18")
    assert load_faces(path).splits == ("train", "copy", "heldout", "heldout", "train", "copy")
    assert summary.sources[0].left_out == "2 copies of held-out images"


def test_a_face_in_two_sources_stays_in_the_split_of_each(tmp_path: Path) -> None:
    extra = write_source(tmp_path / "a", "16,pink hair green eyes\n", {"16.png": draw_face("pink", "green")})
    expected = tuple("heldout" if is_held_out(id) else "train" for id in ("extra/16", "other/16"))
    assert load_faces(extra, f"other={extra}").splits == expected


def test_indexing(faces_zip: Path) -> None:
    data = load_faces(faces_zip)
    for index, expected in [
        (slice(10, 13), [10, 11, 12]),
        (torch.tensor([5, 3, 5]), [5, 3, 5]),
        (torch.arange(132) % 66 == 1, [1, 67]),
    ]:
        part = data[index]
        assert part.ids == tuple(data.ids[i] for i in expected)
        for name in ("images", "attributes", "sources"):
            assert torch.equal(getattr(part, name), getattr(data, name)[expected])
        assert part.source_names == data.source_names
        assert part.splits == tuple(data.splits[i] for i in expected)


def test_no_bar_without_a_terminal(faces_zip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load_images([faces_zip], progress=True)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def check_real(faces: FaceDataset, summary: Summary, counts: dict[str, int]) -> None:
    assert summary.sources[0].images == counts
    assert not summary.sources[0].reasons
    assert faces.attributes[:, :2].amax(0).tolist() == [12, 11]
    assert (faces.images.float().mean((1, 2, 3)) > 20).all()


def test_extra_data_itself(extra_data: tuple[FaceDataset, Summary]) -> None:
    faces, summary = extra_data
    assert faces.source_names == ("extra",)
    check_real(faces.of("heldout"), summary, {"train": 30_208, "heldout": 2_100, "copy": 2_281})


def test_anime_dataset_itself(real_data: Path) -> None:
    images, summary = load_images([real_data / "AnimeDataset.zip"], split="all", progress=False)
    assert images.source_names == ("anime",)
    faces = faces_of(images)
    assert (faces.splits.count("train"), faces.splits.count("heldout"), faces.splits.count("copy")) == (11_655, 777, 5)
    check_real(faces.of("heldout"), summary, summary.sources[0].images)
