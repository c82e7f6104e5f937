#!/usr/bin/python3
"""`convert --all` and `--sidecar`: the volumes of a series in one NIfTI file, and what BIDS keeps beside it. nibabel
reads them; dcm2niix judges order, times, gradients and sidecars by where its voxels lie.

usage: test_frames.py MAKE_SERIES ULITE"""
import glob
import json
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import SECRETS, Bench
from shared import HEAD, in_space, load, nibabel, np, pydicom
from skipping import has, need

SHARED = Path(__file__).resolve().parents[2] / "../shared/data/dicom"
SMALL = ["--size", "24,20,5"]
KEYS = {"Modality", "Manufacturer", "ManufacturersModelName", "MagneticFieldStrength", "SeriesDescription", "ProtocolName",
        "EchoTime", "RepetitionTime", "InversionTime", "FlipAngle", "SliceThickness", "PhaseEncodingDirection",
        "SliceTiming", "ImageOrientationPatientDICOM", "ConversionSoftware", "ConversionSoftwareVersion"}


def planar(image):
    """Marks an image as one of an echo planar sequence that repeats every 2.5 s."""
    image.ScanningSequence, image.MRAcquisitionType, image.RepetitionTime = "EP", "2D", 2500
    image.Manufacturer, image.ManufacturerModelName = "Maker", "Model 1"
    image.MagneticFieldStrength, image.FlipAngle, image.EchoTime = 3, 77, 30
    image.ProtocolName, image.InPlanePhaseEncodingDirection = "bold", "COL"


def clock(seconds):
    return f"{int(seconds // 3600) % 24:02}{int(seconds // 60) % 60:02}{seconds % 60:09.6f}"


def series(bench, name, times, work, *options):
    """A series of some times whose images work(image, time, slice) has edited; the truths of its volumes."""
    folder = bench.folder(name)
    truths = bench.series(folder, *SMALL, *(["--times", str(times)] if times > 1 else []), *options)
    for time, truth in enumerate(truths):
        for place, slice_ in enumerate(truth["slices"]):
            path = os.path.join(folder, slice_["file"])
            image = pydicom.dcmread(path)
            work(image, time, place)
            image.save_as(path)
    return folder, truths


def together(bench, folder, *options):
    """What --all --sidecar makes: image, sidecar and, by --json, what it says of itself."""
    out = bench.folder("out")
    said = json.loads(bench.ask("convert", folder, "-o", out + ".nii.gz", "--all", "--sidecar", "--json", *options))
    sidecar = json.loads(Path(out + ".json").read_text())
    assert set(sidecar) <= KEYS and sidecar["ConversionSoftware"] == "ulite", sidecar
    for secret in SECRETS:
        assert secret not in Path(out + ".json").read_text(), secret
    return nibabel.load(out + ".nii.gz"), sidecar, said, out


def equals(image, truths, name):
    """Every volume holds what the generator put into it."""
    data, matrix = np.asarray(image.dataobj), np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine
    assert data.ndim == 4 and data.shape[3] == len(truths), f"{name}: {data.shape}"
    for n, truth in enumerate(truths):
        wanted, place = load(truth["nifti"])
        got = in_space(data[..., n], matrix, wanted.shape, place, name)
        assert np.allclose(got, wanted, rtol=1e-6, atol=1e-4), f"{name}: volume {n + 1} differs"


def by_peer(bench, folder):
    """The only image that dcm2niix makes of a folder, its sidecar, b-values and directions."""
    out = bench.folder("peer")
    os.mkdir(out)
    subprocess.run(["dcm2niix", "-z", "n", "-b", "y", "-f", "x", "-o", out, folder], check=True, capture_output=True)
    (image,) = glob.glob(out + "/*.nii")
    gradients = [np.loadtxt(path, ndmin=2) for path in glob.glob(out + "/*.bval") + glob.glob(out + "/*.bvec")]
    return nibabel.load(image), json.loads(Path(image[:-4] + ".json").read_text()), gradients


def same_as_peer(image, peer, name, order=None):
    """dcm2niix has the same values at the same places, volume by volume; order: which of its volumes are ours."""
    ours, theirs = np.asarray(image.dataobj), np.asarray(peer.dataobj)
    for n in range(ours.shape[3]):
        got = in_space(theirs[..., order[n] if order else n], peer.affine, ours.shape[:3], image.affine, name)
        assert np.allclose(got, ours[..., n], rtol=1e-6, atol=1e-4), f"{name}: volume {n + 1} is not dcm2niix's"


def time_points(bench):
    for name, start, options in (("times", 36000, []), ("oblique", 36000, ["--rotate", "10,-7,15", "--reversed"]),
                                 ("coronal", 36000, ["--plane", "coronal"]),
                                 ("past midnight", 86390, ["--shuffle"])):
        def timed(image, time, _, start=start):
            planar(image)
            image.AcquisitionTime = clock(start + 2.5 * time)
        folder, truths = series(bench, name, 5, timed, *options)
        image, sidecar, said, out = together(bench, folder)
        equals(image, truths, name)
        assert image.header.get_zooms()[3] == 2.5 and image.header.get_xyzt_units() == ("mm", "sec"), name
        assert sidecar["RepetitionTime"] == 2.5 and sidecar["EchoTime"] == 0.03 and sidecar["FlipAngle"] == 77, sidecar
        assert "PhaseEncodingDirection" not in sidecar, "the sign of the axis is stated nowhere"
        assert said["outputs"][0]["volumes"] == 5 and said["outputs"][0]["step_s"] == 2.5, said
        assert said["outputs"][1] == {"path": out + ".json"}, said
        if start == 36000 and has("dcm2niix"):  # which takes times past midnight for others
            peer, other, _ = by_peer(bench, folder)
            same_as_peer(image, peer, name)
            assert peer.header.get_zooms()[3] == 2.5, f"{name}: {peer.header.get_zooms()}"
            for key in set(sidecar) & set(other) - {"ConversionSoftware", "ConversionSoftwareVersion"}:
                assert np.all(sidecar[key] == other[key]) or np.allclose(sidecar[key], other[key], atol=1e-5), key

    single, _, _, _ = together(bench, series(bench, "one", 1, lambda *_: None)[0])
    assert single.ndim == 3, single.shape


def times_that_are_not_even(bench):
    def uneven(image, time, _):
        planar(image)
        image.AcquisitionTime = clock(36000 + 2 * time * time)

    def unknown(image, *_):
        planar(image)
        image.AcquisitionTime = clock(36000)

    def slow(image, *_):
        image.RepetitionTime = 8  # of a 3D sequence: no volume takes as long
        image.AcquisitionTime = clock(36000)
    for name, work, step in (("uneven", uneven, 0), ("repetition", unknown, 2.5), ("not known", slow, 0)):
        image, _, said, _ = together(bench, series(bench, name, 3, work)[0])
        assert image.header.get_zooms()[3] == step, f"{name}: {image.header.get_zooms()}"
        assert image.header.get_xyzt_units()[1] == ("sec" if step else "unknown"), name
        assert said["outputs"][0]["step_s"] == (step or None), said


def slice_times(bench):
    def sliced(image, time, place):
        planar(image)
        image.AcquisitionTime = clock(36000 + 2.5 * time + 0.4 * (place * 2 % 5))
    folder, _ = series(bench, "slices", 2, sliced)
    _, sidecar, _, _ = together(bench, folder)
    assert np.allclose(sidecar["SliceTiming"], [0, 0.8, 1.6, 0.4, 1.2], atol=1e-5), sidecar


def echoes(bench):
    folder = bench.folder("echoes")
    truths = bench.series(folder, *SMALL, "--echoes", "3")
    image, sidecar, _, _ = together(bench, folder)
    equals(image, truths, "echoes")
    assert len(set(sidecar["EchoTime"])) == 3 and image.header.get_zooms()[3] == 0, sidecar


def values(bench):
    """Volumes of one rescaling keep their samples, others become values; resampled ones, too; enhanced objects."""
    def scaled(image, time, _):
        image.RescaleSlope, image.RescaleIntercept = str(1 + time), "0"
    image, _, _, _ = together(bench, series(bench, "own slopes", 3, scaled)[0])
    assert image.get_data_dtype() == np.float32 and image.dataobj.slope == 1
    data = np.asarray(image.dataobj)
    for n in range(3):
        single = bench.folder("single")
        bench.ask("convert", sorted(glob.glob(bench.scratch + "/*own_slopes"))[0], "-o", single + ".nii", "--split")
        assert (np.asarray(nibabel.load(f"{single}-{n + 1}.nii").dataobj) == data[..., n]).all(), n

    folder, _ = series(bench, "tilted", 2, lambda *_: None, "--tilt", "-15", "--step", "2")
    image, _, _, _ = together(bench, folder, "--grid", "regular")
    parts = bench.folder("parts")
    bench.ask("convert", folder, "-o", parts + ".nii", "--split", "--grid", "regular")
    for n in range(2):
        part = nibabel.load(f"{parts}-{n + 1}.nii")
        assert np.allclose(part.affine, image.affine)
        assert (np.asarray(part.dataobj) == np.asarray(image.dataobj)[..., n]).all(), n

    folder = bench.folder("enhanced")
    truths = bench.series(folder, *SMALL, "--times", "3", "--multi-frame")
    equals(together(bench, folder)[0], truths, "enhanced")


def diffusion(bench):
    rng = np.random.default_rng(4)
    directions = rng.normal(size=(7, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    b_values = [0, 1000, 1000, 2000, 0, 1000, 2000]

    def weighted(image, time, _):
        planar(image)
        image.Manufacturer = "Philips"
        image.ImageType = ["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"]
        image.AcquisitionNumber = time + 1
        image.DiffusionBValue = float(b_values[time])
        if b_values[time] > 0:
            image.DiffusionGradientOrientation = [float(x) for x in directions[time]]
        for keyword in ("TemporalPositionIdentifier", "NumberOfTemporalPositions"):
            if keyword in image:
                delattr(image, keyword)

    for name, options in (("axial", []), ("oblique", ["--rotate", "20,-12,30"]), ("sagittal", ["--plane", "sagittal"]),
                          ("transposed", ["--transpose", "--reversed"])):
        folder, truths = series(bench, "diffusion " + name, 7, weighted, *options)
        image, _, said, out = together(bench, folder)
        assert [os.path.basename(o["path"]) for o in said["outputs"]] == [
            os.path.basename(out) + ending for ending in (".nii.gz", ".json", ".bval", ".bvec")], said
        bval, bvec = np.loadtxt(out + ".bval", ndmin=2), np.loadtxt(out + ".bvec")
        assert bval.shape == (1, 7) and bvec.shape == (3, 7)
        # FSL's convention by its definition: along the voxel axes, the first one turned round where they are
        # right-handed
        axes = image.affine[:3, :3] / np.linalg.norm(image.affine[:3, :3], axis=0)
        data = np.asarray(image.dataobj)
        wanted = [in_space(load(t["nifti"])[0], load(t["nifti"])[1], data.shape[:3],
                           np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine, name) for t in truths]
        which = [next(t for t in range(7) if (wanted[t] == data[..., n]).all()) for n in range(7)]
        assert sorted(which) == list(range(7)), which
        for n, t in enumerate(which):
            along = axes.T @ (directions[t] * [-1, -1, 1]) * (b_values[t] > 0)
            if np.linalg.det(axes) > 0:
                along[0] = -along[0]
            assert bval[0, n] == b_values[t] and np.allclose(bvec[:, n], along, atol=1e-5), f"{name}: {n}"
        if has("dcm2niix"):
            peer, _, gradients = by_peer(bench, folder)
            theirs = np.asarray(peer.dataobj)
            order = [next(m for m in range(7) if np.sort(theirs[..., m], None).tolist() ==
                          np.sort(data[..., n], None).tolist()) for n in range(7)]
            same_as_peer(image, peer, name, order)
            (b,), v = gradients
            assert (b[order] == bval[0]).all(), b
            turn = np.linalg.inv(image.affine[:3, :3]) @ peer.affine[:3, :3]  # from its voxel axes to ours
            turn /= np.linalg.norm(turn, axis=0)
            mirror = [np.diag([-1.0 if np.linalg.det(a[:3, :3]) > 0 else 1.0, 1, 1]) for a in (image.affine, peer.affine)]
            assert np.allclose(mirror[0] @ turn @ mirror[1] @ v[:, order], bvec, atol=1e-4), name

    folder, _ = series(bench, "traces", 3, lambda image, time, _: setattr(image, "DiffusionBValue", 500.0 * time))
    image, _, said, out = together(bench, folder)
    assert not os.path.exists(out + ".bvec") and any(".bvec" in note for note in said["notes"]), said
    assert np.loadtxt(out + ".bval").tolist() == [0, 500, 1000]


def csa(tags):
    """A CSA2 header of Siemens."""
    body = b""
    for name, items in tags.items():
        body += name.encode().ljust(64, b"\0") + struct.pack("<i4siii", len(items), b"FD\0\0", 0, len(items), 77)
        for item in items:
            text = str(item).encode() + b"\0"
            body += struct.pack("<iiii", 0, len(text), 77, 0) + text.ljust((len(text) + 3) // 4 * 4, b"\0")
    return b"SV10\4\3\2\1" + struct.pack("<ii", len(tags), 77) + body


def mosaics(bench):
    """Siemens's mosaics: when their tiles were taken and which way phase was encoded is in the CSA header."""
    times = [0.0, 1000.0, 500.0, 1500.0]
    for phase, positive, direction in (("COL", 1, "j"), ("COL", 0, "j-"), ("ROW", 1, "i"), ("ROW", 0, "i-")):
        made = bench.folder("tiles")
        truths = bench.series(made, "--size", "24,24,4", "--times", "2", "--spacing", "1", "--step", "3")
        folder = bench.folder(f"mosaic {phase} {positive}")
        os.mkdir(folder)
        for time, truth in enumerate(truths):
            tiles = [pydicom.dcmread(os.path.join(made, s["file"])) for s in truth["slices"]]
            image = tiles[0]
            planar(image)
            image.Manufacturer, image.InPlanePhaseEncodingDirection = "SIEMENS", phase
            image.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]
            image.AcquisitionTime, image.AcquisitionNumber = clock(36000 + 2.5 * time), time + 1
            image.InstanceNumber = time + 1
            image.SpacingBetweenSlices = "3"
            across, down = np.array(image.ImageOrientationPatient, float).reshape(2, 3)
            corner = np.array(image.ImagePositionPatient, float) - 12 * across - 12 * down
            image.ImagePositionPatient = [f"{x:.6f}" for x in corner]
            image.AcquisitionMatrix = [24, 0, 0, 24]
            pixels = np.block([[tiles[0].pixel_array, tiles[1].pixel_array], [tiles[2].pixel_array, tiles[3].pixel_array]])
            image.PixelData, image.Rows, image.Columns = pixels.tobytes(), 48, 48
            block = image.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
            normal = np.cross(across, down)
            block.add_new(0x10, "OB", csa({"NumberOfImagesInMosaic": [4], "SliceNormalVector": normal.tolist(),
                                           "PhaseEncodingDirectionPositive": [positive], "MosaicRefAcqTimes": times}))
            image.save_as(os.path.join(folder, f"{time}.dcm"))
        image, sidecar, _, _ = together(bench, folder)
        equals(image, truths, "mosaic")
        assert sidecar["SliceTiming"] == [0, 1, 0.5, 1.5] and sidecar["PhaseEncodingDirection"] == direction, sidecar
        assert image.header.get_zooms()[3] == 2.5


def real_series(bench):
    if not has(str(SHARED)) or not has("dcm2niix"):
        return
    folder = str(SHARED / "dcm_qa_enh/In/Siemens")
    image, sidecar, _, _ = together(bench, folder)
    peer, other, _ = by_peer(bench, folder)
    same_as_peer(image, peer, "Siemens, enhanced")
    assert image.header.get_zooms()[3] == peer.header.get_zooms()[3] == 0.5
    assert sidecar["SliceTiming"] == other["SliceTiming"]
    # dcm2niix turns rows round: its voxel axis j runs against ours
    assert (sidecar["PhaseEncodingDirection"], other["PhaseEncodingDirection"]) == ("j", "j-")
    mosaic = str(SHARED / "dcm_qa_ts/In/1.dcm")
    out = bench.folder("mosaic")
    bench.ask("convert", mosaic, "-o", out + ".nii", "--sidecar", "-q")
    sidecar = json.loads(Path(out + ".json").read_text())
    other = json.loads((SHARED / "dcm_qa_ts/Ref/1.json").read_text())
    for key in ("EchoTime", "RepetitionTime", "FlipAngle", "SliceThickness", "MagneticFieldStrength", "SliceTiming"):
        assert np.allclose(sidecar[key], other[key], atol=3e-3), f"{key}: {sidecar[key]} {other[key]}"
    assert sidecar["PhaseEncodingDirection"] == {"j": "j-", "j-": "j"}[other["PhaseEncodingDirection"]]
    said = bench.ask("convert", str(SHARED / "dcm_qa_enh/In"), "--series", "801", "--all", "-o", out + "b.nii", status=5)
    assert "image type" in said and "--split" in said, said


def refusals(bench):
    def moved(image, time, _):
        image.ImagePositionPatient[0] += 0.5 * (time == 1)
    folder, _ = series(bench, "moved", 3, moved)
    out = bench.folder("out") + ".nii.gz"
    said = bench.ask("convert", folder, "--all", "--sidecar", "-o", out, status=5)
    assert "volume 2 of 3 (time point 2" in said and "place" in said and "--split" in said, said
    said = bench.ask("convert", folder, "-o", out, status=4)
    assert "--all" in said and "--split" in said, said
    two = bench.folder("two series")
    bench.series(two, *SMALL, "--series-number", "1", "--times", "2")
    bench.series(two, *SMALL, "--series-number", "2")
    said = bench.ask("convert", two, "--all", "-o", out, status=4)
    assert "--series NUMBER" in said and "--series 1.1" in said and "--series 2" in said, said
    for arguments, word in ((["--all", "--split", "-o", out], "--split"), (["--all", "-o", "x.nrrd"], "NRRD"),
                            (["--sidecar", "-o", "x.nrrd"], "NRRD")):
        assert word in bench.ask("convert", two, *arguments, status=2), arguments
    truth = load(bench.series(bench.folder("labels"), *SMALL)[0]["nifti"])
    nibabel.save(nibabel.Nifti1Image(truth[0], truth[1]), out + ".nii")
    assert "--all" in bench.ask("convert", out + ".nii", "-o", out, "--all", status=2)
    assert not glob.glob(out[:-7] + "*.json") and not os.path.exists(out)
    # what cannot be put beside the image leaves neither, and the older image as it is
    os.mkdir(out[:-7] + ".json")
    Path(out).write_text("older")
    bench.ask("convert", two, "--all", "--series", "1", "--sidecar", "-o", out, status=7)
    assert Path(out).read_text() == "older"


def beside_each(bench):
    """--sidecar with --split, and of one volume."""
    folder = bench.folder("split")
    bench.series(folder, *SMALL, "--echoes", "2")
    out = bench.folder("out")
    bench.ask("convert", folder, "--split", "--sidecar", "-o", out + ".nii.gz", "-q")
    echo = [json.loads(Path(f"{out}-{n}.json").read_text())["EchoTime"] for n in (1, 2)]
    assert 0 < echo[0] < echo[1], echo


def main():
    need(HEAD)
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(sys.argv[1], sys.argv[2], scratch)
        for part in (time_points, times_that_are_not_even, slice_times, echoes, values, diffusion, mosaics, real_series,
                     refusals, beside_each):
            part(bench)
    print(f"{bench.count} folders and files")


main()
