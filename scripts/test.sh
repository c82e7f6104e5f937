#!/bin/bash
# Sets up, builds the release preset and runs every test through CTest. Arguments go to ctest.
#
# Usage: scripts/test.sh [-R NAME]
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/install-deps.sh
cmake --preset release
cmake --build --preset release -j "$(nproc)"
ctest --preset release -j "$(nproc)" "$@"
