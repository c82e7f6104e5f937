#!/bin/bash
# What ulite does so far, on a real MR: a DICOM series is cut around the left hippocampus of the T1 head in Debian's
# mricron-data, listed, converted to NIfTI; the AAL atlas label becomes a DICOM Segmentation on it, which is verified and
# read back. Segmenting with a trained model joins when the first model is bundled.
#
#   ./scripts/demo.sh [FOLDER]      results go there (default: build/demo)
set -euo pipefail
cd "$(dirname "$0")/.."

out=${1:-build/demo}
atlas=/usr/share/mricron/templates/aal.nii.gz
ulite=build/release/bin/ulite

say() { printf '\n%s\n' "$*"; }

./scripts/install-deps.sh --build
if [ ! -x "$ulite" ] || [ ! -x build/release/bin/ulite-make-series ]; then
    say "Building ulite (once)"
    cmake --preset release >/dev/null
    cmake --build --preset release
fi

mkdir -p "$out"
rm -rf "$out/series"
say "A DICOM series around the left hippocampus"
build/release/bin/ulite-make-series /usr/share/mricron/templates/ch2.nii.gz -o "$out/series" \
    --around "$atlas:37" --extent 36,50,36 --labels "$atlas:37" --truth "$out/truth"
$ulite info "$out/series"

say "DICOM to NIfTI, atlas label to DICOM Segmentation, and back"
$ulite convert "$out/series" -o "$out/t1.nii.gz"
$ulite convert "$out/truth_labels.nii.gz" -o "$out/segmentation.dcm" --source "$out/series"
$ulite convert "$out/segmentation.dcm" -o "$out/labels.nii.gz" --source "$out/series"
$ulite verify "$out/segmentation.dcm" --source "$out/series" || true

say "The network's speed on this machine (weights untrained)"
$ulite bench

say "No trained model is bundled yet. The files are in $out: open series/ and segmentation.dcm in 3D Slicer or OHIF."
