#!/usr/bin/python3
"""What `ulite bench`, info, export and models say, to people and to programs.

usage: test_tools.py ULITE SOURCE_FOLDER BUILD_FOLDER"""
import json
import os
import subprocess
import sys
import tempfile

from skipping import need, needed_modules

with needed_modules():
    import nibabel
    import numpy

ULITE, SOURCE, BUILD = sys.argv[1:4]
FIXTURES = f"{BUILD}/fixtures"
GOLDEN = f"{SOURCE}/testdata/golden/weights.safetensors"
HEAD = "/usr/share/mricron/templates/ch2.nii.gz"
QUICK = ["--seconds", "0.01", "--threads", "1"]
need(HEAD)
os.chdir(tempfile.mkdtemp(prefix="ulite-test-"))


def ulite(*arguments, code=0, **environment):
    done = subprocess.run([ULITE, *arguments], capture_output=True, text=True, timeout=120,
                          env={**os.environ, "ULITE_MODELS": FIXTURES, **environment})
    assert done.returncode == code, (arguments, done.returncode, done.stderr)
    return done


def as_json(*arguments, **environment):
    return json.loads(ulite(*arguments, "--json", **environment).stdout)


def test_bench_keys():
    found = as_json("bench", *QUICK, "--size", "96x64", "--slices", "3", "--threads", "2")
    assert 0 < found["ms_per_slice"]["min"] <= found["ms_per_slice"]["median"]
    assert abs(found["slices_per_second"] * found["ms_per_slice"]["median"] - 1000) < 1
    assert abs(found["gmac_per_second"] * found["ms_per_slice"]["min"] / found["gmac_per_slice"] - 1000) < 1
    assert found["peak_gmac_per_second"] > 0 and found["arena_bytes"] > 0
    assert (found["threads"], found["size"], found["slices"], found["grey"]) == (2, "96x64", 3, False)
    assert "layers" not in found


def test_bench_layers():
    quick = [*QUICK, "--size", "64x64"]  # a sixteenth of the 0.611 GMAC, 0.508 for grey, of 256x256
    found = as_json("bench", "--layers", *quick)
    assert found["size"] == "64x64" and 0.60 < 16 * found["gmac_per_slice"] < 0.62
    assert [layer["name"] for layer in found["layers"]] == [
        "e1", "e2", "e3", "e4", "e5", "b5", "d5", "d4", "d3", "d2", "d1"]
    assert abs(sum(layer["gmac"] for layer in found["layers"]) / found["gmac_per_slice"] - 1) < 1e-4
    assert all(layer["ms"] > 0 for layer in found["layers"])
    with open(f"{SOURCE}/docs/benchmarks.md", encoding="utf-8") as page:
        documented = page.read()
    assert all(f"`{key}`" in documented for key in (*found, *found["ms_per_slice"], *found["layers"][0])), list(found)
    assert 0.49 < 16 * as_json("bench", "--grey", *quick)["gmac_per_slice"] < 0.52
    table = ulite("bench", "--layers", *quick).stdout
    for word in ("ms per slice", "slices per second", "GMAC per second", "of the peak", "arena bytes", "\nd1 "):
        assert word in table, (word, table)


def test_bench_models_and_levels():
    for model in ("axial", f"{FIXTURES}/axial.safetensors", GOLDEN):
        assert as_json("bench", "-m", model, "--size", "64x64", *QUICK)["gmac_per_slice"] < 0.02
    assert as_json("bench", "--size", "64x64", *QUICK, ULITE_CPU="scalar")["level"] == "scalar"
    assert "sse9" in ulite("bench", *QUICK, code=2, ULITE_CPU="sse9").stderr
    said = ulite("bench", "-m", "absent", code=3).stderr
    assert "absent" in said and "axial, " in said and "colour" in said
    for size in ("0x64", "64x0", "100000x64", "64x100000", "33x64"):
        said = ulite("bench", "--size", size, code=2).stderr
        assert size.replace("x", " x ") in said and "multiples of 32 from 32 to 16384" in said, said
    for size in ("64", "64x64x64", "-32x64", "64x64px", ""):
        assert f'--size takes HxW, not "{size}"' in ulite("bench", "--size", size, code=2).stderr


def test_info_model():
    found = as_json("info", "axial")
    assert found["kind"] == "model" and found["card"]["name"] == "fixture-axial"
    assert found["shape"]["classes"] == 3 and found["shape"]["input_channels"] == 1
    assert found == as_json("info", f"{FIXTURES}/axial.safetensors")
    assert found["fault"] is None and "refuses" not in ulite("info", "axial").stdout
    table = ulite("info", GOLDEN).stdout
    assert "56266 parameters" in table and "`ulite segment` refuses this model: the model has no card" in table
    assert as_json("info", GOLDEN)["card"] is None


def put_card(card, path="card.safetensors"):
    """The axial fixture with another card, as text or as an object."""
    with open(f"{FIXTURES}/axial.safetensors", "rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        header, tensors = json.loads(stream.read(size)), stream.read()
    header["__metadata__"]["ulite"] = card if isinstance(card, str) else json.dumps(card)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text + tensors)
    return path


def test_info_tells_wrong_cards():
    good = {"classes": [{"number": 1}, {"number": 2}]}
    for card, fault in (
            ({**good, "modality": 5}, '"modality" is 5, must be a text'),
            ({**good, "channels": "cmyk"}, '"channels" is "cmyk", must be one of grey, rgb, neighbours'),
            ({**good, "channels": "rgb"}, '"channels" is rgb, but the network takes 1'),
            ({**good, "size": [1000000, 5]}, '"size" is [1000000,5]'),
            ({**good, "normalisation": {"kind": "sd"}}, '"normalisation": "kind" is "sd"'),
            ({}, '"classes" is absent'),
            ({"classes": [{"number": 0}]}, '"number" is 0'),
            ({"classes": [{"number": 3}]}, "class number 3"),
            ([], "not a JSON object"),
            ("no JSON", "not valid JSON"),
            (json.dumps(good) + " {}", "not valid JSON"),
            ('{"classes": [{"number": 1}], "modality": "MR", "modality": "CT"}', '"modality" stands twice')):
        path = put_card(card)
        refused = ulite("segment", HEAD, "-m", path, "-o", "refused.nii.gz", code=6).stderr.strip()
        found = as_json("info", path)
        assert fault in found["fault"] and refused.endswith(found["fault"]), (refused, found["fault"])
        assert f"`ulite segment` refuses this model: {found['fault']}\n" in ulite("info", path).stdout
    assert found["card"] is None and "twice" not in found["metadata"]["ulite"]
    assert as_json("info", put_card(good))["fault"] is None


def test_info_shows_sources_of_codes():
    code = {"value": "5366008", "scheme": "SCT", "meaning": "Hippocampus"}
    path = put_card({"classes": [{"number": 1, "type": {**code, "source": "DICOM CID 7140"}, "region": code}]})
    table = ulite("info", path).stdout
    for words in ("type: Hippocampus (SCT 5366008, DICOM CID 7140)", "region: Hippocampus (SCT 5366008, no source named)"):
        assert words in table, table
    for model in ("fetal-head", "hippocampus", "nuclei"):
        table = ulite("info", f"{SOURCE}/models/{model}/{model}.safetensors").stdout
        assert "(SCT " in table and "no source named" not in table, table


def test_info_volume():
    found = as_json("info", HEAD)
    assert (found["kind"], found["size"], found["sample"]) == ("nifti", [181, 217, 181], "uint8")
    assert found["spacing_mm"] == [1, 1, 1] and found["plane"] == "axial"
    values = numpy.asarray(nibabel.load(HEAD).dataobj)
    assert (found["minimum"], found["maximum"]) == (values.min(), values.max())
    assert "181x217x181" in ulite("info", HEAD).stdout
    values = numpy.arange(120, dtype="f4").reshape(5, 4, 3, 2) - 7.5
    nibabel.save(nibabel.Nifti1Image(values, numpy.diag([2, 3, 4, 1])), "4d.nii")
    found = as_json("info", "4d.nii")
    assert found["size"] == [5, 4, 3] and found["spacing_mm"] == [2, 3, 4] and len(found["notes"]) == 1
    assert (found["minimum"], found["maximum"]) == (-7.5, 110.5)


def test_info_refuses():
    with open("text.nii", "w") as stream:
        stream.write("no volume")
    with open("text.png", "w") as stream:
        stream.write("no picture")
    for path in ("text.nii", "text.png", "absent.nii", "absent", "./absent"):
        said = ulite("info", path, code=3)
        assert path in said.stderr and len(said.stderr.splitlines()) == 1 and not said.stdout
    for arguments in ([], ["a", "b"]):
        ulite("info", *arguments, code=2)


def test_export():
    ulite("export", "axial", "-o", "axial.onnx")
    with open("axial.onnx", "rb") as stream:
        assert b"logits" in stream.read()
    assert ulite("export", "axial", "-o", "again.onnx", "-q").stderr == ""
    assert json.loads(ulite("export", "axial", "-o", "again.onnx", "--json").stdout) == {"version": 1, "path": "again.onnx"}
    ulite("export", "absent", "-o", "x.onnx", code=3)
    with open("broken.safetensors", "wb") as stream, open(GOLDEN, "rb") as source:
        stream.write(source.read()[:-5])
    ulite("export", "broken.safetensors", "-o", "x.onnx", code=6)
    ulite("export", "axial", "-o", "absent/x.onnx", code=7)
    assert sorted(os.listdir(".")).count("x.onnx") == 0


def test_models():
    names = [entry["name"] for entry in as_json("models")["models"] if entry["name"] in ("axial", "colour", "neighbours", "slices")]
    assert names == ["axial", "colour", "neighbours", "slices"]
    entry = next(entry for entry in as_json("models")["models"] if entry["name"] == "axial")
    assert entry["licence"] == "BSD-3-Clause" and entry["trained"] is False and entry["metrics"] == {}
    assert entry["input"] == "any modality, axial, grey, 1x1 mm"
    table = ulite("models").stdout
    for word in ("axial\n", "task", "input     any modality, axial, grey, 1x1 mm", "licence", "untrained"):
        assert word in table, word
    os.mkdir("models")
    with open("models/bad.safetensors", "w") as stream:
        stream.write("{}")
    assert "bad" in ulite("models", code=1, ULITE_MODELS="models").stderr


for name, test in sorted(globals().items()):
    if name.startswith("test_"):
        test()
        print("ok", name)
