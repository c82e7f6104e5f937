#!/usr/bin/python3
"""A state dict saved from PyTorch is a model as it is, and a model of ours loads into the PyTorch class, name by name.

usage: test_state_dict.py ULITE MAKE_FIXTURE"""
import json
import os
import subprocess
import sys
import tempfile

if len(sys.argv) != 3:
    sys.exit(__doc__)

from skipping import needed_modules

with needed_modules():
    import torch

import ulite_torch

ULITE, MAKE_FIXTURE = sys.argv[1:3]
os.chdir(tempfile.mkdtemp(prefix="ulite-test-"))
TYPES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64"}


def save(path, state):
    """As the safetensors package writes: tensors by name, scalars with an empty shape."""
    header, data = {}, b""
    for name, tensor in sorted(state.items()):
        raw = tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        header[name] = {"dtype": TYPES[tensor.dtype], "shape": list(tensor.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + data)


def info(path):
    done = subprocess.run([ULITE, "info", path, "--json"], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def test_a_state_dict_is_a_model():
    state = ulite_torch.ULite().state_dict()
    assert state["e1.bn.num_batches_tracked"].shape == torch.Size([])
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        save("saved.safetensors", {name: tensor.to(dtype) if tensor.is_floating_point() else tensor
                                   for name, tensor in state.items()})
        found = info("saved.safetensors")
        assert found["shape"]["parameters"] == 878417 and found["shape"]["widths"] == [16, 32, 64, 128, 256, 512]
        assert found["metadata"] == {"format": "pt"} and found["card"] is None
    del state["d3.dw.dw_w.bias"]
    save("lacking.safetensors", state)
    done = subprocess.run([ULITE, "info", "lacking.safetensors"], capture_output=True, text=True)
    assert done.returncode == 6 and "d3.dw.dw_w.bias" in done.stderr, done


def test_a_model_is_a_state_dict():
    for kind in ("colour", "axial", "neighbours"):
        subprocess.run([MAKE_FIXTURE, kind, "ours.safetensors"], check=True)
        shape = info("ours.safetensors")["shape"]
        network = ulite_torch.ULite(shape["input_channels"], shape["classes"], shape["widths"], shape["bottleneck"])
        state = {name: torch.from_numpy(array.copy())
                 for name, array in ulite_torch.read_safetensors("ours.safetensors").items()}
        network.load_state_dict(state, strict=True)
        assert sum(tensor.numel() for tensor in network.parameters()) == shape["parameters"]


for name, test in sorted(globals().items()):
    if name.startswith("test_"):
        test()
        print("ok", name)
