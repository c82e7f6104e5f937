"""Who is refused by `ulite node`, while others are served: unknown AEs, a full node, objects that are too large, peers
that say nothing or something else, random bytes, a full disk.

usage: test_refusals.py ULITE FIXTURES [MALFORMED], how many malformed connections"""
import os
import random
import socket
import struct
import subprocess
import sys
import tempfile
import time

import skipping

skipping.need("storescp", "storescu", "echoscu")
import node  # noqa: E402
import studies  # noqa: E402

ULITE, FIXTURES = map(os.path.abspath, sys.argv[1:3])
MALFORMED = int(sys.argv[3]) if len(sys.argv) > 3 else 60
MODEL = f"{FIXTURES}/ct.safetensors"
SCRATCH = tempfile.TemporaryDirectory(prefix="ulite-test-")
os.chdir(SCRATCH.name)
PLACES = studies.make(2)
PACS = node.StoreScp("pacs", node.free_port(), "+B").start()


def make(name, **more):
    return node.Node(ULITE, name, MODEL, PACS.port, **more).start()


def echo(one, caller="SCANNER", called="ULITE"):
    return subprocess.run(["echoscu", "-aet", caller, "-aec", called, "-to", "10", "127.0.0.1", str(one.port)],
                          capture_output=True).returncode


def uid_item(kind, uid):
    text = uid.encode()
    return struct.pack(">BBH", kind, 0, len(text)) + text


def associate(caller=b"SCANNER", called=b"ULITE", abstract="1.2.840.10008.5.1.4.1.1.2"):
    """An A-ASSOCIATE-RQ for one kind of object in implicit little endian."""
    context = struct.pack(">BBBB", 1, 0, 0, 0) + uid_item(0x30, abstract) + uid_item(0x40, "1.2.840.10008.1.2")
    user = struct.pack(">BBHI", 0x51, 0, 4, 16384) + uid_item(0x52, "1.2.3.4")
    items = uid_item(0x10, "1.2.840.10008.3.1.1.1") + struct.pack(">BBH", 0x20, 0, len(context)) + context + \
        struct.pack(">BBH", 0x50, 0, len(user)) + user
    body = struct.pack(">HH16s16s32x", 1, 0, called.ljust(16), caller.ljust(16)) + items
    return struct.pack(">BBI", 1, 0, len(body)) + body


def store_command(uid="1.2.3"):
    """The PDU of a C-STORE-RQ."""
    def element(tag, value):
        return struct.pack("<HHI", 0, tag, len(value)) + value

    def text(value):
        return value.encode() + b"\0" * (len(value) % 2)

    rest = element(2, text("1.2.840.10008.5.1.4.1.1.2")) + element(0x100, b"\1\0") + element(0x110, b"\1\0") + \
        element(0x700, b"\0\0") + element(0x800, b"\1\0") + element(0x1000, text(uid))
    return data_pdu(element(0, struct.pack("<I", len(rest))) + rest, 3)


def data_pdu(data, flags):
    return struct.pack(">BBIIBB", 4, 0, len(data) + 6, len(data) + 2, 1, flags) + data


def connect(one):
    connection = socket.create_connection(("127.0.0.1", one.port), timeout=30)
    return connection


def answer(connection):
    """The kind of the next PDU; 0: closed."""
    try:
        return (connection.recv(65536) or b"\0")[0]
    except ConnectionResetError:
        return 0


def test_titles():
    one = make("titles", accept=[{"ae_title": "SCANNER", "host": "127.0.0.1"}, {"ae_title": "ELSEWHERE", "host": "127.9.9.9"}])
    assert echo(one) == 0
    assert echo(one, caller="NOBODY") != 0
    assert echo(one, called="SOMEBODY") != 0
    assert echo(one, caller="ELSEWHERE") != 0
    one.send(PLACES["good0"], caller="NOBODY", code=None)
    assert one.in_spool("new") == [] and not one.events("done")
    node.until(lambda: len(one.events("refused")) == 4)
    texts = [event["text"] for event in one.events("refused")]
    assert sum("not accepted" in text for text in texts) == 3, texts
    one.stop()


def test_full():
    """A third association is told that the node is full; one that is idle is cut off."""
    one = make("full", limits={"associations": 2, "idle_seconds": 2})
    held = [connect(one) for _ in range(2)]
    for connection in held:
        connection.sendall(associate())
        assert answer(connection) == 2
    assert echo(one) != 0
    node.until(lambda: echo(one) == 0, 30)
    assert all(answer(connection) in (0, 7) for connection in held)  # aborted
    one.stop()


def test_stop():
    """An association that is open is aborted when the node stops."""
    one = make("stop", limits={"idle_seconds": 60})
    with connect(one) as connection:
        connection.sendall(associate())
        assert answer(connection) == 2
        one.stop()
        assert answer(connection) == 7
    assert "the node stops" in one.events("association")[0]["text"]


def test_slow():
    """Whoever sends a byte now and then, in a PDU or between two, is cut off, and holds up nobody."""
    one = make("slow", limits={"idle_seconds": 2})
    slow, half, dripping = connect(one), connect(one), connect(one)
    half.sendall(associate()[:40])
    dripping.sendall(associate())
    assert answer(dripping) == 2
    dripping.sendall(store_command())
    cut = {}
    start = time.monotonic()
    while len(cut) < 3:
        assert time.monotonic() - start < 30, cut
        one.send(PLACES["good0"])
        for name, connection, data in (("slow", slow, b"\1" if slow.fileno() >= 0 else b""),
                                       ("half", half, b"\0"), ("dripping", dripping, data_pdu(b"\0" * 2, 0))):
            try:
                if name not in cut:
                    connection.sendall(data)
            except (BrokenPipeError, ConnectionResetError):
                cut[name] = time.monotonic() - start
    one.wait_idle()
    assert one.in_spool("incoming") == []
    one.stop()


def test_large():
    one = make("large", limits={"object_mib": 0.004})
    assert one.send(PLACES["good0"], code=None).returncode != 0  # 4.6 kB each
    node.until(lambda: any("larger than allowed" in event.get("text", "") for event in one.events("association")))
    assert one.in_spool("new") == one.in_spool("incoming") == []
    one.stop()
    one = make("many", limits={"objects_per_association": 3})
    assert one.send(PLACES["good0"], code=None).returncode != 0
    one.stop()


def test_full_disk():
    one = make("disk", limits={"free_mib": 1e9})
    assert one.send(PLACES["good0"], code=None).returncode != 0
    node.until(lambda: one.metrics()["refused_objects"] >= 1)
    assert one.in_spool("new") == []
    one.stop()


def test_senseless():
    """A data set without UIDs, and one that is another than was announced, are refused, and no more."""
    one = make("senseless")
    for data in (b"", b"\x08\x00\x18\x00\x04\x00\x00\x001.2\0", os.urandom(500)):
        with connect(one) as connection:
            connection.sendall(associate())
            assert answer(connection) == 2
            connection.sendall(store_command() + data_pdu(data, 2))
            assert answer(connection) == 4  # a response
    node.until(lambda: one.metrics()["refused_objects"] == 3)
    assert one.in_spool("new") == [] and one.metrics()["received_objects"] == 0
    one.stop()


def test_malformed():
    """Damaged PDUs, by the hundred: the node serves on, and holds nothing of them."""
    dice = random.Random(11)
    one = make("malformed", limits={"idle_seconds": 2, "associations": 64, "associations_per_host": 64})
    whole = associate(), store_command(), data_pdu(os.urandom(300), 2)
    for n in range(MALFORMED):
        data = bytearray(whole[0] + (whole[1] + whole[2] if n % 3 else b""))
        for _ in range(dice.randrange(1, 8)):
            kind, at = dice.randrange(4), dice.randrange(len(data))
            if kind == 0:
                data[at] = dice.randrange(256)
            elif kind == 1:
                del data[at:at + dice.randrange(1, 40)]
            elif kind == 2:
                data[at:at] = dice.randbytes(dice.randrange(1, 40))
            else:
                data[at:at + 4] = dice.choice([b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"])
            data = data or bytearray(b"\0")
        try:
            with connect(one) as connection:
                connection.sendall(data)
                if n % 2:
                    connection.shutdown(socket.SHUT_WR)
                    connection.recv(100)
        except OSError:
            pass
    node.until(lambda: echo(one) == 0, 30)
    one.send(PLACES["good1"])
    one.wait_idle()
    node.until(lambda: one.in_spool("incoming") == [])
    bad = [event for event in one.events("association") if event.get("signal", 14) != 14]
    assert not bad, bad
    one.stop()


for test in [value for name, value in list(globals().items()) if name.startswith("test_")]:
    begin = time.monotonic()
    test()
    print(test.__name__, f"{time.monotonic() - begin:.1f} s", flush=True)
PACS.stop()
