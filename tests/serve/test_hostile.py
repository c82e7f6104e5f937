"""What hostile clients send: each is refused, or its worker dies alone, while others are served.

usage: test_hostile.py ULITE MAKE_SERIES FIXTURES [REQUESTS [LIMITS]]

REQUESTS: how many malformed ones; 300. LIMITS 0: no limits of memory, which sanitizers cannot live with."""
import contextlib
import gzip
import io
import json
import os
import random
import signal
import socket
import struct
import sys
import tempfile
import time
import zipfile

from server import ask_form, children, form, serving
from skipping import needed_modules

with needed_modules():
    import nibabel
    import numpy

ULITE, MAKE_SERIES, FIXTURES = sys.argv[1:4]
REQUESTS = int(sys.argv[4]) if len(sys.argv) > 4 else 300
LIMITS = len(sys.argv) < 6 or sys.argv[5] != "0"
MODEL = f"{FIXTURES}/ct.safetensors"
SCRATCH = tempfile.TemporaryDirectory(prefix="ulite-test-")
os.chdir(SCRATCH.name)


def alive(server):
    status, fields, files = ask_form(server, "POST", "/infer/ct?image=x", {}, {"file": "image.nii.gz"})
    assert status == 200 and "labels.nrrd" in files, (status, fields)


def job(server, data, query="", headers=None):
    """Status of a job when it is over, and what was said."""
    got, _, text = server.ask("POST", f"/api/jobs?model=ct{query}", data, headers)
    if got != 202:
        return got, json.loads(text)
    name = json.loads(text)["id"]
    while (state := server.ask_json("GET", f"/api/jobs/{name}"))["state"] in ("waiting", "running"):
        time.sleep(0.02)
    return state["state"], state


def test_access(server):
    for headers, status in (({"Origin": "http://evil.example"}, 403), ({"Host": "evil.example"}, 403), ({"Host": "127.0.0.1"}, 200),
                            ({"Host": "localhost:1"}, 200), ({"Origin": server.url}, 200), ({"Host": "[::1]"}, 200), ({"Host": "["}, 403)):
        assert server.ask("GET", "/info/", headers=headers)[0] == status, headers
    for path in ("/api/jobs/../../etc/passwd", "/api/jobs/" + "0" * 32, f"/api/jobs/{'0' * 32}/task.json", "/api/jobs/%2e%2e/x", "//"):
        assert server.ask("GET", path)[0] == 404, path
    assert server.ask("POST", "/api/jobs?model=ct&path=../..")[0] == 422


def test_sizes(server):
    assert server.ask("POST", "/api/jobs?model=ct", b"x" * (3 << 20))[0] == 413
    with raw(server, b"POST /api/jobs?model=ct HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") as text:
        assert b" 411 " in text, text
    with raw(server, b"POST /api/jobs?model=ct HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999999\r\n\r\n") as text:
        assert not text or b" 4" in text.split(b"\r\n")[0], text


def header(size, kind=16, offset=352):
    """A NIfTI header that declares so many voxels."""
    bytes_ = bytearray(offset)
    struct.pack_into("<i", bytes_, 0, 348)
    struct.pack_into("<8h", bytes_, 40, 3, *size, 1, 1, 1, 1)
    struct.pack_into("<hh", bytes_, 70, kind, 32)
    struct.pack_into("<8f", bytes_, 76, 1, 1, 1, 1, 1, 1, 1, 1)
    struct.pack_into("<f", bytes_, 108, offset)
    bytes_[344:348] = b"n+1\0"
    return bytes(bytes_)


def zipped(entries):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return data.getvalue()


def test_inputs(server):
    bomb = gzip.compress(header((2000, 2000, 500)) + bytes(1 << 26))
    assert len(bomb) < 1 << 20
    for name, data, codes in (("bomb.nii.gz", bomb, {3, 8}), ("huge.nii", header((32000, 32000, 32000)), {3, 8}), ("nothing", b"\0", {3}),
                              ("a.zip", zipped([("../../evil", b"DICM")]), {3}), ("b.zip", zipped([("/tmp/evil", b"DICM")]), {3}),
                              ("c.zip", zipped([(f"{n}", bytes(1 << 20)) for n in range(60)]), {8}), ("d.zip", b"PK\3\4" + bytes(99), {3}),
                              ("e.zip", zipped([]), {3}), ("f.nii.gz", b"\x1f\x8b" + os.urandom(999), {3}),
                              ("deep.dcm", bytes(128) + b"DICM" + (b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff") * 30000, {3, 8})):
        state, said = job(server, data, f"&filename={name}")
        assert state == "failed" and said["exit_code"] in codes, (name, state, said)
        assert SCRATCH.name not in said["detail"], said


def test_limits(server):
    """A worker that is killed, and one that takes too long."""
    large = nibabel.Nifti1Image(numpy.random.default_rng(1).integers(-1000, 1000, (128, 128, 40)).astype("int16"), numpy.eye(4))
    nibabel.save(large, "large.nii")
    with open("large.nii", "rb") as file:
        data = file.read()
    for what in ("kill", "delete"):
        name = json.loads(server.ask("POST", "/api/jobs?model=ct&filename=x.nii", data)[2])["id"]
        while not (tasks := [task for worker in children(server.process.pid) for task in children(worker)]):
            if server.ask_json("GET", f"/api/jobs/{name}")["state"] in ("done", "failed"):
                break
            time.sleep(0.001)
        if what == "kill" and tasks:
            os.kill(tasks[0], signal.SIGKILL)
            while (state := server.ask_json("GET", f"/api/jobs/{name}"))["state"] == "running":
                time.sleep(0.01)
            assert state["state"] == "done" or state["exit_code"] == 70, state
        if what == "delete":
            server.ask_json("DELETE", f"/api/jobs/{name}")
    deadline = time.monotonic() + 30
    while server.ask("GET", f"/api/jobs/{name}")[0] != 404:
        assert time.monotonic() < deadline
        server.ask("GET", "/api/jobs?model=none")
        job(server, b"\0")


@contextlib.contextmanager
def raw(server, request, wait=20):
    """What comes back to bytes as they are."""
    with socket.create_connection((server.host, server.port), timeout=wait) as connection:
        text = b""
        with contextlib.suppress(ConnectionError, TimeoutError):
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                text += part
        yield text


def mutate(request, rng):
    request = bytearray(request)
    for _ in range(rng.randrange(1, 12)):
        at = rng.randrange(len(request))
        change = rng.randrange(5)
        if change == 0:
            request[at] = rng.randrange(256)
        elif change == 1:
            del request[at:at + rng.randrange(1, 40)]
        elif change == 2:
            request[at:at] = rng.choice((b"\r\n", b"\0", b"--", b'"', b"%", b";", b"/../", b"A" * 5000))
        elif change == 3:
            request[at:at] = request[max(0, at - 60):at]
        else:
            del request[at:]
        if not request:
            return b"\r\n"
    return bytes(request)


def test_malformed(server):
    """Requests with faults at random; the server's memory stays what it was."""
    rng = random.Random(7)
    content_type, body = form({"params": "{}"}, {"label": "image.nii.gz"})
    parts = []
    for line in ("POST /api/jobs?model=ct", "PUT /session/", "POST /infer/ct?image=x", "PUT /datastore/label?image=y", "GET /info/"):
        parts.append(f"{line} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body[:3000])
    before = None
    for number in range(REQUESTS):
        with raw(server, mutate(rng.choice(parts), rng), 3):
            pass
        if number == min(100, REQUESTS // 2):
            before = server.resident_kib()
    alive(server)
    assert server.resident_kib() < before + 20000 or not LIMITS, (before, server.resident_kib())


def test_slow(server):
    """Connections that say nothing hold no place that others need."""
    idle = [socket.create_connection((server.host, server.port)) for _ in range(20)]
    for connection in idle[:10]:
        connection.sendall(b"POST /api/jobs HTTP/1.1\r\nHost: loc")
    alive(server)
    for connection in idle:
        connection.close()


def main():
    values = numpy.random.default_rng(3).integers(-1000, 1000, (32, 32, 3)).astype("int16")
    nibabel.save(nibabel.Nifti1Image(values, numpy.eye(4)), "image.nii.gz")
    limits = ("--max-upload", "2M", "--threads", "1", "--max-task-memory", "1G" if LIMITS else "0")
    with serving(ULITE, "-m", MODEL, "--store", "store", *limits) as server:
        for test in (test_access, test_sizes, test_inputs, test_limits, test_slow, test_malformed):
            test(server)
            alive(server)
    with open("token", "w", encoding="ascii") as file:
        file.write("0123456789abcdef\n")
    with serving(ULITE, "-m", MODEL, "--token-file", "token", *limits) as server:
        for headers, status in (({}, 401), ({"Authorization": "Bearer 0123456789abcdeg"}, 401), ({"Authorization": "Bearer 0123456789abcdef"}, 200)):
            assert server.ask("GET", "/info/", headers=headers)[0] == status, headers
        assert server.ask("GET", "/")[0] == 200  # the page asks for the token


main()
