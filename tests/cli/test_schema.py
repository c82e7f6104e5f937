"""Every JSON that ulite writes or reads, against its schema in docs/schema: the documents of real runs are of it, and are
not with a key more or a key less.

usage: test_schema.py ULITE MAKE_SERIES FIXTURES"""
import copy
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

import schemas
from batch import cohort
from learn import datasets
from skipping import needed_modules

with needed_modules():
    import nibabel
    import numpy

ULITE, MAKE_SERIES, FIXTURES = map(os.path.abspath, sys.argv[1:4])
AXIAL, SLICES, COLOUR = (f"{FIXTURES}/{name}.safetensors" for name in ("axial", "slices", "colour"))
SCRATCH = tempfile.TemporaryDirectory(prefix="ulite-test-")
os.chdir(SCRATCH.name)
checked = set()


def check(name, document, required=True):
    """The document is of the schema; with a key that the schema does not know, or (where all keys are required) without
    one that it has, it is none."""
    checked.add(name)
    schemas.check(name, document)
    is_valid = schemas.validator(name).is_valid
    assert not is_valid({**document, "no such key": 1}), name
    assert not is_valid({**document, "version": 2}), name
    for key in ("version", *document) if required else ():
        less = copy.copy(document)
        less.pop(key, None)
        optional = {"reason", "study", "series", "choice", "beside", "page", "volumes", "series_uid", "localiser", "slices", "layers"}
        assert key in optional or not is_valid(less), (name, key)


def read(path):
    with open(path, encoding="utf-8") as stream:
        return json.load(stream)


def write(path, document):
    with open(path, "w", encoding="utf-8") as stream:
        json.dump(document, stream)


def ulite(*arguments, code=0, **options):
    done = subprocess.run([ULITE, *arguments], capture_output=True, text=True, timeout=300,
                          env={**os.environ, "ULITE_MODELS": FIXTURES}, **options)
    assert done.returncode == code, (arguments, done.returncode, done.stderr)
    return done


def events(*arguments, code=0):
    return [json.loads(line) for line in ulite(*arguments, "--json", code=code).stdout.splitlines()]


def volume(path, size=(48, 48, 4), spacing=(1, 1, 3)):
    values = numpy.random.default_rng(3).integers(0, 500, size).astype(numpy.int16)
    nibabel.save(nibabel.Nifti1Image(values, numpy.diag([-spacing[0], -spacing[1], spacing[2], 1])), path)


def sha256(path):
    with open(path, "rb") as stream:
        return hashlib.sha256(stream.read()).hexdigest()


def check_report(source, files, kind, model, output, libraries, *options):
    command = ["segment", source, "-m", model, "-o", output, "--stats", "s.json", "--report", "r.json", *options]
    ulite(*command)
    report = read("r.json")
    check("report", report)
    check("stats", read("s.json"))
    assert report["command"] == ["ulite", *command], report["command"]
    assert report["input"] == {"kind": kind, **({"files": [{"path": f, "sha256": sha256(f)} for f in files]} if files else {})}
    assert report["model"]["sha256"] == sha256(model) and report["model"]["licence"] == "BSD-3-Clause"
    assert set(report["libraries"]) == set(libraries), report["libraries"]
    for segment in report["segments"]:
        for key in ("volume_ml", "mean", "sd"):
            assert segment[key] is None or len(str(segment[key]).replace(".", "").strip("0-")) <= 7, segment
    return report


def test_segment():
    """A report names what was read, whatever its kind, by hash, and what was typed, also where options come first."""
    volume("v.nii.gz")
    shutil.copytree("cohort/study0", "dicom")
    check_report("v.nii.gz", ["v.nii.gz"], "nifti", AXIAL, "o.nii.gz", ["zlib"])
    image = nibabel.load("v.nii.gz")
    datasets.save_pair(numpy.asarray(image.dataobj), "pair", affine=image.affine)
    for name in ("pair.hdr", "pair.img"):
        check_report(name, ["pair.hdr", "pair.img"], "nifti", AXIAL, "o.nii.gz", ["zlib"])
    ulite("convert", "v.nii.gz", "-o", "v.nrrd")
    check_report("v.nrrd", ["v.nrrd"], "nrrd", AXIAL, "o.nii.gz", ["zlib"])
    with open("v.nrrd", "rb") as stream:
        header, _, samples = stream.read().partition(b"\n\n")
    with open("w.nhdr", "wb") as stream:
        stream.write(header + b"\ndata file: w.raw.gz\n\n")
    with open("w.raw.gz", "wb") as stream:
        stream.write(samples)
    check_report("w.nhdr", ["w.nhdr", "w.raw.gz"], "nrrd", AXIAL, "o.nii.gz", ["zlib"])
    datasets.save_png(numpy.random.default_rng(1).integers(0, 255, (64, 64, 3)).astype(numpy.uint8), "p.png")
    check_report("p.png", ["p.png"], "png", COLOUR, "o.png", ["libpng", "zlib"])
    assert check_report("dicom", [], "dicom", SLICES, "o.dcm", ["DCMTK"], "--force")["slices"]
    ulite("segment", "--report", "r.json", "-m", AXIAL, "v.nii.gz", "-o", "o.nii.gz")
    assert read("r.json")["command"] == ["ulite", "segment", "--report", "r.json", "-m", AXIAL, "v.nii.gz", "-o", "o.nii.gz"]


def test_segment_events():
    """The last event sums up; each failure has its exit code, a wrong command line too."""
    found = events("segment", "v.nii.gz", "-m", AXIAL, "-o", "o.nii.gz", "--label-table", "t.tsv")
    found += events("segment", "dicom", "-m", AXIAL, "-o", "o.dcm", "--force")
    for event in found:
        check("segment-event", event)
    done = next(e for e in found if e["event"] == "done")
    assert done["outputs"] == ["o.nii.gz", "t.tsv"] and done["seconds"] >= 0, done
    assert [v["segment"] for v in done["volumes"]] == [1, 2] and done["volumes"][0]["voxels"] > 0, done
    assert found[-1]["event"] == "done" and any(f.startswith("note: doubtful") for f in found[-1]["flags"]), found[-1]
    for code, arguments in ((2, ["v.nii.gz", "-m", AXIAL]), (2, ["v.nii.gz", "-o", "x.nii", "--json", "--nothing"]),
                            (3, ["absent.nii", "-m", AXIAL, "-o", "x.nii"]), (6, ["v.nii.gz", "-m", "v.nii.gz", "-o", "x.nii"])):
        last = events("segment", "--json", *arguments, code=code)[-1]
        check("segment-event", last)
        assert (last["event"], last["exit_code"]) == ("failed", code), last
    for arguments, missing in ((["v.nii.gz", "-m", AXIAL], "there is no -o"), (["v.nii.gz", "-o", "x.nii"], "there is no -m"),
                               (["v.nii.gz"], "there is no -m -o"), ([], "there is no INPUT -m -o")):
        assert missing in ulite("segment", *arguments, code=2).stderr


def test_choice():
    """Volumes of several studies are told apart, and why each does not fit is said, a line each."""
    said = ulite("segment", "cohort", "-m", SLICES, "-o", "x.dcm", "--force", code=4).stderr.splitlines()
    lines = [line for line in said if line.startswith("  --series ")]
    assert [line.split()[2:6] for line in lines] == [["study", f"{n}", "of", "3,"] for n in (1, 2, 3)], said
    model = f"{FIXTURES}/ct.safetensors"
    said = ulite("segment", "cohort", "-m", model, "-o", "x.dcm", code=4).stderr.splitlines()
    lines = [line for line in said if line.startswith("  --series ")]
    assert len(lines) == 3 and all("the modality is MR, the model was made for CT" in line for line in lines), said
    assert "made for none of the 3 volumes; " in said[-1], said


def test_batch():
    rules = {"version": 1, "rules": [{"modality": "MR", "min_slices": 2, "prefer": "most slices"}]}
    write("rules.json", rules)
    check("rules", rules)
    shutil.copytree("cohort", "some")
    with open("some/broken.nii", "w") as stream:
        stream.write("no image")
    found = events("batch", "some", "-m", SLICES, "-o", "batch", "--rules", "rules.json", "--html", "--force", "--format", "dcm,sr", code=1)
    for event in found:
        check("batch-event", event)
    with open("batch/runs.jsonl") as stream:
        runs = [json.loads(line) for line in stream]
    for run in runs:
        check("run", run)
    assert [e["event"] for e in found] == ["case"] * 4 + ["done"] and {r["status"] for r in runs} == {"done", "failed"}
    last = events("batch", "--json", "some", code=2)[-1]
    check("batch-event", last)
    assert last["exit_code"] == 2


def test_train():
    plan = datasets.quick_plan(".")
    check("plan", read(plan), required=False)
    data = datasets.make_nifti("data")
    found = events("train", data, "-o", "model.safetensors", "--plan", plan, "--epochs", "1")
    found += events("train", data, "-o", "next.safetensors", "--plan", plan, "--epochs", "1", "--from", "model.safetensors")
    found += events("train", data, "-o", "folds.safetensors", "--plan", plan, "--epochs", "1", "--folds", "2")
    found += events("train", "nowhere", "-o", "x.safetensors", code=3)
    for event in found:
        check("train-event", event)
    assert {e["event"] for e in found} >= {"data", "plan", "from", "fold", "epoch", "trained", "out_of_fold", "test", "failed"}
    whole = next(e["plan"] for e in found if e["event"] == "plan")
    check("plan", whole, required=False)
    assert whole["version"] == 1 and whole["card"]["version"] == 1
    split = read("model.split.json")
    check("split", split, required=False)
    info = json.loads(ulite("info", "model.safetensors", "--json").stdout)
    check("info", info)
    check("card", info["card"], required=False)
    check("plan", json.loads(info["metadata"]["ulite.plan"]), required=False)
    assert all(round(m["value"], 4) == m["value"] for m in info["card"]["metrics"]), info["card"]["metrics"]
    del split["version"]
    check("split", {**split, "groups": [["case0", "case1"]]}, required=False)
    for name, place in (("split", "data/splits.json"), ("plan", "wrong.json")):
        write(place, {"version": 2})
        said = ulite("train", data, "-o", "x.safetensors", "--plan", "wrong.json" if name == "plan" else plan, "--dry-run",
                     code=3).stderr
        assert '"version" is 2, must be 1' in said, said


def test_generate():
    maps = datasets.make_maps("maps")
    check("generate", read(f"{maps}/generate.json"), required=False)
    write(f"{maps}/generate.json", {**read(f"{maps}/generate.json"), "version": 1})
    ulite("train", maps, "-o", "g.safetensors", "--dry-run")


def test_labels():
    """Segments files, convert, verify, eval."""
    made = json.loads(ulite("convert", "o.dcm", "-o", "seg.nii.gz", "--names", "names.json", "--json").stdout)
    check("convert", made)
    check("convert", json.loads(ulite("convert", "dicom", "-o", "dicom.nii.gz", "--json").stdout))
    check("segments", read("names.json"), required=False)
    assert read("names.json")["version"] == 1
    write("wrong.json", {**read("names.json"), "version": 2})
    ulite("convert", "seg.nii.gz", "-o", "again.dcm", "--source", "dicom", "--segments", "names.json", "--type", "labelmap")
    assert "must be 1" in ulite("convert", "seg.nii.gz", "-o", "x.dcm", "--source", "dicom", "--segments", "wrong.json", code=3).stderr
    check("verify", json.loads(ulite("verify", "again.dcm", "--json", code=1).stdout))
    scores = json.loads(ulite("eval", "o.nii.gz", "o.nii.gz", "--json").stdout)
    check("eval", scores)


def test_tools():
    check("info", json.loads(ulite("info", "cohort", "--json").stdout))
    for path in ("v.nii.gz", "v.nrrd", "p.png", "o.dcm", AXIAL):
        check("info", json.loads(ulite("info", path, "--json").stdout))
    check("models", json.loads(ulite("models", "--json").stdout))
    check("export", json.loads(ulite("export", AXIAL, "-o", "m.onnx", "--json").stdout))
    for options in ([], ["--layers"]):
        check("bench", json.loads(ulite("bench", "--seconds", "0.01", "--size", "64x64", "--json", *options).stdout))


def listen(*arguments):
    """The first event of a server, which is then told to stop; all of them."""
    server = subprocess.Popen([ULITE, *arguments, "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    lines = [server.stdout.readline()]
    server.send_signal(signal.SIGTERM)
    lines += server.stdout.read().splitlines()
    assert server.wait(60) == 0
    return [json.loads(line) for line in lines]


def test_servers():
    for event in (*listen("serve", "-m", AXIAL, "--port", "0"), *events("serve", "extra", "--json", code=2)):
        check("serve-event", event)
    config = {"version": 1, "ae_title": "ULITE", "port": cohort_port(), "spool": "spool", "accept": [{"ae_title": "*"}],
              "peers": [{"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": 1}],
              "models": [{"model": AXIAL, "send": ["pacs"]}]}
    write("node.json", config)
    check("node", config, required=False)
    found = listen("node", "node.json")
    assert [e["event"] for e in found] == ["listening", "stopping", "stopped"], found
    for event in found:
        check("node-event", event)


def cohort_port():
    from node.node import free_port
    return free_port()


for number in range(3):
    cohort.write_series(f"cohort/study{number}", f"study {number}", 1)
for name, test in list(globals().items()):
    if name.startswith("test_"):
        test()
        print("ok", name, flush=True)
unused = set(schemas.names()) - checked
assert not unused, f"no document of a run is of {unused}"
