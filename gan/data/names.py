"""Which file a row means, whatever folder, case or ending stands there; and the words that a name holds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import unquote

from gan.data.decoding import READ, is_image, suffix
from gan.data.summary import NO_IMAGE, Ledger
from gan.data.tree import same_name


class ImageNames:
    """The images of a tree, to be found by what rows call them.

    Args:
        names: Files of a tree, all of them images.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = list(names)
        self._by_name = {same_name(name): name for name in self.names}
        self._by_stem: dict[str, str] = {}
        for own, name in self._by_name.items():
            # Where 1.jpg and 1.heic lie side by side, the one that is read is meant.
            if (stem := without_suffix(own)) not in self._by_stem or suffix(name) in READ:
                self._by_stem[stem] = name
        self._by_end: dict[str, str | None] = {}
        self._without_zeros: dict[str, str] = {}

    def find(self, reference: str, folders: Sequence[str] = ("",)) -> str | None:
        """The image at this path below the first of ``folders`` that has it, with its ending or without."""
        own = same_name(cleaned(reference))
        for folder in folders:
            for names in (self._by_name, self._by_stem):
                if found := names.get(folder + own):
                    return found
        return None

    def is_shared(self, reference: str) -> bool:
        """Whether several images have this name, in folders of their own."""
        return self.find_end(reference) is None and any(end in self._by_end for end in _loosely(cleaned(reference)))

    def find_end(self, reference: str) -> str | None:
        """The only image whose path ends as ``reference`` does, whatever the case and the ending; else ``None``."""
        if not self._by_end:
            for name in self.names:
                for end in {each for whole in _loosely(name) for each in path_ends(whole)}:
                    self._by_end[end] = None if end in self._by_end else name
        own = cleaned(reference)
        for each in dict.fromkeys((own, unquote(own))):
            for end in path_ends(each):
                for loose in _loosely(end):
                    if loose in self._by_end:
                        return self._by_end[loose]
        return None

    def count_missing(self, reference: str, ledger: Ledger, table: str, source: str | None = None) -> None:
        """Count a row whose image is not there, or may be one of several; say so if leading zeros only differ."""
        if not self._without_zeros:
            self._without_zeros = {_without_zeros(name): name for name in self.names}
        alike = self._without_zeros.get(_without_zeros(reference))
        if alike is None:
            ledger.leave_out(NO_IMAGE, reference, source)
        elif _loosely(base_name(alike))[1] == _loosely(base_name(cleaned(reference)))[1]:
            ledger.leave_out("whose name is that of several images, or of another row", reference, source)
        else:
            example = f"{table} says {reference}, the folder has {base_name(alike)}"
            ledger.leave_out(f"{NO_IMAGE} of that very name", example, source)


def cleaned(reference: str) -> str:
    """A reference as a path: ``/`` between its parts, without ``./`` and the ``#0`` of a caption's number."""
    own = reference.strip().replace("\\", "/").removeprefix("./")
    if "://" in own:
        own = unquote(own.partition("?")[0])
    if "#" in own:
        own = re.sub(r"#\d+$", "", own)
    return re.sub(r"/{2,}", "/", own) if "//" in own else own


def _loosely(name: str) -> tuple[str, str]:
    """A name in lower case, with and without its ending."""
    own = same_name(name).lower()
    return own, own[: len(own) - len(suffix(name))] if suffix(name) in READ else own


def _without_zeros(name: str) -> str:
    return base_name(_loosely(cleaned(name))[1]).lstrip("0") or "0"


def path_ends(path: str) -> Iterator[str]:
    """``"a/b/c"``, ``"b/c"`` and ``"c"`` of ``"a/b/c"``."""
    while path:
        yield path
        path = path.partition("/")[2]


def base_name(name: str) -> str:
    """The last part of a name."""
    return name.rpartition("/")[2]


def folder_of(name: str) -> str:
    """The folder of a file: ``""`` or ``"a/b/"``."""
    return name[: name.rfind("/") + 1]


def without_suffix(name: str) -> str:
    """A name without its ending: ``"a/1"`` of ``"a/1.png"``."""
    return name[: len(name) - len(suffix(name))]


def common_folder(names: Iterable[str]) -> str:
    """The deepest folder that all files lie below: ``""`` or ``"a/b/"``."""
    folders = {folder_of(name) for name in names}
    if not folders:
        return ""
    first, last = min(folders).split("/")[:-1], max(folders).split("/")[:-1]
    common = []
    for one, other in zip(first, last, strict=False):
        if one != other:
            break
        common.append(one)
    return "".join(f"{part}/" for part in common)


_EMPTY = re.compile(
    r"(img|image|pic|picture|photo|frame|file|sample|screenshot|face|thumb|crop|part|val|dataset|folder|grid|scan)s?|dscn?"
    r"|dcim|pxl|mvi|vid|untitled|unnamed|download|copy|train(ing)?|test(ing)?|valid(ation)?|data|jpe?g|png|webp|thumbnail"
    r"|cropped|te?mp|out(put)?|new|design|screen|shot|whats|app|comfy|ui|fb|received|at|[ap]m|a|an|the|of|dall[·-]?e"
)
"""Words of the names of files and folders that say nothing of a picture."""
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def words_of(name: str) -> str:
    """The words in the name of a file or folder: ``"a red fox"`` of ``"a_red_fox (3).png"``; ``""`` where it has none.

    Numbers at either end, what a camera or a program puts before them, and words of a hexadecimal number are left out.
    """
    text = _UUID.sub(" ", without_suffix(name) if is_image(name) else name)
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    text = re.sub(r"[\s_+.~\-]+", " ", re.sub(r"\(\d+\)|#\d+", " ", text)).strip().lower()
    words = [word for word in text.split() if not re.fullmatch(r"(?=.*\d)[0-9a-f]{6,}|[0-9a-z]*\d[0-9a-z]{7,}", word)]
    numbers = [i for i, word in enumerate(words) if word.isdigit() and _is_empty(words[:i])]
    words = words[numbers[-1] + 1 :] if numbers else words
    while words and words[-1].isdigit():
        del words[-1]
    return "" if _is_empty(words) else " ".join(words)


def _is_empty(words: Iterable[str]) -> bool:
    """Whether words say nothing of a picture: numbers, single letters, and those that are in many names."""
    return all(sum(map(str.isalpha, word)) <= word.isascii() or _EMPTY.fullmatch(word) for word in words)
