#!/usr/bin/python3
"""test_sr.py ULITE MAKE_SERIES FIXTURES: structured reports, told by dsrdump, judged by dciodvfy, and compared with the
volumes that nibabel counts by pydicom."""
import json
import pathlib
import subprocess
import tempfile

from forms import FIXTURES, HEAD, ULITE, check, make, nibabel, numpy, run
from skipping import has, need, needed_modules

with needed_modules():
    import pydicom


def named(item):
    return item.ConceptNameCodeSequence[0].CodeMeaning if "ConceptNameCodeSequence" in item else ""


def groups_of(report):
    """Of each measurement group what it says, by the meaning of its concepts."""
    measurements = next(i for i in report.ContentSequence if named(i) == "Imaging Measurements")
    for group in measurements.ContentSequence:
        said = {}
        for item in group.ContentSequence:
            name = named(item)
            if item.ValueType == "NUM":
                modifier = [named(i) + i.ConceptCodeSequence[0].CodeMeaning for i in item.get("ContentSequence", [])]
                value = item.MeasuredValueSequence[0]
                said[name + "".join(modifier)] = (float(value.NumericValue),
                                                  value.MeasurementUnitsCodeSequence[0].CodeValue)
            elif item.ValueType == "IMAGE":
                said[name] = item.ReferencedSOPSequence[0]
            else:
                said[name] = item
        yield said


def reports_tell_the_volumes(folder):
    for name, options, types in (("ct", ["--modality", "CT", "--rescale", "1,-1024"], []), ("mr", [], []),
                                 ("oblique", ["--rotate", "10,20,30"], ["--type", "labelmap"])):
        series = make(folder / name, *options)
        seg, sr, nifti = (folder / f"{name}.{ending}" for ending in ("dcm", "sr.dcm", "nii.gz"))
        command = ("segment", series, "-m", FIXTURES / "axial.safetensors", "--force", *types)
        done = subprocess.run([str(w) for w in (ULITE, *command, "-o", sr, "-o", seg, "-o", nifti)],
                              capture_output=True, text=True, check=False)
        check(done.returncode == 0 and "W:" not in done.stderr, f"{name}: {done.stderr}")
        run("convert", series, "-o", folder / f"{name}_image.nii.gz")
        labels, image = nibabel.load(nifti), nibabel.load(folder / f"{name}_image.nii.gz").get_fdata()
        values = numpy.asarray(labels.dataobj)
        voxel_ml = abs(numpy.linalg.det(labels.affine[:3, :3])) / 1000
        report, source = pydicom.dcmread(sr), pydicom.dcmread(seg)
        groups = list(groups_of(report))
        check(len(groups) == len(source.SegmentSequence) - (types != []), f"{name}: {len(groups)} groups")
        for said in groups:
            segment = said["Referenced Segment"]
            check(segment.ReferencedSOPInstanceUID == source.SOPInstanceUID, f"{name}: the SEG")
            number = segment.ReferencedSegmentNumber
            label = next(s.SegmentLabel for s in source.SegmentSequence if s.SegmentNumber == number)
            check(said["Tracking Identifier"].TextValue == label, f"{name}: {said['Tracking Identifier'].TextValue}")
            inside = values == number
            volume, unit = said["Volume"]
            check(unit == "cm3" and abs(volume - inside.sum() * voxel_ml) < 1e-4 * volume, f"{name}: {volume} {unit}")
            prefix = "Attenuation Coefficient" if name == "ct" else "MR signal intensity"
            check(abs(said[prefix + "DerivationMean"][0] - image[inside].mean()) < 1e-3, f"{name}: mean {said}")
            check(abs(said[prefix + "DerivationStandard Deviation"][0] - image[inside].std()) < 1e-3, f"{name}: sd {said}")
        check(report.PatientID == source.PatientID and report.StudyInstanceUID == source.StudyInstanceUID, "the patient")
        if has("dciodvfy"):
            said = subprocess.run(["dciodvfy", "-new", str(sr)], capture_output=True, text=True, check=False).stderr
            faults = [line for line in said.splitlines() if line.startswith("Error") and not (types and "not segmentation" in line)]
            check(not faults, f"{name}: dciodvfy says {faults}")  # it does not know the class of LABELMAP
        if not types and has("dsrdump"):
            said = run(sr, program="dsrdump")
            check(said.count('"Measurement Group"') == len(groups) and "Imaging Measurement Report" in said, said)
        again = folder / "again.sr.dcm"
        run(*command, "-o", seg, "-o", again)
        check(again.read_bytes() == sr.read_bytes(), f"{name}: the same run gives other bytes")
    run(*command, "-o", folder / "alone.sr.dcm", code=2, says="that it reports on")


def figures_of(path):
    return [{key: value for key, value in said.items() if isinstance(value, tuple)} for said in groups_of(pydicom.dcmread(path))]


def conversions_tell_the_same(folder):
    """A SEG as INPUT, and labels that become a SEG, have the report that `ulite segment` writes of them."""
    series = make(folder / "converted", "--modality", "CT", "--rescale", "1,-1024")
    wanted, seg, labels, of_seg, made, of_made = (folder / name for name in (
        "w.sr.dcm", "w.dcm", "w.nii.gz", "s.sr.dcm", "m.dcm", "m.sr.dcm"))
    run("segment", series, "-m", FIXTURES / "axial.safetensors", "--force", "-o", seg, "-o", wanted, "-o", labels)
    run("convert", seg, "-o", of_seg, "--source", series)
    run("convert", labels, "-o", of_made, "-o", made, "--source", series)
    check(figures_of(wanted) and figures_of(of_seg) == figures_of(wanted) == figures_of(of_made), "other figures")
    for report, on in ((of_seg, seg), (of_made, made)):
        uid = pydicom.dcmread(on).SOPInstanceUID
        check(all(s["Referenced Segment"].ReferencedSOPInstanceUID == uid for s in groups_of(pydicom.dcmread(report))), "the SEG")
    run("convert", labels, "-o", folder / "x.sr.dcm", "--source", series, code=2, says="is on a DICOM Segmentation")
    run("convert", labels, "-o", folder / "x.rtstruct.dcm", "-o", folder / "x.sr.dcm", "--source", series, code=2,
        says="is on a DICOM Segmentation")
    run("convert", seg, "-o", folder / "x.sr.dcm", code=2, says="--source")
    run("convert", seg, "-o", seg.with_name("w.sr.dcm"), "--source", series)
    check(not (folder / "x.sr.dcm").exists(), "written all the same")


def cohorts_have_reports(folder):
    """`ulite batch --format dcm,sr,nii.gz --sc`: what `ulite segment` writes, beside each other."""
    series = make(folder / "case")
    model = FIXTURES / "axial.safetensors"
    run("batch", series, "-m", model, "--force", "-o", folder / "out", "--format", "dcm,sr,nii.gz", "--sc", "--name", "c")
    run("segment", series, "-m", model, "--force", "-o", folder / "c.dcm", "-o", folder / "c.sr.dcm", "-o", folder / "c.nii.gz",
        "--sc", folder / "c.sc.dcm")
    for name in ("c.sr.dcm", "c.nii.gz", "c.sc.dcm"):
        check((folder / "out" / name).read_bytes() == (folder / name).read_bytes(), f"{name}: other bytes than those of segment")
    with open(folder / "out/runs.jsonl", encoding="utf-8") as stream:
        line = json.loads(stream.read())
    check((line["output"], line["beside"]) == ("c.seg.dcm", ["c.sr.dcm", "c.nii.gz", "c.sc.dcm"]), f"{line}")
    for wrong in ("sr", "dcm,", "dcm,x", ""):
        run("batch", series, "-m", model, "-o", folder / "out2", "--format", wrong, code=2, says="--format")


need(HEAD)
with tempfile.TemporaryDirectory() as temporary:
    reports_tell_the_volumes(pathlib.Path(temporary))
    conversions_tell_the_same(pathlib.Path(temporary))
    cohorts_have_reports(pathlib.Path(temporary))
print("reports tell the volumes to dsrdump, dciodvfy and pydicom")
