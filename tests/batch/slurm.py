"""A cohort as a Slurm array of four on this machine, of which one task is killed and requeued: the merged log, table and
outputs are those of one run. Starts daemons of its own (munged, slurmctld, slurmd) in a scratch folder; needs root.

usage: slurm.py ULITE FIXTURES SOURCE_FOLDER"""
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

import cohort
from cohort import content, lines, timeless
from skipping import need, skip

ULITE, FIXTURES, SOURCE = map(os.path.abspath, sys.argv[1:4])
MODEL = f"{FIXTURES}/ct.safetensors"
TASKS, KILLED, STUDIES = 4, 3, 160
LIMIT = 240  # seconds to wait for anything

CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={control}
SlurmdPort={node}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=10
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=8 RealMemory=65536 State=UNKNOWN
PartitionName=test Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def wait_for(what, condition):
    end = time.monotonic() + LIMIT
    while not (found := condition()):
        assert time.monotonic() < end, f"waited {LIMIT} s for {what}"
        time.sleep(0.01)
    return found


def output_of(*command):
    return subprocess.run(command, capture_output=True, text=True).stdout


@contextlib.contextmanager
def cluster(folder):
    """munged, slurmctld and slurmd of this test alone, ended when it ends."""
    for name in ("state", "spool"):
        os.mkdir(f"{folder}/{name}")
    with open(f"{folder}/munge.key", "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as key:
        key.write(os.urandom(128))
    control, node = free_ports(2)
    with open(f"{folder}/slurm.conf", "w") as stream:
        stream.write(CONFIGURATION.format(folder=folder, control=control, node=node, host=socket.gethostname().split(".")[0]))
    os.environ["SLURM_CONF"] = f"{folder}/slurm.conf"
    munged = ["/usr/sbin/munged", "--foreground", "--force"]
    munged += [f"--{name}={folder}/munge.{name.split('-')[0]}" for name in
               ("key-file", "log-file", "pid-file", "seed-file", "socket")]
    started = []
    try:
        for command, ready in ((munged, lambda: os.path.exists(f"{folder}/munge.socket")),
                               (["/usr/sbin/slurmctld", "-D"], lambda: "UP" in output_of("scontrol", "ping")),
                               (["/usr/sbin/slurmd", "-D"], lambda: "idle" in output_of("sinfo", "-h", "-o", "%t"))):
            with open(f"{folder}/{os.path.basename(command[0])}.out", "w") as stream:
                started.append(subprocess.Popen(command, stdout=stream, stderr=stream))
            wait_for(command[0], ready)
        yield
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait()


def states(job):
    """The state of each task by its number."""
    text = output_of("scontrol", "--oneliner", "show", "job", job)
    return {int(task): state for task, state in re.findall(r"ArrayTaskId=(\d+) .*?JobState=(\w+)", text)}


def process_of(job_folder, task):
    """The process of ulite that runs this task."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/cmdline", "rb") as command, open(f"/proc/{pid}/environ", "rb") as environment:
                words = command.read().decode(errors="replace").split("\0")
                if os.path.basename(words[0]) == "ulite" and job_folder in words and \
                        f"SLURM_ARRAY_TASK_ID={task}" in environment.read().decode(errors="replace").split("\0"):
                    return int(pid)
    return None


def test_array():
    out, log = os.path.abspath("out"), f"out/runs.{KILLED}-of-{TASKS}.jsonl"
    job = cohort.run("sbatch", "--parsable", f"--array=1-{TASKS}", f"{SOURCE}/scripts/slurm/batch.sh",
                     os.path.abspath("in"), MODEL, out).stdout.strip()
    wait_for("the first case", lambda: os.path.exists(log) and os.path.getsize(log) > 0)
    os.kill(wait_for("the task's process", lambda: process_of(out, KILLED)), signal.SIGKILL)
    wait_for("the killed task's end", lambda: states(job).get(KILLED) == "FAILED")
    before = len(lines(log, whole=True))
    assert 0 < before < STUDIES // TASKS, before
    cohort.run("scontrol", "requeue", f"{job}_{KILLED}")
    ended = wait_for("the array", lambda: (found := states(job)) and len(found) == TASKS and
                     set(found.values()) <= {"COMPLETED", "FAILED"} and found)
    print(f"task {KILLED} of {TASKS} was killed after {before} cases and requeued; at the end:", ended, flush=True)
    counts = [len(lines(f"out/runs.{task}-of-{TASKS}.jsonl")) for task in range(1, TASKS + 1)]
    print("cases of the tasks:", *counts, flush=True)
    failed = {task for task in range(1, TASKS + 1)
              if any(run["exit_code"] for run in lines(f"out/runs.{task}-of-{TASKS}.jsonl"))}
    assert {task for task, state in ended.items() if state == "FAILED"} == failed, (ended, failed)
    cohort.run(ULITE, "batch", "--merge", "out")
    cohort.run(ULITE, "batch", os.path.abspath("in"), "-m", MODEL, "-o", "one", code=1)
    assert timeless("out/runs.jsonl") == timeless("one/runs.jsonl")
    assert {k: v for k, v in content("out").items() if not re.match(r"volumes\.\d", k)} == content("one")


need("munged", "slurmctld", "slurmd", "sbatch", "scontrol", "srun")
if os.geteuid() != 0:
    skip("slurmd needs root")
os.environ["PATH"] = f"{os.path.dirname(ULITE)}:{os.environ['PATH']}"
with tempfile.TemporaryDirectory(prefix="ulite-test-") as scratch:
    os.chdir(scratch)
    cohort.make("in", STUDIES)
    os.mkdir("slurm")
    with cluster(os.path.abspath("slurm")):
        test_array()
    os.chdir("/")
