"""`ulite segment` as a module of 3D Slicer: its description by the schema of the Slicer Execution Model, and a run as Slicer
makes one of that description, with its progress.

usage: test_slicer.py ULITE FIXTURES MAKE_SERIES"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from xml.etree import ElementTree

from skipping import has, need, needed_modules

with needed_modules():
    import nibabel

ULITE = sys.argv[1]
HERE = pathlib.Path(__file__).resolve().parent
CH2, HEAD = "/usr/share/mricron/templates/ch2.nii.gz", "head.nii.gz"
need(CH2)
os.chdir(tempfile.mkdtemp(prefix="ulite-test-"))
nibabel.load(CH2).slicer[:, :, 20:90].to_filename(HEAD)  # too large for the model alone: its localiser runs


def installed():
    """The module as it lies in an installation: the script, and the program two folders above."""
    os.makedirs("prefix/share/ulite/slicer")
    os.makedirs("prefix/bin")
    os.symlink(ULITE, "prefix/bin/ulite")
    return shutil.copy(HERE.parent.parent / "apps/segment/UliteSegment", "prefix/share/ulite/slicer")


def command_of(description, values):
    """The options and arguments that Slicer puts together: every parameter with a flag, then those with an index."""
    options, arguments = [], {}
    for parameter in description.iter():
        name = parameter.findtext("name")
        if name is None:
            continue
        value = values.get(name, parameter.findtext("default"))
        if parameter.find("index") is not None:
            arguments[int(parameter.findtext("index"))] = value
        elif parameter.tag == "boolean":
            options += ["--" + parameter.findtext("longflag")] if value == "true" else []
        else:
            options += ["--" + parameter.findtext("longflag"), value]
    return options + [arguments[index] for index in sorted(arguments)]


def main():
    module = installed()
    text = subprocess.run([module, "--xml"], check=True, capture_output=True).stdout
    if has("xmllint"):
        subprocess.run(["xmllint", "--noout", "--relaxng", HERE / "slicer.rng", "-"], input=text, check=True)
    description = ElementTree.fromstring(text)
    models = [element.text for element in description.iter("element")]
    assert {"brain", "hippocampus"} <= set(models) and models == sorted(models), models
    command = command_of(description, {"input": HEAD, "output": "labels.nrrd", "model": "hippocampus"})
    assert command[-1] == HEAD and "--force" not in command and command[:2] == ["--output", "labels.nrrd"], command
    done = subprocess.run([module, *command], check=True, capture_output=True, text=True)
    stages = re.findall("<filter-start><filter-name>(.*?)</filter-name></filter-start>", done.stdout)
    ended = re.findall(r"<filter-end><filter-name>(.*?)</filter-name><filter-time>[\d.]+</filter-time></filter-end>", done.stdout)
    assert "segmenting" in stages and "segmenting" in ended and set(ended) <= set(stages), done.stdout
    progress = [float(value) for value in re.findall("<filter-progress>(.*?)</filter-progress>", done.stdout)]
    assert progress and all(0 <= value <= 1 for value in progress) and progress[-1] == 1, progress
    ElementTree.fromstring(f"<all>{done.stdout}</all>")  # and nothing else is on stdout
    subprocess.run([ULITE, "segment", HEAD, "-m", "hippocampus", "-o", "plain.nrrd", "-q"], check=True)
    assert pathlib.Path("labels.nrrd").read_bytes() == pathlib.Path("plain.nrrd").read_bytes()
    wrong = subprocess.run([module, *command_of(description, {"input": "none.nrrd", "output": "x.nrrd"})], capture_output=True, text=True)
    assert wrong.returncode == 3 and "none.nrrd" in wrong.stderr, wrong


main()
