"""`ulite node` sends by STOW-RS: to Orthanc's DICOMweb, and to a server that wants a token, is busy, refuses, or shows a
certificate that nobody trusts.

usage: test_stow.py ULITE FIXTURES"""
import http.server
import io
import os
import ssl
import subprocess
import sys
import tempfile
import threading

import skipping

skipping.need("storescu", "storescp", "openssl")
import node  # noqa: E402
import orthanc  # noqa: E402
import studies  # noqa: E402

import pydicom  # noqa: E402

ULITE, FIXTURES = map(os.path.abspath, sys.argv[1:3])
MODEL = f"{FIXTURES}/ct.safetensors"
SCRATCH = tempfile.TemporaryDirectory(prefix="ulite-test-")
os.chdir(SCRATCH.name)
PLACES = studies.make(2)
EXPECTED = [studies.expected(ULITE, MODEL, PLACES["good0"])]


class Server:
    """Takes what is sent with the right token, by HTTPS or plain; statuses: what it answers first."""

    def __init__(self, statuses=(), certificate=None):
        self.taken, self.seen = [], []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                code = statuses[len(outer.seen)] if len(outer.seen) < len(statuses) else 200
                kind = self.headers["Content-Type"]
                assert kind.startswith('multipart/related; type="application/dicom"; boundary='), kind
                boundary = kind.rsplit("=", 1)[1].encode()
                head, data = body.split(b"\r\n\r\n", 1)
                assert head == b"--" + boundary + b"\r\nContent-Type: application/dicom", head
                assert data.endswith(b"\r\n--" + boundary + b"--\r\n")
                if self.headers["Authorization"] != "Bearer secret":
                    code = 401
                outer.seen.append(code)
                if code == 200:
                    d = pydicom.dcmread(io.BytesIO(data[:-len(boundary) - 8]))
                    outer.taken.append((d.SOPInstanceUID, d.to_json()))
                self.send_response(code)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(f"{certificate}.pem", f"{certificate}.key")
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"http{'s' if certificate else ''}://localhost:{self.server.server_port}/studies"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def make(name, url, **more):
    with open("token", "w") as stream:
        stream.write("Bearer secret\n")
    peer = {"name": "pacs", "stow": url, "authorization": "../token", **more.pop("peer", {})}
    return node.Node(ULITE, name, MODEL, 1, peers=[peer], **more).start()


def certificate(name):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:3072", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", f"{name}.key", "-out", f"{name}.pem"],
                   check=True, capture_output=True)


def test_busy():
    """What the server cannot take now is sent again, what it refuses as well, five times."""
    server = Server([503, 500, 400])
    one = make("busy", server.url)
    one.send(PLACES["good0"])
    one.wait_idle()
    assert server.seen == [503, 500, 400, 200] and server.taken == EXPECTED, server.seen
    assert len(one.events("unreachable")) == 2 and len(one.events("not_sent")) == 1
    with open(one.log) as log:
        assert "secret" not in log.read()
    one.stop()


def test_unauthorised():
    server = Server()
    one = make("unauthorised", server.url, peer={"authorization": "../wrong"})
    node.until(lambda: one.in_spool("new") == [])
    with open("wrong", "w") as stream:
        stream.write("Bearer wrong")
    one.send(PLACES["good0"])
    node.until(lambda: one.events("not_sent"))
    assert not server.taken and "401" in one.events("not_sent")[0]["text"]
    os.replace("token", "wrong")  # renewed while it runs
    one.wait_idle()
    assert server.taken == EXPECTED
    one.stop()


def test_https():
    for name in ("node", "server", "stranger"):
        certificate(name)
    secure = {"key": "../node.key", "certificate": "../node.pem", "trusted": "../server.pem"}
    server, stranger = Server(certificate="server"), Server(certificate="stranger")
    for url, good in ((stranger.url, False), (server.url, True)):
        one = make("https" if good else "strange", url, peer={"tls": True}, tls=secure)
        one.send(PLACES["good0"], options=["+tls", "server.key", "server.pem", "+cf", "node.pem"])
        if good:
            one.wait_idle()
        else:
            node.until(lambda: one.events("unreachable"))
        one.stop()
    assert server.taken == EXPECTED and not stranger.seen


def test_orthanc():
    if not orthanc.has_dicomweb():
        return
    pacs = orthanc.Orthanc(1, dicomweb=True)
    pacs.start()
    one = make("orthanc", f"http://127.0.0.1:{pacs.http}/dicom-web/studies")
    one.send(PLACES["good0"])
    one.wait_idle()
    found, count = pacs.segmentations()
    assert count == 1 and [studies.content(path) for path in found.values()] == EXPECTED
    one.stop()
    pacs.stop()


for test in [value for name, value in list(globals().items()) if name.startswith("test_")]:
    test()
    print(test.__name__, flush=True)
