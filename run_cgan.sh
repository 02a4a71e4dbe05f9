#!/usr/bin/env bash
# Draw a face for each line of a testing file: bash run_cgan.sh testing_tags.txt -> samples/cgan.png
# Where that cannot be written, the picture is cgan.png in the working folder.
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

picture=$root/samples/cgan.png
if [ -e "$root/samples" ] && [ ! -w "$root/samples" ]; then # another user's checkout, or a read-only disk
    picture=$PWD/cgan.png
    if [ ! -w "$PWD" ]; then
        echo "error: $root/samples cannot be written, nor can $PWD; run this in a folder of your own" >&2
        exit 2
    fi
fi

. "$root/environment.sh"
use_python
export HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 # everything is in pretrained/
exec "$python" "$root/infer.py" --testing-file="$file" --out="$picture"
