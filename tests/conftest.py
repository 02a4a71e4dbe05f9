from __future__ import annotations

import itertools
import os
import resource
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from drawing import draw_face, write_source
from tiny import ColourEncoder, HashEncoder, TinyGenerator, write_release
from torch import nn

from encoder.attributes.vocabulary import EYE_COLOURS, HAIR_COLOURS, Attributes

REAL_DATA = Path(__file__).parents[2] / "shared" / "data"


SLOW = Path(__file__).with_name("slow.txt")
"""The tests that take seconds, as ``python tests/slow.py`` writes them; ``tests/run.sh --quick`` leaves them out."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    slow = set(SLOW.read_text("utf-8").split())
    of_file: Counter[Path] = Counter()
    for item in items:
        if item.nodeid.partition("[")[0] in slow:
            item.add_marker(pytest.mark.slow)
            of_file[item.path] += 1
    items.sort(key=lambda item: -of_file[item.path])  # files of slow tests first, so that no worker waits at the end


@pytest.fixture(scope="session", autouse=True)
def caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is kept of data and texts is kept with the tests' own files, for all workers of one run."""
    base = tmp_path_factory.getbasetemp()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEXT2FACE_CACHE", str((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"))
        yield


@pytest.fixture(scope="session", autouse=True)
def signals() -> None:
    """What a shell in the background, or nohup, lets its commands ignore ends them again: tests send such signals."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def faces_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zip in the Extra Data's form with a drawn 64x64 face of each of the 132 pairs of hair and eye colour."""
    pairs = [Attributes(hair, eyes) for hair, eyes in itertools.product(HAIR_COLOURS, EYE_COLOURS)]
    tags = "".join(f"{i},{pair.caption}\n" for i, pair in enumerate(pairs))
    images = {f"images/{i}.png": draw_face(str(p.hair), str(p.eyes), seed=i) for i, p in enumerate(pairs)}
    return write_source(tmp_path_factory.mktemp("faces") / "faces.zip", tags, images)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with the task's own data; without it the test is skipped."""
    if not REAL_DATA.is_dir():
        pytest.skip("the real data, ../shared/data, are not here")
    return REAL_DATA


@contextmanager
def _files_at_most(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def full_disk() -> Callable[[int], AbstractContextManager[None]]:
    """``with full_disk(size):`` no file can grow beyond that many bytes, as on a disk that has filled up."""
    return _files_at_most


@pytest.fixture
def tiny_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """The architecture ``"tiny"``, in the place of the registry of networks."""

    def build_generator(architecture: str, *, z_dim: int, c_dim: int, **network: int) -> nn.Module:
        assert architecture == "tiny"
        return TinyGenerator(z_dim, c_dim, **network)

    monkeypatch.setattr("gan.pipeline.build_generator", build_generator)


@pytest.fixture
def tiny_encoder(monkeypatch: pytest.MonkeyPatch) -> HashEncoder:
    """The encoder that ``load_encoder`` gives."""
    encoder = HashEncoder()
    monkeypatch.setattr("gan.pipeline.load_encoder", lambda *_args, **_kwargs: encoder)
    return encoder


@pytest.fixture
def colour_encoder(monkeypatch: pytest.MonkeyPatch) -> ColourEncoder:
    """Likewise, one that reads exact colours; a release for it is made with ``tiny.WITH_COLOURS``."""
    encoder = ColourEncoder()
    monkeypatch.setattr("gan.pipeline.load_encoder", lambda *_args, **_kwargs: encoder)
    return encoder


@pytest.fixture
def make_release(tmp_path: Path) -> Callable[..., Path]:
    """``make_release(name="tiny", **config)``: a released folder in ``tmp_path``."""
    return lambda name="tiny", **changes: write_release(tmp_path / name, **changes)
