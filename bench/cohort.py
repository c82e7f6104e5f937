#!/usr/bin/python3
"""What `ulite batch` costs beside segmenting: processor time for each of many small studies, and two processes
side by side, a shard each, against one with two threads. Prints tables for docs/cohorts.md."""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../tests", f"{HERE}/../tests/batch"]

import cohort  # noqa: E402


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", metavar="BUILD_FOLDER", help="(default: build/release)",
                        default=os.path.join(HERE, "..", "build", "release"))
    parser.add_argument("--studies", type=int, default=200, help="of two series of two slices of 48x48 (default: 200)")
    parser.add_argument("--rounds", type=int, default=5, help="the medians are printed (default: 5)")
    return parser.parse_args()


ARGUMENTS = parse_arguments()
BUILD = os.path.abspath(ARGUMENTS.build)


def run(*shards, threads):
    """Seconds of the clock and of the processors, of batches side by side."""
    shutil.rmtree("out", ignore_errors=True)
    start = time.monotonic()
    children = [subprocess.Popen([f"{BUILD}/bin/ulite", "batch", "in", "-m", f"{BUILD}/fixtures/ct.safetensors",
                                  "-o", "out", "--threads", str(threads), "-q", *shard]) for shard in shards]
    processor = 0
    for child in children:
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            sys.exit(f"cohort.py: ulite batch: exit {child.returncode}")
        processor += usage.ru_utime + usage.ru_stime
    return time.monotonic() - start, processor


WAYS = {
    "one process, one thread": ([[]], 1),
    "one process, two threads": ([[]], 2),
    "two processes of one thread, a shard each": ([["--shard", "1/2"], ["--shard", "2/2"]], 1),
}

with tempfile.TemporaryDirectory(prefix="ulite-bench-") as scratch:
    os.chdir(scratch)
    cohort.make("in", ARGUMENTS.studies, 0, 0, 0)
    taken = {way: [] for way in WAYS}
    for _ in range(ARGUMENTS.rounds):  # in turn, so that all see the same machine
        for way, (shards, threads) in WAYS.items():
            taken[way].append(run(*shards, threads=threads))
    print(f"{ARGUMENTS.studies} studies, medians of {ARGUMENTS.rounds} rounds\n")
    print("| | clock, s | processor time a case, ms |\n|---|---|---|")
    for way, figures in taken.items():
        clock, processor = (statistics.median(column) for column in zip(*figures))
        print(f"| {way} | {clock:.2f} | {1e3 * processor / ARGUMENTS.studies:.1f} |")
    os.chdir("/")
