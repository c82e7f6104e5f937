"""Debian's Orthanc with a data base of its own, here."""
import json
import os
import time
import urllib.error
import urllib.request

import node
import skipping

with skipping.needed_modules():
    import pydicom

ORTHANC = "/usr/sbin/Orthanc"
skipping.need(ORTHANC)


def has_dicomweb():
    return skipping.has("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


class Orthanc:
    def __init__(self, node_port, dicomweb=False):
        self.http, self.dicom, self.node_port, self.process = node.free_port(), node.free_port(), node_port, None
        self.plugins = ["/usr/share/orthanc/plugins/libOrthancDicomWeb.so"] if dicomweb else []
        self.configure()

    def configure(self):
        with open("orthanc.json", "w") as stream:
            json.dump({"Name": "test", "StorageDirectory": "db", "IndexDirectory": "db", "HttpPort": self.http,
                       "DicomPort": self.dicom, "DicomAet": "PACS", "RemoteAccessAllowed": False,
                       "AuthenticationEnabled": False, "UnknownSopClassAccepted": True, "Plugins": self.plugins,
                       "DicomModalities": {"ulite": ["ULITE", "127.0.0.1", self.node_port]}}, stream)

    def start(self):
        with open("orthanc.log", "a") as log:
            self.process = node.begin([ORTHANC, "orthanc.json"], stdout=log, stderr=log)
        node.until(lambda: self.get("/system", quiet=True), 60, "Orthanc does not start")

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def get(self, path, quiet=False):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=60) as answer:
                return json.load(answer)
        except (urllib.error.URLError, ConnectionError):
            if quiet:
                return None
            raise

    def file(self, instance):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/instances/{instance}/file", timeout=60) as answer:
            return answer.read()

    def post(self, path, data):
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", data=data)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)

    def upload(self, place):
        """Returns its id of the study."""
        for folder, _, names in os.walk(place):
            for name in sorted(names):
                with open(f"{folder}/{name}", "rb") as stream:
                    said = self.post("/instances", stream.read())
        return said["ParentStudy"]

    def send(self, *resources):
        """C-STORE to the node, until it has all."""
        while True:
            try:
                self.post("/modalities/ulite/store", json.dumps(resources).encode())
                return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.2)  # the node, or Orthanc, is away

    def segmentations(self):
        """{SOPInstanceUID: file}, and how many there are."""
        found, count = {}, 0
        for series in self.get("/series?expand"):
            if series["MainDicomTags"].get("Modality") == "SEG":
                for instance in series["Instances"]:
                    path = f"seg-{count}.dcm"
                    count += 1
                    with open(path, "wb") as stream:
                        stream.write(self.file(instance))
                    found[str(pydicom.dcmread(path).SOPInstanceUID)] = path
        return found, count
