#!/usr/bin/python3
"""Hippocampi of a whole head, upright and turned: localiser.py ULITE [DEGREES]

Turns ch2 of Debian's mricron-data about each of its axes, both ways (by 20 degrees), and segments it with the bundled
model hippocampus through its localiser. Prints a line per head: mL of either side, and their difference in percent from
those of crops around the labels of the AAL atlas."""
import json
import os
import subprocess
import sys
import tempfile

import nibabel
import numpy
import scipy.ndimage

CH2 = "/usr/share/mricron/templates/ch2.nii.gz"
CROPS = {"left": 3.93, "right": 4.10}  # mL


def turned(image, axis, degrees):
    """The head on a grid that holds all of it."""
    pixels = numpy.asarray(image.dataobj).astype(numpy.float32)
    angle, turn = numpy.radians(degrees), numpy.eye(3)
    a, b = [n for n in range(3) if n != axis]
    turn[a, a] = turn[b, b] = numpy.cos(angle)
    turn[a, b], turn[b, a] = -numpy.sin(angle), numpy.sin(angle)
    size = numpy.ceil(abs(turn) @ pixels.shape).astype(int)
    middle, centre = (numpy.array(pixels.shape) - 1) / 2, (size - 1) / 2
    values = scipy.ndimage.affine_transform(pixels, turn.T, middle - turn.T @ centre, output_shape=tuple(size), order=1)
    affine = image.affine.copy()
    affine[:3, 3] += image.affine[:3, :3] @ (middle - centre)
    return nibabel.Nifti1Image(numpy.rint(values).astype(numpy.uint8), affine)


def main():
    ulite, degrees = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 20.0
    image = nibabel.load(CH2)
    heads = {"upright": image}
    for axis, name in enumerate("xyz"):
        for sign in (1, -1):
            heads[f"{name} {sign * degrees:+g}"] = turned(image, axis, sign * degrees)
    print(f"{'head':10} {'left':>14} {'right':>14}  turned back by")
    with tempfile.TemporaryDirectory() as folder:
        for name, head in heads.items():
            path, report = os.path.join(folder, "head.nii"), os.path.join(folder, "report.json")
            head.to_filename(path)
            subprocess.run([ulite, "segment", path, "-m", "hippocampus", "-o", os.path.join(folder, "labels.nii.gz"),
                            "--report", report, "--quiet"], check=True)
            with open(report, encoding="utf-8") as stream:
                result = json.load(stream)
            line = f"{name:10}"
            for side, crop in CROPS.items():
                ml = sum(s["volume_ml"] for s in result["segments"] if s["name"].lower().startswith(side))
                line += f" {ml:6.2f} {100 * (ml / crop - 1):+5.1f} %"
            print(f"{line}  {max(b['turned_degrees'] for b in result['localiser']['boxes']):.0f}", flush=True)


if __name__ == "__main__":
    main()
