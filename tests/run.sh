#!/usr/bin/env bash
# Run the tests, after setting up what they need; arguments go to pytest: bash tests/run.sh -k grid
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$root/environment.sh"
use_dev_python
cd "$root"
export HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 # everything is in pretrained/
exec "$python" -m pytest "$@" </dev/null
