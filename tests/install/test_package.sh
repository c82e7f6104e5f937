#!/bin/bash
# The Debian package holds what is installed, depends on what it is linked with, and its program runs.
# Usage: test_package.sh BUILD_FOLDER
set -euo pipefail
build=$1
command -v dpkg-shlibdeps >/dev/null ||
    { echo "skipped: dpkg-shlibdeps is not there"; [ "${ULITE_REQUIRE_PEERS-}" = 1 ] || exit 77; exit 1; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cpack --config "$build/CPackConfig.cmake" -B "$scratch" >"$scratch/log" 2>&1 || { cat "$scratch/log"; exit 1; }
package=$(echo "$scratch"/ulite_*.deb)
depends=$(dpkg-deb -f "$package" Depends)
for library in libdcmtk17 libcjson1 libnifti2 libpng16-16 libc6; do
    [[ $depends == *$library* ]] || { echo "no dependency on $library: $depends"; exit 1; }
done
dpkg-deb -x "$package" "$scratch/unpacked"
for file in bin/ulite include/ulite.h include/ulite/segment.h share/doc/ulite/LICENSE share/doc/ulite/docs/library.md \
    share/ulite/models/hippocampus/hippocampus.safetensors lib/python3/dist-packages/ulite/__init__.py share/man/man1; do
    [ -e "$scratch/unpacked/usr/$file" ] || { echo "$file is not in the package"; exit 1; }
done
dpkg-deb --ctrl-tarfile "$package" | tar -xO ./postinst | grep ldconfig >/dev/null
"$scratch/unpacked/usr/bin/ulite" models | grep hippocampus >/dev/null
echo "$(basename "$package"): $depends"
