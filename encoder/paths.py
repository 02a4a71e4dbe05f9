"""Where the shipped models lie, and where caches are kept."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_INSTALLED = ROOT / "text2face_pretrained"
PRETRAINED = _INSTALLED if _INSTALLED.is_dir() else ROOT / "pretrained"
"""All that is shipped: in a wheel, ``pretrained/`` is a folder beside the packages by a name of its own."""
ENCODER_DIR = PRETRAINED / "encoder"
"""The bundled sentence-transformer."""
ENCODER_FINGERPRINT = "f1fe9e3cc00228e5fee36a63cf6a0284"
"""That of its files, which are as published."""
HEAD_DIR = PRETRAINED / "head"
"""The conditioning head."""
SHIPPED_CACHE_DIR = PRETRAINED / "cache"
"""Vectors of every canonical caption; only read."""
_CACHES = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "text-to-face-cgan"
USER_CACHES_DIR = _CACHES if PRETRAINED == _INSTALLED else ROOT / ".cache"
"""Caches: beside the code of a clone, and in the user's own cache by an installed package."""
USER_CACHE_DIR = USER_CACHES_DIR / "embeddings"
"""Vectors of all other texts; the environment variable TEXT2FACE_CACHE names another place."""


def cache_dir(name: str) -> Path:
    """The folder of one kind of things that are kept: in ``USER_CACHES_DIR``, or in ``TEXT2FACE_CACHE``."""
    return Path(os.environ.get("TEXT2FACE_CACHE") or USER_CACHES_DIR) / name
