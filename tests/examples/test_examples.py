"""The programs of examples/: what the library writes is what the program writes.
usage: test_examples.py ULITE MAKE_SERIES FIXTURES EXAMPLES SOURCES PYTHON"""
import filecmp
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import pydicom

from skipping import need

TEMPLATES = "/usr/share/mricron/templates"
ULITE, MAKE_SERIES, FIXTURES, EXAMPLES, SOURCES, PYTHON = sys.argv[1:7]
need(f"{TEMPLATES}/aal.nii.gz", f"{TEMPLATES}/ch2.nii.gz")
MODELS = f"{os.path.dirname(SOURCES)}/models"
os.chdir(tempfile.mkdtemp(prefix="ulite-test-"))


def run(*command, code=0):
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": PYTHON})
    assert done.returncode == code, (command, done.returncode, done.stderr)
    return done.stdout + done.stderr


def series(folder, *options):
    run(MAKE_SERIES, f"{TEMPLATES}/ch2.nii.gz", "-o", folder, *options)


def same_outputs(folder, model, wanted_in_seg):
    """The program, the C example and the Python example write the same bytes."""
    run(ULITE, "segment", folder, "-m", model, "-o", "program.dcm", "-o", "program.nii.gz")
    run(f"{EXAMPLES}/segment_series", folder, model, "c.dcm")
    said = run("/usr/bin/python3", f"{SOURCES}/segment.py", folder, model, "python.dcm", "python.nii.gz")
    for ours in "c.dcm", "python.dcm", "python.nii.gz":
        assert filecmp.cmp(ours, "program." + ours.partition(".")[2], shallow=False), (folder, ours)
    with open("c.dcm", "rb") as seg:
        assert wanted_in_seg in seg.read(), wanted_in_seg
    return said


HIPPOCAMPUS = f"{MODELS}/hippocampus/hippocampus.safetensors"
AROUND = "--around", f"{TEMPLATES}/aal.nii.gz:37"


def test_segment_series():
    series("crop", *AROUND, "--extent", "36,50,36")
    said = same_outputs("crop", HIPPOCAMPUS, b"U-Lite hippocampus")
    assert re.search(r"^Anterior hippocampus: \d+\.?\d* mL$", said, re.M), said


def test_doubts_are_described():
    series("cut", *AROUND, "--extent", "20,30,20")
    same_outputs("cut", HIPPOCAMPUS, b"Doubtful: ")


def test_localiser():
    """In a head the model's localiser finds its part."""
    series("head", "--box", "0:181,0:217,20:90", "--spacing", "2", "--step", "2")
    said = same_outputs("head", HIPPOCAMPUS, b"U-Lite hippocampus")
    assert "Left anterior hippocampus: " in said and "Right posterior hippocampus: " in said, said


def test_choice_and_untrained_note():
    """The series is chosen by the card; the note of an untrained model is in the SEG."""
    box = "--box", "40:104,60:124,60:72"
    series("mixed/mr", *box, "--study", "mixed", "--series-number", "3")
    series("mixed/ct", *box, "--study", "mixed", "--series-number", "7", "--modality", "CT")
    same_outputs("mixed", f"{FIXTURES}/ct.safetensors", b"Untrained model, for tests only.")
    said = run(f"{EXAMPLES}/segment_series", "mixed", f"{FIXTURES}/slices.safetensors", "no.dcm", code=4)
    assert said == "2 of 2 volumes fit the model and nothing was chosen\n", said
    said = run(f"{EXAMPLES}/segment_series", "mixed/mr", f"{FIXTURES}/ct.safetensors", "no.dcm", code=6)
    assert "the modality is MR, the model was made for CT" in said, said
    assert not os.path.exists("no.dcm")


def test_grey_in_colour():
    """Greys that are stored as RGB with equal channels are grey; colours are refused."""
    series("colour", "--box", "40:104,60:124,60:64", "--photometric", "RGB")
    slices = f"{FIXTURES}/slices.safetensors"
    said = run(f"{EXAMPLES}/segment_series", "colour", slices, "no.dcm", code=6)
    assert "the image is in colour, the model takes grey images" in said, said
    for path in pathlib.Path("colour").iterdir():
        image = pydicom.dcmread(path)
        image.PixelData = b"".join(3 * image.PixelData[n:n + 1] for n in range(0, len(image.PixelData), 3))
        image.save_as(path)
    same_outputs("colour", slices, b"Untrained")


def test_read_seg():
    said = run(f"{EXAMPLES}/read_seg", "program.dcm", "colour")
    told = run(ULITE, "segment", "colour", "-m", f"{FIXTURES}/slices.safetensors", "-o", "again.dcm", "--stats", "s.csv")
    assert told and said.count(" voxels, ") == len(open("s.csv", encoding="utf-8").readlines()) - 1, said


def test_train_step():
    said = run(f"{EXAMPLES}/train_step", "disc.safetensors")
    last, first = map(float, re.match(r"loss (\S+) after 60 steps, (\S+) before", said).groups())
    assert last < first / 4, said
    assert "disc" in run(ULITE, "export", "disc.safetensors", "-o", "disc.onnx")


for name, test in list(globals().items()):
    if name.startswith("test_"):
        print(name, flush=True)
        test()
