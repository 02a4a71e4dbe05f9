"""How every command line ends: with an exit status and at most one line, never with a traceback.

0: it is done. 1: it broke down, as of no memory. 2: the input is bad, or the command line (argparse's own status).
128 and the number of a signal: it was asked to end, so 130 after Ctrl-C, 143 after SIGTERM, 129 when its terminal was
closed, and 141 when nobody reads its output any more.

Importing this module costs next to nothing, so that it comes before PyTorch, whose import takes seconds.
"""

from __future__ import annotations

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
from encoder.common.installation import missing_package, use_python_with_packages

if TYPE_CHECKING:  # what older versions of Python lack, which are told so by ``start``
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
    """A signal asked for the end; Ctrl-C is a KeyboardInterrupt, as usual.

    Attributes:
        number: That of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def status_of(number: int) -> int:
    """The exit status of a process that a signal ended, as shells have it."""
    return 128 + number


def stop(number: int) -> NoReturn:
    """Raise what a signal is within a command: ``finally`` blocks are run, and ``command`` gives the status."""
    raise KeyboardInterrupt if number == signal.SIGINT else Stopped(number)


def start() -> None:
    """Begin a command: with a Python that has the packages, and let Ctrl-C end this process at once and in one line.

    A module that is run calls it before its imports, so that it stands for these and for the last moments. Nothing is
    cleaned up by such a Ctrl-C outside of ``command``.
    """
    use_python_with_packages()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end_at_once)


def command(main: Callable[Parameters, int]) -> Callable[Parameters, int]:
    """Decorate the ``main`` of a command line, which then returns its exit status whatever a user causes.

    Within it SIGTERM and SIGHUP run ``finally`` blocks as Ctrl-C does, and stdout replaces what it cannot encode.
    Anything else that is raised is a fault of the project and passes through, as does the SystemExit of argparse.
    """

    @functools.wraps(main)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> int:
        caught: list[int] = []
        over = False

        def handle(number: int, _frame: FrameType | None) -> None:
            if over:
                _end_at_once(number)
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
    """End with a status; one process of several of a run at once, for gloo's threads may not outlive the interpreter.

    They let go of what they worked on when they like, and abort a process that has begun to end by then.
    """
    if os.environ.get("WORLD_SIZE", "1") == "1":
        sys.exit(status)
    with contextlib.suppress(OSError):
        _flush()
    os._exit(status)


@contextlib.contextmanager
def handling(handler: Handler) -> Iterator[None]:
    """Within the context, ``handler`` takes the signals that ask for the end.

    Those that are ignored stay so, as SIGHUP does under ``nohup``; and a thread changes nothing, for signals are the
    main thread's.
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
            signal.signal(number, old)


def forget_terminal() -> None:
    """After SIGHUP, let what is written to the terminal go nowhere: writing to one that is closed is an error."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # captured, closed, or none
            if stat.S_ISCHR(os.fstat(stream.fileno()).st_mode):
                _drop(stream)


def _end_at_once(number: int, _frame: FrameType | None = None) -> NoReturn:
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
        return BAD_INPUT, _told(error) if _speaks() else ""
    if isinstance(error, BreakdownError):
        return BROKEN, _told(error)
    if isinstance(error, KeyboardInterrupt):
        return _signalled(signal.SIGINT)
    if isinstance(error, Stopped):
        return _signalled(error.number)
    if isinstance(error, BrokenPipeError):
        return NOBODY_READS, ""
    if is_out_of_memory(error):
        return BROKEN, "error: the memory does not suffice; ask for less at once, or close other programs"
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


def _told(error: BaseException) -> str:
    return f"error: {' '.join(str(error).splitlines())}"  # a path may hold line ends


def _speaks() -> bool:
    """Whether this process tells of bad input: those of a parallel run all meet the same, and the first one tells."""
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
    """Write out what is left; where that fails it is dropped, for Python would try again at its end and tell of it."""
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
    """Let all that is written to a stream go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, stream.fileno())
    finally:
        os.close(nowhere)
