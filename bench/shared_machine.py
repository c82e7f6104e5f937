#!/usr/bin/python3
"""What ulite takes of a machine that others use as well: processor time (user and system) of jobs side by side on two
processors against that of the same jobs one after another, and training steps beside busy loops. Prints tables for
docs/benchmarks.md."""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
HEAD = "/usr/share/mricron/templates/ch2.nii.gz"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", metavar="BUILD_FOLDER", help="(default: build/release)",
                        default=os.path.join(HERE, "..", "build", "release"))
    parser.add_argument("--jobs", type=int, default=8, help="side by side (default: 8)")
    parser.add_argument("--rounds", type=int, default=3, help="1 or more; the least is printed (default: 3)")
    arguments = parser.parse_args()
    arguments.bin = os.path.join(arguments.build, "bin")
    for needed in (HEAD, f"{arguments.bin}/ulite", f"{arguments.bin}/bench-train"):
        if not os.path.exists(needed):
            parser.error(f"{needed} is not there")
    return arguments


ARGUMENTS = parse_arguments()


def segment(number):
    return subprocess.Popen([f"{ARGUMENTS.bin}/ulite", "segment", "series", "-m", "model.safetensors", "--force",
                             "--threads", "2", "-q", "-o", f"out{number}.dcm"])


def processor_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured(run):
    """Seconds of the processors, seconds of the clock."""
    used, start = processor_seconds(), time.monotonic()
    run()
    return processor_seconds() - used, time.monotonic() - start


def wait(job):
    if job.wait() != 0:
        sys.exit(f"{' '.join(job.args)}: exit {job.returncode}")


def one_after_another():
    for number in range(ARGUMENTS.jobs):
        wait(segment(number))


def side_by_side():
    for job in [segment(number) for number in range(ARGUMENTS.jobs)]:
        wait(job)


def train_step(loops):
    """Milliseconds of a step of 8 slices of 128x128 on 2 threads, beside so many busy loops: median."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(loops)]
    try:
        done = subprocess.run([f"{ARGUMENTS.bin}/bench-train", "128", "8", "2", "5"], check=True, capture_output=True)
        return json.loads(done.stdout)["median"]
    finally:
        for loop in busy:
            loop.kill()
            loop.wait()


def main():
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    program = os.path.abspath(ARGUMENTS.bin)
    model = os.path.abspath(os.path.join(HERE, "..", "models", "hippocampus", "hippocampus.safetensors"))
    ARGUMENTS.bin = program
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.symlink(model, "model.safetensors")
        subprocess.run([f"{program}/ulite-make-series", HEAD, "-o", "series", "--box", "20:148,20:148,40:70"], check=True)
        wait(segment(0))  # warms the caches
        rounds = [(measured(one_after_another), measured(side_by_side)) for _ in range(ARGUMENTS.rounds)]
    alone = min(r[0] for r in rounds)
    together = min(r[1] for r in rounds)
    print(f"{ARGUMENTS.jobs} x ulite segment --threads 2, 2 processors | CPU s | wall s")
    print(f"one after another | {alone[0]:.2f} | {alone[1]:.2f}")
    print(f"side by side | {together[0]:.2f} | {together[1]:.2f}")
    print(f"ratio | {together[0] / alone[0]:.2f} | {together[1] / alone[1]:.2f}")
    for loops in (0, 1, 2):
        print(f"training step beside {loops} busy loops, ms | {train_step(loops):.1f}")


main()
