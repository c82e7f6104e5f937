#!/bin/bash
# Builds the fuzz targets (clang, AddressSanitizer, UndefinedBehaviorSanitizer) and runs each for a while from its
# corpus. Prints a line per target: executions, executions per second, edges covered at the start and at the end, findings.
# What is found lies in build/fuzz/found/TARGET; inputs that reached something new in build/fuzz/grown/TARGET, where the
# next run goes on.
#
# Usage: scripts/fuzz.sh [SECONDS] [TARGET...]      (default 60 seconds of every target, one after another)
# Exit code: 0 where nothing was found, 1 otherwise.
set -uo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
shift $(( $# > 0 ))
targets=("$@")
build=build/fuzz
cmake --preset fuzz >/dev/null || exit 1
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(find tests/fuzz/corpus -mindepth 1 -maxdepth 1 -printf '%f\n' | sort)
cmake --build --preset fuzz --target "${targets[@]/#/fuzz_}" >"$build/fuzz_build.log" ||
    { tail -n 30 "$build/fuzz_build.log" >&2; exit 1; }

failed=0
printf '%-12s %12s %8s %8s %8s %9s\n' target executions exec/s edges grown findings
for target in "${targets[@]}"; do
    mkdir -p "$build/found/$target" "$build/grown/$target"
    log=$build/fuzz_$target.log
    # A limit for what a reader may ask for: far below libFuzzer's own.
    OMP_NUM_THREADS=1 ULITE_MAX_MEMORY=${ULITE_MAX_MEMORY:-512M} "$build/tests/fuzz_$target" -max_total_time="$seconds" -timeout=20 \
        -rss_limit_mb=2560 -malloc_limit_mb=1024 -print_final_stats=1 -artifact_prefix="$build/found/$target/" \
        "$build/grown/$target" "tests/fuzz/corpus/$target" >"$log" 2>&1
    status=$?
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    speed=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
    first=$(sed -n 's/.*INITED cov: \([0-9]*\).*/\1/p' "$log" | head -n 1)
    last=$(grep -o 'cov: [0-9]*' "$log" | tail -n 1 | cut -d ' ' -f 2)
    findings=$(find "$build/found/$target" -type f -newer "$build/fuzz_build.log" | wc -l)
    printf '%-12s %12s %8s %8s %8s %9s\n' "$target" "${executions:--}" "${speed:--}" "${first:--}" "${last:--}" "$findings"
    if [ $status -ne 0 ]; then
        failed=1
        grep -m 2 -E '^SUMMARY|ERROR: ' "$log" | sed 's/^/    /'
    fi
done
exit $failed
