#!/bin/bash
# Sets up, builds the release preset and runs every test through CTest. Other arguments go to ctest.
#
# Usage: scripts/test.sh [--quick|--all] [-R NAME]
#
# --quick: what takes two minutes and needs no peers: the unit tests, kernels and the command line.
# --all: then also scripts/fresh.sh, both of the README's commands in a new Debian 12 (needs root).
set -euo pipefail
cd "$(dirname "$0")/.."

quick=() all=
case "${1-}" in
--quick)
    quick=(-R '^(test_|fuzz_replay|golden_testdata|cli_usage|seg_axial_plain|segment_bundled)' -LE slow)
    shift
    ;;
--all)
    all=1
    shift
    ;;
esac

scripts/install-deps.sh
cmake --preset release
cmake --build --preset release -j "$(nproc)"
ctest --preset release -j "$(nproc)" "${quick[@]}" "$@"
if [ "$all" ]; then
    code=0
    scripts/fresh.sh || code=$?
    [ "$code" = 77 ] || exit "$code"
fi
