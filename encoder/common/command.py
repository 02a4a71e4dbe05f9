"""How every command ends: with an exit status and at most one line, never with a traceback.

0: done. 1: it failed, for example out of memory. 2: the input or the command line is bad (argparse's own status).
128 plus the number of a signal: a signal ended it. So 130 is Ctrl-C, 143 is SIGTERM, 129 is a closed terminal, and 141
is output that nobody reads any more.

Importing this module costs next to nothing. PyTorch, whose import takes seconds, comes later.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import functools
import os
import signal
import stat
import sys
import threading
from typing import TYPE_CHECKING

from encoder.common.errors import BreakdownError, InputError, reason_of
from encoder.common.installation import missing_package

if TYPE_CHECKING:  # what older versions of Python lack, which ``start`` tells so
    from collections.abc import Callable, Iterator
    from types import FrameType
    from typing import NoReturn, ParamSpec, TextIO

    Parameters = ParamSpec("Parameters")
    Handler = Callable[[int, FrameType | None], None]

BROKEN, BAD_INPUT, NOBODY_READS = 1, 2, 128 + 13  # the last as of SIGPIPE, which Windows lacks
WORDS = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "hung up"}
ENDING = tuple(getattr(signal, name) for name in WORDS if hasattr(signal, name))
"""The signals that ask a process to end."""


class Stopped(BaseException):
    """A signal asked the process to end; Ctrl-C is a KeyboardInterrupt, as usual.

    Attributes:
        number: That of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def status_of(number: int) -> int:
    """The exit status of a process that a signal ended, as in shells."""
    return 128 + number


def stop(number: int) -> NoReturn:
    """Raise the exception of a signal: ``finally`` blocks run, and ``command`` returns the status."""
    raise KeyboardInterrupt if number == signal.SIGINT else Stopped(number)


def command(main: Callable[Parameters, int]) -> Callable[Parameters, int]:
    """Decorate the ``main`` of a command: it returns an exit status, whatever a user causes.

    Within it SIGTERM and SIGHUP run ``finally`` blocks as Ctrl-C does, and stdout replaces what it cannot encode.
    Other exceptions are faults of the project and pass through, as does the SystemExit of argparse.
    """

    @functools.wraps(main)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> int:
        caught: list[int] = []
        over = False

        def handle(number: int, _frame: FrameType | None) -> None:
            if over:
                end_at_once(number)
            caught.append(number)
            if number == getattr(signal, "SIGHUP", None):
                forget_terminal()
            stop(number)

        with handling(handle):
            try:
                try:
                    _replace_what_cannot_be_encoded()
                    return main(*args, **kwargs)
                finally:
                    _flush()
            except SystemExit:
                raise
            except BaseException as error:
                over = True
                # An import that Ctrl-C breaks may raise an error of its own.
                outcome = _signalled(caught[-1]) if caught else _outcome(error)
                if outcome is None:
                    raise
                status, line = outcome
                if line:
                    _say(line)
                return status

    return run


def end_process(status: int) -> NoReturn:
    """End the process with a status.

    One of several processes of a run ends without Python's own cleaning up: threads of gloo that still work then would
    abort it.
    """
    if os.environ.get("WORLD_SIZE", "1") == "1":
        sys.exit(status)
    with contextlib.suppress(OSError):
        _flush()
    os._exit(status)


@contextlib.contextmanager
def handling(handler: Handler) -> Iterator[None]:
    """Within the context, ``handler`` receives the signals that ask a process to end.

    Ignored signals stay ignored, such as SIGHUP under ``nohup``. In a thread other than the main one nothing changes,
    since only the main thread receives signals.
    """
    previous = {}
    try:
        if threading.current_thread() is threading.main_thread():
            for number in ENDING:
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    previous[number] = signal.signal(number, handler)
        yield
    finally:
        for number, old in previous.items():
            if old is end_at_once:  # set by ``start``
                atexit.register(signal.signal, number, old)
                old = signal.default_int_handler
            signal.signal(number, old)


def forget_terminal() -> None:
    """After SIGHUP, discard output to the terminal: writing to a closed one is an error."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # captured, closed, or none
            if stat.S_ISCHR(os.fstat(stream.fileno()).st_mode):
                _drop(stream)


def end_at_once(number: int, _frame: FrameType | None = None) -> NoReturn:
    with contextlib.suppress(OSError):
        os.write(2, f"{_word(number)}\n".encode())
    os._exit(status_of(number))


def _word(number: int) -> str:
    return WORDS[signal.Signals(number).name]


def _signalled(number: int) -> tuple[int, str]:
    return status_of(number), _word(number)


def _outcome(error: BaseException) -> tuple[int, str] | None:
    """The exit status and the line of an error; ``None`` for a fault of the project."""
    if isinstance(error, InputError):
        return BAD_INPUT, _line_of(error) if _speaks() else ""
    if isinstance(error, BreakdownError):
        return BROKEN, _line_of(error)
    if isinstance(error, KeyboardInterrupt):
        return _signalled(signal.SIGINT)
    if isinstance(error, Stopped):
        return _signalled(error.number)
    if isinstance(error, BrokenPipeError):
        return NOBODY_READS, ""
    if is_out_of_memory(error):
        return BROKEN, "error: out of memory; use a smaller batch or fewer images, or close other programs"
    if isinstance(error, ModuleNotFoundError):
        line = missing_package(error)
        return (BAD_INPUT, f"error: {line}") if line else None
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename is not None else ""
        advice = "; free some space" if error.errno == errno.ENOSPC else ""
        return BROKEN, f"error: {where}{reason_of(error)}{advice}"
    return None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there was no memory left."""
    # PyTorch's is a RuntimeError, on CPUs without a class of its own.
    words = ("can't allocate memory", "out of memory")
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(word in str(error) for word in words)
    )


def _line_of(error: BaseException) -> str:
    return f"error: {' '.join(str(error).splitlines())}"  # a path may hold line ends


def _speaks() -> bool:
    """Whether this process reports bad input: of a parallel run, only the first one does."""
    size, rank = (os.environ.get(name, "") for name in ("WORLD_SIZE", "RANK"))
    return not (size.isdecimal() and rank.isdecimal() and int(size) > 1 and int(rank) > 0)


def _say(line: str) -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        print(line, file=sys.stderr, flush=True)
    with contextlib.suppress(OSError):
        _flush()


def _replace_what_cannot_be_encoded() -> None:
    for stream in (sys.stdout, sys.stderr):
        if getattr(stream, "errors", None) == "strict" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _flush() -> None:
    """Write what is buffered. What cannot be written is dropped, or Python would try again at its end and report it."""
    failure: OSError | None = None
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except OSError as error:
            failure = failure or error
            with contextlib.suppress(OSError, ValueError):
                _drop(stream)
    if failure:
        raise failure


def _drop(stream: TextIO) -> None:
    """Discard all that is written to a stream."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, stream.fileno())
    finally:
        os.close(nowhere)
