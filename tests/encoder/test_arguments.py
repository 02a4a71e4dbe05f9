from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from encoder.common import arguments
from encoder.common.arguments import (
    check_existing_file,
    check_existing_folder,
    check_file,
    check_folder,
    check_new_folder,
    kind_of,
    shown,
)
from encoder.common.errors import InputError


@pytest.mark.parametrize(
    ("type", "text", "value"),
    [
        (arguments.integer, "7", 7),
        (arguments.decimal, "1e3", 1000.0),
        (arguments.between(1, 3), "3", 3),
        (arguments.non_empty, "a b", "a b"),
        (arguments.json_value, '{"widths": [1, 2]}', {"widths": [1, 2]}),
        (arguments.json_value, "null", None),
        (arguments.path_type(), "a/b", Path("a/b")),
        (arguments.path_type(), "~/a", Path.home() / "a"),
    ],
)
def test_values_are_read(type: Callable[[str], Any], text: str, value: Any) -> None:
    assert type(text) == value


@pytest.mark.parametrize(
    ("type", "text", "message"),
    [
        (arguments.integer, "many", "invalid int value: 'many'"),
        (arguments.integer, "9" * 5000, "invalid int value: '9999"),
        (arguments.integer, "1.5", "invalid int value"),
        (arguments.decimal, "x", "invalid float value: 'x'"),
        (arguments.between(1, 3), "4", "4 is not between 1 and 3"),
        (arguments.between(0), str(2**70), "is not between 0 and"),
        (arguments.between(0), "-1", "is not between 0 and"),
        (arguments.non_empty, " ", "is empty"),
        (arguments.json_value, "{", "invalid JSON"),
        (arguments.json_value, "[" * 100_000, "invalid JSON (more than 10 brackets within each other)"),
        (arguments.json_value, "[" * 11 + "]" * 11, "invalid JSON (more than 10 brackets within each other)"),
        (arguments.json_value, "9" * 5000, "invalid JSON"),
        (arguments.path_type(), "", "is empty"),
    ],
)
def test_what_is_no_value_is_refused_in_a_short_line(type: Callable[[str], Any], text: str, message: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        type(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_a_place_that_cannot_be_used_passes_argparse_as_what_it_is(tmp_path, capsys) -> None:
    parser = arguments.Parser()
    parser.add_argument("--out", type=arguments.output_folder, default=str(tmp_path / "file" / "below"))
    parser.add_argument("--seed", type=arguments.between(0))
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file: is a file"):  # the default is checked too
        parser.parse_args([])
    assert parser.parse_args(["--out", str(tmp_path)]).out == tmp_path
    with pytest.raises(SystemExit):
        parser.parse_args(["--out", str(tmp_path), "--seed", "x"])
    assert "argument --seed: invalid int value: 'x'" in capsys.readouterr().err


# -- places ----------------------------------------------------------------------------------------------------------

CHECKS = (check_existing_file, check_existing_folder, check_file, check_folder, check_new_folder)


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """What paths may lead to, by name."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    names = ("folder", "file", "fifo", "dangling", "loop", "new", "new/deep", "file/below", "dangling/below")
    places = {name: tmp_path / name for name in names}
    return places | {"too long": tmp_path / ("x" * 300), "too long below": tmp_path / "new" / ("x" * 300)}


@pytest.mark.parametrize(
    ("check", "passing"),
    [
        (check_existing_file, {"file"}),
        (check_existing_folder, {"folder"}),
        (check_file, {"file", "new", "new/deep", "dangling"}),
        (check_folder, {"folder", "new", "new/deep"}),
        (check_new_folder, {"new", "new/deep"}),
    ],
)
def test_places_pass_or_are_named_in_one_line(places, check, passing) -> None:
    passed = set()
    for name, path in places.items():
        try:
            check(path)
            passed.add(name)
        except InputError as error:
            assert str(error).startswith(str(places["folder"].parent))
            assert "\n" not in str(error) and len(str(error)) < 500
    assert passed == passing
    assert not places["new"].exists()


@pytest.mark.parametrize("check", CHECKS)
def test_a_folder_that_may_not_be_entered_is_one_line(tmp_path, monkeypatch, check) -> None:
    def refuse(self: Path, **_: object) -> os.stat_result:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "stat", refuse)
    with pytest.raises(InputError, match=r"a: cannot be reached \(Permission denied\); choose another place"):
        check(tmp_path / "a")


@pytest.mark.parametrize("check", [check_existing_file, check_existing_folder, check_file, check_folder])
def test_missing_permissions_are_one_line(tmp_path, monkeypatch, check) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(os, "access", lambda *_: False)
    path = tmp_path / "file" if check in (check_existing_file, check_file) else tmp_path
    with pytest.raises(InputError, match="permissions"):
        check(path)


def test_a_name_that_a_file_system_takes_in_full_is_taken(tmp_path) -> None:
    from encoder.common.atomic import write_atomically

    path = tmp_path / ("x" * 251 + ".png")
    check_file(path)
    write_atomically(path, lambda temporary: temporary.write_text("a"))
    assert path.read_text() == "a"


def test_kinds(places) -> None:
    kinds = {name: kind_of(path) for name, path in places.items() if "long" not in name and name != "loop"}
    assert kinds == {
        "folder": "folder", "file": "file", "fifo": "other", "dangling": None, "new": None, "new/deep": None,
        "file/below": None, "dangling/below": None,
    }  # fmt: skip


def test_long_paths_are_cut_in_messages() -> None:
    assert shown("a" * 200) == "a" * 200
    assert shown("a" * 201) == "a" * 200 + "..."
