# Sourced by run_cgan.sh, run_gan.sh, tests/run.sh and .ci/run: find a Python that has this project's packages, or make
# one in .venv.
# The caller has set $root, the project's folder. Nothing outside it is changed.

# What every command needs, as in encoder/common/installation.py.
core="torch numpy PIL safetensors tokenizers tqdm"

# use_python: set $python to a Python that can draw faces.
use_python() {
    _find_python $core || _install "$core" -r "$root/requirements.txt"
}

# draw_sample NAME OPTION...: become infer.py, whose picture is samples/NAME, unless an --out says otherwise; where that
# cannot be written, NAME in the working folder.
draw_sample() {
    local name=$1 picture=$root/samples/$1
    shift
    if [ -e "$root/samples" ] && [ ! -w "$root/samples" ]; then # another user's checkout, or a read-only disk
        picture=$PWD/$name
        if [ ! -w "$PWD" ]; then
            echo "error: $root/samples cannot be written, nor can $PWD; run this in a folder of your own" >&2
            return 2
        fi
    fi
    use_python
    export HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 # everything is in pretrained/
    exec "$python" "$root/infer.py" --out="$picture" "$@"
}

# use_dev_python: set $python to a Python that can also train, run the tests and check the code.
use_dev_python() {
    local modules="$core sentence_transformers transformers pandas pyarrow huggingface_hub pytest xdist hypothesis \
        ruff mypy"
    local tools
    tools=$(sed -n 's/^dev = \[\(.*\)\]$/\1/p' "$root/pyproject.toml" | tr -d '",')
    _find_python $modules || _install "$modules" -r "$root/requirements.txt" $tools
}

# _find_python MODULE...: set $python to the first Python that has all the modules, without importing them.
_find_python() {
    local candidate candidates=(python3 python)
    if [ ! -e "$root/.cache/installing" ]; then # else .venv was left by an interrupted installation
        candidates=("$root/.venv/bin/python" "${candidates[@]}")
    fi
    for candidate in "${candidates[@]}"; do
        python=$("$candidate" -c '
import sys
from importlib.util import find_spec
if sys.version_info < (3, 11) or not all(map(find_spec, sys.argv[1:])):
    sys.exit(1)
print(sys.executable)' "$@" 2>/dev/null </dev/null) && return
    done
    return 1
}

# _install MODULES PIP_ARGUMENT...: install into .venv and set $python to it. Of several at once, one installs and the
# others wait. .cache/installing stands while this runs, so that what an interruption leaves is not taken for whole.
_install() {
    local modules=$1 venv=$root/.venv marker=$root/.cache/installing base
    shift
    for base in python3 python3.14 python3.13 python3.12 python3.11 python ""; do
        "${base:-true}" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null </dev/null && break
    done
    if [ -z "$base" ]; then
        echo "error: Python 3.11 or newer is needed, and none is on the path; install one" >&2
        return 2
    fi
    if ! { mkdir -p "$root/.cache" && touch "$root/.cache/venv.lock" && [ -w "$root" ]; } 2>/dev/null; then
        echo "error: $root cannot be written, so the packages cannot be installed there; install them elsewhere:" \
            "$base -m venv ~/t2f && ~/t2f/bin/pip install -r $root/requirements.txt && export PATH=~/t2f/bin:\$PATH" >&2
        return 2
    fi
    exec 9>"$root/.cache/venv.lock"
    "$base" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)' # held until this shell ends
    _find_python $modules && return

    echo "Installing the packages of requirements.txt into $venv (once; this takes some minutes)" >&2
    if [ -e "$marker" ]; then
        rm -rf "$venv"
    fi
    touch "$marker"
    if [ ! -x "$venv/bin/python" ] && ! "$base" -m venv "$venv" >&2; then
        echo "error: $base cannot make a virtual environment; install its venv module (Debian, Ubuntu: python3-venv)" >&2
        return 2
    fi
    if ! "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@" >&2 </dev/null; then
        echo "error: the packages could not be installed into $venv (pip says why above); run this again to go on" >&2
        return 2
    fi
    rm "$marker"
    python=$venv/bin/python
}
