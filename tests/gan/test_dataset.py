from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from drawing import draw_face, encode_image, write_source
from PIL import Image, ImageOps

from encoder.attributes.vocabulary import Attributes
from encoder.common.errors import InputError
from gan.data import Summary, load_images
from gan.data.decoding import decode_image
from gan.data.splits import is_held_out, split_of_copies
from gan.faces.dataset import WITHOUT_COLOUR, FaceDataset, faces_of, load_faces, share_of_faces

PINK_GREEN = Attributes("pink", "green").indices
BLUE_RED = Attributes("blue", "red").indices


def pixels(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)


@pytest.fixture(params=["folder", "zip"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where a test writes its source: a folder once, a zip once."""
    return tmp_path / ("source.zip" if request.param == "zip" else "source")


def test_extra_data(path: Path) -> None:
    pink, blue = draw_face("pink", "green"), draw_face("blue", "red")
    write_source(path, "10,pink hair green eyes\n9,blue hair red eyes\n", {"images/9.png": blue, "images/10.png": pink})
    data, summary = load_faces([path], split="all")
    assert len(data) == summary.loaded == 2
    assert data.ids == ("extra/10", "extra/9")
    assert data.source_names == ("extra",)
    assert data.sources.tolist() == [0, 0]
    assert data.attributes.tolist() == [[*PINK_GREEN], [*BLUE_RED]]
    assert (data.attributes.dtype, data.sources.dtype) == (torch.int64, torch.int64)
    assert data.images.dtype == torch.uint8
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
    data, summary = load_faces([path], split="all")
    pink, green, long = Attributes("pink", "green", "long").indices
    assert data.ids == tuple(f"anime/{i}" for i in range(1, 6))
    assert data.attributes.tolist() == [[pink, green, long], [0, green, 0], [pink, 0, 0], [0, green, 0], [pink, 0, 0]]
    [source] = summary.sources
    assert source.unknown == {"hair": 2, "eyes": 2, "length": 4}
    assert source.ambiguous == {"hair": 1, "eyes": 1, "length": 1}
    assert source.ignored == {"aikatsu!": 2, "hiten (goane ryu)": 1}
    assert source.reasons == {WITHOUT_COLOUR: 2}
    lines = str(summary).splitlines()
    assert len(lines) == 5
    assert lines[0].startswith("anime: 7 rows")
    assert lines[2] == "  ignored: 3 other tags (aikatsu!, hiten (goane ryu))"
    assert lines[3] == "  left out: 2 without hair or eye colour"
    assert lines[4] == "loaded: 5 faces (all)"


def test_free_captions(path: Path) -> None:
    asked = []

    def read_captions(texts: list[str]) -> torch.Tensor:
        asked.append(list(texts))
        return torch.tensor([BLUE_RED if "blue" in text else (0, 0, 0) for text in texts])

    tags = (
        "a,her eyes are red and her hair is blue\n"
        "b,her eyes are red and her hair is blue\n"
        "c,Pink hair green eyes\n"
        "d,no idea\n"
        "e,not asked for: it has no image\n"
    )
    write_source(path, tags, {f"{id}.png": draw_face("blue", "red") for id in "abcd"})
    data, summary = load_faces([path], split="all", read_captions=read_captions)
    assert asked == [["her eyes are red and her hair is blue", "no idea"]]  # each once; canonical captions never
    assert data.ids == ("source/a", "source/b", "source/c")
    assert data.attributes.tolist() == [[*BLUE_RED], [*BLUE_RED], [*PINK_GREEN]]
    assert summary.sources[0].reasons == {WITHOUT_COLOUR: 1, "without image": 1}
    assert "without image (e)" in str(summary)
    with pytest.raises(InputError, match=r"source: 'her eyes are red .* needs an encoder"):
        load_faces([path], split="all")


def test_canonical_captions_need_no_reader(path: Path) -> None:
    write_source(path, "1,pink hair\n2,blue hair red eyes\n", {f"{i}.png": draw_face("pink", "red") for i in (1, 2)})
    data, _ = load_faces([f"mine={path}"], split="all")
    assert data.ids == ("mine/1", "mine/2")
    assert data.attributes.tolist() == [[PINK_GREEN[0], 0, 0], [*BLUE_RED]]


def test_several_sources(tmp_path: Path) -> None:
    image = {"images/1.png": draw_face("pink", "green")}
    extra = write_source(tmp_path / "a.zip", "1,pink hair green eyes\n", image)
    anime = write_source(tmp_path / "b", "1,pink hair:9\tgreen eyes:9\n", image)
    data, summary = load_faces([anime, extra, f"again={extra}"], split="all")
    assert data.source_names == ("anime", "extra", "again")
    assert data.sources.tolist() == [0, 1, 2]
    assert data.ids == ("anime/1", "extra/1", "again/1")
    assert [source.name for source in summary.sources] == ["anime", "extra", "again"]
    with pytest.raises(InputError, match="second source called 'extra'; name it, as in NAME="):
        load_faces([extra, extra])


def test_a_path_with_an_equals_sign(tmp_path: Path) -> None:
    path = write_source(tmp_path / "a=b", "1,pink hair green eyes\n", {"1.png": draw_face("pink", "green")})
    assert load_faces([path], split="all")[0].source_names == ("extra",)


@pytest.mark.parametrize("place", ["faces/", "images/", "", "packed/faces/", "packed/images/", "packed/"])
def test_where_the_images_may_be(tmp_path: Path, place: str) -> None:
    tags = "1,pink hair green eyes\n"
    images = {f"{place}1.png": draw_face("pink", "green"), "__MACOSX/._1.png": b"", f"{place}._1.png": b""}
    if place.startswith("packed/"):
        path = write_source(tmp_path / "a", "", images | {"packed/tags.csv": tags.encode()})
        (path / "tags.csv").unlink()
    else:
        path = write_source(tmp_path / "a.zip", tags, images)
    data, summary = load_faces([path], split="all")
    assert len(data) == 1
    assert summary.sources[0].left_out == ""


def test_damaged_images_are_counted_and_named(path: Path) -> None:
    whole = encode_image(draw_face("pink", "green"), "JPEG")
    images: dict[str, bytes] = {f"images/{i}.jpg": whole for i in range(1, 5)}
    images |= {"images/2.jpg": whole[:300], "images/4.jpg": b"not an image", "images/5.jpg": b""}
    tags = "1,pink hair green eyes\n3,blue hair red eyes\n" + "".join(f"{i},red hair red eyes\n" for i in (2, 4, 5))
    write_source(path, tags, images)
    data, summary = load_faces([path], split="all")
    assert data.ids == ("extra/1", "extra/3")
    assert data.attributes.tolist() == [[*PINK_GREEN], [*BLUE_RED]]
    assert data.images.shape == (2, 3, 64, 64)
    assert (data.images.numpy() == decode_image(whole)).all()
    assert summary.sources[0].examples["damaged"] == ["2.jpg", "4.jpg", "5.jpg"]
    assert summary.sources[0].faces.total() == summary.loaded == 2
    assert "left out: 3 damaged (2.jpg, 4.jpg, 5.jpg)" in str(summary)


def test_a_damaged_entry_of_a_zip(tmp_path: Path) -> None:
    image = encode_image(draw_face("blue", "red"))
    path = write_source(
        tmp_path / "a.zip",
        "1,pink hair green eyes\n2,blue hair red eyes\n",
        {"1.png": draw_face("pink", "green"), "2.png": image},
    )
    whole = path.read_bytes()
    at = whole.index(image) + len(image) // 2
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :])
    data, summary = load_faces([path], split="all")
    assert data.ids == ("extra/1",)
    assert summary.sources[0].examples["damaged"] == ["2.png"]


def test_many_damaged_images_are_not_all_named(tmp_path: Path) -> None:
    ids = range(1, 9)
    images = {f"{i}.png": b"" for i in ids} | {"9.png": encode_image(draw_face("pink", "green"))}
    path = write_source(tmp_path / "a", "".join(f"{i},pink hair green eyes\n" for i in [*ids, 9]), images)
    _, summary = load_faces([path], split="all")
    assert "8 damaged (1.png, 2.png, 3.png, 4.png, 5.png, ...)" in str(summary)


def test_rows_without_image_and_images_without_row(path: Path) -> None:
    image = draw_face("pink", "green")
    tags = "1,pink hair green eyes\n2,red hair red eyes\n"
    write_source(path, tags, {"images/1.png": image, "images/7.png": image, "images/8.png": image})
    data, summary = load_faces([path], split="all")
    assert data.ids == ("extra/1",)
    assert summary.sources[0].left_out == "1 without image (2), 2 without caption (7.png, 8.png)"


def test_a_zip_that_is_cut_off(faces_zip: Path, tmp_path: Path) -> None:
    whole = faces_zip.read_bytes()
    path = tmp_path / "cut.zip"
    for size in (0, 100, len(whole) // 2, len(whole) - 10):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"cut\.zip: not a folder and not a whole zip"):
            load_faces([path])


@pytest.mark.parametrize(
    ("tags", "image", "message"),
    [
        (
            "2,pink hair green eyes\n",
            None,
            r": no usable image \(1 without image \(2\), 1 without caption \(1\.png\)\)",
        ),
        ("1,long hair:9\n", None, r": no usable face \(1 without hair or eye colour\)"),
        ("1,pink hair green eyes\n", b"?", r": no usable image \(1 damaged \(1\.png\)\)"),
        ("1 pink hair\n", None, r": holds no captioned images: tags\.csv: has one column; write"),
        (b"1,pi\xffnk hair green eyes\n", None, r"tags\.csv, line 1: not UTF-8"),
        ("", None, r"tags\.csv: holds no rows"),
    ],
)
def test_sources_without_a_usable_face(path: Path, tags: str | bytes, image: bytes | None, message: str) -> None:
    write_source(path, tags, {"1.png": draw_face("pink", "green") if image is None else image})
    with pytest.raises(InputError, match=message) as caught:
        load_faces([path], split="all")
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_paths_that_are_no_source(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("a", "b"):
        write_source(tmp_path / name, "1,pink hair green eyes\n", {"1.png": draw_face("pink", "green")})
    with pytest.raises(InputError, match="missing: no such folder or zip"):
        load_faces([tmp_path / "missing"])
    with pytest.raises(InputError, match=r"empty: holds no captioned images: no files; what is read: a table or JSON"):
        load_faces([tmp_path / "empty"])
    with pytest.raises(InputError, match=r"several folders with a tags\.csv \(a, b\); give each"):
        load_faces([tmp_path])
    with pytest.raises(InputError, match="extra: no image in the split 'heldout'"):
        load_faces([tmp_path / "a"], split="heldout")


def test_other_sizes_are_cropped_to_the_centre_and_resized() -> None:
    wide = Image.new("RGB", (256, 128), "red")
    wide.paste("blue", (64, 0, 192, 128))  # the central square
    decoded = decode_image(encode_image(wide))
    assert decoded.shape == (3, 64, 64)
    assert decoded.dtype == np.uint8
    assert (decoded[:, :, 3:-3] == np.array([0, 0, 255])[:, None, None]).all()
    assert decoded[0].max() < 32  # no red but for the filter's reach over the edge

    board = Image.fromarray((np.indices((128, 128)).sum(0) % 2 * 255).astype(np.uint8))  # antialiased: grey, no board
    assert np.abs(decode_image(encode_image(board))[:, 4:-4, 4:-4].astype(int) - 127).max() <= 2

    small = decode_image(encode_image(Image.new("RGB", (5, 3), (1, 2, 3))))
    assert (small == np.array([1, 2, 3])[:, None, None]).all()


def test_a_face_of_96_pixels_looks_as_it_did() -> None:
    small = decode_image(encode_image(draw_face("pink", "green", size=96)))
    assert np.abs(small.astype(int) - pixels(draw_face("pink", "green")).numpy()).mean() < 6


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "AVIF"])
def test_image_formats(format: str) -> None:
    image = draw_face("pink", "green")
    difference = np.abs(decode_image(encode_image(image, format)).astype(int) - pixels(image).numpy())
    assert difference.mean() < (1 if format in ("PNG", "BMP", "TIFF") else 8)


def test_other_formats_are_not_decoded() -> None:
    with pytest.raises(OSError, match="cannot identify"):
        decode_image(encode_image(draw_face("pink", "green"), "TGA"))


def test_colour_modes() -> None:
    def centre(image: Image.Image, format: str = "PNG") -> list[int]:
        return decode_image(encode_image(image, format))[:, 32, 32].tolist()

    size = (64, 64)
    assert centre(Image.new("RGBA", size, (200, 0, 0, 0))) == [255, 255, 255]
    assert centre(Image.new("RGBA", size, (200, 0, 0, 255))) == [200, 0, 0]
    assert centre(Image.new("RGBA", size, (0, 0, 0, 51))) == [204, 204, 204]
    assert centre(Image.new("LA", size, (0, 0))) == [255, 255, 255]
    assert centre(Image.new("L", size, 77)) == [77, 77, 77]
    assert centre(Image.new("1", size, 1)) == [255, 255, 255]
    assert centre(Image.fromarray(np.full(size, 0x4D4D, np.uint16))) == [77, 77, 77]
    assert centre(Image.new("CMYK", size, (0, 0, 0, 255)), "JPEG") == [0, 0, 0]
    palette = Image.new("P", size, 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    assert centre(palette) == [10, 20, 30]
    palette.info["transparency"] = 1
    assert centre(palette) == [255, 255, 255]


def test_photographs_are_turned_upright() -> None:
    image = Image.new("RGB", (64, 64), "white")
    image.paste("black", (0, 0, 64, 32))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    image.save(buffer := io.BytesIO(), "PNG", exif=exif)
    decoded = decode_image(buffer.getvalue())
    assert decoded[:, :32].min() == 255
    assert decoded[:, 32:].max() == 0


def test_split(faces_zip: Path) -> None:
    parts = {split: load_faces([faces_zip], split=split) for split in ("train", "heldout", "all")}  # type: ignore[arg-type]
    train, heldout, everything = ({*parts[split][0].ids} for split in ("train", "heldout", "all"))
    copies = everything - train - heldout
    assert len(everything) == len(train) + len(heldout) + len(copies) == 132
    for _, summary in parts.values():
        faces = summary.sources[0].faces
        assert (faces["train"], faces["heldout"], faces["copy"]) == (len(train), len(heldout), len(copies))
        assert f"{len(train)} training + {len(heldout)} held-out faces" in str(summary)


def test_the_split_never_changes() -> None:
    assert [i for i in range(51) if is_held_out(f"extra/{i}")] == [16, 18, 40, 47, 48, 50]
    share = sum(is_held_out(f"anime/{i}") for i in range(16_000)) / 16_000
    assert share == pytest.approx(1 / 16, rel=0.1)


def test_one_held_out_face_stands_for_its_copies() -> None:
    assert split_of_copies(["extra/1", "extra/2"]) == {"extra/1": "train", "extra/2": "train"}
    expected = {"extra/1": "copy", "extra/16": "heldout", "extra/18": "copy"}
    for ids in (["extra/1", "extra/16", "extra/18"], ["extra/18", "extra/16", "extra/1"]):
        assert split_of_copies(ids) == expected


def test_no_face_has_a_mirrored_copy_in_the_other_split(path: Path) -> None:
    """16, 18 and 40 are held out by their ids; 3 is 16 mirrored and encoded anew, and 40 is 16 again."""
    first = draw_face("pink", "green", seed=1)
    faces = {1: "blue", 3: "pink", 16: "pink", 18: "red", 20: "green", 40: "pink"}
    images = {f"images/{i}.png": draw_face(hair, "green", seed=i) for i, hair in faces.items()}
    images |= {"images/16.png": first, "images/40.png": first}
    images["images/3.jpg"] = images.pop("images/3.png") and encode_image(ImageOps.mirror(first), "JPEG")
    write_source(path, "".join(f"{i},{hair} hair green eyes\n" for i, hair in faces.items()), images)
    train, summary = load_faces([path], split="train")
    assert train.ids == ("extra/1", "extra/20")
    assert load_faces([path], split="heldout")[0].ids == ("extra/16", "extra/18")
    assert load_faces([path], split="all")[0].splits == ("train", "copy", "heldout", "heldout", "train", "copy")
    assert summary.sources[0].left_out == "2 copies of held-out faces"


def test_a_face_in_two_sources_stays_in_the_split_of_each(tmp_path: Path) -> None:
    image = {"16.png": draw_face("pink", "green")}
    extra = write_source(tmp_path / "a", "16,pink hair green eyes\n", image)
    data, _ = load_faces([extra, f"other={extra}"], split="all")
    assert data.splits == tuple("heldout" if is_held_out(id) else "train" for id in ("extra/16", "other/16"))


def test_indexing(faces_zip: Path) -> None:
    data, _ = load_faces([faces_zip], split="all")
    for index, expected in [
        (slice(10, 13), [10, 11, 12]),
        (torch.tensor([5, 3, 5]), [5, 3, 5]),
        (torch.arange(132) % 66 == 1, [1, 67]),
    ]:
        part = data[index]
        assert part.ids == tuple(data.ids[i] for i in expected)
        assert torch.equal(part.images, data.images[expected])
        assert torch.equal(part.attributes, data.attributes[expected])
        assert torch.equal(part.sources, data.sources[expected])
        assert part.source_names == data.source_names
        assert part.splits == tuple(data.splits[i] for i in expected)


def test_no_bar_without_a_terminal(faces_zip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load_faces([faces_zip], progress=True)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def check_real(faces: FaceDataset, summary: Summary, counts: dict[str, int]) -> None:
    assert summary.sources[0].images == counts
    assert not summary.sources[0].reasons.keys() - {WITHOUT_COLOUR}
    assert faces.attributes[:, :2].amax(0).tolist() == [12, 11]
    assert (faces.images.float().mean((1, 2, 3)) > 20).all()


def test_extra_data_itself(extra_data: tuple[FaceDataset, Summary]) -> None:
    faces, summary = extra_data
    assert faces.source_names == ("extra",)
    check_real(faces.of("heldout"), summary, {"train": 30_208, "heldout": 2_100, "copy": 2_281})


def test_anime_dataset_itself(real_data: Path) -> None:
    faces, summary = load_faces([real_data / "AnimeDataset.zip"], split="heldout")
    assert faces.source_names == ("anime",)
    check_real(faces, summary, {"train": 11_655, "heldout": 777, "copy": 5})


def test_the_captions_of_a_face_have_to_agree(path: Path) -> None:
    tags = "1,pink hair\n1,green eyes\n2,pink hair green eyes\n2,blue hair\n3,pink hair\n3,blue hair\n"
    write_source(path, tags, {f"{i}.png": draw_face("pink", "red", seed=i) for i in (1, 2, 3)})
    data, summary = load_faces([path], split="all")
    assert data.attributes.tolist() == [[*PINK_GREEN], [0, PINK_GREEN[1], 0]]
    assert summary.sources[0].ambiguous == {"hair": 1}
    assert summary.sources[0].reasons == {WITHOUT_COLOUR: 1}


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
