"""Models of the Hugging Face Hub, downloaded."""

from __future__ import annotations

from pathlib import Path

from encoder.common.errors import InputError, reason_of
from encoder.common.installation import missing_extra_error

_READ = ("*.json", "*.safetensors", "*.txt", "*.md")  # all that is read; never a pickle


def fetch(repo: str, revision: str | None = None) -> Path:
    """The folder of a model of the hub, in the cache of ``huggingface_hub``; no token is needed for a public one.

    Raises:
        InputError: There is no such model or revision, or neither a network nor an earlier copy of it.
    """
    with missing_extra_error():
        from huggingface_hub import errors, snapshot_download
    name = f"{repo}@{revision}" if revision else repo
    try:
        return Path(snapshot_download(repo, revision=revision, allow_patterns=list(_READ)))
    except errors.RevisionNotFoundError as error:
        raise InputError(f"{name}: the hub's model has no such revision; give another, or none") from error
    except errors.RepositoryNotFoundError as error:
        raise InputError(
            f"{name}: no such folder here, and no such model on the hub, or a private one; check the name, or log in"
        ) from error
    except Exception as error:  # what the network, the hub and its client raise is of many kinds
        offline = isinstance(error, errors.LocalEntryNotFoundError)
        reason = reason_of(error).rstrip(".")[:200]
        if offline:
            reason = "there is no network, and no copy from an earlier call"
        raise InputError(
            f"{name}: no such folder here, and it could not be downloaded from the Hub ({reason}); give a folder"
        ) from error
