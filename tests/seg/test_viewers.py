#!/usr/bin/python3
"""test_viewers.py COLUMNS ULITE MAKE_SERIES: what the real viewers show of slices of COLUMNS x 121 pixels.

Several segments on oblique slices. OHIF (its published build in headless Chromium) shows what `--type auto` wrote
right, label by label, slice by slice, pixel by pixel. Of what `--type binary` forces, `ulite verify` says exactly
what OHIF (one size) and dcmqi (3D Slicer) make of it: counts alone prove nothing there.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

from skipping import need, needed_modules

PEERS = pathlib.Path(__file__).resolve().parent.parent / "peers"
sys.path.insert(0, str(PEERS))

with needed_modules():
    import nibabel
    import numpy
    import ohif_viewer
    from scipy.spatial import cKDTree

HEAD = pathlib.Path("/usr/share/mricron/templates/ch2.nii.gz")
LABELS = (3, 70, 200)
SCRAMBLED = 68  # of the sizes whose BINARY object OHIF scrambles (24 frames in an even number of bytes), the one it opens
COLUMNS, ULITE, MAKE_SERIES = int(sys.argv[1]), *sys.argv[2:4]


def check(right, text):
    if not right:
        print(f"FAILED: {text}")
        sys.exit(1)


def run(*words, code=0):
    result = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False, cwd=PEERS)
    check(result.returncode in (code, 0), f"{words[:3]} exits {result.returncode}: {result.stderr.strip()[-400:]}")
    return result.stdout


def make_labels(series, folder):
    """Labels on the series; their places in LPS by label."""
    run(ULITE, "convert", series, "-o", folder / "image.nii.gz")
    image = nibabel.load(folder / "image.nii.gz")
    i, j, k = numpy.indices(image.shape)
    labels = numpy.zeros(image.shape, "u1")
    for n, label in enumerate(LABELS):  # stripes and a box, other on each slice, that no flip maps onto themselves
        labels[(i % 3 == n) & (j // 20 % 2 == 0) & (k > 1) & (k < image.shape[2] - n) & ((i + 2 * j + k) % 37 < 20)] = label
        labels[10 + 3 * n:20 + 3 * n, 30 + n:60 + n, 3 + n] = label
    nibabel.save(nibabel.Nifti1Image(labels, image.affine), folder / "labels.nii.gz")
    segments = [{"number": n, "label": f"label {n}"} for n in LABELS]
    (folder / "segments.json").write_text(json.dumps({"segments": segments}))
    ras = {n: numpy.argwhere(labels == n) @ image.affine[:3, :3].T + image.affine[:3, 3] for n in LABELS}
    normal = image.affine[:3, 2] / numpy.linalg.norm(image.affine[:3, 2]) * [-1, -1, 1]
    return {n: places * [-1, -1, 1] for n, places in ras.items()}, normal


def wrong_slices(truth, normal, found):
    """Slices of a label on which a viewer does not show the very pixels."""
    shown = {s["label"]: numpy.array(s["voxels"], float).reshape(-1, 3) for s in found["segments"]}
    wrong = []
    for n, places in truth.items():
        other = shown.get(f"label {n}", numpy.zeros((0, 3)))
        slices = [numpy.round(p @ normal, 1) for p in (places, other)]
        for offset in numpy.unique(numpy.concatenate(slices)):
            a, b = places[slices[0] == offset], other[slices[1] == offset]
            if len(a) != len(b) or not len(a) or max(
                    cKDTree(a).query(b)[0].max(), cKDTree(b).query(a)[0].max()) > 0.02:
                wrong.append((n, float(offset)))
    return wrong


def verified(path, series):
    findings = json.loads(run(ULITE, "verify", path, "--source", series, "--json", code=1))["findings"]
    return {who: [f["text"] for f in findings if f["who"] == who] for who in {f["who"] for f in findings}}


def check_dcmqi(path, said, truth, normal):
    found = json.loads(run("node", "dcmqi_seg.mjs", path))
    claims = [text for text in said.get("dcmqi", []) if "refuses LABELMAP" in text or "displaces" in text]
    if "refused" in found:  # what it misreads can also end its WebAssembly
        check(bool(claims), f"dcmqi {found}, verify says {said}")
        return
    wrong = wrong_slices(truth, normal, found)
    check(bool(wrong) == bool(claims), f"dcmqi shows {len(wrong)} slices wrong, verify says {said}")


def opened(folder, paths):
    """What OHIF holds, in a browser of its own: nothing is left over from the object before."""
    with tempfile.TemporaryDirectory(dir=folder) as profile, ohif_viewer.Ohif(profile) as ohif:
        return ohif.open(paths)


def main():
    need(HEAD, "node", *ohif_viewer.PROGRAMS, ohif_viewer.DIST)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        series = folder / "series"
        run(MAKE_SERIES, HEAD, "-o", series, "--box", f"40:{40 + COLUMNS},40:161,50:61", "--rotate", "10,20,30")
        truth, normal = make_labels(series, folder)
        aligned, said, paths = COLUMNS * 121 % 8 == 0, {}, {}
        for kind in ("auto", "binary"):
            paths[kind] = folder / f"{kind}.dcm"
            run(ULITE, "convert", folder / "labels.nii.gz", "-o", paths[kind], "--source", series, "--segments",
                folder / "segments.json", "--type", kind)
            said[kind] = verified(paths[kind], series)
            check_dcmqi(paths[kind], said[kind], truth, normal)
        check("ohif" not in said["auto"], f"verify of auto says {said['auto']}")
        check(bool(said["binary"]) != aligned, f"verify of binary says {said['binary']}")
        found = opened(folder, [*sorted(series.iterdir()), paths["auto"]])
        check("refused" not in found, f"OHIF: {found}")
        wrong = wrong_slices(truth, normal, found)
        check(not wrong, f"OHIF shows {len(wrong)} slices wrong: {wrong[:5]}")
        if COLUMNS == SCRAMBLED:
            check(any("scrambled" in text for text in said["binary"].get("ohif", [])), f"verify: {said['binary']}")
            found = opened(folder, [*sorted(series.iterdir()), paths["binary"]])
            check("refused" not in found and wrong_slices(truth, normal, found),
                  f"OHIF shows BINARY of {COLUMNS} columns rightly now: record it, and let `verify` stop saying otherwise")
    print("passed")


main()
