#!/usr/bin/env bash
# Run the tests, after setting up what they need. --quick, as the first argument, leaves out the slow ones.
# Other arguments go to pytest: bash tests/run.sh -k grid, with a debugger: -n 0
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$root/environment.sh"
use_dev_python
cd "$root"
export HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 # everything is in pretrained/
export OMP_NUM_THREADS=1                       # two processes of several threads each would hinder one another
if [ "${1:-}" = --quick ]; then
    shift
    set -- -m "not slow" "$@"
fi
exec "$python" -m pytest -n auto --maxprocesses 2 --dist loadfile --no-loadscope-reorder "$@" </dev/null
