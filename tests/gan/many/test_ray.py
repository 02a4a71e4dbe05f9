"""Drawing by Ray Data on two local workers, one of which is killed in the middle."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from many import ROOT, lines
from pyarrow import parquet

from gan.many.drawer import Drawer

ray = pytest.importorskip("ray", reason="ray is not installed (the extra 'ray')")


class Mortal(Drawer):
    """Kills its process once, in the middle of a batch; a ledger says which process drew which batches."""

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        result = super().__call__(batch)
        with open(os.environ["LEDGER"], "a") as ledger:
            ledger.write(f"{os.getpid()} {min(batch['seed'])}\n")
        if 64 in batch["seed"] and not Path(os.environ["KILLED"]).exists():
            Path(os.environ["KILLED"]).write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)
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
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as short:  # it is to hold sockets
        ray.init(
            num_cpus=2, include_dashboard=False, object_store_memory=100_000_000, logging_level="ERROR",
            _temp_dir=short, runtime_env={"env_vars": variables},
        )  # fmt: skip
        yield
        ray.shutdown()


@pytest.fixture
def at_most_ten_minutes() -> Iterator[None]:
    """Ray waits without end for CPUs, and begins what fails again without end."""

    def stop(*_: object) -> None:
        raise TimeoutError("Ray is not done after ten minutes")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(600)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def test_a_killed_worker_loses_nothing_and_draws_nothing_twice(at_most_ten_minutes, model, cluster, tmp_path) -> None:
    import ray.data

    (tmp_path / "lines.csv").write_text(
        "id,text,seed\n" + "".join(f"{line},{i}\n" for i, line in enumerate(lines(256).splitlines()))
    )
    ray.data.DataContext.get_current().wait_for_min_actors_s = 300  # so that both draw
    ray.data.read_csv(str(tmp_path / "lines.csv"), override_num_blocks=8).map_batches(
        Mortal,
        fn_constructor_kwargs={"model": str(model)},
        compute=ray.data.ActorPoolStrategy(size=2),
        num_cpus=0.5,
        batch_size=16,
    ).write_parquet(str(tmp_path / "out"))
    found = sorted(parquet.read_table(tmp_path / "out").to_pylist(), key=lambda row: row["id"])
    assert list(found[0]) == ["id", "text", "seed", "png", "read", "error"]

    ledger = [tuple(map(int, line.split())) for line in (tmp_path / "ledger").read_text().splitlines()]
    assert len({pid for pid, _ in ledger}) == 3  # two workers, and one in the place of the killed
    assert sorted(seed for _, seed in ledger) == sorted([*range(0, 256, 16), 64])  # only what the killed was at
    killed, again = (pid for pid, seed in ledger if seed == 64)
    assert killed == int((tmp_path / "killed").read_text()) != again
    assert [seed for pid, seed in ledger if pid == killed][-1] == 64

    assert [row["id"] for row in found] == [row["seed"] for row in found] == list(range(256))
    expected = Drawer(model)({"text": [row["text"] for row in found], "seed": list(range(256))})
    assert [f"{row['id']},{row['text']}" for row in found] == lines(256).splitlines()
    assert [row["png"] for row in found] == expected["png"]
    assert [row["read"] for row in found] == expected["read"]
    assert all(row["error"] is None for row in found)
