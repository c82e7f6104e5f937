#!/usr/bin/python3
"""`ulite export` against the ONNX checker: models of odd shapes are valid and keep their metadata.

Usage: test_export_checker.py ULITE MODEL
"""
import os
import subprocess
import sys
import tempfile

from skipping import needed_modules

with needed_modules():
    import onnx

ulite, model = sys.argv[1:]
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "model.onnx")
    subprocess.run([ulite, "export", model, "-o", path], check=True)
    loaded = onnx.load(path)
    onnx.checker.check_model(loaded, full_check=True)
    assert loaded.opset_import[0].version >= 13
    inferred = onnx.shape_inference.infer_shapes(loaded, strict_mode=True)
    for value, name in ((inferred.graph.input[0], "input"), (inferred.graph.output[0], "logits")):
        sizes = [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
        assert value.name == name and sizes == ["batch", 1, "height", "width"], (value.name, sizes)
    metadata = {entry.key: entry.value for entry in loaded.metadata_props}
    assert metadata == {"format": "pt", "ulite": '{"name":"tiny","trained":false}', "naïve": "é\U0001F600\n"}, metadata

    # An output that cannot be written, and a missing model, are told apart.
    for arguments, code in (
        ([model, "-o", os.path.join(path, "below", "a.onnx")], 7),
        ([os.path.join(folder, "none.safetensors"), "-o", path], 3),
        ([path, "-o", os.path.join(folder, "b.onnx")], 6),
        ([model], 2),
    ):
        run = subprocess.run([ulite, "export", *arguments], capture_output=True, text=True)
        assert run.returncode == code and run.stderr.startswith("ulite export: "), (arguments, run)
        assert run.stderr.count("\n") == 1, run.stderr
    assert sorted(os.listdir(folder)) == ["model.onnx"]
