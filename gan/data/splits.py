"""Which images are held out: one in sixteen, by a hash, so that the same ones are whatever else is read."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal, TypeAlias

HELDOUT_ONE_IN = 16

Split: TypeAlias = Literal["train", "heldout", "all"]


def is_held_out(identity: str) -> bool:
    """Whether an image is held out, one in sixteen: by a hash of its identity alone, so that it never changes."""
    return _number(identity) % HELDOUT_ONE_IN == 0


def split_all(identities: Sequence[str], copies: Sequence[int]) -> list[str]:
    """The split of each of N images: ``"train"``, ``"heldout"`` or ``"copy"``.

    A group of copies of which no image is held out is trained on; of any other, one held-out image stands for all.

    Args:
        identities: What each is held out by.
        copies: A number for each; those with the same one are copies of each other.
    """
    members: dict[int, list[int]] = {}
    for row, group in enumerate(copies):
        members.setdefault(group, []).append(row)
    splits = ["train"] * len(identities)
    for rows in members.values():
        heldout = [row for row in rows if is_held_out(identities[row])]
        if heldout:
            first = min(heldout, key=lambda row: identities[row])
            for row in rows:
                splits[row] = "heldout" if row == first else "copy"
    return splits


def with_both(splits: list[str], identities: Sequence[str], copies: Sequence[int]) -> list[str]:
    """The same splits where they can be used; small sets need help.

    A set of which nothing would be trained on is trained on whole; one of sixteen images or more of which none is held
    out holds out the one whose hash is the smallest.
    """
    if "train" not in splits:
        return ["train"] * len(splits)
    if len(splits) < HELDOUT_ONE_IN or "heldout" in splits:
        return splits
    chosen = min(range(len(splits)), key=lambda row: _number(identities[row]))
    if all(group == copies[chosen] for group in copies):
        return splits
    alike = [group == copies[chosen] for group in copies]
    return [
        "heldout" if row == chosen else "copy" if same else own
        for row, (own, same) in enumerate(zip(splits, alike, strict=True))
    ]


def _number(identity: str) -> int:
    digest = hashlib.sha256(identity.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "little")
