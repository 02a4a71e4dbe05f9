from __future__ import annotations

import re
from pathlib import Path

import pytest

from encoder.attributes import colour_names, sections, words
from encoder.common.errors import InputError


def written(folder: Path, text: str) -> Path:
    (path := folder / "words.txt").write_text(text, encoding="utf-8")
    return path


def test_sections_are_read_without_comments_and_quotes(tmp_path) -> None:
    path = written(tmp_path, '# a comment\n\n== one\na, b c,\nd\n== two\n#hash\n" x\\t"\n')
    found = sections.read_sections(path, ["one"], ["two", "three"])
    assert list(found) == ["one", "two"]
    assert sections.words(found["one"]) == ("a", "b c", "d")
    assert [line.text for line in found["two"]] == ["#hash", " x\t"]
    assert found["one"][1].where == f"{path}, line 5"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\n== one\nb\n", "line 1: stands before the first section"),
        ("== one\nb\n== one\n", "line 3: the section 'one' is there twice"),
        ("== one\nb\n== other\n", "line 3: the section 'other' is not one of this file's"),
        ("== one\n", "the section 'one' is missing or empty"),
        ('== one\n"b\n', "line 2: begins with a quotation mark and is no JSON"),
    ],
)
def test_a_broken_file_is_one_line(tmp_path, text, message) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        sections.read_sections(written(tmp_path, text), ["one"])


def test_a_missing_file_is_one_line(tmp_path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        sections.read_sections(tmp_path / "none.txt", ["one"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("teal: blue 0.5, aqua 0.5", None),
        ("teal: blue 0.5, aqua 0.4", "add up to 1"),
        ("teal blue", "add up to 1"),
        ("teal: quux 1", "'quux' is not one of"),
        ("teal: blue 0.5, blue 0.5", "twice"),
        ("teal: blue much", "not 1 number"),
    ],
)
def test_mixtures_are_shares_of_known_values(text, message) -> None:
    line = sections.Line(text, "words.txt, line 7")
    if message is None:
        assert sections.mixtures([line], ("blue", "aqua")) == {"teal": {"blue": 0.5, "aqua": 0.5}}
        return
    with pytest.raises(InputError, match=f"^words.txt, line 7: .*{message}"):
        sections.mixtures([line], ("blue", "aqua"))


def test_two_commas_in_a_row_are_refused() -> None:
    with pytest.raises(InputError, match="line 3: no word between two commas"):
        sections.words([sections.Line("a,, b", "x, line 3")])


def test_a_broken_name_is_told_with_its_line(tmp_path) -> None:
    path = written(tmp_path, "# a comment\nteal #029386\nnavy 01153e\n")
    with pytest.raises(InputError, match="line 3: 'navy 01153e' is no name and colour"):
        colour_names._entries(path)


def test_a_word_is_in_one_half() -> None:
    for slot in ("hair", "eyes"):
        train, held_out = ({word for word, _ in words.nouns(slot, half)} for half in words.HALVES)
        assert train.isdisjoint(held_out)
