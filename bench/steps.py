#!/usr/bin/python3
"""Training steps of two builds in alternation: the least processor time and time. Processor time
counts where other programs share the machine. Prints a table for docs/benchmarks.md."""

import argparse
import json
import os
import subprocess

CASES = [(64, 32, 1), (256, 8, 1), (128, 16, 17), (128, 16, 31)]  # side, batch, classes


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", metavar="OLD", help="bench-train of the build to compare with")
    parser.add_argument("new", metavar="NEW", help="bench-train")
    parser.add_argument("--rounds", type=int, default=5, help="of old and new, 1 or more (default: 5)")
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement (default: 3)")
    parser.add_argument("--threads", type=int, default=1, help="(default: 1)")
    arguments = parser.parse_args()
    for program in (arguments.old, arguments.new):
        if not os.path.exists(program):
            parser.error(f"{program} is not there")
    if arguments.rounds < 1:
        parser.error(f"--rounds is {arguments.rounds}, expected 1 or more")
    return arguments


def measure(program, side, batch, classes, arguments):
    command = [program, str(side), str(batch), str(arguments.threads), str(arguments.seconds), str(classes)]
    answer = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return answer["cpu_min"], answer["min"]


def main():
    arguments = parse_arguments()
    level = os.environ.get("ULITE_CPU", "the machine's best level")
    print(f"{level}, {arguments.threads} threads, {arguments.rounds} rounds\n")
    print("| step | old CPU ms | new CPU ms | ratio | old ms | new ms | ratio |")
    print("|---|---|---|---|---|---|---|")
    for side, batch, classes in CASES:
        old, new = [], []
        for _ in range(arguments.rounds):
            old.append(measure(arguments.old, side, batch, classes, arguments))
            new.append(measure(arguments.new, side, batch, classes, arguments))
        row = f"| {batch} slices of {side}x{side}x3, {classes} classes "
        for kind in range(2):
            before, after = (min(run[kind] for run in runs) for runs in (old, new))
            row += f"| {before:.0f} | {after:.0f} | {before / after:.2f} "
        print(row + "|", flush=True)


main()
