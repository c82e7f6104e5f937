#!/usr/bin/python3
"""Puts the limits of a whole-head model into its card: brain_limits.py FLAGS.jsonl models/NAME

FLAGS.jsonl is what bench/brain_flags.py kept of images that are good and of the kind that the model was made for, and on
which it may be tuned: heads drawn from the validation maps. A class is then doubtful beyond 1.1 times the greatest mean
entropy at its surface, and beyond 1.1 times the factor by which its volume leaves the range of the training cases, each
the greatest of both sides in those images; a factor of at least 1.5. Scans of heads end at the vertex and
in the cord: 2 % of a structure's voxels may lie on the border, as those of the last of some fifty slices do, and 10 %
of the fluid, which lies around all others.

    bench-draw-heads MAPS models/brain/plan.json 6 DRAWN
    bench/brain_flags.py build/release/bin/ulite brain FLAGS.jsonl good DRAWN/*_[0-9].nii.gz
    bench/brain_limits.py FLAGS.jsonl models/brain"""
import json
import os
import subprocess
import sys

MARGIN, LEAST_FACTOR = 1.1, 1.5
BORDER, FLUID_BORDER = 0.02, 0.1


def main():
    flags, folder = sys.argv[1:]
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(folder, "segments.json"), encoding="utf-8") as stream:
        classes = json.load(stream)["segments"]
    mirror = {c["number"]: c.get("mirror") for c in classes}
    bits, factor = dict.fromkeys(mirror, 0.0), dict.fromkeys(mirror, 0.0)
    with open(flags, encoding="utf-8") as stream:
        cases = [case for case in map(json.loads, stream) if case["kind"] == "good"]
    for case in cases:
        for c in case["classes"]:
            for number in {c["number"], mirror[c["number"]] or c["number"]}:
                bits[number] = max(bits[number], c["disagreement"] or 0.0)
                if c["range_ml"] and c["volume_ml"]:
                    low, high = c["range_ml"]
                    factor[number] = max(factor[number], low / c["volume_ml"], c["volume_ml"] / high)
    limits = [{"number": n, "volume": round(max(LEAST_FACTOR, MARGIN * factor[n]), 2), "bits": round(MARGIN * bits[n], 2)} for n in mirror]
    for limit, c in zip(limits, classes):
        limit["border"] = FLUID_BORDER if c["label"].startswith("cerebrospinal fluid") else BORDER
        print(limit)
    model = os.path.join(folder, os.path.basename(os.path.normpath(folder)) + ".safetensors")
    subprocess.run([os.path.join(here, "../scripts/bundle.py"), model, folder, "limits=" + json.dumps(limits)], check=True)
    print(f"by {len(cases)} images")


if __name__ == "__main__":
    main()
