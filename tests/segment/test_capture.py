"""--sc writes the picture of --preview as a Secondary Capture of the source's study, judged by dciodvfy, pydicom and DCMTK.

usage: test_capture.py ULITE FIXTURES MAKE_SERIES"""
import glob
import os
import subprocess
import sys
import tempfile

from skipping import need, needed_modules

with needed_modules():
    import numpy
    import pydicom
    from PIL import Image

HEAD = "/usr/share/mricron/templates/ch2.nii.gz"
ULITE, FIXTURES, MAKE_SERIES = sys.argv[1:4]
need(HEAD, "dciodvfy", "dcm2pnm")
os.chdir(tempfile.mkdtemp(prefix="ulite-test-"))


def segment(source, *options, code=0):
    command = [ULITE, "segment", source, "-m", f"{FIXTURES}/axial.safetensors", "-o", "l.nii.gz", *options]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == code, (command, done.returncode, done.stderr)
    return done.stderr


subprocess.run([MAKE_SERIES, HEAD, "-o", "series", "--box", "60:108,60:130,40:60"], check=True)
segment("series", "--sc", "a.dcm", "--preview", "a.png", "-q")
capture, source = pydicom.dcmread("a.dcm"), pydicom.dcmread(glob.glob("series/*")[0])
drawn = numpy.asarray(Image.open("a.png"))
assert numpy.array_equal(capture.pixel_array, drawn)
subprocess.run(["dcm2pnm", "a.dcm", "b.ppm"], check=True)
assert numpy.array_equal(numpy.asarray(Image.open("b.ppm")), drawn)
verdict = subprocess.run(["dciodvfy", "a.dcm"], capture_output=True, text=True)
assert verdict.returncode == 0 and "Error" not in verdict.stderr and "SCImage" in verdict.stderr, verdict.stderr
for same in ("PatientName", "PatientID", "PatientBirthDate", "StudyInstanceUID", "AccessionNumber", "StudyDate"):
    assert capture[same].value == source[same].value, same
assert capture.SeriesInstanceUID != source.SeriesInstanceUID and capture.Modality == "OT"
referenced = {item.ReferencedSOPInstanceUID for item in capture.SourceImageSequence}
assert referenced == {pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID for path in glob.glob("series/*")}
print("ok object")

segment("series", "--sc", "c.dcm", "-q")
with open("a.dcm", "rb") as one, open("c.dcm", "rb") as other:
    assert one.read() == other.read()
segment("series", "--sc", "d.dcm", "-q", "--random-uids")
assert pydicom.dcmread("d.dcm").SOPInstanceUID != capture.SOPInstanceUID
print("ok UIDs")

assert "--source" in segment(HEAD, "--roi", "60:108,60:130,40:60", "--sc", "n.dcm", code=2)
subprocess.run([ULITE, "convert", "series", "-o", "n.nii.gz", "-q"], check=True)
segment("n.nii.gz", "--source", "series", "--sc", "n.dcm", "-q")
assert pydicom.dcmread("n.dcm").StudyInstanceUID == source.StudyInstanceUID
assert ".dcm" in segment("series", "--sc", "n.png", code=2)
print("ok sources")
