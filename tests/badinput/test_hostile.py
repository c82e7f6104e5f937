#!/usr/bin/python3
"""Hostile files, through the program: whatever opens one refuses it in one line that names it, with
the documented exit code and without much memory.

usage: test_hostile.py MAKE_SERIES ULITE MODEL"""
import os
import subprocess
import sys
import tempfile

HEAD = "/usr/share/mricron/templates/ch2.nii.gz"


class Bench:
    def __init__(self, make_series, ulite, model, scratch):
        self.make_series, self.ulite, self.model, self.scratch = make_series, ulite, model, scratch

    def path(self, name):
        return os.path.join(self.scratch, name)

    def series(self, name, *options):
        subprocess.run([self.make_series, HEAD, "-o", self.path(name), "--box", "60:100,80:120,50:54", *options],
                       check=True)
        return self.path(name)

    def run(self, *arguments):
        subprocess.run([self.ulite, *arguments], check=True, capture_output=True)

    def refused(self, name, arguments, status, words):
        done = subprocess.run([self.ulite, *arguments], capture_output=True, text=True, timeout=120)
        said = "\n".join(line for line in done.stderr.splitlines() if not line.startswith("note: fixture"))
        what = f"ulite {' '.join(arguments)}: exit {done.returncode}: {said!r}"
        assert done.returncode == status, f"{what}, expected {status}"
        assert len(said.splitlines()) == 1 and name in said, f"{what}: not one line that names {name}"
        for word in words:
            assert word in said, f"{what}: says nothing of {word!r}"


def nested_sequences(bench):
    """A SEG of sequences in each other, deeper than a reader by recursion has stack for."""
    source = bench.series("source")
    bench.run("convert", source, "-o", bench.path("image.nii"))
    bench.run("segment", source, "-m", bench.model, "--force", "-o", bench.path("seg.dcm"))
    bench.run("convert", bench.path("seg.dcm"), "-o", bench.path("labels.nii"))
    with open(bench.path("seg.dcm"), "rb") as file:
        whole = file.read()
    pixels = whole.rindex(b"\xe0\x7f\x10\x00OB")
    level = b"\x70\x70\x10\x10SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    for depth in (8000, 20000):
        name = f"nested{depth}.dcm"
        with open(bench.path(name), "wb") as file:
            file.write(whole[:pixels] + depth * level + whole[pixels:])
        for arguments in (["info", bench.path(name)], ["verify", bench.path(name)],
                          ["convert", bench.path(name), "-o", bench.path("out.nii")],
                          ["convert", bench.path(name), "-o", bench.path("out.nii"), "--source", source],
                          ["eval", bench.path(name), bench.path("labels.nii")],
                          ["eval", bench.path("labels.nii"), bench.path(name)],
                          ["segment", bench.path(name), "-m", bench.model, "-o", bench.path("out.nii")]):
            bench.refused(name, arguments, 3, ["nested too deeply"])


def main():
    make_series, ulite, model = sys.argv[1:]
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(make_series, ulite, model, scratch)
        nested_sequences(bench)


main()
