from __future__ import annotations

import itertools
import random
import re
from pathlib import Path

import pytest

from encoder.attributes.vocabulary import EYE_COLOURS, HAIR_COLOURS, HAIR_LENGTHS
from encoder.common.errors import InputError
from encoder.files import TagRow, TextLine, decode_lines, read_lines, read_tags, read_testing_file

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
LINES = [TextLine("1", "blue hair red eyes"), TextLine("7", "a girl, smiling"), TextLine("5", "髪はピンク")]


def write_file(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "texts.txt"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("comma", [",", ", ", " ,\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("blanks", [0, 2])
@pytest.mark.parametrize("last", [True, False])
def test_testing_file_in_every_form(tmp_path, comma: str, ending: str, mark: str, blanks: int, last: bool) -> None:
    text = (ending + f" {ending}" * blanks).join(f"{line.id}{comma}{line.text}" for line in LINES)
    data = (mark + blanks * ending + text + last * ending).encode()
    assert read_testing_file(write_file(tmp_path, data)) == LINES


def test_testing_file_header_and_spreadsheet_quotes(tmp_path) -> None:
    data = b'testing_text_id,testing_text\n1,"long hair, ""red"" eyes"\n2,"\n'
    assert read_testing_file(write_file(tmp_path, data)) == [
        TextLine("1", 'long hair, "red" eyes'),
        TextLine("2", '"'),
    ]


def test_shipped_testing_file() -> None:
    lines = read_testing_file(Path(__file__).resolve().parents[2] / "testing_tags.txt")
    assert len(lines) == 25
    assert lines[5] == TextLine("6", "blue hair green eyes")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "holds no lines"),
        (b"\n \r\n\n", "holds no lines"),
        (b"id,text\n", "holds no lines"),
        (b"1,pink hair\n\nblue hair\n", "line 3: no comma"),
        (b"1,pink hair\n2, \n", "line 2: the text is empty"),
        (b'1,""\n', "line 1: the text is empty"),
        (b"1," + b"x" * 100_000, "line 1: the text has 100,000 characters"),
        (b"1,pink hair\n2,\xff\xfe eyes\n", "line 2: not UTF-8"),
        ("1,pink hair".encode("utf-16"), "line 1: not UTF-8"),
        ("1,pink hair".encode("utf-16-le"), "line 1:"),
        (b"../../1,pink hair", "line 1: '../../1' is not an id"),
        (b",pink hair", "line 1: '' is not an id"),
    ],
)
def test_bad_testing_file_is_named_with_its_line(tmp_path, data: bytes, message: str) -> None:
    path = write_file(tmp_path, data)
    with pytest.raises(InputError) as caught:
        read_testing_file(path)
    assert re.match(f"{re.escape(str(path))}(, |: ).*", str(caught.value))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300 + len(str(path))


def test_file_that_cannot_be_read(tmp_path) -> None:
    for path in (tmp_path / "absent.txt", tmp_path):
        with pytest.raises(InputError, match=re.escape(str(path))):
            read_testing_file(path)


def test_anime_tags() -> None:
    tags = read_tags(
        [
            "2,touhou (series):9\tblonde hair:3735\tre:zero:12\tpink eyes:691\t",  # the published file ends lines so
            "3,blue hair:1\tLong Hair:8463\tpink hair:2\tblue hair:1\tred eyes:5\tgreen eyes:6",
            "9,bicolored eyes:2\taikatsu!:98\tshort hair:3\tre:zero:12",
            "10,",
        ],
        "tags.csv",
    )
    assert tags.format == "anime"
    assert tags.rows == [
        TagRow("2", ("blonde",), ("pink",)),
        TagRow("3", ("blue", "pink"), ("red", "green"), ("long",)),
        TagRow("9", length=("short",)),
        TagRow("10"),
    ]
    assert tags.ignored == {"touhou (series)": 1, "re:zero": 2, "bicolored eyes": 1, "aikatsu!": 1}


def test_anime_tags_written_at_random_are_read_back() -> None:
    rng = random.Random(0)
    irrelevant = ["1girl", "hat", "blue dress", "hair ribbon", "a:b", "long sleeves", "東方"]
    rows, lines, irrelevant_count = [], [], 0
    for id in range(300):
        hair, eyes = rng.sample(HAIR_COLOURS, rng.randrange(4)), rng.sample(EYE_COLOURS, rng.randrange(4))
        length = rng.sample(HAIR_LENGTHS, rng.randrange(3))
        others = rng.sample(irrelevant, rng.randrange(4))
        tags = [f"{value} hair" for value in (*hair, *length)] + [f"{value} eyes" for value in eyes] + others
        rng.shuffle(tags)
        if not tags:
            continue
        lines.append(f"{id}," + "\t".join(f"{tag}:{rng.randrange(10**6)}" for tag in tags) + rng.choice(["", "\t"]))
        rows.append((str(id), set(hair), set(eyes), set(length)))
        irrelevant_count += len(others)
    tags = read_tags(lines, "tags.csv")
    assert [(row.id, set(row.hair), set(row.eyes), set(row.length)) for row in tags.rows] == rows
    assert tags.ignored.total() == irrelevant_count


def test_extra_tags_of_every_pair_are_read_back() -> None:
    pairs = list(itertools.product(HAIR_COLOURS, EYE_COLOURS))
    tags = read_tags((f"{i}, {hair} hair {eyes} eyes" for i, (hair, eyes) in enumerate(pairs)), "tags.csv")
    assert tags.format == "extra"
    assert tags.rows == [TagRow(str(i), (hair,), (eyes,)) for i, (hair, eyes) in enumerate(pairs)]
    assert not tags.ignored


def test_free_captions() -> None:
    tags = read_tags(["id,caption", "anna,Silver hair at 12:30", "bert_2,long pink hair green eyes"], "own.csv")
    assert tags.format == "free"
    assert tags.rows == [
        TagRow("anna", text="Silver hair at 12:30"),
        TagRow("bert_2", ("pink",), ("green",), ("long",), text="long pink hair green eyes"),
    ]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "tags.csv: the file holds no lines"),
        (["1,pink hair:3", "2,blue hair:2\teyes", "3,x:1"], "tags.csv, line 2: not 'id,tag:count"),
        (["1,pink hair green eyes", "2"], "tags.csv, line 2: no comma"),
        (["1,pink hair green eyes", "", "1,red hair green eyes"], "tags.csv, line 3: the id 1 came before"),
        (["1,"], "tags.csv, line 1: the text is empty"),
        (["1,curls", "2," + "x" * 3000], "tags.csv, line 2: the text has 3,000"),
    ],
)
def test_bad_tags_are_named_with_their_line(lines: list[str], message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}"):
        read_tags(lines, "tags.csv")


def test_lines_end_at_line_ends_only() -> None:
    assert decode_lines("1,a\u2028b\x0bc\r\n2,d".encode(), "x") == ["1,a\u2028b\x0bc", "2,d"]


def test_random_bytes_are_read_or_refused_in_one_line(tmp_path) -> None:
    rng = random.Random(0)
    pieces = [
        b"1",
        b",",
        b" ",
        b"\n",
        b"\r",
        b'"',
        b"\xff",
        b"\xef\xbb\xbf",
        b":",
        b"\t",
        "é".encode(),
        b"\0",
        b"pink hair:2",
    ]
    refused = 0
    for _ in range(500):
        data = b"".join(rng.choices(pieces, k=rng.randrange(12)))
        for read in (read_testing_file, lambda path: read_tags(read_lines(path), str(path))):
            try:
                read(write_file(tmp_path, data))
            except InputError as error:
                refused += 1
                assert "\n" not in str(error)
    assert 0 < refused < 1000


@pytest.mark.skipif(not DATA.is_dir(), reason="needs the real data in ../shared/data")
@pytest.mark.parametrize(
    ("archive", "format", "rows"), [("extra_data.zip", "extra", 34_589), ("AnimeDataset.zip", "anime", 13_881)]
)
def test_real_tags(archive: str, format: str, rows: int) -> None:
    import zipfile

    with zipfile.ZipFile(DATA / archive) as file:
        name = next(name for name in file.namelist() if name.endswith("tags.csv"))
        tags = read_tags(decode_lines(file.read(name), name), name)
    assert (tags.format, len(tags.rows)) == (format, rows)
