#!/usr/bin/python3
"""Reading and writing DICOM against the clock: a 512x512x300 CT series cut from a real head is read
by ulite and by dcm2niix, 900 frames of a SEG are written, read back and compared, and the peak
memory of reading and of segmenting with untrained models is taken. Prints tables for docs/benchmarks.md."""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HEAD = "/usr/share/mricron/templates/ch2.nii.gz"
RUNS = 7


def timed(command):
    start = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return (time.monotonic() - start) * 1e3


def measured(command):
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)["total_ms"]


def peak_mib(command):
    """The largest resident set of a process."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"dicom.py: {' '.join(command)}: exit {child.returncode}")
    return usage.ru_maxrss / 1024


def print_memory(tool, folder, scratch, fixtures):
    volume, labels = 512 * 512 * 300 * 2 / 2**20, 512 * 512 * 300 / 2**20
    print(f"\n| peak memory (volume {volume:.0f} MiB, labels {labels:.0f} MiB) | MiB |\n|---|---|")
    print(f"| read | {peak_mib([tool['bench-io'], 'series', folder]):.0f} |")
    for name, model in (("a card of the series' plane", "axial"),
                        ("a card of three planes and three outputs", "planes")):
        command = [tool["ulite"], "segment", folder, "-m", f"{fixtures}/{model}.safetensors",
                   "-o", os.path.join(scratch, "memory.dcm")]
        print(f"| segment, {name} | {peak_mib(command):.0f} |")


def alternate(*measures):
    """Median and least of each, the measures taken in turn so that all see the same machine."""
    results = [[] for _ in measures]
    for run in range(RUNS + 1):
        for measure, taken in zip(measures, results):
            value = measure()
            if run:  # the first warms the caches
                taken.append(value)
    return [(statistics.median(r), min(r)) for r in results]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", metavar="BUILD_FOLDER", help="(default: build/release)", default=os.path.join(
        os.path.dirname(os.path.abspath(__file__)), "..", "build", "release"))
    build = parser.parse_args().build
    tool = {name: os.path.join(build, "bin", name)
            for name in ("ulite", "ulite-make-series", "bench-io")}
    for needed in (*tool.values(), HEAD):
        if not os.path.exists(needed):
            parser.error(f"{needed} is not there")
    if not shutil.which("dcm2niix"):
        parser.error("dcm2niix is not installed")
    with tempfile.TemporaryDirectory() as scratch:
        folder = os.path.join(scratch, "series")
        subprocess.run([tool["ulite-make-series"], HEAD, "-o", folder, "--size", "512,512,300",
                        "--modality", "CT", "--values", "8,-1000", "--rescale", "1,-1024",
                        "--bits", "12,16"], check=True)
        seg = os.path.join(scratch, "seg.dcm")
        dcm2niix = ["dcm2niix", "-z", "n", "-b", "n", "-w", "1", "-f", "x", "-o", scratch, folder]
        convert = [tool["ulite"], "convert", folder, "-q", "-o", os.path.join(scratch, "y.nii")]
        (read, peer, whole, write) = alternate(
            lambda: measured([tool["bench-io"], "series", folder]), lambda: timed(dcm2niix),
            lambda: timed(convert), lambda: measured([tool["bench-io"], "seg", folder, seg, "3"]))
        print("| 512x512x300, 16 bits | median ms | least ms |\n|---|---|---|")
        for name, (median, least) in (
                ("ulite: scan, sort, decode", read), ("dcm2niix -z n", peer),
                ("ulite convert to .nii, written, read back, compared", whole),
                ("SEG, 900 frames: written, read back, compared", write)):
            print(f"| {name} | {median:.0f} | {least:.0f} |")
        print(f"\nratio of reading to dcm2niix: {read[0] / peer[0]:.2f} (median), "
              f"{read[1] / peer[1]:.2f} (least)")
        print_memory(tool, folder, scratch, os.path.join(build, "fixtures"))


main()
