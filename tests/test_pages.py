"""The README and the pages of docs/: their commands work, what they name exists, and their sentences are short.

A fence is treated by the word behind its language: with ``check`` its commands are parsed and not run, as those that
need a network, a GPU or other programs. Of the others, drawings are drawn, trainings run to ``--dry-run`` and all
other commands of the project are parsed. A run that a page trains is stood in for by the shipped release.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import re
import shlex
import shutil
import statistics
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from encoder.common.errors import InputError

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
CARDS = [*sorted((ROOT / "pretrained").glob("*/README.md")), ROOT / "pretrained" / "encoder" / "SOURCE.md"]
MEAN_WORDS, MOST_WORDS = 18, 35

_FENCE = re.compile(r"^```(\w*) ?(\w*)\n(.*?)^```$", re.M | re.S)
_OTHERS = {"cp", "echo", "export", "fidelity", "git", "hf", "npm", "source", "tar", "tensorboard"}
"""Programs of others in the pages' commands; what is new is added here on purpose."""
_OPTIONS_OF_OTHERS = {"--no-deps"}
_MODULES = [
    *("infer", "train_cgan", "gan.__main__", "gan.evaluate", "gan.export", "gan.page.__main__", "gan.compare"),
    *(
        "gan.benchmark",
        "gan.data.__main__",
        "gan.classifier",
        "gan.localiser",
        "gan.inverter",
        "encoder.align",
        "encoder.train_head",
    ),
    *("encoder.evaluate_head", "encoder.build_cache", "encoder.fetch"),
    *("tests.campaign.__main__", "tests.flowers", "tests.gan.data.large", "tests.page_speed"),
]


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    word: str
    text: str


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def text_of(page: Path) -> str:
    return page.read_text("utf-8")


def blocks(page: Path) -> list[Block]:
    return [Block(*match.groups()) for match in _FENCE.finditer(text_of(page))]


def commands(script: str) -> Iterator[list[str]]:
    """The simple commands of a script, as lists of words; redirections and assignments are left out."""
    for line in script.replace("\\\n", " ").splitlines():
        words = shlex.shlex(line, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        command: list[str] = []
        redirected = False
        for word in words:
            if word in ("|", "&&", ";", "||"):
                yield command
                command = []
            elif word in (">", ">>"):
                redirected = True
            elif redirected:
                redirected = False
            elif command or not re.match(r"[A-Z_0-9]+=", word):
                command.append(word)
        if command:
            yield command


@cache
def parser_of(module: str) -> argparse.ArgumentParser:
    loaded = importlib.import_module({"encoder.align": "gan.align"}.get(module, module))
    return (getattr(loaded, "parser", None) or loaded._parser)()


# The commands.


class Folder:
    """A working folder in which the commands of one page are run from top to bottom."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for name in ("pretrained", "testing_tags.txt", "docs", "tests"):
            (path / name).symlink_to(ROOT / name)
        (path / "samples").mkdir()
        shutil.copy(ROOT / "samples" / "cgan_original.png", path / "samples")

    def run(self, words: list[str], only_parse: bool) -> None:
        """Do one command of a page, or as much of it as tells whether it is right."""
        self.lenient = only_parse  # files that other programs make are missing
        program, *arguments = words
        if program in ("python", "torchrun"):
            self.python(arguments if program == "python" else arguments[arguments.index("train_cgan.py") :], only_parse)
        elif program.endswith("text2face"):
            self.text2face(arguments, only_parse)
        elif program == "bash":
            assert (ROOT / arguments[0]).is_file()
        elif program == "pip" or program.endswith("bin/pip"):
            self.pip(arguments)
        else:
            assert program in _OTHERS, f"unknown program {program}; is it meant?"

    def python(self, arguments: list[str], only_parse: bool) -> None:
        if arguments[0] == "infer.py":
            self.draw(arguments[1:], only_parse)
        elif arguments[0] == "train_cgan.py":
            self.train(arguments[1:], only_parse)
        elif arguments[0] == "-c":
            ast.parse(arguments[1])
        elif arguments[:2] == ["-m", "pytest"]:
            assert all((ROOT / word).exists() for word in arguments[2:] if word.endswith(".py"))
        elif arguments[:2] == ["-m", "gan"]:
            self.text2face(arguments[2:], only_parse)
        elif arguments[:2] == ["-m", "venv"]:
            pass
        else:
            assert arguments[0] == "-m", arguments
            module = arguments[1]
            if (ROOT / module.replace(".", "/") / "__main__.py").exists():
                module += ".__main__"
            assert module in _MODULES
            if module == "tests.flowers" and arguments[2] == "make":
                importlib.import_module(module).main([*arguments[2:], "--count", "20"])
            else:
                self.parse(module, arguments[2:])

    def parse(self, module: str, arguments: list[str]) -> None:
        try:
            parser_of(module).parse_args(arguments)
        except InputError:
            if not self.lenient:
                raise
        except SystemExit as error:
            raise AssertionError(f"{module} does not take {shlex.join(arguments)}") from error

    def draw(self, arguments: list[str], only_parse: bool) -> None:
        import infer

        if "--shards" in arguments:  # many images: a few, in this process
            arguments = _with(arguments, {"--num": "1", "--workers": "1"})
        if only_parse or "-" in arguments:
            self.parse("infer", arguments)
        else:
            assert infer.main(arguments) == 0, shlex.join(arguments)
            places = [
                arguments[i + 1] for i, word in enumerate(arguments) if word in ("--out", "--separate", "--shards")
            ]
            assert all(Path(place).exists() for place in places or ["samples/faces.png"])

    def train(self, arguments: list[str], only_parse: bool) -> None:
        import train_cgan

        if only_parse:
            self.parse("train_cgan", arguments)
            return
        assert train_cgan.main([*arguments, "--dry-run"]) == 0, shlex.join(arguments)
        run = Path(arguments[arguments.index("--run-dir") + 1])
        run.mkdir(parents=True, exist_ok=True)
        if not (run / "snapshot").exists():
            (run / "snapshot").symlink_to(ROOT / "pretrained" / "residual-r3gan")

    def text2face(self, arguments: list[str], only_parse: bool) -> None:
        if arguments[0] == "draw":
            self.draw(arguments[1:], only_parse)
        elif arguments[0].startswith("--"):
            pass
        else:
            self.parse({"train": "train_cgan", "evaluate": "gan.evaluate"}[arguments[0]], arguments[1:])

    def pip(self, arguments: list[str]) -> None:
        project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
        for extra in re.findall(r"(?:\.|text-to-face-cgan)\[(\w+)\]", " ".join(arguments)):
            assert extra in project["optional-dependencies"]
        if "-c" in arguments:
            assert (ROOT / arguments[arguments.index("-c") + 1]).is_file()


def _with(arguments: list[str], changes: dict[str, str]) -> list[str]:
    """Arguments with other values for some of the options that are there."""
    return [changes.get(before, word) for before, word in zip(["", *arguments], arguments, strict=False)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.chdir(tmp_path)
    return Folder(tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_and_examples_work(page: Path, folder: Folder, capfd: pytest.CaptureFixture[str]) -> None:
    for block in blocks(page):
        if block.language == "bash":
            for words in commands(block.text):
                folder.run(words, only_parse=block.word == "check")
        elif block.language == "python" and block.word == "check":
            ast.parse(block.text)
        elif block.language == "python":
            exec(compile(block.text, name_of(page), "exec"), {})
    said = capfd.readouterr().err
    if page == README:  # the first examples that a person tries say nothing
        assert "warning" not in said


# What the pages name.


def _inline(page: Path) -> set[str]:
    prose = re.sub(r"(?<!\n)\n(?!\n)", " ", _FENCE.sub("\n\n", text_of(page)))
    return set(re.findall(r"`([^`\n]+)`", prose))


@pytest.mark.parametrize("page", PAGES + CARDS, ids=name_of)
def test_files_and_modules_exist(page: Path) -> None:
    if page == ROOT / "pretrained" / "encoder" / "README.md":
        pytest.skip("as published")
    for code in _inline(page):
        if re.fullmatch(r"(encoder|gan|tests|docs|pretrained|samples)/[\w./*-]*", code) and code != "samples/faces.png":
            assert any(ROOT.glob(code.rstrip("/"))) or Path(code).name in ("cgan.png", "gan.png", "extra.png"), code
        elif re.fullmatch(r"(encoder|gan|tests)(\.\w+)+(?<!\.onnx)(?<!\.png)", code):
            assert _exists(code), code


def _exists(dotted: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    parts = dotted.split(".")
    for count in range(len(parts), 0, -1):
        if _is_module(parts[:count]):
            thing: object = importlib.import_module(".".join(parts[:count]))
            for part in parts[count:]:
                if not hasattr(thing, part):
                    return False
                thing = getattr(thing, part)
            return True
    return False


def _is_module(parts: list[str]) -> bool:
    path = ROOT.joinpath(*parts)
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file() or path.is_dir()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_options_exist(page: Path) -> None:
    known = _OPTIONS_OF_OTHERS.union(*(parser_of(module)._option_string_actions for module in _MODULES))
    named = {option for code in _inline(page) for option in re.findall(r"(?<![\w-])--[a-z][\w-]*", code)}
    assert named <= known, named - known


@pytest.mark.parametrize("page", PAGES + CARDS, ids=name_of)
def test_links_resolve(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", _FENCE.sub("", text_of(page))):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        assert not anchor or anchor in _anchors(file), target


def _anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", text_of(page)), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# How the pages read.


def sentences(page: Path) -> tuple[list[str], list[str]]:
    """The sentences of a page's paragraphs and lists, and those of its tables' cells."""
    text = re.sub(r"\A---\n.*?\n---\n", "", text_of(page), flags=re.S)
    text = _FENCE.sub("\n", text)
    prose: list[str] = []
    cells: list[str] = []
    paragraph = ""
    for line in [*text.splitlines(), ""]:
        stripped = line.strip()
        if not stripped or re.match(r"[#|!]|[-*] |\d+\. ", stripped):
            prose += _split(paragraph)
            paragraph = ""
        if stripped.startswith("|"):
            cells += [sentence for cell in stripped.strip("|").split(" | ") for sentence in _split(cell)]
        elif not re.match(r"[#!]", stripped):
            paragraph += " " + re.sub(r"^[-*] ", "", stripped)
    return prose, cells


def _split(paragraph: str) -> list[str]:
    plain = re.sub(r"!?\[([^]]*)\]\([^)]*\)", r"\1", paragraph)
    plain = re.sub(r"`[^`]*`", "code", plain)  # a command counts as one word
    return [part for part in re.split(r"(?<=[.!?])[\")*]*\s+", plain.strip()) if re.search(r"\w", part)]


def _words(sentence: str) -> int:
    return len(re.findall(r"\S*\w\S*", sentence))


@pytest.mark.parametrize("page", PAGES + CARDS, ids=name_of)
def test_sentences_are_short(page: Path) -> None:
    if page == ROOT / "pretrained" / "encoder" / "README.md":
        pytest.skip("as published")
    prose, cells = sentences(page)
    longest = max([*prose, *cells], key=_words)
    assert _words(longest) <= MOST_WORDS, longest
    assert statistics.mean(map(_words, prose)) <= MEAN_WORDS


def test_the_readme_fits_and_begins_with_a_picture_and_a_command() -> None:
    lines = text_of(README).splitlines()
    assert len(lines) <= 130
    first = "\n".join(lines[:20])
    assert "](samples/" in first
    assert "```bash" in first


def test_docs_lists_every_page_once() -> None:
    listed = re.findall(r"\]\((\w+\.md)\)", text_of(ROOT / "docs" / "README.md"))
    pages = [page.name for page in PAGES if page.parent.name == "docs" and page.name != "README.md"]
    assert sorted(listed) == sorted(pages)
