"""Data sets of the Hugging Face Hub: ``hub:OWNER/NAME`` or ``hub:OWNER/NAME@REVISION``."""

from __future__ import annotations

import re
from pathlib import Path

from encoder.common.errors import InputError, reason_of

PREFIX = "hub:"


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
