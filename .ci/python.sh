# Sourced by run_cgan.sh, tests/run.sh and .ci/run: find a Python with this project's packages, or make one in .venv.
# Nothing outside .venv is changed.

# find_python MODULE...: set $python to the first Python that has all the modules; the modules are not imported.
find_python() {
    local candidate
    for candidate in "$root/.venv/bin/python" python3 python; do
        [ "$candidate" != "$root/.venv/bin/python" ] || [ ! -e "$root/.venv/.installing" ] || continue
        python=$("$candidate" -c '
import sys
from importlib.util import find_spec
if sys.version_info < (3, 11) or not all(map(find_spec, sys.argv[1:])):
    sys.exit(1)
print(sys.executable)' "$@" 2>/dev/null </dev/null) && return
    done
    return 1
}

# install PIP_ARGUMENT...: install into .venv, made where it is missing. While this runs, .venv/.installing holds the
# process id, so that an interrupted installation is never taken for a whole one.
install() {
    local base marker=$root/.venv/.installing owner
    if [ -e "$marker" ]; then
        owner=$(cat "$marker")
        if [ -n "$owner" ] && kill -0 "$owner" 2>/dev/null; then
            echo "error: process $owner is installing into $root/.venv; run this again when it has finished" >&2
            return 2
        fi
        rm -rf "$root/.venv"
    fi
    mkdir -p "$root/.venv" && echo $$ >"$marker" || return 2
    if [ ! -x "$root/.venv/bin/python" ]; then
        for base in python3 python3.14 python3.13 python3.12 python3.11 python ""; do
            "${base:-false}" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null </dev/null && break
        done
        if [ -z "$base" ] || ! "$base" -m venv "$root/.venv" >&2; then
            echo "error: no Python of at least 3.11 that can make a virtual environment; install one" \
                "(on Debian and Ubuntu: python3 and python3-venv)" >&2
            rm -rf "$root/.venv"
            return 2
        fi
    fi
    if ! "$root/.venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@" >&2 </dev/null; then
        echo "error: the packages of requirements.txt could not be installed into $root/.venv (pip's message is above)" >&2
        return 2
    fi
    rm -f "$marker"
    python=$root/.venv/bin/python
}

# use_python: set $python to a Python that can draw faces.
use_python() {
    find_python torch numpy PIL safetensors tokenizers tqdm && return
    echo "Installing the packages of requirements.txt into $root/.venv (once; some minutes)" >&2
    install -r "$root/requirements.txt"
}

# use_dev_python: set $python to a Python that can also train, run the tests and check the code.
use_dev_python() {
    find_python torch numpy PIL safetensors tokenizers tqdm sentence_transformers transformers pandas huggingface_hub \
        pytest ruff mypy && return
    echo "Installing the packages of requirements.txt and of the tests into $root/.venv (once; some minutes)" >&2
    local packages
    packages=$(sed -n 's/^dev = \[\(.*\)\]$/\1/p' "$root/pyproject.toml" | tr -d '",')
    # shellcheck disable=SC2086  # one word a package
    install -r "$root/requirements.txt" $packages
}
