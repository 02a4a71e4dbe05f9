from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from encoder.common import records
from encoder.common.errors import InputError
from encoder.common.records import Count, Within, parse_json, read_json, read_record, record, write_json


@dataclass(frozen=True)
class Inner:
    dim: Count
    space: str = ""


@dataclass(frozen=True)
class Outer:
    name: str
    inner: Inner
    sources: tuple[str, ...]
    mode: Literal["a", "b"] = "a"
    share: Annotated[float, Within(0, 1)] = 0.5
    scale: Annotated[float, Within(sys.float_info.min)] = 1.0
    size: int | None = None
    flag: bool = False
    network: dict[str, Any] = field(default_factory=dict)
    layers: tuple[Inner, ...] = ()

    def __post_init__(self) -> None:
        if self.name == "bad":
            raise InputError("name is bad; choose another")


GOOD: dict[str, Any] = {"name": "n", "inner": {"dim": 3}, "sources": ["x", "y"]}


def test_a_record_is_made_of_its_types() -> None:
    values = {**GOOD, "share": 1, "size": None, "network": {"widths": [1]}, "layers": [{"dim": 1}, {"dim": 2}]}
    made = record(Outer, values, "file")
    assert made == Outer("n", Inner(3), ("x", "y"), share=1.0, network={"widths": [1]}, layers=(Inner(1), Inner(2)))
    assert isinstance(made.share, float)
    assert record(Outer, {**GOOD, "note": 1, "inner": {"dim": 3, "note": 2}}, "file", notes=True) == record(
        Outer, GOOD, "file"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": 5}, "f: name is 5; it must be a text"),
        ({"name": "bad"}, "f: name is bad; choose another"),
        ({"inner": 5}, "f: inner is 5; it must be an object"),
        ({"inner": {}}, "f: the key inner.dim is missing"),
        ({"inner": {"dim": 0}}, "f: inner.dim is 0; it must be an integer from 1 to 2,147,483,647"),
        ({"inner": {"dim": True}}, "f: inner.dim is True; it must be an integer"),
        ({"inner": {"dim": 1.0}}, "f: inner.dim is 1.0; it must be an integer"),
        ({"inner": {"dim": 10**400}}, "it must be an integer"),
        ({"inner": {"dim": 1, "x": 1}}, "f: unknown key inner.x"),
        ({"sources": "ab"}, "f: sources is 'ab'; it must be a list"),
        ({"sources": ["x", 1]}, "f: sources[1] is 1; it must be a text"),
        ({"mode": "c"}, "f: mode is 'c'; it must be one of a, b"),
        ({"mode": []}, "f: mode is a list; it must be one of a, b"),
        ({"share": 1.5}, "f: share is 1.5; it must be a number from 0 to 1"),
        ({"share": float("nan")}, "f: share is nan; it must be a number from 0 to 1"),
        ({"share": "0.5"}, "f: share is '0.5'; it must be a number"),
        ({"scale": 0}, "f: scale is 0; it must be a number above 0"),
        ({"scale": float("inf")}, "f: scale is inf; it must be a number above 0"),
        ({"size": "x" * 1000}, "...; it must be an integer"),
        ({"flag": 1}, "f: flag is 1; it must be true or false"),
        ({"network": [1]}, "f: network is a list; it must be an object"),
        ({"layers": [{"dim": -1}]}, "f: layers[0].dim is -1; it must be an integer"),
        ({"note": 1}, "f: unknown key note"),
    ],
)
def test_what_is_not_right_is_named_in_one_line(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        record(Outer, {**GOOD, **change}, "f")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 250


@pytest.mark.parametrize("values", [[], None, "x", 5])
def test_anything_but_an_object_is_refused(values: Any) -> None:
    with pytest.raises(InputError, match=r"f: what it holds is .*; it must be an object"):
        record(Outer, values, "f")


@pytest.mark.parametrize("name", list(GOOD))
def test_missing_keys_are_named(name: str) -> None:
    with pytest.raises(InputError, match=f"f: the key {name} is missing"):
        record(Outer, {key: value for key, value in GOOD.items() if key != name}, "f")


TEXT = json.dumps(GOOD).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"", b" ", TEXT[:-1], TEXT[:20], TEXT + b"}", b"\xff" + TEXT, b"\0" + TEXT, TEXT.replace(b"n", b"\0", 1),
        json.dumps(GOOD).encode("utf-16"), json.dumps(GOOD).encode("utf-16-le"), b"[" * 100_000, b'{"a":' * 100_000,
        b'{"name": NaN}', b'{"name": -Infinity}', b"9" * 5000, bytes(1000),
    ],
)  # fmt: skip
def test_what_is_not_json_is_named_in_one_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "f.json"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_record(Outer, path)
    assert str(caught.value).startswith(f"{path}: not JSON (")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 250 + len(str(path))


def test_files_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f.json"
    with pytest.raises(InputError, match=r"f\.json: cannot be read \(No such file"):
        read_json(path)
    with pytest.raises(InputError, match=r"cannot be read \(File name too long"):
        read_json(tmp_path / ("x" * 300))
    os.mkfifo(path)
    with pytest.raises(InputError, match=r"f\.json: not a file"):  # and does not wait for a writer
        read_json(path)
    with pytest.raises(InputError, match="not a file"):
        read_json(tmp_path)
    path.unlink()
    monkeypatch.setattr(records, "LARGEST", 50)
    path.write_bytes(b" " * 51)
    with pytest.raises(InputError, match=r"51 bytes are too many for settings"):
        read_json(path)


def test_json_is_written_whole_and_read_again(tmp_path: Path) -> None:
    write_json(tmp_path / "new" / "f.json", {**GOOD, "name": "顔"})
    assert read_record(Outer, tmp_path / "new" / "f.json").name == "顔"
    assert parse_json(b"\xef\xbb\xbf[1]", "f") == [1]  # a byte order mark
    assert parse_json("[Infinity]", "f", finite=False) == [float("inf")]
