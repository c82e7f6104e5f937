"""Starts `ulite serve` for a test, and asks it."""
import cgi
import contextlib
import http.client
import json
import os
import signal
import subprocess
import urllib.parse

BOUNDARY = "----------lImIt_of_THE_fIle_eW_$"


class Server:
    """A running server. url ends without a slash."""

    def __init__(self, process, url):
        self.process, self.url = process, url
        parsed = urllib.parse.urlparse(url)
        self.host, self.port = parsed.hostname, parsed.port

    def connect(self, timeout=120):
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def ask(self, method, path, body=None, headers=None):
        """Status, headers and body of one request."""
        connection = self.connect()
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            reply = connection.getresponse()
            return reply.status, reply.msg, reply.read()

    def ask_json(self, method, path, body=None, headers=None, status=200):
        got, _, text = self.ask(method, path, body, headers)
        assert got == status, f"{method} {path}: {got}, not {status}: {text[:300]}"
        return json.loads(text)

    def resident_kib(self):
        """Memory of the server's own process."""
        with open(f"/proc/{self.process.pid}/status") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def children(process):
    with open(f"/proc/{process}/task/{process}/children") as file:
        return [int(number) for number in file.read().split()]


@contextlib.contextmanager
def serving(ulite, *arguments, environment=None, scheme="http"):
    """A server on a free port; it must end well, and leave nothing behind."""
    os.makedirs("tmp", exist_ok=True)
    process = subprocess.Popen([ulite, "serve", "--port", "0", "--json", "-q", *map(str, arguments)],
                               stdout=subprocess.PIPE, text=True,
                               env={**os.environ, "TMPDIR": os.path.abspath("tmp"), **(environment or {})})
    try:
        event = json.loads(process.stdout.readline())
        assert event["event"] == "listening" and event["url"].startswith(scheme + "://"), event
        yield Server(process, event["url"].rstrip("/"))
        assert process.poll() is None, f"the server ended by itself: {process.returncode}"
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(60)
        process.stdout.close()
    assert code == 0, code
    assert os.listdir("tmp") == [], os.listdir("tmp")


def form(fields, files):
    """Content type and body of a form, as 3D Slicer's extension encodes it. files: name to path."""
    lines = []
    for name, value in fields.items():
        lines += [f"--{BOUNDARY}", f'Content-Disposition: form-data; name="{name}"', "", value]
    for name, path in files.items():
        with open(path, "rb") as file:
            lines += [f"--{BOUNDARY}", f'Content-Disposition: form-data; name="{name}"; filename="{path}"',
                      "Content-Type: application/octet-stream", "", file.read()]
    lines += [f"--{BOUNDARY}--", ""]
    body = b"".join((line if isinstance(line, bytes) else line.encode()) + b"\r\n" for line in lines)
    return f"multipart/form-data; boundary={BOUNDARY}", body


def ask_form(server, method, path, fields, files):
    """What the extension makes of the reply to a form: status, fields, files by their names."""
    content_type, body = form(fields, files)
    connection = server.connect()
    with contextlib.closing(connection):
        connection.request(method, path, body, {"content-type": content_type, "content-length": str(len(body))})
        reply = connection.getresponse()
        if "multipart" not in reply.getheader("content-type", "") or reply.status != 200:
            return reply.status, reply.read(), None
        parsed = cgi.FieldStorage(fp=reply.fp, environ={"REQUEST_METHOD": "POST"}, headers=reply.msg, keep_blank_values=True)
        return (reply.status, {part.name: part.value for part in parsed.list if not part.filename},
                {part.filename: part.value for part in parsed.list if part.filename})
