#!/bin/bash
# Installs what ulite needs on Debian 12: the packages to build and run it, and, without --build, those
# that the tests compare it with. Does nothing where all is there; waits where another program holds
# apt's lock. Without the npm packages (their registry may be out of reach) it goes on: the tests that
# need them are skipped.
#
# Usage: scripts/install-deps.sh [--build|--cluster]
#
# --build: only what builds and runs it. --cluster: also Slurm, which scripts/test.sh --all starts by itself.
set -euo pipefail
cd "$(dirname "$0")/.."

# To build and run; mricron-data holds the head that the demo segments.
build_packages=(
    cmake
    g++
    gcc
    libarchive-dev
    libcairo2-dev
    libcjson-dev
    libcmocka-dev
    libcurl4-openssl-dev
    libdcmtk-dev
    libmicrohttpd-dev
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

# To test: peers, sanitizers, the cross build, format and analysis, reference and package; ca-certificates for npm, make for what
# CMake generates where nothing asks for ninja.
test_packages=(
    ca-certificates
    ccache
    chromium
    chromium-driver
    clang-14
    clang-format-14
    clang-tidy-14
    cppcheck
    dcm2niix
    dcmtk
    dicom3tools
    doxygen
    dpkg-dev
    gcc-aarch64-linux-gnu
    git
    insighttoolkit5-examples
    libc6-dev-arm64-cross
    libgdcm-tools
    libomp-14-dev
    make
    libxml2-utils
    man-db
    nifti-bin
    plastimatch
    orthanc
    orthanc-dicomweb
    python3
    python3-jsonschema
    python3-nibabel
    python3-onnx
    python3-pil
    python3-pydicom
    python3-requests
    python3-scipy
    python3-selenium
    python3-torch
    qemu-user
    teem-apps
)

# Daemons: their packages would start them where they find a configuration.
cluster_packages=(
    munge
    slurm-client
    slurmctld
    slurmd
)

packages=("${build_packages[@]}")
case "${1-}" in
--build) ;;
"") packages+=("${test_packages[@]}") ;;
--cluster) packages+=("${test_packages[@]}" "${cluster_packages[@]}") ;;
*)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# apt_get ARGUMENT...: waits for dpkg's lock, and, by trying again, for that of the lists, which apt-get does not.
apt_get() {
    local log try
    log=$(mktemp)
    for try in {1..120}; do
        if as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=600 "$@" 2>"$log"; then
            rm "$log"
            return
        fi
        grep -q '^E: Could not get lock' "$log" || break
        [ "$try" != 1 ] || echo "install-deps: waiting for another program that holds apt's lock"
        sleep "5"
    done
    cat "$log" >&2
    rm "$log"
    return 1
}

missing=()
installed=$(dpkg-query -W -f '${Package} ${Status}\n' "${packages[@]}" 2>/dev/null || true)
for package in "${packages[@]}"; do
    grep -q "^$package .* ok installed$" <<<"$installed" || missing+=("$package")
done
if [ "${1-}" != --build ]; then
    command -v node >/dev/null || missing+=(nodejs)
    command -v npm >/dev/null || missing+=(npm)
fi
if [ ${#missing[@]} -gt 0 ]; then
    echo "install-deps: installing with apt-get: ${missing[*]}"
    apt_get update
    apt_get install -y --no-install-recommends "${missing[@]}"
fi

# npm packages that tests run as judges; their install scripts only fetch what the tests do not use.
peers=tests/peers
if [ "${1-}" != --build ] && ! cmp -s $peers/package-lock.json $peers/node_modules/.installed-lock.json; then
    echo "install-deps: installing the npm packages of $peers"
    log=$(mktemp)
    if (cd $peers && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error --fetch-retries=1) 2>"$log"; then
        cp $peers/package-lock.json $peers/node_modules/.installed-lock.json
    else
        rm -rf $peers/node_modules # a part of them is none
        why=$(grep -m1 -oE '(code|network|errno) .*' "$log" || true)
        echo "install-deps: the npm packages cannot be installed (${why:-npm failed}): tests that need them are skipped"
    fi
    rm -f "$log"
fi
