"""Images with a text file each, ``NAME.jpg`` and ``NAME.txt`` or ``.caption``, a caption a line.

The texts lie beside the images, or in folders of their own that are built alike (``images/CLASS/NAME.jpg`` and
``text/CLASS/NAME.txt``, as in the Birds and the Flowers).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial

from gan.data.decoding import READ, is_image, suffix
from gan.data.examples import NO_CAPTION, NO_IMAGE, UNREAD_KIND, Example, Found, Ledger
from gan.data.names import base_name, common_folder, folder_of, without_suffix
from gan.data.tree import READ_ERRORS, Tree, same_name

RANK = 5
ACCEPTS = "images with a .txt or .caption each, a caption a line"

_TEXTS = (".txt", ".caption")
_MOST = 1 << 20  # bytes of captions of one image


def find(tree: Tree) -> Found | None:
    """See ``gan.data.formats``."""
    pairs = _pairs(tree)
    return Found("sidecar", partial(_read, tree, pairs)) if pairs else None


def _pairs(tree: Tree) -> dict[str, str]:
    """The text of each image that has one."""
    images = [name for name in tree.sizes if is_image(name)]
    texts: dict[str, str] = {}
    for ending in reversed(_TEXTS):
        texts |= {same_name(without_suffix(name)): name for name in tree.sizes if suffix(name) == ending}
    found = {}
    for image in images:
        stem = same_name(without_suffix(image))
        text = texts.get(stem) or texts.get(same_name(image))  # NAME.txt, or NAME.jpg.txt
        if text is not None:
            found[image] = text
    if 2 * len(found) >= len(images):
        return found
    apart = _apart(images, texts)
    return apart if len(apart) > len(found) else found


def _apart(images: Iterable[str], texts: dict[str, str]) -> dict[str, str]:
    """The text of each image by the longest end of its path that one text alone has."""
    by_end: dict[str, str | None] = {}
    for stem, own in texts.items():
        for end in _ends(stem):
            by_end[end] = None if end in by_end else own
    found = {}
    for image in images:
        for end in _ends(same_name(without_suffix(image))):
            if end in by_end:
                text = by_end[end]
                if text is not None:
                    found[image] = text
                break
    taken = Counter(found.values())
    return {image: text for image, text in found.items() if taken[text] == 1}


def _ends(stem: str) -> Iterator[str]:
    """``"b/c"`` and ``"c"`` of ``"a/b/c"``."""
    while "/" in stem:
        stem = stem.partition("/")[2]
        yield stem


def _read(tree: Tree, pairs: dict[str, str], ledger: Ledger) -> Iterator[Example]:
    top = common_folder(pairs)
    groups = _groups(pairs)
    for name in tree.sizes:
        if is_image(name) and name not in pairs:
            ledger.leave_out(NO_CAPTION if suffix(name) in READ else UNREAD_KIND, base_name(name))
    for name in sorted({name for name in tree.sizes if suffix(name) in _TEXTS} - set(pairs.values())):
        ledger.leave_out(NO_IMAGE, base_name(name))
    for image, text in pairs.items():
        captions = read_captions(tree, text)
        ledger.rows[None] += len(captions)
        if suffix(image) not in READ:
            ledger.leave_out(UNREAD_KIND, base_name(image))
            continue
        load = partial(tree.read_image, image)
        yield Example(image.removeprefix(top), load, captions or [""], base_name(image), group=groups.get(image))


def _groups(pairs: dict[str, str]) -> dict[str, str]:
    """The class folder of each image: of the images or, where those lie together, of the texts."""
    for names in (list(pairs), list(pairs.values())):
        if len({folder_of(name) for name in names}) > 1:
            top = common_folder(names)
            groups = (folder_of(name.removeprefix(top)).rstrip("/") for name in names)
            return {image: group for image, group in zip(pairs, groups, strict=True) if group}
    return {}


def read_captions(tree: Tree, name: str) -> list[str]:
    """The captions of a text file, one a line; none where it cannot be read or is far too long to be one."""
    if tree.sizes[name] > _MOST:
        return []
    try:
        text = tree.read(name).decode("utf-8-sig", "surrogateescape")
    except READ_ERRORS:
        return []
    return [line.strip() for line in text.replace("\r", "\n").split("\n") if line.strip()]
