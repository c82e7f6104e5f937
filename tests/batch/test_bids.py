"""`ulite batch` on a BIDS data set: which images are cases, and that OUT is a BIDS derivative.

usage: test_bids.py ULITE FIXTURES"""
import csv
import json
import os
import re
import sys
import tempfile

import cohort
from cohort import content, lines
from skipping import needed_modules

with needed_modules():
    import nibabel
    import numpy

ULITE, FIXTURES = sys.argv[1:3]
MODEL = f"{FIXTURES}/ct.safetensors"
SCRATCH = tempfile.TemporaryDirectory(prefix="ulite-test-")
os.chdir(SCRATCH.name)
OUT = "raw/derivatives/ulite"
IMAGES = ["sub-01/anat/sub-01_T1w", "sub-01/anat/sub-01_T2w", "sub-02/ses-a/anat/sub-02_ses-a_run-1_T1w",
          "sub-02/ses-b/anat/sub-02_ses-b_run-1_T1w"]
OTHERS = ["sub-01/func/sub-01_task-rest_bold", "sub-01/dwi/sub-01_dwi", "derivatives/other/sub-01/anat/sub-01_T1w",
          "sourcedata/sub-01/anat/sub-01_T1w", "code/anat/image"]


def batch(*arguments, code=0):
    return cohort.run(ULITE, "batch", *arguments, code=code)


def load(path):
    with open(path) as stream:
        return json.load(stream)


def make():
    dice = numpy.random.default_rng(1)
    for name in IMAGES + OTHERS:
        os.makedirs(os.path.dirname(f"raw/{name}"), exist_ok=True)
        values = dice.integers(-1000, 1000, (48, 48, 4)).astype("int16")
        nibabel.save(nibabel.Nifti1Image(values, numpy.diag([1, 1, 2, 1])), f"raw/{name}.nii.gz")
        with open(f"raw/{name}.json", "w") as stream:
            stream.write("{}")
    with open("raw/dataset_description.json", "w") as stream:
        json.dump({"Name": "test", "BIDSVersion": "1.8.0"}, stream)


def test_derivative():
    make()
    batch("raw", "-m", MODEL, "-o", OUT)
    runs = lines(f"{OUT}/runs.jsonl")
    assert [run["input"] for run in runs] == [f"raw/{name}.nii.gz" for name in IMAGES], runs
    description = load(f"{OUT}/dataset_description.json")
    assert description["DatasetType"] == "derivative" and description["BIDSVersion"] == "1.8.0"
    assert description["Name"] and description["GeneratedBy"][0]["Name"] == "ulite"
    link = description["DatasetLinks"]["raw"]
    assert os.path.samefile(f"{OUT}/{link}", "raw"), link
    for run, name in zip(runs, IMAGES):
        entities, suffix = name.rsplit("_", 1)
        expected = f"{entities}_seg-fixturect{run['model_sha256'][:8]}_desc-{suffix}_dseg"
        assert run["output"] == f"{expected}.nii.gz", (run["output"], expected)
        assert re.fullmatch(r"sub-\w+/(ses-\w+/)?anat/(\w+-[a-zA-Z0-9]+_)+dseg\.nii\.gz", run["output"]), run["output"]
        sidecar = load(f"{OUT}/{expected}.json")
        kind, dataset, source = sidecar["Sources"][0].split(":")
        assert (kind, dataset) == ("bids", "raw") and os.path.exists(f"{OUT}/{link}/{source}") and name in source
        assert sidecar["Model"]["SHA256"] == run["model_sha256"]
        with open(f"{OUT}/{expected}.tsv", newline="") as stream:
            table = list(csv.DictReader(stream, delimiter="\t"))
        values = numpy.unique(nibabel.load(f"{OUT}/{expected}.nii.gz").get_fdata())
        assert {int(row["index"]) for row in table} >= set(values.astype(int)) - {0} != set()
        assert [row["name"] for row in table] == [volume["name"] for volume in run["volumes"]]
        assert all(re.fullmatch("#[0-9a-f]{6}", row["color"]) for row in table)
        cohort.run(ULITE, "segment", f"raw/{name}.nii.gz", "-m", MODEL, "-o", "single.nii.gz")
        with open("single.nii.gz", "rb") as single, open(f"{OUT}/{run['output']}", "rb") as own:
            assert single.read() == own.read()
    expected = {"dataset_description.json", ".bidsignore", "volumes.csv", *(run["output"] for run in runs)}
    sidecars = {run["output"].replace(".nii.gz", ending) for run in runs for ending in (".json", ".tsv")}
    assert set(content(OUT)) == expected | sidecars, content(OUT).keys()


def test_two_models():
    before = content(OUT)
    batch("raw", "-m", f"{FIXTURES}/head.safetensors", "-o", OUT, "--force")
    after = content(OUT)
    assert all(after[name] == before[name] for name in before if name != "volumes.csv")
    assert sum(name.endswith("_dseg.nii.gz") for name in after) == 2 * len(IMAGES)


def test_include():
    batch("raw", "-m", MODEL, "-o", "out", "--include", "*_T1w.nii.gz")
    assert [run["input"] for run in lines("out/runs.jsonl")] == [f"raw/{name}.nii.gz" for name in IMAGES if "T1w" in name]
    link = load("out/dataset_description.json")["DatasetLinks"]["raw"]
    assert link == "file://" + os.path.realpath("raw"), link
    batch("raw", "-m", MODEL, "-o", "named", "--name", "%u-%e-%n")
    assert {"01-none-00001.nii.gz", "02-a-00003.nii.gz"} <= set(content("named")) and \
        not os.path.exists("named/dataset_description.json")
    batch("raw", "-m", MODEL, "-o", "none", "--include", "*_FLAIR*", code=3)
    os.rename("raw/dataset_description.json", "raw/description")  # a folder of NIfTI files now
    batch("raw", "-m", MODEL, "-o", "plain", "--include", "*bold*")
    assert [run["input"] for run in lines("plain/runs.jsonl")] == [f"raw/{OTHERS[0]}.nii.gz"]


for name, test in list(globals().items()):
    if name.startswith("test_"):
        test()
        print(name, flush=True)
