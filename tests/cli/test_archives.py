"""Archives as INPUT of info, convert and segment: as what is in them, called by the archive's name, and gone after.

usage: test_archives.py ULITE MAKE_SERIES FIXTURES"""
import gzip
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile

from skipping import need

HEAD = "/usr/share/mricron/templates/ch2.nii.gz"
ULITE, MAKE, FIXTURES = sys.argv[1:4]
need(HEAD)
SCRATCH = tempfile.TemporaryDirectory(prefix="ulite-test-")
os.chdir(SCRATCH.name)
os.makedirs("tmp")
ENVIRONMENT = dict(os.environ, TMPDIR=os.path.abspath("tmp"))


def run(*arguments, code=0):
    done = subprocess.run([ULITE, *arguments], capture_output=True, text=True, env=ENVIRONMENT, timeout=120)
    said = done.stdout + done.stderr
    assert done.returncode == code, f"{arguments}: exit {done.returncode}: {said}"
    assert not os.listdir("tmp"), f"{arguments}: leaves {os.listdir('tmp')}"
    assert "tmp/" not in said and "unpacked/" not in said, f"{arguments}: names the folder: {said}"
    return done


def content(path):
    with open(path, "rb") as stream:
        return stream.read()


def make(folder, *options):
    subprocess.run([MAKE, HEAD, "-o", folder, "--box", "60:92,84:116,50:58", *options], check=True, capture_output=True)


def pack(name, folder):
    """All files of a folder, in folders named after a patient."""
    files = sorted(os.path.join(place, file) for place, _, files in os.walk(folder) for file in files)
    if name.endswith(".zip"):
        with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in files:
                archive.write(file, "Doe^Jane/" + os.path.relpath(file, folder))
    else:
        with tarfile.open(name, "w:gz" if name.endswith("gz") else "w") as archive:
            for file in files:
                archive.add(file, "./Doe^Jane/" + os.path.relpath(file, folder))


def test_series():
    make("study/a", "--modality", "CT", "--rescale", "1,-1024")
    make("study/b", "--series-number", "2", "--times", "2")
    model = f"{FIXTURES}/ct.safetensors"
    run("convert", "study", "--series", "1", "-o", "plain.nii.gz")
    run("convert", "study", "--series", "2", "--all", "-o", "times.nii.gz")
    run("segment", "study/a", "-m", model, "-o", "plain.dcm", "--force")
    table = run("info", "study").stdout
    for name in ("s.zip", "s.tar", "s.tar.gz", "s.tgz", "nameless"):
        if name == "nameless":  # its content counts
            shutil.copy("s.zip", name)
        else:
            pack(name, "study")
        assert run("info", name).stdout == table
        run("convert", name, "--series", "1", "-o", "packed.nii.gz")
        assert content("packed.nii.gz") == content("plain.nii.gz"), name
        run("convert", name, "--series", "2", "--all", "-o", "packed.nii.gz")
        assert content("packed.nii.gz") == content("times.nii.gz"), name
        run("segment", name, "--series", "1", "-m", model, "-o", "packed.dcm", "--force")
        assert content("packed.dcm") == content("plain.dcm"), name
    assert "--all" in run("convert", "s.zip", "-o", "none.nii", code=4).stderr
    pack("a.zip", "study/a")  # several inputs, one of them an archive
    run("segment", "a.zip", "study/b", "--series", "1", "-m", model, "-o", "packed.dcm", "--force")
    assert content("packed.dcm") == content("plain.dcm")


def test_one_file():
    """A file alone is read as it is; names that come of it do not depend on where it was unpacked."""
    with zipfile.ZipFile("image.zip", "w") as archive:
        archive.write("plain.nii.gz", "deep/image.nii.gz")
    run("convert", "image.zip", "-o", "image.nrrd")
    run("convert", "plain.nii.gz", "-o", "plain.nrrd")
    assert content("image.nrrd") == content("plain.nrrd")
    assert json.loads(run("info", "image.zip", "--json").stdout)["kind"] == "nifti"
    for _ in range(2):
        run("segment", "image.zip", "-m", f"{FIXTURES}/ct.safetensors", "-o", "named/", "--force")
    assert len(os.listdir("named")) == 1, os.listdir("named")
    with zipfile.ZipFile("seg.zip", "w") as archive:
        archive.write("plain.dcm", "x.seg.dcm")
    assert "DICOM Segmentation" in run("info", "seg.zip").stdout
    for _ in range(2):
        run("convert", "seg.zip", "-o", "labels/")
    assert len(os.listdir("labels")) == 1, os.listdir("labels")


def test_names():
    """Messages and JSON name what is unreadable as ARCHIVE/member, without the folders in it."""
    shutil.copytree("study/a", "broken")
    first = sorted(os.listdir("broken"))[0]
    os.truncate(f"broken/{first}", 700)
    pack("broken.zip", "broken")
    assert f"broken.zip/.../{first}" in run("info", "broken.zip").stdout
    faults = json.loads(run("info", "broken.zip", "--json").stdout)["unreadable"]
    assert [fault["path"] for fault in faults] == [f"broken.zip/.../{first}"], faults
    assert f"broken.zip/.../{first}" in run("convert", "broken.zip", "-o", "none.nii", code=3).stderr
    events = run("segment", "broken.zip", "-m", f"{FIXTURES}/ct.safetensors", "-o", "none.nii", "--json", code=3).stdout
    assert f"broken.zip/.../{first}" in json.loads(events.splitlines()[-1])["text"], events
    with zipfile.ZipFile("bad.zip", "w") as archive:
        archive.writestr("deep/image.nii", content("plain.nii.gz")[:20])
    assert "bad.zip/deep/image.nii" in run("convert", "bad.zip", "-o", "none.nrrd", code=3).stderr


def test_refused():
    before = set(os.listdir(".")) | {"escape.tar", "cut.zip", "empty.zip", "image.dcm.gz", "w.nii.gz", "none.nii"}
    with tarfile.open("escape.tar", "w") as archive:
        member = tarfile.TarInfo("../escaped.dcm")
        member.size = 4
        archive.addfile(member, io.BytesIO(b"DICM"))
    assert "refused" in run("convert", "escape.tar", "-o", "none.nii", code=3).stderr
    with open("cut.zip", "wb") as stream:
        stream.write(content("s.zip")[:3000])
    assert "cut.zip: cannot be unpacked" in run("info", "cut.zip", code=3).stderr
    zipfile.ZipFile("empty.zip", "w").close()
    for command in (("info",), ("convert", "-o", "none.nii"), ("segment", "-m", f"{FIXTURES}/ct.safetensors", "-o", "none.nii")):
        run(command[0], "empty.zip", *command[1:], code=3)
    with gzip.open("image.dcm.gz", "wb") as stream:
        stream.write(content(f"study/a/{sorted(os.listdir('study/a'))[0]}"))
    assert "gzipped" in run("info", "image.dcm.gz", code=3).stderr
    shutil.copy("image.zip", "w.nii.gz")  # an archive is no output of its own
    assert "is read" in run("convert", "w.nii.gz", "-o", "w.nii.gz", code=2).stderr
    assert "is read" in run("segment", "w.nii.gz", "-m", f"{FIXTURES}/ct.safetensors", "-o", "w.nii.gz", "--force", code=2).stderr
    assert content("w.nii.gz") == content("image.zip")
    # a folder that cannot be made is named with what to do
    done = subprocess.run([ULITE, "info", "s.zip"], capture_output=True, text=True, env=dict(os.environ, TMPDIR="/nowhere"))
    assert done.returncode == 7 and "TMPDIR" in done.stderr, done
    assert set(os.listdir(".")) <= before and not os.path.exists("none.nii"), set(os.listdir(".")) - before


def test_interrupted():
    """Ctrl-C while it unpacks leaves nothing."""
    with zipfile.ZipFile("large.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("large.dcm", "w", force_zip64=True) as stream:
            for _ in range(1024):
                stream.write(bytes(1 << 20))
    child = subprocess.Popen([ULITE, "info", "large.zip"], env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
    while not os.listdir("tmp"):
        time.sleep(0.001)
    child.send_signal(signal.SIGINT)
    said = child.communicate(timeout=120)[1]
    assert child.returncode == 10 and "interrupted" in said, (child.returncode, said)
    assert not os.listdir("tmp")


for name, test in list(globals().items()):
    if name.startswith("test_"):
        test()
        print(name, flush=True)
