#!/usr/bin/python3
"""test_sr.py ULITE MAKE_SERIES FIXTURES: structured reports, told by dsrdump, judged by dciodvfy, and compared with the
volumes that nibabel counts by pydicom."""
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
    run("convert", seg, "-o", folder / "x.sr.dcm", "--source", series, code=2, says="beside its .dcm")


need(HEAD)
with tempfile.TemporaryDirectory() as temporary:
    reports_tell_the_volumes(pathlib.Path(temporary))
print("reports tell the volumes to dsrdump, dciodvfy and pydicom")
