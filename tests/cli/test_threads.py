#!/usr/bin/python3
"""--threads 1 starts no thread; where the system starts none, all work is done all the same.

usage: test_threads.py ULITE MAKE_SERIES FIXTURES NO_THREADS"""
import json
import os
import subprocess
import sys
import tempfile

from skipping import need

ULITE, MAKE_SERIES, FIXTURES, NO_THREADS = sys.argv[1:5]
HEAD = "/usr/share/mricron/templates/ch2.nii.gz"
MASK = "/usr/share/mricron/templates/ch2bet.nii.gz"
WANTED = "thread wanted\n"
need(HEAD, MASK)
os.chdir(tempfile.mkdtemp(prefix="ulite-test-"))


def run(*arguments, preload=None):
    environment = {**os.environ, "OMP_STACKSIZE": "64k"}  # was another library's affair
    environment.pop("OMP_NUM_THREADS", None)
    if preload:
        environment["LD_PRELOAD"] = preload
    done = subprocess.run([ULITE, *arguments, "-q"], capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, (arguments, done.returncode, done.stderr[-500:])
    return done.stderr


def read(path):
    with open(path, "rb") as file:
        return file.read()


def test_segment():
    for card in ("slices", "planes"):
        plain = ["segment", "case1/image", "-m", f"{FIXTURES}/{card}.safetensors", "--force"]
        run(*plain, "-o", "plain.dcm", "--threads", "2")
        assert run(*plain, "-o", "alone.dcm", "--threads", "1", preload=NO_THREADS) == ""
        assert WANTED in run(*plain, "-o", "refused.dcm", "--threads", "4", preload=NO_THREADS)
        assert read("plain.dcm") == read("alone.dcm") == read("refused.dcm")


def test_train():
    for n in (1, 2, 3):
        os.makedirs("data/images", exist_ok=True)
        os.makedirs("data/labels", exist_ok=True)
        os.symlink(f"../../case{n}/image", f"data/images/case{n}")
        os.symlink(f"../../case{n}/truth_labels.nii.gz", f"data/labels/case{n}.nii.gz")
    with open("data/splits.json", "w", encoding="utf-8") as file:
        json.dump({"train": ["case1"], "val": ["case2"], "test": ["case3"]}, file)
    with open("plan.json", "w", encoding="utf-8") as file:
        json.dump({"training": {"steps": 2, "batch": 2, "patch_width": 32, "patch_height": 32}}, file)
    plain = ["train", "data", "--plan", "plan.json", "--epochs", "1"]
    for folder in ("plain", "alone", "refused"):
        os.mkdir(folder)  # a model is called as its file
    run(*plain, "-o", "plain/m.safetensors", "--threads", "2")
    assert run(*plain, "-o", "alone/m.safetensors", "--threads", "1", preload=NO_THREADS) == ""
    assert WANTED in run(*plain, "-o", "refused/m.safetensors", "--threads", "4", preload=NO_THREADS)
    assert read("plain/m.safetensors") == read("alone/m.safetensors") == read("refused/m.safetensors")


def test_others():
    """Commands that take as many threads as there are processors, and get none."""
    run("info", "case1/image", preload=NO_THREADS)
    run("convert", "case1/image", "-o", "series.nii.gz", preload=NO_THREADS)
    run("convert", "case1/truth_labels.nii.gz", "-o", "labels.dcm", "--source", "case1/image", preload=NO_THREADS)
    run("verify", "labels.dcm", "--source", "case1/image", preload=NO_THREADS)
    assert run("bench", "--threads", "1", "--seconds", "0.01", "--size", "64x64", preload=NO_THREADS) == ""
    assert WANTED in run("bench", "--threads", "2", "--seconds", "0.01", "--size", "64x64", preload=NO_THREADS)


for case in (1, 2, 3):
    os.mkdir(f"case{case}")
    subprocess.run([MAKE_SERIES, HEAD, "-o", f"case{case}/image", "--box", f"40:104,60:124,{20 + 20 * case}:{28 + 20 * case}",
                    "--labels", f"{MASK}:any", "--truth", f"case{case}/truth"], check=True)
for name, test in sorted(globals().items()):
    if name.startswith("test_"):
        test()
        print("ok", name)
