"""`ulite segment` on DICOM series and pictures: choice by the card, --force, --source, fractions, even grids.

usage: test_dicom.py ULITE FIXTURES MAKE_SERIES"""
import json
import math
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile

from skipping import has, need, needed_modules

with needed_modules():
    import nibabel
    import numpy
    import pydicom
    from peers import pydicom_seg

import png

HEAD = "/usr/share/mricron/templates/ch2.nii.gz"
PEERS = pathlib.Path(__file__).resolve().parent.parent / "peers"
BOX = ["--box", "40:88,50:120,60:76"]
ULITE, FIXTURES, MAKE_SERIES = sys.argv[1:4]
need(HEAD)
os.chdir(tempfile.mkdtemp(prefix="ulite-test-"))


def series(folder, *options):
    subprocess.run([MAKE_SERIES, HEAD, "-o", folder, *BOX, *options], check=True)
    return folder


def run(*arguments, code=0):
    done = subprocess.run([ULITE, *arguments], capture_output=True, text=True)
    assert done.returncode == code, (arguments, done.returncode, done.stderr)
    return done


def ulite(*arguments, code=0):
    return run(*arguments, code=code).stderr


def segment(source, model, *options, code=0):
    return ulite("segment", source, "-m", f"{FIXTURES}/{model}.safetensors", *options, code=code)


def labels(path):
    return numpy.asarray(nibabel.load(path).dataobj)


def places_in_nifti(path):
    """{segment: sorted LPS positions of its voxels}"""
    image = nibabel.load(path)
    data = numpy.asarray(image.dataobj)
    return {int(n): by_place(nibabel.affines.apply_affine(image.affine, numpy.argwhere(data == n)) * [-1, -1, 1])
            for n in numpy.unique(data) if n}


def by_place(voxels):
    voxels = numpy.round(numpy.asarray(voxels, float), 2) + 0.0
    return voxels[numpy.lexsort(voxels.T)]


def places(found):
    return {s["number"]: by_place(s["voxels"]) for s in found["segments"] if s["voxels"]}


def places_in_seg(path):
    return places(pydicom_seg.read(path))


def places_by_dcmqi(*paths):
    """Of several objects at once, as the process takes a second to start; None for one that dcmqi refuses."""
    done = subprocess.run(["node", "dcmqi_seg.mjs", *map(os.path.abspath, paths)], capture_output=True, text=True, cwd=PEERS)
    found = map(json.loads, done.stdout.splitlines()[-len(paths):])
    return {path: None if "refused" in one else places(one) for path, one in zip(paths, found, strict=True)}


def same_places(found, wanted):
    return found.keys() == wanted.keys() and all(
        found[n].shape == wanted[n].shape and numpy.abs(found[n] - wanted[n]).max() <= 0.02 for n in wanted)


def test_choice_by_card():
    series("mixed/mr", "--study", "mixed", "--series-number", "3")
    series("mixed/ct", "--study", "mixed", "--series-number", "7", "--modality", "CT")
    said = segment("mixed", "ct", "-o", "chosen.nii.gz")
    assert "taken: series 7" in said, said
    segment("mixed", "ct", "--series", "7", "-o", "named.nii.gz")
    assert numpy.array_equal(labels("chosen.nii.gz"), labels("named.nii.gz"))
    assert "--series" in segment("mixed", "slices", "-o", "x.nii.gz", code=4)  # both fit
    assert not os.path.exists("x.nii.gz")


def test_force():
    said = segment("mixed/mr", "ct", "-o", "x.dcm", code=6)
    assert "MR" in said and "--force" in said and not os.path.exists("x.dcm")
    segment("mixed/mr", "ct", "--force", "-o", "forced.dcm", "--report", "forced.json")
    for item in pydicom.dcmread("forced.dcm").SegmentSequence:
        assert "Forced: the modality is MR" in item.SegmentDescription, item.SegmentDescription
        assert "Untrained" in item.SegmentDescription
    with open("forced.json", encoding="utf-8") as stream:
        report = json.load(stream)
    assert "the modality is MR" in report["forced"] and report["options"]["force"] is True
    assert all("forced" in c["warnings"] for c in report["quality"]["classes"]), report["quality"]
    segment("mixed/ct", "ct", "--force", "-o", "unforced.dcm", "--report", "unforced.json")
    assert "Forced" not in pydicom.dcmread("unforced.dcm").SegmentSequence[0].SegmentDescription
    with open("unforced.json", encoding="utf-8") as stream:
        report = json.load(stream)
    assert report["forced"] is None
    assert not any("forced" in c["warnings"] for c in report["quality"]["classes"]), report["quality"]


def test_body_part():
    """A body part that the card does not name is refused; --force overrides, and the report and the SEG say so."""
    series("parts/chest", "--study", "parts", "--series-number", "2", "--modality", "CT", "--body-part", "CHEST")
    said = segment("parts/chest", "ct", "-o", "x.dcm", code=6)
    assert "the body part is CHEST, the model was made for HEAD" in said and "--force" in said, said
    assert not os.path.exists("x.dcm")
    said = segment("parts/chest", "ct", "--force", "-o", "chest.dcm", "--report", "chest.json")
    assert "forced: the body part is CHEST" in said, said
    for item in pydicom.dcmread("chest.dcm").SegmentSequence:
        assert "Forced: the body part is CHEST" in item.SegmentDescription, item.SegmentDescription
    with open("chest.json", encoding="utf-8") as stream:
        report = json.load(stream)
    assert "the body part is CHEST" in report["forced"] and report["options"]["force"] is True
    series("parts/head", "--study", "parts", "--series-number", "5", "--modality", "CT", "--body-part", "head")
    assert "taken: series 5" in segment("parts", "ct", "-o", "head.nii.gz")
    series("unstated", "--modality", "CT", "--drop", "BodyPartExamined")
    segment("unstated", "ct", "-o", "unstated.nii.gz")


def test_several_folders():
    """A series that lies in two folders is one volume; of series in two folders the card's is taken."""
    series("source")
    segment("source", "slices", "-o", "whole.dcm")
    for n, path in enumerate(sorted(pathlib.Path("source").iterdir())):
        part = pathlib.Path(f"part{n % 2}")
        part.mkdir(exist_ok=True)
        shutil.copy(path, part / f"{n}.dcm")
    ulite("segment", "part0", "part1", "-m", f"{FIXTURES}/slices.safetensors", "-o", "parts.dcm")
    whole, parts = pydicom.dcmread("whole.dcm"), pydicom.dcmread("parts.dcm")
    assert parts.NumberOfFrames == whole.NumberOfFrames and parts.PixelData == whole.PixelData
    series("pair/mr", "--study", "pair", "--series-number", "3")
    series("pair/ct", "--study", "pair", "--series-number", "7", "--modality", "CT")
    said = ulite("segment", "pair/mr", "pair/ct", "-m", f"{FIXTURES}/ct.safetensors", "-o", "pair.nii.gz")
    assert "taken: series 7" in said, said
    series("pair/other", "--study", "other", "--series-number", "7", "--description", "another MR")
    said = ulite("segment", "pair", "-m", f"{FIXTURES}/ct.safetensors", "-o", "pair.nii.gz")
    uid = pydicom.dcmread(next(pathlib.Path("pair/ct").glob("*.dcm"))).SeriesInstanceUID
    assert f"taken: series {uid}, the only one of 3 volumes" in said, said
    said = ulite("segment", "pair/mr", "pair/other", "-m", f"{FIXTURES}/ct.safetensors", "-o", "x.nii.gz", code=4)
    for number in (3, 7):
        assert re.search(rf"--series {number} .*: the modality is MR, the model was made for CT\n", said), said
    assert "made for none of the 2 volumes;" in said, said
    said = ulite("segment", "pair", "-m", f"{FIXTURES}/slices.safetensors", "-o", "x.nii.gz", code=4)
    assert "of 3 volumes fit the model and nothing was chosen" in said, said
    ulite("convert", "source", "-o", "one.nii.gz")
    assert "DICOM alone" in ulite("segment", "one.nii.gz", "source", "-m", f"{FIXTURES}/slices.safetensors", "-o",
                                 "x.nii.gz", code=2)


def test_acquisitions():
    """Two volumes at one place are told apart by their acquisition number; it alone splits no volume."""
    untold = sum((["--drop", name] for name in ("TemporalPositionIdentifier", "NumberOfTemporalPositions",
                                                "AcquisitionTime", "ContentTime")), [])
    series("twice", "--times", "2", "--shuffle", "--names", "random", *untold)
    said = segment("twice", "slices", "-o", "x.dcm", code=4)
    for line in ("--series 1.1 ", "--series 1.2 ", "acquisition 1", "acquisition 2"):
        assert line in said, (line, said)
    assert not os.path.exists("x.dcm")
    images = [pydicom.dcmread(path, stop_before_pixels=True) for path in pathlib.Path("twice").iterdir()]
    for number in (1, 2):
        segment("twice", "slices", "--series", f"1.{number}", "-o", "a.dcm", "--report", "a.json")
        ordered = sorted((float(i.ImagePositionPatient[2]), i.SOPInstanceUID) for i in images
                         if i.AcquisitionNumber == number)
        wanted = {uid for _, uid in ordered}
        with open("a.json", encoding="utf-8") as stream:
            assert [s["sop_instance_uid"] for s in json.load(stream)["slices"]] == [uid for _, uid in ordered]
        sources = {frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
                   for frame in pydicom.dcmread("a.dcm").PerFrameFunctionalGroupsSequence}
        assert sources and sources <= wanted, number
    series("resumed", "--set", "AcquisitionNumber=2@9,10,11,12,13,14,15,16")
    segment("resumed", "slices", "-o", "resumed.nii.gz")
    assert labels("resumed.nii.gz").shape[2] == 16


def test_nifti_with_source():
    """A NIfTI version of a series, turned around, gives the SEG that the series gives."""
    series("source", "--rotate", "10,0,5")
    ulite("convert", "source", "-o", "source.nii.gz")
    segment("source", "axial", "-o", "direct.dcm")
    image = nibabel.load("source.nii.gz")
    turned = image.as_reoriented(nibabel.orientations.ornt_transform(
        nibabel.io_orientation(image.affine), nibabel.orientations.axcodes2ornt("ASR")))
    nibabel.save(turned, "turned.nii.gz")
    for volume in ("source.nii.gz", "turned.nii.gz"):
        segment(volume, "axial", "-o", "indirect.dcm", "--source", "source", "--report", "indirect.json")
        with open("indirect.json", encoding="utf-8") as stream:  # slices of the file, not of the source
            assert "slices" not in json.load(stream), volume
        a, b = pydicom.dcmread("direct.dcm"), pydicom.dcmread("indirect.dcm")
        assert a.PixelData == b.PixelData and a.NumberOfFrames == b.NumberOfFrames, volume
        assert a.FrameOfReferenceUID == b.FrameOfReferenceUID
    series("elsewhere", "--rotate", "10,0,9")
    assert segment("source.nii.gz", "axial", "-o", "x.dcm", "--source", "elsewhere", code=5)
    assert not os.path.exists("x.dcm")


def check_padding(*options):
    shutil.rmtree("padded", ignore_errors=True)
    series("padded", "--padding", "-2000", "--signed", *options)
    segment("padded", "slices", "--force", "-o", "padded.nii.gz", "--stats", "padded.json")
    ulite("convert", "padded", "-o", "padded_image.nii.gz")
    found, values = labels("padded.nii.gz"), labels("padded_image.nii.gz").astype(float)
    padding = values[0, 0, 0]  # the corners lie outside of the round field of view
    with open("padded.json", encoding="utf-8") as stream:
        measured = json.load(stream)["segments"]
    for one in measured:
        inside = values[found == one["number"]]
        assert one["voxels"] == inside.size, one
        inside = inside[inside != padding]
        assert numpy.allclose([one["mean"], one["sd"]], [inside.mean(), inside.std()], rtol=1e-5), one
    assert any((values[found == one["number"]] == padding).any() for one in measured)
    return padding


def test_padding_has_no_part_in_statistics():
    assert check_padding() == -2000
    # Stored values are turned over, and padding is a stored value.
    assert check_padding("--photometric", "MONOCHROME1", "--set", "PixelPaddingValue=1999") == -2000


def test_fractions():
    """Binary labels are the most probable class of the fractions."""
    segment("source", "slices", "-o", "binary.nii.gz")
    segment("source", "slices", "-o", "fractional.dcm", "--type", "fractional")
    seg = pydicom.dcmread("fractional.dcm")
    assert seg.SegmentationType == "FRACTIONAL" and seg.SegmentationFractionalType == "PROBABILITY"
    ulite("convert", "fractional.dcm", "-o", "f.nii.gz", "--split", "--source", "source")
    binary = labels("binary.nii.gz")
    fractions = numpy.stack([labels(f"f-{n}.nii.gz") for n in (1, 2)])
    assert (fractions.sum(axis=0) < 1 + 2 / 255).all()
    classes = numpy.concatenate([1 - fractions.sum(axis=0, keepdims=True), fractions])
    ranked = numpy.sort(classes, axis=0)
    clear = ranked[2] - ranked[1] > 3 / 255  # the fractions are rounded to 1 / 255
    assert clear.mean() > 0.2, clear.mean()
    assert numpy.array_equal(binary[clear], classes.argmax(axis=0)[clear])


def test_pictures():
    image = nibabel.as_closest_canonical(nibabel.load(HEAD)).slicer[40:88, 50:120, 70:71]
    grey = numpy.asarray(image.dataobj)[:, :, 0].astype("u1")
    png.write("grey.png", grey)
    nibabel.save(nibabel.Nifti1Image(grey.T[:, :, None], numpy.eye(4)), "grey.nii.gz")
    segment("grey.png", "slices", "-o", "l.png", "--stats", "l.json")
    segment("grey.nii.gz", "slices", "-o", "l.nii.gz")
    assert numpy.array_equal(png.read("l.png"), labels("l.nii.gz")[:, :, 0].T)
    with open("l.json", encoding="utf-8") as stream:
        for item in json.load(stream)["segments"]:
            assert item["volume_ml"] is None and item["area_mm2"] is None and item["voxels"] > 0
    colours = numpy.stack([grey, grey // 2, 255 - grey], 2)
    png.write("colours.png", colours)
    segment("colours.png", "colour", "-o", "c.png")
    assert png.read("c.png").shape == grey.shape
    segment("grey.png", "colour", "-o", "x.png", code=6)
    segment("colours.png", "slices", "-o", "x.png", code=6)
    assert not os.path.exists("x.png")


def test_transparency():
    """Pictures of which a palette, a grey or a colour is transparent in part, as those of which none is."""
    indices = numpy.add.outer(numpy.arange(64), numpy.arange(96)).astype("u1")
    ramp = numpy.arange(160)
    palette = numpy.stack([ramp, 250 - ramp, ramp // 2], 1)
    colours = palette[indices].astype("u1")
    for name, model, pixels, more in (("palette", "colour", indices, {"palette": palette, "transparent": b"\0\x80"}),
                                      ("rgb", "colour", colours, {"transparent": bytes(6)}),
                                      ("grey", "slices", indices, {"transparent": bytes(2)})):
        png.write("plain.png", colours if model == "colour" else indices)
        png.write("transparent.png", pixels, **more)
        for picture in ("plain", "transparent"):
            segment(f"{picture}.png", model, "-o", f"{picture}_labels.png")
        assert numpy.array_equal(png.read("plain_labels.png"), png.read("transparent_labels.png")), name
    png.write("labels.png", indices % 3, palette=palette, transparent=b"\0\x80")
    png.write("plain.png", indices % 3)
    classes = json.loads(run("eval", "labels.png", "plain.png", "--json").stdout)["cases"][0]["classes"]
    assert [one["dice"] for one in classes] == [1, 1], classes


def test_deep_pictures():
    """16-bit pictures: grey as the same numbers in NIfTI, colours on the scale of 8 bits."""
    image = nibabel.as_closest_canonical(nibabel.load(HEAD)).slicer[40:88, 50:120, 70:71]
    plain = numpy.asarray(image.dataobj)[:, :, 0].astype("u2")
    grey = 250 * plain + numpy.arange(plain.size, dtype="u2").reshape(plain.shape) % 250
    png.write("deep.png", grey)
    nibabel.save(nibabel.Nifti1Image(grey.T[:, :, None], numpy.eye(4)), "deep.nii.gz")
    for name in ("png", "nii.gz"):
        segment(f"deep.{name}", "slices", "-o", "d.nii.gz" if name == "nii.gz" else "d.png", "--stats", f"{name}.json")
    assert numpy.array_equal(png.read("d.png"), labels("d.nii.gz")[:, :, 0].T)
    with open("png.json", encoding="utf-8") as a, open("nii.gz.json", encoding="utf-8") as b:
        for found, wanted in zip(json.load(a)["segments"], json.load(b)["segments"], strict=True):
            assert found["mean"] == wanted["mean"] > 255 and found["sd"] == wanted["sd"], (found, wanted)
    colours = numpy.stack([plain, plain // 2, 255 - plain], 2)
    png.write("colours8.png", colours.astype("u1"))
    png.write("colours16.png", 257 * colours)
    for name, values in (("deep", grey), ("colours16", colours)):
        about = json.loads(run("info", f"{name}.png", "--json").stdout)
        assert (about["kind"], about["size"], about["sample"]) == ("png", [70, 48, 1], "uint16"), about
        assert about["channels"] == (1 if values.ndim == 2 else 3), about
        assert (about["minimum"], about["maximum"]) == (values.min(), values.max()), about
    for name in ("colours8", "colours16"):
        segment(f"{name}.png", "colour", "-o", f"{name}_labels.png")
    assert numpy.array_equal(png.read("colours8_labels.png"), png.read("colours16_labels.png"))
    assert len(numpy.unique(png.read("colours16_labels.png"))) == 2


def test_mirrored():
    """With --tta a mirrored image has mirrored labels; without, it has not."""
    image = nibabel.as_closest_canonical(nibabel.load(HEAD)).slicer[40:88, 50:120, 60:66]
    data = numpy.asarray(image.dataobj)
    nibabel.save(nibabel.Nifti1Image(data, image.affine), "a.nii.gz")
    nibabel.save(nibabel.Nifti1Image(data[::-1], image.affine), "b.nii.gz")
    for options, same in ((["--tta"], True), ([], False)):
        for name in "ab":
            segment(f"{name}.nii.gz", "ct", "-o", f"l{name}.nii.gz", *options)
        assert numpy.array_equal(labels("la.nii.gz"), labels("lb.nii.gz")[::-1]) == same, options
    assert "axial allows no flips" in segment("a.nii.gz", "axial", "-o", "l.nii.gz", "--tta")


def test_even_grid():
    """What needs an even grid takes the labels with --grid regular, where they were made."""
    dciodvfy, regular = has("dciodvfy"), {}
    for name, options in {"tilted": ["--tilt", "-18.5", "--modality", "CT"],
                          "uneven": ["--step", "1,2,1.5"], "missing": ["--missing", "5,6"]}.items():
        series(name, *options)
        segment(name, "axial", "-o", f"{name}.dcm")
        if name != "tilted":
            assert "--grid regular" in segment(name, "axial", "-o", "x.nii.gz", code=5)
        said = segment(name, "axial", "-o", f"r_{name}.dcm", "-o", "r.nii.gz", "--grid", "regular", "--report", "r.json",
                       "--preview", "r.png")
        assert "even grid" in said, said
        header = nibabel.load("r.nii.gz").header
        assert header["qform_code"] > 0 and numpy.allclose(header.get_qform(), header.get_sform(), atol=1e-3)
        with open("r.json", encoding="utf-8") as stream:
            assert json.load(stream)["options"]["grid"] == "regular"
        regular[f"r_{name}.dcm"] = wanted = places_in_nifti("r.nii.gz")
        assert len(wanted) == 2 and same_places(places_in_seg(f"r_{name}.dcm"), wanted), name
        references = pydicom.dcmread(f"r_{name}.dcm").ReferencedSeriesSequence[0].ReferencedInstanceSequence
        assert len(references) == len(pydicom.dcmread(f"{name}.dcm").ReferencedSeriesSequence[0]
                                      .ReferencedInstanceSequence)
        said = run("verify", f"r_{name}.dcm", "--source", name, code=0 if name == "missing" else 1).stdout
        assert name == "missing" or (said.startswith("ohif: ") and said.count("\n") == 1), said
        if dciodvfy:
            done = subprocess.run(["dciodvfy", "-new", f"r_{name}.dcm"], capture_output=True, text=True)
            assert "Error" not in done.stdout + done.stderr, done.stderr
    if has("node", PEERS / "node_modules"):
        found = places_by_dcmqi("tilted.dcm", *regular)
        assert found.pop("tilted.dcm") is None
        for path, wanted in regular.items():
            assert same_places(found[path], wanted), path
    segment("tilted", "axial", "-o", "x.nii.gz", "--grid", "even", code=2)


def test_gaps_of_an_even_grid():
    """Where slices are missing an even grid has slices, but no labels, and the figures say so: volumes are those of
    the slices that there are."""
    series("holes", "--missing", "5,6")
    segment("holes", "slices", "-o", "o.dcm", "--stats", "o.json", "--type", "fractional")
    said = segment("holes", "slices", "-o", "r.dcm", "-o", "r.nii.gz", "--stats", "r.json", "--report", "report.json",
                   "--grid", "regular", "--type", "fractional")
    assert "note: 2 of them where slices are missing: no labels there" in said, said
    assert "slices are missing at 1 place," in said, said
    figures = [json.loads(pathlib.Path(name).read_text()) for name in ("o.json", "r.json", "report.json")]
    assert [f["gaps"] for f in figures] == [1, 1, 1], figures
    for a, b in zip(figures[0]["segments"], figures[1]["segments"]):
        assert a["voxels"] == b["voxels"] > 0 and math.isclose(a["volume_ml"], b["volume_ml"]), (a, b)
    empty = [k for k in range(16) if not labels("r.nii.gz")[:, :, k].any()]
    assert empty == [4, 5], empty
    heights = [{float(f.PlanePositionSequence[0].ImagePositionPatient[2])
                for f in pydicom.dcmread(name).PerFrameFunctionalGroupsSequence} for name in ("o.dcm", "r.dcm")]
    assert heights[0] == heights[1] and len(heights[0]) == 14, heights
    said = ulite("convert", "holes", "-o", "image.nii.gz", "--grid", "regular")
    assert "2 of 16 even slices lie where slices are missing: they hold the smallest value" in said, said
    image = labels("image.nii.gz")
    assert (image[:, :, 4:6] == image.min()).all() and (image[:, :, [3, 6]] > image.min()).any()


def test_labels_of_a_tilted_series():
    """They lie on the slices as they are: a sheared sform, which no qform can say. Other planes are refused."""
    series("tilted", "--tilt", "-18.5", "--modality", "CT")
    images = sorted((pydicom.dcmread(path, stop_before_pixels=True) for path in pathlib.Path("tilted").iterdir()),
                    key=lambda image: float(image.ImagePositionPatient[2]))
    axes = numpy.array(images[0].ImageOrientationPatient, float).reshape(2, 3)
    places = numpy.array([image.ImagePositionPatient for image in images], float)
    wanted = numpy.eye(4)
    wanted[:3] = numpy.column_stack([axes[0], axes[1], (places[-1] - places[0]) / (len(places) - 1), places[0]])
    assert abs(wanted[:3, 1] @ wanted[:3, 2]) > 0.3, wanted  # 1 mm voxels, not a right angle
    segment("tilted", "axial", "-o", "tilted.dcm", "-o", "direct.nii.gz")
    ulite("convert", "tilted.dcm", "-o", "back.nii.gz", "--source", "tilted")
    for name in ("direct.nii.gz", "back.nii.gz"):
        header = nibabel.load(name).header
        assert header["qform_code"] == 0 and header["sform_code"] > 0, name
        assert numpy.allclose(numpy.diag([-1, -1, 1, 1]) @ header.get_sform(), wanted, atol=1e-4), name
        assert same_places(places_in_nifti(name), places_in_seg("tilted.dcm")), name
    said = segment("tilted", "planes", "-o", "x.nii.gz", code=5)
    assert "coronal" in said and "tilted" in said and "--grid regular" in said, said
    assert not os.path.exists("x.nii.gz")


def small_files():
    """In the child: no file may grow past 8 KiB, as if the disk were full."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))


def test_all_outputs_or_none():
    """Where a later output fails, those before it are taken back; what was there before stays."""
    series("source")
    segment("source", "slices", "-o", "whole.nii.gz")
    assert os.path.getsize("whole.nii.gz") < 8192
    for options in (["-o", "all.dcm"], ["-o", "all.dcm", "--stats", "all.csv"], ["--preview", "all.png"]):
        older = {"all.png", "all.nii.gz"} if options[0] == "--preview" else {"all.png"}
        for name in older:
            with open(name, "wb") as old:
                old.write(b"old")
        done = subprocess.run([ULITE, "segment", "source", "-m", f"{FIXTURES}/slices.safetensors", "-o", "all.nii.gz",
                               *options], capture_output=True, text=True, preexec_fn=small_files)
        assert done.returncode == 7, done
        left = [name for name in os.listdir(".") if name.startswith(("all.", ".all"))]
        assert set(left) == older and all(os.path.getsize(name) == 3 for name in older), (options, left)
        for name in older:
            os.remove(name)
    segment("source", "slices", "-o", "whole.nii.gz", "-o", "./whole.nii.gz", code=2)
    assert not [name for name in os.listdir(".") if name.startswith(".")]


def test_figures_under_tilt_and_gaps():
    """A voxel is as deep as its slices lie apart along the normal; gaps are told and not filled."""
    for name, options, gaps in (("sloping", ["--tilt", "15", "--modality", "CT"], 0), ("holes", ["--missing", "5,6"], 1)):
        series(name, *options)
        segment(name, "slices", "-o", f"{name}.dcm", "--stats", f"{name}.json", "--report", "report.json")
        with open(f"{name}.json", encoding="utf-8") as stream:
            stats = json.load(stream)
        depth = math.cos(math.radians(15)) if name == "sloping" else 1
        assert stats["gaps"] == gaps, stats
        for item in stats["segments"]:
            assert abs(item["volume_ml"] - item["voxels"] * depth / 1000) < 1e-3 * item["volume_ml"], (name, item)
        with open("report.json", encoding="utf-8") as stream:
            slices = json.load(stream)["slices"]
        uids = [pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID for path in pathlib.Path(name).rglob("*.dcm")]
        assert sorted(s["sop_instance_uid"] for s in slices) == sorted(uids), slices[0]


def test_figures_of_uneven_slices():
    """A slice stands for half the way to each neighbour, an end slice for as much outwards as inwards."""
    series("unequal", "--step", "1,2,1.5")
    segment("unequal", "slices", "-o", "unequal.dcm", "--type", "binary", "--stats", "unequal.json")
    heights = numpy.sort([float(pydicom.dcmread(path, stop_before_pixels=True).ImagePositionPatient[2])
                          for path in pathlib.Path("unequal").iterdir()])
    steps = numpy.diff(heights)
    assert len(set(numpy.round(steps, 3))) == 3, steps
    depths = (numpy.concatenate([steps[:1], steps]) + numpy.concatenate([steps, steps[-1:]])) / 2
    seg, volumes = pydicom.dcmread("unequal.dcm"), {}
    pixel = numpy.prod(numpy.array(seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing, float))
    for frame, pixels in zip(seg.PerFrameFunctionalGroupsSequence, seg.pixel_array):
        number = int(frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        k = numpy.abs(heights - float(frame.PlanePositionSequence[0].ImagePositionPatient[2])).argmin()
        volumes[number] = volumes.get(number, 0) + pixels.sum() * pixel * depths[k] / 1000
    with open("unequal.json", encoding="utf-8") as stream:
        measured = {one["number"]: one["volume_ml"] for one in json.load(stream)["segments"]}
    assert len(volumes) == 2 and measured.keys() == volumes.keys(), (measured, volumes)
    assert all(abs(measured[n] - volumes[n]) < 1e-3 * volumes[n] for n in volumes), (measured, volumes)


def test_volumes_of_one_place():
    """Inversion time and flip angle tell volumes apart where nothing else does."""
    untold = sum((["--drop", name] for name in ("TemporalPositionIdentifier", "NumberOfTemporalPositions",
                                                "AcquisitionTime", "ContentTime", "AcquisitionNumber")), [])
    first, second = (",".join(map(str, range(start, start + 16))) for start in (1, 17))
    for keyword, word, values in (("InversionTime", "inversion time", (300, 900)), ("FlipAngle", "flip angle", (5, 20))):
        series(keyword, "--times", "2", *untold, "--set", f"{keyword}={values[0]}@{first}",
               "--set", f"{keyword}={values[1]}@{second}")
        said = segment(keyword, "slices", "-o", "x.dcm", code=4)
        assert all(f"{word} {value}" in said for value in values), said


def test_random_uids():
    """UIDs are the same at every run unless new ones are asked for."""
    series("uids")

    def uids(*options):
        segment("uids", "slices", "-o", "uids.dcm", *options)
        seg = pydicom.dcmread("uids.dcm")
        os.remove("uids.dcm")
        return {seg.SOPInstanceUID, seg.SeriesInstanceUID}

    plain, random = uids(), uids("--random-uids")
    assert plain == uids()
    assert len(plain | random | uids("--random-uids")) == 6


def test_verify_sees_overlap():
    """Segments that share voxels are named, as dcmqi refuses them."""
    series("source")
    segment("source", "slices", "-o", "whole.dcm")
    seg = pydicom.dcmread("whole.dcm")
    seg.PixelData = b"\xff" * len(seg.PixelData)
    seg.save_as("over.dcm")
    said = run("verify", "over.dcm", "--source", "source", code=1).stdout
    assert "SegmentsOverlap is NO" in said and "segments overlap" in said, said


def test_other_plane():
    """Axial slices are cut from even sagittal ones only; an even grid makes them so."""
    series("sagittal", "--plane", "sagittal", "--missing", "5,6")
    said = segment("sagittal", "axial", "-o", "x.dcm", code=5)
    assert "axial" in said and "unevenly spaced" in said and "--grid regular" in said, said
    assert not os.path.exists("x.dcm")
    segment("sagittal", "axial", "-o", "s.dcm", "-o", "s.nii.gz", "--grid", "regular")
    assert same_places(places_in_seg("s.dcm"), places_in_nifti("s.nii.gz"))


def test_even_volumes():
    """convert --grid regular: a tilted series becomes what an untilted one of the same head is."""
    series("upright", "--modality", "CT", "--step", "2.5", "--rotate", "0,0,0")
    series("leaning", "--modality", "CT", "--step", "2.5", "--tilt", "12")
    ulite("convert", "leaning", "-o", "leaning.nii.gz")
    assert nibabel.load("leaning.nii.gz").header["qform_code"] == 0  # sheared
    ulite("convert", "leaning", "-o", "regular.nii.gz", "--grid", "regular")
    image = nibabel.load("regular.nii.gz")
    zooms = numpy.linalg.norm(image.affine[:3, :3], axis=0)
    assert numpy.allclose(image.affine[:3, :3].T @ image.affine[:3, :3], numpy.diag(zooms ** 2), atol=1e-5)
    head = nibabel.load(HEAD)
    values, source = numpy.asarray(image.dataobj), numpy.asarray(head.dataobj).astype(float)
    inner = numpy.argwhere(values > values.min())
    at = nibabel.affines.apply_affine(numpy.linalg.inv(head.affine) @ image.affine, inner)
    nearest = numpy.rint(at).astype(int)
    close = numpy.abs(at - nearest).max(axis=1) < 0.1
    found = values[tuple(inner[close].T)]
    assert close.sum() > 100
    assert numpy.corrcoef(found, source[tuple(nearest[close].T)])[0, 1] > 0.97
    series("gaps", "--missing", "4,5,9")
    ulite("convert", "gaps", "-o", "x.nii.gz", code=5)
    ulite("convert", "gaps", "-o", "gaps.nii.gz", "--grid", "regular")
    assert nibabel.load("gaps.nii.gz").shape[2] == 16
    segment("gaps", "axial", "-o", "gaps.dcm")
    ulite("convert", "gaps.dcm", "-o", "x.nii.gz", "--source", "gaps", code=5)
    ulite("convert", "gaps.dcm", "-o", "l.nii.gz", "--source", "gaps", "--grid", "regular")
    assert numpy.allclose(nibabel.load("l.nii.gz").affine, nibabel.load("gaps.nii.gz").affine, atol=1e-4)
    assert same_places(places_in_nifti("l.nii.gz"), places_in_seg("gaps.dcm"))


for name, test in list(globals().items()):
    if name.startswith("test_"):
        test()
        print("ok", name, flush=True)
