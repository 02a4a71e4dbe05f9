"""Which file a row means: by its name, with or without its ending or its folder."""

from __future__ import annotations

from collections.abc import Iterable

from gan.data.decoding import READ, is_image, suffix
from gan.data.examples import NO_IMAGE, UNREAD_KIND, Ledger
from gan.data.tree import same_name


class ImageNames:
    """The images below a folder of a tree, to be found by what rows call them.

    Args:
        names: Files of a tree.
        folder: Names count from here: ``""`` or one that ends in ``/``.
    """

    def __init__(self, names: Iterable[str], folder: str) -> None:
        self.folder = folder
        self.names = [name for name in names if name.startswith(folder) and is_image(name)]
        self._by_name: dict[str, str] = {}
        self._by_stem: dict[str, str] = {}
        for name in self.names:
            own = same_name(name.removeprefix(folder))
            self._by_name[own] = name
            stem = without_suffix(own)
            # Where 1.jpg and 1.heic lie side by side, the one that is read is meant.
            if stem not in self._by_stem or suffix(name) in READ:
                self._by_stem[stem] = name
        self._alike: dict[str, str] | None = None

    def find(self, reference: str) -> str | None:
        """The name in the tree of the image that a row calls ``reference``."""
        own = same_name(reference.strip().replace("\\", "/").removeprefix("./"))
        for names in (self._by_name, self._by_stem):
            if own in names:
                return names[own]
        own = own.removeprefix(self.folder)  # or counted from the top
        return self._by_name.get(own)

    def like(self, reference: str) -> str | None:
        """An image whose name differs from ``reference`` by case or leading zeros alone."""
        if self._alike is None:
            self._alike = {}
            for name in self.names:
                self._alike.setdefault(_loosely(name.removeprefix(self.folder)), name)
        return self._alike.get(_loosely(reference))


def find_image(
    places: Iterable[ImageNames], reference: str, ledger: Ledger, table: str, source: str | None = None
) -> str | None:
    """The image of a row in the first place that has it; ``None``, and counted, where there is none that is read."""
    places = list(places)
    for place in places:
        name = place.find(reference)
        if name is not None:
            if suffix(name) in READ:
                return name
            ledger.leave_out(UNREAD_KIND, base_name(name), source)
            return None
    for place in places:
        alike = place.like(reference)
        if alike is not None:
            ledger.leave_out(
                f"{NO_IMAGE} of that very name",
                f"{table} says {reference}, the folder has {base_name(alike)}",
                source,
            )
            return None
    ledger.leave_out(NO_IMAGE, reference, source)
    return None


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


def _loosely(name: str) -> str:
    stem = without_suffix(base_name(same_name(name))).lower() if suffix(name) in READ else base_name(name).lower()
    return stem.lstrip("0") or "0"
