"""A node of `ulite node` on free ports, and DCMTK's programs as its peers."""
import atexit
import json
import os
import signal
import socket
import subprocess
import time
import urllib.request

import schemas
import skipping


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def begin(command, **how):
    """A process that ends with the test, also where that fails."""
    process = subprocess.Popen(command, **how)
    atexit.register(process.kill)
    return process


def until(condition, seconds=60, why="nothing happened"):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, why() if callable(why) else why
        time.sleep(0.02)
    return found


def connects(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


class Node:
    def __init__(self, ulite, folder, model, peer_port, **more):
        os.makedirs(folder, exist_ok=True)
        self.ulite, self.folder, self.process, self.starts = ulite, folder, None, 0
        self.port, self.metrics_port = free_port(), free_port()
        config = {"version": 1, "ae_title": "ULITE", "port": self.port, "metrics_port": self.metrics_port,
                  "spool": "spool", "quiet_seconds": 0.5,
                  "limits": {"free_mib": 1, "idle_seconds": 20},
                  "accept": [{"ae_title": "SCANNER", "host": "127.0.0.1"}, {"ae_title": "ORTHANC"}],
                  "peers": [{"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": peer_port}],
                  "models": [{"model": model, "send": ["pacs"]}]}
        limits = more.pop("limits", {})
        config.update(more)
        config["limits"].update(limits)
        self.config = f"{folder}/node.json"
        schemas.check("node", config)
        with open(self.config, "w") as stream:
            json.dump(config, stream)
        self.log = f"{folder}/log.jsonl"

    def start(self):
        with open(self.log, "a") as log, open(f"{self.folder}/stderr", "a") as errors:
            self.process = begin([self.ulite, "node", self.config, "--json", "--threads", "1"], stdout=log, stderr=errors)
        self.starts += 1
        until(lambda: len(self.events("listening")) == self.starts or self.process.poll() is not None)
        assert self.process.poll() is None, open(f"{self.folder}/stderr").read()
        return self

    def stop(self, number=signal.SIGTERM, code=0):
        self.process.send_signal(number)
        assert self.process.wait(60) == code, self.process.returncode
        for event in self.events():
            schemas.check("node-event", event)

    def kill(self):
        self.stop(signal.SIGKILL, -signal.SIGKILL)

    def events(self, kind=None):
        """The whole lines of the log."""
        with open(self.log) as stream:
            found = [json.loads(line) for line in stream if line.endswith("\n")]
        return [event for event in found if kind in (None, event["event"])]

    def metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10) as answer:
            lines = [line for line in answer.read().decode().splitlines() if not line.startswith("#")]
        return {name.removeprefix("ulite_node_").removesuffix("_total"): float(value)
                for name, value in (line.rsplit(" ", 1) for line in lines)}

    def in_spool(self, folder):
        return sorted(os.listdir(f"{self.folder}/spool/{folder}"))

    def idle(self):
        return not any(map(self.in_spool, ("new", "work", "outbox")))

    def wait_idle(self, seconds=120):
        until(self.idle, seconds, lambda: f"still there: {[(f, self.in_spool(f)) for f in ('new', 'work', 'outbox')]}, "
                                          f"{self.events()[-5:]}")

    def send(self, *paths, caller="SCANNER", called="ULITE", options=(), code=0):
        done = subprocess.run(["storescu", "-aet", caller, "-aec", called, *options, "+sd", "+r", "127.0.0.1",
                               str(self.port), *paths], capture_output=True, text=True)
        assert code is None or done.returncode == code, (done.returncode, done.stderr)
        return done


class StoreScp:
    """DCMTK's storescp, which keeps what it gets in a folder, a file per SOP instance."""

    def __init__(self, folder, port, *options):
        os.makedirs(folder, exist_ok=True)
        self.folder, self.port, self.options, self.process = folder, port, options, None

    def start(self):
        skipping.need("storescp", "storescu", "echoscu")
        self.process = begin(["storescp", "-aet", "PACS", "-od", self.folder, *self.options, str(self.port)],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: connects(self.port))
        return self

    def stop(self):
        self.process.kill()
        self.process.wait()

    def files(self):
        return sorted(f"{self.folder}/{name}" for name in os.listdir(self.folder))
