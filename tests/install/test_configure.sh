#!/bin/bash
# What a build is without a preset: optimised, warnings no errors; within another project its tests are left out, the
# build type is that project's, and a preset of the developers has -Werror.
# Usage: test_configure.sh SOURCE_FOLDER
set -euo pipefail
source=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
unset CFLAGS CXXFLAGS CMAKE_BUILD_TYPE

# flags FOLDER: the compile command of one file of libulite, configured there.
flags() {
    grep -h -m1 '"command".*libulite/infer/session\.c' "$scratch/$1/compile_commands.json"
}

fail() {
    echo "$*"
    exit 1
}

cmake -S "$source" -B "$scratch/plain" -DULITE_BUILD_APPS=OFF >/dev/null
grep -q '^ULITE_BUILD_TESTS:BOOL=ON' "$scratch/plain/CMakeCache.txt" || fail "a plain build has no tests"
[[ $(flags plain) == *" -O2 "* ]] || fail "a plain build is not optimised: $(flags plain)"
[[ $(flags plain) != *" -Werror "* ]] || fail "a plain build has -Werror: $(flags plain)"

cmake -S "$source" -B "$scratch/debug" -DULITE_BUILD_APPS=OFF -DCMAKE_BUILD_TYPE=Debug -DULITE_WERROR=ON >/dev/null
[[ $(flags debug) != *" -O2 "* ]] || fail "a Debug build is optimised: $(flags debug)"
[[ $(flags debug) == *" -Werror "* ]] || fail "ULITE_WERROR=ON gives no -Werror: $(flags debug)"

mkdir "$scratch/outer"
cat >"$scratch/outer/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.25)
project(outer LANGUAGES C CXX)
set(ULITE_BUILD_APPS OFF)
add_subdirectory("$source" ulite)
get_target_property(type ulite::ulite TYPE)
END
cmake -S "$scratch/outer" -B "$scratch/within" -DCMAKE_BUILD_TYPE=MinSizeRel >/dev/null
grep -q '^ULITE_BUILD_TESTS:BOOL=OFF' "$scratch/within/CMakeCache.txt" || fail "another project builds the tests"
[[ $(flags within) == *" -Os "* ]] || fail "another project's build type is not kept: $(flags within)"
echo "a plain build is optimised, and a project within another leaves it alone"
