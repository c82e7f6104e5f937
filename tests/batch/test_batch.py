"""`ulite batch`: outputs equal to single runs, failures told one by one, the same log and table after
kills, by shards, and with two models; names, rules, lists.

usage: test_batch.py ULITE FIXTURES [GOOD BROKEN UNFIT AMBIGUOUS], how many studies of each kind"""
import csv
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import cohort
import schemas
from cohort import content, lines, timeless

ULITE, FIXTURES = map(os.path.abspath, sys.argv[1:3])
COUNTS = [int(count) for count in sys.argv[3:7]] or [12, 2, 2, 1]
GOOD = COUNTS[0]
MODEL = f"{FIXTURES}/ct.safetensors"
SCRATCH = tempfile.TemporaryDirectory(prefix="ulite-test-")
os.chdir(SCRATCH.name)
KINDS = cohort.make("in", *COUNTS)
COUNT = sum(map(len, KINDS.values()))


def batch(*arguments, code=0, env=None):
    return cohort.run(ULITE, "batch", *arguments, code=code, env=env)


def test_whole():
    done = batch("in", "-m", MODEL, "-o", "whole", code=1)
    runs = lines("whole/runs.jsonl")
    assert [run["number"] for run in runs] == list(range(1, COUNT + 1))
    assert len({run["case"] for run in runs}) == COUNT
    for run in runs:
        kind = re.search("Secret_([a-z]+)_", run["input"]).group(1)
        assert run["exit_code"] == {"good": 0, "broken": 3, "unfit": 4, "ambiguous": 4}[kind], run
        assert (run["status"] == "done") == (kind == "good") == bool(run["output"]), run
        assert kind == "broken" or run["version"] == 1 and run["seconds"] >= 0 and run["peak_mib"] > 0
        if kind != "good":
            said = [line for line in done.stderr.splitlines() if line.startswith(f"case {run['number']} ")]
            assert len(said) == 1 and f"exit {run['exit_code']}: {run['reason']}" in said[0], (said, run)
    assert f"{GOOD} of {COUNT} cases done, {COUNT - GOOD} failed, 0 left" in done.stderr
    with open("whole/volumes.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 2 * GOOD and all(float(row["volume_ml"]) >= 0 for row in rows)
    assert "Secret" not in open("whole/volumes.csv").read()
    for place in KINDS["good"]:
        cohort.run(ULITE, "segment", place, "-m", MODEL, "-o", "single/")
    single = content("single")
    assert single == {k: v for k, v in content("whole").items() if k != "volumes.csv"}
    assert len(single) == GOOD
    check_memory([run["peak_mib"] for run in runs if run["status"] == "done"])


def check_memory(peaks):
    """The last hundred cases take no more than the first."""
    if len(peaks) < 300:
        return
    first, last = (sum(part) / len(part) for part in (peaks[:100], peaks[-100:]))
    print(f"peak memory: {first:.2f} MiB over the first hundred cases, {last:.2f} over the last", flush=True)
    assert abs(last - first) <= 0.05 * first, (first, last)


def test_schema():
    for run in lines("whole/runs.jsonl"):
        schemas.check("run", run)


def test_again():
    """The same command does nothing, --retry failed what failed, and other options are refused."""
    before, logged = content("whole"), open("whole/runs.jsonl").read()
    done = batch("in", "-m", MODEL, "-o", "whole", code=1)
    assert f"{COUNT} cases were run before" in done.stderr
    assert content("whole") == before and open("whole/runs.jsonl").read() == logged
    batch("in", "-m", MODEL, "-o", "whole", "--retry", "failed", code=1)
    assert content("whole") == before and len(lines("whole/runs.jsonl")) == COUNT
    assert "other options" in batch("in", "-m", MODEL, "-o", "whole", "--rle", "--type", "labelmap", code=2).stderr
    batch("in", "-m", MODEL, "-o", "whole", "--overwrite", code=1)
    assert content("whole") == before and len(lines("whole/runs.jsonl")) == COUNT


def test_kills():
    """Killed at any moment and started again: as if it had never been killed."""
    dice = random.Random(5)
    command = [ULITE, "batch", "in", "-m", MODEL, "-o", "killed", "--threads", "1"]
    longest = sum(run["seconds"] for run in lines("whole/runs.jsonl")) / 15
    landed = []
    for _ in range(10):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        logged = len(open("killed/runs.jsonl").read()) if os.path.exists("killed/runs.jsonl") else 0
        while process.poll() is None and (not os.path.exists("killed/runs.jsonl") or
                                          os.path.getsize("killed/runs.jsonl") <= logged):
            time.sleep(0.001)
        time.sleep(dice.random() * longest)
        process.send_signal(signal.SIGKILL)
        process.wait()
        landed.append(len(lines("killed/runs.jsonl", whole=True)))
    print("killed after", *landed, "of", COUNT, "cases", flush=True)
    with open("killed/runs.jsonl", "a") as stream:
        stream.write('{"version":1,"numb')  # as a kill within a write would leave it
    with open("killed/volumes.csv", "a") as stream:
        stream.write("1,2")
    batch("in", "-m", MODEL, "-o", "killed", code=1)
    assert content("killed") == content("whole")
    assert timeless("killed/runs.jsonl") == timeless("whole/runs.jsonl")


def test_shards():
    for shard in (3, 1, 4, 2):
        env = {"SLURM_ARRAY_TASK_ID": str(shard + 6), "SLURM_ARRAY_TASK_MIN": "7", "SLURM_ARRAY_TASK_COUNT": "4"}
        how = ([], env) if shard % 2 else (["--shard", f"{shard}/4"], None)
        cohort_code = subprocess.run([ULITE, "batch", "in", "-m", MODEL, "-o", "shards", *how[0]],
                                     env={**os.environ, **(how[1] or {})}, capture_output=True).returncode
        assert cohort_code in (0, 1), (shard, cohort_code)
    batch("--merge", "shards")
    assert timeless("shards/runs.jsonl") == timeless("whole/runs.jsonl")
    parts = {k: v for k, v in content("shards").items() if not re.match(r"volumes\.\d", k)}
    assert parts == content("whole")
    batch("in", "-m", MODEL, "-o", "shards", "--shard", "2/4", code=1 if any(
        run["exit_code"] for run in lines("shards/runs.2-of-4.jsonl")) else 0)
    batch("--merge", "single", code=3)
    batch("in", "-m", MODEL, "-o", "shards", "--shard", "5/4", code=2)


def test_two_models():
    shutil.copytree("whole", "two")
    with open("ct.json", "w") as stream:  # the second model is made for any modality
        json.dump({"version": 1, "rules": [{"modality": "CT"}]}, stream)
    batch("in", "-m", f"{FIXTURES}/head.safetensors", "-o", "two", "--rules", "ct.json", code=1)
    before, both = content("whole"), content("two")
    assert len(lines("two/runs.jsonl")) == 2 * COUNT and len(both) == 2 * GOOD + 1
    assert all(both[name] == before[name] for name in before if name != "volumes.csv")
    assert both["volumes.csv"].startswith(before["volumes.csv"])


def test_names():
    batch("in", "-m", MODEL, "-o", "names", "--name", "%n/%s_%m", "--format", "nii.gz", code=1)
    assert sum(bool(re.fullmatch(r"\d{5}/\d_[\w-]+\.nii\.gz", name)) for name in content("names")) == GOOD
    done = batch("in", "-m", MODEL, "-o", "same", "--name", "same", code=1)
    assert done.stderr.count("another case's output has this name") == GOOD - 1
    for wrong in ("../x", "/x", "%q", "%", ""):
        batch("in", "-m", MODEL, "-o", "wrong", "--name", wrong, code=2)
    assert not os.path.exists("wrong")


def test_rules():
    def rules(*items):
        with open("rules.json", "w") as stream:
            json.dump({"version": 1, "rules": list(items)}, stream)
        return "rules.json"
    made = rules({"modality": "CT", "description": "SCAN 1"}, {"modality": "XA"})
    batch("in", "-m", MODEL, "-o", "ruled", "--rules", made, code=1)
    runs = lines("ruled/runs.jsonl")
    assert sum(run["status"] == "done" for run in runs) == GOOD + len(KINDS["ambiguous"])  # which has a scan 1
    assert all(run["choice"].startswith("rule 1") for run in runs if run["status"] == "done")
    assert {run["exit_code"] for run in runs if run["status"] == "failed"} == {3, 4}
    for wrong in ({"modality": 1}, {"colour": "red"}, {"plane": "up"}, {"prefer": "x"}):
        done = batch("in", "-m", MODEL, "-o", "wrong", "--rules", rules({"modality": "MR"}, wrong), code=2)
        assert "rules.json: rule 2: " in done.stderr and not os.path.exists("wrong"), done.stderr


def test_lists_and_events():
    with open("list.txt", "w") as stream:
        stream.write("# two of them\n" + "\n".join(KINDS["good"][:2] + KINDS["broken"][:1]) + "\nin/Secret_absent\n")
    done = batch("list.txt", "-m", MODEL, "-o", "listed", "--json", code=1)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["event"] for event in events] == ["case"] * 4 + ["done"]
    assert [event["exit_code"] for event in events[:4]] == [0, 0, 3, 3]
    assert events[4] == {"event": "done", "done": 2, "failed": 2, "left": 0, "version": 1}
    done = batch(os.path.abspath("list.txt"), "-m", MODEL, "-o", "listed", code=1)
    assert "4 cases were run before" in done.stderr, done.stderr
    outputs = [run["output"] for run in lines("listed/runs.jsonl") if run["output"]]
    single = content("single")
    assert sorted(content("listed")[name] for name in outputs)[0] in single.values()


def test_usage():
    for arguments in ([], ["in"], ["in", "-m", MODEL], ["-m", MODEL, "-o", "x"], ["--merge", "x", "in"],
                      ["in", "-m", MODEL, "-o", "x", "--retry", "all"], ["in", "-m", MODEL, "-o", "x", "--format", "gif"]):
        batch(*arguments, code=2)
    batch("absent", "-m", MODEL, "-o", "x", code=3)


for name, test in list(globals().items()):
    if name.startswith("test_"):
        test()
        print(name, flush=True)
