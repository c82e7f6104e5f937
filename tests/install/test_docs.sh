#!/bin/bash
# The reference of the headers is written without a warning, and has what the headers say.
# Usage: test_docs.sh BUILD_FOLDER
set -euo pipefail
build=$1
command -v doxygen >/dev/null || { echo "skipped: doxygen is not there"; [ "${ULITE_REQUIRE_PEERS-}" = 1 ] || exit 77; exit 1; }
cmake --build "$build" --target docs
page=$build/docs/html/segment_8h.html
grep -q 'Reads a series and segments it so' "$page" || { echo "$page does not describe ul_segment_series"; exit 1; }
grep -q 'planes, flips or classes disagree at the surface' "$page" || { echo "$page leaves out comments behind code"; exit 1; }
echo "the reference has no warning"
