from __future__ import annotations

import errno
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from encoder.common.command import ENDING, Stopped, command, stop
from encoder.common.errors import BreakdownError, InputError
from encoder.common.start import start

ROOT = Path(__file__).parents[2]


def raising(error: BaseException) -> int:
    @command
    def main() -> int:
        raise error

    return main()


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (InputError("a.zip: no such file"), 2, "error: a.zip: no such file"),
        (InputError("a\nb.zip: no such file"), 2, "error: a b.zip: no such file"),
        (BreakdownError("the loss is nan"), 1, "error: the loss is nan"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (Stopped(signal.SIGTERM), 143, "terminated"),
        (Stopped(signal.SIGHUP), 129, "hung up"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 141, ""),
        (MemoryError(), 1, "error: out of memory; use a smaller batch or fewer images, or close other programs"),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes"),
            1,
            "error: out of memory; use a smaller batch or fewer images, or close other programs",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device", "a.txt"),
            1,
            "error: a.txt: No space left on device; free some space",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "a.txt"), 1, "error: a.txt: Permission denied"),
    ],
)
def test_every_end_is_a_status_and_a_line(capsys, error, status, line) -> None:
    assert raising(error) == status
    assert capsys.readouterr() == ("", f"{line}\n" if line else "")


def test_a_fault_of_the_project_is_not_hidden() -> None:
    with pytest.raises(KeyError):
        raising(KeyError("a"))
    with pytest.raises(SystemExit):
        raising(SystemExit(2))


def test_a_session_has_its_own_ctrl_c_back_after_a_command() -> None:
    python_s_own = signal.getsignal(signal.SIGINT)
    start()
    assert signal.getsignal(signal.SIGINT) is not python_s_own
    assert raising(InputError("a")) == 2
    assert signal.getsignal(signal.SIGINT) is python_s_own is signal.default_int_handler


def test_arguments_and_status_pass_through() -> None:
    @command
    def main(argv: Sequence[str], *, more: int = 0) -> int:
        return len(argv) + more

    assert main(["a"], more=2) == 3


@pytest.mark.parametrize(
    ("size", "rank", "told"),
    [("2", "1", False), ("2", "0", True), ("1", "1", True), ("x", "y", True), ("2", "-1", True)],
)
def test_the_first_of_many_processes_tells(monkeypatch, capsys, size, rank, told) -> None:
    monkeypatch.setenv("WORLD_SIZE", size)
    monkeypatch.setenv("RANK", rank)
    assert raising(InputError("bad")) == 2
    assert capsys.readouterr().err == ("error: bad\n" if told else "")


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_runs_what_cleans_up_and_handlers_come_back(capsys, number) -> None:
    before = {each: signal.getsignal(each) for each in ENDING}
    cleaned = []

    @command
    def main() -> int:
        try:
            signal.raise_signal(number)
        finally:
            cleaned.append(number)
        return 0

    assert main() == 128 + number
    assert cleaned == [number]
    assert {each: signal.getsignal(each) for each in ENDING} == before


def test_an_error_that_a_signal_became_within_an_import_is_that_signal(capsys) -> None:
    @command
    def main() -> int:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ImportError("numpy failed to import") from None
        return 0

    assert main() == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_what_is_ignored_stays_ignored(capsys) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:

        @command
        def main() -> int:
            signal.raise_signal(signal.SIGHUP)
            return 0

        assert main() == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_thread_can_run_a_command() -> None:
    statuses: list[int] = []
    thread = threading.Thread(target=lambda: statuses.append(raising(InputError("bad"))))
    thread.start()
    thread.join()
    assert statuses == [2]


def test_stop_is_what_python_raises_for_ctrl_c() -> None:
    with pytest.raises(KeyboardInterrupt):
        stop(signal.SIGINT)
    with pytest.raises(Stopped):
        stop(signal.SIGTERM)


# -- whole processes -------------------------------------------------------------------------------------------------

HEAD = """
import os, signal, sys, time
from encoder.common.command import command
from encoder.common.start import start
start()
@command
def main():
    {body}
    return 0
{before}
sys.exit(main())
"""


def script(body: str, before: str = "") -> list[str]:
    return [sys.executable, "-c", HEAD.format(body=body, before=before)]


def run(body: str, before: str = "", **options: object) -> subprocess.CompletedProcess[str]:
    options = {"capture_output": True} | options
    return subprocess.run(script(body, before), cwd=ROOT, text=True, timeout=60, check=False, **options)


def test_what_cannot_be_encoded_is_replaced() -> None:
    done = run("print('顔.zip', '\\udcff')", env={**os.environ, "PYTHONIOENCODING": "cp1252"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "?.zip ?\n", "")


@pytest.mark.parametrize("body", ["print('a')", "print('a', flush=True)", "print('a' * 10**6)"])
@pytest.mark.parametrize("both", [False, True])
def test_a_closed_pipe_is_quiet(body, both) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = run(
            f"{body}; print('b', file=sys.stderr)",
            stdout=writer,
            stderr=writer if both else subprocess.PIPE,
            capture_output=False,
        )
    finally:
        os.close(writer)
    assert done.returncode == 141
    assert done.stderr in (None, "", "b\n")


def test_help_into_a_closed_pipe_is_quiet() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "infer.py", "--help"]
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, stdout=writer, stderr=subprocess.PIPE, text=True, check=False
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_behind_stdout_is_one_line() -> None:
    with open("/dev/full", "w") as full:
        done = run("print('a')", stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert done.returncode == 1
    assert done.stderr == "error: No space left on device; free some space\n"


def test_without_streams_nothing_breaks() -> None:
    assert run("print('a')", before="sys.stdout = sys.stderr = None").returncode == 0


def test_ctrl_c_before_the_command_is_one_line() -> None:
    done = run("pass", before="os.kill(os.getpid(), signal.SIGINT); time.sleep(9)")
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


def test_ctrl_c_while_a_command_is_imported_is_quiet() -> None:
    interrupt = "lambda event, args: event == 'import' and 'command' in args[0] and signal.raise_signal(2)"
    begin = f"import signal, sys\nfrom encoder.common.start import start\nsys.addaudithook({interrupt})\nstart()"
    done = subprocess.run([sys.executable, "-c", begin], cwd=ROOT, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, b"")


def test_a_second_ctrl_c_while_it_is_cleaned_up_is_one_line() -> None:
    done = run("exec('try: os.kill(os.getpid(), 2); time.sleep(9)\\nfinally: os.kill(os.getpid(), 2); time.sleep(9)')")
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


def test_a_closed_terminal_is_not_written_to() -> None:
    """The end of a session: SIGHUP, after which every write to the terminal fails."""
    master, slave = pty.openpty()
    body = (
        'exec(\'try: print("ready", flush=True); time.sleep(20)\\n'
        "finally: print(1, flush=True); print(2, file=sys.stderr, flush=True)')"
    )
    process = subprocess.Popen(script(body), cwd=ROOT, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    output = b""
    while b"\n" not in output:
        output += os.read(master, 100)
    os.close(master)
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=20) == 129
