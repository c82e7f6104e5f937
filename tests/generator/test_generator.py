#!/usr/bin/python3
"""The series generator against independent readers: every pixel of every file that pydicom reads,
at the place that its header states, holds the value that scipy interpolates there in the source as
nibabel reads it; and the truth sidecar says the same.

usage: test_generator.py MAKE_SERIES"""
import json
import os
import subprocess
import sys
import tempfile

from skipping import need, needed_modules

with needed_modules():
    import nibabel
    import numpy as np
    import pydicom
    from pydicom.pixel_data_handlers.util import (apply_color_lut, apply_modality_lut,
                                                  convert_color_space)
    from scipy.ndimage import map_coordinates

HEAD = "/usr/share/mricron/templates/ch2.nii.gz"
BOX = ["--box", "60:100,80:130,50:66"]
RAS = np.diag([-1.0, -1.0, 1.0, 1.0])

# options of the cut, and how many slices it has
CUTS = {
    "axial": ([], 16),
    "sagittal": (["--plane", "sagittal"], 40),
    "coronal": (["--plane", "coronal"], 50),
    "reversed": (["--reversed"], 16),
    "flipped": (["--flip", "both", "--transpose"], 16),
    "decubitus right": (["--position", "HFDR"], 16),
    "decubitus left, feet first": (["--position", "FFDL", "--plane", "sagittal"], 40),
    "oblique": (["--rotate", "10,-20,30", "--spacing", "0.9,1.1"], 16),
    "tilted": (["--tilt", "-18.5", "--step", "2.5"], 7),
    "uneven": (["--step", "1,2,1.5"], 11),
    "missing": (["--missing", "4,5,9"], 13),
    "finer": (["--size", "64,80,20"], 20),
    "rounded cosines": (["--rotate", "0,0,12", "--round-cosines", "4"], 16),
}


def run(program, folder, *options):
    command = [program, HEAD, "-o", folder, "--truth", folder + "_truth", *options]
    subprocess.run(command, check=True)


def expected(source, inverse, image, sloppy):
    """Source values at the pixels of a DICOM image."""
    i, j = (np.array(image.ImageOrientationPatient[n:n + 3], float) for n in (0, 3))
    if not sloppy:
        assert abs(np.linalg.norm(i) - 1) < 1e-9 and abs(i @ j) < 1e-9
    rows, columns = np.mgrid[0:image.Rows, 0:image.Columns]
    lps = (np.array(image.ImagePositionPatient, float)[:, None, None]
           + i[:, None, None] * columns * float(image.PixelSpacing[1])
           + j[:, None, None] * rows * float(image.PixelSpacing[0]))
    voxels = inverse[:3, :3] @ lps.reshape(3, -1) + inverse[:3, 3:]
    return map_coordinates(source, voxels, order=1, cval=0).reshape(rows.shape), lps


def check_cut(program, name, options, count, source, affine, folder):
    run(program, folder, *BOX, *options)
    inverse = np.linalg.inv(RAS @ affine)
    images = {f: pydicom.dcmread(os.path.join(folder, f)) for f in os.listdir(folder)}
    assert len(images) == count, f"{name}: {len(images)} files, expected {count}"
    truth = json.load(open(folder + "_truth.json"))["volumes"][0]
    values = nibabel.load(truth["nifti"])
    data = np.asarray(values.dataobj)
    assert len(truth["slices"]) == count
    sloppy = "--round-cosines" in options
    offsets = []
    for k, slice_ in enumerate(truth["slices"]):
        image = images[slice_["file"]]
        wanted, lps = expected(source, inverse, image, sloppy)
        got = image.pixel_array.astype(float)
        inner = wanted > 0  # the border of the source interpolates against nothing
        worst = np.abs(got - wanted)[inner].max()
        assert worst <= (4 if sloppy else 0.51), f"{name}, slice {k}: pixels differ by {worst}"
        assert (got == data[:, :, k].T).all(), f"{name}, slice {k}: truth differs"
        assert np.allclose(slice_["position"], lps[:, 0, 0], atol=1e-9)
        normal = np.cross(image.ImageOrientationPatient[:3], image.ImageOrientationPatient[3:])
        offsets.append(normal @ np.array(image.ImagePositionPatient, float))
        if values.header["sform_code"] > 0 and not sloppy:
            corner = values.affine @ [image.Columns - 1, image.Rows - 1, k, 1]
            assert np.allclose(RAS @ corner, [*lps[:, -1, -1], 1], atol=1e-4), f"{name}: affine"
    assert (np.diff(offsets) > 0).all(), f"{name}: not sorted along the normal"
    even = np.ptp(np.diff(offsets)) < 1e-6
    assert even == (values.header["sform_code"] > 0), f"{name}: a form for uneven slices"


# transfer syntaxes and the largest error that each may bring
SYNTAXES = {"implicit": 0, "explicit": 0, "bigendian": 0, "deflated": 0, "rle": 0, "jpegls": 0,
            "jpeg-lossless": 0, "jpeg-lossless-sv1": 0, "jpegls-near": 2, "jpeg-extended": 8,
            "jpeg-spectral": 8, "jpeg-progressive": 8, "jpeg-baseline": 8,
            "jpeg2000": 0, "jpeg2000-lossy": 40}


def dcmtk_pixels(path, folder):
    """Pixels of a file as DCMTK's own tools decode them (None: they cannot)."""
    plain = os.path.join(folder, "plain.dcm")
    for tool in ("dcmdrle", "dcmdjpeg", "dcmdjpls"):
        if subprocess.run([tool, path, plain], capture_output=True).returncode == 0:
            return pydicom.dcmread(plain).pixel_array
    if subprocess.run(["gdcmconv", "--raw", path, plain], capture_output=True).returncode == 0:
        return pydicom.dcmread(plain).pixel_array
    return None


def check_syntax(program, syntax, tolerance, scratch):
    folder = os.path.join(scratch, syntax)
    bits = ["--bits", "8" if syntax == "jpeg-baseline" else "12"]
    run(program, folder, *BOX, *bits, "--step", "5", "--syntax", syntax)
    truth = json.load(open(folder + "_truth.json"))["volumes"][0]
    data = np.asarray(nibabel.load(truth["nifti"]).dataobj)
    path = os.path.join(folder, truth["slices"][2]["file"])
    image = pydicom.dcmread(path)
    if image.file_meta.TransferSyntaxUID.is_compressed and syntax != "deflated":
        pixels = dcmtk_pixels(path, scratch)
    else:
        pixels = image.pixel_array
    assert pixels is not None, f"{syntax}: no reader decodes it"
    worst = np.abs(pixels.astype(float) - data[:, :, 2].T).max()
    assert worst <= tolerance, f"{syntax}: pixels differ by {worst}"
    return str(image.file_meta.TransferSyntaxUID)


# kinds of pixels and objects, and the largest error of a colour conversion
KINDS = {
    "CT": (["--modality", "CT", "--values", "8,-1000", "--rescale", "1,-1024", "--bits", "12,16"], 0),
    "signed": (["--values", "8,-1000", "--signed", "--bits", "12,16"], 0),
    "high bit": (["--bits", "12,16,15"], 0),
    "junk bits": (["--bits", "10,16,12", "--junk"], 0),
    "slope per slice": (["--modality", "PT", "--rescale", "0.37,-3", "--slope-per-slice"], 1e-4),
    "modality LUT": (["--modality-lut", "--bits", "12,16"], 0),
    "padding": (["--modality", "CT", "--signed", "--padding", "-2000", "--rescale", "1,-24"], 0),
    "MONOCHROME1": (["--photometric", "MONOCHROME1", "--bits", "12,16"], 0),
    "8 bits": (["--bits", "8"], 0),
    "palette": (["--photometric", "PALETTE"], 0),
    "RGB": (["--photometric", "RGB", "--modality", "OT"], 0),
    "RGB by plane": (["--photometric", "RGB", "--planar", "--modality", "OT"], 0),
    "YBR": (["--photometric", "YBR_FULL", "--modality", "US"], 2),
    "YBR 4:2:2": (["--photometric", "YBR_FULL_422", "--modality", "US"], None),
    "enhanced MR": (["--multi-frame", "--shuffle", "--rescale", "2,10", "--slope-per-slice"], 1e-4),
    "enhanced CT": (["--multi-frame", "--modality", "CT", "--values", "8,-1000", "--rescale",
                     "1,-1024"], 0),
    "cine": (["--multi-frame", "--no-positions", "--modality", "US", "--bits", "8"], 0),
    "cine in colour": (["--multi-frame", "--no-positions", "--photometric", "RGB"], 0),
    "single image": (["--no-positions", "--modality", "CR"], 0),
}


def real_values(image, frame):
    """Pixels of a frame (from 1; 0: a file of its own) as pydicom and the standard make them."""
    pixels = image.pixel_array
    if frame:
        pixels = pixels[frame - 1]
    transform = image
    if "PerFrameFunctionalGroupsSequence" in image:
        groups = image.PerFrameFunctionalGroupsSequence[frame - 1]
        transform = groups.PixelValueTransformationSequence[0]
    photometric = image.PhotometricInterpretation
    if photometric == "PALETTE COLOR":
        return apply_color_lut(pixels, image) / 257
    if photometric.startswith("YBR"):
        return convert_color_space(pixels, photometric, "RGB").astype(float)
    if photometric == "RGB":
        return pixels.astype(float)
    bits, high = image.BitsStored, image.HighBit
    pixels = (pixels.astype(int) >> (high + 1 - bits)) & ((1 << bits) - 1)
    low = 0
    if image.PixelRepresentation:
        low = -(1 << (bits - 1))
        pixels = np.where(pixels >= -low, pixels + 2 * low, pixels)
    if photometric == "MONOCHROME1":
        pixels = (1 << bits) - 1 + 2 * low - pixels
    if "ModalityLUTSequence" in image:
        return apply_modality_lut(pixels, image).astype(float)
    if "RescaleSlope" in transform:
        return pixels * float(transform.RescaleSlope) + float(transform.RescaleIntercept)
    return pixels.astype(float)


def frame_position(image, frame):
    if "PerFrameFunctionalGroupsSequence" in image:
        groups = image.PerFrameFunctionalGroupsSequence[frame - 1]
        return groups.PlanePositionSequence[0].ImagePositionPatient
    return image.get("ImagePositionPatient")


def check_kind(program, name, options, tolerance, scratch):
    folder = os.path.join(scratch, name.replace(" ", "_"))
    run(program, folder, *BOX, "--step", "4", *options)
    truth = json.load(open(folder + "_truth.json"))["volumes"][0]
    data = np.asarray(nibabel.load(truth["nifti"]).dataobj)
    if data.dtype.names:
        data = np.stack([data[c] for c in "RGB"], axis=-1)
    assert len(truth["slices"]) == 4
    for k, slice_ in enumerate(truth["slices"]):
        image = pydicom.dcmread(os.path.join(folder, slice_["file"]))
        wanted = data[:, :, k].swapaxes(0, 1)
        assert wanted.std() > 5, f"{name}: an empty picture proves nothing"
        got = real_values(image, slice_["frame"])
        error = np.abs(got - wanted)
        if tolerance is None:  # halved chroma: right in the mean, wrong at edges
            assert error.mean() < 2, f"{name}, slice {k}: mean error {error.mean()}"
        else:
            assert error.max() <= tolerance, f"{name}, slice {k}: pixels differ by {error.max()}"
        assert (frame_position(image, slice_["frame"]) is None) == ("position" not in slice_)
        if "position" in slice_:
            assert np.allclose(slice_["position"], frame_position(image, slice_["frame"]))


def main():
    program = sys.argv[1]
    need(HEAD, "dcmdrle", "dcmdjpeg", "dcmdjpls", "gdcmconv")
    head = nibabel.load(HEAD)
    source = np.asarray(head.dataobj).astype(float)
    with tempfile.TemporaryDirectory() as scratch:
        for name, (options, count) in CUTS.items():
            folder = os.path.join(scratch, name.replace(" ", "_"))
            check_cut(program, name, options, count, source, head.affine, folder)
        for name, (options, tolerance) in KINDS.items():
            check_kind(program, name, options, tolerance, scratch)
        seen = {check_syntax(program, s, t, scratch) for s, t in SYNTAXES.items()}
        assert len(seen) == len(SYNTAXES), "two names write the same transfer syntax"
    print(f"{len(CUTS)} cuts, {len(KINDS)} kinds of pixels, {len(SYNTAXES)} transfer syntaxes")


main()
