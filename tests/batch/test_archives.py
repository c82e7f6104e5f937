"""`ulite batch` on archives: a case each, equal to the same files in a folder; hostile ones are refused and leave nothing.

usage: test_archives.py ULITE FIXTURES"""
import io
import json
import os
import sys
import tarfile
import tempfile
import zipfile

import cohort
import schemas
from cohort import content, lines
from skipping import needed_modules

with needed_modules():
    import nibabel
    import numpy

ULITE, FIXTURES = sys.argv[1:3]
MODEL = f"{FIXTURES}/ct.safetensors"
SCRATCH = tempfile.TemporaryDirectory(prefix="ulite-test-")
os.chdir(SCRATCH.name)


def batch(*arguments, code=0):
    return cohort.run(ULITE, "batch", *arguments, "-m", MODEL, code=code)


def add_tree(archive, folder, prefix=""):
    add = archive.write if isinstance(archive, zipfile.ZipFile) else archive.add
    for place, _, names in os.walk(folder):
        for name in names:
            add(f"{place}/{name}", prefix + os.path.relpath(f"{place}/{name}", folder))


def add_member(archive, name, kind=tarfile.REGTYPE, link="", data=b"DICM"):
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.size = kind, link, len(data) if kind == tarfile.REGTYPE else 0
    archive.addfile(member, io.BytesIO(data))


def make_good():
    """Of each kind of archive one with a study; one with several; one with a NIfTI file."""
    cohort.make("more", 2, 1, 0, 1)
    good = cohort.make("studies", 5, 1, 0, 1)["good"]
    os.mkdir("in")
    for n, (name, mode) in enumerate((("b.tar", "w"), ("c.tar.gz", "w:gz"), ("d.tgz", "w:gz"), ("e.tar.bz2", "w:bz2"))):
        with tarfile.open(f"in/{name}", mode) as archive:
            add_tree(archive, good[n + 1], "./x/")
    with zipfile.ZipFile("in/a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        add_tree(archive, good[0])
    with zipfile.ZipFile("in/f.zip", "w", zipfile.ZIP_STORED) as archive:
        add_tree(archive, "more")
    values = numpy.random.default_rng(1).integers(-1000, 1000, (48, 48, 4)).astype("int16")
    nibabel.save(nibabel.Nifti1Image(values, numpy.diag([1, 1, 2, 1])), "image.nii.gz")
    with zipfile.ZipFile("in/g.zip", "w") as archive:
        archive.write("image.nii.gz", "deep/image.nii.gz")


def test_good():
    make_good()
    batch("in", "-o", "out", code=1)
    runs = lines("out/runs.jsonl")
    assert [os.path.basename(run["input"])[0] for run in runs] == list("abcdeffffg")
    assert [run["exit_code"] for run in runs[:5]] == [0] * 5 and runs[9]["exit_code"] == 0, runs
    batch("studies", "more", "-o", "folders", code=1)
    archived, plain = content("out"), content("folders")
    single = cohort.run(ULITE, "segment", "image.nii.gz", "-m", MODEL, "-o", "image-labels.nii.gz")
    nifti = [name for name in archived if name.endswith(".nii.gz")]
    assert len(nifti) == 1 and nifti[0].startswith("g-"), archived.keys()
    with open("image-labels.nii.gz", "rb") as stream:
        assert archived[nifti[0]] == stream.read(), single.stderr
    written = [run["output"] for run in runs[:9] if run["output"]]
    assert len(written) == 7 and set(written) == set(plain) & set(archived) - {"volumes.csv"}
    assert all(archived[name] == plain[name] for name in written)


def keep(condition):
    """Leaves of the log the lines that are meant."""
    with open("out/runs.jsonl") as stream:
        kept = [line for line in stream if condition(json.loads(line))]
    with open("out/runs.jsonl", "w") as stream:
        stream.writelines(kept)


def test_several():
    """Each study in an archive is a case, with a line of its own, and is run once."""
    runs = lines("out/runs.jsonl")
    for run in runs:
        schemas.check("run", run)
    parts = [run for run in runs if "parts" in run]
    assert [run["number"] for run in parts] == [6] * 4 and {run["parts"] for run in parts} == {4}
    assert len({run["archive"] for run in parts}) == 1 and len({run["case"] for run in parts}) == 4
    assert sorted(run["exit_code"] for run in parts) == [0, 0, 3, 4], parts
    broken = next(run for run in parts if run["exit_code"] == 3)
    assert broken["reason"].startswith("in/f.zip/.../"), broken["reason"]
    before = cohort.timeless("out/runs.jsonl"), content("out")
    said = batch("in", "-o", "out", code=1).stderr
    assert "10 cases were run before: 8 done, 2 failed" in said and "8 of 10 cases done" in said, said
    assert (cohort.timeless("out/runs.jsonl"), content("out")) == before
    for arguments in (["--retry", "failed"], ["--overwrite"]):
        batch("in", "-o", "out", *arguments, code=1)
        assert (cohort.timeless("out/runs.jsonl"), content("out")) == before, arguments
    # what was not reached before a kill is run, and nothing else
    lost = next(run for run in parts if run["output"])
    keep(lambda run: run["case"] != lost["case"])
    os.remove("out/" + lost["output"])
    batch("in", "-o", "out", code=1)
    assert (cohort.timeless("out/runs.jsonl"), content("out")) == before
    # as one case it failed: its studies take that line's place
    whole = dict(parts[0], case=parts[0]["archive"], status="failed", exit_code=4, output="", reason="several")
    del whole["archive"], whole["parts"]
    keep(lambda run: "parts" not in run)
    with open("out/runs.jsonl", "a") as stream:
        stream.write(json.dumps(whole, separators=(",", ":")) + "\n")
    batch("in", "-o", "out", "--retry", "failed", code=1)
    assert (cohort.timeless("out/runs.jsonl"), content("out")) == before
    # in shards, merged
    for shard in "123":
        batch("in", "-o", "shards", "--shard", f"{shard}/3", code=1 if shard == "3" else 0)
    cohort.run(ULITE, "batch", "--merge", "shards")
    assert cohort.timeless("shards/runs.jsonl") == before[0]
    said = batch("in", "-o", "shards", "--shard", "3/3", code=1).stderr
    assert "5 cases were run before" in said, said


def make_hostile():
    """Archives by name, each of which is refused, or holds nothing that could be read."""
    os.mkdir("hostile")
    members = {
        "parent": [("../escaped.dcm",)],
        "absolute": [(os.path.abspath("escaped.dcm"),)],
        "within": [("a/../../escaped.dcm",)],
        "link": [("way", tarfile.SYMTYPE, ".."), ("way/escaped.dcm",)],
        "far": [("way", tarfile.SYMTYPE, os.path.abspath(".")), ("way/escaped.dcm",)],
        "hard": [("twin.dcm", tarfile.LNKTYPE, os.path.abspath("image.nii.gz")), ("twin.dcm",)],
        "twice": [("one.dcm",), ("one.dcm",)],
        "under": [("one.dcm",), ("one.dcm/two.dcm",)],
        "devices": [("pipe", tarfile.FIFOTYPE), ("null", tarfile.CHRTYPE), ("one.dcm",)],
        "deep": [("a/" * 40 + "one.dcm",)],
        "long": [("a" * 300 + ".dcm",)],
        "empty": [],
        "folders": [("a", tarfile.DIRTYPE)],
    }
    for name, entries in members.items():
        with tarfile.open(f"hostile/{name}.tar", "w") as archive:
            for entry in entries:
                add_member(archive, *entry)
    with zipfile.ZipFile("hostile/parent.zip", "w") as archive:
        archive.writestr("../escaped.dcm", b"DICM")
    with zipfile.ZipFile("hostile/names.zip", "w") as archive:
        archive.writestr("b\n\x1b[31m\u00fc.dcm", b"DICM")
    with open("in/a.zip", "rb") as stream:
        whole = stream.read()
    for name, size in (("cut.zip", len(whole) // 2), ("start.zip", 100), ("nothing.zip", 0)):
        with open(f"hostile/{name}", "wb") as stream:
            stream.write(whole[:size])
    broken = bytearray(whole)
    broken[len(whole) // 2] ^= 255  # a checksum is wrong
    with open("hostile/flipped.zip", "wb") as stream:
        stream.write(broken)
    return len(members) + 6


def test_hostile():
    before = set(os.listdir(".")) | {"hostile", "refused"}
    count = make_hostile()
    done = batch("hostile", "-o", "refused", code=1)
    runs = lines("refused/runs.jsonl")
    assert len(runs) == count and all(run["exit_code"] == 3 for run in runs), runs
    assert set(os.listdir(".")) == before and os.path.getsize("image.nii.gz") > 1000
    assert sorted(os.listdir("refused")) == ["runs.jsonl", "volumes.csv"]
    assert "\x1b" not in done.stderr
    for run in runs:
        name = os.path.basename(run["input"])
        print(name, run["reason"].split(": ", 1)[1], sep=": ", flush=True)


def test_leftover():
    """What a killed run left of an archive is gone after the next."""
    os.makedirs("out2/.ulite-unpacked/x")
    with open("out2/.ulite-unpacked/x/1.dcm", "w") as stream:
        stream.write("old")
    batch("in/a.zip", "-o", "out2")
    assert sorted(os.listdir("out2"))[1:] == ["runs.jsonl", "volumes.csv"] and len(os.listdir("out2")) == 3


for name, test in list(globals().items()):
    if name.startswith("test_"):
        test()
        print(name, flush=True)
