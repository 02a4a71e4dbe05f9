from __future__ import annotations

import io
import random
import re
import sys
from pathlib import Path

import pytest

from encoder.common.errors import InputError
from encoder.files import STDIN, RejectedLine, TextLine, decode_lines, read_records, read_testing_file, read_texts

LINES = [("1", "blue hair red eyes"), ("7", "a girl, smiling"), ("5", "髪はピンク")]


def write_file(tmp_path: Path, data: bytes | str, name: str = "texts.txt") -> Path:
    path = tmp_path / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def read(path: Path) -> list[tuple[str, str]]:
    return [(line.id, line.text) for line in read_testing_file(path)]


@pytest.mark.parametrize("comma", [",", " ,\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("blanks", [0, 2])
@pytest.mark.parametrize("last", [True, False])
def test_testing_file_in_every_form(tmp_path, comma: str, ending: str, encoding: str, blanks: int, last: bool) -> None:
    text = (ending + f" {ending}" * blanks).join(f"{id}{comma}{text}" for id, text in LINES)
    assert read(write_file(tmp_path, (blanks * ending + text + last * ending).encode(encoding))) == LINES


@pytest.mark.parametrize("encoding", ["cp932", "utf-8"])
def test_encodings_of_testing_files(tmp_path, encoding: str) -> None:
    lines = [("1", "ピンクの髪"), ("2", "青い目の女の子")]
    assert read(write_file(tmp_path, "\n".join(map(",".join, lines)).encode(encoding))) == lines


@pytest.mark.parametrize(
    ("encoding", "texts"),
    [
        ("cp932", ["ピンクの髪に緑の目", "赤い花"]),
        ("big5", ["粉紅色的頭髮和綠色的眼睛", "一朵紅色的花在草地上", "藍色的天空"]),
        ("gb18030", ["粉红色的头发和绿色的眼睛", "一朵红色的花在草地上", "蓝色的天空"]),
        ("cp1252", ["un café à Paris", "des yeux bleus et une écharpe", "größer"]),
    ],
)
def test_encodings_are_recognised(encoding: str, texts: list[str]) -> None:
    assert decode_lines("\n".join(texts).encode(encoding)) == texts
    one_bad_line = decode_lines("\n".join([*texts, "café"] * 3).encode() + "\ncafé".encode("cp1252"))
    assert one_bad_line == [*([*texts, "café"] * 3), "caf\udce9"]


def test_testing_file_header_and_spreadsheet_quotes(tmp_path) -> None:
    data = b'testing_text_id,testing_text\n1,"long hair, ""red"" eyes"\n2,"\n'
    assert read(write_file(tmp_path, data)) == [("1", 'long hair, "red" eyes'), ("2", '"')]


def test_shipped_testing_file() -> None:
    lines = read_testing_file(Path(__file__).resolve().parents[2] / "testing_tags.txt")
    assert len(lines) == 25
    assert lines[5] == TextLine(6, "6", "blue hair green eyes")


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
        (b"1,pink hair\n2,\xff\xfe eyes\n", "line 2: the text is not valid Unicode"),
        ("1,pink hair".encode("utf-16-le"), "line 1:"),
        (b"../../1,pink hair", "line 1: '../../1' is not an id"),
        (b"1,red\n../../2,pink hair", "line 2: '../../2' is not an id"),
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
    with pytest.raises(InputError, match="no form of texts that is read; save them as CSV"):
        read_testing_file(write_file(tmp_path, "- text: red hair\n", "a.yaml"))
    for path in (tmp_path / "absent.txt", tmp_path):
        with pytest.raises(InputError, match=re.escape(str(path))):
            read_testing_file(path)


TWO = [("7", "red hair"), ("b8", "blue hair, green eyes")]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        # An id is said by a header, or looks like one.
        ("a.txt", "text_id,prompt\n7,red hair\nb8,blue hair, green eyes\n", TWO),
        ("a.csv", "Prompt,face_id\nred hair,7\n\"blue hair, green eyes\",b8\n", TWO),
        ("a.txt", "# mine\nred hair\n#\n#12806a hair\n", [("2", "red hair"), ("4", "#12806a hair")]),
        ("a.csv", 'prompt\nred hair\n"blue hair, green eyes"\n',
         [("2", "red hair"), ("3", '"blue hair, green eyes"')]),
        ("a.csv", 'prompt,negative_prompt,seed\n"red hair","low, quality",7\na,b,9\n', [("2", "red hair"), ("3", "a")]),
        ("a.csv", "seed,prompt\n5,red hair\n7,a\n", [("2", "red hair"), ("3", "a")]),
        ("a.json", '{"prompts": ["red hair", "a"]}', [("1", "red hair"), ("2", "a")]),
        ("a.json", '{"7": "red hair",\n "b8": "blue hair, green eyes"}', TWO),
        ("a.json", '{"text": ["red hair", "a"], "id": "x"}', [("x", "red hair")]),
        ("a.txt", '"7","red hair"\n"b8","blue hair, green eyes"\n', TWO),
        ("a.txt", '"text_id","prompt"\n"7","red hair"\n"b8","blue hair, green eyes"\n', TWO),
        ("a.txt", ',id,text\n0,7,red hair\n1,b8,"blue hair, green eyes"\n', TWO),
        ("a.txt", "7\tred hair\nb8\tblue hair, green eyes\n", TWO),
        ("a.txt", "id\ttext\n7\tred hair\nb8\tblue hair, green eyes\n", TWO),
        ("a.txt", "7;red hair\nb8;blue hair, green eyes\n", TWO),
        ("a.txt", "7|red hair\nb8|blue hair, green eyes\n", TWO),
        ("a.txt", "name,description\n7,red hair\nb8,blue hair, green eyes\n", TWO),
        ("a.txt", "name,description\nbob,red\neve,blue\n", [("bob", "red"), ("eve", "blue")]),
        ("a.txt", "7,red hair\nb8, blue hair, green eyes\n", TWO),
        ("a.csv", '7,red hair\r\nb8,"blue hair, green eyes"\r\n', TWO),
        ("a.csv", "bob,red\neve,blue\n", [("bob", "red"), ("eve", "blue")]),
        ("a.txt", "a,red hair\nb,blue\n", [("a", "red hair"), ("b", "blue")]),
        ("a.csv", '1,"red\nhair"\n2,a "quote, open\n', [("1", "red\nhair"), ("2", 'a "quote, open')]),
        # Otherwise a line is a text.
        ("a.txt", "pink hair, green eyes\nblue hair, red eyes\n",
         [("1", "pink hair, green eyes"), ("2", "blue hair, red eyes")]),
        ("a.csv", "pink hair, green eyes\n", [("1", "pink hair, green eyes")]),
        ("a.txt", "blonde,blue eyes\nsmiling,red\n", [("1", "blonde,blue eyes"), ("2", "smiling,red")]),
        ("a.txt", "pink_hair,green_eyes\n", [("1", "pink_hair,green_eyes")]),
        ("a.txt", "pink hair | green eyes\n", [("1", "pink hair | green eyes")]),
        ("a.txt", "red hair, aqua eyes\n\nblue hair\n", [("1", "red hair, aqua eyes"), ("3", "blue hair")]),
        ("a.txt", "1girl, red hair\n1boy, blue\n", [("1", "1girl, red hair"), ("2", "1boy, blue")]),
        ("a.jsonl", '{"id": 7, "text": "red hair"}\n"a"\n', [("7", "red hair"), ("2", "a")]),
        ("a", '{"Caption": "red hair", "ID": "x"}\n', [("x", "red hair")]),
        ("a.json", '[\n {"id": 7, "text": "red hair"},\n "a"\n]\n', [("7", "red hair"), ("2", "a")]),
        ("a.txt", '["red hair", "a"]', [("1", "red hair"), ("2", "a")]),
        ("a.txt", "[red] hair\n", [("1", "[red] hair")]),
    ],
)  # fmt: skip
def test_one_reading_of_a_testing_file(tmp_path, name: str, content: str, expected: list[tuple[str, str]]) -> None:
    path = write_file(tmp_path, content, name)
    assert read(path) == expected
    assert [(line.id, line.text) for line in read_texts(path)] == expected  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", "1,a\nb\n2,\n3,c\n",
         [TextLine(1, "1", "a"), RejectedLine(2, "no comma; write 'id,text'"), ..., TextLine(4, "3", "c")]),
        ("a.jsonl", '{\n[1]\n{"x": 1}\n"a"\n', [..., ..., ..., TextLine(4, "4", "a")]),
        ("a.jsonl", "[" * 100_000 + '\n{"text": "a"}\n', [..., TextLine(2, "2", "a")]),
        ("a.txt", b"1,\xff\n2,b\n", [..., TextLine(2, "2", "b")]),
        ("a.csv", "1," + "x" * 3_000_000 + "\n2,b\n", [..., TextLine(2, "2", "b")]),
    ],
)  # fmt: skip
def test_rejected_lines_stop_nothing(tmp_path, name: str, content: str | bytes, expected: list) -> None:
    found = list(read_texts(write_file(tmp_path, content, name)))
    assert len(found) == len(expected)
    for line, wanted in zip(found, expected, strict=True):
        assert isinstance(line, RejectedLine) if wanted is ... else line == wanted


def test_parquet(tmp_path) -> None:
    import pandas as pd

    pd.DataFrame({"text": ["red hair", None], "id": [7, 8], "x": [b"1", b"2"]}).to_parquet(tmp_path / "a.parquet")
    line, bad = read_texts(tmp_path / "a.parquet")
    assert line == TextLine(1, "7", "red hair")
    assert isinstance(bad, RejectedLine) and bad.number == 2
    with pytest.raises(InputError, match=r"b\.parquet: cannot be read as parquet"):
        list(read_texts(write_file(tmp_path, b"PAR1", "b.parquet")))


def test_stdin_stays_open(monkeypatch) -> None:
    stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(b"7,red hair\n")))  # type: ignore[arg-type]
    monkeypatch.setattr(sys, "stdin", stdin)
    assert list(read_texts(STDIN)) == [TextLine(1, "7", "red hair")]
    assert not stdin.buffer.closed


def test_lines_are_read_as_they_are_asked_for(tmp_path) -> None:
    path = write_file(tmp_path, "".join(f"{i},a\n" for i in range(100_000)))
    with path.open() as file:
        next(read_records(file))
        assert file.buffer.tell() < 100_000


def test_records() -> None:
    def read(text: str) -> list[tuple[int, str, str | None]]:
        return [tuple(record) for record in read_records(text.split("\n"))]

    assert read('a,"one\ntwo"\n\nb,"three"') == [(1, "a", "one\ntwo"), (4, "b", "three")]
    assert read('a,"\nb,he said "no"') == [(1, "a", '"'), (2, "b", 'he said "no"')]
    assert read("a\nb,c") == [(1, "a", None), (2, "b", "c")]
    assert read("name,pink hair\nbob,x") == [(1, "name", "pink hair"), (2, "bob", "x")]
    assert read("bob,pink\n1,x y\n2,z") == [(2, "1", "x y"), (3, "2", "z")]
    assert read("text,id\nred,1\n") == [(2, "1", "red")]
    assert read('0,0.png,"a caption, with commas"') == [(1, "0.png", "a caption, with commas")]  # pandas' own numbers
    assert read("7,a.PNG,one\n9,b.jpg,two, three") == [(1, "a.PNG", "one"), (2, "b.jpg", "two, three")]
    assert read("0,17,one\n1,12,two") == [(1, "17", "one"), (2, "12", "two")]
    assert read("0,17,one\n1,two, three") == [(1, "0", "17,one"), (2, "1", "two, three")]
    assert read("5,17,one\n8,12,two") == [(1, "5", "17,one"), (2, "8", "12,two")]
    assert read("") == []


def test_lines_end_at_line_ends_only() -> None:
    assert decode_lines("1,a\u2028b\x0bc\r\n2,d".encode()) == ["1,a\u2028b\x0bc", "2,d"]


def test_random_bytes_are_read_or_refused_in_one_line(tmp_path) -> None:
    rng = random.Random(0)
    pieces = [b"1", b",", b" ", b"\n", b"\r", b'"', b"\xff", b"\xef\xbb\xbf", b":", b"\t", "é".encode(), b"\0", b"red"]
    refused = 0
    for _ in range(500):
        data = b"".join(rng.choices(pieces, k=rng.randrange(12)))
        try:
            read_testing_file(write_file(tmp_path, data))
        except InputError as error:
            refused += 1
            assert "\n" not in str(error)
    assert 0 < refused < 500
