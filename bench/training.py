#!/usr/bin/python3
"""A training step of the paper's network in ulite and in PyTorch on the CPU, in alternation at equal thread counts:
forward, soft Dice, backward, Adam. Prints a table for docs/benchmarks.md."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", metavar="BUILD_FOLDER", help="(default: build/release)",
                        default=os.path.join(HERE, "..", "build", "release"))
    parser.add_argument("rounds", nargs="?", metavar="ROUNDS", type=int, default=3, help="1 or more (default: 3)")
    arguments = parser.parse_args()
    arguments.program = os.path.join(arguments.build, "bin", "bench-train")
    if not os.path.exists(arguments.program):
        parser.error(f"{arguments.program} is not there")
    if arguments.rounds < 1:
        parser.error(f"ROUNDS is {arguments.rounds}, expected 1 or more")
    return arguments


ARGUMENTS = parse_arguments()  # before PyTorch, which takes its time to load or is not there
sys.path.insert(0, os.path.join(HERE, "..", "tests", "reference"))
import torch  # noqa: E402
from ulite_torch import ULite  # noqa: E402

SECONDS = 5  # of each measurement
CASES = [(256, 8, 2), (64, 32, 2)]  # side, batch, threads


def theirs(side, batch, threads):
    """Milliseconds of steps over one batch: median and least."""
    torch.set_num_threads(threads)
    network = ULite().train()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    images, labels = torch.rand(batch, 3, side, side), (torch.rand(batch, 1, side, side) > 0.75).float()
    times, begin = [], None
    while begin is None or len(times) < 3 or time.monotonic() - begin < SECONDS:
        start = time.monotonic()
        optimizer.zero_grad()
        predicted = torch.sigmoid(network(images))
        loss = 1 - (2 * (predicted * labels).sum() + 1e-3) / (predicted.sum() + labels.sum() + 1e-3)
        loss.backward()
        optimizer.step()
        if begin is None:  # the first warms the caches
            begin = time.monotonic()
        else:
            times.append((time.monotonic() - start) * 1e3)
    return statistics.median(times), min(times)


def ours(program, side, batch, threads):
    done = subprocess.run([program, str(side), str(batch), str(threads), str(SECONDS)], check=True, capture_output=True)
    answer = json.loads(done.stdout)
    return answer["median"], answer["min"], answer["memory_mib"]


def main():
    with open("/proc/cpuinfo") as info:
        cpu = next((line.split(":")[1].strip() for line in info if line.startswith("model name")), "unknown CPU")
    print(f"{cpu}, PyTorch {torch.__version__}\n")
    print("| step | ulite ms | PyTorch ms | ratio | ulite slices/s | PyTorch slices/s | ulite memory |")
    print("|---|---|---|---|---|---|---|")
    for side, batch, threads in CASES:
        a, b = [], []
        for _ in range(ARGUMENTS.rounds):
            a.append(ours(ARGUMENTS.program, side, batch, threads))
            b.append(theirs(side, batch, threads))
        mine, other = (statistics.median(run[0] for run in runs) for runs in (a, b))
        print(f"| {batch} slices of {side}x{side}x3, {threads} threads | {mine:.0f} | {other:.0f} | {other / mine:.1f} "
              f"| {1e3 * batch / mine:.0f} | {1e3 * batch / other:.0f} | {a[0][2]:.0f} MiB |", flush=True)


main()
