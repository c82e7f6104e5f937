#!/bin/bash
# The README's example, taken from its text, built against an install tree: by find_package in a project of C and in one
# of C++ alone, with either library, and by pkg-config. Without a model file it must end with UL_ERROR_INPUT.
# Usage: test_install.sh BUILD_FOLDER README
set -euo pipefail
build=$1 readme=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cmake --install "$build" --prefix "$scratch/prefix" >/dev/null
sed -n '/^```c$/,/^```$/p' "$readme" | sed '/^```/d' >"$scratch/example.c"
grep -q ul_session_run "$scratch/example.c"
sed "s/{0}/{}/" "$scratch/example.c" >"$scratch/example.cc" # C++ takes no number for a status

cat >"$scratch/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(example LANGUAGES ${language})
find_package(ulite REQUIRED)
foreach(library ulite ulite_shared)
    add_executable(with_${library} ${source})
    target_link_libraries(with_${library} ulite::${library})
endforeach()
END
for project in C:example.c CXX:example.cc; do
    language=${project%:*}
    cmake -S "$scratch" -B "$scratch/$language" -Dlanguage="$language" -Dsource="${project#*:}" \
        -DCMAKE_PREFIX_PATH="$scratch/prefix" >/dev/null
    cmake --build "$scratch/$language" >/dev/null
done

PKG_CONFIG_PATH=$(dirname "$(find "$scratch/prefix" -name ulite.pc)")
export PKG_CONFIG_PATH
# shellcheck disable=SC2046 # flags are words
gcc "$scratch/example.c" -o "$scratch/by_pkg_config" $(pkg-config --cflags --libs ulite) \
    -Wl,-rpath,"$(pkg-config --variable=libdir ulite)"

cd "$scratch"
for program in {C,CXX}/with_ulite{,_shared} ./by_pkg_config; do
    code=0
    "$program" || code=$?
    [ "$code" = 3 ] || { echo "$program without a model: exit $code, expected 3"; exit 1; }
done
echo "the README's example builds by find_package, as C and as C++, and by pkg-config"
