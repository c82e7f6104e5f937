"""The bundled models, by name: both hippocampi of a real head, as scripts/demo.sh segments them; a picture each.

usage: test_bundled.py ULITE MAKE_SERIES"""
import csv
import json
import os
import subprocess
import sys
import tempfile

from skipping import need

TEMPLATES = "/usr/share/mricron/templates"
ULITE, MAKE_SERIES = sys.argv[1:3]
need(f"{TEMPLATES}/aal.nii.gz", f"{TEMPLATES}/ch2.nii.gz")
os.chdir(tempfile.mkdtemp(prefix="ulite-test-"))


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_hippocampus():
    for label in ("37", "38"):
        atlas = f"{TEMPLATES}/aal.nii.gz:{label}"
        run(MAKE_SERIES, f"{TEMPLATES}/ch2.nii.gz", "-o", f"series{label}", "--around", atlas, "--extent", "36,50,36",
            "--labels", atlas, "--truth", "atlas")
        run(ULITE, "segment", f"series{label}", "-m", "hippocampus", "-o", "h.dcm", "-o", "h.nii.gz", "--stats", "h.csv",
            "--preview", "h.png")
        run(ULITE, "verify", "h.dcm", "--source", f"series{label}")
        with open("h.dcm", "rb") as seg:
            assert b"U-Lite hippocampus" in seg.read(), "the SEG does not name its algorithm"
        with open("h.csv", encoding="utf-8") as stream:
            volumes = [float(row["volume_ml"]) for row in csv.DictReader(stream)]
        assert len(volumes) == 2 and all(1.5 < v < 2.7 for v in volumes), volumes
        scores = json.loads(run(ULITE, "eval", "h.nii.gz", "atlas_labels.nii.gz", "--merge", "--json"))
        dice = scores["summary"][0]["dice"]["mean"]
        assert dice > 0.55, dice  # the atlas draws the hippocampus more widely


def test_whole_head_is_refused():
    done = subprocess.run([ULITE, "segment", f"{TEMPLATES}/ch2.nii.gz", "-m", "hippocampus", "-o", "x.nii.gz"],
                          capture_output=True, text=True)
    assert done.returncode == 6 and "20" in done.stderr and "80" in done.stderr, done


for name, test in sorted(globals().items()):
    if name.startswith("test_"):
        test()
        print("ok", name)
