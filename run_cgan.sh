#!/usr/bin/env bash
# Draw a face for each line of a testing file: bash run_cgan.sh testing_tags.txt -> samples/cgan.png
# Where that cannot be written, the picture is cgan.png in the working folder. Options of infer.py may follow the file,
# such as --seed random.
set -euo pipefail

if [ $# -eq 0 ] || { [ $# -gt 1 ] && [[ $2 != -* ]]; }; then
    echo "usage: bash run_cgan.sh TESTING_FILE [OPTION ...]" >&2
    exit 2
fi
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
file=$1
if [ ! -e "$file" ] && [ -e "$root/$file" ]; then
    file=$root/$file
fi
. "$root/environment.sh"
draw_sample cgan.png --testing-file="$file" "${@:2}"
