from __future__ import annotations

import io
import json
import os
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from making import captions, load, parquet, picture, png, write

from encoder.common.errors import InputError
from encoder.text import MAX_TEXT
from gan.data import formats


@pytest.fixture(params=["set", "set.zip", "set.tar"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where a test writes its set: a folder, a zip, a tar."""
    return tmp_path / request.param


def images(*names: str) -> dict[str, bytes | str]:
    return {name: png(i) for i, name in enumerate(names)}


# tags.csv


@pytest.mark.parametrize(
    "tags",
    [
        "1,a red cat\n2,a dog, sleeping\n",
        '"1","a red cat"\n"2","a dog, sleeping"\n',
        'text_id,prompt\n1,a red cat\n2,"a dog, sleeping"\n',
        "id,text\r\n1,a red cat\r\n2,a dog, sleeping\r\n",
        "\ufeffimage,caption\n1.png,a red cat\n2.png,a dog, sleeping\n",
        ',id,text\n0,1,a red cat\n1,2,"a dog, sleeping"\n',
        "Unnamed: 0,file_name,text\n0,1.png,a red cat\n1,2.png,a dog, sleeping\n",
        "1\ta red cat\n2\ta dog, sleeping\n",
        "file_name\ttext\n1.png\ta red cat\n2.png\ta dog, sleeping\n",
        "id;caption\n1;a red cat\n2;a dog, sleeping\n",
        "text,id\na red cat,1\n" + '"a dog, sleeping",2\n',
        "id,split,text\n1,train,a red cat\n2,train,a dog, sleeping\n",
        "nummer,beschreibung\n1,a red cat\n2,a dog, sleeping\n",
        "images/1.png,a red cat\nimages/2.png,a dog, sleeping\n",
        "./images/1.png,a red cat\nimages\\2.png,a dog, sleeping\n",
    ],
)
def test_tags_in_every_form(path: Path, tags: str) -> None:
    data, summary = load(write(path, {"tags.csv": tags, "images/1.png": png(1), "images/2.png": png(2)}))
    assert data.captions == (("a red cat",), ("a dog, sleeping",))
    assert (data.formats, data.source_names) == (("tags",), ("set",))
    assert torch.equal(data.images[:], torch.from_numpy(np.stack([picture(1), picture(2)])).permute(0, 3, 1, 2))
    assert summary.sources[0].left_out == ""
    assert "set: 2 rows, 2 training + 0 held-out images" in str(summary)


def test_several_rows_of_an_image_are_its_captions(path: Path) -> None:
    tags = 'b,one\na,two\nb,three\nb,one\na,"four\nlines"\n'
    data, summary = load(write(path, {"tags.csv": tags, **images("a.png", "b.png")}))
    assert captions(data) == {"set/b": ["one", "three"], "set/a": ["two", "four\nlines"]}
    assert summary.sources[0].left_out == "1 repeated (b.png)"
    assert summary.sources[0].rows == 5


@pytest.mark.parametrize("id", ["face (1)", "a [b] c", "顔", "mr. smith", "é", "it's #1 & more", "1+1=2"])
def test_ids_are_any_names_of_files(path: Path, id: str) -> None:
    data, _ = load(write(path, {"tags.csv": f"{id},x\n", f"images/{id}.png": png(0)}))
    assert data.ids == (f"set/{id}",)


def test_accents_are_the_same_however_they_are_composed(tmp_path: Path) -> None:
    data, _ = load(write(tmp_path / "set", {"tags.csv": "\u00e9,x\n", "e\u0301.png": png(0)}))
    assert len(data) == 1


def test_names_that_nearly_fit_are_named_and_not_guessed(path: Path) -> None:
    files = {"tags.csv": "1,x\nCat,y\ndog,z\nnone,w\n", **images("00001.png", "cat.png", "dog.png")}
    data, summary = load(write(path, files))
    assert data.ids == ("set/Cat", "set/dog")
    assert summary.sources[0].left_out == (
        "1 without image of that very name (tags.csv says 1, the folder has 00001.png), 1 without image (none), "
        "1 without caption (00001.png)"
    )


def test_bad_rows_are_counted_and_stop_nothing(path: Path) -> None:
    tags = f"good,a text\nempty,\nlong,{'x' * (MAX_TEXT + 1)}\nnul,a\0b\nalone\ngood,a text\ndamaged,y\nheic,z\n"
    names = ("good.png", "empty.png", "long.png", "nul.png", "bytes.png", "extra.png")
    files = {"tags.csv": tags.encode() + b"bytes,\xff\xfe\n", **images(*names), "damaged.png": b"no", "heic.heic": b"x"}
    data, summary = load(write(path, files))
    assert data.ids == ("set/good", "set/long")
    assert summary.sources[0].reasons == {
        "malformed": 1, "of a kind that is not read": 1, "without caption": 1, "repeated": 1, "damaged": 1,
        "with an empty caption": 1, "with a caption that is used up to its 2,000th character": 1,
        "with a caption that is not valid Unicode": 2,
    }  # fmt: skip
    assert summary.sources[0].examples["of a kind that is not read"] == ["heic.heic"]


def test_tags_below_other_folders_are_found(path: Path) -> None:
    data, _ = load(write(path, {"a/b/tags.csv": "1,x\n", "a/b/images/1.png": png(0), "__MACOSX/a/b/._tags.csv": b"?"}))
    assert data.ids == ("set/1",)


def test_images_in_folders_of_their_own(path: Path) -> None:
    data, _ = load(write(path, {"tags.csv": "cats/1,x\ndogs/1.png,y\n", **images("cats/1.png", "dogs/1.png")}))
    assert data.ids == ("set/cats/1", "set/dogs/1.png")


def test_captions_of_the_anime_dataset_are_its_tags(path: Path) -> None:
    tags = "1,Pink Hair:9\tgreen eyes:9\tpink hair:3\taikatsu!:98\t\n2,\n3,oh no\n5,hat:1\n4,"
    tags += "\t".join(f"tag number {i}:1" for i in range(200))
    data, summary = load(write(path, {"tags.csv": tags, **{f"faces/{i}.png": png(i) for i in range(1, 6)}}))
    assert data.formats == data.source_names == ("anime",)
    assert data.captions[0] == ("pink hair, green eyes, aikatsu!",)
    assert len(data.captions[2][0]) <= MAX_TEXT and data.captions[2][0].startswith("tag number 0, tag number 1,")
    assert all(tag.startswith("tag number ") for tag in data.captions[2][0].split(", "))
    assert summary.sources[0].reasons == {"with an empty caption": 1, "malformed": 1, "without caption": 1}


# metadata.csv, .jsonl, .parquet


def test_imagefolder_csv(path: Path) -> None:
    table = "file_name,text,source,label\na/1.png,one,x,cat\nb/1.png,two,y,dog\na/1.png,three,x,cat\nb/2.png,,x,\n"
    data, summary = load(write(path, {"metadata.csv": table, **images("a/1.png", "b/1.png", "b/2.png")}))
    assert captions(data) == {"x/a/1.png": ["one", "three"], "y/b/1.png": ["two"]}
    assert data.source_names == ("x", "y")
    assert data.sources.tolist() == [0, 1]
    assert data.groups == ("cat", "dog")
    assert [str(source) for source in summary.sources] == [
        "x: 3 rows, 1 training + 0 held-out images\n  left out: 1 with an empty caption (2.png)",
        "y: 1 rows, 1 training + 0 held-out images",
    ]


def test_a_name_for_a_path_of_several_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = "file_name,text,source\n1.png,one,x\n2.png,two,y\n3.png,three,\n"
    path = write(tmp_path / "set", {"metadata.csv": table, **images("1.png", "2.png", "3.png")})
    assert load(f"n={path}")[0].source_names == ("n-x", "n-y", "n")
    assert load(path)[0].source_names == ("x", "y", "set")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load("n=~/set")[0].source_names == ("n-x", "n-y", "n")


def test_commas_in_texts_that_are_not_quoted(path: Path) -> None:
    table = "file_name,text\n1.png,one, two, three\n2.png,four\n"
    data, _ = load(write(path, {"metadata.csv": table, **images("1.png", "2.png")}))
    assert data.captions == (("one, two, three",), ("four",))


def test_a_metadata_table_in_each_folder(path: Path) -> None:
    files = {f"{split}/metadata.csv": "file_name,caption\n1.png,x\n" for split in ("test", "train")}
    data, _ = load(write(path, {**files, **images("test/1.png", "train/1.png")}))
    assert data.ids == ("set/test/1.png", "set/train/1.png")


def test_imagefolder_jsonl(path: Path) -> None:
    rows = [{"file_name": "1.png", "text": ["one", "two"], "label": 3}, {"file_name": "2.png", "text": "three"}]
    lines = "\n".join(["\ufeff" + json.dumps(rows[0]), "not json", "", "[1]", json.dumps(rows[1])])
    data, summary = load(write(path, {"metadata.jsonl": lines, **images("1.png", "2.png")}))
    assert data.captions == (("one", "two"), ("three",))
    assert data.groups == ("3", None)
    assert summary.sources[0].left_out == "2 malformed (metadata.jsonl, line 2, metadata.jsonl, line 4)"


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_imagefolder_lines_end_as_they_do_anywhere(path: Path, ending: str) -> None:
    lines = ending.join(json.dumps({"file_name": f"{i}.png", "text": f"number {i}"}) for i in (1, 2))
    data, _ = load(write(path, {"metadata.jsonl": lines, **images("1.png", "2.png")}))
    assert data.captions == (("number 1",), ("number 2",))


def test_imagefolder_parquet(path: Path) -> None:
    table = parquet([{"file_name": "1.png", "additional_feature": "one", "split": "train"}])
    data, _ = load(write(path, {"metadata.parquet": table, **images("1.png")}))
    assert data.captions == (("one",),)
    assert data.formats == ("imagefolder",)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('"a\nb",c\nx,y\n', r"no usable image \(2 without image \(a\?b, x\)"),
        ("a,b\n1.png,7\n", r"metadata\.csv: no column holds texts"),
        ("a,b\n7,x\n", r"no usable image \(1 without image \(7\)"),
        ("", r"metadata\.csv: holds no rows"),
        ("file_name,text\n", r"metadata\.csv: holds no rows"),
        ("file_name,text\n7.png,x\n", "no usable image"),
    ],
)
def test_tables_that_are_none(tmp_path: Path, table: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load(write(tmp_path / "set", {"metadata.csv": table, **images("1.png")}))
    assert "\n" not in str(caught.value)


# NAME.jpg and NAME.txt


def test_sidecars(path: Path) -> None:
    files = {"1.txt": "one\ntwo\n\n", "2.caption": "three", "3.jpg.txt": "four", "README.txt": "hello", "4.txt": ""}
    if path.suffix == ".tar":
        pytest.skip("a tar of such files is a shard")
    data, summary = load(write(path, {**files, **images("1.png", "2.png", "3.jpg", "4.png", "5.png")}))
    assert captions(data) == {"set/1.png": ["one", "two"], "set/2.png": ["three"], "set/3.jpg": ["four"]}
    assert (data.formats, data.groups) == (("sidecar",), (None,) * 3)
    left_out = "1 with an empty caption (4.png), 1 without image (README.txt), 1 without caption (5.png)"
    assert summary.sources[0].left_out == left_out


def test_class_folders_are_groups(tmp_path: Path) -> None:
    files = {"set/cats/1.txt": "one", "set/dogs/1.txt": "two"}
    data, _ = load(write(tmp_path / "a.zip", {**files, **images("set/cats/1.png", "set/dogs/1.png")}))
    assert captions(data) == {"a/cats/1.png": ["one"], "a/dogs/1.png": ["two"]}
    assert data.groups == ("cats", "dogs")


@pytest.mark.parametrize("text", ["text", "text_c10", "cub/text_c10"])
def test_texts_in_folders_of_their_own_as_of_the_birds(path: Path, text: str) -> None:
    files = {f"{text}/001.A/x_1.txt": "one\ntwo", f"{text}/002.B/x_1.txt": "three", "images.txt": "1 001.A/x_1.jpg"}
    data, summary = load(write(path, {**files, **images("images/001.A/x_1.jpg", "images/002.B/x_1.jpg")}))
    assert "images.txt" not in str(summary)  # is no text of an image
    assert captions(data) == {"set/001.A/x_1.jpg": ["one", "two"], "set/002.B/x_1.jpg": ["three"]}
    assert data.groups == ("001.A", "002.B")


def test_texts_in_class_folders_as_of_the_flowers(path: Path) -> None:
    files = {"text_c10/class_00001/image_1.txt": "one", "text_c10/class_00002/image_2.txt": "two"}
    data, _ = load(write(path, {**files, **images("jpg/image_1.jpg", "jpg/image_2.jpg")}))
    assert captions(data) == {"set/image_1.jpg": ["one"], "set/image_2.jpg": ["two"]}
    assert data.groups == ("class_00001", "class_00002")


# tar shards


def test_a_shard(tmp_path: Path) -> None:
    about = {"caption": ["two", "three"], "source": "x", "label": 7}
    files = {"b.png": png(1), "b.txt": "one", "a.png": png(2), "a.json": json.dumps(about), "c.png": png(3)}
    files |= {"d.txt": "alone", "e.png": png(4), "e.json": "{", "f.png": png(5), "f.txt": "six", "f.cls": "9"}
    data, summary = load(write(tmp_path / "set.tar", files))
    assert captions(data) == {"set/b": ["one"], "x/a": ["two", "three"], "set/f": ["six"]}
    assert (data.formats, data.source_names) == (("webdataset", "webdataset"), ("x", "set"))
    assert data.groups == (None, "7", "9")
    assert summary.sources[1].left_out == "1 without image (d.txt), 1 without caption (c.png), 1 malformed (e.json)"


def test_a_folder_of_shards_that_count_from_the_start_each(tmp_path: Path) -> None:
    for i in range(2):
        write(tmp_path / "set" / f"{i:03}.tar", {"0.png": png(i), "0.txt": f"text {i}"})
    data, _ = load(tmp_path / "set")
    assert captions(data) == {"set/0": ["text 0"], "set/001.tar/0": ["text 1"]}


def test_a_tar_that_is_cut_off(tmp_path: Path) -> None:
    path = write(
        tmp_path / "set.tar",
        {f"{i}.{end}": png(i) if end == "png" else "x" for i in range(9) for end in ("png", "txt")},
    )
    whole = path.read_bytes()
    for size in (0, 100, 700, len(whole) // 2):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"set\.tar: (not a whole tar|the tar is cut off|holds no captioned)"):
            load(path)
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        third = tar.getmembers()[4].offset
    # At the end of a file, within a header, and a header that is none: tarfile takes each for the end.
    for data in (whole[:third], whole[: third + 100], whole[:third] + b"x" * 512 + whole[third + 512 :]):
        path.write_bytes(data)
        with pytest.raises(InputError, match=r"set\.tar: the tar is cut off or damaged after 4 files"):
            load(path)


def test_packed_tars_are_to_be_unpacked(tmp_path: Path) -> None:
    for name in ("set.tar.gz", "set.tgz"):
        (tmp_path / name).write_bytes(b"x")
        with pytest.raises(InputError, match="packed; unpack it"):
            load(tmp_path / name)


# parquet


def test_parquet_as_of_the_hub(tmp_path: Path) -> None:
    about = {"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}
    for i in range(2):
        rows = [
            {"image": {"bytes": png(10 * i + j), "path": f"{i}{j}.png"}, "text": f"text {i}{j}", "label": j}
            for j in range(2)
        ]
        shard = parquet(rows, {b"huggingface": json.dumps(about).encode()})
        write(tmp_path / "set", {f"data/train-{i:05}-of-00002.parquet": shard, "README.md": "hello"})
    data, _ = load(tmp_path / "set")
    assert captions(data) == {f"set/{i}{j}.png": [f"text {i}{j}"] for i in range(2) for j in range(2)}
    assert (data.formats, data.groups) == (("parquet",), ("cat", "dog") * 2)
    one, _ = load(tmp_path / "set" / "data" / "train-00000-of-00002.parquet")
    assert one.captions == data.captions[:2]


def test_parquet_of_bytes_and_lists(path: Path) -> None:
    rows = [
        {"picture": png(0), "captions": ["one", "two"], "source": "x"},
        {"picture": None, "captions": ["three"], "source": "y"},
        {"picture": b"no", "captions": ["four"], "source": "x"},
        {"picture": png(1), "captions": [], "source": "x"},
    ]
    data, summary = load(write(path, {"a.parquet": parquet(rows)}))
    assert captions(data) == {"x/00000000": ["one", "two"]}
    assert summary.sources[0].left_out == (
        "1 with an empty caption (row 3), 1 damaged (row 2), 1 without image (row 1)"
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (parquet([{"a": 1, "text": "x"}]), r"a\.parquet: no column of image bytes \(it has a, text\)"),
        (parquet([{"image": None, "text": "x"}]), r"a\.parquet: the column image holds nothing; store the bytes"),
        (parquet([{"image": "1.png", "text": "x"}]), r"the column image holds string, not images; store the bytes"),
        (parquet([{"image": b"x", "n": 1}]), r"a\.parquet: no column of captions"),
        (parquet([{"a": b"x", "b": b"y", "text": "z"}]), r"several columns hold images \(a, b\); --image-column NAME"),
        (parquet([{"image": b"x", "text": "y"}])[:-20], r"a\.parquet: not a whole parquet file"),
        (b"", r"a\.parquet: not a whole parquet file"),
    ],
)
def test_parquet_that_is_of_no_use(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load(write(tmp_path / "set", {"a.parquet": data}) / "a.parquet")
    assert "\n" not in str(caught.value)


# what is none


def test_nothing_that_is_read_says_what_is_and_what_was_seen(path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load(write(path, {"a.png": png(0), "b.png": png(1), "c.doc": "x"}))
    message = str(caught.value)
    assert "holds no captioned images: 2 .png, 1 .doc (a.png, b.png, c.doc); what is read: " in message
    assert formats.ACCEPTED in message
    assert "\n" not in message


def test_a_pipe_among_the_images_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "set", {"tags.csv": "1,x\n2,y\n", "1.png": png(0)})
    os.mkfifo(tmp_path / "set" / "2.png")
    data, summary = load(tmp_path / "set")
    assert len(data) == 1
    assert summary.sources[0].reasons == {"without image": 1}
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="pipe: not a regular file"):
        load(tmp_path / "pipe")


def test_a_table_that_unpacks_to_far_more_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gan.data.tree.MAX_TEXT_FILE", 2 << 20)
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("1.png", png(0))
        archive.writestr("tags.csv", b"1,x\n" * (3 << 18))
    with pytest.raises(InputError, match=r"tags\.csv: 3 MB of text; at most 2 MB are read"):
        load(path)


def test_an_image_that_unpacks_to_far_more_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gan.data.tree.MAX_IMAGE_FILE", 10_000)
    files = {"tags.csv": "1,x\n2,y\n", "1.png": png(0) + bytes(20_000), "2.png": picture_bytes()}
    data, summary = load(write(tmp_path / "set.zip", files))
    assert data.ids == ("set/2",)
    assert summary.sources[0].left_out == "1 damaged (1.png)"


def picture_bytes() -> bytes:
    from drawing import encode_image

    return encode_image(picture(3), "JPEG")
