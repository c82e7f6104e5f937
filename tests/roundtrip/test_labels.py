#!/usr/bin/python3
"""Labels -> SEG -> labels for sources of every geometry: identical, and every frame at the place of
its slice, read back by pydicom; dciodvfy finds no error.

usage: test_labels.py MAKE_SERIES ULITE"""
import os
import sys
import tempfile

from shared import (AAL, BOX, GEOMETRIES, HEAD, UNEVEN, UNPLACED, Programs, check_seg,
                    dciodvfy_errors, in_space, load, nibabel, np, write_labels, write_segments)
from skipping import need


def write_even(programs, folder, options, truth, path):
    """The labels on an even grid, without those between the slices of the source: while those are
    there, the conversion is refused."""
    even, labels = write_labels(programs, folder + "_even", options, path)
    programs.run("convert", path, "-o", folder + ".dcm", "--source", folder, status=5)
    places = [s["position"] for s in truth["volumes"][0]["slices"]]
    for k, slice_ in enumerate(even["volumes"][0]["slices"]):
        if np.abs(np.array(places) - slice_["position"]).max(axis=1).min() > 1e-6:
            labels[:, :, k] = 0
    image = nibabel.load(path)
    nibabel.save(nibabel.Nifti1Image(labels, None, image.header), path)


def check(programs, name, options, segments, scratch):
    folder = os.path.join(scratch, "".join(c if c.isalnum() else "_" for c in name))
    path, seg, back = folder + "_labels.nii.gz", folder + ".dcm", folder + "_back.nii.gz"
    truth, labels = write_labels(programs, folder, [*BOX, *options], path)
    if name in UNEVEN:
        write_even(programs, folder, [*BOX, *UNEVEN[name]], truth, path)
    assert len(np.unique(labels)) > 2, f"{name}: too few labels to prove anything"
    programs.run("convert", path, "-q", "-o", seg, "--source", folder, "--segments", segments)
    check_seg(seg, truth, labels, name)
    errors = dciodvfy_errors(seg)
    assert not errors, f"{name}: dciodvfy: {errors[0]}"
    if name in UNEVEN:  # no matrix says where the slices lie
        programs.run("convert", seg, "-o", back, "--source", folder, status=5)
        assert not os.path.exists(back)
        return
    programs.run("convert", seg, "-q", "-o", back, "--source", folder)
    wanted, place = load(path)
    data, matrix = load(back)
    if name in UNPLACED:
        assert data.shape[:2] == wanted.shape[:2] and (data == wanted).all(), f"{name}: labels"
        return
    assert (in_space(data, matrix, wanted.shape, place, name) == wanted).all(), f"{name}: labels"


def main():
    programs = Programs(sys.argv[1], sys.argv[2])
    need(HEAD, AAL, "dciodvfy")
    with tempfile.TemporaryDirectory() as scratch:
        segments = os.path.join(scratch, "segments.json")
        write_segments(segments)
        for name, options in {**GEOMETRIES, **UNPLACED}.items():
            check(programs, name, options, segments, scratch)
    print(f"{len(GEOMETRIES) + len(UNPLACED)} geometries")


main()
