"""One file a form in which people keep captioned images; a new file in this folder is enough to be read.

Each has ``RANK`` (the lower, the sooner it is asked), ``ACCEPTS`` (what it reads, for messages) and ``find(tree)``,
which gives what it found in a ``Tree``, or ``None``.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from typing import Any

from encoder.common.errors import InputError
from gan.data.decoding import suffix
from gan.data.examples import NAMED, Found, printable
from gan.data.tree import Tree


def formats() -> list[Any]:
    """Every format there is, in the order in which they are asked."""
    modules = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    return sorted(modules, key=lambda module: (module.RANK, module.__name__))


def find(tree: Tree) -> Found:
    """What is in a tree, by the first format that knows it; an ``InputError`` that says what would be read."""
    for module in formats():
        found: Found | None = module.find(tree)
        if found is not None:
            return found
    accepted = "; ".join(module.ACCEPTS for module in formats())
    kinds = Counter(suffix(name) or "without ending" for name in tree.sizes)
    seen = ", ".join(f"{count:,} {printable(kind)}" for kind, count in kinds.most_common(NAMED)) or "no files"
    names = ", ".join(printable(name) for name in list(tree.sizes)[:NAMED])
    raise InputError(
        f"{tree.where}: holds no captioned images: {seen}{names and f' ({names})'}; what is read: {accepted}"
    )
