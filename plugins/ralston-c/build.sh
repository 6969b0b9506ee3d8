#!/bin/sh
# Builds the sampler as a shared library, without Cargo: ./build.sh [FOLDER]
# -ffp-contract=off: the same bits on processors with and without fused multiply-add.
set -eu
here=$(dirname "$0")
"${CC:-cc}" -std=c99 -O2 -Wall -Wextra -ffp-contract=off -fPIC -fvisibility=hidden -shared \
    -I "$here/../sdk/include" "$here/ralston.c" -o "${1:-.}/libsigmalab_sampler_ralston_c.so"
