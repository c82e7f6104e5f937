#!/usr/bin/python3
"""Every test file of pydicom: what pydicom decodes has the same values here, compressed files equal
their uncompressed twins, and broken ones are refused in one line that names them.

usage: test_pydicom.py DUMP_SERIES SHARED"""
import glob
import os
import subprocess
import sys
import tempfile
import warnings

from dumped import Failed, Reader
from skipping import has, need, needed_modules

with needed_modules():
    import numpy as np
    import PIL  # by which pydicom decodes JPEG and JPEG 2000: without it fewer files would be compared
    import pydicom
    from pydicom.pixel_data_handlers.util import (apply_color_lut, apply_modality_lut,
                                                  convert_color_space)
    from pydicom.uid import JPEGBaseline8Bit

PACKAGED = os.path.dirname(pydicom.__file__) + "/data/test_files"

# Compressed, uncompressed, and how far lossy compression may lie from it on average.
TWINS = [
    ("MR_small_jp2klossless.dcm", "MR_small.dcm", 0),
    ("MR_small_jpeg_ls_lossless.dcm", "MR_small.dcm", 0),
    ("MR_small_RLE.dcm", "MR_small.dcm", 0),
    ("MR_small_implicit.dcm", "MR_small.dcm", 0),
    ("MR_small_bigendian.dcm", "MR_small.dcm", 0),
    ("MR_small_padded.dcm", "MR_small.dcm", 0),
    ("emri_small_jpeg_2k_lossless.dcm", "emri_small.dcm", 0),
    ("emri_small_jpeg_ls_lossless.dcm", "emri_small.dcm", 0),
    ("emri_small_RLE.dcm", "emri_small.dcm", 0),
    ("SC_rgb_small_odd_big_endian.dcm", "SC_rgb_small_odd.dcm", 0),
    ("OBXXXX1A_expb.dcm", "OBXXXX1A.dcm", 0),
    ("SC_rgb_small_odd_jpeg.dcm", "SC_rgb_small_odd.dcm", 3),
    ("SC_rgb_jpeg_gdcm.dcm", "SC_rgb.dcm", 0),
    ("SC_rgb_gdcm_KY.dcm", "SC_rgb.dcm", 3),
    ("SC_rgb_jpeg_lossy_gdcm.dcm", "SC_rgb.dcm", 3),
    ("SC_rgb_jpeg_dcmtk.dcm", "SC_rgb.dcm", 3),
    ("SC_rgb_jls_lossy_line.dcm", "SC_rgb.dcm", 3),
    ("SC_rgb_jls_lossy_sample.dcm", "SC_rgb.dcm", 3),
    ("SC_rgb_dcmtk_+eb+cr.dcm", "SC_rgb_dcmtk_ebcr_dcmd.dcm", 0),
    ("SC_rgb_dcmtk_+eb+cy+n1.dcm", "SC_rgb_dcmtk_ebcyn1_dcmd.dcm", 0),
    ("SC_rgb_dcmtk_+eb+cy+n2.dcm", "SC_rgb_dcmtk_ebcyn2_dcmd.dcm", 0),
    ("SC_rgb_dcmtk_+eb+cy+np.dcm", "SC_rgb_dcmtk_ebcynp_dcmd.dcm", 0),
    ("SC_rgb_dcmtk_+eb+cy+s2.dcm", "SC_rgb_dcmtk_ebcys2_dcmd.dcm", 0),
    ("SC_rgb_dcmtk_+eb+cy+s4.dcm", "SC_rgb_dcmtk_ebcys4_dcmd.dcm", 0),
    ("US1_J2KR.dcm", "US1_UNCR.dcm", 0),
    ("US1_J2KI.dcm", "US1_UNCI.dcm", 3),
    ("SC_ybr_full_uncompressed.dcm", "SC_rgb.dcm", 3),
    ("SC_ybr_full_422_uncompressed.dcm", "SC_rgb.dcm", 3),
]

# Broken files, their status, and what the line says.
REFUSED = {
    "MR_truncated.dcm": (3, "truncated: 8192 bytes"),
    "badVR.dcm": (3, "wrong Rows"),
    "UN_sequence.dcm": (3, "no Rows or Columns"),
    "JPEG2000-embedded-sequence-delimiter.dcm": (3, "damaged or cut off"),
    "README.txt": (3, "not a DICOM file"),
    "HTJ2KLossless_08_RGB.dcm": (9, "HTJ2K"),
    "HTJ2K_08_RGB.dcm": (9, "HTJ2K"),
    "liver.dcm": (3, "segmentation"),
    "rtplan.dcm": (3, "without an image"),
    "DICOMDIR": (3, "a DICOMDIR"),
    "JLSL_08_07_0_1F.dcm": (3, "of a kind that the decoder does not take"),  # 7 bits: DCMTK's CharLS
}


# Headers that say RGB over JPEG of YCbCr, its components numbered 1, 2, 3: pydicom leaves these as they are.
YCBCR_UNDER_RGB = {"SC_rgb_jpeg_lossy_gdcm.dcm", "SC_rgb_small_odd_jpeg.dcm", "SC_rgb_jpeg_dcmtk.dcm"}

# Files that are read here and that no peer decodes, and why.
NOT_COMPARED = {
    "OBXXXX1A_expb.dcm": "pydicom leaves the bytes of big endian words swapped",
    "OBXXXX1A_expb_2frame.dcm": "pydicom leaves the bytes of big endian words swapped",
    "SC_rgb_small_odd_big_endian.dcm": "pydicom leaves the bytes of big endian words swapped",
    "OT-PAL-8-face.dcm": "no meta header",
    "emri_small_jpeg_2k_lossless_too_short.dcm": "peers want the whole of a last fragment",
}


def files(folders):
    """Paths by name; that of the first folder where several have one."""
    paths = {}
    for folder in folders:
        for path in sorted(glob.glob(folder + "/**/*", recursive=True)):
            if os.path.isfile(path):
                paths.setdefault(os.path.basename(path), path)
    return paths


def decoded_by_peers(path):
    """A file and its values as pydicom decodes them, or, of what Debian's pydicom does not decode, gdcm."""
    image = pydicom.dcmread(path, force=True)
    try:
        return image, image.pixel_array
    except Exception:  # pydicom raises whatever its decoders do
        if not image.file_meta.get("TransferSyntaxUID", "").startswith("1.2.840.10008.1.2.4."):
            raise
    with tempfile.TemporaryDirectory() as folder:
        plain = os.path.join(folder, "plain.dcm")
        subprocess.run(["gdcmconv", "--raw", path, plain], check=True, capture_output=True)
        image = pydicom.dcmread(plain)
        return image, image.pixel_array


def expected(path):
    """What peers make of a file, and how far colour conversions may lie apart, which round either way; or None."""
    try:
        image, values = decoded_by_peers(path)
        # pydicom before 3 does not unswap bytes in words.
        if image.BitsAllocated == 8 and not image.is_little_endian and image["PixelData"].VR == "OW":
            return None
    except Exception:
        return None
    name, kind, syntax = os.path.basename(path), image.PhotometricInterpretation, image.file_meta.TransferSyntaxUID
    if name in YCBCR_UNDER_RGB:
        return convert_color_space(values, "YBR_FULL", "RGB"), 2
    if kind.startswith("YBR") and (syntax == JPEGBaseline8Bit or not syntax.is_compressed):
        return convert_color_space(values, kind, "RGB"), 2
    return grey_or_palette(image, values), 1 if "ybr" in name else 0


def grey_or_palette(image, values):
    spare = image.BitsAllocated - image.get("BitsStored", image.BitsAllocated)
    if spare and image.PixelRepresentation == 1:  # pydicom leaves the sign to its caller
        values = values << spare >> spare
    kind = image.PhotometricInterpretation
    if kind == "PALETTE COLOR":
        values = apply_color_lut(values, image)
        return values >> 8 if values.dtype.itemsize == 2 else values
    if kind == "MONOCHROME1":
        return (1 << image.BitsStored) - 1 - values
    if "ModalityLUTSequence" in image:
        return apply_modality_lut(values, image)
    return values


def check_against_pydicom(path, volumes):
    """Returns whether a peer could decode it."""
    wanted = expected(path)
    if wanted is None or len(volumes) != 1:
        return False
    want, tolerance = wanted
    series, got = volumes[0]
    frames = [instance["frame"] - 1 for instance in series["instances"]]
    want = want[frames] if frames[0] >= 0 and want.ndim >= got.ndim else want[None]
    assert got.shape == want.shape, (path, got.shape, want.shape)
    error = np.abs(got.astype(float) - want.astype(float)).max()
    assert error <= tolerance, (path, error)
    return True


def read_any(reader, path):
    """The volumes of a file; what cannot be read is refused in one line that names it."""
    name = os.path.basename(path)
    try:
        volumes = [reader.read(path, index=index) for index in range(len(reader.list(path)))]
        assert name not in REFUSED, name
        return volumes
    except Failed as failed:
        assert failed.status in (3, 5, 8, 9), (name, failed.status)
        assert name in failed.text and failed.text.count("\n") == 1, failed.text
        if name in REFUSED:
            status, text = REFUSED[name]
            assert failed.status == status and text in failed.text, failed.text
        elif expected(path) is not None:
            assert "segmentation" in failed.text, f"pydicom reads {name}: {failed.text}"
        return []


def main():
    warnings.simplefilter("ignore")
    need("gdcmconv")
    reader = Reader(sys.argv[1])
    more = sys.argv[2] + "/data/dicom/pydicom"
    folders, least = ([PACKAGED, more], len(TWINS)) if has(more) else ([PACKAGED], 5)
    paths = files(folders)
    compared, twins = 0, 0
    decoded = {}  # the samples of a file's first volume
    alone = set()
    for name, path in paths.items():
        volumes = read_any(reader, path)
        equal = check_against_pydicom(path, volumes)
        compared += equal
        if volumes and not equal:
            alone.add(name)
        if volumes:
            decoded[name] = volumes[0][1]
    for compressed, plain, distance in TWINS:
        if compressed in paths and plain in paths:
            apart = np.abs(decoded[compressed].astype(float) - decoded[plain]).mean()
            assert apart <= distance, (compressed, apart)
            twins += 1
    known = NOT_COMPARED.keys() & paths.keys()
    assert alone == known, f"compared with a peer or not, other than before: {alone ^ known}"
    assert twins >= least, (compared, twins)
    print(f"{len(paths)} files: {compared} equal the values of peers, {twins} their twins")


main()
