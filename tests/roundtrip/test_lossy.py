#!/usr/bin/python3
"""Lossy samples beyond the range of BitsStored end at that range and never wrap round, in every codec, signed and
unsigned, MONOCHROME1 too; bits above lossless samples are masked as ever. What a frame holds is told by gdcm, which
does not mask, and by the same frame under a header that stores all of its bits.

usage: test_lossy.py MAKE_SERIES ULITE"""
import os
import subprocess
import sys
import tempfile

from bench import Bench
from shared import HEAD, load, np, pydicom
from skipping import need

ONE = ["--size", "32,32,1"]


def read(bench, path):
    """The stored samples that ulite gives, as pydicom orders them."""
    out = bench.folder("read") + ".nii"
    bench.ask("convert", path, "-q", "-o", out)
    data, matrix = load(out)
    data = data[:, :, 0]
    for axis in (0, 1):  # axial: columns towards L, rows towards P
        data = np.flip(data, axis) if matrix[axis, axis] < 0 else data
    return data.T.astype(int)


def made(bench, *options):
    folder = bench.folder("made")
    volume, = bench.series(folder, *ONE, *options)
    return os.path.join(folder, volume["slices"][0]["file"])


def stored_as(path, bits, **attributes):
    """The same frame under a header that stores fewer bits."""
    image = pydicom.dcmread(path)
    image.BitsStored, image.HighBit = bits, bits - 1
    for keyword, value in attributes.items():
        setattr(image, keyword, value)
    narrow = f"{path[:-4]}_{bits}{''.join(attributes)}.dcm"
    image.save_as(narrow)
    return narrow


def clipped(values, bits, signed):
    half = 1 << (bits - 1)
    return np.clip(values, -half, half - 1) if signed else np.clip(values, 0, 2 * half - 1)


def by_gdcm(path):
    plain = path + ".raw"
    subprocess.run(["gdcmconv", "--raw", path, plain], check=True, capture_output=True)
    return pydicom.dcmread(plain).pixel_array.astype(int)


def compressed(path, *options):
    out = path[:-4] + "_lossy.dcm"
    subprocess.run(["gdcmconv", *options, path, out], check=True, capture_output=True)
    return out


def check(bench, name, path, bits, signed):
    """Read under a narrower header the samples of the frame end at the range."""
    whole = read(bench, path)
    want = clipped(whole, bits, signed)
    assert (want != whole).any() and (want == whole).any(), f"{name}: nothing is clipped"
    got = read(bench, stored_as(path, bits))
    assert (got == want).all(), f"{name}: {np.abs(got - want).max()} beside the range"
    turned = read(bench, stored_as(path, bits, PhotometricInterpretation="MONOCHROME1"))
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    assert (turned == low + high - want).all(), f"{name}: MONOCHROME1"


def every_codec(bench):
    wide = ["--values", "16,0", "--bits", "12,16"]
    both_sides = ["--values", "16,-2000", "--bits", "12,16", "--signed"]
    for syntax in ("jpeg-extended", "jpeg-spectral", "jpeg-progressive", "jpegls-near", "jpeg2000-lossy"):
        check(bench, syntax, made(bench, *wide, "--syntax", syntax), 10, False)
    for syntax in ("jpeg-baseline", "jpegls-near"):
        path = made(bench, "--values", "1,40", "--bits", "8", "--syntax", syntax)
        check(bench, syntax + ", 8 bits", path, 7, False)
    plain = made(bench, *both_sides)
    for name, options in {"JPEG 2000": ["--j2k", "--lossy", "-q", "60"],
                          "JPEG 2000, irreversible": ["--j2k", "--lossy", "--irreversible", "-q", "60"],
                          "JPEG-LS": ["--jpegls", "--lossy", "-e", "2"]}.items():
        check(bench, name + ", signed", compressed(plain, *options), 10, True)


def overshoot(bench):
    """Values that fill the range to its ends, which compression oversteps."""
    for bits, values, signed in ((11, "60,-3000", False), (12, "120,-9000", True)):
        path = made(bench, "--values", values, "--bits", f"{bits},16", *(["--signed"] if signed else []))
        path = stored_as(path, 16)  # for the encoder: a code stream of 16 bits
        for options in (["-r", "40"], ["--irreversible", "-r", "40"]):
            lossy = compressed(path, "--j2k", "--lossy", *options)
            theirs = by_gdcm(lossy)
            lossy = stored_as(lossy, bits)
            want = clipped(theirs, bits, signed)
            assert (want != theirs).any(), f"{bits} bits: nothing oversteps the range"
            assert (read(bench, lossy) == want).all(), f"{bits} bits, {options}"


def masked(bench):
    """An overlay in the unused bits, of a lossless frame and of one whose syntax may be lossy: it is no sample."""
    junk = made(bench, "--bits", "10,16", "--values", "3,0", "--junk")
    wanted = pydicom.dcmread(junk).pixel_array.astype(int) & 1023
    for options in (["--j2k"], ["--jpegls"]):
        path = compressed(junk, *options)
        assert (read(bench, path) == wanted).all(), options
        image = pydicom.dcmread(path)
        image.add_new(0x60000102, "US", 12)
        image.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.91" if "--j2k" in options else "1.2.840.10008.1.2.4.81"
        image.save_as(path)
        assert (read(bench, path) == wanted).all(), f"{options}, may be lossy"


def main():
    need(HEAD, "gdcmconv")
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(sys.argv[1], sys.argv[2], scratch)
        for part in (every_codec, overshoot, masked):
            part(bench)


main()
