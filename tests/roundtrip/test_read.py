#!/usr/bin/python3
"""Generated series of every geometry, transfer syntax and kind of pixel, converted by ulite, equal
the truth that the generator wrote beside them, voxel by voxel in space.

usage: test_read.py MAKE_SERIES ULITE"""
import os
import sys
import tempfile

from shared import BOX, GEOMETRIES, HEAD, UNEVEN, Programs, in_space, load, np
from skipping import need

# transfer syntax -> largest error of its compression
SYNTAXES = {"implicit": 0, "bigendian": 0, "deflated": 0, "rle": 0, "jpeg-lossless": 0,
            "jpeg-lossless-sv1": 0, "jpegls": 0, "jpegls-near": 2, "jpeg-extended": 8,
            "jpeg-spectral": 8, "jpeg-progressive": 8, "jpeg2000": 0, "jpeg2000-lossy": 60,
            "implicit,jpegls,rle,bigendian": 0}

# kind of pixels -> options, largest error
KINDS = {
    "CT, 12 bits": (["--modality", "CT", "--values", "8,-1000", "--rescale", "1,-1024", "--bits",
                     "12,16"], 0),
    "signed 12 bits in 16": (["--values", "8,-1000", "--signed", "--bits", "12,16"], 0),
    "signed, junk above": (["--values", "8,-1000", "--signed", "--bits", "12,16", "--junk"], 0),
    "high bit 15 of 12": (["--bits", "12,16,15"], 0),
    "junk on both sides": (["--bits", "10,16,12", "--junk"], 0),
    "slope per slice": (["--modality", "PT", "--rescale", "0.37,-3", "--slope-per-slice"], 1e-3),
    "modality LUT": (["--modality-lut", "--bits", "12,16"], 0),
    "padding": (["--modality", "CT", "--signed", "--padding", "-2000", "--rescale", "1,-24"], 0),
    "MONOCHROME1": (["--photometric", "MONOCHROME1", "--bits", "12,16"], 0),
    "8 bits": (["--bits", "8"], 0),
    "8 bits, baseline": (["--bits", "8", "--syntax", "jpeg-baseline"], 8),
    "8 bits, progressive": (["--bits", "8", "--syntax", "jpeg-progressive"], 8),
    "palette": (["--photometric", "PALETTE"], 0),
    "palette, RLE": (["--photometric", "PALETTE", "--syntax", "rle"], 0),
    "RGB": (["--photometric", "RGB"], 0),
    "RGB by plane": (["--photometric", "RGB", "--planar"], 0),
    "RGB, RLE": (["--photometric", "RGB", "--syntax", "rle"], 0),
    "RGB, JPEG lossless": (["--photometric", "RGB", "--syntax", "jpeg-lossless-sv1"], 0),
    "RGB, JPEG 2000": (["--photometric", "RGB", "--syntax", "jpeg2000"], 0),
    "YBR": (["--photometric", "YBR_FULL"], 2),
    "enhanced, slope per slice": (["--multi-frame", "--shuffle", "--rescale", "2,10",
                                   "--slope-per-slice"], 1e-3),
    "enhanced, RLE": (["--multi-frame", "--syntax", "rle"], 0),
    "enhanced, JPEG 2000": (["--multi-frame", "--syntax", "jpeg2000"], 0),
    "anonymised": (["--anonymised"], 0),
    "invalid values": (["--invalid"], 0),
    "duplicate slices": (["--duplicate", "2,5"], 0),
}


def check(programs, name, options, tolerance, scratch):
    folder = os.path.join(scratch, "".join(c if c.isalnum() else "_" for c in name))
    out = folder + ".nii.gz"
    truth = programs.series(folder, *BOX, *options)
    wanted, place = load(truth["volumes"][0]["nifti"])
    assert wanted.std() > 5, f"{name}: an empty picture proves nothing"
    if name in UNEVEN:
        said = programs.run("convert", folder, "-o", out, status=5)
        assert len(said.splitlines()) == 1 and not os.path.exists(out), f"{name}: {said}"
        return
    programs.run("convert", folder, "-q", "-o", out)
    data, matrix = load(out)
    got = in_space(data, matrix, wanted.shape, place, name)
    error = np.abs(got.astype(float) - wanted).max()
    assert error <= tolerance, f"{name}: values differ by {error}"


def main():
    programs = Programs(sys.argv[1], sys.argv[2])
    need(HEAD)
    with tempfile.TemporaryDirectory() as scratch:
        for name, options in GEOMETRIES.items():
            check(programs, name, options, 0, scratch)
        for syntax, tolerance in SYNTAXES.items():
            check(programs, syntax, ["--step", "6", "--bits", "12", "--syntax", syntax], tolerance,
                  scratch)
        for name, (options, tolerance) in KINDS.items():
            check(programs, name, ["--step", "3", *options], tolerance, scratch)
    print(f"{len(GEOMETRIES)} geometries, {len(SYNTAXES)} transfer syntaxes, {len(KINDS)} kinds")


main()
