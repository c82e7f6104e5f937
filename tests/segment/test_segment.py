"""Labels lie where the anatomy lies however the volume is stored; statistics equal NumPy's; exit codes.

usage: test_segment.py ULITE FIXTURES"""
import csv
import json
import os
import re
import subprocess
import sys
import tempfile

from skipping import need, needed_modules

with needed_modules():
    import nibabel
    import numpy

HEAD = "/usr/share/mricron/templates/ch2.nii.gz"
ULITE, FIXTURES = sys.argv[1], sys.argv[2]
need(HEAD)
os.chdir(tempfile.mkdtemp(prefix="ulite-test-"))


def segment(source, model, *options, code=0):
    command = [ULITE, "segment", source, "-m", f"{FIXTURES}/{model}.safetensors", *options]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == code, (command, done.returncode, done.stderr)
    return done


def labels(path):
    return numpy.asarray(nibabel.load(path).dataobj)


def crop():
    """A piece of a real head, its axes to the right, front and top, 1 mm."""
    image = nibabel.as_closest_canonical(nibabel.load(HEAD)).slicer[40:88, 50:120, 60:76]
    nibabel.save(nibabel.Nifti1Image(numpy.asarray(image.dataobj), image.affine), "crop.nii.gz")
    return nibabel.load("crop.nii.gz")


def test_storage_does_not_matter(image):
    for model in ("axial", "neighbours", "planes"):
        segment("crop.nii.gz", model, "-o", "plain.nii.gz")
        plain = labels("plain.nii.gz")
        assert set(numpy.unique(plain)) == {0, 1, 2}, numpy.unique(plain)
        assert nibabel.load("plain.nii.gz").get_data_dtype() == numpy.uint8
        assert numpy.allclose(nibabel.load("plain.nii.gz").affine, image.affine)
        assert nibabel.load("plain.nii.gz").header["intent_code"] == 1002
        for axes in ("LPS", "RPI", "ASR", "SLP", "IAL"):
            wanted = nibabel.orientations.axcodes2ornt(axes)
            turned = image.as_reoriented(
                nibabel.orientations.ornt_transform(nibabel.io_orientation(image.affine), wanted))
            nibabel.save(turned, "turned.nii")
            segment("turned.nii", model, "-o", "labels.nii")
            found = nibabel.as_closest_canonical(nibabel.load("labels.nii"))
            assert numpy.allclose(found.affine, image.affine), axes
            assert numpy.array_equal(numpy.asarray(found.dataobj), plain), (model, axes)


def test_statistics(image):
    segment("crop.nii.gz", "axial", "-o", "s.nii.gz", "--stats", "s.json", "--report", "r.json")
    segment("crop.nii.gz", "axial", "-o", "s.nii.gz", "--stats", "s.csv")
    found, values = labels("s.nii.gz"), numpy.asarray(image.dataobj).astype(float)
    with open("s.json") as stream:
        segments = json.load(stream)["segments"]
    with open("s.csv") as stream:
        rows = list(csv.DictReader(stream))
    for item, row in zip(segments, rows, strict=True):
        mask = found == item["number"]
        assert item["voxels"] == mask.sum() == int(row["voxels"]) > 0
        assert abs(item["volume_ml"] - mask.sum() / 1000) < 1e-6
        assert abs(item["mean"] - values[mask].mean()) < 1e-3
        assert abs(item["sd"] - values[mask].std()) < 1e-3
        places = nibabel.affines.apply_affine(image.affine, numpy.argwhere(mask)) * [-1, -1, 1]
        assert numpy.allclose(item["bbox_mm"], [places.min(0), places.max(0)])
    with open("r.json") as stream:
        report = json.load(stream)
    assert report["segments"] == segments and report["model"]["trained"] is False
    assert [q["number"] for q in report["quality"]["classes"]] == [1, 2]
    for quality, row in zip(report["quality"]["classes"], rows, strict=True):
        assert row["warnings"] == " ".join(quality["warnings"])
        assert abs(float(row["disagreement"]) - quality["disagreement"]) < 1e-6
        assert abs(float(row["confidence"]) - quality["confidence"]) < 1e-6 and 0 < quality["confidence"] < 1


def test_doubtful(image):
    """An untrained model's labels run into every face of the crop: it says so, whatever the threads."""
    found = []
    for threads in ("1", "3"):
        done = segment("crop.nii.gz", "planes", "-o", "d.nii.gz", "--stats", "d.json", "--strict", "--json", "--threads",
                       threads, code=1)
        assert "note: doubtful: all classes: touches the border" in done.stderr, done.stderr
        assert "--strict" in done.stderr, done.stderr
        events = [json.loads(line) for line in done.stdout.splitlines()]
        warned = [e["number"] for e in events if e["event"] == "warning"]
        with open("d.json") as stream:
            found.append(json.load(stream)["quality"])
        assert warned == [q["number"] for q in found[-1]["classes"] if q["warnings"]] and 1 in warned
    assert found[0] == found[1] and found[0]["doubtful"] == len(warned)
    assert labels("d.nii.gz").any() and all(q["disagreement"] > 0 for q in found[0]["classes"])
    one = segment("crop.nii.gz", "planes", "-o", "d.nii.gz", "--stats", "d.json", "--only", "2")
    assert "Fixture one" not in one.stderr, one.stderr
    with open("d.json") as stream:
        assert [q["number"] for q in json.load(stream)["quality"]["classes"]] == [2]


def test_flips_and_threads(image):
    segment("crop.nii.gz", "axial", "-o", "one.nii.gz", "--threads", "1")
    segment("crop.nii.gz", "axial", "-o", "two.nii.gz", "--threads", "2")
    assert numpy.array_equal(labels("one.nii.gz"), labels("two.nii.gz"))
    segment("crop.nii.gz", "ct", "-o", "plain.nii.gz", "--threads", "1")
    segment("crop.nii.gz", "ct", "-o", "flips.nii.gz", "--threads", "1", "--tta")
    segment("crop.nii.gz", "ct", "-o", "two.nii.gz", "--threads", "2", "--tta")
    assert numpy.array_equal(labels("flips.nii.gz"), labels("two.nii.gz"))
    assert not numpy.array_equal(labels("flips.nii.gz"), labels("plain.nii.gz"))
    events = segment("crop.nii.gz", "axial", "-o", "one.nii.gz", "--json", "-q").stdout
    events = [json.loads(line) for line in events.splitlines()]
    assert [e["event"] for e in events if e["event"] not in ("progress", "warning")] == ["written", "done"]
    stages = {e["stage"]: (e["done"], e["total"]) for e in events if e["event"] == "progress"}
    assert all(done <= total for done, total in stages.values()), stages


def test_progress_on_terminals_only(image):
    """The bar is drawn where a person looks: not into a pipe, unless --progress says otherwise."""
    bar = re.compile(r"segmenting +\[[.#]+\]")
    slow = {**os.environ, "ULITE_CPU": "scalar"}  # a short job that is long enough for a bar
    command = [ULITE, "segment", "crop.nii.gz", "-m", f"{FIXTURES}/axial.safetensors", "-o", "bar.nii.gz",
               "--threads", "1"]
    for options, drawn in (([], False), (["--progress", "always"], True)):
        said = subprocess.run([*command, *options], stderr=subprocess.PIPE, text=True, check=True, env=slow).stderr
        assert bool(bar.search(said)) == drawn, (options, said)
    for options, drawn in (([], True), (["--progress", "never"], False)):
        ours, theirs = os.openpty()
        subprocess.run([*command, *options], stderr=theirs, check=True, env=slow)
        os.close(theirs)
        said = ""
        while piece := read_terminal(ours):
            said += piece.decode()
        os.close(ours)
        assert bool(bar.search(said)) == drawn, (options, said)


def read_terminal(end):
    """What was written at the other end; nothing at the end of it, where Linux gives an error."""
    try:
        return os.read(end, 65536)
    except OSError:
        return b""


def test_only_and_mask(image):
    segment("crop.nii.gz", "neighbours", "-o", "all.nii")
    everything = labels("all.nii")
    pixels = numpy.asarray(image.dataobj)
    for names, wanted, found in (
            ("BOTH", everything > 0, 9), ("9", everything > 0, 9), ("fixture TWO", everything == 2, 2),
            ("2,1", everything == 2, 2)):
        segment("crop.nii.gz", "neighbours", "-o", "some.nii", "--only", names, "--mask", "mask.nii.gz",
                "--stats", "some.json")
        some = labels("some.nii")
        assert numpy.array_equal(some == found, wanted), names
        if names != "2,1":
            assert set(numpy.unique(some)) == {0, found}, names
            with open("some.json") as file:
                assert [s["number"] for s in json.load(file)["segments"]] == [found]
        masked = nibabel.load("mask.nii.gz")
        assert numpy.array_equal(numpy.asarray(masked.dataobj), numpy.where(some > 0, pixels, 0))
        assert numpy.allclose(masked.affine, image.affine) and masked.get_data_dtype() == image.get_data_dtype()
    for names, text in (("Both,1", "class 1 would belong to"), ("Brain", "it has Both, Fixture one, Fixture two"),
                        (",", "no class or group")):
        done = segment("crop.nii.gz", "neighbours", "-o", "x.nii", "--only", names, code=2)
        assert text in done.stderr, done.stderr
    segment("crop.nii.gz", "neighbours", "-o", "x.nii", "--mask", "x.png", code=2)
    segment("crop.nii.gz", "neighbours", "-o", "x.nii", "--mask", "x.nii", code=2)


def test_region(image):
    box = (slice(8, 40), slice(10, 58), slice(3, 11))
    nibabel.save(image.slicer[box], "box.nii")
    segment("box.nii", "neighbours", "-o", "wanted.nii")
    wanted = numpy.zeros(image.shape, numpy.uint8)
    wanted[box] = labels("wanted.nii")
    assert wanted.any()
    # the centres of the box's corner voxels in LPS
    corners = numpy.array([[8, 10, 3], [39, 57, 10]]) @ image.affine[:3, :3].T + image.affine[:3, 3]
    corners *= (-1, -1, 1)
    low, high = corners.min(axis=0) - 0.4, corners.max(axis=0) + 0.4
    millimetres = ",".join(f"{a:g}:{b:g}" for a, b in zip(low, high)) + "mm"
    for region in ("8:40,10:58,3:11", millimetres):
        segment("crop.nii.gz", "neighbours", "-o", "found.nii", "--roi", region)
        assert numpy.array_equal(labels("found.nii"), wanted), region
        assert numpy.allclose(nibabel.load("found.nii").affine, image.affine)
    for region in ("8:40,10:58", "8:40,10:58,3:11cm", "8:40,10:58,3:999", "8:8,10:58,3:11", "8.5:40,10:58,3:11",
                   "-8:40,10:58,3:11", "900:901,0:1,0:1mm", "a:b,c:d,e:f"):
        message = segment("crop.nii.gz", "neighbours", "-o", "x.nii", f"--roi={region}", code=2).stderr
        assert "--roi" in message, message


def test_exit_codes(image):
    for code, source, model, *options in (
            (2, "crop.nii.gz", "axial", "-o", "x.dcm"),
            (2, "crop.nii.gz", "axial", "-o", "x.txt"),
            (2, "crop.nii.gz", "axial"),
            (2, "crop.nii.gz", "axial", "-o", "x.nii", "--type", "soft"),
            (2, "crop.nii.gz", "axial", "-o", "x.nii", "--frame", "0"),
            (3, "absent.nii.gz", "axial", "-o", "x.nii"),
            (3, "crop.nii.gz", "absent", "-o", "x.nii"),
            (4, "crop.nii.gz", "axial", "-o", "x.nii", "--frame", "2"),
            (5, "crop.nii.gz", "axial", "-o", "x.png"),
            (6, "crop.nii.gz", "colour", "-o", "x.nii"),
            (7, "crop.nii.gz", "axial", "-o", "crop.nii.gz/x.nii")):
        message = segment(source, model, *options, code=code).stderr
        assert message, code
        assert not any(name.startswith(("x.", ".x.", ".")) for name in os.listdir(".")), code


head = crop()
for name, test in sorted(globals().items()):
    if name.startswith("test_"):
        test(head)
        print("ok", name)
