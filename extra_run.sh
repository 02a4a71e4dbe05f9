#!/usr/bin/env bash
# Draw faces in the style that they do not have: bash extra_run.sh -> samples/extra.png, as samples/extra_original.png
# bash extra_run.sh FOLDER: those of a folder of your own, or of one picture.
set -euo pipefail

if [ $# -gt 1 ] || [ -z "${1-some}" ]; then
    echo "usage: bash extra_run.sh [FOLDER]" >&2
    exit 2
fi
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$root/environment.sh"
draw_sample extra.png --other-style --edit "${1-$root/samples/extra_given}"
