"""Series that requests name come from a DICOMweb server: Orthanc's, and one that answers wrongly.

usage: test_dicomweb.py ULITE MAKE_SERIES FIXTURES"""
import glob
import http.server
import os
import subprocess
import sys
import tempfile
import threading
import time

import skipping
from server import serving

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../node"))
HEAD = "/usr/share/mricron/templates/ch2.nii.gz"
skipping.need(HEAD, "storescu")
import orthanc  # noqa: E402

with skipping.needed_modules():
    import pydicom
    import requests

ULITE, MAKE_SERIES, FIXTURES = map(os.path.abspath, sys.argv[1:4])
MODEL = f"{FIXTURES}/ct.safetensors"
TOKEN = "Bearer " + "abc" * 2000
SCRATCH = tempfile.TemporaryDirectory(prefix="ulite-test-")
os.chdir(SCRATCH.name)


def content(path):
    with open(path, "rb") as file:
        return file.read()


def make(name, box):
    """A series, and what ulite segment makes of it."""
    subprocess.run([MAKE_SERIES, HEAD, "-o", name, "--modality", "CT", "--box", box], check=True)
    subprocess.run([ULITE, "segment", name, "-m", MODEL, "-o", f"{name}.nrrd", "-o", f"{name}.seg.dcm", "-q"], check=True)
    path = glob.glob(f"{name}/**/*.dcm", recursive=True)[0]
    return str(pydicom.dcmread(path).SeriesInstanceUID), content(f"{name}.nrrd"), content(f"{name}.seg.dcm")


def job(server, query):
    reply = requests.post(f"{server.url}/api/jobs?model=ct{query}", timeout=60)
    assert reply.status_code == 202, reply.text
    url = f"{server.url}/api/jobs/{reply.json()['id']}"
    while (state := requests.get(url, timeout=60).json())["state"] in ("waiting", "running"):
        time.sleep(0.02)
    return state


def test_orthanc(series):
    peer = orthanc.Orthanc(1, dicomweb=True)
    peer.start()
    try:
        for name in ("one", "two"):
            for path in glob.glob(f"{name}/**/*.dcm", recursive=True):
                peer.post("/instances", content(path))
        with serving(ULITE, "-m", MODEL, "--dicomweb", f"http://127.0.0.1:{peer.http}/dicom-web") as server:
            for uid, nrrd, seg in series:
                reply = requests.post(f"{server.url}/infer/ct?image={uid}&output=image", timeout=60)
                assert reply.status_code == 200 and reply.content == nrrd, reply.text[:300]
                state = job(server, f"&series={uid}&formats=seg")
                assert state["state"] == "done", state
                assert requests.get(server.url + state["results"]["seg"], timeout=60).content == seg
            for uid in ("1.2.3", "1.2.3/../x", "", "9" * 65):
                assert requests.post(f"{server.url}/infer/ct?image={uid}", timeout=60).status_code in (400, 422), uid
    finally:
        peer.stop()


class Wrong(http.server.BaseHTTPRequestHandler):
    """Answers by the last digit of the series that is asked for."""
    answers = {"1": (200, "application/dicom+json", b"[]"), "2": (200, "application/dicom+json", b"{"), "3": (500, "text/plain", b"no"),
               "4": (200, "application/dicom+json", b'[{"0020000D": {"Value": ["../../x"]}}]'),
               "5": (200, "application/dicom+json", b"[" + b" " * (2 << 20) + b"]"), "6": (204, "text/plain", b"")}

    def do_GET(self):
        assert self.headers["Authorization"] == TOKEN, self.headers
        study = b'[{"0020000D": {"Value": ["1.2"]}}]'
        code, kind, body = self.answers.get(self.path.split("&")[0][-1], (200, "application/dicom+json", study))
        if "/studies/" in self.path:
            code, kind, body = {"7": (200, "text/html", b"<p>"), "8": (200, "multipart/related; boundary=b", b"--b\r\n\r\nDICM\r\n--b--"),
                                "9": (200, "multipart/related; boundary=b", b"x" * (3 << 20))}[self.path[-1]]
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_wrong_answers():
    peer = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Wrong)
    threading.Thread(target=peer.serve_forever, daemon=True).start()
    with open("auth", "w", encoding="ascii") as file:
        file.write(f"{TOKEN}\n")
    with serving(ULITE, "-m", MODEL, "--dicomweb", f"http://127.0.0.1:{peer.server_port}/web", "--dicomweb-auth", "auth",
                 "--max-upload", "2M") as server:
        for digit, code in (("1", 3), ("2", 3), ("3", 3), ("4", 3), ("5", 8), ("6", 3), ("7", 3), ("8", 3), ("9", 8)):
            state = job(server, f"&series=1.2.{digit}")
            assert state["state"] == "failed" and state["exit_code"] == code, (digit, state)
        peer.shutdown()
        peer.server_close()
        state = job(server, "&series=1.2.8")
        assert state["exit_code"] == 3 and "cannot be read" in state["detail"], state


def main():
    series = [make("one", "60:108,60:108,80:86"), make("two", "60:108,60:108,100:104")]
    test_wrong_answers()
    if orthanc.has_dicomweb():
        test_orthanc(series)


main()
