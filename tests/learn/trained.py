"""Runs `ulite train` on one thread and looks into what it wrote.

usage of the tests: test_*.py ULITE MAKE_SERIES [TEST...]"""
import json
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time

from datasets import numpy, run

ULITE, MAKE_SERIES = sys.argv[1:3]


def train(data, output, *options, **expected):
    return run(ULITE, "train", data, "-o", output, "--threads", "1", *options, **expected)


def interrupt(data, output, *options, after=""):
    """Trains until, after a text, the progress bar shows training, then Ctrl-C; what was said at the end."""
    command = [ULITE, "train", data, "-o", output, "--threads", "1", "--progress", "always", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as child:
        said = b""
        while not re.search(re.escape(after).encode() + rb"(?s:.*)training +\[[.#]+\] [0-9]+/", said):
            piece = child.stderr.read1(256)
            assert piece, f"ended by itself: {said[-300:]}"
            said += piece
        child.send_signal(signal.SIGINT)
        said += child.stderr.read()
    assert child.returncode == 10, (child.returncode, said[-300:])
    last = said.decode().replace("\r", "\n").strip().splitlines()[-1]
    assert re.search(r"interrupted (in step \d+ of \d+|while validating)", last), last
    return last


def content(path):
    with open(path, "rb") as file:
        return file.read()


def metadata(path):
    with open(path, "rb") as file:
        length, = struct.unpack("<Q", file.read(8))
        return json.loads(file.read(length))["__metadata__"]


def card_of(path):
    return json.loads(metadata(path)["ulite"])


def tensor(path, name):
    data = content(path)
    length, = struct.unpack("<Q", data[:8])
    start, end = json.loads(data[8:8 + length])[name]["data_offsets"]
    return numpy.frombuffer(data[8 + length + start:8 + length + end], "<f4")


def run_tests(tests):
    """Runs the functions named test_*, or those named in the arguments, each with a folder of its own."""
    for name, test in tests.items():
        if name.startswith("test_") and (len(sys.argv) < 4 or name in sys.argv[3:]):
            start = time.monotonic()
            with tempfile.TemporaryDirectory() as folder:
                test(folder)
            print(f"{name}: {time.monotonic() - start:.1f} s")
