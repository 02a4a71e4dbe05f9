"""Captions as people have them: each layout is read as it is, whatever its files are called."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from making import load, parquet, png, tar, write, zip_file

from encoder.common.errors import InputError
from gan.data import load_images
from gan.data.names import words_of

A, B = "a red cat", "one dog, sleeping on a mat"
BOTH = [[A], [B]]
Files = Mapping[str, bytes | str]


def pictures(*names: str) -> dict[str, bytes]:
    return {name: png(i) for i, name in enumerate(names, start=1)}


ONE_TWO = pictures("1.jpg", "2.jpg")
IMAGES = pictures("images/1.jpg", "images/2.jpg")
COCO = {
    "info": {"description": "COCO", "year": 2017},
    "images": [
        {"id": 9, "file_name": "000000000009.jpg", "coco_url": "http://x.org/000000000009.jpg", "height": 480},
        {"id": 25, "file_name": "000000000025.jpg", "coco_url": "http://x.org/000000000025.jpg", "height": 426},
    ],
    "annotations": [
        {"image_id": 25, "id": 1, "caption": B},
        {"image_id": 9, "id": 2, "caption": A},
        {"image_id": 7, "id": 3, "caption": "of an image that is not here"},
    ],
}
KARPATHY = {
    "images": [
        {"filepath": "val", "sentids": [0], "filename": "1.jpg", "sentences": [{"tokens": ["a", "cat"], "raw": A}]},
        {"filepath": "val", "sentids": [1], "filename": "2.jpg", "sentences": [{"tokens": ["a", "dog"], "raw": B}]},
    ],
    "dataset": "flickr30k",
}
LINES = "".join(json.dumps({"image": f"{i}.jpg", "caption": text}) + "\n" for i, text in ((1, A), (2, B)))
ROWS = [{"image": "1.jpg", "caption": A}, {"image": "2.jpg", "caption": B}]


def arrow(rows: list[dict[str, Any]]) -> bytes:
    import pyarrow as pa

    table, buffer = pa.Table.from_pylist(rows), io.BytesIO()
    with pa.ipc.new_stream(buffer, table.schema) as writer:
        writer.write_table(table)
    return buffer.getvalue()


EMBEDDED = [{"image": {"bytes": png(i), "path": None}, "text": text} for i, text in ((1, A), (2, B))]

PUBLIC: dict[str, Files] = {
    "Flickr8k": {
        "Flickr8k.token.txt": f"1.jpg#0\t{A}\n1.jpg#1\ta cat\n2.jpg#0\t{B}\n",
        "Flickr8k.lemma.token.txt": "1.jpg#0\ta red cat be\n2.jpg#0\tdog sleep\n",
        "Flickr_8k.trainImages.txt": "1.jpg\n2.jpg\n",
        "ExpertAnnotations.txt": "1.jpg\t2.jpg#0\t1\t1\t1\n",
        **pictures("Flicker8k_Dataset/1.jpg", "Flicker8k_Dataset/2.jpg"),
    },
    "Flickr30k": {
        "results.csv": f"image_name| comment_number| comment\n1.jpg| 0| {A}\n1.jpg| 1| a cat\n2.jpg| 0| {B}\n",
        **pictures("flickr30k_images/1.jpg", "flickr30k_images/2.jpg"),
    },
    "COCO 2017": {
        "annotations/captions_train2017.json": json.dumps(COCO),
        "annotations/instances_train2017.json": json.dumps({**COCO, "annotations": [{"image_id": 9, "id": 1}]}),
        **pictures("train2017/000000000009.jpg", "train2017/000000000025.jpg"),
    },
    "Karpathy": {"dataset_flickr30k.json": json.dumps(KARPATHY), **IMAGES},
    "kohya": {"meta_cap.json": json.dumps({"1": {"caption": A}, "/content/train/2": {"caption": B}}), **ONE_TWO},
    "imagefolder": {
        "train/metadata.jsonl": LINES.replace('"image"', '"file_name"').replace('"caption"', '"text"'),
        **pictures("train/1.jpg", "train/2.jpg"),
    },
    "img2dataset shards": {
        "00000.tar": tar(
            {
                name: data
                for i, text in ((1, A), (2, B))
                for name, data in {
                    f"00000000{i}.jpg": png(i), f"00000000{i}.txt": text.encode(),
                    f"00000000{i}.json": json.dumps({"url": "http://x", "caption": text, "width": 64}).encode(),
                }.items()
            }
        ),
        "00000.parquet": parquet([{"url": "http://x/1.jpg", "caption": A, "key": "000000001", "status": "success"}]),
        "00000_stats.json": json.dumps({"count": 2, "successes": 2, "status_dict": {"success": 2}}),
    },
    "img2dataset files": {
        **pictures("00000/000000001.jpg", "00000/000000002.jpg"),
        "00000/000000001.txt": A, "00000/000000002.txt": B,
        "00000/000000001.json": json.dumps({"caption": A, "key": "000000001"}),
        "00000.parquet": parquet([{"url": "http://x/1.jpg", "caption": A, "key": "000000001"}]),
        "00000_stats.json": json.dumps({"count": 2}),
    },
    "CUB": {
        **pictures("CUB_200_2011/images/001.A/x_1.jpg", "CUB_200_2011/images/002.B/x_1.jpg"),
        "text_c10/001.A/x_1.txt": A, "text_c10/002.B/x_1.txt": B,
        "CUB_200_2011/images.txt": "1 001.A/x_1.jpg\n2 002.B/x_1.jpg\n",
        "CUB_200_2011/classes.txt": "1 001.A\n2 002.B\n",
    },
    "Pokemon BLIP": {"data/train-00000-of-00001.parquet": parquet(EMBEDDED), "README.md": "| a | b |\n|---|---|\n"},
    "danbooru": {**ONE_TWO, "1.txt": "1girl, solo", "1.caption": A, "2.txt": "", "2.caption": B},
    "save_to_disk": {
        "train/data-00000-of-00001.arrow": arrow(EMBEDDED), "train/state.json": "{}", "dataset_dict.json": "{}",
        "train/dataset_info.json": json.dumps({"features": {"image": {"_type": "Image"}}}),
    },
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLIC)
def test_public_layouts_as_they_are(tmp_path: Path, name: str) -> None:
    data, _ = load(write(tmp_path / "set", PUBLIC[name]))
    expected = {
        "Flickr8k": [[A, "a cat"], [B]],
        "Flickr30k": [[A, "a cat"], [B]],
        "danbooru": [["1girl, solo", A], [B]],
    }
    assert sorted(map(list, data.captions)) == sorted(expected.get(name, BOTH))
    assert data.images[:].float().std() > 10


def table(name: str, text: str) -> dict[str, bytes | str]:
    return {name: text, **ONE_TWO}


LAYOUTS: dict[str, Files] = {
    # Lists under any name.
    "captions.json": table("captions.json", json.dumps({"1.jpg": A, "2.jpg": [B]})),
    "pairs": table("a.json", json.dumps([["1.jpg", A], ["2.jpg", B]])),
    "array": table("metadata.json", json.dumps(ROWS)),
    "within": table("a.json", json.dumps({"version": 1, "data": ROWS})),
    "columns": table("a.json", json.dumps({"image": ["1.jpg", "2.jpg"], "caption": [A, B]})),
    "pandas columns": table("a.json", json.dumps({"i": {"0": "1.jpg", "1": "2.jpg"}, "c": {"0": A, "1": B}})),
    "nested": table("a.json", json.dumps([{"image": {"file": r["image"]}, "x": {"text": r["caption"]}} for r in ROWS])),
    "captions.jsonl": table("captions.jsonl", LINES),
    "train.jsonl": {"train.jsonl": LINES, **IMAGES},
    "array in metadata.jsonl": table("metadata.jsonl", json.dumps(ROWS)),
    "captions.txt": table("captions.txt", f"image,caption\n1.jpg,{A}\n2.jpg,{B}\n"),
    "captions.tsv": table("captions.tsv", f"image\tcaption\n1.jpg\t{A}\n2.jpg\t{B}\n"),
    "semicolons": table("a.csv", f"image;caption\n1.jpg;{A}\n2.jpg;{B}\n"),
    "without a header": table("a.csv", f"1.jpg,{A}\n2.jpg,{B}\n"),
    "header by values": table("a.csv", f"zdjecie,opis\n1.jpg,{A}\n2.jpg,{B}\n"),
    "own export": {"captions.csv": f'id,text\n000000,{A}\n000001,"{B}"\n', **pictures("000000.png", "000001.png")},
    "file last": table("a.csv", f"{A},1.jpg\n\"{B}\",2.jpg\n"),
    "train.csv of train/": {"train.csv": f"image,caption\n1.jpg,{A}\n", "val.csv": f"image,caption\n1.jpg,{B}\n",
                            **pictures("train/1.jpg", "val/1.jpg")},
    "conversations": table("a.json", json.dumps([{"image": f"{i}.jpg", "conversations": [
        {"from": "human", "value": "What is it?"}, {"from": "gpt", "value": t}]} for i, t in ((1, A), (2, B))])),
    "no ending": table("captions", f"1.jpg\t{A}\n2.jpg\t{B}\n"),
    "spaces": table("captions.txt", f"1.jpg {A}\n2.jpg {B}\n"),
    "colons": table("captions.txt", f"1.jpg: {A}\n2.jpg: {B}\n"),
    "dictionaries of Python": table("a.txt", "".join(f"{row}\n" for row in ROWS)),
    "json with commas too many": table("a.json", f"[{json.dumps(ROWS[0])},\n{json.dumps(ROWS[1])},\n]"),
    "first lines of programs": table("a.csv", f"sep=;\n# exported\nimage;caption\n1.jpg;{A}\n2.jpg;{B}\n"),
    "json in cells": table(
        "a.csv", f'image,caption\n1.jpg,"{{""en"": ""{A}""}}"\n2.jpg,"[{{""caption"": ""{B}""}}]"\n'
    ),
    "yaml": table("a.yaml", f"# mine\n1.jpg: {A}\n2.jpg: '{B}'\n"),
    "yaml of numbers": table("a.yaml", f"made: 2020-01-01\ntexts:\n  1: {A}\n  2: '{B}'\n"),
    "yaml records": {"a.yml": f"- image: images/1.jpg\n  text: {A}\n- image: images/2.jpg\n  text: {B}\n", **IMAGES},
    "project of VIA": table("a.json", json.dumps({
        "settings": {"ui": {"height": 25}}, "attributes": {"file": {"caption": {"description": "say what is seen"}}},
        "images": {f"{r['image']}9": {"filename": r["image"], "about": {"caption": r["caption"]}} for r in ROWS},
    })),
    "times": table("a.json", json.dumps([{"image": r["image"], "annotations": [
        {"result": [{"value": {"text": [r["caption"]]}}], "made": "2023-05-01T10:00:00Z"}]} for r in ROWS])),
    "dates and authors": table("a.csv", "".join(f"{row}\n" for row in (
        "day,who,content,file", f"10/05/2022 12:00 AM,Ann,{A * 3},1.jpg", f"Fri Jun 3 2022,Bob X,{B * 3},2.jpg"
    )).replace(A * 3, f'"{A}"').replace(B * 3, f'"{B}"')),
    "labels beside captions": table("captions.json", json.dumps({"1.jpg": A, "2.jpg": B})) | {
        "boxes.json": json.dumps({"images": [{"id": i, "file_name": f"{i}.jpg"} for i in (1, 2)],
                                  "annotations": [{"id": i, "image_id": i, "category_id": 7} for i in (1, 2)],
                                  "categories": [{"id": 7, "name": "pet", "supercategory": "animal"}]}),
        "attributes.csv": "image,hat,old\n1.jpg,1,0\n2.jpg,1,1\n"},
    "names without endings": {**pictures("x/abc", "x/v1.0_2"), "a.csv": f"image,text\nabc,{A}\nv1.0_2,{B}\n"},
    "thumbnails of systems": {**IMAGES, "images/@eaDir/1.jpg/THUMB.jpg": png(1), "images/1.txt": A, "images/2.txt": B},
    "lists of one image": table("a.csv", f"images,text\n\"['1.jpg']\",{A}\n\"['2.jpg']\",\"{B}\"\n"),
    "single quotes": table("a.csv", f"'file','text'\n'1.jpg','{A}'\n'2.jpg','{B}'\n"),
    "scores behind texts": table("a.tsv", f"x17\t1.jpg\t{A}\t0.9\nx18\t2.jpg\t{B}\t0.8\n"),
    "scores behind quoted texts": table("a.csv", f'"1.jpg","{A}","0.9"\n"2.jpg","{B}","0.8"\n'),
    # Beside each image.
    "yaml beside": {**ONE_TWO, "1.yaml": f"main_prompt: {A}\nrating: 1.0\n", "2.yml": f"main_prompt: '{B}'\n"},
    "json in a folder": {**IMAGES, "a/1.json": json.dumps({"text": A, "id": 1}),
                         "a/2.json": json.dumps({"text": B, "id": 2})},
    "json beside": {**ONE_TWO, "1.json": json.dumps({"caption": A}), "2.json": json.dumps({"TEXT": B})},
    "other case beside": {**pictures("A.JPG", "b.png"), "a.txt": A, "B.TXT": B},
    "json lists beside": {**ONE_TWO, "1.json": json.dumps([A]), "2.json": json.dumps(B)},
    "json records beside": {**ONE_TWO, "1.json": json.dumps({"width": 5, "annotations": [{"caption": A}]}),
                            "2.json": json.dumps({"width": 5, "annotations": [{"caption": B}]})},
    "json of any name beside": {**ONE_TWO, "1.json": json.dumps({"phrase": A, "n": 1}),
                                "2.json": json.dumps({"phrase": B, "n": 2})},
    "json of a camera beside": {**ONE_TWO, "1.json": json.dumps({"camera": "Canon EOS 5D"}),
                                "2.json": json.dumps({"camera": "Nikon D90 body"}),
                                "a.tsv": f"1.jpg\t{A}\n2.jpg\t{B}\n"},
    "Google Takeout": {**ONE_TWO, **{f"{i}.jpg.json": json.dumps({
        "title": f"{i}.jpg", "description": text, "creationTime": {"formatted": f"Jan {i}, 2020, 10:00:00 AM UTC"}})
        for i, text in ((1, A), (2, B))}},
    "labels of boxes beside": {**ONE_TWO, "1.txt": "0 0.5 0.4 0.2 0.3\n", "2.txt": "1 0.5 0.4 0.2 0.3\n",
                               "captions.csv": f"image,caption\n1.jpg,{A}\n2.jpg,\"{B}\"\n"},
    "labels of boxes in a folder": {**IMAGES, "labels/1.txt": "0 0.5 0.4\n", "labels/2.txt": "1 0.5 0.4\n",
                                    "captions/1.txt": A, "captions/2.txt": B},
    "json in txt": {**ONE_TWO, "1.txt": json.dumps([A], indent=1), "2.txt": json.dumps({"caption": B})},
    "some beside, others in a list": {**ONE_TWO, "1.txt": A, "captions.csv": f"file,text\n2.jpg,{B}\n"},
    "some in metadata.csv, others beside": {**ONE_TWO, "2.txt": B, "metadata.csv": f"file_name,text\n1.jpg,{A}\n"},
    # Columns by their values.
    "tags.csv of Kaggle": table("tags.csv", f'image,caption,captions_number,id\n1.jpg,{A},5,11\n2.jpg,"{B}",5,12\n'),
    "image_name": table("metadata.csv", f"id,image_name,note\n7,1.jpg,{A}\n8,2.jpg,\"{B}\"\n"),
    "list as text": table("a.csv", f"image,captions\n1.jpg,\"['{A}']\"\n2.jpg,\"[\"\"{B}\"\"]\"\n"),
    # Names.
    "prefix": {**IMAGES, "metadata.csv": f"file_name,text\ntrain/1.jpg,{A}\ntrain/2.jpg,{B}\n"},
    "absolute": {**ONE_TWO, "metadata.csv": f"file_name,text\n/content/drive/x/1.jpg,{A}\nC:\\data\\2.jpg,{B}\n"},
    "addresses": table("a.csv", f"url,caption\nhttps://x.org/1.jpg?w=3,{A}\nhttps://x.org/2.jpg,\"{B}\"\n"),
    "quoted addresses": {**pictures("a cat.jpg", "2.jpg"),
                         "metadata.csv": f"file_name,text\nfile:///x/a%20cat.jpg,{A}\nx/2.jpg,{B}\n"},
    "percent signs": {**pictures("a cat.jpg", "2.jpg"), "a.csv": f"file_name,text\na%20cat.jpg,{A}\n2.jpg,{B}\n"},
    "a column of folders": {**pictures("a/1.jpg", "b/1.jpg"), "x.csv": f"file,folder,text\n1.jpg,a,{A}\n1.jpg,b,{B}\n"},
    "slashes": {**IMAGES, "tags.csv": f"images//1.jpg,{A}\nimages\\2.jpg,{B}\n"},
    "bare names": {**IMAGES, "metadata.csv": f"file_name,text\n1.jpg,{A}\n2.jpg,{B}\n"},
    "case and ending": {**pictures("A.JPG", "b.png"), "metadata.csv": f"file_name,text\na.jpg,{A}\nB.jpeg,{B}\n"},
    "images.zip beside": {"metadata.jsonl": LINES, "images.zip": zip_file(ONE_TWO)},
    "images.tar beside": {"captions.jsonl": LINES, "images.tar": tar(ONE_TWO)},
    "keys with dots": {"0.tar": tar({f"v1.0_{i}.{end}": data for i, text in ((1, A), (2, B))
                                     for end, data in (("jpg", png(i)), ("TXT", text.encode()))})},
    "endings of two parts": {"0.tar": tar({f"{i}.{end}": data for i, text in ((1, A), (2, B))
                                           for end, data in (("image.jpg", png(i)), ("caption.txt", text.encode()))})},
    "json without fields": {f"{i}.tar": tar({"1.jpg": png(i), "1.txt": text.encode(), "1.json": b"{}"})
                            for i, text in ((1, A), (2, B))},
    "TEXT in a tar": {"0.tar": tar({f"{i}.{end}": data for i, text in ((1, A), (2, B)) for end, data in
                                    (("jpg", png(i)), ("json", json.dumps({"TEXT": text}).encode()))})},
    # Encodings.
    "UTF-16 beside": {**ONE_TWO, "1.txt": A.encode("utf-16"), "2.txt": B.encode("utf-16")},
    "UTF-16 table": {**ONE_TWO, "metadata.csv": f"file_name,text\n1.jpg,{A}\n2.jpg,{B}\n".encode("utf-16")},
    # Parquet.
    "paths in parquet": {**ONE_TWO, "a.parquet": parquet(ROWS)},
    "structs": {"a.parquet": parquet([{"image": png(1), "sentences": [{"raw": A, "n": 1}, {"raw": B, "n": 2}]}])},
    "languages": {"a.parquet": parquet([{"image": png(1), "caption": {"en": A, "de": B}}])},
    "image lists": {"a.parquet": parquet([{"images": [{"bytes": png(1)}], "prompt": [A, B]}])},
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts(tmp_path: Path, name: str) -> None:
    data, summary = load(write(tmp_path / "set", LAYOUTS[name]))
    assert sorted(map(list, data.captions)) in (BOTH, [[A, B]])
    assert not summary.sources[0].reasons


def test_lines_of_a_name_and_words(tmp_path: Path) -> None:
    data, summary = load(write(tmp_path / "set", table("captions.txt", "1.jpg a red cat\n2.jpg a dog\nno name\n")))
    assert data.captions == (("a red cat",), ("a dog",))
    assert summary.sources[0].left_out == "1 malformed (captions.txt, line 3)"


def test_texts_of_a_dictionary_column(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"image": [png(1), png(2)], "text": pa.array([A, B]).dictionary_encode()}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    assert load(tmp_path / "a.parquet")[0].captions == ((A,), (B,))


@pytest.mark.parametrize(
    ("list_of_captions", "expected", "note"),
    [
        ("image,caption_0,caption_1\n1.jpg,a cat,red\n2.jpg,a dog,brown\n", [["a cat", "red"], ["a dog", "brown"]], ""),
        ("image,short_caption,long_caption\n1.jpg,a,x y\n2.jpg,b,z w\n", [["a", "x y"], ["b", "z w"]], ""),
        ("image,caption,blip_caption\n1.jpg,a cat,x y\n2.jpg,a dog,z w\n", [["a cat"], ["a dog"]],
         "captions are caption, not blip_caption; --caption-column NAME,NAME chooses"),
        ("image,caption,caption\n1.jpg,a cat,red\n2.jpg,a dog,brown\n", [["a cat", "red"], ["a dog", "brown"]], ""),
        ("image,positive_prompt,negative_prompt\n1.jpg,a cat,bad hands\n2.jpg,a dog,blur\n", [["a cat"], ["a dog"]],
         "captions are positive_prompt, not negative_prompt"),
        ("image,caption_long,caption_model\n1.jpg,a cat,blip two\n2.jpg,a dog,blip two\n", [["a cat"], ["a dog"]],
         "captions are caption_long, not caption_model"),
        ("image,caption\n1.jpg,a cat\n2.jpg,nan\n", [["a cat"]], "1 with an empty caption (2.jpg)"),
        ('image,caption\n1.jpg,"a \\"red\\" cat, big"\n2.jpg,"x"\n', [['a "red" cat, big'], ["x"]], ""),
        ("1.jpg|a cat|A CAT\n2.jpg|a dog|A DOG\n", [["a cat", "A CAT"], ["a dog", "A DOG"]], ""),
        ("image,description,tags\n1.jpg,,a cat\n2.jpg,,red\n2.jpg,by me,\n", [["a cat"], ["red", "by me"]], ""),
        ('1.jpg,"cap 1","cap 2"\n2.jpg,"cap, 3"\n', [["cap 1", "cap 2"], ["cap, 3"]], ""),
        ("image,caption\n1.jpg,\"['one' 'two']\"\n2.jpg,\"['x', \"\"y's\"\"]\"\n", [["one", "two"], ["x", "y's"]], ""),
    ],
)  # fmt: skip
def test_several_captions_a_row(tmp_path: Path, list_of_captions: str, expected: list, note: str) -> None:
    data, summary = load(write(tmp_path / "set", table("metadata.csv", list_of_captions)))
    assert sorted(map(list, data.captions)) == expected
    assert note in str(summary)


def test_columns_that_a_person_chooses(tmp_path: Path) -> None:
    rows = "image,text,other\n1.jpg,one,a cat\n2.jpg,two,a dog\n"
    unknown = write(tmp_path / "unknown", table("a.csv", "img,one,two\n1.jpg,x y,a cat\n2.jpg,z w,a dog\n"))
    chosen = load_images([unknown], split="all", progress=False, caption_column="two", image_column="img")
    assert chosen[0].captions == (("a cat",), ("a dog",))
    path = write(tmp_path / "set", table("metadata.csv", rows))
    read = {
        wanted: load_images([path], split="all", progress=False, caption_column=wanted, image_column="image")[
            0
        ].captions
        for wanted in ("", "other", "text,Other")
    }
    assert read == {
        "": (("one",), ("two",)), "other": (("a cat",), ("a dog",)),
        "text,Other": (("one", "a cat"), ("two", "a dog")),
    }  # fmt: skip
    with pytest.raises(InputError, match=r"no column 'none'; its columns are image, text, other"):
        load_images([path], caption_column="none")


def test_a_column_of_nested_json_is_chosen(tmp_path: Path) -> None:
    rows = [{"image": "1.jpg", "text": "one", "other": A}, {"image": "2.jpg", "text": "two", "other": B}]
    path = write(tmp_path / "set", table("a.json", json.dumps({"data": rows})))
    assert load_images([path], split="all", progress=False, caption_column="other")[0].captions == ((A,), (B,))


def test_classes_are_captions_where_parquet_has_no_texts(tmp_path: Path) -> None:
    about = {"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}
    rows = [{"image": png(i), "label": i} for i in range(2)]
    (tmp_path / "a.parquet").write_bytes(parquet(rows, {b"huggingface": json.dumps(about).encode()}))
    data, _ = load(tmp_path / "a.parquet")
    assert (data.captions, data.groups) == ((("cat",), ("dog",)), ("cat", "dog"))


def test_rows_that_do_not_fit_are_counted(tmp_path: Path) -> None:
    rows = "file_name,text,source\n1.jpg,one,x\n2.jpg,two, three,x\n3.jpg\n"
    data, summary = load(write(tmp_path / "set", table("metadata.csv", rows)))
    assert data.captions == (("one",),)
    assert summary.sources[0].reasons["malformed"] == 2


@pytest.mark.parametrize("encoding", ["gb18030", "big5", "cp932", "cp1252"])
def test_short_texts_beside_images_tell_their_encoding_together(tmp_path: Path, encoding: str) -> None:
    texts = {
        "gb18030": ("粉色头发的女孩", "一只猫"), "big5": ("粉紅色頭髮的女孩", "貓"),
        "cp932": ("ピンクの髪の女の子", "青い犬"), "cp1252": ("café rouge", "garçon"),
    }[encoding]  # fmt: skip
    files = {f"{i}.txt": text.encode(encoding) for i, text in enumerate(texts, start=1)}
    assert load(write(tmp_path / "set", {**ONE_TWO, **files}))[0].captions == tuple((text,) for text in texts)


@pytest.mark.parametrize("name", ["set", "set.tar"])
def test_a_field_of_json_beside_images_is_chosen(tmp_path: Path, name: str) -> None:
    about = {f"{i}.json": json.dumps({"caption": "x y", "blip": text}) for i, text in ((1, A), (2, B))}
    path = write(tmp_path / name, {**ONE_TWO, **about, "1.txt": "tags", "2.txt": "tags"})
    assert load_images([path], split="all", caption_column="blip")[0].captions == ((A,), (B,))
    assert load(path)[0].captions == (("tags",), ("tags",))
    with pytest.raises(InputError, match="no column 'z'"):
        load_images([write(tmp_path / f"b{name}", {**ONE_TWO, **about})], caption_column="z")


def test_figures_are_no_captions(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"1\.txt: holds figures, not words"):
        load(write(tmp_path / "boxes", {**ONE_TWO, "1.txt": "0 0.5 0.1\n", "2.txt": "1 0.5 0.1\n"}))
    for text in ("1.jpg,0,0,1,0\n2.jpg,0,1,0,0\n", "image,a,b\n1.jpg,1,-1\n2.jpg,-1,1\n"):
        with pytest.raises(InputError, match="no column holds texts"):
            load(write(tmp_path / "set", table("list.csv", text)))


def test_a_name_that_several_images_have_is_not_guessed(tmp_path: Path) -> None:
    files = {**pictures("a/1.jpg", "b/1.jpg", "c/2.jpg"), "metadata.csv": "file_name,text\nx/1.jpg,one\nx/2.jpg,two\n"}
    data, summary = load(write(tmp_path / "set", files))
    assert data.captions == (("two",),)
    assert summary.sources[0].reasons["whose name is that of several images, or of another row"] == 1


@pytest.mark.parametrize("times", [420, 300_000])
def test_a_long_caption_is_used_as_far_as_it_is_read(tmp_path: Path, times: int) -> None:
    data, summary = load(write(tmp_path / "set", {"1.png": png(1), "1.txt": "word " * times}))
    assert len(data.captions[0][0]) == 1999
    assert summary.sources[0].reasons == {"with a caption that is used up to its 2,000th character": 1}


def test_one_byte_of_another_encoding_costs_one_row(tmp_path: Path) -> None:
    lines = [f"{i}.png,number {i}\n".encode() for i in range(1, 5)] + [b"5.png,caf\xe9\n"]
    files = {"metadata.csv": b"file_name,text\n" + b"".join(lines), **pictures(*(f"{i}.png" for i in range(1, 6)))}
    data, summary = load(write(tmp_path / "set", files))
    assert len(data) == 4
    assert summary.sources[0].reasons == {"with a caption that is not valid Unicode": 1}


@pytest.mark.parametrize("name", ["images\\1.jpg", "./images/1.jpg", "images/./1.jpg"])
def test_names_in_zips(tmp_path: Path, name: str) -> None:
    data, _ = load(write(tmp_path / "a.zip", {name: png(1), "metadata.csv": "file_name,text\nimages/1.jpg,one\n"}))
    assert data.captions == (("one",),)


@pytest.mark.parametrize("captions", [("ピンクの猫", "青い犬のえ"), ("少女一", "青年二人")])
def test_names_in_zips_of_windows(tmp_path: Path, captions: tuple[str, str]) -> None:
    names = [f"写真/{caption}.png".encode("cp932") for caption in captions]
    path = write(tmp_path / "a.zip", {f"{i}" * len(name): png(i) for i, name in enumerate(names)})
    data = path.read_bytes()
    for i, name in enumerate(names):
        data = data.replace(b"%d" % i * len(name), name)
    path.write_bytes(data)
    assert sorted(load(path)[0].captions) == sorted((caption,) for caption in captions)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a red fox (3).png", "a red fox"), ("camelCase_andUnderscores.png", "camel case and underscores"),
        ("0012_pink-hair.jpg", "pink hair"), ("a_cat_0003.png", "a cat"), ("fox a1b2c3d4e5.png", "fox"),
        ("猫.png", "猫"), ("bob_a_red_fox_0f8fad5b-d9cb-469f-a165-70867728950e.png", "bob a red fox"),
        ("IMG_2231.jpg", ""), ("0001.png", ""), ("8f14e45fceea167a.png", ""), ("x.png", ""), ("image 7.png", ""),
        ("r2d2.png", "r2d2"), ("IMG 22 pink hair", "pink hair"),
        ("DALL·E 2023-01-01 12.00.00 - a red fox.png", "a red fox"),
        ("Screenshot 2024-01-01 at 10.00.00.png", ""), ("WhatsApp Image 2023-05-06 at 12.33.44 PM.jpeg", ""),
        ("ComfyUI_00001_.png", ""), ("Untitled design (12).png", ""), ("New folder", ""), ("FB_IMG_12.jpg", ""),
    ],
)  # fmt: skip
def test_words_of_names(name: str, words: str) -> None:
    assert words_of(name) == words


def test_names_are_captions_where_nothing_else_is(tmp_path: Path) -> None:
    names = ("a red fox (3).png", "roses/1.jpg", "roses/IMG_2.jpg", "10_blue flower/1.png")
    data, summary = load(write(tmp_path / "set", {**pictures(*names), "notes.doc": "x"}))
    assert dict(zip(data.ids, data.captions, strict=True)) == {
        "set/a red fox (3).png": ("a red fox",), "set/roses/1.jpg": ("roses",), "set/roses/IMG_2.jpg": ("roses",),
        "set/10_blue flower/1.png": ("blue flower",),
    }  # fmt: skip
    assert "captions are the names of files and folders: 'blue flower' of 10_blue flower/1.png" in str(summary)
    assert set(data.groups) == {None, "roses", "10_blue flower"}
    with pytest.raises(InputError, match=r"holds no captioned images: 2 \.png"):
        load(write(tmp_path / "numbers", pictures("0001.png", "0002.png")))
    with pytest.raises(InputError, match=r"captions\.xlsx: a spreadsheet; save it as \.csv"):
        load(write(tmp_path / "sheet", {**pictures("1.png"), "captions.xlsx": "x"}))
    with pytest.raises(InputError, match=r"images: metadata\.csv: no column holds texts$"):
        load(write(tmp_path / "bad", {**pictures("a red fox.png"), "metadata.csv": "x,y\n1,2\n"}))


def test_texts_with_commas_may_stand_before_the_names_of_their_images(tmp_path: Path) -> None:
    lists = {"list.tsv": "a big, red cat\tp0.png\na small, sleeping dog\tp1.png\n"}
    data, _ = load(write(tmp_path / "set", {**lists, "p0.png": png(0), "p1.png": png(1)}))
    assert data.captions == (("a big, red cat",), ("a small, sleeping dog",))


def test_a_list_that_was_not_read_is_named_where_file_names_are_captions(tmp_path: Path) -> None:
    named = {"red fox.png": png(0), "grey wolf.png": png(1)}
    _, summary = load(write(tmp_path / "set", {**named, "list.csv": "a,red thing\nb,blue thing\n"}))
    assert "list.csv: names no image that is here" in str(summary)
    cyrillic = "file,text\nred fox.png,красная лиса\ngrey wolf.png,серый волк\n".encode("cp1251")
    with pytest.raises(InputError, match=r"list\.csv, line 2: not UTF-8 text; save the file as UTF-8"):
        load(write(tmp_path / "other", {**named, "list.csv": cyrillic}))


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        # Splits within one file
        ({"all.json": json.dumps({"train": {"1.jpg": [A]}, "test": {"2.jpg": [B]}})}, BOTH),
        ({"all.json": json.dumps({"about": {"v": 1}, "train": ROWS[:1], "test": ROWS[1:]})}, BOTH),
        ({"all.json": json.dumps({"x": {"1.jpg": A, "a.jpg": A}, "y": {"2.jpg": B, "a.jpg": A}}), "y/a.jpg": png(3)},
         [[A], [B], [A]]),
        ({"all.json": json.dumps({"x": [{"i": "7.jpg", "text": A}], "y": [{"i": "7.jpg", "text": B}]}),
          **pictures("x/7.jpg", "y/7.jpg")}, [[A], [B]]),
        # Tags of an image are one caption; a rating that all share is none
        ({"all.json": json.dumps([{"id": i, "tags": ["girl", "hat"]} for i in (1, 2)])}, [["girl, hat"]] * 2),
        ({"all.json": json.dumps([{"id": i, "rating": "s", "tags": [{"id": "1", "name": "hat"}]} for i in (1, 2)])},
         [["hat"]] * 2),
        # Classes
        ({"list.csv": "image,class\n1.jpg,cat\n2.jpg,dog\n"}, [["cat"], ["dog"]]),
        ({"list.json": json.dumps({"images": [{"id": i, "file_name": f"{i}.jpg", "license": 1} for i in (1, 2)],
                                   "annotations": [{"id": 0, "image_id": 2, "category_id": 7, "iscrowd": 0}],
                                   "categories": [{"id": 7, "name": "dog", "supercategory": "pets"}]})}, [["dog"]]),
        # Attributes that an image has or lacks
        ({"list.csv": "image_id,Black_Hair,Old\n1.jpg,1,-1\n2.jpg,1,1\n"}, [["Black Hair"], ["Black Hair, Old"]]),
        ({"list.csv": "image,hat,old,age\n1.jpg,True,False,7\n2.jpg,true,True,9\n"}, [["hat"], ["hat, old"]]),
        ({"list.txt": "2\nBlond_Hair Smiling\n1.jpg  1 -1\n2.jpg -1  1\n"}, [["Blond Hair"], ["Smiling"]]),
    ],
)  # fmt: skip
def test_what_one_file_says_of_all_images(tmp_path: Path, files: Files, expected: list[list[str]]) -> None:
    data, _ = load(write(tmp_path / "set", {**ONE_TWO, **files}))
    assert [list(own) for own in data.captions] == expected


def test_one_name_for_all_images_is_no_caption_where_a_list_was_not_read(tmp_path: Path) -> None:
    images = pictures("aligned_faces/1.jpg", "aligned_faces/2.jpg")
    with pytest.raises(InputError, match=r"scores\.csv: no column holds texts"):
        load(write(tmp_path / "set", {**images, "scores.csv": "image_id,score\n1.jpg,7\n2.jpg,9\n"}))


def test_names_that_several_images_have_are_told(tmp_path: Path) -> None:
    images = pictures("a/1.jpg", "b/1.jpg", "a/2.jpg", "b/2.jpg")
    with pytest.raises(
        InputError, match=r"list\.csv: names images by names that several of them have; write their folders"
    ):
        load(write(tmp_path / "set", {**images, "list.csv": f"image,caption\n1.jpg,{A}\n2.jpg,red\n"}))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.tgz": "x"}, r"images: a\.tgz: packed; unpack it to a folder or"),
        ({"a.zip": "PK", "metadata.csv": "file_name,text\n1.png,x\n"}, r"1\.png\); a\.zip: not a folder and not"),
        ({"a.csv": f"url,text\nhttp://x.org/7.jpg,{A}\n"}, r"a\.csv: holds addresses of images, none of which is"),
        ({"a.jsonl": json.dumps({"image": base64.b64encode(png(1)).decode(), "text": A})}, r"base64 text in the"),
        ({**ONE_TWO, "a.json": '[{"image": "1.jpg",\n"text": "a'}, r"a\.json, line 2: not whole JSON \(Untermi"),
        ({**ONE_TWO, "a.tsv": "1.jpg\tn03444034\t0\t3\n2.jpg\tn04067472\t5\t5\n"}, r"a\.tsv: no column holds texts"),
        ({**ONE_TWO, "a.csv": "image,x,y\n1.jpg,up,left\n2.jpg,down,right\n"},
         r"a\.csv: any of several columns may hold captions \(x, y\); --caption-column NAME,NAME chooses"),
    ],
)  # fmt: skip
def test_why_there_are_no_captioned_images(tmp_path: Path, files: Files, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(write(tmp_path / "set", files))


def test_a_path_that_is_neither_a_folder_nor_an_archive(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"1\.jpg: neither a folder nor an archive; give the folder"):
        load(write(tmp_path / "set", ONE_TWO) / "1.jpg")


def test_a_zip_in_a_zip(tmp_path: Path) -> None:
    files = {"list.csv": f"file,text\n1.jpg,{A}\n2.jpg,{B}\n", "images.zip": zip_file(ONE_TWO)}
    assert load(write(tmp_path / "a.zip", files))[0].captions == ((A,), (B,))


def test_entries_of_an_array_that_are_no_records_are_counted(tmp_path: Path) -> None:
    files = table("a.json", json.dumps([ROWS[0], None, "x", ROWS[1]]))
    assert load(write(tmp_path / "set", files))[1].sources[0].left_out == "2 malformed (a.json, line 2, a.json, line 3)"


def test_yaml_that_unfolds_without_end_is_not_read(tmp_path: Path) -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))
    with pytest.raises(InputError, match=r"a\.yaml: holds no rows"):
        load(write(tmp_path / "set", table("a.yaml", bomb)))
