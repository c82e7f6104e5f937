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

# Who may include what: a folder, then the folders whose files its own may name, beside the public headers of its own
# floor and those below. Public headers are on the floor of the folder that implements them.
floors='libulite: libulite
volume: libulite/base volume
io: libulite/base volume io
jobs: libulite/base volume io/base io/card io/net io/png jobs
apps: libulite/base volume io/base io/http io/net jobs/base jobs/node jobs/serve apps'
public_headers='libulite: error model resources session trainer
volume: volume
io: capture card dicom frames nifti nrrd png rtstruct seg sr
jobs: cohort evaluate segment train view'

# allowed FOLDER: the pattern of the paths that its files may include.
allowed() {
    local folder=$1 own below='' floor names
    own=$(sed -n "s/^$folder: //p" <<<"$floors" | tr ' ' '|')
    while IFS=': ' read -r floor names; do
        below+="|ulite/($(tr ' ' '|' <<<"$names"))\.h"
        [ "$floor" = "$folder" ] && break
    done <<<"$public_headers"
    [ "$folder" = apps ] && below+='|ulite\.h'
    echo "($own)/.*$below"
}

check_includes() {
    local folder found
    for folder in libulite volume io jobs apps; do
        mapfile -t files < <(git ls-files "$folder/*.c" "$folder/*.h" "$folder/*.cc")
        found=$(grep -nE '^#include "' "${files[@]}" | grep -vE "#include \"($(allowed "$folder"))\"|onnx\.pb-c\.h") &&
            fault "$folder includes what it may not:"$'\n'"$found"
    done
    mapfile -t c_files < <(git ls-files '*.c')
    forbid "libulite includes more than libc, libm and threads" '#include <(dcmtk|cjson|png|zlib|openjpeg|nifti)' $(git ls-files 'libulite/*.[ch]')
    forbid "DCMTK outside a .cc file" '#include ["<]dcmtk/' "${c_files[@]}"
    # The library never prints and never exits.
    forbid "libulite prints or exits" '\b(printf|fprintf\(std|puts|perror|abort|exit)\(' $(git ls-files 'libulite/*.c')
}

# A folder of more cannot be taken in at a glance.
check_folders() {
    local folder count
    for folder in $(git ls-files '*.c' '*.h' '*.cc' | grep -vE '^(tests|include)/' | xargs -n1 dirname | sort -u); do
        count=$(git ls-files "$folder" | grep -cE "^$folder/[^/]*\.(c|h|cc)$")
        [ "$count" -le 22 ] || fault "$folder has $count files, more than 22"
    done
}

check_headers_alone() {
    local header
    for header in $(git ls-files 'include/*.h'); do
        for language in c:c11 c++:c++17; do
            gcc -fsyntax-only -Wall -Wextra -Werror -x "${language%%:*}" -std="${language##*:}" \
                -Iinclude - <<<"#include \"${header#include/}\"" ||
                fault "$header does not compile alone as ${language%%:*}"
        done
    done
}

check_symbols() {
    local library strays
    for library in "$build"/{libulite/libulite,jobs/libulite-imaging}.{a,so}; do
        [ -f "$library" ] || { fault "$library is not built" && continue; }
        local options=-g
        [[ $library == *.so ]] && options=-gD
        strays=$(nm $options --defined-only "$library" | awk 'NF == 3 && $3 !~ /^ul_/ {print $3}')
        [ -z "$strays" ] || fault "$library exports without the ul_ prefix: $strays"
    done
}

# A version is told alike wherever it is told, also by a tag of this commit.
check_version() {
    local version tag
    version=$(<VERSION)
    grep -qx "version: $version" CITATION.cff || fault "CITATION.cff does not say version $version"
    for tag in $(git tag --points-at HEAD 'v*'); do
        [ "$tag" = "v$version" ] || fault "the tag $tag stands on version $version"
        grep -q "^## $version" CHANGELOG.md || fault "CHANGELOG.md has no section of version $version"
    done
}

# The compilers see uninitialised variables better than cppcheck 2.10 does.
check_analyser() {
    cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,portability --inline-suppr \
        --suppress=unknownMacro --suppress=missingIncludeSystem --suppress=uninitvar -j "$(nproc)" \
        -Iinclude -I. \
        $(git ls-files 'libulite/*.c' 'volume/*.c' 'io/*.c' 'jobs/*.c' 'apps/*.c') || fault "cppcheck found something"
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
check_folders
check_headers_alone
check_symbols
check_version
check_analyser
check_tidy
[ "$faults" = 0 ] && echo "check: all good"
exit $((faults > 0))
