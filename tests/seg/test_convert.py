#!/usr/bin/python3
"""test_convert.py ULITE MAKE_SERIES SHARED FIXTURES: what `ulite convert` and `ulite verify` make of segmentations.

Series come from the generator, real segmentations of other writers from SHARED where it is there.
"""
import gzip
import itertools
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from skipping import has, need, needed_modules

with needed_modules():
    import nibabel
    import numpy
    import pydicom
    from compress_binary import compress
    from peers import pydicom_seg
    from scipy.spatial import cKDTree

HEAD = pathlib.Path("/usr/share/mricron/templates/ch2.nii.gz")
PEERS = pathlib.Path(__file__).resolve().parent.parent / "peers"
ULITE, MAKE_SERIES = sys.argv[1:3]
SHARED, FIXTURES = map(pathlib.Path, sys.argv[3:5])


def check(right, text):
    if not right:
        print(f"FAILED: {text}")
        sys.exit(1)


def run(*words, code=0, says=None, program=ULITE):
    result = subprocess.run([str(program), *map(str, words)], capture_output=True, text=True, check=False)
    shown = f"{' '.join(map(str, words))}: exit {result.returncode}, {result.stderr.strip()[-400:]}"
    check(result.returncode == code, f"{shown}; expected exit {code}")
    if says:
        check(says in result.stderr + result.stdout, f"{shown}; expected \"{says}\"")
    return result.stdout


def make(folder, *options):
    run(HEAD, "-o", folder, "--box", "40:80,60:92,50:62", *options, program=MAKE_SERIES)
    return folder


def labels_on(series, folder, name):
    """A label volume on the voxels of a series, as another program would draw it: NIfTI by ulite, labels by numpy."""
    run("convert", series, "-o", folder / f"{name}_image.nii.gz")
    image = nibabel.load(folder / f"{name}_image.nii.gz")
    i, j, k = numpy.indices(image.shape[:3])
    labels = numpy.where((i % 11 < 4) & (j > 3) & (k > 1), 3, 0) + numpy.where((j < 3) & (i < 9) & (k % 2 == 0), 70, 0)
    return nibabel.Nifti1Image(labels.astype(numpy.uint8), image.affine)


def places(image, value):
    """Sorted LPS positions of the voxels of one label."""
    voxels = numpy.argwhere(numpy.asarray(image.dataobj) == value)
    ras = voxels @ image.affine[:3, :3].T + image.affine[:3, 3]
    return ras * [-1, -1, 1]


def same_places(a, b, what):
    check(len(a) == len(b) and len(a) > 0, f"{what}: {len(a)} voxels and {len(b)}")
    worst = max(cKDTree(a).query(b)[0].max(), cKDTree(b).query(a)[0].max())
    check(worst < 0.02, f"{what}: labels {worst:.3f} mm off")


def turned_labels_come_back(folder):
    """NIfTI labels with axes in another order and direction land on the right pixels, and come back."""
    segments = folder / "segments.json"
    segments.write_text(json.dumps({"segments": [{"number": 3, "label": "three"}, {"number": 70, "label": "seventy"}]}))
    for name, options in (("axial", []), ("sagittal", ["--plane", "sagittal", "--reversed"]),
                          ("oblique", ["--rotate", "10,20,30"]), ("tilted", ["--tilt", "-18.5"])):
        series = make(folder / name, *options)
        labels = labels_on(series, folder, name)
        turns = ["RAS", "LPS", "PSR", "ILA"] if name != "tilted" else ["RAS", "LPS", "RPI"]
        for codes in turns:
            turn = nibabel.orientations.ornt_transform(
                nibabel.orientations.io_orientation(labels.affine), nibabel.orientations.axcodes2ornt(codes))
            turned = labels.as_reoriented(turn)
            stored, seg, back = (folder / f"{name}_{codes}{end}" for end in (".nii.gz", ".dcm", "_back.nii.gz"))
            nibabel.save(turned, stored)
            run("convert", stored, "-o", seg, "--source", series, "--segments", segments)
            found = pydicom_seg.read(seg)
            for segment, value in zip(found["segments"], (3, 70)):
                same_places(numpy.array(segment["voxels"]), places(turned, value), f"{name} {codes} in the SEG")
            run("convert", seg, "-o", back, "--source", series)
            again = nibabel.load(back)
            check(again.shape == labels.shape, f"{name} {codes}: shape {again.shape}")
            for value in (3, 70):
                same_places(places(again, value), places(labels, value), f"{name} {codes} back")


def an_even_grid_is_upright(folder):
    """--grid regular of labels on tilted slices resamples them; of even ones it changes nothing."""
    for name, options in (("leaning", ["--tilt", "18.5", "--modality", "CT"]), ("tipped", ["--tilt", "-18.5"]),
                          ("even", ["--rotate", "10,20,30"])):
        series, seg = make(folder / f"grid_{name}", *options), folder / f"grid_{name}.dcm"
        labels = labels_on(series, folder, f"grid_{name}")
        nibabel.save(labels, folder / "grid.nii.gz")
        run("convert", folder / "grid.nii.gz", "-o", seg, "--source", series, "--grid", "regular")
        dataset = pydicom.dcmread(seg)
        origins = numpy.array([f.PlanePositionSequence[0].ImagePositionPatient for f in frames_by_place(dataset)], float)
        axes = numpy.array(dataset.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0].ImageOrientationPatient,
                           float).reshape(2, 3)
        steps = numpy.diff(origins, axis=0)
        check(numpy.abs(steps @ axes.T).max() < 1e-3, f"{name}: frames lean, {steps[0]}")
        found = json.loads(run("verify", seg, "--source", series, "--json", code=0 if name == "even" else 1))["findings"]
        check(not [f for f in found if "lean" in f["text"] or "even grid" in f["text"] and f["who"] == "dcmqi"],
              f"{name}: {found}")
        run("convert", seg, "-o", folder / "grid_back.nii.gz")
        back = nibabel.load(folder / "grid_back.nii.gz")
        data = numpy.asarray(labels.dataobj)
        for value in (3, 70):
            at = places(back, value) * [-1, -1, 1]
            voxels = (at - labels.affine[:3, 3]) @ numpy.linalg.inv(labels.affine[:3, :3]).T
            i, j, k = numpy.clip(numpy.round(voxels), 0, numpy.array(data.shape) - 1).astype(int).T
            right = (data[i, j, k] == value).mean()
            check(right > 0.98, f"{name}: {right:.3f} of label {value} lies where it was")
            volume = len(at) * abs(numpy.linalg.det(back.affine)) / abs(numpy.linalg.det(labels.affine))
            check(abs(volume / (data == value).sum() - 1) < 0.1, f"{name}: label {value} changed its volume by {volume}")


def frames_by_place(dataset):
    """One frame for each place, along the normal."""
    axes = numpy.array(dataset.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0].ImageOrientationPatient,
                       float).reshape(2, 3)
    at = {round(float(numpy.dot(frame.PlanePositionSequence[0].ImagePositionPatient, numpy.cross(*axes))), 3): frame
          for frame in dataset.PerFrameFunctionalGroupsSequence}
    return [at[offset] for offset in sorted(at)]


def itk_is_named(folder):
    """A tilted NIfTI is sheared: a note says that ITK refuses it, and what it takes."""
    text = "which ITK readers (3D Slicer, SimpleITK, ITK-SNAP) refuse; --grid regular makes one that they take"
    for name, options in (("leaning", ["--tilt", "18.5", "--modality", "CT"]), ("upright", ["--rotate", "10,20,30"])):
        series = make(folder / f"itk_{name}", *options)
        for words in (["convert", series], ["segment", series, "-m", FIXTURES / "slices.safetensors", "--force"]):
            for grid in ([], ["--grid", "regular"]):
                done = subprocess.run([ULITE, *map(str, [*words, "-o", folder / "itk.nii.gz", *grid])],
                                      capture_output=True, text=True, check=False)
                check(done.returncode == 0, done.stderr)
                wanted = name == "leaning" and not grid
                check((text in done.stderr) == wanted, f"{name} {words[0]} {grid}: {done.stderr}")
                form = nibabel.load(folder / "itk.nii.gz").affine[:3, :3]
                unit = form / numpy.linalg.norm(form, axis=0)
                check((numpy.abs(unit.T @ unit - numpy.eye(3)).max() > 1e-3) == wanted, f"{name} {grid}: {form}")


def turn_frames(seg, transpose, flips, reverse):
    """Stores a BINARY object's frames another way round, each voxel where it was."""
    shared, frames = seg.SharedFunctionalGroupsSequence[0], list(seg.PerFrameFunctionalGroupsSequence)
    orientation = shared.PlaneOrientationSequence[0]
    measures = shared.PixelMeasuresSequence[0]
    axes = numpy.array(orientation.ImageOrientationPatient, float).reshape(2, 3)  # along columns, along rows
    steps = [float(measures.PixelSpacing[1]), float(measures.PixelSpacing[0])]
    pixels = seg.pixel_array.reshape(-1, seg.Rows, seg.Columns)
    for axis in (0, 1):
        if flips[axis]:
            shift = axes[axis] * steps[axis] * (pixels.shape[2 - axis] - 1)
            for frame in frames:
                position = frame.PlanePositionSequence[0]
                moved = numpy.array(position.ImagePositionPatient, float) + shift
                position.ImagePositionPatient = [f"{x:.9g}" for x in moved]
            axes[axis] *= -1
            pixels = numpy.flip(pixels, 2 - axis)
    if transpose:
        axes, steps, pixels = axes[::-1], steps[::-1], pixels.transpose(0, 2, 1)
    if reverse:
        frames, pixels = frames[::-1], pixels[::-1]
    orientation.ImageOrientationPatient = [f"{x:.9g}" for x in axes.ravel()]
    measures.PixelSpacing = [steps[1], steps[0]]
    seg.Rows, seg.Columns = pixels.shape[1:]
    seg.PerFrameFunctionalGroupsSequence = pydicom.Sequence(frames)
    packed = numpy.packbits(pixels.astype(numpy.uint8).ravel(), bitorder="little").tobytes()
    seg.PixelData = packed + b"\0" * (len(packed) % 2)


def turned_frames_come_back(folder):
    """Frames that another writer mirrored, reversed or transposed lie on the source's voxels all the same."""
    series = make(folder / "turned", "--rotate", "12,-8,20", "--spacing", "0.9,1.1", "--step", "2")
    stored, upright = folder / "turned.nii.gz", folder / "upright.dcm"
    labels = labels_on(series, folder, "turned")
    nibabel.save(labels, stored)
    run("convert", stored, "-o", upright, "--source", series, "--type", "binary")
    wanted = numpy.asarray(labels.dataobj)
    for turn in itertools.product((False, True), repeat=4):
        transpose, columns, rows, reverse = turn
        seg = pydicom.dcmread(upright)
        turn_frames(seg, transpose, (columns, rows), reverse)
        seg.save_as(folder / "turned.dcm")
        back = folder / "turned_back.nii.gz"
        run("convert", folder / "turned.dcm", "-o", back, "--source", series)
        found = numpy.asarray(nibabel.load(back).dataobj)
        check(found.shape == wanted.shape, f"turn {turn}: shape {found.shape}")
        values = [value for value in numpy.unique(found) if value]
        check(len(values) == 2, f"turn {turn}: labels {values}")
        for got, value in zip(values, (3, 70)):
            off = ((found == got) != (wanted == value)).sum()
            check(off == 0, f"turn {turn}: label {value} differs at {off} voxels")


def models_name_segments(folder):
    """--segments MODEL: the classes of its card; --type fractional holds all or nothing, and comes back the same."""
    series, model = make(folder / "modelled"), FIXTURES / "slices.safetensors"
    three = labels_on(series, folder, "named")
    data = numpy.asarray(three.dataobj)
    values = ((data == 3) + 2 * (data == 70)).astype("u1")
    nibabel.save(nibabel.Nifti1Image(values, three.affine), folder / "values.nii.gz")
    for kind in ("binary", "fractional"):
        seg, back, names = (folder / f"{kind}{end}" for end in (".dcm", "_back.nii.gz", ".json"))
        run("convert", folder / "values.nii.gz", "-o", seg, "--source", series, "--segments", model, "--type", kind)
        dataset = pydicom.dcmread(seg)
        found = [(int(s.SegmentNumber), s.SegmentLabel, s.SegmentedPropertyTypeCodeSequence[0].CodeMeaning)
                 for s in dataset.SegmentSequence]
        check(found == [(1, "Fixture one", "Tissue"), (2, "Fixture two", "Tissue")], f"{kind}: segments {found}")
        check(dataset.SegmentationType == kind.upper(), f"{kind}: type {dataset.SegmentationType}")
        stored = set(numpy.unique(dataset.pixel_array))
        whole = int(dataset.MaximumFractionalValue) if kind == "fractional" else 1
        check(stored == {0, whole}, f"{kind}: stored values {stored}")
        check(dataset.pixel_array.sum() == whole * (values != 0).sum(), f"{kind}: voxels")
        run("convert", seg, "-o", back, "--source", series, "--names", names)
        check((numpy.asarray(nibabel.load(back).dataobj) == values).all(), f"{kind}: labels back")
        described = [s["rgb"] for s in json.loads(names.read_text())["segments"]]
        check(numpy.abs(numpy.array(described) - [[220, 60, 50], [60, 110, 230]]).max() <= 1, f"{kind}: {described}")
        if kind == "binary":
            run("verify", seg, "--source", series)
        else:  # of which viewers take no account
            run("verify", seg, "--source", series, code=1, says="dcmqi: takes the values of FRACTIONAL")
    nibabel.save(three, folder / "three.nii.gz")
    run("convert", folder / "three.nii.gz", "-o", folder / "x.dcm", "--source", series, "--segments", model, code=3,
        says="label 3 occurs")
    run("convert", folder / "values.nii.gz", "-o", folder / "x.dcm", "--source", series, "--segments",
        folder / "values.nii.gz", code=6)
    check(not (folder / "x.dcm").exists(), "x.dcm was left behind")


def wrong_places_are_refused(folder):
    series = make(folder / "plain")
    labels = labels_on(series, folder, "plain")
    seg = folder / "refused.dcm"

    def refuse(image, code, says, *options):
        nibabel.save(image, folder / "wrong.nii.gz")
        run("convert", folder / "wrong.nii.gz", "-o", seg, "--source", series, *options, code=code, says=says)
        check(not seg.exists(), f"{seg} was left behind")

    shift = labels.affine.copy()
    shift[2, 3] += 0.5
    refuse(nibabel.Nifti1Image(labels.get_fdata().astype("u1"), shift), 5, "lie elsewhere")
    refuse(labels.slicer[1:], 5, "39x32x12 voxels, the source 40x32x12")
    zoom = labels.affine.copy()
    zoom[:3, 0] *= 1.1
    refuse(nibabel.Nifti1Image(labels.get_fdata().astype("u1"), zoom), 5, "lie elsewhere")
    holes = labels.get_fdata().astype("f4")
    holes[1, 2, 3] = numpy.nan
    refuse(nibabel.Nifti1Image(holes, labels.affine), 3, "voxel (1, 2, 3) is no number")
    some = folder / "some.json"
    some.write_text('{"segments": [{"number": 3}]}')
    refuse(labels, 3, "label 70 occurs", "--segments", some)
    refuse(labels, 4, "take --series", "--series", "99", "--grid", "regular")
    nothing = nibabel.Nifti1Image(numpy.zeros((40, 32, 12), "u1"), labels.affine)
    refuse(nothing, 3, "holds no label; --segments says")
    some.write_text('{"segments": [{"number": 3, "label": "three"}, {"number": 70, "label": "seventy"}]}')
    run("convert", folder / "wrong.nii.gz", "-o", seg, "--source", series, "--segments", some)
    dataset = pydicom.dcmread(seg)
    check(len(dataset.SegmentSequence) == 2 and dataset.NumberOfFrames == 1, "an empty SEG of two segments")
    check(not dataset.pixel_array.any(), "its frame is empty")
    run("verify", seg, "--source", series)
    seg.unlink()
    nibabel.save(labels, folder / "labels.nii.gz")
    run("convert", folder / "labels.nii.gz", "-o", seg, code=2, says="--source")
    run("convert", folder / "labels.nii.gz", "-o", folder / "x.nii.gz", "--source", series, code=2)
    run("convert", series, "-o", seg, code=2)
    run("convert", folder / "nowhere", "-o", folder / "x.nii.gz", code=3, says="nowhere")
    run("convert", folder / "labels.nii.gz", "-o", f"{folder}/labels.nii.gz/x.dcm", "--source", series, code=7)
    run("verify", folder / "labels.nii.gz", code=3, says="labels.nii.gz")
    out = folder / "named"
    out.mkdir()
    run("convert", folder / "labels.nii.gz", "-o", out, "--source", series)
    name, = os.listdir(out)
    check(len(name) == 16 + len(".seg.dcm") and name.endswith(".seg.dcm"), f"named {name}")


def several_volumes_are_listed(folder):
    series = make(folder / "echoes", "--echoes", "2")
    run("convert", series, "-o", folder / "echo.nii.gz", code=4, says="--series 1.2")
    run("convert", series, "-o", folder / "echo.nii.gz", "--series", "1.2")
    run("convert", series, "-o", folder / "all.nii.gz", "--split")
    second = numpy.asarray(nibabel.load(folder / "echo.nii.gz").dataobj)
    check((numpy.asarray(nibabel.load(folder / "all-2.nii.gz").dataobj) == second).all(), "--split, second echo")


def verify_says_what_is_wrong(folder):
    series, other = make(folder / "right"), make(folder / "other", "--study", "2", "--rotate", "0,0,10")
    nibabel.save(labels_on(series, folder, "right"), folder / "right.nii.gz")
    seg = folder / "right.dcm"
    run("convert", folder / "right.nii.gz", "-o", seg, "--source", series)
    run("verify", seg, "--source", series)
    run("verify", seg, "--source", other, code=1, says="references: the referenced series is not among")

    def spoil(says, change):
        dataset = pydicom.dcmread(seg)
        change(dataset)
        dataset.save_as(folder / "spoilt.dcm")
        run("verify", folder / "spoilt.dcm", "--source", series, code=1, says=says)

    def drop(dataset, *names):
        for name in names:
            del dataset[name]

    frames = lambda dataset: dataset.PerFrameFunctionalGroupsSequence
    spoil("ohif: shows nothing", lambda d: drop(d, "ReferencedSeriesSequence"))
    spoil("ohif: segment 2 has no Recommended", lambda d: drop(d.SegmentSequence[1], "RecommendedDisplayCIELabValue"))
    spoil("slicer:", lambda d: drop(d.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0], "SliceThickness"))
    spoil("standard: PatientID is missing", lambda d: drop(d, "PatientID"))
    spoil("slicer: segment 1 has no SegmentLabel", lambda d: drop(d.SegmentSequence[0], "SegmentLabel"))
    spoil("no FrameOfReferenceUID", lambda d: drop(d, "FrameOfReferenceUID"))

    def move(dataset):
        frames(dataset)[0].PlanePositionSequence[0].ImagePositionPatient[2] += 0.5
    spoil("geometry: frame 1", move)

    def reference(dataset):
        a, b = (frames(dataset)[f].DerivationImageSequence[0].SourceImageSequence[0] for f in (0, 1))
        a.ReferencedSOPInstanceUID = b.ReferencedSOPInstanceUID
    spoil("references: 1 frames name another", reference)

    def clear(dataset):
        dataset.PixelData = bytes(len(dataset.PixelData))
    spoil("frames are empty", clear)

    def dark(dataset):
        dataset.SegmentSequence[0].RecommendedDisplayCIELabValue = [2000, 32896, 32896]
    spoil("dcmqi: the colour of segment 1", dark)

    def spacing(dataset):
        dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices = 3
    spoil("geometry: SpacingBetweenSlices", spacing)


def labelmap_is_read(folder):
    """A LABELMAP object (Supplement 243), rewritten by pydicom from a BINARY one, holds the same labels."""
    series = make(folder / "lm")
    nibabel.save(labels_on(series, folder, "lm"), folder / "lm.nii.gz")
    seg = folder / "lm.dcm"
    run("convert", folder / "lm.nii.gz", "-o", seg, "--source", series)
    dataset = pydicom.dcmread(seg)
    count, rows, columns = int(dataset.NumberOfFrames), dataset.Rows, dataset.Columns
    bits = numpy.unpackbits(numpy.frombuffer(dataset.PixelData, "u1"), bitorder="little")
    bits = bits[:count * rows * columns].reshape(count, rows, columns)
    merged, groups = {}, {}
    for frame, pixels in zip(dataset.PerFrameFunctionalGroupsSequence, bits):
        at = tuple(frame.PlanePositionSequence[0].ImagePositionPatient)
        number = frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        merged.setdefault(at, numpy.zeros((rows, columns), "u1"))[pixels != 0] = number
        del frame["SegmentIdentificationSequence"]
        groups[at] = frame
    dataset.PerFrameFunctionalGroupsSequence = pydicom.Sequence(groups.values())
    dataset.NumberOfFrames = len(merged)
    dataset.PixelData = b"".join(merged[at].tobytes() for at in groups)
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit = 7
    dataset.SegmentationType = "LABELMAP"
    dataset.add_new("PixelPaddingValue", "US", 0)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.66.7"
    dataset.save_as(folder / "labelmap.dcm")
    for name in ("lm.dcm", "labelmap.dcm"):
        run("convert", folder / name, "-o", folder / f"{name}.nii.gz", "--source", series)
    a, b = (numpy.asarray(nibabel.load(folder / f"{name}.nii.gz").dataobj) for name in ("lm.dcm", "labelmap.dcm"))
    check((a == b).all() and set(numpy.unique(b)) == {0, 3, 70}, f"LABELMAP holds {numpy.unique(b)}")


def compressed_frames_are_read(folder):
    """FRACTIONAL frames as gdcmconv compresses them, LABELMAP frames of 8 and 16 bits as pydicom does."""
    run("convert", folder / "lm.nii.gz", "-o", folder / "fractions.dcm", "--source", folder / "lm", "--type",
        "fractional")
    wanted = numpy.asarray(nibabel.load(folder / "lm.dcm.nii.gz").dataobj)
    names = []
    for option in ("--rle", "--j2k", "--jpegls", "--jpeg"):
        names.append(f"fractions{option}.dcm")
        run(option, folder / "fractions.dcm", folder / names[-1], program="gdcmconv")
    for bits in (8, 16):
        dataset = pydicom.dcmread(folder / "labelmap.dcm")
        dataset.PixelData = numpy.frombuffer(dataset.PixelData, "u1").astype(f"<u{bits // 8}").tobytes()
        dataset.BitsAllocated = dataset.BitsStored = bits
        dataset.HighBit = bits - 1
        dataset.compress(pydicom.uid.RLELossless)
        names.append(f"labelmap_rle_{bits}.dcm")
        dataset.save_as(folder / names[-1])
    for name in names:
        run("convert", folder / name, "-o", folder / "back.nii.gz", "--source", folder / "lm", "--type", "binary")
        found = numpy.asarray(nibabel.load(folder / "back.nii.gz").dataobj)
        check((found == wanted).all(), f"{name}: {(found != wanted).sum()} voxels differ")
        run("info", folder / name)
    content = (folder / "fractions--j2k.dcm").read_bytes()
    (folder / "unknown.dcm").write_bytes(content.replace(b"1.2.840.10008.1.2.4.90", b"1.2.840.10008.1.2.4.92"))
    run("convert", folder / "unknown.dcm", "-o", folder / "x.nii.gz", code=9, says="JPEG 2000 multi-component lossless")


def packed_frames_are_read(folder):
    """BINARY frames in RLE and deflated: of whole bytes, unlike those of a native file."""
    source = make(folder / "odd", "--box", "40:75,60:91,50:56")
    nibabel.save(labels_on(source, folder, "odd"), folder / "odd.nii.gz")
    run("convert", folder / "odd.nii.gz", "-o", folder / "odd.dcm", "--source", source, "--type", "binary")
    run("convert", folder / "odd.dcm", "-o", folder / "odd_back.nii.gz")
    wanted = numpy.asarray(nibabel.load(folder / "odd_back.nii.gz").dataobj)
    check(wanted.any() and wanted[:, :, 0].size % 8, "no labels, or frames of whole bytes")
    for how in ("rle", "deflate"):
        compress(folder / "odd.dcm", folder / f"{how}.dcm", how)
        run("convert", folder / f"{how}.dcm", "-o", folder / "packed.nii.gz")
        found = numpy.asarray(nibabel.load(folder / "packed.nii.gz").dataobj)
        check((found == wanted).all(), f"BINARY, {how}: {(found != wanted).sum()} voxels differ")
    whole = (folder / "deflate.dcm").read_bytes()
    frame = whole.rindex(b"\xfe\xff\x00\xe0") + 8
    (folder / "damaged.dcm").write_bytes(whole[:frame] + b"\xff" + whole[frame + 1:])
    run("convert", folder / "damaged.dcm", "-o", folder / "x.nii.gz", code=3, says="deflated frame")


def real_objects_are_read(folder):
    dcmqi, highdicom = SHARED / "data/seg/dcmqi", SHARED / "data/seg/highdicom"
    run("convert", dcmqi / "liver.dcm", "-o", folder / "liver.nii.gz", "--source", dcmqi / "ct-3slice",
        "--names", folder / "liver.json")
    liver = nibabel.load(folder / "liver.nii.gz")
    header, body = (dcmqi / "liver_seg.nrrd").read_bytes().split(b"\n\n", 1)
    expected = numpy.frombuffer(gzip.decompress(body), "<i2").reshape((512, 512, 3), order="F")
    check(b"space directions: (0.81054700000000002,0,0) (0,0.81054700000000002,0) (0,0,1)" in header, "the NRRD changed")
    origin = numpy.array([-235.2, -226.8, -128.69])
    voxels = numpy.argwhere(expected == 1)
    check(len(voxels) == 107098, f"the NRRD holds {len(voxels)}")
    same_places(places(liver, 1), origin + voxels * [0.810547, 0.810547, 1], "liver.dcm")
    check(json.loads((folder / "liver.json").read_text())["segments"][0]["label"] == "Liver", "--names")

    run("convert", highdicom / "seg_image_ct_true_fractional.dcm", "-o", folder / "fraction.nii.gz")
    values = numpy.asarray(nibabel.load(folder / "fraction.nii.gz").dataobj)
    dataset = pydicom.dcmread(highdicom / "seg_image_ct_true_fractional.dcm")
    stored = dataset.pixel_array
    check(len(numpy.unique(stored)) > 2, "not truly fractional")
    heights = [float(frame.PlanePositionSequence[0].ImagePositionPatient[2])
               for frame in dataset.PerFrameFunctionalGroupsSequence]
    for k, f in enumerate(numpy.argsort(heights)):
        check(numpy.allclose(values[:, :, k].T * 255, stored[f], atol=1e-3), f"fractions of frame {f + 1}")
    run("convert", highdicom / "seg_image_ct_true_fractional.dcm", "-o", folder / "half.nii.gz", "--type", "binary")
    half = numpy.asarray(nibabel.load(folder / "half.nii.gz").dataobj)
    check((half != 0).sum() == (stored >= 128).sum(), "the map at one half")

    overlap = highdicom / "seg_image_ct_binary_overlap.dcm"
    run("convert", overlap, "-o", folder / "overlap.nii.gz", code=4, says="overlap")
    run("convert", overlap, "-o", folder / "overlap.nii.gz", "--split")
    dataset = pydicom.dcmread(overlap)
    for number in (1, 2):
        frames = [pixels for groups, pixels in zip(dataset.PerFrameFunctionalGroupsSequence, dataset.pixel_array)
                  if groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber == number]
        mask = numpy.asarray(nibabel.load(folder / f"overlap-{number}.nii.gz").dataobj)
        check((mask == number).sum() == numpy.array(frames).sum(), f"overlapping segment {number}")

    mosaics = SHARED / "data/dicom/dcm_qa_ts"
    mosaic = mosaics / "In/1.dcm"
    run("convert", mosaic, "-o", folder / "mosaic.nii.gz")
    image = nibabel.load(folder / "mosaic.nii.gz")
    nibabel.save(nibabel.Nifti1Image((image.get_fdata() > 100).astype("u1"), image.affine), folder / "on_mosaic.nii.gz")
    run("convert", folder / "on_mosaic.nii.gz", "-o", folder / "mosaic.dcm", "--source", mosaic, code=9, says="mosaic")
    options = ("-m", FIXTURES / "slices.safetensors", "-o")
    run("segment", mosaic, *options, folder / "tiles.dcm", code=9, says="mosaic")
    check(not (folder / "tiles.dcm").exists(), "tiles.dcm was left behind")
    run("segment", mosaic, *options, folder / "tiles.nii.gz")
    labels, reference = (nibabel.as_closest_canonical(nibabel.load(path))
                         for path in (folder / "tiles.nii.gz", mosaics / "Ref/1.nii"))
    check(labels.shape == reference.shape == (64, 64, 35), f"mosaic: {labels.shape}")
    check(numpy.allclose(labels.affine, reference.affine, atol=1e-2), f"mosaic: {labels.affine}, {reference.affine}")
    check(set(numpy.unique(labels.dataobj)) == {0, 1, 2}, "mosaic: not all labels occur")


def main():
    need(HEAD)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        turned_labels_come_back(folder)
        an_even_grid_is_upright(folder)
        itk_is_named(folder)
        turned_frames_come_back(folder)
        models_name_segments(folder)
        wrong_places_are_refused(folder)
        several_volumes_are_listed(folder)
        verify_says_what_is_wrong(folder)
        labelmap_is_read(folder)
        compressed_frames_are_read(folder)
        packed_frames_are_read(folder)
        if has(SHARED / "data/seg", SHARED / "data/dicom"):
            real_objects_are_read(folder)
    print("passed")


main()
