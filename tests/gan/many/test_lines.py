from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from encoder.common.errors import InputError
from encoder.files import read_records, stream_records
from gan.many.lines import STDIN, Bad, Line, read_lines

NO_COMMA = "no comma; write 'id,text'"
TWO = [Line(1, "7", "red hair"), Line(2, "b8", "blue hair, green eyes")]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.txt", "7,red hair\nb8, blue hair, green eyes\n", TWO),
        ("a.csv", '7,red hair\r\nb8,"blue hair, green eyes"\r\n', TWO),
        ("a.txt", "a,red hair\nb,blue\n", [Line(1, "a", "red hair"), Line(2, "b", "blue")]),
        (
            "a.txt",
            "blonde, blue eyes\nsmiling, red\n",
            [Line(1, "1", "blonde, blue eyes"), Line(2, "2", "smiling, red")],
        ),
        ("a.csv", "id,text\n7,red hair\n", [Line(2, "7", "red hair")]),
        (
            "a.txt",
            "red hair, aqua eyes\n\nblue hair\n",
            [Line(1, "1", "red hair, aqua eyes"), Line(3, "3", "blue hair")],
        ),
        (
            "a.txt",
            "1girl, red hair\n1girl, blue hair\n",
            [Line(1, "1", "1girl, red hair"), Line(2, "2", "1girl, blue hair")],
        ),
        ("a.csv", '1,"red\nhair"\n2,a "quote, open\n', [Line(1, "1", "red\nhair"), Line(3, "2", 'a "quote, open')]),
        ("a.jsonl", '{"id": 7, "text": "red hair"}\n"a"\n', [Line(1, "7", "red hair"), Line(2, "2", "a")]),
        ("a", '{"caption": "red hair", "id": "x"}\n', [Line(1, "x", "red hair")]),
        (
            "a.csv",
            "1,a\nb\n2,\n3,c\n",
            [Line(1, "1", "a"), Bad(2, "no comma; write 'id,text'"), ..., Line(4, "3", "c")],
        ),
        ("a.jsonl", '{\n[1]\n{"x": 1}\n"a"\n', [..., ..., ..., Line(4, "4", "a")]),
        ("a.txt", b"1,\xff\n2,b\n", [..., Line(2, "2", "b")]),
        ("a.csv", "1," + "x" * 3_000_000 + "\n2,b\n", [..., Line(2, "2", "b")]),
    ],
)
def test_what_is_read(tmp_path, name, content, expected) -> None:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    found = list(read_lines(path))
    assert len(found) == len(expected)
    for line, wanted in zip(found, expected, strict=True):
        assert isinstance(line, Bad) if wanted is ... else line == wanted


def test_parquet(tmp_path) -> None:
    import pandas as pd

    pd.DataFrame({"text": ["red hair", None], "id": [7, 8], "x": [b"1", b"2"]}).to_parquet(tmp_path / "a.parquet")
    line, bad = read_lines(tmp_path / "a.parquet")
    assert line == Line(1, "7", "red hair")
    assert isinstance(bad, Bad) and bad.number == 2
    (tmp_path / "b.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"b\.parquet: cannot be read as parquet"):
        list(read_lines(tmp_path / "b.parquet"))


def test_stdin_stays_open(monkeypatch) -> None:
    stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(b"7,red hair\n")))  # type: ignore[arg-type]
    monkeypatch.setattr(sys, "stdin", stdin)
    assert list(read_lines(STDIN)) == [Line(1, "7", "red hair")]
    assert not stdin.buffer.closed


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xff\xfe1\x00"])
def test_files_that_hold_no_lines(tmp_path, content) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.csv: (the file holds no lines|UTF-16 text)"):
        list(read_lines(tmp_path / "a.csv"))


def test_lines_are_read_as_they_are_asked_for(tmp_path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("".join(f"{i},a\n" for i in range(100_000)))
    with path.open() as file:
        records = stream_records(file)
        next(records)
        assert file.buffer.tell() < 100_000


@pytest.mark.parametrize(
    "text",
    [
        "1,red\n2,blue, green\n",
        "id\ttext\n1\tred, pink\n",
        ',file_name,text\n0,1.png,red\n1,2.png,"a, b"\n',
        '1,"a\nb"\n\n2,c\n',
        "text,id\nred,1\n",
    ],
)
def test_a_stream_is_read_as_the_whole(text) -> None:
    rows = text.split("\n")
    assert list(stream_records(rows)) == read_records(rows)


def test_json_of_a_line_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("[" * 100_000 + "\n" + json.dumps({"text": "a"}) + "\n")
    assert [type(line) for line in read_lines(tmp_path / "a.jsonl")] == [Bad, Line]
