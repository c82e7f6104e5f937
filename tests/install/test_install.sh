#!/bin/bash
# The README's example, taken from its text, built against an install tree: by find_package and by pkg-config.
# Without a model file it must end with UL_ERROR_INPUT.
# Usage: test_install.sh BUILD_FOLDER README
set -euo pipefail
build=$1 readme=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cmake --install "$build" --prefix "$scratch/prefix" >/dev/null
sed -n '/^```c$/,/^```$/p' "$readme" | sed '/^```/d' >"$scratch/example.c"
grep -q ul_session_run "$scratch/example.c"

cat >"$scratch/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(example LANGUAGES C)
find_package(ulite REQUIRED)
add_executable(example example.c)
target_link_libraries(example ulite::ulite)
END
cmake -S "$scratch" -B "$scratch/build" -DCMAKE_PREFIX_PATH="$scratch/prefix" >/dev/null
cmake --build "$scratch/build" >/dev/null

PKG_CONFIG_PATH=$(dirname "$(find "$scratch/prefix" -name ulite.pc)")
export PKG_CONFIG_PATH
# shellcheck disable=SC2046 # flags are words
gcc "$scratch/example.c" -o "$scratch/by_pkg_config" $(pkg-config --cflags --libs ulite) \
    -Wl,-rpath,"$(pkg-config --variable=libdir ulite)"

cd "$scratch"
for program in build/example ./by_pkg_config; do
    code=0
    "$program" || code=$?
    [ "$code" = 3 ] || { echo "$program without a model: exit $code, expected 3"; exit 1; }
done
echo "the README's example builds by find_package and pkg-config"
