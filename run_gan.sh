#!/usr/bin/env bash
# Draw 25 faces for which nothing is asked: bash run_gan.sh -> samples/gan.png, as samples/gan_original.png
set -euo pipefail

if [ $# -ne 0 ]; then
    echo "usage: bash run_gan.sh" >&2
    exit 2
fi
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$root/environment.sh"
draw_sample gan.png --any --num=25
