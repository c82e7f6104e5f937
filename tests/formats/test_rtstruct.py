#!/usr/bin/python3
"""test_rtstruct.py ULITE MAKE_SERIES FIXTURES: RT Structure Sets, judged by dciodvfy, by an own rasteriser over
pydicom, and by plastimatch, and read as others write them."""
import json
import pathlib
import tempfile

from forms import FIXTURES, HEAD, check, make, nibabel, nifti_places, numpy, places_of, run, same_places
from skipping import has, need, needed_modules

with needed_modules():
    import pydicom
    from PIL import Image, ImageDraw


def drawn(path, image, name):
    """A structure's voxels on the grid of a NIfTI image: polygons filled by Pillow at 8 times the resolution, a voxel
    being what its centre is; [i, j, k]."""
    data = pydicom.dcmread(path)
    number = next(r.ROINumber for r in data.StructureSetROISequence if r.ROIName == name)
    to_voxel = numpy.linalg.inv(image.affine)
    mask = numpy.zeros(image.shape[:3], bool)
    area = 0.0
    for contour in next(r for r in data.ROIContourSequence if r.ReferencedROINumber == number).get("ContourSequence", []):
        lps = numpy.array(contour.ContourData, float).reshape(-1, 3)
        check(contour.ContourGeometricType == "CLOSED_PLANAR" and len(lps) == contour.NumberOfContourPoints, "a contour")
        voxels = (lps * [-1, -1, 1]) @ to_voxel[:3, :3].T + to_voxel[:3, 3]
        slices = numpy.round(voxels[:, 2])
        check(numpy.abs(voxels[:, 2] - slices[0]).max() < 0.01, "a contour lies between slices")
        sheet = Image.new("1", (8 * image.shape[0], 8 * image.shape[1]))
        ImageDraw.Draw(sheet).polygon([tuple(8 * (p + 0.5)) for p in voxels[:, :2]], fill=1)
        mask[:, :, int(slices[0])] |= numpy.asarray(sheet)[4::8, 4::8].T
        x, y = voxels[:, 0], voxels[:, 1]
        area += abs(numpy.dot(x, numpy.roll(y, -1)) - numpy.dot(y, numpy.roll(x, -1))) / 2
    return mask, area


def masks_are_kept(folder):
    """Ring, islands, diagonals, a hole in a hole, two segments that overlap nowhere: for every geometry."""
    for name, options in (("axial", []), ("sagittal", ["--plane", "sagittal", "--reversed"]),
                          ("oblique", ["--rotate", "10,20,30"]), ("tilted", ["--tilt", "-18.5"]),
                          ("multiframe", ["--multi-frame"])):
        series = make(folder / name, *options)
        run("convert", series, "-o", folder / f"{name}.nii.gz")
        image = nibabel.load(folder / f"{name}.nii.gz")
        values = numpy.zeros(image.shape, numpy.uint8)
        values[2:20, 3:20, 2:6] = 4
        values[5:15, 6:16, 2:5] = 0
        values[8:11, 9:12, 2:5] = 4
        values[9, 10, 3] = 0
        random = numpy.random.default_rng(2)
        part = values[22:, :, 1:8]
        part[random.random(part.shape) < 0.4] = 9
        nibabel.save(nibabel.Nifti1Image(values, image.affine), folder / "labels.nii.gz")
        (folder / "names.json").write_text(json.dumps({"segments": [
            {"number": 4, "label": "ring", "rgb": [255, 0, 9]}, {"number": 9, "label": "noise"}]}))
        out = folder / f"{name}.rtstruct.dcm"
        run("convert", folder / "labels.nii.gz", "-o", out, "--source", series, "--segments", folder / "names.json")
        for value, label in ((4, "ring"), (9, "noise")):
            mask, area = drawn(out, image, label)
            check((mask != (values == value)).sum() == 0, f"{name} {label}: {(mask != (values == value)).sum()} voxels differ")
            check(abs(area - mask.sum()) < 0.01 * mask.sum(), f"{name} {label}: area {area}, voxels {mask.sum()}")
        if has("dciodvfy"):
            said = judged(out)
            check("Error" not in said, f"{name}: dciodvfy says {said}")
        run("convert", out, "-o", folder / "back.nii.gz", "--source", series)
        check(numpy.array_equal(numpy.asarray(nibabel.load(folder / "back.nii.gz").dataobj), values), f"{name}: read back")
        if name == "axial" and has("plastimatch"): # it takes contours of axial slices alone
            run("convert", "--input", out, "--output-prefix", folder / f"{name}_masks", "--prefix-format", "nii.gz",
                "--fixed", folder / f"{name}.nii.gz", program="plastimatch")
            for value, label in ((4, "ring"), (9, "noise")):
                masks = list((folder / f"{name}_masks").glob(f"*{label}*"))
                check(len(masks) == 1, f"plastimatch wrote {masks}")
                theirs = nibabel.load(masks[0])
                same_places(places_of(numpy.asarray(theirs.dataobj), theirs.affine, 1),
                            places_of(values, image.affine, value), f"plastimatch, {name} {label}")


def judged(path):
    import subprocess
    return subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False).stderr


def results_are_written(folder):
    """segment writes one beside NIfTI: the same voxels; a SEG becomes one, and comes back with its names."""
    series = make(folder / "series")
    out, nifti = folder / "out.rtstruct.dcm", folder / "out.nii.gz"
    run("segment", series, "-m", FIXTURES / "axial.safetensors", "-o", out, "-o", nifti, "-o", folder / "out.dcm", "--force")
    run("convert", out, "-o", folder / "back.nii.gz", "--source", series)
    labels = numpy.asarray(nibabel.load(nifti).dataobj)
    check(numpy.array_equal(labels, numpy.asarray(nibabel.load(folder / "back.nii.gz").dataobj)), "voxels of segment")
    for value in numpy.unique(labels)[1:]:
        same_places(nifti_places(nifti, value), nifti_places(folder / "back.nii.gz", value), f"label {value}")
    run("convert", folder / "out.dcm", "-o", folder / "seg.rtstruct.dcm", "--source", series)
    names = [[r.ROIName for r in pydicom.dcmread(p).StructureSetROISequence] for p in (out, folder / "seg.rtstruct.dcm")]
    check(names[0] == names[1] and names[0] == [s.SegmentLabel for s in pydicom.dcmread(folder / "out.dcm").SegmentSequence],
          f"names {names}")
    again = folder / "again.rtstruct.dcm"
    run("segment", series, "-m", FIXTURES / "axial.safetensors", "-o", again, "--force")
    check(again.read_bytes() == out.read_bytes(), "the same run gives other bytes")
    run("eval", out, nifti, "--source", series, says="1.0000")
    run("eval", out, nifti, code=2, says="contours need the series")
    run("convert", out, "-o", folder / "none.nii.gz", code=2, says="--source")


def others_are_read(folder):
    """Holes as contours of their own, open contours, contours beside the images, damaged ones."""
    series = make(folder / "series")
    run("convert", series, "-o", folder / "image.nii.gz")
    image = nibabel.load(folder / "image.nii.gz")
    values = numpy.zeros(image.shape, numpy.uint8)
    values[3:15, 3:15, 3] = 1
    nibabel.save(nibabel.Nifti1Image(values, image.affine), folder / "labels.nii.gz")
    run("convert", folder / "labels.nii.gz", "-o", folder / "one.rtstruct.dcm", "--source", series)
    data = pydicom.dcmread(folder / "one.rtstruct.dcm")
    contours = data.ROIContourSequence[0].ContourSequence

    def polygon(kind, *voxels):
        item = pydicom.Dataset()
        ras = numpy.array(voxels, float) @ image.affine[:3, :3].T + image.affine[:3, 3]
        item.ContourGeometricType = kind
        item.NumberOfContourPoints = len(voxels)
        item.ContourData = [f"{x:.4f}" for x in (ras * [-1, -1, 1]).ravel()]
        return item

    contours.append(polygon("CLOSED_PLANAR", (5.6, 5.6, 3.2), (9.4, 5.6, 3.2), (9.4, 9.4, 3.2), (5.6, 9.4, 3.2)))
    contours.append(polygon("OPEN_PLANAR", (20, 5, 3), (30, 5, 3), (30, 9, 3)))
    contours.append(polygon("CLOSED_PLANAR", (20, 5, 30), (30, 5, 30), (30, 9, 30)))
    contours.append(polygon("CLOSED_PLANAR", (20, 5, 1), (30, 5, 5), (30, 9, 9)))
    data.save_as(folder / "other.dcm")
    for says in ("of type OPEN_PLANAR", "on none of the images", "across slices"):
        run("convert", folder / "other.dcm", "-o", folder / "other.nii.gz", "--source", series, says=says)
    values[6:10, 6:10, 3] = 0
    check(numpy.array_equal(numpy.asarray(nibabel.load(folder / "other.nii.gz").dataobj), values), "a hole of its own")
    for bad in (["1", "2"], ["x", "1", "2"]):
        data.ROIContourSequence[0].ContourSequence[0].ContourData = None
        data.ROIContourSequence[0].ContourSequence[0].add_new(0x30060050, "LO", bad)
        data.save_as(folder / "bad.dcm", write_like_original=False)
        run("convert", folder / "bad.dcm", "-o", folder / "bad.nii.gz", "--source", series, code=3, says="ContourData")
    run("convert", folder / "labels.nii.gz", "-o", folder / "x.rtstruct.dcm", "--source",
        make(folder / "flat", "--no-positions"), code=5)


need(HEAD)
with tempfile.TemporaryDirectory() as temporary:
    for part in (masks_are_kept, results_are_written, others_are_read):
        place = pathlib.Path(temporary) / part.__name__
        place.mkdir()
        part(place)
print("RT Structure Sets hold the voxels for dciodvfy, Pillow and plastimatch")
