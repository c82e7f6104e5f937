#!/usr/bin/python3
"""test_types.py ULITE MAKE_SERIES: which type of object `--type` writes, and that each is right.

auto chooses by rows x columns, the number of segments and the packed length; label maps keep to the standard
(labelmap_iod.py), in 8 and in 16 bits, plain and in RLE; the empty frame that evens a packed length is read by dcmqi
and by cornerstone's adapters.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

from labelmap_iod import faults
from skipping import has, need, needed_modules

with needed_modules():
    import nibabel
    import numpy
    import pydicom
    from peers import pydicom_seg

HEAD = pathlib.Path("/usr/share/mricron/templates/ch2.nii.gz")
PEERS = pathlib.Path(__file__).resolve().parent.parent / "peers"
ULITE, MAKE_SERIES = sys.argv[1:3]
RLE = "1.2.840.10008.1.2.5"


def run(*words, code=0, says=(), silent_on=()):
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False, cwd=PEERS)
    shown = f"{' '.join(map(str, words))}: exit {done.returncode}, {(done.stdout + done.stderr).strip()[-600:]}"
    assert done.returncode == code, f"{shown}; expected exit {code}"
    for text in says:
        assert text in done.stdout + done.stderr, f"{shown}; expected \"{text}\""
    for text in silent_on:
        assert text not in done.stdout + done.stderr, f"{shown}; did not expect \"{text}\""
    return done.stdout


def array(path):
    return numpy.asarray(nibabel.load(path).dataobj)


class Source:
    """A series of columns x rows x slices, and the objects that are made of labels on it."""

    def __init__(self, folder, columns, rows, slices, *options):
        self.folder = folder / f"{columns}x{rows}x{slices}{''.join(options)}"
        self.folder.mkdir()
        self.series = self.folder / "series"
        run(MAKE_SERIES, HEAD, "-o", self.series, "--box",
            f"{80 - columns // 2}:{80 - columns // 2 + columns},{60}:{60 + rows},50:{50 + slices}", *options)
        run(ULITE, "convert", self.series, "-o", self.folder / "image.nii.gz")
        self.image = nibabel.load(self.folder / "image.nii.gz")

    def write(self, labels, *options, **how):
        """The object of these labels, as pydicom reads it, and what the labels are by it."""
        stored, seg, back = (self.folder / name for name in ("labels.nii.gz", "seg.dcm", "back.nii.gz"))
        nibabel.save(nibabel.Nifti1Image(labels, self.image.affine), stored)
        run(ULITE, "convert", stored, "-o", seg, "--source", self.series, *options, **how)
        run(ULITE, "convert", seg, "-o", back, "--source", self.series)
        assert (array(back) == labels).all(), f"{self.folder.name} {options}: other labels came back"
        return pydicom.dcmread(seg)

    def verify(self, code=0, **how):
        run(ULITE, "verify", self.folder / "seg.dcm", "--source", self.series, code=code, **how)

    def blobs(self, count, first=1):
        """So many labels, none of which covers a whole slice; the last slice is empty."""
        labels = numpy.zeros(self.image.shape, "u2" if first + count > 256 else "u1")
        flat = labels[:, :, :-1].reshape(-1, labels.shape[2] - 1)
        for n in range(count):
            flat[n::3 * count, n % flat.shape[1]] = first + n
        labels[:, :, :-1] = flat.reshape(labels[:, :, :-1].shape)
        return labels


def auto_chooses(folder):
    """BINARY where P mod 8 is 0 and there are up to 8 segments."""
    even, odd = Source(folder, 40, 32, 6), Source(folder, 41, 31, 6)
    for source, segments, options, kind, note in (
            (even, 1, [], "BINARY", None), (even, 8, [], "BINARY", None),
            (even, 9, [], "LABELMAP", "for 9 segments it is smaller"),
            (even, 9, ["--type", "binary"], "BINARY", None),
            (odd, 1, [], "LABELMAP", "41x31 pixels are no multiple of 8"),
            (odd, 1, ["--type", "binary"], "BINARY", None),
            (even, 2, ["--type", "labelmap"], "LABELMAP", None),
            (even, 2, ["--type", "fractional"], "FRACTIONAL", None)):
        seg = source.write(source.blobs(segments), *options, says=[note] if note else [],
                           silent_on=[] if note else ["written as LABELMAP"])
        assert seg.SegmentationType == kind, f"{segments} segments {options}: {seg.SegmentationType}, not {kind}"
        if kind == "BINARY" and source is even:
            source.verify()
        if kind == "LABELMAP":
            assert not faults(seg), faults(seg)
            source.verify(code=1, says=["dcmqi: up to 1.4"], silent_on=["ohif"])


def label_maps_keep_to_the_standard(folder):
    """In 8 bits, whatever the label values; in 16 for more than 255 segments, of which OHIF takes 8."""
    source = Source(folder, 40, 32, 6)
    plain = source.write(source.blobs(3, first=7), "--type", "labelmap")
    assert [s.SegmentNumber for s in plain.SegmentSequence] == [0, 7, 8, 9] and plain.PixelPaddingValue == 0
    assert plain.NumberOfFrames == 3, "a frame for each slice that holds something"
    high = source.write(source.blobs(3, first=500), "--type", "labelmap")
    assert [s.SegmentNumber for s in high.SegmentSequence] == [0, 1, 2, 3] and high.BitsAllocated == 8
    most = source.write(source.blobs(255), "--type", "labelmap")
    assert most.BitsAllocated == 8
    source.verify(code=1, silent_on=["ohif"])
    wide = source.write(source.blobs(256), "--type", "labelmap")
    assert wide.BitsAllocated == 16 and len(wide.SegmentSequence) == 257
    source.verify(code=1, says=["ohif: takes the low 8 bits of LABELMAP objects of 16"])
    wide_rle = source.write(source.blobs(256), "--type", "labelmap", "--rle")
    assert wide_rle.BitsAllocated == 16 and wide_rle.file_meta.TransferSyntaxUID == RLE
    objects = [plain, high, most, wide, wide_rle]
    for options in (["--multi-frame"], ["--no-frame-of-reference"], ["--anonymised"], ["--rotate", "10,20,30"],
                    ["--tilt", "18.5", "--modality", "CT"], ["--no-positions", "--modality", "US"],
                    ["--syntax", "jpeg-baseline", "--bits", "8,8,7"], ["--set", "SliceThickness=5@2,3"]):
        other = Source(folder, 40, 32, 5, *options)
        objects.append(other.write(other.blobs(3), "--type", "labelmap"))
    nothing = numpy.zeros(source.image.shape, "u1")
    names = source.folder / "names.json"
    names.write_text(json.dumps({"segments": [{"number": 3, "label": "three"}]}))
    objects.append(source.write(nothing, "--type", "labelmap", "--segments", names))
    for dataset in objects:
        assert not faults(dataset), faults(dataset)


def the_judge_sees(folder):
    """Each attribute that is taken away, and each value that is spoilt, is a fault."""
    source = Source(folder, 40, 32, 4)
    seg = source.write(source.blobs(3), "--type", "labelmap")
    path = source.folder / "seg.dcm"

    def spoilt(change):
        dataset = pydicom.dcmread(path)
        change(dataset)
        return faults(dataset)

    kept = {"SpecificCharacterSet", "SegmentsOverlap", "SeriesDescription", "PatientAge", "StudyDescription",
            "BodyPartExamined", "SeriesDate", "SeriesTime", "TimezoneOffsetFromUTC", "PatientSize", "PatientWeight"}
    for element in seg:
        if element.keyword not in kept:
            assert spoilt(lambda d, k=element.keyword: d.pop(k)), f"{element.keyword} is not missed"

    def bits(dataset):
        dataset.PixelData = bytes([9]) + dataset.PixelData[1:]
    frame = lambda dataset: dataset.PerFrameFunctionalGroupsSequence[1]
    for n, change in enumerate((
            bits, lambda d: setattr(d, "SegmentsOverlap", "UNDEFINED"), lambda d: setattr(d, "MaximumFractionalValue", 1),
            lambda d: setattr(d.SegmentSequence[2], "SegmentNumber", 1), lambda d: d.SegmentSequence[1].pop("SegmentLabel"),
            lambda d: d.SegmentSequence[1].SegmentedPropertyTypeCodeSequence[0].pop("CodeMeaning"),
            lambda d: frame(d).pop("PlanePositionSequence"),
            lambda d: setattr(frame(d).FrameContentSequence[0], "DimensionIndexValues", 1),
            lambda d: setattr(frame(d).DerivationImageSequence[0].SourceImageSequence[0], "ReferencedSOPInstanceUID", "1"),
            lambda d: setattr(d, "HighBit", 6))):
        assert spoilt(change), f"change {n} is not seen"


def run_length(folder):
    """--rle makes the frames of a label map smaller, for label maps only; pydicom decodes the same."""
    source = Source(folder, 64, 64, 6)
    labels = source.blobs(9)
    labels[20:40, 20:40, 1:4] = 5
    plain = source.write(labels, "--type", "labelmap")
    size = (source.folder / "seg.dcm").stat().st_size
    for options in (["--type", "labelmap"], []):  # auto follows
        packed = source.write(labels, *options, "--rle")
        assert packed.file_meta.TransferSyntaxUID == RLE and packed.SegmentationType == "LABELMAP"
        assert (packed.pixel_array == plain.pixel_array).all() and not faults(packed), faults(packed)
        assert (source.folder / "seg.dcm").stat().st_size < size
    for kind in ("binary", "fractional"):
        run(ULITE, "convert", source.folder / "labels.nii.gz", "-o", source.folder / "x.dcm", "--source", source.series,
            "--type", kind, "--rle", code=2, says=["--rle goes with"])
    assert not (source.folder / "x.dcm").exists()


def same_places(reader, found, truth):
    assert "refused" not in found, f"{reader}: {found}"
    shown = {s["label"]: s["voxels"] for s in found["segments"]}
    for segment in truth["segments"]:
        a, b = (numpy.array(sorted(v)).reshape(-1, 3) for v in (segment["voxels"], shown.get(segment["label"], [])))
        assert a.shape == b.shape and numpy.allclose(a, b, atol=0.02), f"{reader}: {segment['label']} lies elsewhere"


def an_empty_frame_evens_the_length(folder):
    """P mod 8 = 0, but an odd number of bytes in an odd number of frames: one empty frame more, on a slice that the
    readers know. Without room for it, a label map; BINARY where that is forced, of which verify says who refuses."""
    pairs = []
    for columns, rows in ((40, 33), (8, 1), (24, 3)):
        source = Source(folder, columns, rows, 7)
        labels = numpy.zeros(source.image.shape, "u1")
        labels[:5, 0, 2:5] = 1
        labels[3, :, 3] = 2
        labels[6:8, 0, 5] = 2  # five frames
        seg = source.write(labels, silent_on=["written as LABELMAP"])
        empty = [n for n, frame in enumerate(seg.pixel_array) if not frame.any()]
        assert seg.SegmentationType == "BINARY" and seg.NumberOfFrames == 6 and len(empty) == 1, (columns, rows)
        assert columns * rows * 6 // 8 == len(seg.PixelData)
        source.verify(says=["no problem found"])
        pairs.append((source.folder / "seg.dcm", source.series))
    full = Source(folder, 40, 33, 3)
    labels = numpy.zeros(full.image.shape, "u1")
    labels[3:9, 4:8] = 1
    seg = full.write(labels, says=["a byte of padding"])
    assert seg.SegmentationType == "LABELMAP" and not faults(seg), faults(seg)
    seg = full.write(labels, "--type", "binary")
    assert seg.NumberOfFrames == 3
    full.verify(code=1, says=["adapters: refuse BINARY frames of an odd number of bytes"], silent_on=["ohif", "dcmqi"])
    pairs.append((full.folder / "seg.dcm", full.series))
    if not has("node", PEERS / "node_modules"):
        return
    dcmqi = run("node", "dcmqi_seg.mjs", *(path for path, _ in pairs[:-1])).splitlines()
    *adapters, padded = run("node", "ohif_seg.mjs", *(word for pair in pairs for word in pair)).splitlines()
    for (path, _), by_dcmqi, by_adapters in zip(pairs[:-1], dcmqi, adapters, strict=True):
        truth = pydicom_seg.read(path)
        same_places("dcmqi", json.loads(by_dcmqi), truth)
        same_places("adapters", json.loads(by_adapters), truth)
    assert "refused" in json.loads(padded), (
        "the adapters read a padded length now: record it, and let `verify` stop saying otherwise")


def main():
    need(HEAD)
    for part in (auto_chooses, label_maps_keep_to_the_standard, the_judge_sees, run_length,
                 an_empty_frame_evens_the_length):
        with tempfile.TemporaryDirectory() as name:
            part(pathlib.Path(name))
    print("passed")


main()
