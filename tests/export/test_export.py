#!/usr/bin/python3
"""test_export.mjs, where node is there to run it.

usage: test_export.py ULITE REFERENCE_FOLDER"""
import pathlib
import subprocess
import sys

from skipping import need

HERE = pathlib.Path(__file__).resolve().parent

need("node", HERE.parent / "peers/node_modules", sys.argv[2])
sys.exit(subprocess.run(["node", HERE / "test_export.mjs", *sys.argv[1:]], check=False).returncode)
