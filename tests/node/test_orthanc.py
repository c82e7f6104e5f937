"""`ulite node` behind Orthanc: studies of Orthanc's are sent to it by C-STORE, their segmentations are in Orthanc once, and
OHIF shows as many voxels as a single run has; while Orthanc is stopped and started again, and the node killed.

usage: test_orthanc.py ULITE FIXTURES [GOOD OPENED], how many studies, and how many of them OHIF opens"""
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time

import skipping

skipping.need("dcmcjpls")
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "peers"))
import node  # noqa: E402
import studies  # noqa: E402
from orthanc import Orthanc  # noqa: E402

import pydicom  # noqa: E402

ULITE, FIXTURES = map(os.path.abspath, sys.argv[1:3])
GOOD, OPENED = [int(number) for number in sys.argv[3:5]] or [5, 1]
MODEL = f"{FIXTURES}/ct.safetensors"
SCRATCH = tempfile.TemporaryDirectory(prefix="ulite-test-")
os.chdir(SCRATCH.name)


def send_all(orthanc, ids):
    orthanc.send(ids["broken"])
    for name, study in ids.items():
        if name == "good2":  # in three associations
            instances = [instance["ID"] for instance in orthanc.get(f"/studies/{study}/instances")]
            for n in range(3):
                orthanc.send(*instances[n::3])
        else:
            orthanc.send(study)
    orthanc.send(ids["good0"])  # once more


def check_voxels(places, paths):
    """OHIF counts what is in the SEG of a single run."""
    import ohif_viewer
    if not skipping.has(*ohif_viewer.PROGRAMS, ohif_viewer.DIST):
        return
    with tempfile.TemporaryDirectory() as profile, ohif_viewer.Ohif(profile) as ohif:
        for place, path in list(zip(places, paths))[:OPENED]:
            found = ohif.open([*sorted(f"{place}/a/{name}" for name in os.listdir(f"{place}/a")), path])
            assert "refused" not in found, found
            shown = {segment["label"]: len(segment["voxels"]) for segment in found["segments"]}
            assert shown == voxels(path), (shown, voxels(path))


def voxels(path):
    """Of each segment of a SEG, by its label."""
    said = subprocess.run([ULITE, "info", path, "--json"], check=True, capture_output=True, text=True)
    return {segment["label"]: segment["voxels"] for segment in json.loads(said.stdout)["segments"]}


def main():
    places = studies.make(GOOD)
    studies.compress(places["good1"])
    expected = dict(studies.expected(ULITE, MODEL, place) for name, place in places.items() if name.startswith("good"))
    orthanc = Orthanc(1)
    one = node.Node(ULITE, "node", MODEL, orthanc.dicom, quiet_seconds=2,
                    accept=[{"ae_title": "PACS", "host": "127.0.0.1"}]).start()
    orthanc.node_port = one.port
    orthanc.configure()
    orthanc.start()
    ids = {name: orthanc.upload(place) for name, place in places.items()}
    dice = random.Random(3)
    sender = threading.Thread(target=send_all, args=(orthanc, ids))
    sender.start()
    time.sleep(dice.random() * 2 + GOOD / 10)
    one.kill()
    one.start()
    time.sleep(dice.random() * 2)
    orthanc.stop()
    time.sleep(2)
    orthanc.start()
    sender.join()
    one.wait_idle(120 + 5 * GOOD)
    found, count = orthanc.segmentations()
    assert count == len(found) == GOOD, (count, len(found))
    assert {uid: studies.content(path)[1] for uid, path in found.items()} == expected
    good = [place for name, place in places.items() if name.startswith("good")]
    by_study = {str(pydicom.dcmread(path).StudyInstanceUID): path for path in found.values()}
    check_voxels(good, [by_study[studies.study_uid(place)] for place in good])
    one.stop()
    orthanc.stop()


main()
