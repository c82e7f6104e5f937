#!/bin/sh
# Writes the corpus of the fuzz targets `seg_source` and `rtstruct` and their source images: a series of three tiny slices, SEGs and
# structure sets on it.
# And for the target `seg` objects of frames that end within a byte, in RLE and deflated.
#
# usage: make_seg_corpus.sh ULITE_MAKE_SERIES ULITE tests/fuzz
set -eu
make=$1 ulite=$2 fuzz=$3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$fuzz/corpus/seg_source" "$fuzz/corpus/rtstruct"
rm -rf "$fuzz/source"
"$make" /usr/share/mricron/templates/ch2.nii.gz -o "$fuzz/source" --box 60:76,80:92,50:53 >/dev/null
"$ulite" convert -q "$fuzz/source" -o "$scratch/image.nii"
/usr/bin/python3 - "$scratch" <<'PYTHON'
import sys
import nibabel
import numpy
image = nibabel.load(sys.argv[1] + "/image.nii")
values = numpy.asarray(image.dataobj)
middle = numpy.median(values)
labels = (values > middle).astype(numpy.uint8) + (values > 1.2 * middle)
nibabel.save(nibabel.Nifti1Image(labels.astype(numpy.uint8), image.affine), sys.argv[1] + "/labels.nii")
labels[:, :, 1] = 0
nibabel.save(nibabel.Nifti1Image(labels.astype(numpy.uint8), image.affine), sys.argv[1] + "/two.nii")
PYTHON
for name in labels two; do
    "$ulite" convert -q "$scratch/$name.nii" -o "$fuzz/corpus/seg_source/$name.dcm" --source "$fuzz/source"
    "$ulite" convert -q "$scratch/$name.nii" -o "$fuzz/corpus/rtstruct/$name.rtstruct.dcm" --source "$fuzz/source"
done

"$make" /usr/share/mricron/templates/ch2.nii.gz -o "$scratch/odd" --box 60:75,80:91,50:53 >/dev/null
"$ulite" convert -q "$scratch/odd" -o "$scratch/odd.nii"
/usr/bin/python3 - "$scratch" <<'PYTHON'
import sys
import nibabel
import numpy
image = nibabel.load(sys.argv[1] + "/odd.nii")
values = numpy.asarray(image.dataobj)
nibabel.save(nibabel.Nifti1Image((values > numpy.median(values)).astype(numpy.uint8), image.affine), sys.argv[1] + "/odd.nii")
PYTHON
"$ulite" convert -q "$scratch/odd.nii" -o "$scratch/odd.dcm" --source "$scratch/odd" --type binary
for how in rle deflate; do
    /usr/bin/python3 "$fuzz/../seg/compress_binary.py" "$scratch/odd.dcm" "$fuzz/corpus/seg/binary_$how.dcm" "$how"
done
