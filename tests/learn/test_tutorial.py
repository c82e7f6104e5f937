#!/usr/bin/python3
"""The walk of docs/training.md, its own commands, with few training steps.

usage: test_tutorial.py ULITE MAKE_SERIES"""
import json
import os
import re
import struct
import subprocess
import sys
import tempfile

import datasets
from skipping import need

ULITE, MAKE_SERIES = sys.argv[1:3]
DOC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "training.md")
SHORT = "--epochs 3 --plan short.json --threads 1"


def commands():
    with open(DOC, encoding="utf-8") as file:
        walk = file.read().split("## The data set")[0]
    blocks = re.findall(r"```sh\n(.*?)```", walk, re.S)
    assert len(blocks) == 3, f"{len(blocks)} blocks of commands"
    script = "".join(blocks)
    assert script.count("--epochs 20") == 1
    return script.replace("--epochs 20", SHORT)


def main():
    need(datasets.HEAD)
    with tempfile.TemporaryDirectory() as folder:
        datasets.write_json(f"{folder}/short.json", {"training": {
            "steps": 20, "batch": 4, "patch_width": 64, "patch_height": 64}})
        path = f"{os.path.dirname(ULITE)}:{os.path.dirname(MAKE_SERIES)}:{os.environ['PATH']}"
        done = subprocess.run(["bash", "-eu", "-o", "pipefail", "-c", commands()], cwd=folder, check=False,
                              capture_output=True, text=True, env={**os.environ, "PATH": path})
        assert done.returncode == 0, done.stderr[-2000:]
        for name in ("brain.csv", "brain.svg", "brain.pdf", "brain.split.json", "brain.checkpoint",
                     "slab06.seg.dcm", "slab06.png"):
            assert os.path.getsize(f"{folder}/{name}") > 0, name
        with open(f"{folder}/brain.safetensors", "rb") as file:
            length, = struct.unpack("<Q", file.read(8))
            card = json.loads(json.loads(file.read(length))["__metadata__"]["ulite"])
        metrics = {m["name"]: m["value"] for m in card["metrics"]}
        dice = re.search(r"^Brain +([0-9.]+)", done.stdout, re.M)
        assert dice and abs(float(dice[1]) - metrics["test Dice Brain"]) < 1e-4, (done.stdout, metrics)
        assert metrics["test Dice Brain"] > 0.6, metrics  # sixty small steps
        assert re.search(r"^ +dice +0\.[6-9]", done.stdout, re.M), done.stdout


main()
