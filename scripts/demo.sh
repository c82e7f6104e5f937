#!/bin/bash
# ulite's main job on a real MR: the T1 head in Debian's mricron-data as a DICOM series, as a scanner would export it; the
# bundled models segment its brain, then both hippocampi, into DICOM Segmentations, NIfTI labels, pictures and volumes.
#
#   ./scripts/demo.sh [FOLDER]      results go there (default: build/demo)
set -euo pipefail
cd "$(dirname "$0")/.."

out=${1:-build/demo}
templates=/usr/share/mricron/templates
bin=build/release/bin
cut=2:178,0:216,0:181 # 176 x 216 pixels: viewers of today misread BINARY frames that fill no whole bytes

say() { printf '\n== %s\n' "$*"; }

# A line for every ten percent of a build, and what fails.
build() {
    [ -f build/release/build.ninja ] || cmake --preset release >/dev/null
    NINJA_STATUS='%p ' cmake --build --preset release --target ulite_program ulite_make_series |
        awk '!/^ *[0-9]+% / { print; next }
             { done = $1 + 0; if (done >= due) { printf "  %d %%\n", done; fflush(); due = 10 * int(done / 10) + 10 } }'
}

# volumes CSV: the structures of one side beside those of the other.
volumes() {
    awk -F, 'NR > 1 {
            gsub(/"/, "", $2); name = $2; side = ""
            if (name ~ /^[Ll]eft /) side = "left"; else if (name ~ /^[Rr]ight /) side = "right"
            if (side) name = substr(name, length(side) + 2)
            if (!(name in seen)) { seen[name] = 1; order[++count] = name }
            ml[name, side] = $4; sum[side] += $4
        }
        END {
            printf "  %-40s %8s %8s\n", "mL", "left", "right"
            for (n = 1; n <= count; n++)
                if ((order[n], "left") in ml) printf "  %-40s %8.2f %8.2f\n", order[n], ml[order[n], "left"], ml[order[n], "right"]
                else printf "  %-40s %12.2f\n", order[n], ml[order[n], ""]
            if (sum["right"] > 0 && sum["left"] < 20) printf "  %-40s %8.2f %8.2f\n", "together", sum["left"], sum["right"]
        }' "$1"
}

./scripts/install-deps.sh --build
say "Building ulite (the first time takes a minute or two)"
build

say "A head: one man's T1 at 1 mm, 181 slices, as a DICOM series"
rm -rf "$out"
mkdir -p "$out"
$bin/ulite-make-series $templates/ch2.nii.gz -o "$out/head" --box $cut --description "T1 of a whole head"
$bin/ulite info "$out/head"

say "Its brain: 30 structures, as a DICOM Segmentation, NIfTI labels, a picture and a table"
started=$(date +%s)
$bin/ulite segment "$out/head" -m brain -o "$out/brain.seg.dcm" -o "$out/brain.nii.gz" \
    --preview "$out/brain.png" --stats "$out/brain.csv" --report "$out/brain.json" --quiet
echo "It took $(($(date +%s) - started)) seconds, of which reading and writing are a part. The volumes:"
volumes "$out/brain.csv"
awk -F, 'NR > 1 && $NF != "" { doubtful++ } END { printf "Doubtful by their volume, pieces, border or surface: %d of %d.\n", doubtful, NR - 1 }' "$out/brain.csv"
echo "Grey and white matter of healthy adults are some 400 to 800 mL each, both sides together; left and right of one"
echo "structure differ by a few percent. This model was trained on drawn images alone and never saw a real one."

say "The skull taken off: the brain as one mask, and the image under it"
$bin/ulite segment "$out/head" -m brain --only brain -o "$out/mask.nii.gz" --mask "$out/stripped.nii.gz" --quiet
$bin/ulite-make-series $templates/ch2bet.nii.gz -o "$out/bet" --box $cut --description "the head stripped by BET"
$bin/ulite convert "$out/bet" -o "$out/bet.nii.gz" --quiet
rm -r "$out/bet"
$bin/ulite eval "$out/mask.nii.gz" "$out/bet.nii.gz" --merge |
    awk '/ dice / { printf "Overlap with what BET, another program, takes for the brain: Dice %.3f\n", $2 }'
echo "1 would be the same mask; expect 0.93 to 0.97: BET's has the fluid in the furrows, this one follows the cortex."

say "Both hippocampi, in boxes that the model brain finds"
$bin/ulite segment "$out/head" -m hippocampus -o "$out/hippocampi.seg.dcm" -o "$out/hippocampi.nii.gz" \
    --preview "$out/hippocampi.png" --stats "$out/hippocampi.csv" --report "$out/hippocampi.json"
$bin/ulite verify "$out/hippocampi.seg.dcm" --source "$out/head"
volumes "$out/hippocampi.csv"
echo "One side is 2.1 to 4.8 mL in the 205 people that this model was trained on; the report has the boxes."

say "Done. The files are in $(cd "$out" && pwd):"
(cd "$out" && ls)
echo "Look at brain.png and hippocampi.png, or open head/ with brain.seg.dcm in OHIF, with hippocampi.seg.dcm in 3D Slicer too."
