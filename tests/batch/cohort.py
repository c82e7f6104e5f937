"""A cohort of small studies of random values, written by pydicom, and ulite run on it."""
import json
import os
import random
import subprocess
import uuid

from skipping import needed_modules

with needed_modules():
    import pydicom
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

SLICES, SIDE = 2, 48


def uid(*parts):
    return "2.25." + str(uuid.uuid5(uuid.NAMESPACE_OID, "/".join(map(str, parts))).int)


def write_series(folder, study, number, modality="MR", slices=SLICES):
    os.makedirs(folder, exist_ok=True)
    dice = random.Random(f"{study} {number}")
    for k in range(slices):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = MRImageStorage
        meta.MediaStorageSOPInstanceUID = uid(study, number, k)
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        name = f"{folder}/{number}-{k}.dcm"
        d = FileDataset(name, {}, file_meta=meta, preamble=b"\0" * 128)
        d.SOPClassUID, d.SOPInstanceUID = MRImageStorage, uid(study, number, k)
        d.StudyInstanceUID, d.SeriesInstanceUID = uid(study), uid(study, number)
        d.FrameOfReferenceUID = uid(study, "frame")
        d.PatientName, d.PatientID = "Doe^Secret", "secret-id"
        d.PatientBirthDate = d.PatientSex = d.StudyDate = d.StudyTime = d.StudyID = ""
        d.AccessionNumber = d.ReferringPhysicianName = ""
        d.Modality, d.SeriesNumber, d.InstanceNumber = modality, number, k + 1
        d.SeriesDescription = f"scan {number}"
        d.ImagePositionPatient, d.ImageOrientationPatient = [0, 0, 2 * k], [1, 0, 0, 0, 1, 0]
        d.PixelSpacing, d.SliceThickness = [1, 1], 2
        d.Rows = d.Columns = SIDE
        d.SamplesPerPixel, d.PhotometricInterpretation = 1, "MONOCHROME2"
        d.BitsAllocated = d.BitsStored = 16
        d.HighBit, d.PixelRepresentation = 15, 0
        d.PixelData = dice.randbytes(2 * SIDE * SIDE)
        d.save_as(name, write_like_original=False)


def make(folder, good, broken=1, unfit=1, ambiguous=1):
    """Studies in folders that are named after patients. Returns the folders of each kind."""
    kinds = {"good": [], "broken": [], "unfit": [], "ambiguous": []}
    counts = {"good": good, "broken": broken, "unfit": unfit, "ambiguous": ambiguous}
    for kind, count in counts.items():
        for n in range(count):
            place = f"{folder}/Secret_{kind}_{n}"
            study = f"{folder} {kind} {n}"
            write_series(f"{place}/a", study, 1, "MR" if kind == "unfit" else "CT")
            if kind != "broken":  # a second series, which the model is not made for
                write_series(f"{place}/b", study, 2, "CT" if kind == "ambiguous" else "MR")
            else:
                for name in os.listdir(f"{place}/a"):
                    os.truncate(f"{place}/a/{name}", 300)
            kinds[kind].append(place)
    return kinds


def run(program, *arguments, code=0, env=None):
    done = subprocess.run([program, *arguments], capture_output=True, text=True,
                          env={**os.environ, **(env or {})})
    assert done.returncode == code, (arguments, done.returncode, done.stderr[-2000:])
    assert "Secret" not in done.stderr, done.stderr
    return done


def lines(path, whole=False):
    """The lines of a log; whole: but one without its end."""
    with open(path) as stream:
        return [json.loads(line) for line in stream if not whole or line.endswith("\n")]


def timeless(path):
    """The lines of a log but what differs between two runs of one case."""
    return [{k: v for k, v in line.items() if k not in ("seconds", "peak_mib")} for line in lines(path)]


def content(folder):
    """The outputs of a batch by name, and its table; not its logs."""
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            if not name.startswith("runs."):
                with open(f"{place}/{name}", "rb") as stream:
                    found[os.path.relpath(f"{place}/{name}", folder)] = stream.read()
    return found
