"""The bundled models, by name: both hippocampi of a real head, in crops around them and in all of it.

usage: test_bundled.py ULITE MAKE_SERIES [all]      all: also heads that take the model brain a while"""
import csv
import json
import os
import subprocess
import sys
import tempfile

import nibabel
import numpy
import pydicom
import scipy.ndimage

from skipping import need

TEMPLATES = "/usr/share/mricron/templates"
CH2 = f"{TEMPLATES}/ch2.nii.gz"
MODELS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../models")
ULITE, MAKE_SERIES = sys.argv[1:3]
ALL = sys.argv[3:] == ["all"]
need(f"{TEMPLATES}/aal.nii.gz", CH2)
os.chdir(tempfile.mkdtemp(prefix="ulite-test-"))


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_hippocampus():
    for label in ("37", "38"):
        atlas = f"{TEMPLATES}/aal.nii.gz:{label}"
        run(MAKE_SERIES, f"{TEMPLATES}/ch2.nii.gz", "-o", f"series{label}", "--around", atlas, "--extent", "36,50,36",
            "--labels", atlas, "--truth", "atlas")
        run(ULITE, "segment", f"series{label}", "-m", "hippocampus", "-o", "h.dcm", "-o", "h.nii.gz", "--stats", "h.csv",
            "--preview", "h.png")
        run(ULITE, "verify", "h.dcm", "--source", f"series{label}")
        with open("h.dcm", "rb") as seg:
            assert b"U-Lite hippocampus" in seg.read(), "the SEG does not name its algorithm"
        with open("h.csv", encoding="utf-8") as stream:
            volumes = [float(row["volume_ml"]) for row in csv.DictReader(stream)]
        assert len(volumes) == 2 and all(1.5 < v < 2.7 for v in volumes), volumes
        scores = json.loads(run(ULITE, "eval", "h.nii.gz", "atlas_labels.nii.gz", "--merge", "--json"))
        dice = scores["summary"][0]["dice"]["mean"]
        assert dice > 0.55, dice  # the atlas draws the hippocampus more widely


def localised(path, *options):
    """Volumes of the four parts of a whole head's hippocampi, and the report."""
    run(ULITE, "segment", path, "-m", "hippocampus", "-o", "whole.nii.gz", "--report", "whole.json", *options)
    with open("whole.json", encoding="utf-8") as stream:
        report = json.load(stream)
    return [s["volume_ml"] for s in report["segments"]], report


def check_volumes(volumes):
    """Those of crops by the atlas are 3.93 and 4.10 mL."""
    left, right = volumes[0] + volumes[1], volumes[2] + volumes[3]
    assert abs(left / 3.93 - 1) < 0.1 and abs(right / 4.10 - 1) < 0.1, volumes


def test_hippocampi_of_a_whole_head():
    run(MAKE_SERIES, CH2, "-o", "head", "--box", "2:178,0:216,0:181")  # frames that viewers read
    volumes, report = localised("head", "-o", "whole.dcm", "--type", "binary")
    check_volumes(volumes)
    assert report["localiser"]["name"] == "brain" and all(b["found"] for b in report["localiser"]["boxes"])
    run(ULITE, "verify", "whole.dcm", "--source", "head")
    seg = pydicom.dcmread("whole.dcm")
    found = []
    for segment in seg.SegmentSequence:
        code = segment.SegmentedPropertyTypeCodeSequence[0]
        region = segment.AnatomicRegionSequence[0]
        assert code.CodeValue == region.CodeValue == "5366008", segment
        found.append((segment.SegmentLabel, region.AnatomicRegionModifierSequence[0].CodeMeaning,
                      code.SegmentedPropertyTypeModifierCodeSequence[0].CodeMeaning))
    assert found == [("Left anterior hippocampus", "Left", "Anterior"), ("Left posterior hippocampus", "Left", "Posterior"),
                     ("Right anterior hippocampus", "Right", "Anterior"), ("Right posterior hippocampus", "Right", "Posterior")], found
    labels = nibabel.load("whole.nii.gz")
    assert labels.shape == (176, 216, 181)
    x = labels.affine[0, 0] * numpy.argwhere(numpy.asarray(labels.dataobj) > 0)[:, 0] + labels.affine[0, 3]
    sides = numpy.asarray(labels.dataobj)[numpy.asarray(labels.dataobj) > 0] > 2
    assert (x[sides] > 5).all() and (x[~sides] < -5).all(), "sides"


def slowly_test_hippocampi_of_a_turned_head():
    image = nibabel.load(CH2)
    turn = numpy.eye(3)
    turn[1:, 1:] = [[numpy.cos(0.35), -numpy.sin(0.35)], [numpy.sin(0.35), numpy.cos(0.35)]]
    middle = (numpy.array(image.shape) - 1) / 2
    pixels = scipy.ndimage.affine_transform(numpy.asarray(image.dataobj).astype(numpy.float32), turn, middle - turn @ middle, order=1)
    nibabel.Nifti1Image(numpy.rint(pixels).astype(numpy.uint8), image.affine).to_filename("turned.nii.gz")
    volumes, report = localised("turned.nii.gz", "--only", "3,4,1,2")
    assert [s["number"] for s in report["segments"]] == [3, 4, 1, 2]
    check_volumes(volumes[2:] + volumes[:2])
    assert all(b["turned_degrees"] > 15 for b in report["localiser"]["boxes"]), report["localiser"]


def check_sides(name, pixels, affine, wrong):
    """At most a share of the voxels with a side lies beyond the fissure by over 8 mm, and each structure on its own side."""
    nibabel.Nifti1Image(pixels, affine).to_filename(f"{name}.nii.gz")
    run(ULITE, "segment", f"{name}.nii.gz", "-m", "brain", "-o", f"{name}_labels.nii.gz", "--quiet")
    labels = numpy.asarray(nibabel.load(f"{name}_labels.nii.gz").dataobj).astype(int)
    at = numpy.argwhere((labels > 0) & (labels <= 26))  # odd numbers are of the left
    number, x = labels[tuple(at.T)], affine[0, 0] * at[:, 0] + affine[0, 3]
    beyond = numpy.where(number % 2 == 1, x, -x) > 8
    assert beyond.mean() < wrong, (name, beyond.mean())
    for left in range(1, 27, 2):
        middles = [x[number == n].mean() if (number == n).sum() > 500 else None for n in (left, left + 1)]
        assert middles[0] is None or middles[0] < 5, (name, left, middles)
        assert middles[1] is None or middles[1] > -5, (name, left, middles)


def slowly_test_sides_of_a_brain():
    image = nibabel.load(CH2)
    pixels, x = numpy.asarray(image.dataobj), image.affine[0, 3] + image.affine[0, 0] * numpy.arange(image.shape[0])
    check_sides("mirrored", pixels[::-1].copy(), image.affine, 0.005)
    check_sides("half", numpy.where(x[:, None, None] > 0, pixels, 0).astype(pixels.dtype), image.affine, 0.05)


def test_a_negative_of_a_head_is_doubtful():
    image = nibabel.load(CH2)
    pixels = numpy.asarray(image.dataobj)[..., ::5]
    affine = image.affine @ numpy.diag([1, 1, 5, 1])
    for name, values in ("head", pixels), ("negative", pixels.max() - pixels):
        nibabel.Nifti1Image(values, affine).to_filename(f"{name}.nii.gz")
        done = subprocess.run([ULITE, "segment", f"{name}.nii.gz", "-m", "brain", "-o", "b.nii.gz", "--stats", "b.json", "--strict"],
                              capture_output=True, text=True)
        with open("b.json", encoding="utf-8") as stream:
            classes = json.load(stream)["quality"]["classes"]
        assert all(("inverted" in c["warnings"]) == (name == "negative") for c in classes), classes
    assert done.returncode == 1, done
    assert "note: doubtful: all classes: the air around is bright, as if intensities were inverted" in done.stderr, done.stderr


def refused(path, model="hippocampus"):
    done = subprocess.run([ULITE, "segment", path, "-m", model, "-o", "x.nii.gz"], capture_output=True, text=True)
    assert done.returncode == 6 and not os.path.exists("x.nii.gz"), done
    return done.stderr


def test_what_has_no_hippocampus_is_refused():
    image = nibabel.load(CH2)
    nibabel.Nifti1Image(numpy.zeros((*image.shape[:2], 32), numpy.uint8), image.affine).to_filename("empty.nii.gz")
    said = refused("empty.nii.gz")
    assert "the localiser brain found no left hippocampus" in said, said
    run(MAKE_SERIES, CH2, "-o", "ct", "--modality", "CT", "--box", "0:181,0:217,80:90")
    said = refused("ct")
    assert "the modality is CT, the model was made for MR" in said, said


def test_a_localiser_that_is_not_there():
    with open(os.path.join(MODELS, "hippocampus", "hippocampus.safetensors"), "rb") as stream:
        content = stream.read()
    with open("alone.safetensors", "wb") as stream:
        stream.write(content.replace(b'\\"model\\":\\"brain\\"', b'\\"model\\":\\"brawn\\"', 1))
    said = refused(CH2, "alone.safetensors")
    assert "its localiser is not there: brawn: no model file" in said and "181 mm" in said and "--roi cuts out" in said, said


def test_bundling():
    os.makedirs("models/small")
    with open("models/small/plan.json", "w", encoding="utf-8") as stream:
        json.dump({"card": {"task": "told by the plan", "spacing_mm": [9, 9]}}, stream)
    source = os.path.join(MODELS, "hippocampus", "hippocampus.safetensors")
    run(sys.executable, os.path.join(MODELS, "../scripts/bundle.py"), source, "models/small", 'licence="CC0"', "localiser=null")
    card = json.loads(run(ULITE, "info", "models/small/small.safetensors", "--json"))["card"]
    assert card["task"] == "told by the plan" and card["licence"] == "CC0" and "localiser" not in card, card
    assert card["spacing_mm"] == [1, 1] and card["volumes"], card
    with open(source, "rb") as old, open("models/small/small.safetensors", "rb") as new:
        assert old.read()[-3_500_000:] == new.read()[-3_500_000:], "weights"


for name, test in sorted(globals().items()):
    if name.startswith("test_") or ALL and name.startswith("slowly_test_"):
        test()
        print("ok", name)
