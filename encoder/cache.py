"""Conditioning vectors on disk, so that a text that was met before needs no encoder.

A cache is one SQLite file. Runs add vectors a few at a time, from several processes, and look up thousands at once:
SQLite gives atomic transactions, locks and an index for that, within the standard library, where files of our own would
need either merging or one file a text. The rollback journal is used rather than the write-ahead log, since it leaves a
single file, which can be shipped, and read on read-only media.

An entry's key is a digest of (fingerprint of the encoder, normalised text). Its checksum covers the key and the vector.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import torch

from encoder.base import ConditionSpace, Encoder, digest
from encoder.common.progress import Progress
from encoder.text import normalise

logger = logging.getLogger(__name__)

_TABLE = "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL, checksum BLOB NOT NULL)"
_BLOCK = 1024  # texts encoded at a time; those of earlier blocks are kept when the process ends
_LOOKUP_SIZE = 500  # placeholders in one query; the limit of old SQLite builds is 999
_TRIM = "DELETE FROM vectors WHERE rowid <= (SELECT max(rowid) FROM vectors) - ?"
MOST = 500_000
"""Vectors that a file holds: some 150 MB. Those that came first make room for more."""
_LOCK_SECONDS = 60  # how long to wait for another process's transaction, which takes milliseconds
_FAILURES = (sqlite3.Error, OSError, UnicodeDecodeError)  # the last from a message that quotes a damaged schema
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT)


class EmbeddingCache:
    """A file of vectors. It never fails: what cannot be read is a miss, what cannot be written is left out.

    The first trouble is logged as one warning. A damaged entry is a miss and is replaced by the next ``put`` of its
    text; a damaged file is begun anew. Nothing is touched before the first look-up.

    Args:
        path: The SQLite file. It need not exist, nor its folder.
        read_only: Never write to it; it may then lie on a read-only medium.
        most: How many vectors it may hold; any number without it.
    """

    def __init__(self, path: str | Path, *, read_only: bool = False, most: int | None = MOST):
        self.path = Path(path)
        self.read_only = read_only
        self.most = most
        self._usable = True
        self._warned = False

    def get(self, fingerprint: str, texts: Iterable[str], dim: int | None = None) -> dict[str, torch.Tensor]:
        """Look up vectors.

        Args:
            fingerprint: That of the encoder.
            texts: Normalised texts.
            dim: How many numbers a vector has, where that is known; one of another number is a damaged one.

        Returns:
            The float32 vectors (dim,) of those texts that the cache holds.
        """
        if not self._usable:
            return {}
        texts_by_key = {_key(fingerprint, text): text for text in texts}
        try:
            rows = self._select(list(texts_by_key)) if self.path.exists() else []
        except _FAILURES as error:
            self._recover(error)
            return {}
        # A damaged file can give a row of another key, and text where bytes were written.
        sound = {
            texts_by_key[key]: _from_bytes(vector)
            for key, vector, checksum in rows
            if key in texts_by_key
            and isinstance(vector, bytes)
            and checksum == _checksum(key, vector)
            and len(vector) == 4 * (len(vector) // 4 if dim is None else dim)
        }
        sound = {text: vector for text, vector in sound.items() if vector.isfinite().all()}
        if len(sound) < len(rows):
            self._warn(f"{len(rows) - len(sound)} of its vectors are damaged and are made afresh")
        return sound

    def put(self, fingerprint: str, vectors: Mapping[str, torch.Tensor]) -> None:
        """Add vectors (dim,), by normalised text, in one transaction; what stood there before is replaced."""
        if not self._usable or self.read_only or not vectors:
            return
        keyed = [(_key(fingerprint, text), _to_bytes(vector)) for text, vector in vectors.items()]
        rows = [(key, vector, _checksum(key, vector)) for key, vector in keyed]
        for _ in range(2):  # a damaged file is found out by the first attempt, which removes it
            try:
                with closing(self._connect()) as connection, connection:
                    connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)
                    if self.most is not None:
                        # Row numbers count up, a replaced vector's too, so that at most so many lie between two.
                        connection.execute(_TRIM, (self.most,))
                return
            except _FAILURES as error:
                self._recover(error)
            if not self._usable:
                return

    def _connect(self) -> sqlite3.Connection:
        if self.path.exists() and not self.path.is_file():
            raise OSError("it is not a regular file")  # SQLite would wait for the other end of a FIFO
        # A connection for every call: it costs a millisecond, and none is ever shared by threads or forked processes.
        if self.read_only:
            return sqlite3.connect(f"{self.path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=_LOCK_SECONDS)
        try:
            connection.execute(_TABLE)
        except _FAILURES:
            connection.close()
            raise
        return connection

    def _select(self, keys: list[bytes]) -> list[tuple[bytes, bytes, bytes]]:
        rows = []
        with closing(self._connect()) as connection:
            for start in range(0, len(keys), _LOOKUP_SIZE):
                some = keys[start : start + _LOOKUP_SIZE]
                marks = ",".join("?" * len(some))
                rows += connection.execute(
                    f"SELECT key, vector, checksum FROM vectors WHERE key IN ({marks})", some
                ).fetchall()
        return rows

    def _recover(self, error: Exception) -> None:
        """After a failed call: begin a damaged file anew; go on without a cache that cannot be used at all."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte is the class of an extended code
        if (code in _DAMAGE or isinstance(error, UnicodeDecodeError)) and not self.read_only:
            try:
                self.path.unlink(missing_ok=True)
                self.path.with_name(f"{self.path.name}-journal").unlink(missing_ok=True)
            except OSError as failure:
                error = failure
            else:
                self._warn(f"the file is damaged ({error}) and is begun anew")
                return
        self._usable = False
        self._warn(f"it cannot be used ({error}); going on without it")

    def _warn(self, message: str) -> None:
        if not self._warned:
            logger.warning("warning: cache of text vectors %s: %s", self.path, message)
        self._warned = True


class CachedEncoder:
    """An encoder behind caches: only texts that none of them holds are encoded, then kept in the writable ones.

    What a later cache holds is kept in those before it too.

    The encoder does not load its weights while there is no such text.

    Args:
        encoder: Encodes the misses.
        caches: Asked in this order.
        dim: The encoder's, where it is known without loading the weights.
    """

    def __init__(self, encoder: Encoder, caches: Sequence[EmbeddingCache], dim: int | None = None):
        self._encoder = encoder
        self._caches = caches
        self._dim = dim

    @property
    def dim(self) -> int:
        return self._encoder.dim

    @property
    def fingerprint(self) -> str:
        return self._encoder.fingerprint

    @property
    def space(self) -> ConditionSpace:
        return self._encoder.space

    def encode(self, texts: Sequence[str], *, progress: bool = False) -> torch.Tensor:
        """As of ``Encoder``; the progress bar counts the misses."""
        names = [normalise(text) for text in texts]
        missing = list(dict.fromkeys(names))
        vectors: dict[str, torch.Tensor] = {}
        for i, cache in enumerate(self._caches):
            if missing:
                found = cache.get(self.fingerprint, missing, self._dim)
                for before in self._caches[:i]:
                    before.put(self.fingerprint, found)
                vectors |= found
                missing = [text for text in missing if text not in vectors]
        if missing:
            missing.sort(key=len)  # texts of like length run together, with little padding
            with Progress("encoding", len(missing), "text", shown=progress) as bar:
                for start in range(0, len(missing), _BLOCK):
                    block = missing[start : start + _BLOCK]
                    made = dict(zip(block, self._encoder.encode(block), strict=True))
                    for cache in self._caches:
                        cache.put(self.fingerprint, made)
                    vectors |= made
                    bar.update(len(block))
        return (
            torch.stack([vectors[name] for name in names]) if names else torch.empty(0, self.dim, dtype=torch.float32)
        )


def _key(fingerprint: str, text: str) -> bytes:
    return bytes.fromhex(digest(fingerprint, text))


def _checksum(key: bytes, vector: bytes) -> bytes:
    return hashlib.blake2b(key + vector, digest_size=8).digest()


def _to_bytes(vector: torch.Tensor) -> bytes:
    return vector.numpy().astype("<f4").tobytes()


def _from_bytes(data: bytes) -> torch.Tensor:
    return torch.from_numpy(np.frombuffer(data, "<f4").astype(np.float32))
