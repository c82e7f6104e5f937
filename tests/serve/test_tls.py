"""TLS and the rules for addresses that other machines reach.

usage: test_tls.py ULITE MAKE_SERIES FIXTURES"""
import os
import socket
import ssl
import subprocess
import sys
import tempfile

from server import serving
from skipping import need, needed_modules

with needed_modules():
    import requests

ULITE, MAKE_SERIES, FIXTURES = sys.argv[1:4]
MODEL = f"{FIXTURES}/ct.safetensors"
SCRATCH = tempfile.TemporaryDirectory(prefix="ulite-test-")


def make_certificate():
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"],
                   check=True, stderr=subprocess.DEVNULL)
    with open("token", "w", encoding="ascii") as file:
        file.write("0123456789abcdef\n")
    with open("short", "w", encoding="ascii") as file:
        file.write("0123\n")


def refused(code, *arguments):
    done = subprocess.run([ULITE, "serve", "-m", MODEL, "--port", "0", *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == code and done.stderr.startswith("ulite serve: "), (arguments, done.returncode, done.stderr)
    assert os.listdir("tmp") == []


def main():
    need("openssl")
    os.chdir(SCRATCH.name)
    os.mkdir("tmp")
    os.environ["TMPDIR"] = os.path.abspath("tmp")
    make_certificate()
    tls = ("--certificate", "cert.pem", "--key", "key.pem")
    for code, arguments in ((2, ["--address", "0.0.0.0"]), (2, ["--address", "::", "--token-file", "token"]), (2, ["--address", "0.0.0.0", *tls]),
                            (2, ["--certificate", "cert.pem"]), (2, ["--address", "localhost"]), (2, ["--max-upload", "much"]), (2, ["x"]),
                            (3, ["--token-file", "short"]), (3, ["--token-file", "absent"]), (3, ["--certificate", "absent", "--key", "key.pem"]),
                            (3, ["--certificate", "token", "--key", "token"]), (3, ["--images", "absent"]), (7, ["--store", "cert.pem"]),
                            (2, ["-m", MODEL])):
        refused(code, *arguments)
    header = {"Authorization": "Bearer 0123456789abcdef"}
    with serving(ULITE, "-m", MODEL, "--address", "0.0.0.0", "--token-file", "token", *tls, scheme="https") as server:
        url = f"https://127.0.0.1:{server.port}"
        assert requests.get(f"{url}/info/", verify="cert.pem", headers=header, timeout=60).json()["models"]
        assert requests.get(f"{url}/info/", verify="cert.pem", timeout=60).status_code == 401
        try:
            requests.get(f"http://127.0.0.1:{server.port}/info/", timeout=60)
            raise AssertionError("answered without TLS")
        except requests.exceptions.ConnectionError:
            pass
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.load_verify_locations("cert.pem")
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        try:
            with socket.create_connection(("127.0.0.1", server.port), timeout=60) as plain, \
                    old.wrap_socket(plain, server_hostname="localhost"):
                raise AssertionError("TLS 1.1 was accepted")
        except (ssl.SSLError, ConnectionError):
            pass
    with serving(ULITE, "-m", MODEL, "--address", "0.0.0.0", "--insecure") as server:
        assert server.ask("GET", "/info/", headers={"Host": "127.0.0.1"})[0] == 200


main()
