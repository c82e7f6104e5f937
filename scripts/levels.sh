#!/bin/bash
# Runs the tests of the network, built by the release preset, at the instruction-set levels below the one of this machine.
#
# Usage: scripts/levels.sh [--all]
#
# --all: also those in which PyTorch records what unusual shapes give; test_kernels has every shape of a kernel without it.
set -euo pipefail
cd "$(dirname "$0")/.."
without='learn|shapes'
[ "${1-}" != --all ] || without=learn
levels=(scalar)
grep -qw avx512dq /proc/cpuinfo && levels+=(avx2)
for level in "${levels[@]}"; do
    echo "level $level"
    ULITE_CPU=$level ctest --preset release -j "$(nproc)" -R 'session|golden|train|kernels' -E "$without" -LE slow
done
