#!/bin/bash
# Program and shared libraries are built as distributions build: position-independent, tables read-only after linking, no
# stack that can be run, guarded stacks, checked copies.
# Usage: test_hardening.sh BUILD_FOLDER
set -euo pipefail
build=$1
grep -qE '^CMAKE_BUILD_TYPE:.*=(Release|RelWithDebInfo)$' "$build/CMakeCache.txt" && grep -q '^ULITE_HARDENING:BOOL=ON' "$build/CMakeCache.txt" ||
    { echo "nothing to see: only optimised builds are hardened"; exit 0; }
for file in bin/ulite libulite/libulite.so jobs/libulite-imaging.so; do
    headers=$(readelf -hldW --dyn-syms "$build/$file")
    for wanted in 'Type: +DYN' 'FLAGS.*NOW|BIND_NOW' GNU_RELRO 'GNU_STACK.* RW ' __stack_chk_fail '__[a-z]+_chk@'; do
        grep -qE "$wanted" <<<"$headers" || { echo "$file has no $wanted"; exit 1; }
    done
done
echo "program and libraries are hardened"
