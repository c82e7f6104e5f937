#!/usr/bin/python3
"""Series of many makers against NIfTI files that other converters made of them: dcm_qa_ts,
dcm_qa_enh and the ground truths of dicom2nifti. Values within 1e-3, voxels at the same places.

usage: test_reference.py DUMP_SERIES ULITE SHARED"""
import glob
import itertools
import os
import subprocess
import sys
import tempfile

from dumped import Reader, affine_ras, rescaled
from skipping import need, needed_modules

with needed_modules():
    import nibabel
    import numpy as np

ULITE = sys.argv[2]


def converted(path, *options):
    """What `ulite convert` makes of it."""
    with tempfile.TemporaryDirectory() as scratch:
        out = os.path.join(scratch, "out.nii")
        subprocess.run([ULITE, "convert", path, "-q", "-o", out, *options], check=True)
        data, matrix = theirs(out)
        return np.array(data), matrix


def ours(reader, path, index=0):
    """Values as [i, j, k(, channel)] and the matrix to RAS."""
    series, stored = reader.read(path, index=index)
    assert series["stack"] in (1, 2), series["stack"]
    values = stored if series["channels"] == 3 else rescaled(series, stored)
    return np.swapaxes(values, 0, 2), affine_ras(series)


def theirs(path):
    image = nibabel.load(path)
    data = np.asanyarray(image.dataobj)
    if data.dtype.names:
        data = np.stack([data[name] for name in "RGB"], axis=-1)
    while data.ndim > 3 and data.shape[-1] == 1:
        data = data[..., 0]
    return data, image.affine


def flipped_to(values, matrix, shape, target):
    """Values reordered by axis flips so that matrix becomes target, if it can."""
    for flips in itertools.product((False, True), repeat=3):
        move = np.eye(4)
        for axis, flip in enumerate(flips):
            if flip:
                move[axis, axis], move[axis, 3] = -1, shape[axis] - 1
        if np.allclose(matrix @ move, target, atol=1e-3):
            return np.flip(values, [a for a in range(3) if flips[a]])
    raise AssertionError(f"no flip of axes takes\n{matrix}\nto\n{target}")


def compare(name, values, matrix, reference, target):
    assert values.shape == reference.shape, (name, values.shape, reference.shape)
    values = flipped_to(values, matrix, reference.shape, target)
    values, reference = values.astype(float), reference.astype(float)
    error = (np.abs(values - reference) / np.maximum(np.abs(reference), 1e-9)).max()
    assert error <= 1e-3, f"{name}: values differ by {error:g} of themselves"


def ground_truths(reader, folder):
    paths = sorted(glob.glob(folder + "/**/*_ground_truth.nii.gz", recursive=True))
    assert len(paths) == 22, len(paths)
    for path in paths:
        source = path.replace("_ground_truth.nii.gz", "")
        assert len(reader.list(source)) == 1, source
        compare(source, *ours(reader, source), *theirs(path))
        compare(source, *converted(source), *theirs(path))


def transfer_syntaxes(reader, folder):
    """A mosaic in nine syntaxes: the same pixels from all, and as dcm2niix cuts it."""
    first = None
    syntaxes = set()
    for number in range(1, 10):
        source = f"{folder}/In/{number}.dcm"
        series, stored = reader.read(source)
        assert series["mosaic"] and series["size"] == [64, 64, 35], series["size"]
        syntaxes.add(series["syntax"])
        first = stored if first is None else first
        assert np.array_equal(stored, first), source
        compare(source, *ours(reader, source), *theirs(f"{folder}/Ref/{number}.nii"))
        compare(source, *converted(source), *theirs(f"{folder}/Ref/{number}.nii"))
    assert len(syntaxes) == 7, syntaxes
    # Side by side they are nine volumes: one series UID, but a number each.
    together = reader.list(folder + "/In")
    assert [series["number"] for series in together] == list(range(1, 10)), together


def enhanced(reader, folder):
    philips = f"{folder}/In/Philips"
    magnitude = [s for s in range(len(reader.list(philips)))
                 if "\\M\\" in reader.list(philips)[s]["split"]]
    assert len(magnitude) == 1
    series, stored = reader.read(philips, index=magnitude[0])
    reference = nibabel.load(f"{folder}/Ref/Philips_WIP_B0_NS_801_e1.nii")
    compare(philips, np.swapaxes(stored, 0, 2), affine_ras(series),
            reference.dataobj.get_unscaled(), reference.affine)
    # The reference holds the scanner's floating-point values.
    compare("--philips-float", *converted(philips, "--series", f"801.{magnitude[0] + 1}", "--philips-float"),
            reference.get_fdata(), reference.affine)
    siemens = f"{folder}/In/Siemens/XA10"
    data, target = theirs(f"{folder}/Ref/Siemens_REST1_w_SMS_PF7-8_6.nii")
    splits = [series["split"] for series in reader.list(siemens)]
    number = reader.list(siemens)[0]["number"]
    assert len(splits) == data.shape[3] == len(set(splits)), splits
    for time in range(data.shape[3]):
        compare(f"{siemens} {splits[time]}", *ours(reader, siemens, time), data[..., time], target)
        compare(splits[time], *converted(siemens, "--series", f"{number}.{time + 1}"), data[..., time], target)


def tilted_and_decubitus(reader, shared):
    series, = reader.list(shared + "/dicom/dcm_qa_ct_tilt")
    assert series["size"] == [512, 512, 54] and series["stack"] == 2, series["stack"]
    assert "gantry tilt -18.5 degrees" in series["notes"].values(), series["notes"]
    steps = np.diff(np.array(series["origins"]), axis=0)
    normal = np.cross(series["axes"][:3], series["axes"][3:])
    assert np.allclose(np.linalg.norm(steps, axis=1), 2.5, atol=1e-3)
    assert np.allclose(steps @ normal, 2.5 * np.cos(np.radians(18.5)), atol=1e-3)
    series, = reader.list(shared + "/dicom/dcm_qa_decubitus")
    assert series["size"] == [256, 256, 35] and series["stack"] == 1, series["stack"]


def main():
    reader, shared = Reader(sys.argv[1]), sys.argv[3] + "/data"
    need(shared + "/dicom")
    ground_truths(reader, shared + "/dicom/dicom2nifti")
    transfer_syntaxes(reader, shared + "/dicom/dcm_qa_ts")
    enhanced(reader, shared + "/dicom/dcm_qa_enh")
    tilted_and_decubitus(reader, shared)
    print("all series equal their references")


main()
