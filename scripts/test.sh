#!/bin/bash
# Sets up, builds the release preset and runs every test through CTest. Arguments go to ctest.
#
# Usage: scripts/test.sh [-R NAME]
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/install-deps.sh
cmake --preset release
cmake --build --preset release -j "$(nproc)"
export OMP_WAIT_POLICY=passive # tests run side by side: a thread that waits must not spin
ctest --preset release -j "$(nproc)" "$@"
