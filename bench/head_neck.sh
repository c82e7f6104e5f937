#!/bin/bash
# Judges the bundled head-neck model on the cases that its split.json keeps for that, at the data's own resolution:
# head_neck.sh ULITE DATA FOLDER, where DATA is what models/head-neck/make.py made and FOLDER gets the labels and table.md.
set -euo pipefail
ulite=$1 data=$2 folder=$3
models=$(dirname "$0")/../models/head-neck
mkdir -p "$folder/labels" "$folder/truth"
for image in "$data"/images/validation_*.nii.gz; do
    name=$(basename "$image")
    "$ulite" segment "$image" -m "$models/head-neck.safetensors" -o "$folder/labels/$name" -q
    ln -sf "$(realpath "$data/labels/$name")" "$folder/truth/$name"
done
"$ulite" eval "$folder/labels" "$folder/truth" --segments "$models/segments.json" --tolerance 4 --table "$folder/table.md" -q
