#!/usr/bin/python3
"""Outputs: never an input or another output; convert --json tells them; stdout that cannot be written is told; lines stay lines.

usage: test_outputs.py ULITE MAKE_SERIES FIXTURES"""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from skipping import need

ULITE, MAKE_SERIES, FIXTURES = sys.argv[1:4]
HEAD = "/usr/share/mricron/templates/ch2.nii.gz"
AAL = "/usr/share/mricron/templates/aal.nii.gz"
IMAGE = "series/S01IM0001.dcm"
need(HEAD, AAL)
os.chdir(tempfile.mkdtemp(prefix="ulite-test-"))


def ulite(*arguments, code=0, **options):
    done = subprocess.run([ULITE, *arguments], text=True, timeout=120, stderr=subprocess.PIPE,
                          **{"stdout": subprocess.PIPE, **options})
    assert done.returncode == code, (arguments, done.returncode, done.stderr)
    return done


def segment(*arguments, **options):
    return ulite("segment", *arguments, "-m", "model.safetensors", "--force", **options)


def digests():
    return {path: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in pathlib.Path(".").rglob("*") if path.is_file()}


def refused(command, word, *arguments):
    before = digests()
    said = command(*arguments, code=2).stderr
    assert word in said, (arguments, said)
    assert digests() == before, arguments


def make():
    subprocess.run([MAKE_SERIES, HEAD, "-o", "series", "--box", "60:92,84:116,50:54", "--labels", f"{AAL}:37",
                    "--truth", "truth"],
                   check=True)
    shutil.copy(f"{FIXTURES}/slices.safetensors", "model.safetensors")
    ulite("convert", "series", "-q", "-o", "volume.nii.gz")
    ulite("convert", "truth_labels.nii.gz", "-q", "-o", "seg.dcm", "--source", "series")
    os.symlink(IMAGE, "link.dcm")
    os.symlink("volume.nii.gz", "link.nii.gz")
    os.symlink("series", "also")


def test_no_output_is_an_input():
    for output in ("volume.nii.gz", "./volume.nii.gz", "link.nii.gz"):
        refused(segment, output, "volume.nii.gz", "-o", output)
    for output in (IMAGE, "link.dcm", "also/S01IM0003.dcm"):
        refused(segment, output, "series", "-o", output)
        refused(segment, output, "volume.nii.gz", "-o", output, "--source", "series")
        refused(ulite, output, "convert", "seg.dcm", "-o", output, "--source", "series")
        refused(ulite, output, "convert", "truth_labels.nii.gz", "-o", output, "--source", "series")
    refused(ulite, "seg.dcm", "convert", "seg.dcm", "-o", "seg.dcm", "--source", "series")
    shutil.copy("model.safetensors", "model.nii")
    refused(ulite, "model.nii", "segment", "series", "--force", "-m", "model.nii", "-o", "model.nii")
    shutil.copytree("series", "odd")
    os.rename("odd/S01IM0001.dcm", "odd/image.nii")
    refused(ulite, "image.nii", "convert", "odd", "-o", "odd/image.nii")
    ulite("convert", "seg.dcm", "-q", "-o", "x.nii", "--names", "names.json")
    refused(ulite, "model.safetensors", "export", "model.safetensors", "-o", "model.safetensors")
    refused(ulite, "x.nii", "eval", "x.nii", "x.nii", "--csv", "x.nii")
    for option in ("--plan", "--from", "--splits"):
        refused(ulite, "names.json", "train", "series", option, "names.json", "-o", "names.json")


def test_no_output_is_another():
    refused(segment, "o.nii", "series", "-o", "o.nii", "-o", "./o.nii")
    refused(segment, "two outputs", "series", "-o", "odd/", "-o", "also/../odd/")
    refused(segment, "o.json", "series", "-o", "o.nii", "--stats", "o.json", "--report", "o.json")


def test_endings():
    for option, name in (("--stats", "s.txt"), ("--report", "r.csv"), ("--preview", "x.dcm"), ("--html", "x.png"),
                         ("--sc", "x.png"), ("--preview", IMAGE)):
        refused(segment, f'{option} takes a name in', "series", "-o", "o.nii", option, name)
    refused(ulite, "--names takes", "convert", "seg.dcm", "-o", "o.nii", "--names", "seg.dcm")


def test_older_outputs_are_replaced():
    """Though they lie among the inputs: nothing is made of them."""
    for _ in range(2):
        segment("series", "-q", "-o", "series/", "-o", "series/labels.nii", "--stats", "series/stats.json")
        ulite("convert", "truth_labels.nii.gz", "-q", "-o", "series/truth.dcm", "--source", "series")


def test_convert_reports():
    def report(*arguments):
        said = json.loads(ulite("convert", *arguments, "--json", "-q").stdout)
        assert set(said) == {"version", "outputs", "notes"} and all(os.path.exists(o["path"]) for o in said["outputs"]), said
        return said

    one = {"path": "v.nii", "size": [32, 32, 4], "spacing_mm": [1, 1, 1]}
    assert report("series", "-o", "v.nii") == {"outputs": [one], "notes": [], "version": 1}
    said = report("truth_labels.nii.gz", "-o", "v.dcm", "--source", "series")
    segment = said["outputs"][0].pop("segments")
    assert said["outputs"] == [{**one, "path": "v.dcm"}] and "named by their numbers" in said["notes"][0], said
    for options in ([], ["--split"]):
        output, = report("v.dcm", "-o", "v.nii", *options)["outputs"]
        assert output["segments"] == segment and len(segment) == 1, output


def test_training_and_evaluation():
    pathlib.Path("data/images").mkdir(parents=True)
    pathlib.Path("data/labels").mkdir()
    for case in range(4):
        shutil.copy("truth_labels.nii.gz", f"data/images/c{case}.nii.gz")
        shutil.copy("truth_labels.nii.gz", f"data/labels/c{case}.nii.gz")
    splits = {"train": ["c0", "c1"], "val": ["c2"], "test": ["c3"]}
    pathlib.Path("m.split.json").write_text(json.dumps(splits), encoding="ascii")
    pathlib.Path("m.csv").write_text("{}", encoding="ascii")
    for word, arguments in (("in .safetensors", ["-o", "data/images/c0.nii.gz"]),
                            ("m.split.json", ["-o", "m.safetensors", "--splits", "m.split.json"]),
                            ("m.csv", ["-o", "m.safetensors", "--plan", "m.csv"])):
        refused(ulite, word, "train", "data", "--epochs", "1", *arguments)
    refused(ulite, "in .csv", "eval", "data/labels", "data/labels", "--csv", "data/labels/c0.nii.gz")


def test_stdout_cannot_be_written():
    ulite("convert", "truth_labels.nii.gz", "-q", "-o", "labels.dcm", "--source", "series")
    for arguments in (["--help"], ["help", "info"], ["--version"], ["models", "--json"], ["info", "series"],
                      ["info", "series", "--json"], ["verify", "labels.dcm", "--json"], ["bench", "--slices", "1"],
                      ["eval", "truth_labels.nii.gz", "truth_labels.nii.gz", "--json"]):
        with open("/dev/full", "w", encoding="ascii") as full:
            said = ulite(*arguments, code=7, stdout=full).stderr
        assert said.splitlines()[-1].startswith("ulite: stdout cannot be written (No space left on device)"), said
        assert ulite(*arguments, stdout=subprocess.DEVNULL).returncode == 0


def test_reader_goes_away():
    """The outputs are complete all the same, older ones replaced, and nothing hidden is left."""
    os.mkdir("piped")
    outputs = ["-o", "piped/a.nii", "-o", "piped/b.dcm", "--stats", "piped/c.json", "--report", "piped/d.json"]
    for _ in range(2):
        reading, writing = os.pipe()
        os.close(reading)
        said = segment("series", *outputs, "-q", "--json", code=7, stdout=writing).stderr
        os.close(writing)
        assert said.startswith("ulite: stdout cannot be written (Broken pipe)") and said.count("\n") == 1, said
        assert sorted(os.listdir("piped")) == ["a.nii", "b.dcm", "c.json", "d.json"], os.listdir("piped")


def test_names_cannot_break_lines():
    for name in ("two\nlines.nii", "bell\a\x1b[31m.nii"):
        shown = name.replace("\n", "\\n").replace("\a", "\\x07").replace("\x1b", "\\x1b")
        for arguments in (["info", name], ["convert", name, "-o", "x.dcm"], [name]):
            said = ulite(*arguments, code=2 if arguments[0] != "info" else 3).stderr
            assert said.count("\n") == 1 and (shown in said or arguments[0] == "convert"), said
    os.mkdir("broken")
    with open("broken/a\nb", "wb") as stream:
        stream.write(pathlib.Path(IMAGE).read_bytes()[:700])
    shutil.copy(IMAGE, "broken/c")
    assert "unreadable: broken/a\\nb: " in ulite("info", "broken").stdout


make()
for name, test in sorted(globals().items()):
    if name.startswith("test_"):
        test()
        print("ok", name)
