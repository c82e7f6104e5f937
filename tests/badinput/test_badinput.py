#!/usr/bin/python3
"""Bad input, through the program: the documented exit code, one line that names the file and the
reason, no output left behind, nothing of the patient said.

usage: test_badinput.py convert|segment MAKE_SERIES ULITE MODEL"""
import os
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from skipping import need

HEAD = "/usr/share/mricron/templates/ch2.nii.gz"
BOX = ["--box", "60:100,80:120,50:58"]
# what ulite-make-series writes into every header about the patient and the visit
SECRETS = ["Gwendolyn", "Generated", "PID-4711", "19610203", "A4711", "Referrer", "Rita", "20200229"]


class Bench:
    def __init__(self, command, make_series, ulite, model, scratch):
        self.make_series, self.ulite = make_series, ulite
        self.command = ["convert"] if command == "convert" else ["segment", "-m", model, "--force"]
        self.endings = [".nii", ".nii.gz"] + ([".dcm"] if command == "segment" else [])
        self.scratch, self.runs = scratch, 0

    def series(self, name, *options):
        folder = os.path.join(self.scratch, name)
        subprocess.run([self.make_series, HEAD, "-o", folder, *BOX, *options], check=True)
        return folder

    def target(self, ending):
        """A new, empty folder for outputs, and a file name in it."""
        self.runs += 1
        folder = os.path.join(self.scratch, f"out{self.runs}")
        os.mkdir(folder)
        return folder, os.path.join(folder, "result" + ending)

    def fails(self, what, arguments, status, words, left=None, **options):
        """Runs ulite, which must fail with the status and one line that holds all words, and leave
        the folder `left` empty."""
        done = subprocess.run([self.ulite, *arguments], capture_output=True, text=True,
                              timeout=120, **options)
        said = "".join(line for line in done.stderr.splitlines(True)
                       if not line.startswith(("note: fixture", "note: doubtful"))).strip()  # an untrained model's
        assert done.returncode == status, (
            f"{what}: exit {done.returncode}, expected {status}: {said}")
        check_said(what, said, done.stdout, words)
        if left:
            assert os.listdir(left) == [], f"{what}: left {os.listdir(left)}"


def check_said(what, said, output, words):
    assert len(said.splitlines()) == 1, f"{what}: not one line: {said!r}"
    for word in words:
        assert word in said, f"{what}: says nothing of {word!r}: {said}"
    for secret in SECRETS:
        assert secret not in said + output, f"{what}: names the patient: {said}"


def bad_series(bench):
    """Faults in one file of a series, or in all."""
    cases = {  # name: options, exit code, words
        "truncated": (["--truncate", "3000@3"], 3, ["S01IM0003.dcm"]),
        "header_cut": (["--truncate", "700@3"], 3, ["S01IM0003.dcm"]),
        "rows": (["--set", "Rows=100"], 3, ["S01IM000", "100"]),
        "columns": (["--set", "Columns=20"], 3, ["S01IM000"]),
        "short_pixels": (["--cut-pixels", "100@5"], 3, ["S01IM0005.dcm"]),
        "no_position": (["--drop", "ImagePositionPatient@4"], 3,
                        ["S01IM0004.dcm", "ImagePositionPatient"]),
        "position_of_two": (["--set", "ImagePositionPatient=-50\\-40"], 3, ["S01IM0", "ImagePositionPatient"]),
        "position_junk": (["--set", "ImagePositionPatient=-50\\-40\\5x"], 3, ["S01IM0", "ImagePositionPatient"]),
        "orientation_of_five": (["--set", "ImageOrientationPatient=1\\0\\0\\0\\1"], 3,
                                ["S01IM0", "ImageOrientationPatient"]),
        "slope_text": (["--set", "RescaleSlope=abc"], 3, ["S01IM0", "RescaleSlope"]),
        "slope_nan": (["--set", "RescaleSlope=nan"], 3, ["S01IM0", "RescaleSlope"]),
        "intercept_text": (["--set", "RescaleIntercept=x"], 3, ["S01IM0", "RescaleIntercept"]),
        "no_pixels": (["--drop", "PixelData@2"], 3, ["S01IM0002.dcm", "no pixel data"]),
        "clash": (["--clash", "3"], 5, ["S01IM000"]),
        "short_rle": (["--syntax", "rle", "--truncate", "1500@3"], 3, ["S01IM0003.dcm"]),
        "short_jpeg": (["--syntax", "jpeg-lossless", "--truncate", "1500@3"], 3,
                       ["S01IM0003.dcm"]),
        "short_frames": (["--multi-frame", "--cut-pixels", "4000"], 3, ["S01IM0001.dcm"]),
    }
    for name, (options, status, words) in cases.items():
        folder = bench.series(name, *options)
        left, out = bench.target(bench.endings[-1])
        bench.fails(name, [*bench.command, folder, "-o", out], status, words, left)


def bad_sizes(bench):
    """Rows and Columns that differ from those of the compressed picture, which an encoder knows."""
    for syntax in ("rle", "jpeg-extended", "jpeg-lossless", "jpegls", "jpeg2000"):
        folder = bench.series(f"size_{syntax}", "--syntax", syntax)
        files = {path: path.read_bytes() for path in Path(folder).iterdir()}
        for element, size in ((0x10, 20), (0x10, 80), (0x11, 20), (0x11, 80)):  # Rows and Columns, both 40
            head = struct.pack("<HH2sH", 0x28, element, b"US", 2)
            for path, content in files.items():
                assert head + struct.pack("<H", 40) in content
                path.write_bytes(content.replace(head + struct.pack("<H", 40), head + struct.pack("<H", size)))
            left, out = bench.target(bench.endings[-1])
            bench.fails(f"{syntax}, {size}", [*bench.command, folder, "-o", out], 3,
                        ["S01IM000", str(size), "pixels"], left)


def bad_sources(bench):
    """Faults of the images that labels are to be placed on; a compression that nobody decodes is none."""
    good = bench.series("source")
    labels, seg = (os.path.join(bench.scratch, name) for name in ("labels.nii.gz", "labels.dcm"))

    def convert(*arguments):
        subprocess.run([bench.ulite, "convert", "-q", *arguments], check=True)

    convert(good, "-o", labels)
    convert(labels, "-o", seg, "--source", good)
    cases = {"source_no_position": (["--drop", "ImagePositionPatient@4"], 3, ["S01IM0004.dcm", "ImagePositionPatient"]),
             "source_clash": (["--clash", "3"], 5, ["S01IM000"])}
    for name, (options, status, words) in cases.items():
        folder = bench.series(name, *options)
        for given, ending in ((labels, ".dcm"), (seg, ".nii.gz")):
            left, out = bench.target(ending)
            bench.fails(name, ["convert", "-q", given, "-o", out, "--source", folder], status, words, left)
    unknown = bench.series("source_unknown", "--syntax", "jpeg-lossless")
    for path in Path(unknown).iterdir():
        path.write_bytes(path.read_bytes().replace(b"1.2.840.10008.1.2.4.57", b"1.2.840.10008.1.2.4.94"))
    convert(labels, "-o", os.path.join(bench.scratch, "unknown.dcm"), "--source", unknown)
    convert(os.path.join(bench.scratch, "unknown.dcm"), "-o", bench.target(".nii.gz")[1], "--source", unknown)
    bench.fails("images", ["convert", unknown, "-o", bench.target(".nii.gz")[1]], 9, ["JPIP"])


def folders_of_patients(bench):
    """Folders that the search went through stay out of messages, unless --debug asks for them."""
    below = os.path.join("export", "DOE^JANE", "series")
    bench.series(below, "--truncate", "3000@3")
    export = os.path.join(bench.scratch, "export")
    for command in ([*bench.command, export, "-o", bench.target(bench.endings[-1])[1]], ["info", export]):
        for debug, name in (([], "export/.../S01IM0003.dcm"), (["--debug"], "export/DOE^JANE/series/S01IM0003.dcm")):
            done = subprocess.run([bench.ulite, *command, *debug], capture_output=True, text=True, check=False)
            said = done.stdout + done.stderr
            assert name in said and ("DOE" in said) == bool(debug), said


def bad_files(bench):
    empty = os.path.join(bench.scratch, "empty.dcm")
    open(empty, "wb").close()
    nothing = os.path.join(bench.scratch, "no_dicom")
    os.mkdir(nothing)
    with open(os.path.join(nothing, "notes.txt"), "w", encoding="utf-8") as file:
        file.write("not an image\n" * 100)
    left, out = bench.target(".nii.gz")
    for path, word in ((empty, "empty.dcm"), (nothing, "no_dicom"), (nothing + "/none", "none")):
        bench.fails(path, [*bench.command, path, "-o", out], 3, [word], left)
        bench.fails(path, ["info", path], 3, [word])


def bad_targets(bench):
    folder = bench.series("good")
    in_the_way = os.path.join(bench.scratch, "a_file")
    open(in_the_way, "wb").close()
    for ending in bench.endings:
        out = os.path.join(in_the_way, "below" + ending)
        bench.fails("a path below a file", [*bench.command, folder, "-o", out], 7,
                    ["below" + ending])


def small_files():
    """In the child: no file may grow past 512 bytes, as if the disk were full."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512))


def full_disk(bench):
    folder = bench.series("for_full_disk")
    for ending in bench.endings:
        left, out = bench.target(ending)
        bench.fails(f"full disk, {ending}", [*bench.command, folder, "-o", out], 7,
                    ["result" + ending], left, preexec_fn=small_files)


def interrupt(bench):
    """Ctrl-C as soon as the work is under way: the progress bar tells when."""
    folder = bench.series("long", "--size", "512,512,60")
    left, out = bench.target(bench.endings[-1])
    with subprocess.Popen([bench.ulite, *bench.command, folder, "-o", out, "--progress", "always"],
                          stderr=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        first = child.stderr.read(1)
        child.send_signal(signal.SIGINT)
        said = (first + child.stderr.read()).decode()
        child.wait(timeout=60)
    assert child.returncode == 10, f"Ctrl-C: exit {child.returncode}: {said[-200:]}"
    last = [line for line in said.replace("\r", "\n").splitlines() if line.strip()][-1]
    check_said("Ctrl-C", last, "", ["interrupted"])
    assert os.listdir(left) == [], f"Ctrl-C: left {os.listdir(left)}"


def main():
    need(HEAD)
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(*sys.argv[1:5], scratch)
        for part in (bad_series, bad_sizes, bad_sources, folders_of_patients, bad_files, bad_targets, full_disk, interrupt):
            start = time.monotonic()
            part(bench)
            print(f"{part.__name__}: {time.monotonic() - start:.1f} s")


main()
