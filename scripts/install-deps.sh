#!/bin/bash
# Installs what ulite needs on Debian 12: the packages to build and run it, and, without --build, those
# that the tests compare it with. Does nothing where all is there.
#
# Usage: scripts/install-deps.sh [--build]
set -euo pipefail
cd "$(dirname "$0")/.."

# To build and run; mricron-data holds the head that the demo segments.
build_packages=(
    cmake
    g++
    gcc
    libcjson-dev
    libcmocka-dev
    libdcmtk-dev
    libnifti2-dev
    libonnx-dev
    libopenjp2-7-dev
    libpng-dev
    libprotobuf-c-dev
    mricron-data
    nettle-dev
    ninja-build
    pkg-config
    protobuf-c-compiler
    protobuf-compiler
    zlib1g-dev
)

# To test: peers, sanitizers, the cross build, format and analysis.
test_packages=(
    ccache
    clang-14
    clang-format-14
    clang-tidy-14
    cppcheck
    dcm2niix
    dcmtk
    dicom3tools
    gcc-aarch64-linux-gnu
    git
    insighttoolkit5-examples
    libc6-dev-arm64-cross
    libgdcm-tools
    libomp-14-dev
    man-db
    nifti-bin
    python3
    python3-nibabel
    python3-onnx
    python3-pil
    python3-pydicom
    python3-scipy
    python3-torch
    qemu-user
)

packages=("${build_packages[@]}")
case "${1-}" in
--build) ;;
"") packages+=("${test_packages[@]}") ;;
*)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ "${1-}" != --build ]; then
    command -v node >/dev/null || missing+=(nodejs)
    command -v npm >/dev/null || missing+=(npm)
fi
if [ ${#missing[@]} -gt 0 ]; then
    echo "install-deps: installing with apt-get: ${missing[*]}"
    as_root apt-get update -q
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
fi

# npm packages that tests run as judges; their install scripts only fetch what the tests do not use.
peers=tests/peers
if [ "${1-}" != --build ] && ! cmp -s $peers/package-lock.json $peers/node_modules/.installed-lock.json; then
    echo "install-deps: installing the npm packages of $peers"
    (cd $peers && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
    cp $peers/package-lock.json $peers/node_modules/.installed-lock.json
fi
