#!/usr/bin/python3
"""test_reference.py GOLDEN SHARED: proves the reference implementation against the authors' data in SHARED/reference,
then lets it make golden data of unusual shapes and has the program GOLDEN check libulite against them."""

import glob
import os
import subprocess
import sys
import tempfile

if len(sys.argv) != 3:
    sys.exit(__doc__)

from skipping import has, needed_modules

with needed_modules():
    import numpy
    import torch

import ulite_torch

HERE = os.path.dirname(os.path.abspath(__file__))

# Size, classes, widths, part of the bottleneck: one channel, several classes, widths that need padding, tiny slices.
SHAPES = [
    ("2x1x32x32", 3, "16,32,64,128,256,512", 128),
    ("1x3x64x160", 1, "8,12,20,40,72,96", 24),
    ("1x5x96x32", 2, "24,33,17,64,48,30", 7),
    ("3x2x32x64", 1, "40,16,16,16,16,16", 16),
    ("1x1x32x96", 20, "1,2,3,4,5,6", 1),
]


def prove(folder):
    """Every tensor of every dump of the authors' implementation, to float32 rounding."""
    network = ulite_torch.from_state(ulite_torch.read_safetensors(os.path.join(folder, "weights.safetensors")))
    dumps = sorted(glob.glob(os.path.join(folder, "forward_*.safetensors")))
    assert dumps, f"no dumps in {folder}"
    for path in dumps:
        expected, blocks = ulite_torch.read_safetensors(path), {}
        with torch.no_grad():
            blocks["logits"] = network(torch.from_numpy(expected["input"].copy()), blocks)
        for name, array in expected.items():
            if name != "input":
                difference = numpy.abs(blocks[name].numpy() - array).max()
                limit = 2e-6 * max(1, numpy.abs(array).max())
                assert difference <= limit, f"{path} {name}: differs by {difference}, limit {limit}"
        print(f"{os.path.basename(path)}: the reference implementation agrees in {len(expected) - 1} tensors")


def main():
    golden, shared = sys.argv[1:]
    failed = 0
    for seed, (size, classes, widths, part) in enumerate(SHAPES):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, os.path.join(HERE, "make_golden.py"), folder, "--size", size, "--blocks",
                            "--classes", str(classes), "--widths", widths, "--part", str(part), "--seed", str(seed)],
                           check=True)
            print(f"{size}, {classes} classes, widths {widths}, part {part}", flush=True)
            failed += subprocess.run([golden, folder]).returncode != 0
    if failed:
        sys.exit(f"{failed} of {len(SHAPES)} shapes failed")
    folder = os.path.join(shared, "reference")
    if has(folder):
        prove(folder)


if __name__ == "__main__":
    main()
