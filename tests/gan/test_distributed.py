"""Two processes of one run, started as a user does."""

import json
import os
import re
import signal
import socket
import time
import zipfile
from pathlib import Path

import pytest
import torch
from forked import Forked
from torch.distributed.run import main as torchrun

import train_cgan
from encoder.common.errors import InputError
from gan.training.config import TrainingConfig
from gan.training.distributed import SINGLE_PROCESS, World
from gan.training.run import Run
from gan.training.state import load_state

ROOT = Path(__file__).parents[2]
OPTIONS = [
    *("--encoder", "onehot", "--batch-size", "8", "--z-dim", "4", "--precision", "float32", "--threads", "1"),
    *("--generator", json.dumps({"widths": [8, 8, 8, 8], "detail_width": 4, "style_dim": 8})),
    *("--discriminator", json.dumps({"widths": [8, 8, 8, 8, 8], "feature_dim": 8})),
    *("--tick-images", "16", "--schedule-images", "100", "--augment", "0.5", "--interpolate", "0.5"),
]


def arguments(faces_zip: Path, run: Path, *options: str) -> list[str]:
    return [*OPTIONS, "--data", str(faces_zip), "--run-dir", str(run), *options]


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def start_together(*commands: list[str]) -> list[Forked]:
    """Commands as the processes of one run, as torchrun starts them."""
    world = {"WORLD_SIZE": str(len(commands)), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    return [
        Forked(train_cgan.main, command, **world, RANK=str(rank), LOCAL_RANK=str(rank))
        for rank, command in enumerate(commands)
    ]


def run_together(*commands: list[str], status: int = 0) -> str:
    """Run them to their end; what they have written, all of it."""
    processes = start_together(*commands)
    written = "".join("".join(process.wait(300)) for process in processes)
    assert [process.returncode for process in processes] == [status] * len(commands), written
    return written


def test_alone_nothing_changes() -> None:
    values, layer = torch.arange(5), torch.nn.Linear(2, 1)
    assert SINGLE_PROCESS.is_main_process
    assert torch.equal(SINGLE_PROCESS.rows(values), values)
    assert SINGLE_PROCESS.mean(values) is values
    assert [SINGLE_PROCESS.any(flag, torch.device("cpu")) for flag in (False, True)] == [False, True]
    SINGLE_PROCESS.average_gradients(layer)
    assert layer.weight.grad is None


def test_each_row_belongs_to_one_process() -> None:
    batch = torch.arange(8)
    shares = [World(rank, 2).rows(batch) for rank in range(2)]
    assert sorted(torch.cat(shares).tolist()) == batch.tolist()
    assert sorted(torch.cat([share[:2] for share in shares]).tolist()) == [0, 1, 2, 3]


def test_two_processes_learn_what_one_does(faces_zip, tmp_path) -> None:
    limit = ("--max-images", "72")  # nine steps, two penalties
    assert train_cgan.main(arguments(faces_zip, tmp_path / "1", *limit)) == 0
    run_together(*[arguments(faces_zip, tmp_path / "2", *limit)] * 2)
    one, two = (load_state(tmp_path / name) for name in ("1", "2"))
    assert two["cur_nimg"] == one["cur_nimg"] == 72
    for network in ("G", "D", "G_ema"):
        for name, weight in one[network].items():
            if name != "score_layer.bias":  # it cancels in relativistic pairs: its gradient is rounding noise
                assert torch.allclose(two[network][name], weight, rtol=1e-3, atol=1e-4), (network, name)
    lines = [(tmp_path / name / "stats.jsonl").read_text().splitlines() for name in ("1", "2")]
    assert len(lines[0]) == len(lines[1])  # one writer
    for a, b in zip(*(map(json.loads, part) for part in lines), strict=True):
        assert [a[key] for key in ("images", "loss_D", "loss_G")] == pytest.approx(
            [b[key] for key in ("images", "loss_D", "loss_G")], rel=1e-3
        )


def test_machines_with_other_images_or_another_command_do_not_begin(faces_zip, tmp_path) -> None:
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(faces_zip) as archive, zipfile.ZipFile(other, "w") as copy:
        for name in archive.namelist()[:-1]:  # one face is missing
            copy.writestr(name, archive.read(name))
    run = tmp_path / "run"
    written = run_together(*(arguments(data, run, "--max-images", "16") for data in (faces_zip, other)), status=2)
    assert "error: the images of process 1 are not those of process 0; give every machine the same --data" in written
    assert not (run / "state.pt").exists()


def test_a_dead_process_ends_the_run_with_a_message_and_it_resumes(faces_zip, tmp_path) -> None:
    run = tmp_path / "run"
    first, second = processes = start_together(*[arguments(faces_zip, run, "--max-images", "100000000")] * 2)
    wait_for_state(run, processes)
    second.kill()
    output = "".join(first.wait(200))
    assert first.returncode != 0
    assert re.search(r"error: process 0 lost another one of the run .*--resume", output), output

    images = load_state(run)["cur_nimg"]  # one process can go on where two were
    assert train_cgan.main(arguments(faces_zip, run, "--resume", "--max-images", str(images + 16))) == 0
    assert load_state(run)["cur_nimg"] == images + 16


def test_a_batch_that_cannot_be_shared_is_refused(tmp_path) -> None:
    config = TrainingConfig(data=("faces.zip",), encoder="onehot", batch_size=7)
    with (
        pytest.raises(InputError, match=r"7, which 2 processes cannot share evenly; start 1 .*--batch-size 8"),
        Run.open(tmp_path / "run", config, world=World(0, 2)),
    ):
        pass


# -- across machines: two agents of torchrun, each as on a machine of its own, over the loopback address --------------


def agent(port: int, arguments: list[str], *, host: bool) -> Forked:
    """One machine of two; they meet at the host, and miss one another after 3 s."""
    command = [
        *("--nnodes=2", "--nproc-per-node=1", "--max-restarts=3"),
        *("--rdzv-backend=c10d", f"--rdzv-endpoint=127.0.0.1:{port}", "--rdzv-id=run", "--local-addr=127.0.0.1"),
        *(f"--rdzv-conf=is_host={int(host)},keep_alive_interval=1", str(ROOT / "train_cgan.py"), *arguments),
    ]
    return Forked(torchrun, command, TORCH_DISABLE_SHARE_RDZV_TCP_STORE="1")  # see docs/training.md


def kill(machine: Forked) -> None:
    """At once, the agent and its worker, as by a power cut."""
    children = Path(f"/proc/{machine.pid}/task/{machine.pid}/children").read_text().split()
    for pid in (machine.pid, *map(int, children)):
        os.kill(pid, signal.SIGKILL)
    machine.wait()


def test_a_machine_that_dies_comes_back_and_the_run_goes_on_from_its_last_state(faces_zip, tmp_path) -> None:
    run, port = tmp_path / "run", free_port()
    command = arguments(faces_zip, run, "--max-images", "192", "--resume", "auto")
    machines = [agent(port, command, host=host) for host in (True, False)]
    try:
        wait_for_state(run, machines)
        kill(machines[1])
        before = load_state(run)["cur_nimg"]
        assert 0 < before < 192
        machines[1] = agent(port, command, host=False)
        written = ["".join(machine.wait(300)) for machine in machines]
        assert [machine.returncode for machine in machines] == [0, 0], written
    finally:
        for machine in machines:
            if machine.returncode is None:
                kill(machine)
    assert load_state(run)["cur_nimg"] == 192
    images = [json.loads(line)["images"] for line in (run / "stats.jsonl").read_text().splitlines()]
    assert images == sorted(set(images))  # nothing was trained, or told, twice
    assert images[-1] == 192
    assert written[0].count("reading ") >= 2  # by process 0, before and after


def wait_for_state(run: Path, processes: list[Forked]) -> None:
    """Wait until a run has saved its state; none of its processes may end before."""
    deadline = time.monotonic() + 250
    while not (run / "state.pt").exists():
        written = [process.written() for process in processes if process.returncode is not None]
        assert not written and time.monotonic() < deadline, written
        time.sleep(0.05)


def test_a_run_begins_or_goes_on_by_the_same_command(faces_zip, tmp_path) -> None:
    command = arguments(faces_zip, tmp_path / "run", "--resume", "auto", "--max-images")
    for images in (16, 32):
        assert train_cgan.main([*command, str(images)]) == 0
        assert load_state(tmp_path / "run")["cur_nimg"] == images
    lines = (tmp_path / "run" / "stats.jsonl").read_text().splitlines()
    assert [json.loads(line)["images"] for line in lines] == [16, 32]
