#!/usr/bin/env bash
# Draw a face for each line of a testing file: bash run_cgan.sh testing_tags.txt -> samples/cgan.png
set -euo pipefail

if [ $# -ne 1 ]; then
    echo "usage: bash run_cgan.sh TESTING_FILE" >&2
    exit 2
fi
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
file=$1
if [ ! -e "$file" ] && [ -e "$root/$file" ]; then
    file=$root/$file
fi

. "$root/environment.sh"
use_python
export HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 # everything is in pretrained/
exec "$python" "$root/infer.py" --testing-file="$file" --out="$root/samples/cgan.png"
