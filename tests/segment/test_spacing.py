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


def model_with_spacing(columns_mm, rows_mm, planes=("axial",)):
    """A copy of the fixture for axial slices whose card has that spacing, those planes and no post-processing."""
    with open(f"{FIXTURES}/axial.safetensors", "rb") as file:
        data = file.read()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    card = json.loads(header["__metadata__"]["ulite"])
    card["spacing_mm"], card["planes"] = [columns_mm, rows_mm], planes
    card.pop("postprocess", None)
    header["__metadata__"]["ulite"] = json.dumps(card)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open("model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data[8 + length:])
    return "model.safetensors"


def logits_of(model, image, factors):
    """[slice, class, row, column] of a normalised image [slice, row, column]; factors of rows and columns."""
    def zoomed(plane, by):
        return ndimage.zoom(plane, by, order=1, mode="nearest", grid_mode=True)

    planes = numpy.stack([zoomed(plane, factors) for plane in image])
    logits = ulite.Session(ulite.Model(model), *planes.shape[1:]).run(planes[:, None])
    return numpy.array([[zoomed(plane, [1 / f for f in factors]) for plane in classes] for classes in logits])


def normalised(image):
    return (image - image.mean()) / image.std()


def made_image(shape, spacing):
    """[slice, row, column] of blobs, and that in image.nii.gz, axial; spacing in the same order."""
    random = numpy.random.default_rng(3)
    image = ndimage.gaussian_filter(random.normal(size=shape), (0.5, 2, 2)) * 2000 + 500
    image = image.round().astype(numpy.int16)
    affine = numpy.diag([-spacing[2], -spacing[1], spacing[0], 1.0])
    nibabel.save(nibabel.Nifti1Image(image.T, affine), "image.nii.gz")
    return image.astype(numpy.float64)


def labels_of(model):
    subprocess.run([ULITE, "segment", "image.nii.gz", "-m", model, "-o", "labels.nii.gz", "-q"], check=True)
    return numpy.asarray(nibabel.load("labels.nii.gz").dataobj).T


def test_finer_card():
    """Rows and columns of different lengths and spacings, each resampled by a factor of its own."""
    image = made_image((5, 64, 48), (3.0, 2.5, 2.0))
    model = model_with_spacing(1.0, 1.0)
    labels, expected = labels_of(model), numpy.argmax(logits_of(model, normalised(image), (2.5, 2.0)), axis=1)
    counts = numpy.bincount(expected.ravel(), minlength=3)
    wrong = int((labels != expected).sum())
    print(f"voxels by class {counts.tolist()}, {wrong} differ")
    assert (counts > expected.size // 50).sum() >= 2, counts  # something to be displaced
    assert wrong <= expected.size // 1000, wrong  # ties, rounded otherwise
    moved = [int((labels != numpy.roll(expected, 1, axis)).sum()) for axis in (1, 2)]
    assert min(moved) > 10 * max(wrong, 1), moved  # a shift of a voxel would be seen


def test_planes_across_thick_slices_count_less():
    """Slices of 4 mm: what coronal pixels of 1 mm show of them weighs half as much as what axial ones do, in sums of whole
    parts of 1/128 whose weights are 1 in the mean."""
    image = normalised(made_image((16, 64, 96), (4.0, 1.0, 1.0)))
    model = model_with_spacing(1.0, 1.0, ("axial", "coronal"))
    labels = labels_of(model)
    axial = logits_of(model, image, (1, 1)).transpose(1, 0, 2, 3)
    coronal = logits_of(model, image[::-1].transpose(1, 0, 2), (4, 1)).transpose(1, 2, 0, 3)[:, ::-1]
    wrong = {}
    for ratio in (0.25, 0.5, 1.0):
        parts = [numpy.rint(128 * logits * weight * 2 / (1 + ratio)) for logits, weight in ((axial, 1), (coronal, ratio))]
        wrong[ratio] = int((labels != numpy.argmax(parts[0] + parts[1], axis=0)).sum())
    print(f"of {labels.size} voxels differ, by the weight of coronal to axial slices: {wrong}")
    assert wrong[0.5] <= labels.size // 500 and 10 * wrong[0.5] < min(wrong[0.25], wrong[1.0]), wrong


test_finer_card()
test_planes_across_thick_slices_count_less()
