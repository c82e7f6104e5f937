"""`ulite node` between DCMTK's storescu and storescp: results equal to single runs, each once, whatever comes twice, in
parts or compressed, whoever is away, and whenever the node is killed; no patient in its log.

usage: test_node.py ULITE FIXTURES [GOOD KILLS], how many studies and kills"""
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import skipping

skipping.need("storescp", "storescu", "echoscu")
import node  # noqa: E402
import studies  # noqa: E402

ULITE, FIXTURES = map(os.path.abspath, sys.argv[1:3])
GOOD, KILLS = [int(number) for number in sys.argv[3:5]] or [5, 3]
MODEL = f"{FIXTURES}/ct.safetensors"
SCRATCH = tempfile.TemporaryDirectory(prefix="ulite-test-")
os.chdir(SCRATCH.name)
PLACES = studies.make(GOOD)
studies.compress(PLACES["good1"])
EXPECTED = {name: studies.expected(ULITE, MODEL, place) for name, place in PLACES.items() if name.startswith("good")}


def send(one, name, code=0):
    return one.send(PLACES[name], code=code, options=["-xt"] if name == "good1" else [])


def check_results(pacs, one):
    """Every result is there once, and is that of a single run."""
    found = dict(map(studies.content, pacs.files()))
    assert len(pacs.files()) == len(found) == GOOD, (pacs.files(), one.events()[-10:])
    assert found == dict(EXPECTED.values())
    assert one.in_spool("incoming") == one.in_spool("making") == []


def check_log(one):
    with open(one.log) as log, open(f"{one.folder}/stderr") as errors:
        text = log.read() + errors.read()
    for place in PLACES.values():
        for secret in studies.uids(place):
            assert secret not in text, secret


def test_whole():
    pacs = node.StoreScp("pacs", node.free_port(), "+B").start()
    one = node.Node(ULITE, "whole", MODEL, pacs.port).start()
    subprocess.run(["echoscu", "-aet", "SCANNER", "-aec", "ULITE", "127.0.0.1", str(one.port)], check=True)
    for name, place in PLACES.items():
        if name == "good2":  # in three associations, of which two are open at once
            files = [f"{place}/{series}/{file}" for series in "ab" for file in sorted(os.listdir(f"{place}/{series}"))]
            senders = [threading.Thread(target=one.send, args=files[n::3]) for n in range(3)]
            for sender in senders:
                sender.start()
            for sender in senders:
                sender.join()
        else:
            send(one, name)
    send(one, "good0")
    one.wait_idle()
    send(one, "good0")  # and once more when it is done
    one.wait_idle()
    check_results(pacs, one)
    metrics = one.metrics()
    assert metrics["done"] == metrics["sent"] == GOOD and metrics["failed"] == metrics["passed_over"] == 1, metrics
    assert metrics["received_objects"] == 4 * (GOOD + 3) + 2 and metrics["known"] >= 1, metrics
    assert [event["exit_code"] for event in one.events("failed")] == [3], one.events("failed")
    assert [event["exit_code"] for event in one.events("passed_over")] == [4]
    one.stop()
    check_log(one)
    pacs.stop()


def test_peer_away():
    """What cannot be sent waits, over a new start as well."""
    pacs = node.StoreScp("away", node.free_port(), "+B")
    one = node.Node(ULITE, "patient", MODEL, pacs.port).start()
    for name in EXPECTED:
        send(one, name)
    node.until(lambda: one.events("unreachable") and len(one.events("done")) == GOOD)
    assert len(one.in_spool("outbox")) == GOOD
    one.stop()
    one.start()
    pacs.start()
    one.wait_idle()
    check_results(pacs, one)
    one.stop()
    pacs.stop()


def test_peer_refuses():
    """A result that a peer refuses is set aside, and is tried again after a new start."""
    port = node.free_port()
    refusing = node.StoreScp("refusing", port, "+B", "-xf", refusing_profile(), "Default").start()
    one = node.Node(ULITE, "refused", MODEL, port).start()
    send(one, "good0")
    node.until(lambda: any("set_aside" in event for event in one.events("not_sent")), 90)
    assert len(one.events("not_sent")) == 5 and len(one.in_spool("outbox")) == 1
    one.stop()
    refusing.stop()
    pacs = node.StoreScp("accepting", port, "+B").start()
    one.start()
    one.wait_idle()
    assert [studies.content(path) for path in pacs.files()] == [EXPECTED["good0"]]
    one.stop()
    pacs.stop()


def refusing_profile():
    """Of a storescp that takes CT images alone."""
    with open("profile.cfg", "w") as stream:
        stream.write("[[TransferSyntaxes]]\n[Plain]\nTransferSyntax1 = LittleEndianImplicit\n[[PresentationContexts]]\n"
                     "[Images]\nPresentationContext1 = CTImageStorage\\Plain\n[[Profiles]]\n[Default]\n"
                     "PresentationContexts = Images\n")
    return "profile.cfg"


def test_kills():
    """Killed at any moment and started again: every study that was acknowledged has its result, once."""
    dice = random.Random(7)
    pacs = node.StoreScp("killed-pacs", node.free_port(), "+B").start()
    one = node.Node(ULITE, "killed", MODEL, pacs.port, quiet_seconds=1.5).start()
    done = threading.Event()

    def send_all():
        for name in EXPECTED:
            while send(one, name, None).returncode != 0:
                time.sleep(0.05)  # until it is all acknowledged
        done.set()

    sender = threading.Thread(target=send_all)
    sender.start()
    for _ in range(KILLS):
        time.sleep(dice.random() * (3.0 if done.is_set() else 1.5))
        one.kill()
        time.sleep(dice.random() * 0.2)
        one.start()
    sender.join()
    one.wait_idle(60 + GOOD * 5)
    check_results(pacs, one)
    assert len(one.in_spool("results")) == GOOD
    one.stop()
    check_log(one)
    pacs.stop()


def test_crash():
    """A study of which every process dies is given up; the others are served."""
    pacs = node.StoreScp("crash-pacs", node.free_port(), "+B").start()
    one = node.Node(ULITE, "crash", MODEL, pacs.port, metrics_port=0).start()
    stop = threading.Event()

    def assassin():
        while not stop.is_set():
            works = one.in_spool("work")
            for child in open(f"/proc/{one.process.pid}/task/{one.process.pid}/children").read().split():
                if works and not one.events("crash")[2:]:
                    try:
                        os.kill(int(child), signal.SIGSEGV)
                    except ProcessLookupError:
                        pass

    killer = threading.Thread(target=assassin)
    killer.start()
    send(one, "good0", None)
    node.until(lambda: len(one.events("crash")) >= 3 or one.idle() and one.in_spool("done"), 60)
    stop.set()
    killer.join()
    send(one, "good3")
    one.wait_idle()
    if len(one.events("crash")) >= 3:  # the dice may have it that it was done before
        assert one.events("crash")[2]["given_up"]
        assert [studies.content(path) for path in pacs.files()] == [EXPECTED["good3"]]
    one.stop()
    pacs.stop()


def test_more_results():
    """A report and a picture go with the SEG, to the same study; the report is of that SEG."""
    pacs = node.StoreScp("capture-pacs", node.free_port(), "+B").start()
    one = node.Node(ULITE, "capture", MODEL, pacs.port,
                    models=[{"model": MODEL, "results": ["seg", "report", "capture"], "send": ["pacs"]}]).start()
    send(one, "good0")
    one.wait_idle()
    sent = {d.Modality: d for d in map(studies.pydicom.dcmread, pacs.files())}
    assert sorted(sent) == ["OT", "SEG", "SR"], sorted(sent)
    evidence = sent["SR"].CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    named = {item.ReferencedSOPInstanceUID for series in evidence for item in series.ReferencedSOPSequence}
    assert sent["SEG"].SOPInstanceUID in named and len(sent["SR"].ContentSequence) > 1
    assert studies.content(next(path for path in pacs.files() if "SG." in path)) == EXPECTED["good0"]
    assert sent["SR"].StudyInstanceUID == sent["OT"].StudyInstanceUID == sent["SEG"].StudyInstanceUID == studies.study_uid(PLACES["good0"])
    assert one.metrics()["sent"] == 1
    one.stop()
    pacs.stop()


def test_usage():
    def check(text, said, code=2):
        with open("wrong.json", "w") as stream:
            stream.write(text)
        told = subprocess.run([ULITE, "node", "wrong.json", "--check"], capture_output=True, text=True)
        assert told.returncode == code and said in told.stderr, (told.returncode, told.stderr)

    check("{", "wrong.json", 3)
    check('{"version": 1}', '"ae_title" is missing')
    check('{"version": 2}', '"version"')
    check('{"version": 1, "spam": 1}', '"spam" is no key')
    check('{"version": 1, "ae_title": "ABCDEFGHIJKLMNOPQ"}', "at most 16")
    check('{"version": 1, "peers": [{"name": "../x", "ae_title": "A", "host": "h", "port": 1}]}', '"name"')
    check('{"version": 1, "ae_title": "A", "port": 1, "spool": "s", "accept": [{"ae_title": "*"}], '
          '"models": [{"model": "brain", "send": ["nobody"]}]}', "nobody")
    check('{"version": 1, "ae_title": "A", "port": 1, "spool": "s", "accept": [{"ae_title": "*"}], '
          '"models": [{"model": "brain"}]}', '"send"')
    pacs = node.StoreScp("usage-pacs", node.free_port())
    one = node.Node(ULITE, "usage", MODEL, pacs.port)
    subprocess.run([ULITE, "node", one.config, "--check"], check=True, stderr=subprocess.DEVNULL)
    assert not os.path.exists("usage/spool")
    one.start()
    other = subprocess.run([ULITE, "node", one.config], capture_output=True, text=True)
    assert other.returncode == 7 and "another node" in other.stderr, other.stderr
    one.stop()
    with socket.create_server(("127.0.0.1", one.metrics_port)):
        one.start()
        node.until(lambda: one.events("no_metrics"))
    one.stop()


for test in [value for name, value in list(globals().items()) if name.startswith("test_")]:
    start = time.monotonic()
    test()
    print(test.__name__, f"{time.monotonic() - start:.1f} s", flush=True)
