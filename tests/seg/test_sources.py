#!/usr/bin/python3
"""test_sources.py ULITE MAKE_SERIES FIXTURES: segmentations of sources that hold several volumes or lack something.

Series come from the generator; what real files do to them is done by pydicom.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

from skipping import need, needed_modules

with needed_modules():
    import nibabel
    import numpy
    import pydicom

HEAD = "/usr/share/mricron/templates/ch2.nii.gz"
ULITE, MAKE_SERIES, FIXTURES = sys.argv[1:4]
MODEL = f"{FIXTURES}/slices.safetensors"
need(HEAD)


def run(*words, code=0, says=None, program=ULITE):
    result = subprocess.run([program, *map(str, words)], capture_output=True, text=True, check=False)
    shown = f"{' '.join(map(str, words))}: exit {result.returncode}, {result.stderr.strip()[-400:]}"
    assert result.returncode == code, f"{shown}; expected exit {code}"
    said = result.stdout + result.stderr
    for text in [says] if isinstance(says, str) else says or []:
        assert text in said, f"{shown}; expected \"{text}\""
    return said


def make(folder, *options):
    run(HEAD, "-o", folder, "--box", "40:80,60:92,50:62", *options, program=MAKE_SERIES)
    return folder


def change(folder, each):
    """each(dataset, n) on every file of a folder, in the order of their names."""
    for n, path in enumerate(sorted(folder.iterdir())):
        dataset = pydicom.dcmread(path)
        each(dataset, n)
        dataset.save_as(path)
    return folder


def array(path):
    return numpy.asarray(nibabel.load(path).dataobj)


def comes_back(source, series, *, change_seg=None):
    """The volume `series` is segmented; its SEG is found right, and its labels come back, without a word on which
    volume is meant. change_seg(dataset) first."""
    seg, labels, back = (source.parent / f"{series}{end}" for end in (".dcm", ".nii", "_back.nii"))
    run("segment", source, "-m", MODEL, "--series", series, "-o", seg, "-o", labels)
    if change_seg:
        dataset = pydicom.dcmread(seg)
        change_seg(dataset)
        dataset.save_as(seg)
    run("verify", seg, "--source", source, says="no problem found")
    run("convert", seg, "-o", back, "--source", source)
    assert (array(back) == array(labels)).all() and array(labels).any(), f"{seg}: other labels came back"


def frames_of(dataset):
    return dataset.PerFrameFunctionalGroupsSequence


def drop_frame_numbers(seg):
    for frame in frames_of(seg):
        del frame.DerivationImageSequence[0].SourceImageSequence[0]["ReferencedFrameNumber"]


def turn(dataset, first):
    """Frames from the first on become sagittal, as a stack of their own."""
    del dataset.SharedFunctionalGroupsSequence[0]["PlaneOrientationSequence"]
    for n, frame in enumerate(frames_of(dataset)):
        item = pydicom.Dataset()
        item.ImageOrientationPatient = [0, 1, 0, 0, 0, -1] if n >= first else [1, 0, 0, 0, 1, 0]
        frame.PlaneOrientationSequence = [item]
        if n >= first:
            frame.PlanePositionSequence[0].ImagePositionPatient = [n - first, 0, 0]
            frame.FrameContentSequence[0].StackID = "2"


def volumes_of_one_file(folder):
    """Which volume of a multi-frame file a SEG belongs to is told by the frame numbers of its references, or, where
    it has none, by the places of its frames."""
    for name, options, series in (("echoes", ["--echoes", "2"], "1.2"), ("times", ["--times", "3"], "1.3"),
                                  ("phase", ["--phase"], "1.2")):
        source = make(folder / name / "source", "--multi-frame", *options)
        comes_back(source, series)
        comes_back(source, series, change_seg=drop_frame_numbers)
    source = change(make(folder / "stacks" / "source", "--multi-frame"), lambda dataset, n: turn(dataset, 6))
    for series in ("1.1", "1.2"):
        comes_back(source, series)
        comes_back(source, series, change_seg=drop_frame_numbers)

    def name_stacks(dataset, n):
        for k, frame in enumerate(frames_of(dataset)):
            frame.FrameContentSequence[0].StackID = "A" if k % 2 else "B"
    source = change(make(folder / "interleaved" / "source", "--multi-frame"), name_stacks)
    run("info", source, says=["stack A", "stack B", "40x32x6", "1x1x2"])
    for series in ("1.1", "1.2"):
        comes_back(source, series)


def another_pixel_spacing_is_named(folder):
    source = make(folder / "spacing")
    seg = folder / "spacing.dcm"
    run("segment", source, "-m", MODEL, "-o", seg)
    dataset = pydicom.dcmread(seg)
    dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing = [2, 2]
    dataset.save_as(seg)
    text = "frame 1 has another pixel spacing (2x2 mm) than the source's slices (1x1 mm)"
    run("verify", seg, "--source", source, code=1, says=text)
    run("convert", seg, "-o", folder / "spacing.nii", "--source", source, code=5, says=text)


def errors_of(seg):
    """What dciodvfy holds against an object."""
    done = subprocess.run(["dciodvfy", "-new", seg], capture_output=True, text=True, check=False)
    return [line for line in (done.stdout + done.stderr).splitlines() if "Error" in line]


def identities(folder):
    """The meta header's UID stands for a missing one; without one, with no UID or with that of another image, images
    are read and noted but not referenced."""
    def set_uids(name, uid):
        def each(dataset, n):
            if uid == "meta":
                del dataset["SOPInstanceUID"]
            else:
                dataset.SOPInstanceUID = uid
        return change(make(folder / name), each)

    meta = set_uids("meta", "meta")
    run("segment", meta, "-m", MODEL, "-o", folder / "meta.dcm", says="SOPClassUID in 12 files: that of the meta")
    run("verify", folder / "meta.dcm", "--source", meta, says="no problem found")
    assert not errors_of(folder / "meta.dcm"), errors_of(folder / "meta.dcm")

    bare = make(folder / "bare", "--no-meta", "--drop", "SOPInstanceUID@2")
    number = set_uids("number", "1e10")
    long = set_uids("long", "1.2." + "3" * 64)
    for source, reason in ((bare, "SOPInstanceUID is missing"), (number, "SOPInstanceUID is no valid UID"),
                           (long, "SOPInstanceUID is no valid UID"),
                           (set_uids("same", "1.2.3.4"), "have the same SOPInstanceUID")):
        run("info", source, says="a SEG cannot reference them")
        run("segment", source, "-m", MODEL, "-o", folder / "none.dcm", code=3, says=[reason, f"{source.name}/"])
        assert not (folder / "none.dcm").exists()
        run("segment", source, "-m", MODEL, "-o", folder / "labels.nii")
        run("convert", source, "-o", folder / "image.nii")


def series_without_uid(folder):
    source = change(make(folder / "unnamed"), lambda dataset, n: dataset.pop("SeriesInstanceUID"))
    seg = folder / "unnamed.dcm"
    run("segment", source, "-m", MODEL, "-o", seg,
        says="SeriesInstanceUID: the source has none, one was made from the UID of the first image")
    assert not errors_of(seg), errors_of(seg)
    run("verify", seg, "--source", source, says="no problem found")


def identity_removed_somehow(folder):
    """The standard wants to know how; a source that does not say gets a SEG that says so."""
    source, seg = make(folder / "removed", "--set", "PatientIdentityRemoved=YES"), folder / "removed.dcm"
    run("segment", source, "-m", MODEL, "-o", seg, says="does not state how identity was removed")
    assert pydicom.dcmread(seg).PatientIdentityRemoved == "YES"
    assert not errors_of(seg), errors_of(seg)
    run("verify", seg, "--source", source, says="no problem found")
    dataset = pydicom.dcmread(seg)
    del dataset.DeidentificationMethod
    dataset.save_as(seg)
    run("verify", seg, code=1, says="PatientIdentityRemoved is YES without DeidentificationMethod")


def several_patients(folder):
    def each(dataset, n):
        dataset.PatientID = f"SECRET{n // 4}"
    source = change(make(folder / "patients"), each)
    for words in (["info"], ["segment", "-m", MODEL, "-o", folder / "patients.dcm"]):
        said = run(*words, source, says="the files state different PatientIDs")
        assert "SECRET" not in said


def thick_and_thin(folder):
    """Each frame says the thickness of its own slice."""
    source = make(folder / "thick", "--set", "SliceThickness=5@7,8,9,10,11,12")
    seg = folder / "thick.dcm"
    run("segment", source, "-m", MODEL, "-o", seg, says="slice thickness differs, 1 to 5 mm")
    dataset = pydicom.dcmread(seg)
    assert "PixelMeasuresSequence" not in dataset.SharedFunctionalGroupsSequence[0]
    images = {d.SOPInstanceUID: d.SliceThickness for d in map(pydicom.dcmread, source.iterdir())}
    for frame in frames_of(dataset):
        uid = frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        assert frame.PixelMeasuresSequence[0].SliceThickness == images[uid]
    assert set(images.values()) == {1, 5}
    run("verify", seg, "--source", source, says="no problem found")


def long_descriptions(folder):
    """The description of the series keeps to 64 bytes, which dciodvfy counts; labels have the standard's 64
    characters."""
    source = make(folder / "long")
    labels = folder / "long.nii"
    run("segment", source, "-m", MODEL, "-o", labels)
    names = folder / "names.json"
    text = "щитовидная железа и паращитовидные железы"
    names.write_text(json.dumps({"segments": [{"number": n, "label": text} for n in (1, 2)]}))
    seg = folder / "long.dcm"
    run("convert", labels, "-o", seg, "--source", source, "--segments", names)
    dataset = pydicom.dcmread(seg)
    description = dataset.SeriesDescription
    assert len(description.encode()) <= 64 and description.endswith(" (research use)"), description
    assert description.startswith("ulite: щитовидная железа"), description
    assert dataset.SegmentSequence[0].SegmentLabel == text
    assert not [line for line in errors_of(seg) if "SeriesDescription" in line]


def notes_come_once(folder):
    source = make(folder / "dated", "--set", "StudyDate=20211", "--drop", "ContentDate", "--drop", "AcquisitionDate",
                  "--drop", "SeriesDate")
    said = run("segment", source, "-m", MODEL, "-o", folder / "dated.dcm", says="StudyDate: an invalid value")
    assert said.count("StudyDate: an invalid value") == 1, said


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        volumes_of_one_file(folder)
        another_pixel_spacing_is_named(folder)
        identities(folder)
        series_without_uid(folder)
        identity_removed_somehow(folder)
        several_patients(folder)
        thick_and_thin(folder)
        long_descriptions(folder)
        notes_come_once(folder)
    print("passed")


main()
