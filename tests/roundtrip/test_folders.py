#!/usr/bin/python3
"""Folders as scanners, PACS and people leave them: `ulite info` finds every volume and says what is
odd about it on one line, `convert --series` takes the one that is meant, and dcm2niix, where it
takes such a folder, finds the same volumes.

usage: test_folders.py MAKE_SERIES ULITE"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

from bench import CUT, SECRETS, Bench, by_dcm2niix
from powerless import POWERLESS
from shared import HEAD, in_space, load, nibabel, np, pydicom
from skipping import need

def volumes_of(about, plane="axial"):
    return [volume for volume in about["series"] if volume["plane"] == plane]


def agrees_with_dcm2niix(bench, folder, truths):
    """dcm2niix turns a 3D acquisition to the patient's axes: voxels are compared in space."""
    found = by_dcm2niix(bench, folder)
    assert len(found) >= len(truths), f"{folder}: dcm2niix finds {len(found)} volumes"
    for truth in truths:
        wanted, place = load(truth["nifti"])
        same = [volume for volume, matrix in found if volume.size == wanted.size and
                (in_space(volume, matrix, wanted.shape, place, folder) == wanted).all()]
        assert same, f"{folder}: dcm2niix does not find {truth['nifti']}"


def philips(bench):
    """Both kinds of values of Philips MR images, as dcm2niix -p n and -p y take them."""
    makes = ["--set", "Manufacturer=Philips Medical Systems", "--rescale", "1.25,-3",
             "--philips-slope", "0.0025"]
    for name, options in (("classic", []), ("implicit", ["--syntax", "implicit"]),
                          ("enhanced", ["--multi-frame"]),
                          ("enhanced implicit", ["--multi-frame", "--syntax", "implicit"])):
        folder = bench.folder("philips " + name)
        truth, = bench.series(folder, *makes, *options)
        bench.converts(folder, None, truth)
        out = bench.folder("out") + ".nii"
        assert "--philips-float" in bench.ask("convert", folder, "-o", out, stream="stderr")
        bench.ask("convert", folder, "-q", "-o", out, "--philips-float")
        shown, place = load(truth["nifti"])
        got = in_space(*load(out), shown.shape, place, folder)
        assert np.allclose(got, shown / (1.25 * 0.0025), rtol=1e-6), name
        for precise, wanted in (("n", shown), ("y", got)):
            (volume, matrix), = by_dcm2niix(bench, folder, "-p", precise)
            theirs = in_space(volume, matrix, shown.shape, place, folder)
            assert np.allclose(theirs, wanted, rtol=1e-5), f"{name}: dcm2niix -p {precise} differs"
    folder = bench.folder("no scale slope")
    bench.series(folder)
    out = bench.folder("out") + ".nii"
    said = bench.ask("convert", folder, "-o", out, "--philips-float", status=3)
    assert "2005,100E" in said and not os.path.exists(out), said


def several_in_one_series(bench):
    """Volumes that share a series UID are told apart, named and taken one by one."""
    cases = {  # options, a word of each part
        "echoes": (["--echoes", "3"], ["echo 1", "echo 2", "echo 3"]),
        "time points": (["--times", "3"], ["1", "2", "3"]),
        "phase": (["--phase"], ["\\M", "\\P"]),
        "echoes at times": (["--times", "2", "--echoes", "2", "--names", "random"], ["echo"] * 4),
        "enhanced echoes": (["--multi-frame", "--shuffle", "--echoes", "2"], ["echo"] * 2),
    }
    for name, (options, words) in cases.items():
        folder = bench.folder(name)
        truths = bench.series(folder, *options)
        about = bench.info(folder)
        parts = [volume["part"] for volume in about["series"]]
        assert len(parts) == len(truths) == len(words), f"{name}: {parts}"
        assert len(set(parts)) == len(parts), f"{name}: parts of one name: {parts}"
        for part, word in zip(parts, words):
            assert word in part, f"{name}: {part!r} does not say {word!r}"
        if name == "echoes at times":  # parts run by echo, truths by time
            truths = truths[0::2] + truths[1::2]
        for volume, truth in zip(about["series"], truths):
            bench.converts(folder, volume["series"], truth)
        said = bench.refuses(folder, 4, "--series")
        for volume in about["series"]:
            assert f"--series {volume['series']} " in said, f"{name}: no {volume['series']}: {said}"
        if name in ("echoes", "time points"):
            agrees_with_dcm2niix(bench, folder, truths)


def localizer(bench):
    folder = bench.folder("localizer")
    truth, = bench.series(folder, "--localizer", "--names", "random")
    about = bench.info(folder)
    assert sorted(v["plane"] for v in about["series"]) == ["axial", "coronal", "sagittal"]
    axial, = volumes_of(about)
    assert axial["size"] == [32, 32, 8] and axial["notes"] == []
    bench.converts(folder, axial["series"], truth)
    agrees_with_dcm2niix(bench, folder, [truth])


def several_series(bench):
    """Two series, then the same numbers in two studies: the UID tells them apart."""
    folder = bench.folder("two series")
    first, = bench.series(folder, "--series-number", "3", "--description", "T1 axial")
    second, = bench.series(folder, "--series-number", "12", "--plane", "sagittal")
    about = bench.info(folder)
    assert [(v["series"], v["description"]) for v in about["series"]] == [
        ("3", "T1 axial"), ("12", "sagittal MR")], about
    bench.converts(folder, "3", first)
    bench.converts(folder, "12", second)
    bench.refuses(folder, 4, "--series 3 ", "--series 12 ", "T1 axial")
    agrees_with_dcm2niix(bench, folder, [first, second])

    folder = bench.folder("two studies")
    first, = bench.series(os.path.join(folder, "a"), "--study", "1")
    second, = bench.series(os.path.join(folder, "b"), "--study", "2", "--size", "30,28,7")
    names = {v["size"][0]: v["series"] for v in bench.info(folder)["series"]}
    assert names[32].startswith("2.25.") and names[32] != names[30]
    bench.converts(folder, names[32], first)
    bench.converts(folder, names[30], second)
    bench.refuses(folder, 4, names[32], names[30])


def what_is_no_image(bench):
    """Clutter, a DICOMDIR, a report, a PDF, a picture of the screen and a dose grid beside them."""
    folder = bench.folder("export")
    truth, = bench.series(folder, "--clutter", "--series-number", "2", "--names", "random")
    model = pydicom.dcmread(os.path.join(folder, truth["slices"][0]["file"]))

    def save(name, sop_class, modality, series, **attributes):
        one = pydicom.Dataset()
        one.file_meta = pydicom.dataset.FileMetaDataset()
        one.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        one.is_little_endian, one.is_implicit_VR = True, False
        for keyword in ("PatientName", "PatientID", "StudyInstanceUID"):
            setattr(one, keyword, model.get(keyword))
        one.SOPClassUID, one.SOPInstanceUID = sop_class, f"2.25.77{series}"
        one.Modality, one.SeriesNumber, one.SeriesInstanceUID = modality, series, f"2.25.7{series}"
        for keyword, value in attributes.items():
            setattr(one, keyword, value)
        one.save_as(os.path.join(folder, name), write_like_original=False)

    picture = {"Rows": 20, "Columns": 30, "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7,
               "PixelRepresentation": 0}
    save("report", "1.2.840.10008.5.1.4.1.1.88.11", "SR", 90, ValueType="CONTAINER")
    save("dose_report", "1.2.840.10008.5.1.4.1.1.88.67", "SR", 91, ValueType="CONTAINER")
    save("letter", "1.2.840.10008.5.1.4.1.1.104.1", "DOC", 92, EncapsulatedDocument=b"%PDF-1.4 ")
    save("screen", "1.2.840.10008.5.1.4.1.1.7", "OT", 93, **picture, SamplesPerPixel=3,
         PlanarConfiguration=0, PhotometricInterpretation="RGB", PixelData=bytes(1800))
    save("old_screen", "1.2.840.10008.5.1.4.1.1.7", "MR", 2, **picture, SamplesPerPixel=1,
         PhotometricInterpretation="MONOCHROME2", PixelData=bytes(600))
    os.rename(os.path.join(folder, "DICOMDIR"), os.path.join(folder, "DICOMDIR.BAK"))
    listed = [slice_["file"] for slice_ in truth["slices"]]
    subprocess.run(["dcmmkdir", "-Nxc", "-nb", "+id", folder, "+D",
                    os.path.join(folder, "DICOMDIR"), *listed], check=True, capture_output=True)
    about = bench.info(folder)
    files = about["files"]
    assert files["without_pixels"] == 3 and files["images"] == 10, files
    assert files["dicomdirs"] == 1 and files["unreadable"] == 0, files
    assert files["not_dicom"] == 5, files
    mr, = volumes_of(about)
    assert mr["size"] == [32, 32, 8] and mr["notes"] == [], mr
    assert sorted((v["modality"], v["channels"]) for v in about["series"]) == [
        ("MR", 1), ("MR", 1), ("OT", 3)]
    bench.converts(folder, mr["series"], truth)


def one_odd_thing(bench):
    """Each series is one volume all the same, and the note says what is odd."""
    cases = {  # options, notes; None: whatever
        "no meta header": (["--no-meta"], []),
        "names and numbers of no use": (["--names", "random", "--instance-numbers", "same"], []),
        "no instance numbers": (["--instance-numbers", "missing", "--names", "random"], []),
        "cosines of 3 digits": (["--rotate", "0,0,12", "--round-cosines", "3"], []),
        "jittered positions": (["--jitter", "0.003"], []),
        "duplicates": (["--duplicate", "2,5"], ["2 duplicate slices dropped"]),
        "no series UID": (["--drop", "SeriesInstanceUID"], ["no SeriesInstanceUID"]),
        "no frame of reference": (["--no-frame-of-reference"], ["no FrameOfReferenceUID"]),
        "tilt": (["--tilt", "-12", "--modality", "CT", "--set",
                  "GantryDetectorTilt=-12"], ["gantry tilt -12.0 degrees"]),
        "inverted": (["--photometric", "MONOCHROME1"], ["MONOCHROME1, inverted on reading"]),
        "lossy": (["--syntax", "jpeg-extended", "--bits", "12"], ["lossy compression"]),
        "anonymised": (["--anonymised"], None),
        "invalid values": (["--invalid"], None),
    }
    for name, (options, notes) in cases.items():
        folder = bench.folder(name)
        truth, = bench.series(folder, *options)
        volume, = bench.info(folder)["series"]
        assert volume["size"][2] == len(truth["slices"]) and volume["part"] == "", volume
        assert volume["fault"] is None, f"{name}: {volume['fault']}"
        assert notes is None or volume["notes"] == notes, f"{name}: {volume['notes']}"
        if name not in ("lossy", "cosines of 3 digits"):
            bench.converts(folder, None, truth)


def holes_and_clashes(bench):
    folder = bench.folder("missing")
    bench.series(folder, "--missing", "3,6")
    volume, = bench.info(folder)["series"]
    assert volume["stack"] == "uneven" and "slices missing at 2 places" in volume["notes"], volume
    bench.refuses(folder, 5, "uneven")

    folder = bench.folder("clash")
    bench.series(folder, "--clash", "4")
    volume, = bench.info(folder)["series"]
    assert "lie at one place with different pixels" in volume["fault"], volume
    bench.refuses(folder, 5, "S01IM0004.dcm", "S01IM0005.dcm")

    folder = bench.folder("broken among two")
    first, = bench.series(folder, "--series-number", "1", "--truncate", "200@3")
    second, = bench.series(folder, "--series-number", "2", "--plane", "coronal")
    about = bench.info(folder)
    assert about["files"]["unreadable"] == 1 and len(about["unreadable"]) == 1, about
    for volume in about["series"]:
        assert volume["fault"] is None, volume
        assert any("slices may be missing" in note for note in volume["notes"]), volume
    bench.converts(folder, "2", second)
    bench.refuses(folder, 4, "--series 1 ", "--series 2 ")


def links(bench):
    """Links in a circle, out of the folder and to single files: every file is read once."""
    folder = bench.folder("linked")
    truth, = bench.series(os.path.join(folder, "s"))
    for name, to in (("l1", "."), ("l2", "."), ("s/up", ".."), ("s/image.dcm", "../first.dcm"),
                     ("s/gone", "nowhere"), ("s/self", "self")):
        os.symlink(to, os.path.join(folder, name))
    first, *_ = sorted(name for name in os.listdir(os.path.join(folder, "s")) if name.startswith("S01"))
    os.link(os.path.join(folder, "s", first), os.path.join(folder, "first.dcm"))
    inside = os.path.join(folder, "s")
    assert bench.info(inside)["files"]["images"] == 8
    for given in (inside, os.path.join(inside, "up", "s")):
        volume, = bench.info(given)["series"]
        assert volume["size"][2] == len(truth["slices"]) and volume["notes"] == [], volume
        bench.converts(given, None, truth)
    empty = bench.folder("circle")
    os.mkdir(empty)
    os.symlink(".", os.path.join(empty, "l1"))
    os.symlink(".", os.path.join(empty, "l2"))
    assert "no DICOM image among 0 files" in bench.ask("info", empty, status=3)


def closed_folders(bench):
    """A folder below the given one that cannot be opened, or only listed, is told and bars nothing."""
    folder = bench.folder("closed")
    truth, = bench.series(folder)
    for name, mode in (("DOE^JANE", 0), ("DOE^JOHN", 0o400)):
        bench.series(os.path.join(folder, name), "--series-number", "2")
        os.chmod(os.path.join(folder, name), mode)
    told = f"{folder}/...: a folder in it cannot be opened (Permission denied); --debug names it"
    about = json.loads(bench.ask("info", folder, "--json", before=POWERLESS))
    assert [fault["path"] + ": " + fault["reason"] for fault in about["unreadable"]] == [told] * 2, about
    assert about["files"]["unreadable"] == 2 and len(about["series"]) == 1, about
    assert f"unreadable: {told}" in bench.ask("info", folder, before=POWERLESS)
    debug = bench.ask("info", folder, "--debug", before=POWERLESS)
    assert all(f"{folder}/{name}: cannot be opened" in debug for name in ("DOE^JANE", "DOE^JOHN")), debug
    out = folder + ".nii"
    done = subprocess.run([*POWERLESS, bench.programs.ulite, "convert", folder, "-o", out],
                          capture_output=True, text=True, check=True)
    assert done.stderr.count(f"note: {told}\n") == 2 and "DOE" not in done.stderr, done.stderr
    assert load(out)[0].shape == load(truth["nifti"])[0].shape
    for name in ("DOE^JANE", "DOE^JOHN"):
        path = os.path.join(folder, name)
        assert f"{path}: cannot be opened" in bench.ask("info", path, status=3, before=POWERLESS)
        os.chmod(path, 0o700)


def without_places(bench):
    cases = {"X-ray": (["--modality", "CR", "--size", "32,32,1"], 1),
             "cine": (["--modality", "US", "--multi-frame", "--bits", "8"], 8),
             "pictures": (["--modality", "OT", "--photometric", "RGB"], 8)}
    for name, (options, count) in cases.items():
        folder = bench.folder(name)
        bench.series(folder, "--no-positions", *options)
        volume, = bench.info(folder)["series"]
        assert volume["stack"] == "unplaced" and volume["size"] == [32, 32, count], volume
        assert volume["notes"][0].startswith(f"no positions: {count} independent image"), volume


def names_in_any_alphabet(bench):
    """Descriptions come as UTF-8 whatever character set the file holds; pydicom wrote them."""
    words = {"latin1": ("ISO_IR 100", "Schädel nativ"), "utf8": ("ISO_IR 192", "頭部 ✓"),
             "greek": ("ISO_IR 126", "Κεφαλή"), "cyrillic": ("ISO_IR 144", "Голова"),
             "japanese": (["", "ISO 2022 IR 87"], "頭部単純"),
             "korean": (["", "ISO 2022 IR 149"], "두부 촬영"), "chinese": ("GB18030", "头部平扫")}
    for name, (charset, text) in words.items():
        folder = bench.folder(name)
        bench.series(folder, "--charset", name)
        for file in os.listdir(folder):
            one = pydicom.dcmread(os.path.join(folder, file))
            del one.PatientName  # decoded under another character set
            one.SpecificCharacterSet, one.SeriesDescription = charset, text
            one.save_as(os.path.join(folder, file))
        volume, = bench.info(folder)["series"]
        assert volume["description"] == text, f"{name}: {volume['description']}"
        assert text in bench.ask("info", folder)


def other_kinds(bench):
    """A NIfTI volume, a picture and a segmentation."""
    head = json.loads(bench.ask("info", HEAD, "--json"))
    assert head["kind"] == "nifti" and head["size"] == [181, 217, 181], head
    assert head["spacing_mm"] == [1, 1, 1] and head["sample"] == "uint8", head
    image = nibabel.load(HEAD)
    assert head["axes"] == "".join(nibabel.aff2axcodes(image.affine)), head
    assert head["maximum"] == np.asarray(image.dataobj).max(), head

    folder = bench.folder("for labels")
    truth, = bench.series(folder, "--labels", HEAD.replace("ch2.nii", "aal.nii") + ":37")
    seg = folder + ".dcm"
    labels = truth["nifti"].replace("_truth.", "_truth_labels.")
    bench.ask("convert", labels, "-q", "-o", seg, "--source", folder)
    about = json.loads(bench.ask("info", seg, "--json"))
    assert about["segments"][0]["voxels"] == np.count_nonzero(load(labels)[0]), about
    picture = folder + ".png"
    single = folder + "_single"
    one, = bench.series(single, "--size", "32,32,1", "--labels",
                        HEAD.replace("ch2.nii", "aal.nii") + ":37")
    bench.ask("convert", one["nifti"].replace("_truth.", "_truth_labels."), "-q", "-o",
              single + ".dcm", "--source", single)
    bench.ask("convert", single + ".dcm", "-q", "-o", picture)
    about = json.loads(bench.ask("info", picture, "--json"))
    assert about["kind"] == "png" and about["size"] == [32, 32, 1], about
    assert about["spacing_mm"] is None and about["axes"] == "", about


def main():
    need(HEAD, "dcm2niix", "dcmmkdir")
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(sys.argv[1], sys.argv[2], scratch)
        for part in (several_in_one_series, philips, localizer, several_series, what_is_no_image,
                     one_odd_thing, holes_and_clashes, links, closed_folders, without_places, names_in_any_alphabet,
                     other_kinds):
            part(bench)
    print(f"{bench.count} folders and files")


main()
