#!/usr/bin/python3
"""test_traces.py GOLDEN_TRAIN: lets PyTorch record training steps of several shapes in double precision and has the
program GOLDEN_TRAIN repeat them with libulite."""

import os
import subprocess
import sys
import tempfile

if len(sys.argv) != 2:
    sys.exit(__doc__)

from skipping import needed_modules

with needed_modules():
    import torch  # noqa: F401, make_trace.py's

HERE = os.path.dirname(os.path.abspath(__file__))

# Size, classes, widths, part of the bottleneck: the paper's, several classes and widths that need padding, one slice.
# A side of 128 at least: in a bottleneck of less than four pixels a side the taps with dilation 3 see nothing but zeros,
# their layer only scales, the batch norm after it takes that back, and its true gradient is next to nothing.
TRACES = [
    ("2x3x128x64", 1, "16,32,64,128,256,512", 128),
    ("4x1x64x128", 4, "24,33,17,64,48,30", 7),
    ("1x5x128x96", 2, "3,5,7,9,11,13", 5),
    ("3x2x160x64", 1, "8,12,20,40,72,96", 24),
]


def main():
    failed = 0
    for seed, (size, classes, widths, part) in enumerate(TRACES):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, os.path.join(HERE, "make_trace.py"), folder, "--size", size, "--steps", "4",
                            "--double", "--classes", str(classes), "--widths", widths, "--part", str(part), "--seed", str(seed)],
                           check=True)
            print(f"{size}, {classes} classes, widths {widths}, part {part}", flush=True)
            failed += subprocess.run([sys.argv[1], folder]).returncode != 0
    if failed:
        sys.exit(f"{failed} of {len(TRACES)} traces failed")


if __name__ == "__main__":
    main()
