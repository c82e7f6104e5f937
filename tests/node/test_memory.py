"""The memory of `ulite node` does not grow, and what receiving costs: beside DCMTK's storescp in the same run.

usage: test_memory.py ULITE FIXTURES [STUDIES]"""
import os
import statistics
import subprocess
import sys
import tempfile
import time

import skipping

skipping.need("storescp", "storescu")
import node  # noqa: E402
import studies  # noqa: E402

ULITE, FIXTURES = map(os.path.abspath, sys.argv[1:3])
STUDIES = int(sys.argv[3]) if len(sys.argv) > 3 else 40
MODEL = f"{FIXTURES}/ct.safetensors"
SCRATCH = tempfile.TemporaryDirectory(prefix="ulite-test-")
os.chdir(SCRATCH.name)


def resident(process):
    """KiB of the node, and most of any process that it had."""
    with open(f"/proc/{process.pid}/status") as stream:
        fields = dict(line.split(":", 1) for line in stream)
    return int(fields["VmRSS"].split()[0])


def test_memory():
    """Resident after a tenth of the studies, and after all."""
    kinds = studies.cohort.make("in", STUDIES, 0, 0, 0)["good"]
    pacs = node.StoreScp("pacs", node.free_port(), "+B").start()
    one = node.Node(ULITE, "node", MODEL, pacs.port, quiet_seconds=0.1).start()
    marks = {}
    tenth = max(STUDIES // 10, 10)
    for first in range(0, STUDIES, tenth):
        for place in kinds[first:first + tenth]:
            one.send(place)
        one.wait_idle(60 + 2 * tenth)
        marks[first + tenth] = resident(one.process)
    early, late = marks[tenth], marks[max(marks)]
    print(f"resident after {tenth} studies {early} KiB, after {STUDIES} {late} KiB", flush=True)
    assert late <= 1.05 * early, marks
    assert len(pacs.files()) == STUDIES and one.metrics()["done"] == STUDIES
    one.stop()
    pacs.stop()


def send(port, called, place):
    start = time.monotonic()
    subprocess.run(["storescu", "-aet", "SCANNER", "-aec", called, "+sd", "127.0.0.1", str(port), place], check=True,
                   capture_output=True)
    return time.monotonic() - start


def test_throughput():
    """Three hundred slices of 512x512, in turn to both; figures only, no bound."""
    studies.cohort.SIDE = 512
    studies.cohort.write_series("large", "large", 1, "MR", slices=300)
    pacs = node.StoreScp("plain", node.free_port()).start()
    one = node.Node(ULITE, "fast", MODEL, pacs.port, quiet_seconds=600).start()
    times = {"storescp": [], "node": []}
    for _ in range(5):
        times["storescp"].append(send(pacs.port, "PACS", "large"))
        times["node"].append(send(one.port, "ULITE", "large"))
    middle = {name: statistics.median(values) for name, values in times.items()}
    print("300 slices of 512x512, median of five:", *(f"{name} {value:.2f} s" for name, value in middle.items()),
          f"ratio {middle['node'] / middle['storescp']:.2f}", flush=True)
    one.stop()
    pacs.stop()


test_memory()
test_throughput()
