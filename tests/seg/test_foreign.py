#!/usr/bin/python3
"""test_foreign.py ULITE MAKE_SERIES: segmentations as other writers store them, remade by pydicom from ulite's own.

BINARY frames in RLE (OHIF exports them) and in Deflated Image Frame, each from a byte of its own; frames that are a
part of the source's slices.
"""
import pathlib
import subprocess
import sys
import tempfile
import zlib

from skipping import need, needed_modules

with needed_modules():
    import nibabel
    import numpy
    import pydicom
    from pydicom._uid_dict import UID_dictionary
    from pydicom.encaps import encapsulate

HEAD = pathlib.Path("/usr/share/mricron/templates/ch2.nii.gz")
ULITE, MAKE_SERIES = sys.argv[1:3]
RLE, DEFLATED_FRAME = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.8.1"
UID_dictionary.setdefault(DEFLATED_FRAME, ("Deflated Image Frame Compression", "Transfer Syntax", "", "", ""))  # pydicom 2


def run(*words, code=0, says=()):
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False)
    shown = f"{' '.join(map(str, words))}: exit {done.returncode}, {(done.stdout + done.stderr).strip()[-600:]}"
    assert done.returncode == code, f"{shown}; expected exit {code}"
    for text in says:
        assert text in done.stdout + done.stderr, f"{shown}; expected \"{text}\""
    return done.stdout + done.stderr


def array(path):
    return numpy.asarray(nibabel.load(path).dataobj)


def make(folder, columns, rows, *options):
    """A series, labels on it and a BINARY object of them; the array of the labels."""
    folder.mkdir()
    run(MAKE_SERIES, HEAD, "-o", folder / "series", "--box", f"40:{40 + columns},60:{60 + rows},50:57", *options)
    run(ULITE, "convert", folder / "series", "-o", folder / "image.nii.gz")
    image = nibabel.load(folder / "image.nii.gz")
    i, j, k = numpy.indices(image.shape)
    labels = (((i + 2 * j + 3 * k) % 7 < 3) + 2 * ((i - j) % 11 == 0) * ((i + 2 * j + 3 * k) % 7 > 2)).astype("u1")
    labels[:, :, 2] = 0
    labels[:9] = labels[-4:] = labels[:, :6] = labels[:, -5:] = 0  # what a smaller frame can leave out
    nibabel.save(nibabel.Nifti1Image(labels, image.affine), folder / "labels.nii.gz")
    run(ULITE, "convert", folder / "labels.nii.gz", "-o", folder / "seg.dcm", "--source", folder / "series", "--type",
        "binary")
    return labels


def frames_of(dataset):
    count, rows, columns = int(dataset.NumberOfFrames), dataset.Rows, dataset.Columns
    bits = numpy.unpackbits(numpy.frombuffer(dataset.PixelData, "u1"), bitorder="little")
    return bits[:count * rows * columns].reshape(count, rows, columns)


def rle_frame(data):
    """One RLE segment: runs of equal bytes, else literal ones (PS3.5 G)."""
    packed, at = bytearray(), 0
    while at < len(data):
        end = at + 1
        while end < min(len(data), at + 128) and data[end] == data[at]:
            end += 1
        if end - at > 1:
            packed += bytes([257 - (end - at), data[at]])
        else:
            packed += bytes([0, data[at]])
        at = end
    header = numpy.array([1, 64] + [0] * 14, "<u4").tobytes()
    return header + bytes(packed) + b"\0" * (len(packed) % 2)


def deflated_frame(data):
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(data) + packer.flush()
    return packed + b"\0" * (len(packed) % 2)


def compressed_bits_are_read(folder):
    for columns, rows in ((40, 32), (41, 31), (67, 29)):
        case = folder / f"{columns}x{rows}"
        labels = make(case, columns, rows)
        for name, syntax, pack in (("rle", RLE, rle_frame), ("deflated", DEFLATED_FRAME, deflated_frame)):
            dataset = pydicom.dcmread(case / "seg.dcm")
            frames = [numpy.packbits(frame.ravel(), bitorder="little").tobytes() for frame in frames_of(dataset)]
            dataset.PixelData = encapsulate([pack(frame) for frame in frames])
            dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
            dataset.file_meta.TransferSyntaxUID = syntax
            path = case / f"{name}.dcm"
            dataset.save_as(path)
            run(ULITE, "convert", path, "-o", case / "back.nii.gz", "--source", case / "series")
            assert (array(case / "back.nii.gz") == labels).all(), f"{path.name} of {case.name}: other labels"
            run(ULITE, "info", path)
            run(ULITE, "verify", path, "--source", case / "series", says=["no problem found"])  # nothing is packed across
            path.write_bytes(path.read_bytes()[:-200])
            run(ULITE, "convert", path, "-o", case / "x.nii.gz", code=3, says=[path.name])


def crop(path, to, first, size, shift=(0.0, 0.0)):
    """The frames' pixels from first on, (column, row); shift moves them by parts of a pixel."""
    dataset = pydicom.dcmread(path)
    (i, j), (columns, rows) = first, size
    pixels = frames_of(dataset)[:, j:j + rows, i:i + columns]
    shared = dataset.SharedFunctionalGroupsSequence[0]
    cosines = numpy.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float)
    spacing = numpy.array(shared.PixelMeasuresSequence[0].PixelSpacing, float)
    moved = (i + shift[0]) * spacing[1] * cosines[:3] + (j + shift[1]) * spacing[0] * cosines[3:]
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        place = frame.PlanePositionSequence[0]
        place.ImagePositionPatient = [f"{v:.8f}"[:16] for v in numpy.array(place.ImagePositionPatient, float) + moved]
    dataset.Rows, dataset.Columns = rows, columns
    packed = numpy.packbits(pixels.ravel(), bitorder="little").tobytes()
    dataset.PixelData = packed + b"\0" * (len(packed) % 2)
    dataset.save_as(to)


def cropped_frames_are_laid_on_the_source(folder):
    for name, options in (("axial", []), ("oblique", ["--rotate", "10,20,30"]), ("flipped", ["--flip", "rows"]),
                          ("tilted", ["--tilt", "18.5", "--modality", "CT"])):
        case = folder / name
        labels = make(case, 48, 40, *options)
        width, height = array(case / "image.nii.gz").shape[:2]
        part, back = case / "part.dcm", case / "back.nii.gz"
        crop(case / "seg.dcm", part, (5, 3), (width - 8, height - 5))
        run(ULITE, "convert", part, "-o", back, "--source", case / "series")
        assert (array(back) == labels).all(), f"{name}: the part's labels lie elsewhere"
        assert numpy.allclose(nibabel.load(back).affine, nibabel.load(case / "labels.nii.gz").affine, atol=1e-4)
        run(ULITE, "verify", part, "--source", case / "series", code=1,
            says=[f"ohif: refuses frames of {width - 8}x{height - 5} pixels, a part of the source's {width}x{height}"])
        run(ULITE, "convert", part, "-o", back)  # without a source: on a grid of its own
        assert array(back).shape[:2] == (width - 8, height - 5)
        crop(case / "seg.dcm", part, (5, 3), (width - 8, height - 5), shift=(0.5, 0.0))
        run(ULITE, "convert", part, "-o", case / "x.nii.gz", "--source", case / "series", code=5)
        crop(case / "seg.dcm", part, (5, 3), (width - 8, height - 5), shift=(-6.0, 0.0))
        run(ULITE, "convert", part, "-o", case / "x.nii.gz", "--source", case / "series", code=5)
        assert not (case / "x.nii.gz").exists()


def main():
    need(HEAD)
    for part in (compressed_bits_are_read, cropped_frames_are_laid_on_the_source):
        with tempfile.TemporaryDirectory() as name:
            part(pathlib.Path(name))
    print("passed")


main()
