"""`ulite node` by TLS in both directions, with certificates made here; without one, with another one, or in the plain
nobody is served.

usage: test_tls.py ULITE FIXTURES"""
import os
import subprocess
import sys
import tempfile

import skipping

skipping.need("storescp", "storescu", "echoscu", "openssl")
import node  # noqa: E402
import studies  # noqa: E402

ULITE, FIXTURES = map(os.path.abspath, sys.argv[1:3])
MODEL = f"{FIXTURES}/ct.safetensors"
SCRATCH = tempfile.TemporaryDirectory(prefix="ulite-test-")
os.chdir(SCRATCH.name)


def certificate(name):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:3072", "-nodes", "-days", "2", "-sha256", "-subj",
                    f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem"], check=True, capture_output=True)


def tls(name, trusted):
    """DCMTK's options."""
    return ["+tls", f"{name}.key", f"{name}.pem", "+cf", f"{trusted}.pem"]


def echo(one, *options):
    return subprocess.run(["echoscu", "-aet", "SCANNER", "-aec", "ULITE", "-to", "5", "-ta", "5", *options, "127.0.0.1",
                           str(one.port)], capture_output=True).returncode


for who in ("node", "peer", "stranger"):
    certificate(who)
places = studies.make(2)
pacs = node.StoreScp("pacs", node.free_port(), "+B", *tls("peer", "node")).start()
secure = {"tls": {"key": "../node.key", "certificate": "../node.pem", "trusted": "../peer.pem"}}
peers = [{"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": pacs.port, "tls": True}]
one = node.Node(ULITE, "secure", MODEL, pacs.port, peers=peers, limits={"idle_seconds": 3}, **secure).start()
assert echo(one, *tls("peer", "node")) == 0
assert echo(one) != 0  # plain
assert echo(one, *tls("stranger", "node")) != 0
assert echo(one, "+tla", "+cf", "node.pem") != 0  # no certificate
assert echo(one, *tls("peer", "stranger")) != 0  # it does not trust us
one.send(places["good0"], options=tls("peer", "node"))
one.send(places["good1"], options=tls("stranger", "node"), code=None)
one.wait_idle()
assert [studies.content(path) for path in pacs.files()] == [studies.expected(ULITE, MODEL, places["good0"])]
one.stop()
pacs.stop()

# A peer with another certificate is sent nothing.
pacs = node.StoreScp("strange", pacs.port, "+B", *tls("stranger", "node")).start()
one.start()
one.send(places["good1"], options=tls("peer", "node"))
node.until(lambda: one.events("unreachable"))
assert pacs.files() == [] and len(one.in_spool("outbox")) == 1
one.stop()
pacs.stop()

for key, path, said in (("key", "../peer.key", "is not the key"), ("certificate", "absent.pem", "absent.pem"),
                        ("trusted", "../node.key", "trusted")):
    secure["tls"][key] = path
    wrong = node.Node(ULITE, "wrong", MODEL, pacs.port, tls=dict(secure["tls"]))
    told = subprocess.run([ULITE, "node", wrong.config, "--check"], capture_output=True, text=True)
    assert told.returncode == 3 and said in told.stderr, told.stderr
    secure["tls"] = {"key": "../node.key", "certificate": "../node.pem", "trusted": "../peer.pem"}
