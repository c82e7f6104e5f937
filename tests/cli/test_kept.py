#!/usr/bin/python3
"""Outputs are never lost: killed runs, runs side by side, signals, limits, names in folders, finished models.

usage: test_kept.py ULITE MAKE_SERIES FIXTURES"""
import fcntl
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile

from skipping import need, needed_modules

with needed_modules():
    import nibabel
    import numpy

ULITE, MAKE_SERIES, FIXTURES = sys.argv[1:4]
HEAD = "/usr/share/mricron/templates/ch2.nii.gz"
AAL = "/usr/share/mricron/templates/aal.nii.gz"
need(HEAD, AAL)
os.chdir(tempfile.mkdtemp(prefix="ulite-test-"))


def ulite(*arguments, code=0, **options):
    done = subprocess.run([ULITE, *arguments], text=True, timeout=300, capture_output=True, **options)
    assert done.returncode == code, (arguments, done.returncode, done.stderr)
    return done


def segment(*arguments, model="slices", **options):
    return ulite("segment", *arguments, "-m", f"{FIXTURES}/{model}.safetensors", "--force", **options)


def hidden(folder):
    return sorted(name for name in os.listdir(folder) if name.startswith("."))


def started(*arguments, **options):
    """`ulite segment` once it reports its work."""
    command = [ULITE, "segment", *arguments, "-m", f"{FIXTURES}/slices.safetensors", "--force", "--progress", "always"]
    child = subprocess.Popen(command, stderr=subprocess.PIPE, **options)
    assert child.stderr.read1(16), "ended by itself"
    return child


def make():
    subprocess.run([MAKE_SERIES, HEAD, "-o", "series", "--box", "60:92,84:116,50:54", "--labels", f"{AAL}:37", "--truth", "truth"],
                   check=True)


def test_killed_run():
    """What it leaves bars no later run, and goes with the next one."""
    shutil.copytree("series", "killed")
    for _ in range(30):
        command = [ULITE, "segment", "killed", "-m", f"{FIXTURES}/slices.safetensors", "--force", "-q", "-o", "killed/o.dcm"]
        with subprocess.Popen(command) as child:
            while child.poll() is None and not hidden("killed"):
                pass
            child.kill()
        if hidden("killed"):
            break
    assert re.fullmatch(r"\.ulite-[0-9a-f]+-\d+\.o\.dcm", hidden("killed")[0]), hidden("killed")
    shutil.rmtree("killed/o.dcm", ignore_errors=True)
    assert "unreadable" not in ulite("info", "killed").stdout
    assert not hidden("killed")
    segment("killed", "-q", "-o", "again.dcm")


def test_runs_side_by_side():
    """A running one's file is passed over and left alone, also where nothing is in it yet."""
    shutil.copytree("series", "shared")
    with open("shared/.ulite-1-0.b.dcm", "wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        pathlib.Path("shared/.c0ffe-0.out.dcm").write_bytes(b"")  # as earlier versions called them
        segment("shared", "-q", "-o", "shared/a.dcm")
        assert hidden("shared") == [".c0ffe-0.out.dcm", ".ulite-1-0.b.dcm"], hidden("shared")
    os.remove("shared/a.dcm")
    segment("shared", "-q", "-o", "x.nii.gz")
    assert hidden("shared") == [".c0ffe-0.out.dcm"], hidden("shared")


def test_signals():
    subprocess.run([MAKE_SERIES, HEAD, "-o", "whole"], check=True)
    for number in (signal.SIGHUP, signal.SIGXCPU, signal.SIGTERM):
        os.mkdir("stopped")
        child = started("whole", "-o", "stopped/o.dcm", "-o", "stopped/o.nii.gz")
        child.send_signal(number)
        said = child.communicate(timeout=300)[1]
        assert child.returncode == 10, (number, child.returncode, said)
        assert os.listdir("stopped") == [], (number, os.listdir("stopped"))
        os.rmdir("stopped")
    child = started("series", "-o", "nohup.nii", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    child.send_signal(signal.SIGHUP)  # as nohup has it
    said = child.communicate(timeout=300)[1]
    assert child.returncode == 0, said


def test_limit_on_files():
    """As a full disk; the older file stays."""
    os.mkdir("one")
    shutil.copy(sorted(pathlib.Path("series").iterdir())[0], "one")
    for name, source, limit in (("o.dcm", "series", 512), ("o.nii.gz", "series", 64), ("o.nii", "series", 512),
                                ("o.png", "one", 16)):
        os.mkdir("limited")
        pathlib.Path("limited", name).write_text("old", encoding="ascii")
        said = segment(source, "-q", "-o", f"limited/{name}", code=7,
                       preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))).stderr
        assert said.count("\n") == 1 and f"limited/{name}: " in said and ".ulite-" not in said, said
        assert os.listdir("limited") == [name], os.listdir("limited")
        assert pathlib.Path("limited", name).read_text(encoding="ascii") == "old"
        shutil.rmtree("limited")


def test_one_fails_all_stay():
    """The second output cannot be written: the first is not replaced."""
    os.mkdir("both")
    pathlib.Path("both/a.nii").write_text("old", encoding="ascii")
    os.mkdir("both/b.json")
    segment("series", "-q", "-o", "both/a.nii", "--stats", "both/b.json", code=7)
    assert pathlib.Path("both/a.nii").read_text(encoding="ascii") == "old"
    assert sorted(os.listdir("both")) == ["a.nii", "b.json"]


def test_names_in_folders():
    """Another model, volume or input, another file; the same again, the same."""
    names = set()
    for count, arguments in enumerate([dict(model="slices"), dict(model="ct"), dict(model="neighbours")], 1):
        for _ in range(2):
            segment("series", "-q", "-o", "out/", **arguments)
            assert len(os.listdir("out")) == count, os.listdir("out")
        names |= set(os.listdir("out"))
    assert all(re.fullmatch(r"[0-9a-f]{16}-[\w-]+-[0-9a-f]{8}\.seg\.dcm", name) for name in names), names
    shutil.copy(f"{FIXTURES}/slices.safetensors", "same.safetensors")
    ulite("segment", "series", "--force", "-q", "-o", "out/", "-m", "same.safetensors")
    assert set(os.listdir("out")) == names
    for labels in ("truth_labels.nii.gz", "other.nii.gz"):
        shutil.copy("truth_labels.nii.gz", "other.nii.gz")
        ulite("convert", labels, "-q", "-o", "segs/", "--source", "series")
    assert len(os.listdir("segs")) == 2


def test_finished_model_stays():
    for ending in ("safetensors", "checkpoint", "csv", "svg", "split.json"):
        path = pathlib.Path(f"model.{ending}")
        path.write_text("old", encoding="ascii")
        said = ulite("train", "nothing", "-o", "model.safetensors", code=2).stderr
        assert f"{path}: " in said and "--overwrite" in said and "--resume" in said, said
        assert "nothing" in ulite("train", "nothing", "-o", "model.safetensors", "--overwrite", code=3).stderr
        assert path.read_text(encoding="ascii") == "old"
        path.unlink()


def test_what_was_done_is_said():
    said = segment("series", "-o", "s.dcm", "-o", "s.nii.gz", "--stats", "s.json").stderr
    assert "wrote s.dcm\nwrote s.nii.gz\nwrote s.json\n" in said, said
    for stats in json.loads(pathlib.Path("s.json").read_text(encoding="utf-8"))["segments"]:
        assert f"{stats['name']}: {stats['volume_ml']:.3g} mL\n" in said, said
    plain = segment("series", "-o", "s.dcm").stderr
    assert plain.splitlines()[-1] == said.splitlines()[-1]
    assert segment("series", "-o", "s.dcm", "-q").stderr == ""
    nibabel.save(nibabel.Nifti1Image(numpy.zeros((36, 50, 12), numpy.int16), numpy.eye(4)), "blank.nii")
    said = segment("blank.nii", "-o", "s.nii.gz").stderr
    assert "note: the result is empty" in said and "one: 0 mL\n" in said, said


def test_what_is_missing_is_said():
    def says(word, *arguments):
        said = ulite(*arguments, code=2).stderr
        assert word in said, said

    says("there is no -m", "segment", "series", "-o", "a.nii")
    says("there is no -o", "segment", "series", "-m", "x")
    says("there is no INPUT -m -o", "segment")


def test_failed_events():
    last = json.loads(segment("nothing", "-o", "a.nii", "--json", code=3).stdout.splitlines()[-1])
    assert last["event"] == "failed" and last["exit_code"] == 3 and "nothing" in last["text"], last
    last = json.loads(ulite("train", "nothing", "-o", "a.safetensors", "--json", code=3).stdout.splitlines()[-1])
    assert last["event"] == "failed" and last["exit_code"] == 3, last


def test_threads_change_no_byte():
    """Of a volume that is compressed in many pieces; one thread starts none."""
    subprocess.run([MAKE_SERIES, HEAD, "-o", "long", "--box", "0:181,0:217,0:60"], check=True)
    for threads in ("1", "3"):
        segment("long", "-q", "-o", f"t{threads}.nii.gz", "--threads", threads)
    assert pathlib.Path("t1.nii.gz").read_bytes() == pathlib.Path("t3.nii.gz").read_bytes()
    subprocess.run(["gzip", "-t", "t3.nii.gz"], check=True)
    assert nibabel.load("t3.nii.gz").shape == (181, 217, 60)


def test_verify_counts():
    ulite("convert", "truth_labels.nii.gz", "-q", "-o", "v.dcm", "--source", "series")
    assert ulite("verify", "v.dcm").stderr == "v.dcm: no problem found (1 segment, 4 frames)\n"


def test_split_is_named():
    subprocess.run([MAKE_SERIES, HEAD, "-o", "two/a", "--box", "60:92,84:116,50:54"], check=True)
    subprocess.run([MAKE_SERIES, HEAD, "-o", "two/b", "--box", "60:92,84:116,50:54", "--series-number", "7"], check=True)
    assert "--split" in ulite("convert", "two", "-o", "v.nii", code=4).stderr
    assert "--split" not in ulite("convert", "two", "-o", "v.nii", "--series", "99", code=4).stderr


make()
for name, test in sorted(globals().items()):
    if name.startswith("test_"):
        test()
        print("ok", name)
