#!/usr/bin/python3
"""How a whole-head model's signs of failure tell good results from bad ones.

    brain_flags.py ULITE MODEL OUT.json good|bad IMAGE...      runs the model, keeps what --stats says, and Dice where
                                                               IMAGE_labels.nii.gz or ../labels/IMAGE lies beside an image
    brain_flags.py OUT.json                                    tells the figures
    brain_flags.py --nonsense FOLDER                           makes images that are no head: a phantom, a head's negative
                                                               (inverted: in black air), half heads, a slab, noise,
                                                               nothing; of ch2 of mricron-data

Labels are taken as the model's own numbers (of drawn heads) or, in ../labels, as FreeSurfer's."""
import json
import os
import subprocess
import sys
import tempfile

import nibabel
import numpy
import scipy.stats

from brain import STRUCTURES, classes_of, dice


def dice_of(ulite, model, image, labels):
    """Mean Dice over the classes; NaN where there is no truth."""
    beside = image.replace(".nii.gz", "_labels.nii.gz")
    other = image.replace("/images/", "/labels/")
    if os.path.exists(beside):
        truth = numpy.asarray(nibabel.load(beside).dataobj)
        pairs = [((n,), (n,)) for n in range(1, int(truth.max()) + 1)]
    elif other != image and os.path.exists(other):
        truth = numpy.asarray(nibabel.load(other).dataobj).astype(int)
        found = classes_of(ulite, model)[1]
        pairs = [(found[name][0] + found[name][1], left + right) for name, (left, right) in STRUCTURES.items()]
    else:
        return float("nan")
    got = numpy.asarray(nibabel.load(labels).dataobj)
    return float(numpy.nanmean([dice(numpy.isin(got, a), numpy.isin(truth, b)) for a, b in pairs]))


def run(ulite, model, kind, image):
    with tempfile.TemporaryDirectory() as folder:
        labels, stats = os.path.join(folder, "labels.nii.gz"), os.path.join(folder, "stats.json")
        subprocess.run([ulite, "segment", image, "-m", model, "-o", labels, "--stats", stats, "--force", "--quiet", "--threads", "1"], check=True)
        with open(stats, encoding="utf-8") as stream:
            quality = json.load(stream)["quality"]
        return {"image": os.path.basename(image), "kind": kind, "dice": dice_of(ulite, model, image, labels), **quality}


def tell(path):
    with open(path, encoding="utf-8") as stream:
        cases = [json.loads(line) for line in stream]
    print("case                          kind  Dice  bits  confidence  doubtful classes, by warning")
    for case in sorted(cases, key=lambda c: (c["kind"], c["image"])):
        counts = {}
        for c in case["classes"]:
            for warning in c["warnings"]:
                counts[warning] = counts.get(warning, 0) + 1
        print(f"{case['image'][:29]:29} {case['kind']:5} {case['dice']:.3f} {case['disagreement'] or 0:.3f} {case['confidence'] or 0:10.3f} {case['doubtful']:3}  {counts}")
    for kind in ("good", "bad"):
        own = [c for c in cases if c["kind"] == kind]
        print(f"{kind}: {sum(c['doubtful'] > 0 for c in own)} of {len(own)} flagged")
    scored = [c for c in cases if c["dice"] == c["dice"] and c["confidence"]]
    if len(scored) > 2:
        for name, scores in ("confidence", [c["confidence"] for c in scored]), ("disagreement", [-c["disagreement"] for c in scored]):
            print(f"rank correlation of the {name} with Dice: {scipy.stats.spearmanr(scores, [c['dice'] for c in scored])[0]:.2f}")


def make_nonsense(folder):
    image = nibabel.load("/usr/share/mricron/templates/ch2.nii.gz")
    head = numpy.asarray(image.dataobj)
    middle = head.shape[0] // 2
    x, y, z = [2 * a / n - 1 for a, n in zip(numpy.indices(head.shape), head.shape)]
    ball, boxes = x * x + y * y + z * z, (10 * x).astype(int) + (10 * y).astype(int) + (10 * z).astype(int)
    half = {name: head.copy() for name in ("left", "right", "low", "front")}
    half["right"][:middle], half["left"][middle:] = 0, 0  # the left half is gone where x is low
    half["low"][:, :, 90:], half["front"][:, 110:] = 0, 0
    noise = numpy.random.default_rng(1).rayleigh(40, head.shape).clip(0, 255)
    made = {"phantom": 100 * (ball < 0.7) + 60 * (ball < 0.3) * (boxes % 2), "inverted": numpy.where(head > 10, 255 - head, 0),
            "negative": 255 - head, "noise": noise, "slab": head[:, :, 20:40], "nothing": 0 * head, **{"half_" + name: h for name, h in half.items()}}
    for name, values in made.items():
        nibabel.Nifti1Image(values.astype(numpy.uint8), image.affine).to_filename(os.path.join(folder, name + ".nii.gz"))


def main():
    if sys.argv[1] == "--nonsense":
        make_nonsense(sys.argv[2])
    elif len(sys.argv) == 2:
        tell(sys.argv[1])
    else:
        ulite, model, out, kind, *images = sys.argv[1:]
        for image in images:
            with open(out, "a", encoding="utf-8") as stream:
                stream.write(json.dumps(run(ulite, model, kind, image)) + "\n")


if __name__ == "__main__":
    main()
