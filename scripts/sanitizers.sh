#!/bin/bash
# Runs tests under the address and undefined-behaviour sanitizers, then under the thread sanitizer.
#
# Usage: scripts/sanitizers.sh asan|tsan [--all]
#
# Without --all: the parts, hostile inputs, and one of each way through the program. With it: every test but those which only start
# peers or a browser, print help texts or do again what another one does, what Python loads, and the speed of the real programs.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=$1
all=${2-}
jobs=$(nproc)
cmake --preset "$preset"
case $preset$all in
asan) # test_gradients judges figures: test_kernels and test_trainer walk the same memory
    cmake --build --preset asan -j "$jobs"
    ctest --preset asan -j "$jobs" -LE 'peer|slow|long' -E test_gradients \
        -R '^(test_|fuzz_replay|golden_testdata|badinput_hostile|dicom_headers|formats_(rtstruct|deflated|sr)|roundtrip_makers|seg_(fractional|lossy|multiframe|oblique)_plain|learn_splits|node_(refusals|tls)|serve_(hostile|tls)|cli_archives)'
    ;;
asan--all)
    cmake --build --preset asan -j "$jobs"
    ctest --preset asan -j "$jobs" -LE 'peer|slow' \
        -E '^(install|examples|python|generator|learn_tutorial|learn_exact|cli_usage|golden_train_shapes|formats_label_tables|segment_page|segment_bundled$|segment_spacing|batch_index|serve_page|node_orthanc)|_viewers(_|$)'
    ;;
tsan) # what threads share: sessions, training, kernels
    cmake --build --preset tsan -j "$jobs" --target golden golden_train test_kernels test_session test_trainer test_team
    OMP_NUM_THREADS=3 ctest --preset tsan -j "$jobs" -E 'shapes|reference|learn' -R 'test_session|golden|test_trainer|kernels|test_team'
    ;;
tsan--all) # then reading, segmenting, writing and training through the programs
    cmake --build --preset tsan -j "$jobs" --target golden golden_train test_kernels test_session test_trainer test_team test_seg_write \
        seg_roundtrip ulite_make_series ulite_program
    OMP_NUM_THREADS=3 ctest --preset tsan -j "$jobs" -E 'shapes|reference|learn_train' \
        -R 'session|golden|train|kernels|team|seg_write|seg_lossy_plain|seg_multiframe_plain|segment_bundled$|learn_splits'
    ;;
*)
    sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
