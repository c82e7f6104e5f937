#!/usr/bin/python3
"""Judges a whole-head model on real images with labels: brain.py ULITE MODEL DATA [NAME...]

DATA holds malc2012_oasis/ and brain_judge/ (images/ with labels/ by FreeSurfer numbers, or masks/ of the brain).
Prints Dice of every structure, both sides together, of the brain with and without the CSF around it, and for the
structures with sides how many voxels of each side were called by the other's name. A line per case, then means.
"""
import glob
import json
import os
import subprocess
import sys
import tempfile

import nibabel
import numpy

STRUCTURES = {  # name: FreeSurfer numbers, left then right
    "cerebral white matter": ((2, 25), (41, 57)), "cerebral cortex": ((3,), (42,)), "lateral ventricle": ((4, 5, 136, 137), (43, 44, 163, 164)),
    "cerebellar white matter": ((7,), (46,)), "cerebellar cortex": ((8,), (47,)), "thalamus": ((10,), (49,)), "caudate": ((11,), (50,)),
    "putamen": ((12,), (51,)), "pallidum": ((13,), (52,)), "hippocampus": ((17,), (53,)), "amygdala": ((18,), (54,)),
    "ventral diencephalon": ((28,), (60,)), "third ventricle": ((14,), ()), "fourth ventricle": ((15,), ()), "brain stem": ((16,), ())}
SHORT = ["cWM", "cCtx", "LV", "cbWM", "cbCtx", "thal", "caud", "put", "pall", "hip", "amyg", "vDC", "3V", "4V", "BS"]
OUTER = (24,)  # CSF around the brain


def dice(a, b):
    total = a.sum() + b.sum()
    return float("nan") if total == 0 else 2.0 * (a & b).sum() / total


def classes_of(ulite, model):
    info = json.loads(subprocess.run([ulite, "info", model, "--json"], check=True, capture_output=True, text=True).stdout)
    info = info.get("model", info)
    card = info.get("card", info)
    names = {int(c["number"]): c["label"].lower() for c in card["classes"]}
    found = {}
    for name in STRUCTURES:
        key = name.split()[-1] if name in ("caudate", "putamen", "pallidum", "thalamus") else name
        left = [n for n, label in names.items() if key in label and "left" in label]
        right = [n for n, label in names.items() if key in label and "right" in label]
        plain = [n for n, label in names.items() if key in label and "left" not in label and "right" not in label]
        found[name] = (left + plain, right)
    outer = [n for n, label in names.items() if "cerebrospinal" in label or label.startswith("csf") or "csf" in label.split()]
    return names, found, outer


def main():
    ulite, model, data, *only = sys.argv[1:]
    names, found, outer = classes_of(ulite, model)
    images = sorted(glob.glob(f"{data}/malc2012_oasis/images/*.nii.gz")) + sorted(glob.glob(f"{data}/brain_judge/images/*.nii.gz"))
    rows, swapped_all = {}, 0
    print("case".ljust(28) + "mean  brain b+csf  " + " ".join(s.rjust(5) for s in SHORT) + "  swapped", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for image in images:
            case = os.path.basename(image)[:-7]
            if only and not any(o in image for o in only):
                continue
            out = f"{folder}/{case}.nii.gz"
            run = subprocess.run([ulite, "segment", image, "-m", model, "-o", out, "--quiet", "--force"], capture_output=True, text=True)
            if run.returncode not in (0, 1):
                print(case, run.stderr.strip())
                continue
            got = numpy.asarray(nibabel.load(out).dataobj).astype(int)
            label_file = image.replace("/images/", "/labels/")
            mask_file = image.replace("/images/", "/masks/")
            scores, swapped = [float("nan")] * len(SHORT), 0
            brain = (got > 0) & ~numpy.isin(got, outer)
            if os.path.exists(label_file):
                truth = numpy.asarray(nibabel.load(label_file).dataobj).astype(int)
                for i, (name, (left, right)) in enumerate(STRUCTURES.items()):
                    scores[i] = dice(numpy.isin(got, found[name][0] + found[name][1]), numpy.isin(truth, left + right))
                    if right and found[name][1]:
                        swapped += int((numpy.isin(got, found[name][0]) & numpy.isin(truth, right)).sum())
                        swapped += int((numpy.isin(got, found[name][1]) & numpy.isin(truth, left)).sum())
                mask = (truth > 0) & ~numpy.isin(truth, OUTER)
            else:
                mask = numpy.asarray(nibabel.load(mask_file).dataobj) > 0
            rows[case] = scores
            swapped_all += swapped
            print(f"{case.ljust(28)}{numpy.nanmean(scores) if not numpy.isnan(scores).all() else float('nan'):.3f} {dice(brain, mask):.3f} "
                  f"{dice(got > 0, mask):.3f}  " + " ".join(f"{s:5.3f}" for s in scores) + f"  {swapped}", flush=True)
    malc = numpy.array([s for c, s in rows.items() if c.isdigit()])
    if len(malc):
        mean = malc.mean(axis=0)
        print(f"{'malc2012 mean'.ljust(28)}{mean.mean():.3f}              " + " ".join(f"{s:5.3f}" for s in mean))


if __name__ == "__main__":
    main()
