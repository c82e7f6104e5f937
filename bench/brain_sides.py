#!/usr/bin/python3
"""No structure on the wrong side: brain_sides.py ULITE MODEL IMAGE...

Segments each image as it is, mirrored (the pixels turned around, so that left is right), turned by 20 degrees about each
axis, and cut in half. IMAGE lies in a folder images/, its labels by FreeSurfer's numbers in ../labels. Prints for each
the share of the voxels of true left and right structures that are called by the other side's name, and the structures
of which most are: exit 1 where there is one."""
import os
import subprocess
import sys
import tempfile

import nibabel
import numpy
import scipy.ndimage

from brain import STRUCTURES, classes_of


def halves(pixels, truth, lateral):
    """The head without its right, then without its left half, cut between the sides' middles."""
    middles = []
    for side in (0, 1):
        own = numpy.isin(truth, [n for pair in STRUCTURES.values() if pair[1] for n in pair[side]])
        middles.append(numpy.argwhere(own)[:, lateral].mean())
    index = numpy.arange(pixels.shape[lateral]).reshape([-1 if n == lateral else 1 for n in range(3)])
    low = index < sum(middles) / 2
    for name, side in (("left half", 0), ("right half", 1)):
        keep = low if middles[side] < middles[1 - side] else ~low
        yield name, pixels * keep, truth * keep


def changes(pixels, truth, lateral):
    """Name, pixels and truth of each change of a head, on its own grid; lateral: the axis between left and right."""
    yield "as it is", pixels, truth
    mirror = tuple(slice(None, None, -1) if n == lateral else slice(None) for n in range(3))
    swap = numpy.arange(truth.max() + 1)
    for left, right in STRUCTURES.values():
        for a, b in zip(left, right):
            if max(a, b) < len(swap):
                swap[a], swap[b] = b, a
    middle = (numpy.array(pixels.shape) - 1) / 2
    yield "mirrored", pixels[mirror], swap[truth[mirror]]
    for axis in range(3):
        turn, (a, b) = numpy.eye(3), [n for n in range(3) if n != axis]
        turn[a, a] = turn[b, b] = numpy.cos(numpy.radians(20))
        turn[a, b], turn[b, a] = -numpy.sin(numpy.radians(20)), numpy.sin(numpy.radians(20))
        offset = middle - turn @ middle
        yield (f"turned about {'xyz'[axis]}", scipy.ndimage.affine_transform(pixels, turn, offset, order=1),
               scipy.ndimage.affine_transform(truth, turn, offset, order=0))
    yield from halves(pixels, truth, lateral)


def judge(found, got, truth):
    """Share of the sided voxels that are called by the other side's name, and the structures that mostly are."""
    wrong = total = 0
    swapped = []
    for name, (left, right) in STRUCTURES.items():
        if not right:
            continue
        for own, partner, numbers, others in ((left, right, *found[name]), (right, left, *reversed(found[name]))):
            mine = numpy.isin(truth, own)
            there, away = (mine & numpy.isin(got, numbers)).sum(), (mine & numpy.isin(got, others)).sum()
            wrong, total = wrong + away, total + there + away
            if away > there and 4 * mine.sum() > numpy.isin(truth, partner).sum():  # no sliver at a cut
                swapped.append(name)
    return wrong / max(total, 1), swapped


def main():
    ulite, model, *images = sys.argv[1:]
    found = classes_of(ulite, model)[1]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for path in images:
            image = nibabel.load(path)
            pixels = numpy.asarray(image.dataobj).astype(numpy.float32)
            truth = numpy.asarray(nibabel.load(path.replace("/images/", "/labels/")).dataobj).astype(int)
            lateral = "".join(nibabel.aff2axcodes(image.affine)).replace("R", "L").index("L")
            for name, head, labels in changes(pixels, truth, lateral):
                source, out = os.path.join(folder, "head.nii"), os.path.join(folder, "labels.nii.gz")
                nibabel.Nifti1Image(head, image.affine).to_filename(source)
                subprocess.run([ulite, "segment", source, "-m", model, "-o", out, "--force", "--quiet"], check=True)
                share, swapped = judge(found, numpy.asarray(nibabel.load(out).dataobj).astype(int), labels)
                failed += len(swapped)
                print(f"{os.path.basename(path)[:28]:28} {name:14} {100 * share:6.2f} %  {', '.join(swapped)}", flush=True)
    print(f"{failed} structures swapped")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
