from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from encoder.common.errors import InputError
from encoder.files import TextLine, decode_lines, read_records, read_testing_file

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
        ("1,pink hair".encode("utf-16"), "UTF-16 text; save the file as UTF-8"),
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


@pytest.mark.parametrize(
    "text",
    [
        "text_id,prompt\n1,blue hair\n2,a girl, smiling\n",
        '"1","blue hair"\n"2","a girl, smiling"\n',
        '"text_id","prompt"\n"1","blue hair"\n"2","a girl, smiling"\n',
        ',id,text\n0,1,blue hair\n1,2,"a girl, smiling"\n',
        "1\tblue hair\n2\ta girl, smiling\n",
        "id\ttext\n1\tblue hair\n2\ta girl, smiling\n",
        "1;blue hair\n2;a girl, smiling\n",
        "name,description\n1,blue hair\n2,a girl, smiling\n",
    ],
)
def test_testing_files_as_spreadsheets_and_pandas_write_them(tmp_path, text: str) -> None:
    expected = [TextLine("1", "blue hair"), TextLine("2", "a girl, smiling")]
    assert read_testing_file(write_file(tmp_path, text.encode())) == expected


def test_records() -> None:
    def read(text: str) -> list[tuple[int, str, str | None]]:
        return [(record.line, record.id, record.text) for record in read_records(text.split("\n"))]

    assert read('a,"one\ntwo"\n\nb,"three"') == [(1, "a", "one\ntwo"), (4, "b", "three")]
    assert read('a,"\nb,he said "no"') == [(1, "a", '"'), (2, "b", 'he said "no"')]
    assert read("a\nb,c") == [(1, "a", None), (2, "b", "c")]
    assert read("name,pink hair\nbob,x") == [(1, "name", "pink hair"), (2, "bob", "x")]
    assert read("bob,pink\n1,x y\n2,z") == [(2, "1", "x y"), (3, "2", "z")]
    assert read('0,0.png,"a caption, with commas"') == [(1, "0.png", "a caption, with commas")]  # pandas' own numbers
    assert read("7,a.PNG,one\n9,b.jpg,two, three") == [(1, "a.PNG", "one"), (2, "b.jpg", "two, three")]
    assert read("0,17,one\n1,12,two") == [(1, "17", "one"), (2, "12", "two")]
    assert read("0,17,one\n1,two, three") == [(1, "0", "17,one"), (2, "1", "two, three")]
    assert read("5,17,one\n8,12,two") == [(1, "5", "17,one"), (2, "8", "12,two")]
    assert read("") == []


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
        try:
            read_testing_file(write_file(tmp_path, data))
        except InputError as error:
            refused += 1
            assert "\n" not in str(error)
    assert 0 < refused < 500
