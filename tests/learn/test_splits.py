#!/usr/bin/python3
"""Nothing of a test split was trained or selected on: no image of it, by digest, is in a train or val
list, for every model of the repository and for one that is trained here.

usage: test_splits.py ULITE MAKE_SERIES"""
import glob
import hashlib
import json
import os
import sys
import tempfile

import datasets

ULITE = sys.argv[1]
MODELS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "models")

PUBLISHED_TWICE = {"392_HC", "392_2HC"}  # HC18 has this image under two names, both of one examination


def check(path):
    """The split list of one model; the digests of its test images."""
    with open(path, encoding="utf-8") as file:
        split = json.load(file)
    digests = {}
    for name in ("train", "val", "test"):
        digests[name] = [case["sha256"] for case in split[name]]
        assert all(len(d) == 64 and set(d) <= set("0123456789abcdef") for d in digests[name]), path
        repeated = [case["name"] for case in split[name] if digests[name].count(case["sha256"]) > 1]
        assert not set(repeated) - PUBLISHED_TWICE, f"{path}: {name} holds an image twice: {repeated}"
    assert digests["train"] and digests["val"], f"{path}: an empty list"
    for name in ("train", "val"):
        both = set(digests["test"]) & set(digests[name])
        assert not both, f"{path}: {len(both)} images of the test split are in {name}"
    assert not set(digests["train"]) & set(digests["val"]), f"{path}: train and val overlap"
    return digests


def bundled():
    lists = glob.glob(f"{MODELS}/*/split.json") + glob.glob(f"{MODELS}/*.split.json")
    tests, others = set(), set()
    for path in sorted(lists):
        digests = check(path)
        if not os.path.exists(os.path.join(os.path.dirname(path), "generate.json")):  # else drawn, and tested on real images
            assert digests["test"], f"{path}: no test split"
        tests |= set(digests["test"])
        others |= set(digests["train"]) | set(digests["val"])
        print(f"{os.path.relpath(path, MODELS)}: {', '.join(f'{len(d)} {n}' for n, d in digests.items())}")
    assert not tests & others, "a test image of one model was trained or selected on by another"
    models = glob.glob(f"{MODELS}/**/*.safetensors", recursive=True)
    assert len(lists) >= len(models), f"{len(models)} models, {len(lists)} split lists"


def fresh():
    with tempfile.TemporaryDirectory() as folder:
        data = datasets.make_nifti(f"{folder}/data", cases=6)
        plan = datasets.quick_plan(folder, batch=8)  # by several threads: the thread sanitizer looks on
        datasets.run(ULITE, "train", data, "-o", f"{folder}/model.safetensors", "--plan", plan, "--epochs", "1")
        digests = check(f"{folder}/model.split.json")
        listed = sorted(sum(digests.values(), []))
        files = sorted(hashlib.sha256(open(path, "rb").read()).hexdigest()
                       for path in glob.glob(f"{data}/images/*"))
        assert listed == files, "the list does not name every image once"
        # pairs of files, whose headers are the same
        pairs = datasets.make_nifti(f"{folder}/pairs", cases=4)
        for path in glob.glob(f"{pairs}/images/*"):
            image = datasets.nibabel.load(path)
            datasets.nibabel.save(datasets.nibabel.Nifti1Pair(image.get_fdata().astype("f4"), image.affine),
                                  path.replace(".nii.gz", ".hdr"))
            os.remove(path)
        datasets.run(ULITE, "train", pairs, "-o", f"{folder}/pairs.safetensors", "--plan", plan,
                     "--epochs", "1", "--threads", "1")
        assert len(sum(check(f"{folder}/pairs.split.json").values(), [])) == 4
        # the same image under another name, in train and in test, is found
        data = datasets.make_nifti(f"{folder}/leak", cases=6)
        os.replace(f"{data}/images/case5.nii.gz", f"{data}/images/case0.nii.gz")
        os.link(f"{data}/images/case0.nii.gz", f"{data}/images/case5.nii.gz")
        datasets.splits(data, [0, 1, 2, 3], [4], [5])
        datasets.run(ULITE, "train", data, "-o", f"{folder}/leak.safetensors", "--plan", plan,
                     "--epochs", "1", "--threads", "1", code=3, says=["case0", "case5", "same image"])


bundled()
fresh()
