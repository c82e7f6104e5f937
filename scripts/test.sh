#!/bin/bash
# Sets up, builds the release preset and runs the tests through CTest. Other arguments go to ctest.
#
# Usage: scripts/test.sh [--quick|--all] [-R NAME]
#
# --quick: what takes two minutes and needs no peers: the unit tests, kernels and the command line.
# --all: also the tests with the label `long`, all of them under the sanitizers, those of the network at every instruction-set level, `ulite batch` on a thousand studies and on a Slurm of its own, `ulite node` behind an Orthanc with
# fifty studies, under malformed connections and over five hundred studies, `ulite serve` under twenty uploads and malformed requests, and
# scripts/fresh.sh, both of the README's commands in a new Debian 12. Needs root.
set -euo pipefail
cd "$(dirname "$0")/.."

quick=() all=
case "${1-}" in
--quick)
    quick=(-R '^(test_|fuzz_replay|golden_testdata|cli_usage|seg_axial_plain|segment_bundled$)' -LE slow)
    shift
    ;;
--all)
    all=1
    shift
    ;;
esac

scripts/install-deps.sh ${all:+--cluster}
cmake --preset release
cmake --build --preset release -j "$(nproc)"
[ "$all${quick[*]-}$*" ] || quick=(-LE long)
ctest --preset release -j "$(nproc)" "${quick[@]}" "$@"

# or_skip COMMAND...: one that is skipped (77) is no failure.
or_skip() {
    local code=0
    "$@" || code=$?
    [ "$code" = 77 ] || return "$code"
}

if [ "$all" ]; then
    scripts/levels.sh --all
    batch() {
        PYTHONPATH=$PWD/tests or_skip /usr/bin/python3 "tests/batch/$1" build/release/bin/ulite build/release/fixtures "${@:2}"
    }
    batch test_batch.py 970 7 20 3
    batch slurm.py .
    node() {
        PYTHONPATH=$PWD/tests or_skip /usr/bin/python3 "tests/node/$1" build/release/bin/ulite build/release/fixtures "${@:2}"
    }
    node test_node.py 20 20
    node test_refusals.py 10000
    node test_orthanc.py 50 50
    node test_memory.py 500
    serve() {
        PYTHONPATH=$PWD/tests:$PWD/tests/serve or_skip /usr/bin/python3 "tests/serve/$1" $PWD/build/release/{bin/ulite,bin/ulite-make-series,fixtures} "${@:2}"
    }
    serve test_api.py 20
    serve test_hostile.py 10000
    scripts/sanitizers.sh asan --all
    scripts/sanitizers.sh tsan --all
    or_skip scripts/fresh.sh
fi
