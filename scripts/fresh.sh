#!/bin/bash
# The README's two commands as a new user runs them: in a minimal Debian 12, made here, with nothing but a clone of this
# repository. Then `cmake --install`, and the installed program by its name. Needs root and network; the root is removed
# at the end unless something failed.
#
# Usage: scripts/fresh.sh [--quick | --package ULITE.deb] [FOLDER]
#
# --package installs that package of a build (cpack) in a minimal Debian 12 and runs it, in the place of all else.
# --quick runs `test.sh --quick` instead of all tests. FOLDER (default: a new one in $TMPDIR) gets the root and the logs.
# Exits 77 where no root can be made: not by this user, no debootstrap, no mounts, no mirror. Uncommitted changes have no part in it.
set -euo pipefail
cd "$(dirname "$0")/.."

tests=() package=
if [ "${1-}" = --quick ]; then
    tests=(--quick)
    shift
elif [ "${1-}" = --package ]; then
    package=$2
    shift 2
fi
[ "$(id -u)" = 0 ] || { echo "fresh: skipped: only root can make a root of its own"; exit 77; }
apt=(apt-get -q -o DPkg::Lock::Timeout=600)
command -v debootstrap >/dev/null || "${apt[@]}" install -y --no-install-recommends debootstrap >/dev/null 2>&1 ||
    { echo "fresh: skipped: debootstrap cannot be installed"; exit 77; }

folder=${1:-$(mktemp -d "${TMPDIR:-/tmp}/ulite-fresh-XXXXXX")}
root=$folder/root
mkdir -p "$folder"
[ ! -e "$root" ] || { echo "fresh: $root is there already: give another folder" >&2; exit 2; }

# What a container has, and no more: proc, the devices, a pts of its own.
attach() {
    mount -t proc proc "$root/proc" && mount -t tmpfs -o mode=755 tmpfs "$root/dev" || return
    mkdir "$root/dev/pts" "$root/dev/shm"
    local device name major minor
    for device in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
        IFS=: read -r name major minor <<<"$device"
        mknod -m 666 "$root/dev/$name" c "$major" "$minor"
    done
    mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts" &&
        mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm" || return
    ln -s pts/ptmx "$root/dev/ptmx"
    ln -s /proc/self/fd "$root/dev/fd"
    ln -s /proc/self/fd/0 "$root/dev/stdin"
    ln -s /proc/self/fd/1 "$root/dev/stdout"
    ln -s /proc/self/fd/2 "$root/dev/stderr"
}

detach() {
    local mounted
    for mounted in dev/shm dev/pts dev proc; do
        ! mountpoint -q "$root/$mounted" || umount "$root/$mounted" || return
    done
}
finish() {
    local code=$?
    detach
    if [ "$code" = 0 ] || [ "$code" = 77 ]; then
        rm -rf --one-file-system "$root"
    else
        echo "fresh: what is left is in $folder" >&2
    fi
}
trap finish EXIT

# inside COMMAND...: in the root, with its own environment; only proxies are taken over.
inside() {
    local kept=() name
    for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
        [ -z "${!name-}" ] || kept+=("$name=${!name}")
    done
    chroot "$root" /usr/bin/env -i HOME=/root TERM=dumb LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        "${kept[@]}" "$@"
}

# step NAME COMMAND...: with its output in FOLDER/NAME.log, whose end is shown where it fails.
step() {
    local name=$1 start=$SECONDS
    shift
    if "$@" >"$folder/$name.log" 2>&1 </dev/null; then
        echo "fresh: $name passed in $((SECONDS - start)) s$(grep -E '^[0-9]+% tests passed' "$folder/$name.log" | sed 's/^/: /')"
    else
        echo "fresh: $name FAILED after $((SECONDS - start)) s; the end of $folder/$name.log:"
        tail -60 "$folder/$name.log"
        exit 1
    fi
}

# made COMMAND: the root, of which nothing is this repository's doing.
made() {
    local start=$SECONDS
    if "$@" >"$folder/root.log" 2>&1 </dev/null; then
        echo "fresh: root passed in $((SECONDS - start)) s"
        return
    fi
    tail -5 "$folder/root.log"
    echo "fresh: skipped: no root can be made here (the lines above)"
    exit 77
}

# As this machine reaches Debian: its sources, the configuration of its apt, hosts, and the certificates added to it.
copy_apt() {
    cp /etc/resolv.conf /etc/hosts "$root/etc/"
    local from
    rm -f "$root/etc/apt/sources.list"
    for from in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
        ! grep -qsE '^[^#]*bookworm' "$from" || ! grep -qs debian "$from" || cp --parents "$from" "$root"
    done
    grep -rlsiE '^[^/#]*(acquire|proxy)' /etc/apt/apt.conf.d /etc/apt/apt.conf | xargs -r cp --parents -t "$root"
    [ ! -d /usr/local/share/ca-certificates ] || cp -r /usr/local/share/ca-certificates "$root/usr/local/share/"
    echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/unsafe-io" # as container images do: nobody keeps this root
}

# The mirror that this machine's apt takes bookworm from.
mirror() {
    apt-get indextargets --format '$(SITE)/' 'Created-By: Packages' 'Codename: bookworm' 'Component: main' | head -1 | sed 's,/*$,,'
}

# Each of these ends with the first command that fails: they are asked about their end, which set -e passes over.
bare() {
    debootstrap --variant=minbase bookworm "$root" "$(mirror)" && copy_apt && attach && inside apt-get update -q
}

prepare() {
    bare && inside apt-get install -q -y --no-install-recommends ca-certificates git && # what `git clone` needs
        inside update-ca-certificates &&
        git -c safe.directory='*' clone --quiet --no-hardlinks "$PWD" "$root/srv/ulite"
}

installed() {
    inside cmake --install /srv/ulite/build/release --prefix /usr/local && inside ldconfig &&
        mv "$root/srv/ulite" "$root/srv/gone" && # so that nothing of the tree is needed
        inside sh -c 'cd /tmp && ulite --version && ulite segment /srv/gone/build/demo/head -m hippocampus -o hippocampi.seg.dcm &&
        ulite verify hippocampi.seg.dcm --source /srv/gone/build/demo/head'
}

# The package with what it depends on, then the program and the Python package, which write the same.
packaged() {
    local templates=/usr/share/mricron/templates
    cp "$package" examples/segment.py "$root/srv/" && mv "$root/srv/$(basename "$package")" "$root/srv/ulite.deb" &&
        "$(dirname "$package")/bin/ulite-make-series" $templates/ch2.nii.gz -o "$root/srv/series" \
            --around $templates/aal.nii.gz:37 --extent 36,50,36 &&
        inside apt-get install -q -y --no-install-recommends /srv/ulite.deb &&
        inside sh -c 'cd /tmp && ulite --version && ulite segment /srv/series -m hippocampus -o a.seg.dcm -o a.nii.gz &&
        ulite verify a.seg.dcm --source /srv/series' &&
        inside apt-get install -q -y --no-install-recommends python3-numpy &&
        inside sh -c 'cd /tmp && python3 /srv/segment.py /srv/series hippocampus b.seg.dcm b.nii.gz &&
        cmp a.seg.dcm b.seg.dcm && cmp a.nii.gz b.nii.gz'
}

if [ "$package" ]; then
    made bare
    step package packaged
    echo "fresh: the package runs in a new Debian 12"
    exit 0
fi
made prepare
step demo inside /srv/ulite/scripts/demo.sh
step tests inside /srv/ulite/scripts/test.sh "${tests[@]}"
step install installed
echo "fresh: a new Debian 12 needs nothing but this repository"
