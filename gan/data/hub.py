"""Data sets of the Hugging Face Hub: ``hub:OWNER/NAME``, ``OWNER/NAME@REVISION`` or their address on the web."""

from __future__ import annotations

import re
from pathlib import Path

from encoder.common.errors import InputError, reason_of

PREFIX = "hub:"


_WEB = re.compile(r"(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/datasets/([^/?#]+/[^/?#]+)(?:/tree/([^?#]+))?.*")
_OWNED = re.compile(r"\w[\w.-]*/\w[\w.-]*(@\w[\w./-]*)?")


def address_of(where: str) -> str | None:
    """What ``fetch`` takes, of a text that means a data set of the hub; ``None`` of a path.

    ``OWNER/NAME`` means one if neither that folder nor its parent is there: else it is a path with a spelling mistake.
    """
    if where.startswith(PREFIX):
        return where
    if web := _WEB.fullmatch(where):
        return f"{PREFIX}{web[1]}{(web[2] and '@' + web[2].strip('/')) or ''}"
    path = Path(where)
    return PREFIX + where if _OWNED.fullmatch(where) and not path.exists() and not path.parent.exists() else None


def fetch(address: str) -> tuple[str, Path]:
    """The name of a data set and the folder that it was fetched into, in the cache of ``huggingface_hub``.

    Raises:
        InputError: The address is none, there is no such data set, or neither a network nor an earlier copy of it.
    """
    match = re.fullmatch(rf"{PREFIX}(?P<repo>(?:\w[\w.-]*/)?\w[\w.-]*)(?:@(?P<revision>\w[\w./-]*))?", address)
    if match is None:
        raise InputError(f"{address}: not an address of a data set; write hub:OWNER/NAME or hub:OWNER/NAME@REVISION")
    import huggingface_hub

    try:
        folder = huggingface_hub.snapshot_download(match["repo"], repo_type="dataset", revision=match["revision"])
    except Exception as error:  # what the network, the Hub and its client raise is of many kinds
        reason = reason_of(error).rstrip(".")
        message = f"{address}: cannot be fetched ({reason[:200]}); check the name and the network, or give a folder"
        raise InputError(message) from error
    return match["repo"].rpartition("/")[2], Path(folder)
