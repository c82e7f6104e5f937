#!/bin/sh
# Writes the corpus of the fuzz target `dicom`: images of a few pixels in every transfer syntax and shape of object.
#
# usage: make_dicom_corpus.sh ULITE_MAKE_SERIES tests/fuzz/corpus/dicom
set -eu
make=$1 corpus=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$corpus"

# seed NAME OPTION...: the first file of a series becomes NAME.dcm
seed() {
    name=$1
    shift
    "$make" /usr/share/mricron/templates/ch2.nii.gz -o "$scratch/$name" --box 60:72,80:90,50:52 "$@" >/dev/null
    cp "$(find "$scratch/$name" -type f | sort | head -n 1)" "$corpus/$name.dcm"
}

for syntax in implicit explicit bigendian deflated rle jpeg-baseline jpeg-lossless jpegls jpeg2000; do
    seed "$syntax" --syntax "$syntax"
done
seed rle_rgb --syntax rle --photometric RGB
seed ybr_422 --photometric YBR_FULL_422
seed palette --photometric PALETTE
seed modality_lut --modality-lut
seed packed --bits 12,16,14 --signed --junk --padding -500
seed no_meta --no-meta
seed frames --multi-frame
seed frames_rle --multi-frame --syntax rle
seed frames_jpeg2000 --multi-frame --syntax jpeg2000
seed cine --multi-frame --no-positions
seed japanese --charset japanese
