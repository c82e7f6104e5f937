"""A card whose spacing is not that of the source: the network's own logits of slices that SciPy resamples, brought back
by SciPy, give the labels of `ulite segment`.
usage: test_spacing.py ULITE FIXTURES PACKAGE"""
import json
import os
import struct
import subprocess
import sys
import tempfile

import nibabel
import numpy

import package
from skipping import needed_modules

with needed_modules():
    from scipy import ndimage
ULITE, FIXTURES, PACKAGE = sys.argv[1:]
ulite = package.load(PACKAGE)
os.chdir(tempfile.mkdtemp(prefix="ulite-test-"))


def model_with_spacing(columns_mm, rows_mm):
    """A copy of the fixture for axial slices whose card has that spacing and no post-processing."""
    with open(f"{FIXTURES}/axial.safetensors", "rb") as file:
        data = file.read()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    card = json.loads(header["__metadata__"]["ulite"])
    card["spacing_mm"] = [columns_mm, rows_mm]
    card.pop("postprocess", None)
    header["__metadata__"]["ulite"] = json.dumps(card)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open("model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data[8 + length:])
    return "model.safetensors"


def expected_labels(model, image, factors):
    """image [slice, row, column]; factors of rows and columns."""
    def zoomed(plane, by):
        return ndimage.zoom(plane, by, order=1, mode="nearest", grid_mode=True)

    image = (image - image.mean()) / image.std()
    planes = numpy.stack([zoomed(plane, factors) for plane in image])
    logits = ulite.Session(ulite.Model(model), *planes.shape[1:]).run(planes[:, None])
    back = [[zoomed(plane, [1 / f for f in factors]) for plane in classes] for classes in logits]
    return numpy.argmax(numpy.array(back), axis=1)


def test_finer_card():
    """Rows and columns of different lengths and spacings, each resampled by a factor of its own."""
    random = numpy.random.default_rng(3)
    shape, spacing, factors = (5, 64, 48), (2.5, 2.0), (2.5, 2.0)
    image = ndimage.gaussian_filter(random.normal(size=shape), (0.5, 2, 2)) * 2000 + 500
    image = image.round().astype(numpy.int16)
    nibabel.save(nibabel.Nifti1Image(image.T, numpy.diag([-spacing[1], -spacing[0], 3.0, 1.0])), "image.nii.gz")
    model = model_with_spacing(1.0, 1.0)
    subprocess.run([ULITE, "segment", "image.nii.gz", "-m", model, "-o", "labels.nii.gz", "-q"], check=True)
    labels = numpy.asarray(nibabel.load("labels.nii.gz").dataobj).T
    expected = expected_labels(model, image.astype(numpy.float64), factors)
    counts = numpy.bincount(expected.ravel(), minlength=3)
    wrong = int((labels != expected).sum())
    print(f"voxels by class {counts.tolist()}, {wrong} differ")
    assert (counts > expected.size // 50).sum() >= 2, counts  # something to be displaced
    assert wrong <= expected.size // 1000, wrong  # ties, rounded otherwise
    moved = [int((labels != numpy.roll(expected, 1, axis)).sum()) for axis in (1, 2)]
    assert min(moved) > 10 * max(wrong, 1), moved  # a shift of a voxel would be seen


test_finer_card()
