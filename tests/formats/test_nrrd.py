#!/usr/bin/python3
"""test_nrrd.py ULITE MAKE_SERIES FIXTURES: NRRD and 3D Slicer's .seg.nrrd, judged by teem's unu and by plastimatch
(ITK), and read as these and Slicer write them."""
import json
import os
import pathlib
import tempfile

from forms import (FIXTURES, HEAD, TO_RAS, check, make, nibabel, nifti_places, numpy, places_of, run, same_places,
                   slicer_keys, write_nrrd)
from skipping import has, need

LIVER = ("TerminologyEntry:Segmentation category and type - 3D Slicer General Anatomy list~SCT^123037004^Anatomical "
         "Structure~SCT^64033007^Kidney~SCT^7771000^Left~Anatomic codes - DICOM master list~^^~^^|Other:x|")


def by_teem(path):
    """An NRRD file as unu reads it: array [.., i, j, k] and ijk_to_ras."""
    path, given = pathlib.Path(path).with_suffix(".raw.nrrd"), path
    run("save", "-f", "nrrd", "-e", "raw", "-i", given, "-o", path, program="teem-unu")
    fields = dict(line.split(": ", 1) for line in run("head", path, program="teem-unu").splitlines() if ": " in line)
    type_name = {"unsigned char": "u1", "short": "i2", "unsigned short": "u2", "float": "f4"}[fields["type"]]
    sizes = list(map(int, fields["sizes"].split()))
    array = numpy.frombuffer(run("data", path, program="teem-unu", text=False), "<" + type_name).reshape(sizes, order="F")
    check(fields["space"] == "left-posterior-superior", f"{path}: space {fields['space']}")
    vectors = [text.strip("()").split(",") for text in fields["space directions"].split() if text != "none"]
    lps = numpy.eye(4)
    lps[:3, :3] = numpy.array(vectors, float).T
    lps[:3, 3] = fields["space origin"].strip("()").split(",")
    return array, TO_RAS @ lps


def images_are_written(folder):
    """Values and places of a series in NRRD and NIfTI are the same to teem, nibabel and ITK."""
    for name, options in (("axial", []), ("sagittal", ["--plane", "sagittal", "--reversed"]),
                          ("oblique", ["--rotate", "10,20,30"]), ("tilted", ["--tilt", "-18.5"]),
                          ("ct", ["--modality", "CT", "--rescale", "1,-1024"])):
        series = make(folder / name, *options)
        nrrd, nifti = folder / f"{name}.nrrd", folder / f"{name}.nii.gz"
        run("convert", series, "-o", nrrd)
        run("convert", series, "-o", nifti)
        array, ijk_to_ras = by_teem(nrrd)
        image = nibabel.load(nifti)
        check(array.dtype.kind in "iu", f"{name}: whole values are stored as {array.dtype}")
        check(numpy.array_equal(array, image.get_fdata()), f"{name}: values")
        check(numpy.abs(ijk_to_ras - image.affine).max() < 1e-4, f"{name}: places\n{ijk_to_ras}\n{image.affine}")
        if name != "tilted" and has("plastimatch"): # ITK refuses sheared volumes
            says = run("compare", nifti, nrrd, program="plastimatch")
            check("DIF 0 " in says, f"{name}: plastimatch says {says}")
        run("convert", nrrd, "-o", folder / "again.nii.gz")
        again = nibabel.load(folder / "again.nii.gz")
        check(numpy.array_equal(again.get_fdata(), image.get_fdata()), f"{name}: back from NRRD")
        check(numpy.abs(again.affine - image.affine).max() < 1e-4, f"{name}: places back from NRRD")


def forms_are_read(folder):
    """What unu makes of one volume is the same volume: encodings, byte orders, detached data, spaces."""
    random = numpy.random.default_rng(1)
    array = random.integers(-1000, 3000, (5, 4, 3)).astype("<i2")
    ijk_to_ras = numpy.array([[0, -2.0, 0, 7], [1.5, 0, 0, -3], [0, 0, 4.0, 11], [0, 0, 0, 1]])
    base = folder / "base.nrrd"
    write_nrrd(base, array, ijk_to_ras)

    def same(path, wanted=array, places=ijk_to_ras, says=None):
        run("convert", path, "-o", folder / "read.nii", says=says)
        image = nibabel.load(folder / "read.nii")
        check(numpy.array_equal(image.get_fdata(), wanted), f"{path.name}: values")
        check(numpy.abs(image.affine - places).max() < 1e-4, f"{path.name}: places\n{image.affine}")

    same(base)
    for name, options in (("raw", ["-e", "raw"]), ("gzip", ["-e", "gzip"]), ("big", ["-e", "raw", "-en", "big"])):
        run("save", "-f", "nrrd", *options, "-i", base, "-o", folder / f"{name}.nrrd", program="teem-unu")
        same(folder / f"{name}.nrrd")
        run("save", "-f", "nrrd", *options, "-i", base, "-o", folder / f"{name}.nhdr", program="teem-unu")
        same(folder / f"{name}.nhdr")
    for kind in ("double", "float", "int", "longlong"):
        run("convert", "-t", kind, "-i", base, "-o", folder / f"{kind}.nrrd", program="teem-unu")
        same(folder / f"{kind}.nrrd")
    write_nrrd(folder / "ras.nrrd", array, TO_RAS @ ijk_to_ras, fields={"space": "RAS"})
    same(folder / "ras.nrrd")
    write_nrrd(folder / "las.nrrd", array, numpy.diag([1, -1, 1, 1]) @ ijk_to_ras,
               fields={"space": "left-anterior-superior"})
    same(folder / "las.nrrd", places=numpy.diag([1, 1, 1, 1]) @ ijk_to_ras)
    write_nrrd(folder / "spacings.nrrd", array, ijk_to_ras, fields={
        "space": None, "space directions": None, "space origin": None, "spacings": "2 3 4"})
    same(folder / "spacings.nrrd", places=numpy.diag([-2.0, -3.0, 4.0, 1.0]), says="unknown orientation")
    frames = numpy.stack([array, array + 1, array - 7])
    write_nrrd(folder / "frames.nrrd", frames, ijk_to_ras, encoding="raw")
    same(folder / "frames.nrrd", says="the file holds 3 volumes")
    run("permute", "-p", 1, 2, 3, 0, "-i", folder / "frames.nrrd", "-o", folder / "last.nrrd", program="teem-unu")
    same(folder / "last.nrrd", says="the file holds 3 volumes")


def faults_are_told(folder):
    array = numpy.zeros((4, 4, 4), "<i2")
    good = folder / "good.nrrd"
    for code, says, fields, encoding in (
            (9, "encoding \"bzip2\"", {"encoding": "bzip2"}, "raw"), (9, "type \"block\"", {"type": "block"}, "raw"),
            (9, "2 axes", {"dimension": "2"}, "raw"), (3, "too short", {"sizes": "4000 4000 4000"}, "raw"),
            (3, "the size of axis 2", {"sizes": "4 0 4"}, "raw"), (3, "space directions", {"space directions": "(1,0,0)"}, "raw"),
            (3, "endian", {"endian": None}, "raw"), (9, "data file", {"data file": "../other.raw"}, "raw"),
            (3, "there is no such data file", {"data file": "missing.raw"}, "raw"),
            (3, "encoding is gzip", {"encoding": "gzip"}, "raw"), (5, "", {"space directions": "(1,0,0) (1,0,0) (0,0,1)"}, "raw")):
        write_nrrd(good, array, numpy.eye(4), fields=fields, encoding=encoding)
        run("convert", good, "-o", folder / "none.nii", code=code, says=says)
    write_nrrd(good, array, numpy.eye(4))
    good.write_bytes(good.read_bytes()[:-20])
    run("convert", good, "-o", folder / "none.nii", code=3, says="truncated or damaged")
    write_nrrd(good, array, numpy.eye(4), fields={"sizes": "60000 60000 60000"})
    run("convert", good, "-o", folder / "none.nii", code=3, says="too short")
    check(not (folder / "none.nii").exists(), "an output of a fault")


def segments_are_written(folder):
    """segment -o .seg.nrrd holds the NIfTI's labels for teem and ITK, and gives all of a SEG back."""
    series = make(folder / "series")
    nrrd, nifti, seg = folder / "out.seg.nrrd", folder / "out.nii.gz", folder / "out.dcm"
    run("segment", series, "-m", FIXTURES / "axial.safetensors", "-o", nrrd, "-o", nifti, "-o", seg, "--force")
    array, ijk_to_ras = by_teem(nrrd)
    labels = numpy.asarray(nibabel.load(nifti).dataobj)
    for value in numpy.unique(labels)[1:]:
        same_places(places_of(array, ijk_to_ras, value), nifti_places(nifti, value), f"label {value}")
    if has("plastimatch"):
        check("DIF 0 " in run("compare", nifti, nrrd, program="plastimatch"), "plastimatch sees other labels")
    run("eval", nrrd, nifti, says="1.0000")
    # What a SEG says of its segments comes back from NRRD.
    run("convert", seg, "-o", folder / "seg.seg.nrrd", "--source", series, "--names", folder / "before.json")
    run("convert", folder / "seg.seg.nrrd", "-o", folder / "back.dcm", "--source", series)
    run("convert", folder / "back.dcm", "-o", folder / "back.nii.gz", "--source", series, "--names", folder / "after.json")
    check(numpy.array_equal(numpy.asarray(nibabel.load(folder / "back.nii.gz").dataobj), labels), "labels of the round trip")
    told = [[{key: item.get(key) for key in ("number", "label", "category", "type", "rgb", "region")} for item in
             json.loads((folder / name).read_text())["segments"]] for name in ("before.json", "after.json")]
    check(told[0] == told[1], f"segments of the round trip: {told}")
    out = folder / "folder"
    run("segment", folder / "seg.seg.nrrd", "-m", FIXTURES / "axial.safetensors", "-o", f"{out}/", "--force")
    check([path.name.endswith(".seg.nrrd") for path in out.iterdir()] == [True], "NRRD in, .seg.nrrd out")


def overlaps_have_layers(folder):
    """Segments of a SEG that overlap become layers, one each, and come back."""
    from pydicom import dcmread
    series = make(folder / "overlap")
    run("convert", series, "-o", folder / "overlap.nii")
    image = nibabel.load(folder / "overlap.nii")
    layers = numpy.zeros((2, *image.shape), numpy.uint8)
    layers[0, 5:20, 5:20, 2:8] = 1
    layers[1, 12:30, 10:25, 4:9] = 1
    path = folder / "layers.seg.nrrd"
    write_nrrd(path, layers, image.affine, slicer_keys([("first", (1, 0, 0), 0, 1, LIVER), ("second", (0, 1, 0), 1, 1, "|")]))
    run("convert", path, "-o", folder / "layers.dcm", "--source", series, says="segments overlap: written as fractions")
    seg = dcmread(folder / "layers.dcm")
    check([s.SegmentLabel for s in seg.SegmentSequence] == ["first", "second"], "names of layers")
    check(seg.SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Kidney", "the type of a segment")
    check(numpy.count_nonzero(numpy.frombuffer(seg.PixelData, numpy.uint8)) == int(layers.sum()),
          "voxels of overlapping layers in the SEG")
    run("convert", folder / "layers.dcm", "-o", folder / "back.seg.nrrd", "--source", series)
    array, ijk_to_ras = by_teem(folder / "back.seg.nrrd")
    check(array.shape[0] == 2, f"layers {array.shape}")
    for layer in (0, 1):
        same_places(places_of(array[layer], ijk_to_ras, 1), places_of(layers[layer], image.affine, 1), f"layer {layer}")
    run("convert", path, "-o", folder / "flat.nii.gz", code=4, says="overlap")
    run("convert", folder / "layers.dcm", "-o", folder / "flat.nii.gz", code=4, says="overlap")


def slicer_files_are_used(folder):
    """A .seg.nrrd that holds the part around its segments alone: converted, compared, trained on."""
    random = numpy.random.default_rng(3)
    data = folder / "data"
    for name in ("images", "labels", "whole"):
        (data / name).mkdir(parents=True)
    affine = numpy.diag([-1.0, -1.0, 2.0, 1.0])
    affine[:3, 3] = 40, 30, -20
    for case in range(4):
        labels = numpy.zeros((48, 48, 4), numpy.uint8)
        labels[12:30 + case, 10:32, 1:3] = 1
        labels[18:24, 16:24, 1:3] = 2
        image = (100 + 60 * labels + random.normal(0, 6, labels.shape)).astype("<i2")
        write_nrrd(data / "images" / f"c{case}.nrrd", image, affine)
        nibabel.save(nibabel.Nifti1Image(labels, affine), data / "whole" / f"c{case}.nii.gz")
        start = numpy.argwhere(labels).min(0)
        end = numpy.argwhere(labels).max(0) + 1
        moved = affine.copy()
        moved[:3, 3] = affine[:3, :3] @ start + affine[:3, 3]
        part = labels[start[0]:end[0], start[1]:end[1], start[2]:end[2]]
        names = [("organ", (0.5, 0.25, 0), 0, 1, LIVER), ("lesion", (1, 1, 0), 0, 2, "|")]
        if case == 2: # Slicer numbers each file by itself
            part = numpy.array([0, 2, 1], numpy.uint8)[part]
            names = [(*names[1][:3], 1, "|"), (*names[0][:3], 2, LIVER)]
        write_nrrd(data / "labels" / f"c{case}.seg.nrrd", part, moved, slicer_keys(names, start))
    cropped, whole = data / "labels" / "c1.seg.nrrd", data / "whole" / "c1.nii.gz"
    for pair in ((cropped, whole), (whole, cropped)):
        scores = json.loads(run("eval", *pair, "--json"))
        check("1" in json.dumps(scores) and "\"dice\": 1" in json.dumps(scores), f"eval of {pair[0].name}: {scores}")
    train = ("train", data, "-o", folder / "model.safetensors", "--threads", "1", "--epochs", "1", "-q")
    run(*train, code=3, says="names the classes")
    (data / "segments.json").write_text(json.dumps({"segments": [{"number": 1, "label": "organ"},
                                                                 {"number": 2, "label": "lesion"}]}))
    run(*train)
    told = run("info", folder / "model.safetensors")
    check("organ" in told and "lesion" in told, told)
    run("segment", data / "images" / "c0.nrrd", "-m", folder / "model.safetensors", "-o", folder / "c0.seg.nrrd",
        "-o", folder / "c0.nii.gz", "--mask", folder / "mask.nrrd")
    run("eval", folder / "c0.seg.nrrd", folder / "c0.nii.gz")
    run("info", folder / "c0.seg.nrrd", says="NRRD volume")
    run("batch", data / "images", "-m", folder / "model.safetensors", "-o", folder / "cohort")
    check(len(list((folder / "cohort").glob("*.seg.nrrd"))) == 4, f"batch: {os.listdir(folder / 'cohort')}")


need(HEAD, "teem-unu")
with tempfile.TemporaryDirectory() as temporary:
    for part in (images_are_written, forms_are_read, faults_are_told, segments_are_written, overlaps_have_layers,
                 slicer_files_are_used):
        place = pathlib.Path(temporary) / part.__name__
        place.mkdir()
        part(place)
print("NRRD is what teem, ITK and 3D Slicer read and write")
