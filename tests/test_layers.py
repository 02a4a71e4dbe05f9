"""Imports go down only: README.md's table of folders lists the floors, and no modules import each other in a circle.

Imports within functions count. Those for type checkers alone (``if TYPE_CHECKING``) count for the floors only.
``python tests/test_layers.py`` prints what the tests find.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]


class Import(NamedTuple):
    """One file imports names from another."""

    file: str
    imported: str
    names: tuple[str, ...]
    typing_only: bool


def product() -> list[str]:
    """The Python files of the product, from the project's folder."""
    files = [path for folder in ("encoder", "gan") for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path.relative_to(ROOT).as_posix() for path in [*files, *sorted(ROOT.glob("*.py"))]]


def floors() -> dict[str, int]:
    """The places that README.md's table names, each with the number of its row, from the bottom up."""
    table = (ROOT / "README.md").read_text("utf-8").partition("\n## Where things are\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return {place: number for number, row in enumerate(rows) for place in re.findall(r"`([^`]+)`", row)}


def floor_of(file: str, places: dict[str, int]) -> int:
    """The row of a file: that of the longest place which names it or a folder that it lies in."""
    fitting = [place for place in places if file == place or (place.endswith("/") and file.startswith(place))]
    if not fitting:
        raise AssertionError(f"{file}: is in no row of README.md's table of places")
    return places[max(fitting, key=len)]


@cache
def imports() -> list[Import]:
    """All imports of one file of the product from another."""
    files, result = product(), []
    modules = {name.removesuffix(".py").removesuffix("/__init__").replace("/", "."): name for name in files}
    for file in files:
        tree = ast.parse((ROOT / file).read_text("utf-8"))
        typing_only = {
            id(child)
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
            for statement in node.body
            for child in ast.walk(statement)
        }
        for node in ast.walk(tree):
            found: dict[str, list[str]] = {}
            if isinstance(node, ast.Import):
                for alias in node.names:
                    found.setdefault(alias.name, []).append(alias.name)
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, f"{file}: line {node.lineno} is a relative import; name the module in full"
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    found.setdefault(whole if whole in modules else str(node.module), []).append(alias.name)
            for module, names in found.items():
                if module in modules and modules[module] != file:
                    result.append(Import(file, modules[module], tuple(names), id(node) in typing_only))
    return result


def upward() -> list[Import]:
    """The imports that run up."""
    places = floors()
    return [each for each in imports() if floor_of(each.imported, places) > floor_of(each.file, places)]


def circles() -> list[tuple[str, ...]]:
    """Groups of files each of which reaches all others of its group by its imports."""
    files = product()
    reached = {file: {file} for file in files}
    direct: dict[str, set[str]] = {file: set() for file in files}
    for each in imports():
        if not each.typing_only:
            direct[each.file].add(each.imported)
    for file, seen in reached.items():
        waiting = [file]
        while waiting:
            new = direct[waiting.pop()] - seen
            seen |= new
            waiting += new
    groups = {tuple(sorted(other for other in reached[file] if file in reached[other])) for file in files}
    return sorted(group for group in groups if len(group) > 1)


def test_every_file_stands_on_a_floor_and_every_place_is_there() -> None:
    places = floors()
    for file in product():
        floor_of(file, places)
    assert [place for place in places if not (ROOT / place).exists()] == []


def test_imports_run_down_the_floors_of_the_readme() -> None:
    lines = [f"{each.file} -> {each.imported}: {', '.join(each.names)}" for each in upward()]
    assert not lines, "these imports run up: move what they need down, or the file up\n" + "\n".join(lines)


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert not circles(), "these files import each other in a circle\n" + "\n".join(map(" <-> ".join, circles()))


if __name__ == "__main__":
    for each in upward():
        print(f"{each.file} -> {each.imported}: {', '.join(each.names)}{' (typing)' if each.typing_only else ''}")
    for group in circles():
        print(" <-> ".join(group))
