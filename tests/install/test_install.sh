#!/bin/bash
# What users build against an install tree: the README's program, by find_package and by pkg-config, static and shared, in
# C and C++, and its Python lines: all write the same bytes as the installed program. The example of docs/library.md for
# the network alone likewise: without a model file it must end with UL_ERROR_INPUT.
# Usage: test_install.sh BUILD_FOLDER SOURCE_FOLDER
set -euo pipefail
build=$1 source=$2 templates=/usr/share/mricron/templates
[ -e $templates/aal.nii.gz ] || { echo "skipped: $templates/aal.nii.gz is not there"; [ "${ULITE_REQUIRE_PEERS-}" = 1 ] || exit 77; exit 1; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
prefix=$scratch/prefix
cmake --install "$build" --prefix "$prefix" >/dev/null
cd "$scratch"

# block LANGUAGE FILE: the first code block of that language.
block() {
    sed -n "/^\`\`\`$1\$/,/^\`\`\`\$/p" "$2" | sed '/^```$/q' | sed '/^```/d'
}
block c "$source/README.md" >imaging.c
block python "$source/README.md" >imaging.py
block c "$source/docs/library.md" >network.c
cmp imaging.c "$source/examples/segment_series.c"
block python "$source/docs/library.md" | cmp - "$source/examples/segment.py"
for part in imaging network; do
    sed "s/{0}/{}/" $part.c >$part.cc # C++ takes no number for a status
done

model=$prefix/share/ulite/models/hippocampus/hippocampus.safetensors
"$build/bin/ulite-make-series" $templates/ch2.nii.gz -o mr --around $templates/aal.nii.gz:37 --extent 36,50,36
"$prefix/bin/ulite" segment mr -m hippocampus -q -o expected.dcm

# check PROGRAM: of which library its name tells.
check() {
    local code=0
    if [[ $1 == *imaging* ]]; then
        rm -f out.dcm
        "$1" mr "$model" out.dcm
        cmp out.dcm expected.dcm
    else
        "$1" || code=$?
        [ "$code" = 3 ] || { echo "$1 without a model: exit $code, expected 3"; exit 1; }
    fi
}

cat >CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.25)
project(example LANGUAGES ${language})
find_package(ulite REQUIRED COMPONENTS imaging)
find_package(ulite COMPONENTS absent QUIET)
if(ulite_absent_FOUND)
    message(FATAL_ERROR "a component that there is not was found")
endif()
foreach(library network:ulite network:ulite_shared imaging:imaging imaging:imaging_shared)
    string(REPLACE ":" ";" parts ${library})
    list(GET parts 0 part)
    list(GET parts 1 target)
    add_executable(${part}_${target} ${part}.${ending})
    target_link_libraries(${part}_${target} ulite::${target})
endforeach()
END
for project in C:c CXX:cc; do
    language=${project%:*}
    cmake -S . -B "$language" -Dlanguage="$language" -Dending="${project#*:}" -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
    cmake --build "$language" >/dev/null
    for program in network_ulite network_ulite_shared imaging_imaging imaging_imaging_shared; do
        check "./$language/$program"
    done
done

PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name ulite.pc)")
export PKG_CONFIG_PATH
for part in network:ulite imaging:ulite-imaging; do
    package=${part#*:} part=${part%:*}
    # shellcheck disable=SC2046 # flags are words
    gcc $part.c -o by_pkg_config_$part $(pkg-config --cflags --libs "$package") \
        -Wl,-rpath,"$(pkg-config --variable=libdir "$package")"
    check ./by_pkg_config_$part
    static=$(pkg-config --cflags --libs --static "$package" | sed -E 's/-l(ulite(-imaging)?)( |$)/-l:lib\1.a\3/g')
    # shellcheck disable=SC2086
    gcc $part.c -o static_$part $static
    ! ldd static_$part | grep ulite
    check ./static_$part
done

PYTHONPATH=$prefix/lib/python3/dist-packages /usr/bin/python3 imaging.py
cmp out.dcm expected.dcm
echo "programs in C, C++ and Python against the install tree write what the program writes"
