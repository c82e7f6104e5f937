#!/bin/bash
# ulite's main job on a real MR: around each hippocampus of the T1 head in Debian's mricron-data a DICOM series is cut, as
# a scanner would export it; the bundled model segments it into a DICOM Segmentation, a NIfTI label volume, a picture and
# volumes in mL; the result is checked and compared with the AAL atlas, whose label is drawn more widely.
#
#   ./scripts/demo.sh [FOLDER]      results go there (default: build/demo)
#
# ULITE_DEMO_MODEL names another model (a file, or a bundled one) than hippocampus.
set -euo pipefail
cd "$(dirname "$0")/.."

out=${1:-build/demo}
model=${ULITE_DEMO_MODEL:-hippocampus}
templates=/usr/share/mricron/templates
bin=build/release/bin

say() { printf '\n== %s\n' "$*"; }

# segment_side NAME ATLAS_LABEL SERIES_NUMBER: the training crops are about 36 x 50 x 36 mm as well.
segment_side() {
    local side=$1 label=$2 number=$3 to=$out/$1
    mkdir -p "$to"
    rm -rf "$to/series"
    say "The $side hippocampus: a DICOM series of the MR around it"
    $bin/ulite-make-series $templates/ch2.nii.gz -o "$to/series" --series-number "$number" \
        --description "T1 around the $side hippocampus" --around "$templates/aal.nii.gz:$label" --extent 36,50,36 \
        --labels "$templates/aal.nii.gz:$label" --truth "$to/atlas"
    $bin/ulite info "$to/series"
    say "Segmented into $to"
    $bin/ulite segment "$to/series" -m "$model" -o "$to/hippocampus.seg.dcm" -o "$to/hippocampus.nii.gz" \
        --preview "$to/preview.png" --stats "$to/volumes.csv" --report "$to/report.json"
    $bin/ulite verify "$to/hippocampus.seg.dcm" --source "$to/series"
    awk -F, 'NR > 1 { gsub(/"/, "", $2); printf "  %-24s %5.2f mL\n", $2, $4; sum += $4 }
        END { printf "  %-24s %5.2f mL\n", "together", sum }' "$to/volumes.csv"
    echo "Overlap of both parts together with the atlas label:"
    $bin/ulite eval "$to/hippocampus.nii.gz" "$to/atlas_labels.nii.gz" --merge |
        awk '/ (dice|volume_ml|truth_volume_ml) / { printf "  %-24s %5.2f\n", $1, $2 }'
}

./scripts/install-deps.sh --build
say "Building ulite (the first time takes a minute)"
[ -f build/release/build.ninja ] || cmake --preset release >/dev/null
cmake --build --preset release -- --quiet
if ! $bin/ulite info "$model" >/dev/null; then
    echo "The demo needs the model $model in models/: this checkout has none. ULITE_DEMO_MODEL=FILE takes another." >&2
    exit 1
fi

segment_side left 37 1
segment_side right 38 2

say "Done. The files are in $(cd "$out" && pwd):"
(cd "$out" && ls -d -- */*)
echo "Open a series/ folder and its hippocampus.seg.dcm in 3D Slicer or OHIF, or look at preview.png."
