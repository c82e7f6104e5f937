#!/bin/bash
# Makes a trained whole-head model the bundled `brain`: weights and card, then the limits beyond which a result is doubtful
# by heads drawn from the validation maps, then its figures where the images to judge by are there.
#
#   scripts/bundle_brain.sh MODEL.safetensors MAPS [DATA]      MAPS: the data set of label maps that it was trained on;
#                                                              DATA: as bench/brain.py takes it
#
# Build everything first. A quarter of an hour on an idle machine, a third of it without DATA.
set -euo pipefail
cd "$(dirname "$0")/.."
model=$1 maps=$2 data=${3:-}
bin=build/release/bin
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

scripts/bundle.py "$model" models/brain
$bin/bench-draw-heads "$maps" models/brain/plan.json 6 "$work"
bench/brain_flags.py $bin/ulite models/brain/brain.safetensors "$work/flags.jsonl" good "$work"/*_[0-9].nii.gz
bench/brain_limits.py "$work/flags.jsonl" models/brain
[ -z "$data" ] || bench/brain.py $bin/ulite models/brain/brain.safetensors "$data" >"$work/figures.txt"
[ -z "$data" ] || scripts/brain_figures.py "$work/figures.txt"
