#!/usr/bin/python3
"""Every number of `ulite eval` against its definition in docs/evaluation.md, computed with SciPy.

usage: test_eval.py ULITE MAKE_SERIES [TEST...]"""
import csv
import json
import math
import os
import re
import resource
import signal
import sys
import tempfile

from learn import datasets
from learn.datasets import nibabel, numpy, run, save_nifti, save_png
from powerless import POWERLESS
from skipping import has, needed_modules

with needed_modules():
    from scipy import ndimage
    from scipy.spatial.distance import cdist

ULITE, MAKE_SERIES = sys.argv[1:3]
COLUMNS = ["dice", "iou", "precision", "recall", "nsd", "hd95", "asd"]


def evaluate(predicted, truth, *options, **how):
    return json.loads(run(ULITE, "eval", predicted, truth, "--json", *options, **how).stdout)


def surface(mask):
    flat = mask.shape[2] == 1
    cross = ndimage.generate_binary_structure(3, 1)
    if flat:
        cross[:, :, (0, 2)] = False
    return mask & ~ndimage.binary_erosion(mask, cross)


def expected(predicted, truth, spacing, tolerance=1):
    """The numbers of one class by SciPy's exact distance transform, spacing along the axes."""
    p, t = int(predicted.sum()), int(truth.sum())
    common = int((predicted & truth).sum())
    if p + t == 0:
        return dict(zip(COLUMNS, (1, 1, 1, 1, 1, 0, 0)))
    values = {"dice": 2 * common / (p + t), "iou": common / (p + t - common),
              "precision": common / p if p else None, "recall": common / t if t else None,
              "nsd": 0, "hd95": None, "asd": None}
    if p and t:
        a, b = surface(predicted), surface(truth)
        to_b = ndimage.distance_transform_edt(~b, spacing)[a]
        to_a = ndimage.distance_transform_edt(~a, spacing)[b]
        values["hd95"] = max(numpy.percentile(to_b, 95), numpy.percentile(to_a, 95))
        values["nsd"] = ((to_b <= tolerance + 1e-9).sum() + (to_a <= tolerance + 1e-9).sum()) / (len(to_a) + len(to_b))
        values["asd"] = (to_b.sum() + to_a.sum()) / (len(to_a) + len(to_b))
    return values


def same(found, wanted, what):
    """To the digits that are written: 4 decimals of shares, 3 of lengths and volumes."""
    if wanted is None or found is None:
        assert found is None and wanted is None, f"{what}: {found}, expected {wanted}"
    else:
        assert abs(found - wanted) < (5.1e-4 if re.search("_(mm|px|ml)$", what) else 5.1e-5), f"{what}: {found}, expected {wanted}"


def check_case(classes, predicted, truth, spacing, unit="mm", ml=None, tolerance=1):
    for entry in classes:
        p, t = predicted == entry["number"], truth == entry["number"]
        wanted = expected(p, t, spacing, tolerance)
        for column in COLUMNS:
            name = column if column in COLUMNS[:5] else f"{column}_{unit}"
            same(entry[name], wanted[column], f"{entry['name']}: {name}")
        if ml is not None:
            same(entry["volume_ml"], p.sum() * ml, "volume_ml")
            same(entry["truth_volume_ml"], t.sum() * ml, "truth_volume_ml")
            same(entry["volume_difference_ml"], (p.sum() - t.sum()) * ml, "volume_difference_ml")


def blobs(random, size, classes=3):
    """Smooth random regions of several classes."""
    field = [ndimage.gaussian_filter(random.normal(size=size), 2) for _ in range(classes + 1)]
    field[0] += 0.03
    return numpy.argmax(field, axis=0).astype(numpy.uint8)


def rotation(a, b, c):
    x = numpy.array([[1, 0, 0], [0, math.cos(a), -math.sin(a)], [0, math.sin(a), math.cos(a)]])
    y = numpy.array([[math.cos(b), 0, math.sin(b)], [0, 1, 0], [-math.sin(b), 0, math.cos(b)]])
    z = numpy.array([[math.cos(c), -math.sin(c), 0], [math.sin(c), math.cos(c), 0], [0, 0, 1]])
    return x @ y @ z


def test_volumes(folder):
    """Random regions on anisotropic and oblique grids; the prediction may be stored in other axes."""
    random = numpy.random.default_rng(11)
    for number, (spacing, angles, size) in enumerate([
            ((1, 1, 1), (0, 0, 0), (24, 20, 16)), ((0.7, 1.1, 3.3), (0, 0, 0), (20, 24, 9)),
            ((0.9, 0.9, 2.5), (0.2, -0.3, 0.4), (18, 22, 12)), ((2, 1, 0.5), (0.5, 0.1, 0), (14, 15, 30)),
            ((1, 1, 4), (0, 0, 0), (30, 30, 1))]):
        affine = numpy.eye(4)
        affine[:3, :3] = rotation(*angles) @ numpy.diag(spacing)
        affine[:3, 3] = -30, 12, 7
        truth = blobs(random, size)
        predicted = numpy.roll(truth, (1, -2, 0), (0, 1, 2))
        predicted[random.random(size) < 0.01] = 2
        t, p = f"{folder}/t{number}.nii.gz", f"{folder}/p{number}.nii.gz"
        save_nifti(truth, t, affine)
        image = nibabel.Nifti1Image(predicted, affine)
        if number % 2:
            image = image.as_reoriented([[1, -1], [0, 1], [2, -1]])
        nibabel.save(image, p)
        result = evaluate(p, t)
        classes = result["cases"][0]["classes"]
        assert [c["number"] for c in classes] == [1, 2, 3] and result["cases"][0]["name"] == f"t{number}"
        flat = size[2] == 1
        for tolerance in (0.5, 2.5, 4):
            wider = evaluate(p, t, "--tolerance", str(tolerance))
            assert wider["nsd_tolerance"] == tolerance
            check_case(wider["cases"][0]["classes"], predicted, truth, spacing, tolerance=tolerance)
        check_case(classes, predicted, truth, spacing, ml=None if flat else numpy.prod(spacing) / 1000)
        for column in ("volume_ml", "truth_volume_ml", "volume_difference_ml"):
            assert all((c[column] is None) == flat for c in classes), (column, classes)


def test_merged(folder):
    """--merge: the union of the segments of each side, as one class."""
    random = numpy.random.default_rng(5)
    predicted, truth = blobs(random, (14, 12, 9)), blobs(random, (14, 12, 9))
    save_nifti(predicted, f"{folder}/p.nii.gz")
    save_nifti(truth, f"{folder}/t.nii.gz")
    entry, = evaluate(f"{folder}/p.nii.gz", f"{folder}/t.nii.gz", "--merge")["cases"][0]["classes"]
    assert entry["number"] == 1 and len(numpy.unique(predicted)) > 2
    check_case([entry], (predicted > 0) * 1, (truth > 0) * 1, (1, 1, 2))


def test_empty_classes(folder):
    """Empty on both sides, on one side, single voxels, masks that touch the border or fill all."""
    shapes = {name: numpy.zeros((9, 8, 7), numpy.uint8) for name in ("empty", "one", "other", "slab", "border")}
    shapes["one"][2, 3, 4] = shapes["other"][5, 3, 1] = 1
    shapes["slab"][:, :, 3:5] = 1
    shapes["border"][0, :, :] = 1
    shapes["full"] = numpy.ones((9, 8, 7), numpy.uint8)
    os.makedirs(f"{folder}/p")
    os.makedirs(f"{folder}/t")
    affine = numpy.diag([1.5, 2, 3, 1])
    pairs = {f"{a}-{b}": (a, b) for a in shapes for b in shapes}
    for name, (a, b) in pairs.items():
        save_nifti(shapes[a], f"{folder}/p/{name}.nii.gz", affine)
        save_nifti(shapes[b], f"{folder}/t/{name}.nii", affine)
    result = evaluate(f"{folder}/p", f"{folder}/t", "--csv", f"{folder}/scores.csv")
    assert [c["name"] for c in result["cases"]] == sorted(pairs), "not every case once, sorted"
    for case in result["cases"]:
        a, b = pairs[case["name"]]
        check_case(case["classes"], shapes[a], shapes[b], (1.5, 2, 3), ml=0.009)
    dice = result["summary"][0]["dice"]
    values = [c["classes"][0]["dice"] for c in result["cases"]]
    same(dice["mean"], numpy.mean(values), "mean")
    same(dice["sd"], numpy.std(values, ddof=1), "sd")
    same(dice["median"], numpy.median(values), "median")
    hd = result["summary"][0]["hd95_mm"]
    assert (dice["count"], hd["count"], hd["undefined"]) == (36, 26, 10), (dice, hd)
    with open(f"{folder}/scores.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 36
    for row, case in zip(rows, result["cases"]):
        entry = case["classes"][0]
        assert row["case"] == case["name"] and row["class"] == entry["name"]
        for column in ("dice", "recall", "hd95_mm", "volume_ml"):
            found = float(row[column]) if row[column] else None
            assert (found is None) == (entry[column] is None), (row, entry)
            assert found is None or abs(found - entry[column]) < 1e-5, (row, entry)


def test_tables(folder):
    """Markdown and LaTeX: means and deviations as NumPy has them, classes called as a model or a file of segments says."""
    random = numpy.random.default_rng(12)
    for part in "pt":
        os.makedirs(f"{folder}/{part}")
        for case in "abc":
            save_nifti(blobs(random, (12, 10, 6), 2), f"{folder}/{part}/{case}.nii.gz")
    names = datasets.write_json(f"{folder}/names.json", {"segments": [{"number": 1, "label": "A_1 | 50 % & {more}"},
                                                                      {"number": 2, "label": "B"}]})
    result = evaluate(f"{folder}/p", f"{folder}/t", "--segments", names, "--table", f"{folder}/t.md")
    evaluate(f"{folder}/p", f"{folder}/t", "--segments", names, "--table", f"{folder}/t.tex")
    with open(f"{folder}/t.md", encoding="utf-8") as file:
        markdown = file.read().splitlines()
    with open(f"{folder}/t.tex", encoding="utf-8") as file:
        latex = file.read()
    assert markdown[0] == "| Class | n | Dice | NSD | HD95 (mm) | ASD (mm) | True volume (mL) | Difference (mL) |"
    assert markdown[1].count("---") == 8
    for row, number, escaped in ((2, 1, r"A\_1 \| 50 % & {more}"), (3, 2, "B")):
        cells = re.split(r" (?<!\\)\| ", markdown[row].strip("| "))
        values = {key: [next(c[key] for c in case["classes"] if c["number"] == number) for case in result["cases"]]
                  for key in ("dice", "nsd", "hd95_mm", "asd_mm", "truth_volume_ml", "volume_difference_ml")}
        wanted = [f"{numpy.mean(v):.{n}f} ± {numpy.std(v, ddof=1):.{n}f}" for v, n in zip(values.values(), (3, 3, 2, 2, 2, 2))]
        assert cells == [escaped, "3", *wanted], (cells, wanted)
        assert " & ".join(w.replace("±", r"$\pm$") for w in wanted) in latex, latex
    assert r"A\_1 | 50 \% \& \{more\} & 3 & " in latex and latex.count("{tabular}") == 2, latex
    assert "3 cases" in markdown[-1] and "at 1 mm" in markdown[-1], markdown[-1]
    named = evaluate(f"{folder}/p", f"{folder}/t", "--segments", "hippocampus")["summary"]
    assert [c["name"] for c in named] == ["Anterior hippocampus", "Posterior hippocampus"], named
    run(ULITE, "eval", f"{folder}/p", f"{folder}/t", "--table", f"{folder}/t.html", code=2, says=[".md, .tex or .csv"])
    run(ULITE, "eval", f"{folder}/p", f"{folder}/t", "--segments", names, "--table", f"{folder}/p/a.nii.gz", code=2)
    run(ULITE, "eval", f"{folder}/p", f"{folder}/t", "--csv", f"{folder}/both.csv", "--table", f"{folder}/both.csv", code=2,
        says=["two outputs are this one file"])
    run(ULITE, "eval", f"{folder}/p", f"{folder}/t", "--segments", "nobody", code=3, says=["nobody"])


def test_interval(folder):
    """The bootstrap interval is near the normal one, holds the mean, and is the same every time."""
    random = numpy.random.default_rng(3)
    os.makedirs(f"{folder}/p")
    os.makedirs(f"{folder}/t")
    for case in range(60):
        truth = (blobs(random, (12, 12, 1), 1) > 0).astype(numpy.uint8)
        predicted = numpy.roll(truth, random.integers(0, 3), 0)
        save_nifti(truth, f"{folder}/t/{case}.nii.gz")
        save_nifti(predicted, f"{folder}/p/{case}.nii.gz")
    first = evaluate(f"{folder}/p", f"{folder}/t")
    assert evaluate(f"{folder}/p", f"{folder}/t") == first
    dice = first["summary"][0]["dice"]
    half = 1.96 * dice["sd"] / math.sqrt(dice["count"])
    for bound, normal in ((dice["low95"], dice["mean"] - half), (dice["high95"], dice["mean"] + half)):
        assert abs(bound - normal) < 0.25 * half, (bound, normal, half)
    assert dice["low95"] < dice["mean"] < dice["high95"]


def test_pictures(folder):
    """PNG masks, black and white or numbered: distances in pixels, no volumes."""
    random = numpy.random.default_rng(8)
    truth, predicted = blobs(random, (40, 30, 1)), blobs(random, (40, 30, 1))
    save_png(truth[:, :, 0], f"{folder}/t.png")
    save_png(predicted[:, :, 0], f"{folder}/p.png")
    for entry in evaluate(f"{folder}/p.png", f"{folder}/t.png")["cases"][0]["classes"]:
        check_case([entry], predicted, truth, (1, 1, 1), "px")
        assert entry["hd95_mm"] is None and entry["volume_ml"] is None, entry
    # axis 0 of these arrays are the rows of the picture
    for size, spacing in (("0.25", (0.25, 0.25, 1)), ("0.5,0.7", (0.7, 0.5, 1))):
        for entry in evaluate(f"{folder}/p.png", f"{folder}/t.png", "--pixel-size", size)["cases"][0]["classes"]:
            check_case([entry], predicted, truth, spacing)
            assert entry["hd95_px"] is None and entry["volume_ml"] is None, entry
    for wrong in ("0", "1,-1", "1,", "x", "1,2,3"):
        run(ULITE, "eval", f"{folder}/p.png", f"{folder}/t.png", "--pixel-size", wrong, code=2, says=["--pixel-size"])
    save_png(255 * (truth[:, :, 0] > 0), f"{folder}/white.png")
    save_png(predicted[:, :, 0] > 0, f"{folder}/one.png")
    entry, = evaluate(f"{folder}/one.png", f"{folder}/white.png")["cases"][0]["classes"]
    assert entry["number"] == 1
    check_case([entry], (predicted > 0) * 1, (truth > 0) * 1, (1, 1, 1), "px")


def test_segmentations(folder):
    """SEG against NIfTI and SEG, though a SEG leaves out slices without labels."""
    if not has(datasets.HEAD):
        return
    random = numpy.random.default_rng(4)
    for name, options in (("axial", []), ("oblique", ["--rotate", "10,20,30"])):
        series = f"{folder}/{name}"
        run(MAKE_SERIES, datasets.HEAD, "-o", series, "--box", "40:70,60:92,50:74", "--spacing", "1,1.5",
            "--step", "2", *options)
        run(ULITE, "convert", series, "-o", f"{folder}/{name}.nii.gz")
        image = nibabel.load(f"{folder}/{name}.nii.gz")
        size = image.shape[:3]
        truth, predicted = blobs(random, size, 2), blobs(random, size, 2)
        truth[:, :, :3] = predicted[:, :, -2:] = 0  # slices that a SEG leaves out
        predicted[:, :, 0] = 0
        spacing = numpy.linalg.norm(image.affine[:3, :3], axis=0)
        for part, labels in (("t", truth), ("p", predicted)):
            save_nifti(labels, f"{folder}/{part}.nii.gz", image.affine)
            run(ULITE, "convert", f"{folder}/{part}.nii.gz", "-o", f"{folder}/{part}.dcm", "--source", series)
        for p, t in (("p.dcm", "t.nii.gz"), ("p.nii.gz", "t.dcm"), ("p.dcm", "t.dcm"), ("p.nii.gz", "t.nii.gz")):
            classes = evaluate(f"{folder}/{p}", f"{folder}/{t}")["cases"][0]["classes"]
            assert [c["number"] for c in classes] == [1, 2], classes
            check_case(classes, predicted, truth, spacing, ml=numpy.prod(spacing) / 1000)
        # a SEG of a single slice
        truth[:, :, 1:] = 0
        truth[3:9, 4:8, 4] = 1
        save_nifti(truth, f"{folder}/s.nii.gz", image.affine)
        run(ULITE, "convert", f"{folder}/s.nii.gz", "-o", f"{folder}/s.dcm", "--source", series)
        check_case(evaluate(f"{folder}/p.nii.gz", f"{folder}/s.dcm")["cases"][0]["classes"], predicted, truth,
                   spacing, ml=numpy.prod(spacing) / 1000)


def test_uneven_slices(folder):
    """Distances and volumes on unevenly spaced slices, by brute force over the voxels' positions."""
    if not has(datasets.HEAD):
        return
    series, places = f"{folder}/series", [0, 2, 4.8, 6.8, 9.6, 11.6]
    run(MAKE_SERIES, datasets.HEAD, "-o", series, "--box", "40:60,60:80,50:64", "--step", "2,2.8", "--size", "20,20,6",
        "--truth", f"{folder}/truth")
    random = numpy.random.default_rng(6)
    masks = []
    for part in "pt":
        labels = (blobs(random, (20, 20, 6), 1) > 0).astype(numpy.uint8)
        labels[10, 10, :] = 1  # every slice holds something
        masks.append(labels.astype(bool))
        # an even grid that holds the slices: steps of 0.4 mm
        even = numpy.zeros((20, 20, 30), numpy.uint8)
        even[:, :, [round(2.5 * z) for z in places]] = labels
        save_nifti(even, f"{folder}/{part}.nii.gz", even_affine(f"{folder}/truth.json"))
        run(ULITE, "convert", f"{folder}/{part}.nii.gz", "-o", f"{folder}/{part}.dcm", "--source", series)
    entry, = evaluate(f"{folder}/p.dcm", f"{folder}/t.dcm", "--source", series)["cases"][0]["classes"]
    points = [numpy.argwhere(surface(m)).astype(float) for m in masks]
    for p in points:
        p[:, 2] = numpy.array(places)[p[:, 2].astype(int)]
    d = cdist(points[0], points[1])
    to_t, to_p = d.min(axis=1), d.min(axis=0)
    same(entry["hd95_mm"], max(numpy.percentile(to_t, 95), numpy.percentile(to_p, 95)), "hd95_mm")
    same(entry["asd_mm"], (to_t.sum() + to_p.sum()) / (len(to_t) + len(to_p)), "asd_mm")
    depth = numpy.array([2, 2.4, 2.4, 2.4, 2.4, 2])  # half the way to each neighbour
    same(entry["volume_ml"], (masks[0].sum(axis=(0, 1)) * depth).sum() / 1000, "volume_ml")


def test_long_labels(folder):
    """The label of a segment stands whole in every output."""
    if not has(datasets.HEAD):
        return
    label, series = "肝臓" * 32, f"{folder}/series"
    run(MAKE_SERIES, datasets.HEAD, "-o", series, "--box", "40:60,60:80,50:60")
    names = datasets.write_json(f"{folder}/names.json", {"segments": [{"number": 1, "label": label}]})
    run(ULITE, "convert", series, "-o", f"{folder}/image.nii.gz")
    image = nibabel.load(f"{folder}/image.nii.gz")
    save_nifti(numpy.ones(image.shape[:3], "u1"), f"{folder}/t.nii.gz", image.affine)
    run(ULITE, "convert", f"{folder}/t.nii.gz", "-o", f"{folder}/t.dcm", "--source", series, "--segments", names)
    entry, = evaluate(f"{folder}/t.dcm", f"{folder}/t.dcm")["cases"][0]["classes"]
    assert entry["name"] == label, entry


def even_affine(path):
    """Of a grid in steps of 0.4 mm from the first slice on, in RAS."""
    with open(path, encoding="utf-8") as file:
        truth = json.load(file)
    position = truth["volumes"][0]["slices"][0]["position"]
    affine = numpy.diag([-1, -1, 0.4, 1.0])
    affine[:3, 3] = -position[0], -position[1], position[2]
    return affine


def test_partners(folder):
    """What lacks a partner or cannot be compared is named; the others are compared."""
    random = numpy.random.default_rng(9)
    for part in "pt":
        os.makedirs(f"{folder}/{part}")
        for case in ("a", "b", "c", "d"):
            save_nifti(blobs(random, (10, 10, 4)), f"{folder}/{part}/{case}.nii.gz")
    os.remove(f"{folder}/p/b.nii.gz")
    os.remove(f"{folder}/t/d.nii.gz")
    save_nifti(blobs(random, (10, 9, 4)), f"{folder}/p/c.nii.gz")
    with open(f"{folder}/t/notes.txt", "w", encoding="utf-8") as file:
        file.write("no label")
    said = ["case b: no prediction", "case c", "10x9x4", "d.nii.gz: left out, no truth", "2 of 3 cases"]
    result = evaluate(f"{folder}/p", f"{folder}/t", code=1, says=said)
    assert [c["name"] for c in result["cases"]] == ["a"] and result["failed"] == 2, result
    evaluate_fails = lambda p, t, code, says: run(ULITE, "eval", p, t, code=code, says=says)
    evaluate_fails(f"{folder}/p/c.nii.gz", f"{folder}/t/c.nii.gz", 5, ["case c", "10x9x4"])
    evaluate_fails(f"{folder}/p/none.nii.gz", f"{folder}/t/c.nii.gz", 3, ["none.nii.gz"])
    os.makedirs(f"{folder}/empty")
    evaluate_fails(f"{folder}/p", f"{folder}/empty", 3, ["holds no label file"])
    evaluate_fails(f"{folder}/p", f"{folder}/nowhere", 3, ["nowhere"])
    run(ULITE, "eval", f"{folder}/p", f"{folder}/t", "--source", f"{folder}", code=2, says=["not with folders"])
    run(ULITE, "eval", f"{folder}/p", code=2, says=["takes the prediction and the truth"])
    run(ULITE, "eval", f"{folder}/p/a.nii.gz", f"{folder}/t/a.nii.gz", "--csv", f"{folder}/full.csv", code=7,
        says=["full.csv"], preexec_fn=small_files)
    assert not os.path.exists(f"{folder}/full.csv")


def test_pairs(folder):
    """Headers and pixels in two files, given either, in folders too."""
    truth, predicted = numpy.zeros((6, 5, 4), "u1"), numpy.zeros((6, 5, 4), "u1")
    truth[1:4, 1:4, 1:3] = predicted[2:5, 1:4, 1:3] = 1
    for number, (header, pixels) in enumerate([(".hdr", ".img"), (".hdr", ".img.gz"), (".hdr.gz", ".img.gz")]):
        for part, labels in (("p", predicted), ("t", truth)):
            os.makedirs(f"{folder}/{number}/{part}")
            datasets.save_pair(labels, f"{folder}/{number}/{part}/a", header, pixels)
        p, t = f"{folder}/{number}/p", f"{folder}/{number}/t"
        for one, other in ((p, t), (f"{p}/a{header}", f"{t}/a{pixels}"), (f"{p}/a{pixels}", f"{t}/a{header}")):
            case, = evaluate(one, other)["cases"]
            assert case["name"] == "a" and case["classes"][0]["dice"] == 0.6667, case


def test_names_that_stand_twice(folder):
    """Two files of one case are refused by name, on either side; what is no label file does not count."""
    labels = numpy.ones((4, 4, 2), "u1")
    for part in "pt":
        os.makedirs(f"{folder}/{part}")
        save_nifti(labels, f"{folder}/{part}/a.nii.gz")
        open(f"{folder}/{part}/a.txt", "w", encoding="utf-8").close()
        open(f"{folder}/{part}/a-1.txt", "w", encoding="utf-8").close()
    assert len(evaluate(f"{folder}/p", f"{folder}/t")["cases"]) == 1
    for part in "pt":
        for other in ("a.nii", "a.SEG.dcm", "a"):
            path = f"{folder}/{part}/{other}"
            os.makedirs(path)
            run(ULITE, "eval", f"{folder}/p", f"{folder}/t", code=3,
                says=[f"/{part}/a.nii.gz", f"/{part}/{other}", "two files of one name: leave one"])
            os.rmdir(path)


def test_folders_of_patients(folder):
    """Folders below that of the source stay out of messages, unless --debug asks for them."""
    save_nifti(numpy.ones((8, 8, 4), numpy.uint8), f"{folder}/labels.nii.gz")
    os.makedirs(f"{folder}/source/DOE^JANE/series")
    os.chmod(f"{folder}/source/DOE^JANE/series", 0)
    command = *POWERLESS, ULITE, "eval", f"{folder}/labels.nii.gz", f"{folder}/labels.nii.gz", "--source", f"{folder}/source"
    said = run(*command, code=3, says=["source/...: a folder in it cannot be opened"]).stderr
    assert "DOE" not in said, said
    run(*command, "--debug", code=3, says=["source/DOE^JANE/series: cannot be opened"])


def small_files():
    """In the child: as if the disk were full."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))


def main():
    for name, test in list(globals().items()):
        if name.startswith("test_") and (len(sys.argv) < 4 or name in sys.argv[3:]):
            with tempfile.TemporaryDirectory() as folder:
                test(folder)
            print(f"{name}: passed")


main()
