#!/usr/bin/python3
"""Out of memory at any point: exit 8, one line, no output left. And the memory of one slice.

usage: test_memory.py ULITE MAKE_SERIES FIXTURES"""
import os
import re
import resource
import subprocess
import sys
import tempfile

from skipping import need

ULITE, MAKE_SERIES, FIXTURES = sys.argv[1:4]
HEAD = "/usr/share/mricron/templates/ch2.nii.gz"
AAL = "/usr/share/mricron/templates/aal.nii.gz"
MIB = 1 << 20
need(HEAD, AAL)
os.chdir(tempfile.mkdtemp(prefix="ulite-test-"))
os.mkdir("out")


def limited(mib, *arguments):
    return subprocess.run([ULITE, *arguments], capture_output=True, text=True, timeout=120,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (mib * MIB, mib * MIB)))


def least_to_start():
    """Address space that the program itself takes, its libraries among it."""
    return next(mib for mib in range(16, 512, 2) if limited(mib, "--version").returncode == 0)


def test_sweep():
    """More and more memory, until it is enough."""
    start = least_to_start()
    for target, arguments in (
            ("labels.nii", ["segment", HEAD, "-m", f"{FIXTURES}/slices.safetensors", "--force", "--threads", "1"]),
            ("volume.nii.gz", ["convert", "series"]),
            ("labels.dcm", ["convert", "truth_labels.nii.gz", "--source", "series"])):
        refused = 0
        for mib in range(start, start + 400):
            done = limited(mib, *arguments, "-q", "-o", f"out/{target}")
            where = (arguments[0], target, mib, done.returncode, done.stderr)
            if done.returncode == 0:
                break
            assert done.returncode == 8 and "memory" in done.stderr and not done.stdout, where
            assert len(done.stderr.splitlines()) == 1, where
            assert not os.listdir("out"), where
            refused += 1
        assert done.returncode == 0 and refused > 0 and os.listdir("out") == [target], where
        os.remove(f"out/{target}")
        print(f"{target}: refused {refused} times, done with {mib} MiB, {start} to start")


def test_too_large():
    for arguments in (["--size", "16384x16384"], ["--size", "64x64", "--slices", "60000"]):
        done = limited(600, "bench", "--threads", "1", *arguments)
        assert done.returncode == 8 and "memory" in done.stderr and len(done.stderr.splitlines()) == 1, done
        assert re.search("16384 x 16384|60000", done.stderr), done.stderr


def test_one_slice():
    """The whole process for one 512x512 slice of the paper's network, 1 thread: under 90 MiB."""
    done = subprocess.run([ULITE, "bench", "--size", "512x512", "--threads", "1", "--seconds", "0.01", "--debug"],
                          check=True, capture_output=True, text=True)
    peak = int(re.search(r"peak memory (\d+) MiB", done.stderr)[1])
    assert 42 < peak < 90, peak
    print(f"peak {peak} MiB")


subprocess.run([MAKE_SERIES, HEAD, "-o", "series", "--box", "20:148,20:148,40:70",
                "--labels", f"{AAL}:37", "--truth", "truth"], check=True)
for name, test in sorted(globals().items()):
    if name.startswith("test_"):
        test()
        print("ok", name)
