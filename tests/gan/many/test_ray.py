"""Drawing by Ray Data on two local workers, one of which is killed in the middle."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from many import ROOT, lines

from gan.many.drawer import Drawer

ray = pytest.importorskip("ray", reason="ray is not installed (the extra 'ray')")


class Mortal(Drawer):
    """Kills its process once, in the middle of a batch."""

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        result = super().__call__(batch)
        with open(os.environ["LEDGER"], "a") as ledger:
            ledger.write(f"{os.getpid()}\n")
        try:
            if 64 in batch["seed"]:
                Path(os.environ["KILLED"]).touch(exist_ok=False)
                os.kill(os.getpid(), signal.SIGKILL)
        except FileExistsError:
            pass
        return result


@pytest.fixture
def cluster(tmp_path, monkeypatch) -> Iterator[None]:
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    here = str(Path(__file__).parent)
    variables = {
        "PYTHONPATH": os.pathsep.join([str(ROOT), here]),
        "LEDGER": str(tmp_path / "ledger"),
        "KILLED": str(tmp_path / "killed"),
        "TEXT2FACE_CACHE": os.environ["TEXT2FACE_CACHE"],
    }
    ray.init(
        num_cpus=2, include_dashboard=False, object_store_memory=100_000_000, logging_level="ERROR",
        runtime_env={"env_vars": variables},
    )  # fmt: skip
    yield
    ray.shutdown()


def test_a_killed_worker_loses_nothing_and_draws_nothing_twice(model, cluster, tmp_path) -> None:
    import ray.data

    rows = [{"id": i, "text": line.partition(",")[2], "seed": i} for i, line in enumerate(lines(256).splitlines())]
    drawn = ray.data.from_items(rows, override_num_blocks=8).map_batches(
        Mortal, fn_constructor_kwargs={"model": str(model)}, concurrency=2, batch_size=16
    )
    found = sorted(drawn.take_all(), key=lambda row: row["id"])
    assert (tmp_path / "killed").exists()
    assert len(set((tmp_path / "ledger").read_text().split())) == 3  # two workers, and one in the place of the killed
    assert [row["id"] for row in found] == list(range(256))
    expected = Drawer(model)({"text": [row["text"] for row in rows], "seed": list(range(256))})
    assert [row["png"] for row in found] == expected["png"]
    assert [row["read"] for row in found] == expected["read"]
    assert all(row["error"] is None for row in found)
