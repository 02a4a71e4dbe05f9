"""The bundled encoder is the published one, and its caches hold what it gives."""

from __future__ import annotations

import hashlib
import re

import pytest
import torch

from encoder.attributes.vocabulary import canonical_captions
from encoder.build_cache import CACHED_KINDS, build_cache
from encoder.cache import EmbeddingCache
from encoder.loading import cache_name, load_source
from encoder.paths import ENCODER_DIR, SHIPPED_CACHE_DIR


def test_files_are_as_published() -> None:
    source = (ENCODER_DIR / "SOURCE.md").read_text(encoding="utf-8")
    sums = dict(re.findall(r"\| `(\S+)` \| `([0-9a-f]{64})` \|", source))
    assert sums["model.safetensors"] == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    present = {str(path.relative_to(ENCODER_DIR)) for path in ENCODER_DIR.rglob("*") if path.is_file()}
    assert present == {*sums, "SOURCE.md"}
    for name, expected in sums.items():
        assert hashlib.sha256((ENCODER_DIR / name).read_bytes()).hexdigest() == expected, name


@pytest.mark.parametrize("kind", CACHED_KINDS)
def test_shipped_cache_holds_every_canonical_caption_as_encoded(kind: str) -> None:
    captions = list(canonical_captions())
    encoder = load_source(kind)
    vectors = EmbeddingCache(SHIPPED_CACHE_DIR / cache_name(kind), read_only=True).get(encoder.fingerprint, captions)
    assert vectors.keys() == set(captions), "run: python -m encoder.build_cache --out pretrained/cache"
    some = captions[::40]
    assert torch.equal(torch.stack([vectors[caption] for caption in some]), encoder.encode(some))


def test_build_cache_gives_the_same_bytes_again(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("encoder.build_cache.canonical_captions", lambda: list(canonical_captions())[:60])
    first, second = (build_cache("pooled", tmp_path / name).read_bytes() for name in ("a", "b"))
    assert first == second
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["pooled.sqlite3"]
