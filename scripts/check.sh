#!/bin/bash
# Checks the source tree without running it: format, size of files, include direction, headers alone,
# exported symbols, an analyser. Prints every fault; exits 1 if there is one.
#
# Usage: scripts/check.sh [BUILD_FOLDER]      (default build/release, already built)
set -uo pipefail
cd "$(dirname "$0")/.."
build=${1:-build/release}
faults=0

fault() {
    echo "check: $*" >&2
    faults=$((faults + 1))
}

mapfile -t sources < <(git ls-files '*.c' '*.h' '*.cc')
mapfile -t texts < <(git ls-files | grep -vE '^tests/fuzz/corpus/|^scripts/check.sh$|\.(safetensors|dcm|nii|gz|png)$')

check_format() {
    clang-format-14 --dry-run -Werror "${sources[@]}" || fault "run clang-format-14 -i on the files above"
}

check_sizes() {
    local file lines
    for file in $(git ls-files '*.c' '*.h' '*.cc' '*.py' '*.sh' '*.mjs' '*.js' '*.cmake' '*CMakeLists.txt'); do
        lines=$(wc -l <"$file")
        [ "$lines" -le 600 ] || fault "$file has $lines lines, more than 600"
    done
}

# Prints the files among "$@" that match a pattern, as faults.
forbid() {
    local why=$1 pattern=$2
    shift 2
    local found
    found=$(grep -nE "$pattern" "$@" /dev/null) && fault "$why:"$'\n'"$found"
}

check_texts() {
    forbid "a path of one machine" '/(work|root|home|Users)/[a-z]' "${texts[@]}"
    forbid "a registry host" 'registry\.npmjs|deb\.debian\.org|pypi\.org' "${texts[@]}"
    forbid "unfinished work" '\b(TODO|FIXME|XXX)\b' "${texts[@]}"
}

# Each folder may include only the public headers of those left of it: libulite, io, pipeline, apps.
check_includes() {
    local io_headers pipeline_headers
    io_headers=$(cd io/include && ls ulite/*.h | paste -sd '|')
    pipeline_headers=$(cd pipeline/include && ls ulite/*.h | paste -sd '|')
    mapfile -t core < <(git ls-files 'libulite/*.[ch]')
    mapfile -t io < <(git ls-files 'io/*.[ch]' 'io/*.cc')
    mapfile -t pipeline < <(git ls-files 'pipeline/*.[ch]')
    mapfile -t apps < <(git ls-files 'apps/*.[ch]')
    mapfile -t c_files < <(git ls-files '*.c')
    forbid "libulite includes a higher folder" "#include \"($io_headers|$pipeline_headers)\"" "${core[@]}"
    forbid "libulite includes more than libc, libm and pthreads" '#include <(dcmtk|cjson|png|zlib|openjpeg|nifti)' "${core[@]}"
    forbid "io includes the pipeline" "#include \"($pipeline_headers)\"" "${io[@]}"
    forbid "an include climbs out of its folder" '#include "\.\./\.\./' "${core[@]}" "${io[@]}" "${pipeline[@]}" "${apps[@]}"
    forbid "DCMTK outside a .cc file" '#include ["<]dcmtk/' "${c_files[@]}"
    local header
    for header in $(git ls-files 'libulite/*.h' 'io/*.h' | grep -v /include/); do
        header=${header##*/}
        forbid "a private header used above its folder" "#include \"(.*/)?$header\"" "${apps[@]}"
    done
    # The library never prints and never exits.
    forbid "libulite prints or exits" '\b(printf|fprintf\(std|puts|perror|abort|exit)\(' $(git ls-files 'libulite/*.c')
}

check_headers_alone() {
    local header
    for header in $(git ls-files '*/include/ulite/*.h'); do
        for language in c:c11 c++:c++17; do
            gcc -fsyntax-only -Wall -Wextra -Werror -x "${language%%:*}" -std="${language##*:}" \
                -Ilibulite/include -Iio/include -Ipipeline/include - <<<"#include \"${header#*/include/}\"" ||
                fault "$header does not compile alone as ${language%%:*}"
        done
    done
}

check_symbols() {
    local library strays
    for library in "$build"/libulite/libulite.a "$build"/libulite/libulite.so; do
        [ -f "$library" ] || { fault "$library is not built" && continue; }
        local options=-g
        [[ $library == *.so ]] && options=-gD
        strays=$(nm $options --defined-only "$library" | awk 'NF == 3 && $3 !~ /^ul_/ {print $3}')
        [ -z "$strays" ] || fault "$library exports without the ul_ prefix: $strays"
    done
}

# The compilers see uninitialised variables better than cppcheck 2.10 does.
check_analyser() {
    cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,portability --inline-suppr \
        --suppress=unknownMacro --suppress=missingIncludeSystem --suppress=uninitvar -j "$(nproc)" \
        -Ilibulite/include -Iio/include -Ipipeline/include -Ilibulite -Iio \
        $(git ls-files 'libulite/*.c' 'io/*.c' 'pipeline/*.c' 'apps/*.c') || fault "cppcheck found something"
}

# .clang-tidy says what is looked for. The release build's flags are gcc's.
check_tidy() {
    git ls-files 'libulite/*.c' | xargs -P "$(nproc)" -n 4 clang-tidy-14 -p "$build" --quiet \
        --extra-arg=-Wno-unknown-warning-option 2>/dev/null || fault "clang-tidy found something"
}

check_format
check_sizes
check_texts
check_includes
check_headers_alone
check_symbols
check_analyser
check_tidy
[ "$faults" = 0 ] && echo "check: all good"
exit $((faults > 0))
