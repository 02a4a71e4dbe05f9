#!/usr/bin/env bash
# Fetch the two libraries that the page runs on, as published on the npm registry, into this folder.
# npm checks the archives against the registry's integrity; here they are also checked against those in package.sha512.
# files.sha256 has what came of them, unpacked; onnxruntime.LICENSE.txt is that of its repository, which the archive lacks.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$work" && npm pack --silent onnxruntime-web@1.30.0 @huggingface/tokenizers@0.2.0)
(cd "$work" && sha512sum --check --quiet) <package.sha512
for archive in "$work"/*.tgz; do
    mkdir "${archive%.tgz}"
    tar -xzf "$archive" -C "${archive%.tgz}" --strip-components=1
done
runtime=$work/onnxruntime-web-1.30.0/dist tokenizers=$work/huggingface-tokenizers-0.2.0
cp "$runtime"/ort.wasm.min.mjs "$runtime"/ort-wasm-simd-threaded.mjs "$tokenizers"/dist/tokenizers.min.mjs .
cp "$tokenizers"/LICENSE tokenizers.LICENSE.txt
gzip -9 --no-name --stdout "$runtime"/ort-wasm-simd-threaded.wasm >ort-wasm-simd-threaded.wasm.gz
